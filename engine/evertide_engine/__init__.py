"""Numba kernels of Evertide on plain arrays."""

from ._kernel_cache import use_cache_of_these_sources

# Before any kernel is declared: numba asks for the folder at its decoration.
use_cache_of_these_sources()
