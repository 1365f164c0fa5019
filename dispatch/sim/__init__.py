"""Simulation: recorded calls replayed, answered anew by simulated teams, and counties to try.

Everything here acts by commands, as people do; nothing reaches past them into the log.
"""
