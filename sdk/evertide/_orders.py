"""Orders as people write them, and which to cancel."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ._errors import UsageError
from ._generated import constants
from ._generated.accounts import Market
from ._generated.constants import OrderKind, SelfTradeRule, TimeInForce, TriggerSource
from ._generated.types import CancelArgs, KindArgs, Order, OrderArgs
from ._units import Exact, price_to_ticks, size_to_lots, to_decimal

Side = Literal["bid", "ask"]

DEFAULT_TAKER_PHASE_S = 12
_IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_POST_ONLY = (TimeInForce.POST_ONLY, TimeInForce.POST_ONLY_SLIDE)
CONDITIONAL_KINDS = (
    OrderKind.STOP_MARKET,
    OrderKind.STOP_LIMIT,
    OrderKind.TAKE_PROFIT_MARKET,
    OrderKind.TAKE_PROFIT_LIMIT,
    OrderKind.TRAILING_STOP,
)
# Kinds that never rest: what they place or become is gone when it is not filled at once.
_MARKET_KINDS = (
    OrderKind.MARKET,
    OrderKind.STOP_MARKET,
    OrderKind.TAKE_PROFIT_MARKET,
    OrderKind.TRAILING_STOP,
    OrderKind.TWAP,
)
_PRICED_KINDS = (
    OrderKind.LIMIT,
    OrderKind.STOP_LIMIT,
    OrderKind.TAKE_PROFIT_LIMIT,
    OrderKind.PEGGED,
    OrderKind.ICEBERG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order in USDC and whole base units.

    Without a price and kind it is a market order: its worst price is the market's default, or `max_slippage_bps` from
    index. `client_order_id` None draws a random one, which is the idempotency key of placing; 0 means none.
    `taker_phase_s` None is 12 s, or 0 for an order that only rests. `auction_start` is the price at which the phase
    starts.

    What only some kinds have: `trigger` (price at which a stop or take-profit fires, of `trigger_source`), `trail_bps`
    (a trailing stop's distance), `peg_offset` (signed distance of a pegged order from the index), `display_size` (of an
    iceberg), `slice_count` and `slice_interval_s` (of a TWAP). `not_before_ms`: any order does nothing before that
    time. `group`: orders placed together with the same number are linked; see `bracket` and `one_cancels_other`.
    """

    market: int | str
    side: Side
    size: Exact
    price: Exact | None = None
    kind: OrderKind | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    client_order_id: int | None = None
    self_trade: SelfTradeRule = SelfTradeRule.CANCEL_NEWEST
    taker_phase_s: int | None = None
    expiry_ms: int = 0
    auction_start: Exact | None = None
    max_slippage_bps: int = 0
    builder_plus_one: int = 0
    builder_fee_tenth_bps: int = 0
    trigger: Exact | None = None
    trigger_source: TriggerSource = TriggerSource.MARK
    trail_bps: int = 0
    peg_offset: Exact | None = None
    display_size: Exact | None = None
    slice_count: int = 0
    slice_interval_s: int = 0
    not_before_ms: int = 0
    group: int = 0

    @property
    def order_kind(self) -> OrderKind:
        """The kind asked for; limit with a price and market without one where none is."""
        if self.kind is not None:
            return OrderKind(self.kind)
        return OrderKind.LIMIT if self.price is not None else OrderKind.MARKET

    def _time_in_force(self) -> TimeInForce:
        if self.time_in_force is not None:
            return TimeInForce(self.time_in_force)
        if self.order_kind == OrderKind.PEGGED:
            return TimeInForce.POST_ONLY
        if self.order_kind in _MARKET_KINDS:
            return TimeInForce.IMMEDIATE_OR_CANCEL
        return TimeInForce.GOOD_TILL_CANCELLED

    def to_args(self, market: Market, kind_args_plus_one: int = 0) -> OrderArgs:
        """The program's arguments in the units of `market`. Raises `UnitError` off the tick or the lot.

        `kind_args_plus_one` is the place of its `kind_args` beside the orders; 0 when it needs none.
        """
        if self.side not in ("bid", "ask"):
            raise UsageError(f"side {self.side!r} is not 'bid' or 'ask'")
        tick = market.terms.tick_size_atoms
        time_in_force = self._time_in_force()
        phase_s = self.taker_phase_s
        if phase_s is None:
            phase_s = 0 if time_in_force in _POST_ONLY else DEFAULT_TAKER_PHASE_S
        start = self.auction_start
        return OrderArgs(
            client_order_id=new_client_order_id() if self.client_order_id is None else self.client_order_id,
            market_index=market.index,
            kind=int(self.order_kind),
            ask=self.side == "ask",
            time_in_force=int(time_in_force),
            reduce_only=self.reduce_only,
            self_trade=int(self.self_trade),
            taker_phase_s=phase_s,
            price_ticks=0 if self.price is None else price_to_ticks(self.price, tick_size_atoms=tick),
            size_lots=size_to_lots(self.size, lot_size_e9=market.terms.lot_size_e9),
            expiry_ms=self.expiry_ms,
            auction_start_ticks=0
            if start is None
            else price_to_ticks(start, tick_size_atoms=tick, name="auction_start"),
            max_slippage_bps=self.max_slippage_bps,
            builder_plus_one=self.builder_plus_one,
            builder_fee_tenth_bps=self.builder_fee_tenth_bps,
            group=self.group,
            kind_args_plus_one=kind_args_plus_one,
        )

    def kind_args(self, market: Market) -> KindArgs | None:
        """What only some kinds have, in the units of `market`; None when this order has nothing of it.

        Raises `UsageError` for a part that its kind does not have or lacks, `UnitError` off the tick or the lot.
        """
        kind, name = self.order_kind, self.order_kind.name.lower()
        given = {
            "trigger": (self.trigger is not None, kind in CONDITIONAL_KINDS),
            "trail_bps": (self.trail_bps != 0, kind == OrderKind.TRAILING_STOP),
            "peg_offset": (self.peg_offset is not None, kind == OrderKind.PEGGED),
            "display_size": (self.display_size is not None, kind == OrderKind.ICEBERG),
            "slice_count": (self.slice_count != 0, kind == OrderKind.TWAP),
            "slice_interval_s": (self.slice_interval_s != 0, kind == OrderKind.TWAP),
        }
        for part, (present, belongs) in given.items():
            # A trailing stop may start its trigger from the price at its placing.
            needed = belongs and not (part == "trigger" and kind == OrderKind.TRAILING_STOP)
            if present and not belongs:
                raise UsageError(f"{part} means nothing for a {name} order")
            if needed and not present:
                raise UsageError(f"a {name} order needs {part}")
        if self.price is None and kind in _PRICED_KINDS:
            raise UsageError(f"a {name} order needs price")
        if not any(present for present, _ in given.values()) and not self.not_before_ms:
            return None
        tick, lot = market.terms.tick_size_atoms, market.terms.lot_size_e9
        return KindArgs(
            not_before_ms=self.not_before_ms,
            trigger_ticks=0
            if self.trigger is None
            else price_to_ticks(self.trigger, tick_size_atoms=tick, name="trigger"),
            trigger_source=int(self.trigger_source) if kind in CONDITIONAL_KINDS else 0,
            trail_bps=self.trail_bps,
            peg_offset_ticks=0 if self.peg_offset is None else offset_to_ticks(self.peg_offset, tick_size_atoms=tick),
            display_lots=0
            if self.display_size is None
            else size_to_lots(self.display_size, lot_size_e9=lot, name="display_size"),
            slice_count=self.slice_count,
            slice_interval_s=self.slice_interval_s,
        )


