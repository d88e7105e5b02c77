"""What an order's `terms` hold, by its kind: three words whose last 8 bytes are the same in every kind."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ._generated.constants import OrderKind, TriggerSource
from ._orders import CONDITIONAL_KINDS

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


def _with(common: OrderTerms, **more: int | TriggerSource) -> OrderTerms:
    return replace(common, **more)  # type: ignore[arg-type]
