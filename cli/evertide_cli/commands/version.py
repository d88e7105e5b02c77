"""`evertide version`: versions of everything that takes part."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import typer

from evertide_cli.app import settings_of
from evertide_cli.output import show

app = typer.Typer(rich_markup_mode=None, add_completion=False)

PACKAGES = ("evertide", "anchorpy", "solders", "solana", "numpy", "numba", "typer")


@app.command()
def version(context: typer.Context) -> None:
    """Versions of the package, its libraries and the built program."""
    from evertide import PROGRAM_ID
    from evertide._resources import ResourceMissingError, manifest_path

    rows = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            rows[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            rows[name] = "not installed"
    rows["program"] = str(PROGRAM_ID)
    try:
        manifest = json.loads(manifest_path().read_text())
        rows["program_sha256"] = str(manifest["program_sha256"])
    except (ResourceMissingError, KeyError, ValueError) as error:
        rows["program_sha256"] = f"unknown: {error}"
    show(rows, as_json=settings_of(context).as_json)
