"""Orders as people write them, and which to cancel."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ._errors import UsageError
from ._generated import constants
from ._generated.accounts import Market
from ._generated.constants import OrderKind, SelfTradeRule, TimeInForce
from ._generated.types import CancelArgs, Order, OrderArgs
from ._units import Exact, price_to_ticks, size_to_lots

Side = Literal["bid", "ask"]

DEFAULT_TAKER_PHASE_S = 12
_IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
_POST_ONLY = (TimeInForce.POST_ONLY, TimeInForce.POST_ONLY_SLIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order in USDC and whole base units.

    Without a price it is a market order: its worst price is the market's default, or `max_slippage_bps` from index.
    `client_order_id` None draws a random one, which is the idempotency key of placing; 0 means none.
    `taker_phase_s` None is 12 s, or 0 for a post-only order. `auction_start` is the price at which the phase starts.
    """

    market: int | str
    side: Side
    size: Exact
    price: Exact | None = None
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

    def to_args(self, market: Market) -> OrderArgs:
        """The program's arguments in the units of `market`. Raises `UnitError` off the tick or the lot."""
        if self.side not in ("bid", "ask"):
            raise UsageError(f"side {self.side!r} is not 'bid' or 'ask'")
        tick = market.terms.tick_size_atoms
        limit = self.price is not None
        default = TimeInForce.GOOD_TILL_CANCELLED if limit else TimeInForce.IMMEDIATE_OR_CANCEL
        time_in_force = default if self.time_in_force is None else TimeInForce(self.time_in_force)
        phase_s = self.taker_phase_s
        if phase_s is None:
            phase_s = 0 if time_in_force in _POST_ONLY else DEFAULT_TAKER_PHASE_S
        start = self.auction_start
        return OrderArgs(
            client_order_id=new_client_order_id() if self.client_order_id is None else self.client_order_id,
            market_index=market.index,
            kind=int(OrderKind.LIMIT if limit else OrderKind.MARKET),
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
            group=0,
            kind_args_plus_one=0,
        )


def new_client_order_id() -> int:
    """A random client order id of 63 bits, never 0."""
    return secrets.randbits(63) | 1


def is_ask(order: Order) -> bool:
    """Which side an order of an `Orders` account is on."""
    return bool(order.flags & constants.ORDER_FLAG_ASK)


def is_immediate(order: Order) -> bool:
    """Whether an order never rests: market, IOC and FOK."""
    return order.kind == OrderKind.MARKET or order.time_in_force in _IMMEDIATE


def is_live(order: Order, *, orders_epoch: int, now_ms: int, slot: int) -> bool:
    """Whether a slot holds an order that may still trade: not void (see `User.orders_epoch`), not expired."""
    if order.order_id == 0 or order.order_id < orders_epoch:
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
    slides = args.time_in_force == TimeInForce.POST_ONLY_SLIDE or args.price_ticks == 0
    return (
        order.market_index == args.market_index
        and is_ask(order) == args.ask
        and order.kind == args.kind
        and order.time_in_force == args.time_in_force
        and bool(order.flags & constants.ORDER_FLAG_REDUCE_ONLY) == args.reduce_only
        and order.size_lots + order.filled_lots == args.size_lots
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
