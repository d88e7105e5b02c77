"""What a trader sees of a market and of itself: integers only, prices in micro-USD, sizes in lots."""

from __future__ import annotations

from dataclasses import dataclass, field

E9 = 1_000_000_000
BPS = 10_000
# When an order rests that never does.
NEVER_MS = 2**62


@dataclass(frozen=True, slots=True)
class MarketSight:
    """A market now. `fair_micro` is where its traders see it: the index moved by the hour's pressure."""

    market_index: int
    symbol: str
    tick_size_atoms: int
    lot_size_e9: int
    index_micro: int
    fair_micro: int
    trend_bps: int

    def ticks_at(self, offset_tenth_bps: int, *, up: bool) -> int:
        """Ticks at fair price moved by tenths of a bp; rounded up or down, at least 1."""
        numerator = self.fair_micro * (10 * BPS + offset_tenth_bps)
        divisor = 10 * BPS * self.tick_size_atoms
        return max(-(-numerator // divisor) if up else numerator // divisor, 1)

    def index_ticks(self) -> int:
        """Ticks nearest below the index, at least 1."""
        return max(self.index_micro // self.tick_size_atoms, 1)

    def lots_for(self, notional_atoms: int) -> int:
        """Lots worth about so many quote atoms at the index, at least 1."""
        return max(notional_atoms * E9 // (self.index_micro * self.lot_size_e9), 1)

    def notional_of(self, lots: int) -> int:
        """Quote atoms of so many lots at the index, toward zero."""
        value = abs(lots) * self.lot_size_e9 * self.index_micro // E9
        return value if lots >= 0 else -value


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One of the trader's open orders."""

    order_id: int
    market_index: int
    ask: bool
    price_ticks: int
    size_lots: int
    expiry_ms: int
    client_order_id: int
    reduce_only: bool
    time_in_force: int = 0
    """`TimeInForce`."""
    rests_from_ms: int = 0
    """From when on it is in the book; never, for an order that is filled at once or gone."""


@dataclass(frozen=True, slots=True)
class OwnSight:
    """The trader's own account now. `equity_atoms` counts collateral at its maintenance weight, positions at index;
    `rows` are occupied order slots, void orders too."""

    positions_lots: dict[int, int] = field(default_factory=dict)
    orders: tuple[OpenOrder, ...] = ()
    equity_atoms: int = 0
    in_liquidation: bool = False
    rows: int = 0

    def orders_in(self, market_index: int) -> tuple[OpenOrder, ...]:
        """Its open orders of one market."""
        return tuple(order for order in self.orders if order.market_index == market_index)


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to place; becomes `evertide.OrderArgs`. `expiry_ms` 0: none."""

    market_index: int
    ask: bool
    size_lots: int
    price_ticks: int = 0
    market: bool = False
    time_in_force: str = "GOOD_TILL_CANCELLED"
    reduce_only: bool = False
    taker_phase_s: int = 0
    expiry_ms: int = 0
    self_trade: str = "CANCEL_NEWEST"
    max_slippage_bps: int = 0
    client_order_id: int = 0
    """0: numbered with the bar's others."""


@dataclass(frozen=True, slots=True)
class CancelMarket:
    """Cancel everything of the trader in one market."""

    market_index: int


@dataclass(frozen=True, slots=True)
class CancelIds:
    """Cancel by order id."""

    order_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Modify:
    """Replace one order."""

    order_id: int
    wish: Wish


@dataclass(frozen=True, slots=True)
class Place:
    """Place 1 to 8 orders together."""

    wishes: tuple[Wish, ...]


Action = CancelMarket | CancelIds | Modify | Place
