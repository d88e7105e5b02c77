"""The orders of one market as its events tell them: who rests, since when, with how much left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from solders.pubkey import Pubkey

from evertide._generated import constants
from evertide._generated.constants import ChangeStatus, Gate, MarketStatus, OrderKind, TimeInForce
from evertide._generated.parameters import PARAMETERS
from evertide._generated.types import OracleRules, PlacedOrder
from evertide._order_terms import allows_pegs, effective_ticks
from evertide._orders import CONDITIONAL_KINDS
from evertide._pda import PROGRAM_ID, market_address, orders_address
from evertide.math import order_hash

_IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_PARAMETER_NAMES = {entry.number: entry.name for entry in PARAMETERS if entry.target == "market"}
# What happened to a linked order: `LinkedChange` of the program.
LINKED_GROWN = 0
LINKED_REFILLED = 3
_POST_ONLY = (TimeInForce.POST_ONLY, TimeInForce.POST_ONLY_SLIDE)


@dataclass
class Replayed:
    """One open order. `left_lots` is what is left of it; `placed` its terms as its event told them."""

    user: Pubkey
    orders_key: bytes
    placed: PlacedOrder
    left_lots: int

    @property
    def ask(self) -> bool:
        """Whether it sells."""
        return bool(self.placed.flags & constants.ORDER_FLAG_ASK)

    @property
    def reduce_only(self) -> bool:
        """Whether it may only reduce."""
        return bool(self.placed.flags & constants.ORDER_FLAG_REDUCE_ONLY)

    @property
    def immediate(self) -> bool:
        """Whether it never rests."""
        return self.placed.kind == OrderKind.MARKET or self.placed.time_in_force in _IMMEDIATE

    @property
    def post_only(self) -> bool:
        """Whether it may only rest."""
        return self.placed.time_in_force in _POST_ONLY

    @property
    def phase_end_ms(self) -> int:
        """End of its taker phase, unix ms."""
        return self.placed.placed_ms + self.placed.taker_phase_s * 1_000

    @cached_property
    def hash(self) -> int:
        """What decides between equal prices of one slot."""
        return order_hash(self.placed.placed_slot, self.orders_key, self.placed.order_id)

    @property
    def dormant(self) -> bool:
        """Whether it waits: conditional, scheduled, an exit of an entry that has not filled, a parent of slices."""
        return bool(self.placed.flags & constants.ORDER_FLAG_DORMANT)

    @property
    def pegged(self) -> bool:
        """Whether its price follows the index."""
        return self.placed.kind == OrderKind.PEGGED

    def rank(self, price_ticks: int) -> tuple[int, int, int]:
        """Sort key among the orders of its side at its price: the smallest goes first."""
        return (price_ticks if self.ask else -price_ticks, self.placed.placed_slot, self.hash)

    def rests_at(self, now_ms: int) -> bool:
        """Whether it was in the book, as a maker, at a time."""
        if (
            self.dormant
            or self.immediate
            or not self.left_lots
            or (self.placed.expiry_ms and now_ms >= self.placed.expiry_ms)
        ):
            return False
        return self.post_only or now_ms >= self.phase_end_ms


@dataclass
class ReplayedBook:
    """Orders, positions, authorities and prices of one market, one event after the other."""

    market_index: int
    program_id: Pubkey = PROGRAM_ID
    orders: dict[Pubkey, dict[int, Replayed]] = field(default_factory=dict)
    authorities: dict[Pubkey, Pubkey] = field(default_factory=dict)
    #: Size of each user's position as last told.
    lots: dict[Pubkey, int] = field(default_factory=dict)
    #: Dead-man's deadline of each user, unix ms.
    deadlines: dict[Pubkey, int] = field(default_factory=dict)
    #: Slot of the events being taken.
    slot: int = -1
    #: (user, order id, slot) of every change that a user's own event told: its place among the slot's matches of which
    #: the user was no party is not known.
    changed: set[tuple[Pubkey, int, int]] = field(default_factory=set)
    index_q32: int = 0
    twap_q32: int = 0
    #: When the index was published, unix ms, and its validity bits of then.
    publish_ms: int = 0
    validity: int = 0
    #: Rules of the market's oracle; None when its listing is not among the events.
    oracle: OracleRules | None = None
    band_bps: int = 0
    atoms_per_lot_tick: int = 0
    #: What makes that only reductions are filled: a bankruptcy's latch, the status, the gate, a pause until then.
    latched: bool = False
    status: int = int(MarketStatus.ACTIVE)
    gate_closed: bool = False
    paused_until_ms: int = 0

    def price_of(self, order: Replayed) -> int | None:
        """Price of an order now; of a pegged one index plus offset, never beyond its limit. None: nowhere."""
        if not (self.index_q32 and self.atoms_per_lot_tick):
            return order.placed.price_ticks
        return effective_ticks(order.placed, index_q32=self.index_q32, atoms_per_lot_tick=self.atoms_per_lot_tick)

    def pegs_may_fill(self, taker_placed_ms: int, now_ms: int) -> bool | None:
        """Whether pegged orders could be makers for a taker placed at a time, unix ms: at a younger index, where the
        matrix allows them. None: the events do not tell.
        """
        if self.publish_ms and self.publish_ms <= taker_placed_ms:
            return False
        if not self.publish_ms or self.oracle is None:
            return None
        return allows_pegs(self.oracle, self.validity, now_ms - self.publish_ms)

    def alive(self, user: Pubkey, now_ms: int) -> bool:
        """Whether a user's dead-man's deadline leaves its orders alive."""
        deadline_ms = self.deadlines.get(user, 0)
        return not deadline_ms or now_ms < deadline_ms

    def link(self, event: Any, slot: int, time_ms: int) -> None:
        """What a fill or a firing did to orders that are linked with it."""
        for entry in getattr(event, "linked", ()):
            order = self.of(entry.user, entry.order_id)
            if order is None:
                continue
            if not entry.size_lots:
                self.drop(entry.user, entry.order_id)
                continue
            placed, first = order.placed, not order.left_lots
            refilled = entry.change == LINKED_REFILLED
            if refilled or (
                entry.change == LINKED_GROWN and first and order.dormant and not _is_conditional(placed.kind)
            ):
                awake = placed.flags & ~constants.ORDER_FLAG_DORMANT
                scheduled = placed.placed_ms > time_ms
                placed = replace(
                    placed,
                    placed_slot=slot,
                    placed_ms=placed.placed_ms if refilled or scheduled else time_ms,
                    flags=placed.flags if scheduled else awake,
                )
            # A new object: what was computed from the old place in time does not hold any more.
            self.orders[entry.user][entry.order_id] = Replayed(order.user, order.orders_key, placed, entry.size_lots)

    def reduce_only_at(self, now_ms: int) -> bool:
        """Whether makers that increase a position were passed over at a time."""
        restricted = self.latched or self.status != MarketStatus.ACTIVE or self.gate_closed
        return restricted or now_ms < self.paused_until_ms

    def of(self, user: Pubkey, order_id: int) -> Replayed | None:
        """An open order, when its placing was among the events."""
        return self.orders.get(user, {}).get(order_id)

    def side(self, ask: bool) -> Iterator[Replayed]:
        """Every order of one side."""
        for held in self.orders.values():
            yield from (order for order in held.values() if order.ask == ask)

    def apply(self, event: Any) -> None:
        """Take an event that is no match."""
        handler = _HANDLERS.get(type(event).__name__)
        if handler is not None:
            handler(self, event)

    def put(self, user: Pubkey, placed: PlacedOrder) -> None:
        """An order was placed."""
        if placed.market_index != self.market_index:
            return
        key = bytes(orders_address(user, self.program_id))
        self.orders.setdefault(user, {})[placed.order_id] = Replayed(user, key, placed, placed.size_lots)
        self.changed.add((user, placed.order_id, self.slot))

    def take_out(self, user: Pubkey, order_id: int) -> None:
        """An order was taken out by an event of its user's."""
        if self.drop(user, order_id) is not None:
            self.changed.add((user, order_id, self.slot))

    def drop(self, user: Pubkey, order_id: int) -> Replayed | None:
        """An order was taken out by a match, whose place in the market's stream is known."""
        return self.orders.get(user, {}).pop(order_id, None)


