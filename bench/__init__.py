"""Measurements of the engine, each beside the memory bandwidth of the same run and beside plain Python."""
