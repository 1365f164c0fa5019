"""Simulation: recorded calls replayed, answered anew by simulated teams, and counties to try.

Everything here acts by commands, as people do. What ``engine`` decides of them in memory is written
as it was decided (``CountyRunner.take_over``); nothing else reaches into the log.
"""