def offset_to_ticks(value: Exact, *, tick_size_atoms: int) -> int:
    """A signed distance in USDC as ticks; zero is one. Raises `NotExact` off the tick."""
    number = to_decimal(value, "peg_offset")
    if number == 0:
        return 0
    ticks = price_to_ticks(abs(number), tick_size_atoms=tick_size_atoms, name="peg_offset")
    return ticks if number > 0 else -ticks


def placement(
    orders: Sequence[NewOrder | OrderArgs], markets: Mapping[int | str, Market], kind_args: Sequence[KindArgs] = ()
) -> tuple[list[OrderArgs], list[KindArgs]]:
    """Orders in the program's units, and the list of what only some kinds have; equal entries are shared.

    `OrderArgs` go through as they are and name entries of `kind_args`; those of `NewOrder` stand behind them.
    """
    listed = list(kind_args)
    found = []
    for order in orders:
        if isinstance(order, OrderArgs):
            found.append(order)
            continue
        market = markets[order.market]
        part = order.kind_args(market)
        if part is not None and part not in listed:
            listed.append(part)
        found.append(order.to_args(market, 0 if part is None else listed.index(part) + 1))
    return found, listed


def new_client_order_id() -> int:
    """A random client order id of 63 bits, never 0."""
    return secrets.randbits(63) | 1


