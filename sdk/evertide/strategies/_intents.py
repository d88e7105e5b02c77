"""What a strategy asks for: orders to place, to change, to cancel. Integers only, checked when they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from evertide._generated.constants import OrderKind, SelfTradeRule, TimeInForce
from evertide._generated.types import OrderArgs
from evertide._orders import Side

from ._errors import IntentInvalid

LOTS_MAX = 2**63 - 1
TICKS_MAX = 2**63 - 1
SLIPPAGE_MAX_BPS = 10_000
TAKER_PHASE_MAX_S = 60
_POST_ONLY = (TimeInForce.POST_ONLY, TimeInForce.POST_ONLY_SLIDE)


def whole(field: str, value: object, low: int, high: int) -> int:
    """An integer in its range. Raises `IntentInvalid`: a float or a bool is never rounded into one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise IntentInvalid(field, value, "a whole number")
    if not low <= value <= high:
        raise IntentInvalid(field, value, f"{low} to {high}")
    return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place one order: a limit order, or without a price a market order. Its client order id is the runner's.

    Raises `IntentInvalid` for anything but whole positive lots and ticks, or terms that contradict each other.
    """

    symbol: str
    side: Side
    size_lots: int
    #: Limit; None: a market order, whose worst price is the market's default or `max_slippage_bps` from the index.
    price_ticks: int | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    reduce_only: bool = False
    self_trade: SelfTradeRule = SelfTradeRule.CANCEL_NEWEST
    max_slippage_bps: int = 0
    taker_phase_s: int = 0
    #: Unix ms of the chain's clock after which it is dead; 0: never.
    expiry_ms: int = 0

    def __post_init__(self) -> None:
        if self.side not in ("bid", "ask"):
            raise IntentInvalid("side", self.side, "'bid' or 'ask'")
        whole("size_lots", self.size_lots, 1, LOTS_MAX)
        if self.price_ticks is not None:
            whole("price_ticks", self.price_ticks, 1, TICKS_MAX)
        elif self.time_in_force in (*_POST_ONLY, TimeInForce.FILL_OR_KILL):
            raise IntentInvalid("price_ticks", None, f"given for {self.time_in_force.name}")
        whole("max_slippage_bps", self.max_slippage_bps, 0, SLIPPAGE_MAX_BPS)
        whole("taker_phase_s", self.taker_phase_s, 0, 0 if self.time_in_force in _POST_ONLY else TAKER_PHASE_MAX_S)
        whole("expiry_ms", self.expiry_ms, 0, LOTS_MAX)

    @property
    def is_market(self) -> bool:
        """Whether it is a market order."""
        return self.price_ticks is None

    @property
    def rests(self) -> bool:
        """Whether what is not filled at once stays in the book."""
        immediate = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
        return not self.is_market and self.time_in_force not in immediate

    def with_size(self, size_lots: int) -> PlaceOrder:
        """The same order of another size."""
        return replace(self, size_lots=size_lots)

    def to_args(self, market_index: int, client_order_id: int) -> OrderArgs:
        """The program's arguments."""
        kind = OrderKind.MARKET if self.is_market else OrderKind.LIMIT
        force = TimeInForce.IMMEDIATE_OR_CANCEL if self.is_market else self.time_in_force
        return OrderArgs(
            client_order_id=client_order_id,
            market_index=market_index,
            kind=int(kind),
            ask=self.side == "ask",
            time_in_force=int(force),
            reduce_only=self.reduce_only,
            self_trade=int(self.self_trade),
            taker_phase_s=self.taker_phase_s,
            price_ticks=self.price_ticks or 0,
            size_lots=self.size_lots,
            expiry_ms=self.expiry_ms,
            auction_start_ticks=0,
            max_slippage_bps=self.max_slippage_bps,
            builder_plus_one=0,
            builder_fee_tenth_bps=0,
            group=0,
            kind_args_plus_one=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder:
    """Replace a resting order by one of this price and size, in one step; everything else of it stays.

    A mere reduction keeps its priority.
    """

    order_id: int
    price_ticks: int
    size_lots: int

    def __post_init__(self) -> None:
        whole("order_id", self.order_id, 1, 2**64 - 1)
        whole("price_ticks", self.price_ticks, 1, TICKS_MAX)
        whole("size_lots", self.size_lots, 1, LOTS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel one open order."""

    order_id: int

    def __post_init__(self) -> None:
        whole("order_id", self.order_id, 1, 2**64 - 1)


Intent: TypeAlias = "PlaceOrder | ModifyOrder | CancelOrder"
Intents: TypeAlias = "Sequence[Intent]"
