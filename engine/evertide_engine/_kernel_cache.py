"""Where compiled kernels are kept between runs.

numba takes a kernel from its cache when that kernel's own file is unchanged, even when a kernel that it inlines, from
another file, is not. The arithmetic of an older version could run on. So the folder is named for all sources together.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numba

SOURCES = Path(__file__).parent


def sources_digest(sources: Path = SOURCES) -> str:
    """Twenty hexadecimal digits over the name and the bytes of every Python file below `sources`."""
    digest = hashlib.sha256()
    for path in sorted(sources.rglob("*.py")):
        digest.update(f"{path.relative_to(sources).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def use_cache_of_these_sources() -> None:
    """Point numba at the folder of these sources, unless `NUMBA_CACHE_DIR` names one."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        cache = Path(os.environ.get("EVERTIDE_CACHE") or Path.home() / ".cache" / "evertide").expanduser()
        numba.config.CACHE_DIR = str(cache / "kernels" / sources_digest())  # type: ignore[attr-defined]