def is_ask(order: Order) -> bool:
    """Which side an order of an `Orders` account is on."""
    return bool(order.flags & constants.ORDER_FLAG_ASK)


def is_immediate(order: Order) -> bool:
    """Whether an order never rests: market, IOC and FOK."""
    return order.kind == OrderKind.MARKET or order.time_in_force in _IMMEDIATE


def is_void(order: Order, *, orders_epoch: int, cancel_all_after_ms: int, now_ms: int) -> bool:
    """Whether an order was ended with all others: by a liquidation (`User.orders_epoch`), or by the dead-man's deadline
    (`Orders.cancel_all_after_ms`, unix ms, 0 = none), from which on every order of the account is dead.
    """
    return order.order_id < orders_epoch or (cancel_all_after_ms != 0 and now_ms >= cancel_all_after_ms)


def is_live(order: Order, *, orders_epoch: int, cancel_all_after_ms: int, now_ms: int, slot: int) -> bool:
    """Whether a slot holds an order that may still trade: not void (see `is_void`), not expired."""
    if order.order_id == 0:
        return False
    if is_void(order, orders_epoch=orders_epoch, cancel_all_after_ms=cancel_all_after_ms, now_ms=now_ms):
        return False
    if order.expiry_ms != 0 and now_ms >= order.expiry_ms:
        return False
    overdue = is_immediate(order) and slot > order.placed_slot + constants.MATCH_DEADLINE_SLOTS
    return not overdue or is_dormant(order)


def is_dormant(order: Order) -> bool:
    """Whether an order waits for `trigger_order`: conditional, or scheduled for later."""
    return bool(order.flags & constants.ORDER_FLAG_DORMANT)


def rests(order: Order, *, now_ms: int) -> bool:
    """Whether a live order is in the book, as a maker: post-only, or beyond its taker phase.

    Dormant orders, parents of slices and exits whose entry has not filled do not rest.
    """
    if is_immediate(order) or is_dormant(order) or order.kind == OrderKind.TWAP or order.size_lots == 0:
        return False
    return order.time_in_force in _POST_ONLY or now_ms >= order.placed_ms + order.taker_phase_s * 1_000


def same_terms(order: Order, args: OrderArgs) -> bool:
    """Whether an open order is what `args` asked for: a repeated request, not another one under the same id."""
    # An exit lives as far as its entry has filled; an iceberg shows a part.
    linked_exit = args.group != 0 and args.reduce_only
    hidden = order.terms[1] if order.kind == OrderKind.ICEBERG else 0
    slides = args.time_in_force == TimeInForce.POST_ONLY_SLIDE or args.price_ticks == 0
    return (
        order.market_index == args.market_index
        and is_ask(order) == args.ask
        and order.kind == args.kind
        and order.time_in_force == args.time_in_force
        and bool(order.flags & constants.ORDER_FLAG_REDUCE_ONLY) == args.reduce_only
        and (linked_exit or order.size_lots + order.filled_lots + hidden == args.size_lots)
        and (slides or order.price_ticks == args.price_ticks)
    )


def by_order_ids(ids: Sequence[int]) -> CancelArgs:
    """Select orders by the ids that the program gave."""
    return CancelArgs(by=constants.BY_ORDER_ID, market_index=0, ask=False, ids=tuple(ids))


def by_client_order_ids(ids: Sequence[int]) -> CancelArgs:
    """Select orders by one's own ids."""
    return CancelArgs(by=constants.BY_CLIENT_ID, market_index=0, ask=False, ids=tuple(ids))


def by_market(market_index: int) -> CancelArgs:
    """Select all orders of a market."""
    return CancelArgs(by=constants.BY_MARKET, market_index=market_index, ask=False, ids=())


def by_side(market_index: int, side: Side) -> CancelArgs:
    """Select all orders of one side of a market."""
    return CancelArgs(by=constants.BY_SIDE, market_index=market_index, ask=side == "ask", ids=())


def by_all() -> CancelArgs:
    """Select all orders."""
    return CancelArgs(by=constants.BY_ALL, market_index=0, ask=False, ids=())
