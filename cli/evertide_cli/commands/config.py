"""`evertide config`: show and set."""

from __future__ import annotations

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import show
from evertide_cli.settings import as_rows, write_value

app = group("Settings of this command line.")


@app.command("show")
def show_settings(context: typer.Context) -> None:
    """Every setting, its value and where it came from."""
    settings = settings_of(context)
    rows = as_rows(settings)
    if settings.as_json:
        show({"config_file": settings.config_path, "settings": rows}, as_json=True)
    else:
        show(rows, as_json=False, title=f"configuration file {settings.config_path}")


@app.command("set")
def set_value(context: typer.Context, key: str, value: str) -> None:
    """Write one setting to the configuration file."""
    settings = settings_of(context)
    stored = value if settings.dry_run else write_value(settings.config_path, key, value)
    show(
        {"key": key, "value": stored, "config_file": settings.config_path, "written": not settings.dry_run},
        as_json=settings.as_json,
    )
