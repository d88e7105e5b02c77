"""An auction: an order in its taker phase gives way second by second; a maker answers it without a resting order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertide_cli.quickstart.traders import USDC

if TYPE_CHECKING:
    from .stage import Stage

SYMBOL = "BTC-PERP"
PLAYER = "signing-1"
PHASE_S = 12
# Of its phase the maker lets so much go by: the order has come down below the index by then.
WAITED_S = 5


async def play(stage: Stage) -> None:
    """Sell what the signed order bought: from above the index down to 0.5 % below it; the dealer pays the index."""
    from evertide import instructions

    from .stage import DEALER

    dealer = stage.cast[DEALER]
    lots = await stage.lots(PLAYER, SYMBOL)
    await stage.wait(1_000)
    order = stage.order(SYMBOL, ask=True, lots=lots, reduce_only=True, taker_phase_s=PHASE_S)
    await stage.place(PLAYER, [order])
    (placed,) = await stage.orders(PLAYER)
    await stage.until(int(placed["placed_ms"]) + WAITED_S * 1_000)
    price = stage.sight(SYMBOL).index_ticks()
    answer = instructions.fill_auction(
        signer=dealer.key.pubkey(),
        maker_user=dealer.user,
        market_index=stage.sight(SYMBOL).market_index,
        taker_user=stage.cast[PLAYER].user,
        taker_order_id=int(placed["order_id"]),
        price_ticks=price,
        size_max_lots=lots,
    )
    await stage.chain.send(dealer.key, answer)
    held = await stage.lots(PLAYER, SYMBOL)
    answers = [event for event in await stage.events(PLAYER, "OrdersMatched") if event.auction]
    fills = [(fill, event.taker_limit_ticks) for event in answers for fill in event.fills]
    per_tick = int((await stage.chain.client.markets())[stage.sight(SYMBOL).market_index].atoms_per_lot_tick)
    better = sum((fill.price_ticks - limit) * fill.size_lots * per_tick for fill, limit in fills)
    told = sum(fill.improvement_atoms for fill, _ in fills)
    stage.tell(
        f"auction: {lots} lots of {SYMBOL} on sale for {PHASE_S} s, down to {stage.usd(SYMBOL, fills[0][1])} when the "
        f"dealer pays {stage.usd(SYMBOL, price)}: ${told / USDC:,.2f} better than the seller's limit"
    )
    stage.promise("auction: answers", ("fills", len(fills)), ("one maker", 1), "fills")
    stage.promise("auction: price", ("ticks", fills[0][0].price_ticks), ("as offered", price), "ticks")
    stage.promise("auction: better than its limit", ("by its event", told), ("price - limit", better), "USDC atoms")
    stage.promise("auction: improvement", ("some", int(told > 0)), ("the seller's gain", 1), "yes/no")
    stage.promise("auction: position", ("lots held", held), ("all sold", 0), "lots")
