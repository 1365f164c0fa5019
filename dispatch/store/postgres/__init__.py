"""PostgreSQL itself, as a child of the service: its programs, its cluster, its life."""
