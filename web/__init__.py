"""The faces of the service: API, live socket, pages, sign-in, command line."""
