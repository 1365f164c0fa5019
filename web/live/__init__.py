"""The live socket: one view of one county each, and the same bytes to all of a view."""