def _is_conditional(kind: int) -> bool:
    return kind in CONDITIONAL_KINDS


def _created(book: ReplayedBook, event: Any) -> None:
    book.authorities[event.user] = event.authority
    book.orders.pop(event.user, None)
    book.lots.pop(event.user, None)
    book.deadlines.pop(event.user, None)


def _placed(book: ReplayedBook, event: Any) -> None:
    for gone in event.reclaimed:
        book.take_out(event.user, gone.order_id)
    for placed in event.orders:
        book.put(event.user, placed)


def _signed(book: ReplayedBook, event: Any) -> None:
    for placement in event.placements:
        for gone in placement.reclaimed:
            book.take_out(placement.user, gone.order_id)
        book.put(placement.user, placement.order)


def _committed(book: ReplayedBook, event: Any) -> None:
    for gone in event.reclaimed:
        book.take_out(event.user, gone.order_id)


def _revealed(book: ReplayedBook, event: Any) -> None:
    book.put(event.user, event.order)


def _cancelled(book: ReplayedBook, event: Any) -> None:
    for gone in event.orders:
        book.take_out(event.user, gone.order_id)


def _triggered(book: ReplayedBook, event: Any) -> None:
    """A dormant order became live, or was cancelled because it did not pass."""
    book.take_out(event.user, event.order.order_id)
    if not event.outcome:
        book.put(event.user, event.order)
    book.link(event, book.slot, event.order.placed_ms)


