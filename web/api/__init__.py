"""The API: every operation at its path, what travels over the wire, and its description."""
