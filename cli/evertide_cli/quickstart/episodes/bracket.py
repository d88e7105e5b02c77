"""A bracket: an entry with a target and a stop behind it. One exit fires, the other goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertide_cli.quickstart.traders import USDC

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "BTC-PERP"
PLAYER = "bracketed-1"
NOTIONAL_ATOMS = 8_000 * USDC
TARGET_BPS = 100
# The price on its way there, and where it arrives.
NEAR_BPS, BEYOND_BPS = 60, 120


async def play(stage: Stage) -> None:
    """Enter at market, rise to the target: sold there, and the stop is gone."""
    from evertide import OrderKind

    await stage.quote(SYMBOL)
    sight = stage.sight(SYMBOL)
    lots = sight.lots_for(NOTIONAL_ATOMS)
    start_micro = stage.prices[SYMBOL]
    target, stop = (stage.ticks(SYMBOL, bps) for bps in (TARGET_BPS, -TARGET_BPS))
    exits = {"ask": True, "lots": lots, "reduce_only": True, "group": 1}
    orders = [
        stage.order(SYMBOL, ask=False, lots=lots, group=1),
        stage.order(SYMBOL, kind=int(OrderKind.TAKE_PROFIT_LIMIT), kind_args_plus_one=1, **exits),
        stage.order(SYMBOL, kind=int(OrderKind.STOP_MARKET), kind_args_plus_one=2, **exits, **stage.at_market()),
    ]
    await stage.place(PLAYER, orders, [stage.at_index(target), stage.at_index(stop)])
    await stage.trade()
    entered = await stage.lots(PLAYER, SYMBOL)
    waiting = len(await stage.orders(PLAYER))
    await stage.move(SYMBOL, stage.price(start_micro, NEAR_BPS))
    early = await stage.wake()
    await stage.move(SYMBOL, stage.price(start_micro, BEYOND_BPS))
    fired = await stage.wake()
    await stage.trade()
    held, left = await stage.lots(PLAYER, SYMBOL), len(await stage.orders(PLAYER))
    sold = [(size, price) for size, price in await stage.fills(PLAYER, SYMBOL) if size < 0]
    at = stage.usd(SYMBOL, sold[-1][1]) if sold else "no price"
    stage.tell(
        f"bracket: {entered} lots of {SYMBOL} bought with target and stop 1 % away; the target fires and sells "
        f"{-sum(size for size, _ in sold)} at {at}, and the stop is gone with it"
    )
    stage.promise("bracket: entry", ("lots held", entered), ("lots ordered", lots), "lots")
    stage.promise("bracket: exits behind it", ("orders open", waiting), ("target and stop", 2), "orders")
    stage.promise("bracket: before its target", ("fired", early), ("not reached", 0), "orders")
    stage.promise("bracket: at its target", ("fired", fired), ("reached", 1), "orders")
    stage.promise("bracket: position", ("lots held", held), ("sold at the target", 0), "lots")
    stage.promise("bracket: the other exit", ("orders open", left), ("one cancels the other", 0), "orders")
    await stage.move(SYMBOL, start_micro)
