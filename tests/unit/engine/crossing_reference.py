"""Crossing by brute force in plain Python: every rule of matching written once, from the design's prose."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

MASK = (1 << 64) - 1
# Every price in ticks is below it.
TICKS_LIMIT = 1 << 40


def order_hash(slot: int, key: bytes, order_id: int) -> int:
    """The ranking hash, from its definition."""

    def mix(value: int) -> int:
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
        return value ^ (value >> 31)

    value = mix(0x9E3779B97F4A7C15 ^ slot)
    for at in range(0, 32, 8):
        value = mix(value ^ int.from_bytes(key[at : at + 8], "little"))
    return mix(value ^ order_id)


@dataclass
class Order:
    """One order with everything that its matching depends on."""

    row: int
    slot: int
    key: bytes
    owner: int
    order_id: int
    is_ask: bool
    kind: str
    """limit, market, pegged or iceberg; what an iceberg does not display is no part of it here."""
    time_in_force: str
    reduce_only: bool
    price: int
    lots: int
    placed_slot: int
    placed_ms: int
    phase_ms: int
    expiry_ms: int = 0
    start: int = 0
    dormant: bool = False
    slippage_bps: int = 0
    void: bool = False
    offset: int = 0

    @property
    def short_lived(self) -> bool:
        return self.kind == "market" or self.time_in_force in ("ioc", "fok")

    @property
    def hash(self) -> int:
        return order_hash(self.placed_slot, self.key, self.order_id)

    def rank(self, price: int) -> tuple[int, int, int]:
        return (price if self.is_ask else -price, self.placed_slot, self.hash)


@dataclass
class Market:
    """Index and band in ticks."""

    index: Fraction
    low: int
    high: int
    reduce_only: bool = False
    publish_ms: int = 0
    pegs_refused: bool = False


def pegged_price(order: Order, market: Market) -> int | None:
    """Index plus offset, a bid rounded down and an ask up, never beyond the limit; None where that is no price."""
    price = (ceil(market.index) if order.is_ask else floor(market.index)) + order.offset
    if not 0 < price < TICKS_LIMIT:
        return None
    return max(price, order.price) if order.is_ask else min(price, order.price)


def maker_price(order: Order, market: Market) -> int:
    """What an order asks as maker."""
    if order.kind != "pegged":
        return order.price
    price = pegged_price(order, market)
    assert price is not None, "orders without a price were left out"
    return price


def effective_limit(order: Order, market: Market, now_ms: int) -> int:
    """Own limit, or in the taker phase the line from its start to it, rounded toward the start."""
    age = now_ms - order.placed_ms
    if age >= order.phase_ms or order.time_in_force == "post_only":
        return order.price
    start = order.start
    if start == 0:
        start = (
            ceil(market.index * Fraction(9995, 10000)) if order.is_ask else floor(market.index * Fraction(10005, 10000))
        )
        if order.price >= start if order.is_ask else order.price <= start:
            return order.price
    line = Fraction(start) + (order.price - start) * Fraction(age, order.phase_ms)
    return floor(line) if order.price >= start else ceil(line)


def scan(
    orders: list[Order], positions: dict[int, int], market: Market, now_ms: int, slot: int
) -> list[tuple[Order, list[tuple[Order, int]]]]:
    """All matches of one market: takers by rank, bids first; each meets makers by rank."""
    alive = []
    for order in orders:
        late = order.short_lived and slot > order.placed_slot + 30
        dead = late or (order.expiry_ms and now_ms >= order.expiry_ms)
        priceless = order.kind == "pegged" and pegged_price(order, market) is None
        if not order.void and not dead and not order.dormant and not priceless:
            alive.append(order)
    left = {id(order): order.lots for order in alive}
    held = dict(positions)
    result = []
    takers = [order for order in alive if order.time_in_force != "post_only"]
    takers.sort(key=lambda order: (order.is_ask, order.rank(effective_limit(order, market, now_ms))))
    for taker in takers:
        result += take(taker, alive, left, held, market, now_ms)
    return result


def take(
    taker: Order, alive: list[Order], left: dict[int, int], held: dict[int, int], market: Market, now_ms: int
) -> list[tuple[Order, list[tuple[Order, int]]]]:
    """What one taker gets, in groups of eight makers; moves `left` and `held`."""
    limit = effective_limit(taker, market, now_ms)
    fresh = taker.short_lived or now_ms - taker.placed_ms < taker.phase_ms
    makers = [order for order in alive if order.is_ask != taker.is_ask and is_maker(order, now_ms)]
    fills: list[tuple[Order, int]] = []
    saved = dict(left), dict(held)
    for maker in sorted(makers, key=lambda order: order.rank(maker_price(order, market))):
        price = maker_price(maker, market)
        older = maker.placed_slot < taker.placed_slot
        if not fresh:
            older = (maker.placed_slot, maker.hash) < (taker.placed_slot, taker.hash)
        crosses = price >= limit if taker.is_ask else price <= limit
        worse = (market.index - price if taker.is_ask else price - market.index) * 10_000
        stale = maker.kind == "pegged" and (market.pegs_refused or market.publish_ms <= taker.placed_ms)
        slips = taker.slippage_bps and worse > market.index * taker.slippage_bps
        if (
            not older
            or not crosses
            or slips
            or stale
            or maker.owner == taker.owner
            or not market.low <= price <= market.high
        ):
            continue
        size = min(left[id(taker)], left[id(maker)])
        for order in (taker, maker):
            if order.reduce_only or market.reduce_only:
                room = held[order.row] if order.is_ask else -held[order.row]
                size = min(size, max(room, 0))
        if size == 0:
            continue
        if taker.time_in_force == "fok" and len(fills) == 8:
            break
        left[id(taker)] -= size
        left[id(maker)] -= size
        held[taker.row] += -size if taker.is_ask else size
        held[maker.row] += size if taker.is_ask else -size
        fills.append((maker, size))
    if taker.time_in_force == "fok" and left[id(taker)]:
        left.update(saved[0])
        held.update(saved[1])
        return []
    return [(taker, fills[at : at + 8]) for at in range(0, len(fills), 8)]


def is_maker(order: Order, now_ms: int) -> bool:
    """Post-only at once; a resting limit order after its taker phase; nothing short-lived, ever."""
    if order.time_in_force == "post_only":
        return True
    return order.time_in_force == "gtc" and not order.short_lived and now_ms - order.placed_ms >= order.phase_ms
