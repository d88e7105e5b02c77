"""`evertide engine`: the compiled kernels that keepers run on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import progress, show

if TYPE_CHECKING:
    from evertide_keepers.warming import Warmed

app = group("The compiled kernels that keepers run on.")


@app.callback()
def engine() -> None:
    """The compiled kernels that keepers run on."""


@app.command("warm")
def warm(context: typer.Context) -> None:
    """Compile every kernel into the cache: minutes the first time, under a second after that.

    Keepers and scripts that start afterwards load what is compiled. A new version compiles into a folder of its own.
    """
    as_json = settings_of(context).as_json
    from evertide_keepers.warming import STEP_COUNT
    from evertide_keepers.warming import warm as warm_kernels

    steps: list[dict[str, Any]] = []
    began = last = time.monotonic()
    with progress("loading kernels", as_json=as_json, total=STEP_COUNT) as advance:

        def done(step: Warmed) -> None:
            nonlocal last
            now = time.monotonic()
            steps.append({"kernels_of": step.name, "compiled": step.compiled, "ms": round((now - last) * 1000)})
            last = now
            advance(step.name)

        compiled, folder = warm_kernels(lambda kernel: advance(f"compiling {kernel}", steps=0), done)
    took_ms = round((time.monotonic() - began) * 1000)
    if as_json:
        show({"compiled": compiled, "ms": took_ms, "cache": folder, "steps": steps}, as_json=True)
        return
    show(steps, as_json=False)
    show({"compiled": compiled, "ms": took_ms, "cache": str(folder)}, as_json=False)
