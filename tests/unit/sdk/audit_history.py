"""A market's history in the making, for tests of the audit: events numbered and hashed as the program does it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from solders.pubkey import Pubkey

from evertide import Fill, LandedEvent, MarketTerms, OrderKind, Skip, SkipReason, TimeInForce, constants, orders_address
from evertide._generated.types import CancelledOrder, PlacedOrder
from evertide.audit import MatchingAudit, audit_matching
from evertide.audit._matching import rolled_hash
from evertide.events import MarketListed, OracleUpdated, OrdersCancelled, OrdersMatched, OrdersPlaced

MARKET = 3
ALICE, BOB, CAROL, TAKER, KEEPER, OTHER_KEEPER, OWNER = (Pubkey(bytes([n]) * 32) for n in range(1, 8))
ATOMS_PER_LOT_TICK = 100
# An index of 1,000 ticks.
INDEX_Q32 = 1_000 * ATOMS_PER_LOT_TICK << 32
TAKER_ORDER = 77


def blank(cls: type[Any], **given: Any) -> Any:
    """An event or part of one, zero but for what is given."""
    values: dict[str, Any] = {}
    for name, kind in cls.WIRE:
        if name in given:
            values[name] = given[name]
        elif kind == "pubkey":
            values[name] = Pubkey.default()
        elif kind == "bool":
            values[name] = False
        elif isinstance(kind, tuple) and kind[0] == "bytes":
            values[name] = bytes(kind[1])
        elif isinstance(kind, tuple):
            values[name] = (0,) * kind[2] if kind[0] == "array" else ()
        elif isinstance(kind, type):
            values[name] = blank(kind)
        else:
            values[name] = 0
    return cls(**values)


def placed(order_id: int, price: int, lots: int, *, ask: bool = True, slot: int = 10, **more: Any) -> PlacedOrder:
    flags = (constants.ORDER_FLAG_ASK if ask else 0) | more.pop("flags", constants.ORDER_FLAG_COUNTED)
    given: dict[str, Any] = {
        "order_id": order_id,
        "price_ticks": price,
        "size_lots": lots,
        "placed_slot": slot,
        "placed_ms": slot * 400,
        "market_index": MARKET,
        "kind": int(OrderKind.LIMIT),
        "time_in_force": int(TimeInForce.POST_ONLY),
        "flags": flags,
    }
    order: PlacedOrder = blank(PlacedOrder, **(given | more))
    return order


class History:
    """A market's history in the making, with sequence numbers and the rolling hash as the program keeps them."""

    def __init__(self, oracle: dict[str, Any] | None = None) -> None:
        #: Rules of the oracle as listed; by default no age is too old and nothing is refused.
        self.oracle = {"stale_fill_ms": 1 << 31, "stale_margin_ms": 1 << 31} | (oracle or {})
        self.events: list[LandedEvent] = []
        self.user_sequences: dict[Pubkey, int] = {}
        self.market_sequence = 0
        self.hash = 0
        self.slot = 1
        self.left: dict[tuple[Pubkey, int], int] = {}
        self.price()

    def add(self, event: Any, *, payer: Pubkey = KEEPER) -> Any:
        name = type(event).__name__
        self.events.append(LandedEvent(event, name, f"sig-{len(self.events)}", self.slot, 0, str(payer)))
        return event

    def user(self, user: Pubkey) -> int:
        number = self.user_sequences.get(user, 0)
        self.user_sequences[user] = number + 1
        return number

    def market(self) -> int:
        self.market_sequence += 1
        return self.market_sequence - 1

    def price(self, index_q32: int = INDEX_Q32, **more: int) -> None:
        known = {"sequence": self.market(), "market": True, "index": MARKET}
        self.add(blank(OracleUpdated, **known, price=index_q32, twap=index_q32, **more))

    def place(self, user: Pubkey, *orders: PlacedOrder, slot: int | None = None) -> None:
        self.slot = orders[0].placed_slot if slot is None else slot
        self.add(blank(OrdersPlaced, sequence=self.user(user), user=user, orders=orders, reclaimed=()))
        self.left |= {(user, order.order_id): order.size_lots for order in orders}

    def cancel(self, user: Pubkey, *ids: int) -> None:
        gone = tuple(blank(CancelledOrder, order_id=number, market_index=MARKET) for number in ids)
        self.add(blank(OrdersCancelled, sequence=self.user(user), user=user, orders=gone))

    def fills(self, makers: list[tuple[Pubkey, int, int, int]], **more: Any) -> tuple[Fill, ...]:
        made = []
        for user, order_id, price, lots in makers:
            self.left[user, order_id] -= lots
            self.hash = rolled_hash(self.hash, bytes(orders_address(user)), price, lots)
            known = {"maker": user, "order_id": order_id, "price_ticks": price, "size_lots": lots}
            rest = {"maker_remaining_lots": self.left[user, order_id], "maker_sequence": self.user(user)}
            made.append(blank(Fill, **known, **rest, **({"maker_position_lots_after": -lots} | more)))
        return tuple(made)

    def match(
        self,
        makers: list[tuple[Pubkey, int, int, int]],
        *,
        skips: tuple[Skip, ...] = (),
        keeper: Pubkey = KEEPER,
        ask: bool = False,
        remaining: int | None = None,
        slot: int = 20,
        **more: Any,
    ) -> OrdersMatched:
        self.slot = slot
        fills = self.fills(makers)
        left = self.left[TAKER, TAKER_ORDER] - sum(fill.size_lots for fill in fills)
        self.left[TAKER, TAKER_ORDER] = left if remaining is None else remaining
        event = blank(
            OrdersMatched,
            sequence=self.market(),
            market_index=MARKET,
            taker_ask=ask,
            taker=TAKER,
            taker_sequence=self.user(TAKER),
            taker_order_id=TAKER_ORDER,
            taker_remaining_lots=self.left[TAKER, TAKER_ORDER],
            taker_position_lots_after=5,
            keeper=keeper,
            slot=slot,
            time_ms=slot * 400,
            event_hash=self.hash,
            fills=fills,
            skips=skips,
            **more,
        )
        self.add(event, payer=keeper)
        return event

    def taker(self, lots: int = 100, *, slot: int = 15, **more: Any) -> None:
        limit = {"time_in_force": int(TimeInForce.GOOD_TILL_CANCELLED), "taker_phase_s": 12}
        self.place(TAKER, placed(TAKER_ORDER, 1_010, lots, **({"ask": False, "slot": slot} | limit | more)))

    def audit(self) -> MatchingAudit:
        return audit_matching([self.listed(), *self.events], MARKET)

    def listed(self) -> LandedEvent:
        terms = replace(blank(MarketTerms, symbol=b"T"), band_bps=400)
        terms = replace(terms, oracle=replace(terms.oracle, **self.oracle))
        event = blank(MarketListed, market_index=MARKET, atoms_per_lot_tick=ATOMS_PER_LOT_TICK, terms=terms)
        return LandedEvent(event, "MarketListed", "listing", 0, 0, "")


def three_asks(history: History) -> None:
    """Alice at 1,001, Bob at 1,000, Carol at 1,002, ten lots each."""
    history.place(ALICE, placed(1, 1_001, 10, slot=8))
    history.place(BOB, placed(1, 1_000, 10, slot=9))
    history.place(CAROL, placed(1, 1_002, 10, slot=10))


def named(maker: Pubkey, order_id: int, reason: SkipReason, *, removed: bool = False) -> Skip:
    skip: Skip = blank(Skip, maker=maker, order_id=order_id, reason=int(reason), removed=removed)
    return skip