def _sliced(book: ReplayedBook, event: Any) -> None:
    for gone in event.removed:
        book.take_out(event.user, gone.order_id)
    if not event.outcome:
        book.put(event.user, event.order)
    else:
        book.take_out(event.user, event.parent_order_id)


def _deadline(book: ReplayedBook, event: Any) -> None:
    _cancelled(book, event)
    book.deadlines[event.user] = event.deadline_ms


def _modified(book: ReplayedBook, event: Any) -> None:
    for gone in getattr(event, "removed", ()):
        book.take_out(event.user, gone.order_id)
    book.take_out(event.user, event.cancelled_order_id)
    book.put(event.user, event.order)


def _orders_liquidated(book: ReplayedBook, event: Any) -> None:
    _cancelled(book, event)
    # The epoch makes every older order void; their slots are freed later.
    for order in list(book.orders.get(event.user, {}).values()):
        if order.placed.order_id < event.orders_epoch:
            book.take_out(event.user, order.placed.order_id)


def _priced(book: ReplayedBook, event: Any) -> None:
    if event.market and event.index == book.market_index:
        book.index_q32, book.twap_q32 = event.price, event.twap
        book.publish_ms, book.validity = event.publish_time_ms, event.validity


def _listed(book: ReplayedBook, event: Any) -> None:
    if event.market_index == book.market_index:
        book.band_bps = event.terms.band_bps
        book.atoms_per_lot_tick = event.atoms_per_lot_tick
        book.oracle = event.terms.oracle


def _position_liquidated(book: ReplayedBook, event: Any) -> None:
    if event.market_index == book.market_index:
        book.lots[event.user] = event.user_position_lots_after
        book.lots[event.liquidator] = event.liquidator_position_lots_after


def _touched(book: ReplayedBook, event: Any) -> None:
    if event.market_index == book.market_index:
        book.lots[event.user] = event.size_lots


def _bankruptcy(book: ReplayedBook, event: Any) -> None:
    if event.market_index == book.market_index:
        book.latched = event.bankruptcies_open > 0
        book.lots.pop(event.user, None)


def _status(book: ReplayedBook, event: Any) -> None:
    if event.market_index == book.market_index:
        book.status = event.status


def _changed(book: ReplayedBook, event: Any) -> None:
    """A parameter of the market took another value, at once or after its time."""
    if event.target != market_address(book.market_index, book.program_id) or event.status != ChangeStatus.EXECUTED:
        return
    value = event.new_value if hasattr(event, "new_value") else event.value
    name = _PARAMETER_NAMES.get(event.field)
    if name == "status":
        book.status = value
    elif name == "band_bps":
        book.band_bps = value
    elif name is not None and name.startswith("oracle.") and book.oracle is not None:
        _oracle_changed(book, book.oracle, name.removeprefix("oracle."), value)


def _oracle_changed(book: ReplayedBook, rules: OracleRules, name: str, value: int) -> None:
    """An age limit of the oracle's price, or a row of its matrix."""
    if name == "stale_margin_ms":
        book.oracle = replace(rules, stale_margin_ms=value)
    elif name == "stale_fill_ms":
        book.oracle = replace(rules, stale_fill_ms=value)
    elif name.startswith("refused."):
        refused, row = bytearray(rules.refused), int(name.removeprefix("refused."))
        refused[row] = value
        book.oracle = replace(rules, refused=bytes(refused))


def _gates(book: ReplayedBook, event: Any) -> None:
    book.gate_closed = bool(event.gates_closed >> int(Gate.MATCH_ORDERS) & 1)


def _paused(book: ReplayedBook, event: Any) -> None:
    book.paused_until_ms = event.end_ms


_HANDLERS: dict[str, Callable[[ReplayedBook, Any], None]] = {
    "BankruptcyResolved": _bankruptcy,
    "CancelAllAfterSet": _deadline,
    "ChangeExecuted": _changed,
    "ChangeProposed": _changed,
    "ExchangePaused": _paused,
    "GateDisabled": _gates,
    "GateEnabled": _gates,
    "InvariantBroken": _status,
    "MarketListed": _listed,
    "MarketSettled": _status,
    "MarketStatusSet": _status,
    "OracleUpdated": _priced,
    "OrderCommitted": _committed,
    "OrderModified": _modified,
    "OrderRevealed": _revealed,
    "OrderTriggered": _triggered,
    "OrdersCancelled": _cancelled,
    "OrdersExpired": _cancelled,
    "OrdersLiquidated": _orders_liquidated,
    "OrdersPlaced": _placed,
    "PauseLifted": _paused,
    "PositionLiquidated": _position_liquidated,
    "PositionTouched": _touched,
    "SignedOrdersPlaced": _signed,
    "SliceExecuted": _sliced,
    "UserClosed": _created,
    "UserCreated": _created,
}
