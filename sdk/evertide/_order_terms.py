"""What an order's `terms` hold, by its kind: three words whose last 8 bytes are the same in every kind."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ._generated.accounts import Market
from ._generated.constants import ORDER_FLAG_ASK, STALE_FOR_FILLS, STALE_FOR_MARGIN, OrderKind, TriggerSource
from ._generated.types import OracleRules
from ._orders import CONDITIONAL_KINDS
from .math import MathError, OracleAction, is_allowed, pegged_ticks

_WORDS = struct.Struct("<3Q")
# Common to all: greatest slippage (bps), builder's fee (tenths of a bp), group.
_TAIL = struct.Struct("<16xHHI")
_CONDITIONAL = struct.Struct("<QHB13x")
_TWAP = struct.Struct("<HHI16x")


class HasTerms(Protocol):
    """An order of an account, or of an event."""

    @property
    def kind(self) -> int:
        """`OrderKind`."""

    @property
    def terms(self) -> Sequence[int]:
        """Three words."""


class HasPrice(HasTerms, Protocol):
    """An order with its side and limit price."""

    @property
    def flags(self) -> int:
        """`ORDER_FLAG_...` bits."""

    @property
    def price_ticks(self) -> int:
        """Its limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """An order's terms in words; what its kind does not have is zero or None. Ticks, lots, bps, seconds."""

    max_slippage_bps: int
    builder_fee_tenth_bps: int
    #: Orders of one account with the same group are linked; 0 = none.
    group: int
    auction_start_ticks: int = 0
    trigger_ticks: int = 0
    trigger_source: TriggerSource | None = None
    trail_bps: int = 0
    peg_offset_ticks: int = 0
    slice_count: int = 0
    slices_done: int = 0
    slice_interval_s: int = 0
    display_lots: int = 0
    hidden_lots: int = 0


def order_terms(order: HasTerms) -> OrderTerms:
    """The terms of an order by its kind."""
    data = _WORDS.pack(*order.terms)
    slippage, fee, group = _TAIL.unpack(data)
    first, second = order.terms[0], order.terms[1]
    common = OrderTerms(max_slippage_bps=slippage, builder_fee_tenth_bps=fee, group=group)
    kind = order.kind
    if kind in CONDITIONAL_KINDS:
        trigger, trail, source = _CONDITIONAL.unpack(data)
        return _with(common, trigger_ticks=trigger, trail_bps=trail, trigger_source=TriggerSource(source))
    if kind == OrderKind.PEGGED:
        return _with(common, peg_offset_ticks=first - (1 << 64) if first >> 63 else first)
    if kind == OrderKind.TWAP:
        count, done, interval = _TWAP.unpack(data)
        return _with(common, slice_count=count, slices_done=done, slice_interval_s=interval)
    if kind == OrderKind.ICEBERG:
        return _with(common, display_lots=first, hidden_lots=second)
    return _with(common, auction_start_ticks=first)


def effective_ticks(order: HasPrice, *, index_q32: int, atoms_per_lot_tick: int) -> int | None:
    """Price in ticks at which an order rests while the index is `index_q32` (quote atoms per lot, Q32; not 0).

    Its limit, but of a pegged order index plus offset (a bid rounded down, an ask up) and never beyond the limit; None
    where that is no price. As `engine/kinds.rs::effective_ticks` of the program.
    """
    limit = order.price_ticks
    if order.kind != OrderKind.PEGGED:
        return limit
    ask = bool(order.flags & ORDER_FLAG_ASK)
    try:
        pegged = pegged_ticks(int(ask), index_q32, order_terms(order).peg_offset_ticks, atoms_per_lot_tick)
    except MathError:
        return None
    return max(pegged, limit) if ask else min(pegged, limit)


def pegs_ready(market: Market, *, taker_placed_ms: int, now_ms: int) -> bool:
    """Whether pegged orders of a market may be makers now for a taker placed at a time, unix ms: the index is younger
    than it, and the market's validity matrix allows pegged orders.
    """
    younger = market.publish_time_ms > taker_placed_ms
    return younger and allows_pegs(market.terms.oracle, market.validity, now_ms - market.publish_time_ms)


def allows_pegs(rules: OracleRules, validity_bits: int, age_ms: int) -> bool:
    """Whether a market's validity matrix allows pegged orders at a price of this age and these bits; of when the price
    came, so that those of its age are taken anew.
    """
    bits = validity_bits & ~(STALE_FOR_MARGIN | STALE_FOR_FILLS)
    bits |= STALE_FOR_MARGIN if age_ms > rules.stale_margin_ms else 0
    bits |= STALE_FOR_FILLS if age_ms > rules.stale_fill_ms else 0
    return is_allowed(OracleAction.PEGGED_ORDER, bits, tuple(rules.refused))


def _with(common: OrderTerms, **more: int | TriggerSource) -> OrderTerms:
    return replace(common, **more)  # type: ignore[arg-type]
