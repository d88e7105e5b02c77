"""Compiling the kernels ahead of time, for who starts keepers: the command line reaches the engine through here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evertide_engine.warming import STEPS, Warmed, cache_folder, nothing, warm_all

from .errors import KeeperError
from .runner import require_jit

STEP_COUNT = len(STEPS)


def warm(told: Callable[[str], None] = nothing, done: Callable[[Warmed], None] = nothing) -> tuple[int, Path]:
    """`(kernels compiled, folder of the cache)`: compile every kernel, or find it in the cache.

    `told` gets the name of each kernel that is being compiled, `done` each step. Raises `JitDisabled` where numba's
    compiler is switched off, `KeeperError` where the cache cannot be written.
    """
    require_jit()
    try:
        return warm_all(told, done), cache_folder()
    except OSError as error:
        raise KeeperError("kernel cache", f"{cache_folder()}: {error.strerror or error}", "room to write") from error


__all__ = ["STEP_COUNT", "Warmed", "warm"]
