"""A TWAP: a parent that sells in equal slices at its times, and ends with the last."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from evertide_cli.quickstart.traders import USDC

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "SOL-PERP"
PLAYER = "slicing-1"
NOTIONAL_ATOMS = 8_000 * USDC
SLICES = 4
INTERVAL_S = 30


async def play(stage: Stage) -> None:
    """Buy at once, sell by time."""
    from evertide import OrderKind

    lots = await stage.buy(PLAYER, SYMBOL, NOTIONAL_ATOMS)
    kind = {"kind": int(OrderKind.TWAP), "kind_args_plus_one": 1}
    parent = stage.order(SYMBOL, ask=True, lots=lots, reduce_only=True, **kind, **stage.at_market())
    schedule = dataclasses.replace(stage.at_index(0), trigger_source=0, slice_count=SLICES, slice_interval_s=INTERVAL_S)
    await stage.place(PLAYER, [parent], [schedule])
    start_ms = int((await stage.orders(PLAYER))[0]["placed_ms"])
    again = 0
    for number in range(SLICES):
        await stage.until(start_ms + number * INTERVAL_S * 1_000)
        await stage.quote(SYMBOL)
        await stage.wake()
        await stage.trade()
        again += await stage.wake()
    held, left = await stage.lots(PLAYER, SYMBOL), len(await stage.orders(PLAYER))
    sold = [-size for size, _ in await stage.fills(PLAYER, SYMBOL) if size < 0]
    stage.tell(f"TWAP: {lots} lots of {SYMBOL} sold in slices of {', '.join(map(str, sold))}, {INTERVAL_S} s apart")
    stage.promise("TWAP: slices", ("fills", len(sold)), ("slices", SLICES), "slices")
    stage.promise("TWAP: least slice", ("lots", min(sold, default=0)), ("equal slices", lots // SLICES), "lots")
    stage.promise("TWAP: twice in an interval", ("executed", again), ("once", 0), "slices")
    stage.promise("TWAP: position", ("lots held", held), ("all sold", 0), "lots")
    stage.promise("TWAP: its end", ("orders open", left), ("ends with its last slice", 0), "orders")
