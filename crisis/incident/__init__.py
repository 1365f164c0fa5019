"""An incident: its facts, what can happen to it, and how it changes with each event."""
