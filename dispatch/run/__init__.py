"""Running the core: counties and their writers, the clockwork, alerts, positions and settings.

Decides when things are asked and sent. What they mean is decided by the pure packages. Must not
know HTTP.
"""
