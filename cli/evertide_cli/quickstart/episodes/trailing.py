"""A trailing stop: its trigger follows the price up, never down, and fires when the price turns by its distance."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from evertide_cli.quickstart.traders import USDC

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "ETH-PERP"
PLAYER = "trailing-1"
NOTIONAL_ATOMS = 8_000 * USDC
TRAIL_BPS = 100
# The price's way from its start: up in two steps, a dip that is too small, and the turn.
PATH_BPS = (0, 80, 160, 120)
TURN_BPS = 30


async def play(stage: Stage) -> None:
    """Buy, trail up, survive a dip, sell after the turn."""
    from evertide import OrderKind

    start_micro = stage.prices[SYMBOL]
    lots = await stage.buy(PLAYER, SYMBOL, NOTIONAL_ATOMS)
    kind = {"kind": int(OrderKind.TRAILING_STOP), "kind_args_plus_one": 1}
    stop = stage.order(SYMBOL, ask=True, lots=lots, reduce_only=True, **kind, **stage.at_market())
    await stage.place(PLAYER, [stop], [stage.at_index(0, trail_bps=TRAIL_BPS)])
    triggers = []
    for bps in PATH_BPS:
        await stage.move(SYMBOL, stage.price(start_micro, bps))
        await stage.wake()
        triggers.append(int((await stage.orders(PLAYER))[0]["terms"][0]))
    rises = sum(after > before for before, after in pairwise(triggers))
    falls = sum(after < before for before, after in pairwise(triggers))
    await stage.move(SYMBOL, stage.price(start_micro, TURN_BPS))
    fired = await stage.wake()
    await stage.trade()
    held, left = await stage.lots(PLAYER, SYMBOL), len(await stage.orders(PLAYER))
    sold = [price for size, price in await stage.fills(PLAYER, SYMBOL) if size < 0]
    at = stage.usd(SYMBOL, sold[-1]) if sold else "no price"
    stage.tell(
        f"trailing stop: {lots} lots of {SYMBOL}; the trigger follows from {stage.usd(SYMBOL, triggers[0])} to "
        f"{stage.usd(SYMBOL, triggers[-1])}, stays there in a dip, fires 1 % below the top and sells at {at}"
    )
    stage.promise("trailing stop: follows", ("rises", rises), ("rises of the price", 2), "times")
    stage.promise("trailing stop: never back", ("falls", falls), ("in the order's favour only", 0), "times")
    stage.promise("trailing stop: the turn", ("fired", fired), ("1 % below the top", 1), "orders")
    stage.promise("trailing stop: position", ("lots held", held), ("sold", 0), "lots")
    stage.promise("trailing stop: done", ("orders open", left), ("none", 0), "orders")
    await stage.move(SYMBOL, start_micro)
