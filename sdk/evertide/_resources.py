"""Where the files are that are not Python: IDL, layouts, program, launcher. For a checkout and for a wheel.

A wheel carries them in `evertide/_data` (put there by `scripts/hatch_build.py`); a checkout has them in `idl/` and
`programs/bin/`. The wheel's own copy is looked at first.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent

#: Name in a wheel's data folder → path in a checkout.
_PLACES = {
    "evertide.json": "idl/evertide.json",
    "evertide.legacy.json": "idl/evertide.legacy.json",
    "layouts.json": "idl/layouts.json",
    "evertide.so": "programs/bin/evertide.so",
    "manifest.json": "programs/bin/manifest.json",
}


class ResourceMissingError(FileNotFoundError):
    """A file that belongs to the installation is not there; names every place that was looked at."""


def _find(name: str) -> Path:
    places = [_PACKAGE / "_data" / name]
    if (_CHECKOUT / "pyproject.toml").is_file():
        places.append(_CHECKOUT / _PLACES[name])
    for place in places:
        if place.is_file():
            return place
    raise ResourceMissingError(f"{name} is missing; looked at {', '.join(map(str, places))}")


def idl_path() -> Path:
    """The native IDL (Anchor spec 0.1.0)."""
    return _find("evertide.json")


def legacy_idl_path() -> Path:
    """The IDL in the format that anchorpy reads."""
    return _find("evertide.legacy.json")


def layouts_path() -> Path:
    """Sizes and offsets of every account, exported from Rust."""
    return _find("layouts.json")


def program_path() -> Path:
    """The built program, an SBPF v3 ELF."""
    return _find("evertide.so")


def manifest_path() -> Path:
    """What the built program was made from."""
    return _find("manifest.json")


def launcher_path() -> Path:
    """The script that serves the local validator on fixed ports."""
    return _PACKAGE / "_localnet" / "launcher.js"


def cache_directory() -> Path:
    """Where everything downloaded or running lives: EVERTIDE_CACHE, or `~/.cache/evertide`."""
    return Path(os.environ.get("EVERTIDE_CACHE") or Path.home() / ".cache" / "evertide").expanduser().resolve()
