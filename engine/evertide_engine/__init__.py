"""Numba kernels of Evertide on plain arrays."""
