"""What every request passes and every answer needs: sign-in, sessions, bounds, heads, pages."""
