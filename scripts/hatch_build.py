"""Build hook: a wheel carries the IDL and the built program under `evertide/_data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE_DATA = {
    "idl/evertide.json": "evertide/_data/evertide.json",
    "idl/evertide.legacy.json": "evertide/_data/evertide.legacy.json",
    "idl/layouts.json": "evertide/_data/layouts.json",
    "programs/bin/evertide.so": "evertide/_data/evertide.so",
    "programs/bin/manifest.json": "evertide/_data/manifest.json",
}


class PackageDataHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files that live outside the Python packages; missing ones fail the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        missing = [source for source in PACKAGE_DATA if not (Path(self.root) / source).is_file()]
        if missing:
            raise FileNotFoundError(f"cannot build a wheel without {', '.join(missing)}")
        build_data["force_include"].update(PACKAGE_DATA)
