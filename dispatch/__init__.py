"""Who goes: ranking, assignment, escalation, and the service that runs them on PostgreSQL.

Decides which team is asked and keeps the county's log. Must not know HTTP or HTML.
"""
