"""What a strategy sees: frozen copies of integers, the same on a chain and in a backtest.

Prices of orders in ticks, sizes in lots, money in quote atoms, prices of index and mark in quote atoms for each lot
with 32 fractional bits, rates in 1e-9 an hour, times in unix ms of the chain's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from evertide._errors import UnknownMarket
from evertide._generated.constants import TimeInForce
from evertide._orders import Side
from evertide._units import Exact, size_to_lots
from evertide.math import notional_floor, price_from_ticks, ticks_floor


class PriceLevel(NamedTuple):
    """All resting lots of one price."""

    price_ticks: int
    size_lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOrder:
    """One of the account's open orders. `order_id` 0: on its way to the book, it cannot be changed yet."""

    order_id: int
    client_order_id: int
    side: Side
    price_ticks: int
    #: What is left of it.
    size_lots: int
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    reduce_only: bool = False
    expiry_ms: int = 0

    @property
    def rests(self) -> bool:
        """Whether it is a quote that stays until it is filled or cancelled."""
        immediate = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
        return self.order_id != 0 and self.time_in_force not in immediate


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """One market and what the account has in it."""

    symbol: str
    market_index: int
    tick_size_atoms: int
    lot_size_e9: int
    atoms_per_lot_tick: int
    order_size_min_lots: int
    #: Fees of the account's tier in parts per million of the notional; a negative one is a rebate.
    taker_fee_ppm: int
    maker_fee_ppm: int
    #: Resting orders, best first, one's own among them.
    bids: tuple[PriceLevel, ...]
    asks: tuple[PriceLevel, ...]
    index_price_q32: int
    mark_price_q32: int
    #: Hourly rate in force on the index notional; positive: longs pay shorts.
    funding_rate_e9: int
    #: Signed size, folded to now.
    position_lots: int = 0
    #: Signed cost of the open size, atoms.
    entry_atoms: int = 0
    orders: tuple[OwnOrder, ...] = ()

    def others(self, side: Side) -> tuple[PriceLevel, ...]:
        """The levels of a side without one's own orders, best first."""
        own: dict[int, int] = {}
        for order in self.orders:
            if order.side == side and order.rests:
                own[order.price_ticks] = own.get(order.price_ticks, 0) + order.size_lots
        levels = self.bids if side == "bid" else self.asks
        if not own:
            return levels
        left = (PriceLevel(level.price_ticks, level.size_lots - own.get(level.price_ticks, 0)) for level in levels)
        return tuple(level for level in left if level.size_lots > 0)

    def best_ticks(self, side: Side) -> int | None:
        """Best price of a side without one's own orders; None where nobody quotes."""
        levels = self.others(side)
        return levels[0].price_ticks if levels else None

    @property
    def index_ticks(self) -> int:
        """The index in ticks, rounded down, at least 1."""
        return max(ticks_floor(self.index_price_q32, self.atoms_per_lot_tick), 1)

    def mid_ticks(self) -> Decimal | None:
        """Middle of the others' best bid and ask, exact in half ticks; None unless both are there and do not cross."""
        bid, ask = self.best_ticks("bid"), self.best_ticks("ask")
        return None if bid is None or ask is None or bid >= ask else Decimal(bid + ask) / 2

    def exact_index_ticks(self) -> Decimal:
        """The index in ticks with its fraction, for signals."""
        return Decimal(self.index_price_q32) / (self.atoms_per_lot_tick << 32)

    def basis_bps(self) -> Decimal:
        """How far the mark is above the index, in bps of the index."""
        return Decimal(self.mark_price_q32 - self.index_price_q32) * 10_000 / self.index_price_q32

    def lots(self, size: Exact, name: str = "size") -> int:
        """Whole base units as lots. Raises `NotExact` off the lot and `UnitOutOfRange` unless positive."""
        return size_to_lots(size, lot_size_e9=self.lot_size_e9, name=name)

    def lots_for(self, notional_atoms: int) -> int:
        """Lots worth at most so many quote atoms at the index, rounded down."""
        return (notional_atoms << 32) // self.index_price_q32

    def notional_atoms(self, lots: int) -> int:
        """Quote atoms of so many signed lots at the index, toward zero."""
        value = notional_floor(abs(lots), self.index_price_q32)
        return value if lots >= 0 else -value

    def price_q32(self, ticks: int) -> int:
        """A price in ticks as quote atoms for each lot, Q32."""
        return price_from_ticks(ticks, self.atoms_per_lot_tick)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything at one moment."""

    now_ms: int
    #: Quote with interest, collateral at maintenance weight, positions at mark.
    equity_atoms: int
    #: Equity beyond the initial margin requirement with all open orders, negative when it is missing.
    margin_excess_atoms: int
    markets: Mapping[str, MarketView] = field(default_factory=dict)

    def market(self, symbol: str) -> MarketView:
        """A market by its symbol, `BTC-PERP` or `BTC`. Raises `UnknownMarket`."""
        wanted = symbol.upper()
        for name in (wanted, f"{wanted}-PERP"):
            if name in self.markets:
                return self.markets[name]
        raise UnknownMarket(symbol, list(self.markets))


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFill:
    """A fill of the account, of whatever order. `side` is the account's own."""

    symbol: str
    side: Side
    price_ticks: int
    size_lots: int
    #: Fee paid; negative is a rebate.
    fee_atoms: int
    maker: bool
    order_id: int
    client_order_id: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingNews:
    """A market's rate changed, or funding moved the account's cash there."""

    symbol: str
    rate_e9: int
    #: Received since the news before, negative when paid.
    received_atoms: int
    time_ms: int
