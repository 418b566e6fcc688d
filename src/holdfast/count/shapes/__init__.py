"""Architectures in closed form: every array by name and shape, with the work of one forward pass."""
