"""The domain of mobile crisis dispatch: calls, incidents, teams, offers, assignments.

Decides what is allowed when. Must not know the database, HTTP, clocks or I/O.
"""
