"""Places: points, distances, zones, travel time, GPS fixes and their plausibility.

Knows the earth and the counties on it; must not know incidents, teams' duties or the database.
"""
