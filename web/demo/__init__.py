"""The simulated people of a demonstration: clients of the service like any other."""
