"""Orders that belong together: brackets, one-cancels-other, ladders. Pure: they make `NewOrder`s to place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ._errors import UnitOutOfRange, UsageError
from ._generated import constants
from ._generated.accounts import Market
from ._generated.constants import OrderKind
from ._orders import NewOrder, Side
from ._units import Exact, lots_to_size, price_to_ticks, size_to_lots, ticks_to_price, to_decimal, unscale
from ._units import scale as exact_scale

ORDERS_AT_ONCE_MAX = constants.PLACED_MAX
# Digits behind the point of a ladder's skew.
_SKEW_DIGITS = 6


def opposite(side: Side) -> Side:
    """The other side of the book."""
    return "bid" if side == "ask" else "ask"


def bracket(
    entry: NewOrder,
    *,
    stop: Exact | None = None,
    stop_price: Exact | None = None,
    target: Exact | None = None,
    target_price: Exact | None = None,
    trail_bps: int = 0,
    group: int = 1,
) -> list[NewOrder]:
    """An entry with its exits: reduce-only, of the other side, which live as far as the entry has filled.

    `stop` and `target` are the prices at which they fire, as market orders, or as limit orders at `stop_price` and
    `target_price`; a target with a price alone is a resting limit order. `trail_bps` makes the stop trail. One exit's
    fill shrinks the others; an entry that dies unfilled takes them with it. The entry's builder earns on the exits too.
    Raises `UsageError` without an exit.
    """
    if entry.reduce_only:
        raise UsageError("the entry of a bracket opens a position: it cannot be reduce-only")
    exits: list[NewOrder] = []
    side = opposite(entry.side)
    base = NewOrder(
        market=entry.market,
        side=side,
        size=entry.size,
        reduce_only=True,
        group=group,
        trigger_source=entry.trigger_source,
        self_trade=entry.self_trade,
        builder_plus_one=entry.builder_plus_one,
        builder_fee_tenth_bps=entry.builder_fee_tenth_bps,
    )
    if trail_bps:
        exits.append(replace(base, kind=OrderKind.TRAILING_STOP, trail_bps=trail_bps, trigger=stop))
    elif stop is not None:
        kind = OrderKind.STOP_MARKET if stop_price is None else OrderKind.STOP_LIMIT
        exits.append(replace(base, kind=kind, trigger=stop, price=stop_price))
    if target is not None:
        kind = OrderKind.TAKE_PROFIT_MARKET if target_price is None else OrderKind.TAKE_PROFIT_LIMIT
        exits.append(replace(base, kind=kind, trigger=target, price=target_price))
    elif target_price is not None:
        exits.append(replace(base, price=target_price, taker_phase_s=0))
    if not exits:
        raise UsageError("a bracket needs a stop, a target or both")
    return [replace(entry, group=group), *exits]


def one_cancels_other(orders: Sequence[NewOrder], *, group: int = 1) -> list[NewOrder]:
    """Reduce-only orders of one side of which a fill of one shrinks the others, and a whole fill cancels them."""
    if len(orders) < 2:
        raise UnitOutOfRange("number of orders", len(orders), 2, above=False)
    if len({(order.market, order.side) for order in orders}) != 1:
        raise UsageError("orders of which one cancels the others are of one market and one side")
    if not all(order.reduce_only for order in orders):
        raise UsageError("orders of which one cancels the others are reduce-only: they close one position")
    return [replace(order, group=group) for order in orders]


def scale(order: NewOrder, market: Market, *, low: Exact, high: Exact, count: int, skew: Exact = 1) -> list[NewOrder]:
    """A ladder: `count` limit orders of `order`'s whole size with prices evenly from `low` to `high`.

    `skew` is the size of the last rung (at `high`) over that of the first: 1 for equal ones. Prices are rounded away
    from the market's other side, so a bid down and an ask up; sizes down to the lot, and what is left over goes to the
    rungs at the better end, a lot each. The sizes add up to the order's exactly. Raises `UnitError` for a rung
    of nothing, bounds out of order or more than eight rungs, the most of one placing.
    """
    if not 2 <= count <= ORDERS_AT_ONCE_MAX:
        bound = 2 if count < 2 else ORDERS_AT_ONCE_MAX
        raise UnitOutOfRange("count", count, bound, above=count > ORDERS_AT_ONCE_MAX)
    tick, lot = market.terms.tick_size_atoms, market.terms.lot_size_e9
    first, last = (
        price_to_ticks(value, tick_size_atoms=tick, name=name) for value, name in ((low, "low"), (high, "high"))
    )
    if first >= last:
        raise UnitOutOfRange("high", to_decimal(high, "high"), to_decimal(low, "low"), above=False)
    weights = rung_weights(count, skew)
    lots = size_to_lots(order.size, lot_size_e9=lot)
    whole = sum(weights)
    sizes = [lots * weight // whole for weight in weights]
    best_first = range(count - 1, -1, -1) if order.side == "bid" else range(count)
    for number, _ in zip(list(best_first) * count, range(lots - sum(sizes)), strict=False):
        sizes[number] += 1
    if min(sizes) == 0:
        raise UnitOutOfRange("size", order.size, lots_to_size(count, lot_size_e9=lot), above=False)
    rungs = []
    for number, size in enumerate(sizes):
        way = (last - first) * number
        up = -(-way // (count - 1)) if order.side == "ask" else way // (count - 1)
        price = ticks_to_price(first + up, tick_size_atoms=tick)
        rungs.append(replace(order, size=lots_to_size(size, lot_size_e9=lot), price=price, client_order_id=None))
    return rungs


def rung_weights(count: int, skew: Exact) -> list[int]:
    """Whole-number weights in proportion from 1 to `skew`, linear between. Raises `UnitOutOfRange` for a skew of 0."""
    last = exact_scale(skew, _SKEW_DIGITS, "skew")
    if last == 0:
        raise UnitOutOfRange("skew", to_decimal(skew, "skew"), unscale(1, _SKEW_DIGITS), above=False)
    return [(count - 1 - number) * 10**_SKEW_DIGITS + number * last for number in range(count)]
