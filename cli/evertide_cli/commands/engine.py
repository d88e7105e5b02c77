"""`evertide engine`: the compiled kernels that keepers run on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.output import progress, show
from evertide_cli.session import Session, run

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


@app.command("stress")
def stress(
    context: typer.Context,
    shocks: list[str] = typer.Option(
        ["-50", "-30", "-20", "-10", "-5", "5", "10", "20", "30", "50"],
        "--shock",
        help="Move of the prices in percent, up to two decimals; can be given several times.",
    ),
    markets: list[str] = typer.Option([], "--market", help="Market that moves; can be given several times. Else all."),
    assets: bool = typer.Option(False, "--assets", help="Collateral other than the quote moves along."),
) -> None:
    """What price shocks would do to every account: how many are below, what they lack, what insurance would need."""

    async def body(session: Session) -> None:
        from evertide_cli.stress_view import show_stress

        await show_stress(session, shocks, markets, assets=assets)

    run(context, body)
