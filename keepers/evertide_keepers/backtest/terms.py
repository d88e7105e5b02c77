"""What a backtest is told: a market's terms, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass, field

from evertide.math import MarginTerms, MarginTiers
from evertide.strategies import RunLimits

from .errors import BacktestError

LOT_E9 = 1_000_000_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestMarket:
    """Terms of one market, as its `Market` account has them. Atoms, bps, ppm, lots."""

    symbol: str
    tick_size_atoms: int
    lot_size_e9: int
    #: Depth at which the premium is measured.
    impact_notional_atoms: int
    tier_bound_usd: tuple[int, int, int, int]
    tier_ratio_bps: tuple[int, int, int, int]
    mark_radius_bps: int = 50
    order_size_min_lots: int = 1
    #: A negative maker fee is a rebate.
    taker_fee_ppm: int = 400
    maker_fee_ppm: int = 50
    interest_rate_e9: int = 100_000

    def __post_init__(self) -> None:
        for name in ("tick_size_atoms", "lot_size_e9", "impact_notional_atoms", "order_size_min_lots"):
            if getattr(self, name) < 1:
                raise BacktestError(f"{self.symbol}: {name}", getattr(self, name), "at least 1")
        if self.tick_size_atoms * self.lot_size_e9 % LOT_E9:
            found = f"{self.tick_size_atoms} x {self.lot_size_e9} / 1e9"
            raise BacktestError(f"{self.symbol}: a lot at a tick is whole atoms", found, "a whole number")

    @property
    def atoms_per_lot_tick(self) -> int:
        """Quote atoms of one lot at one tick, exact."""
        return self.tick_size_atoms * self.lot_size_e9 // LOT_E9

    @property
    def margin(self) -> MarginTerms:
        """What it demands of a position."""
        return MarginTerms(MarginTiers(self.tier_bound_usd, self.tier_ratio_bps))

    def price_q32(self, price_atoms: int) -> int:
        """A price in quote atoms for each whole base unit as atoms for each lot, Q32; rounded down."""
        return (price_atoms * self.lot_size_e9 << 32) // LOT_E9


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """How a backtest is run. Times in ms of the tape."""

    #: Quote balance at the start.
    equity_atoms: int = 100_000_000_000
    #: Distance of two steps.
    interval_ms: int = 1_000
    #: From a decision until it reaches the book: signing, a slot, a match.
    latency_ms: int = 400
    limits: RunLimits = field(default_factory=RunLimits)

    def __post_init__(self) -> None:
        if not 0 < self.equity_atoms <= 10**15:
            raise BacktestError("equity_atoms", self.equity_atoms, "1 to 10^15")
        if not 1 <= self.interval_ms <= HOUR_MS:
            raise BacktestError("interval_ms", self.interval_ms, f"1 to {HOUR_MS}")
        if not 0 <= self.latency_ms <= HOUR_MS:
            raise BacktestError("latency_ms", self.latency_ms, f"0 to {HOUR_MS}")
