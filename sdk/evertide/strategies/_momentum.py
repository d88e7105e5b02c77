"""A momentum taker: two exponential averages of the price, and a position in the direction of the faster one.

The sign of past returns predicts the next ones: T. Moskowitz, Y. Ooi, L. Pedersen, "Time series momentum", Journal of
Financial Economics 104(2), 2012. The crossover of two exponential averages is the signal of J. Baz, N. Granger,
C. Harvey, N. Le Roux, S. Rattray, "Dissecting Investment Strategies in the Cross Section and Time Series", 2015, eq. 5:

    x = EWMA_fast(price) - EWMA_slow(price), here in bps of the slow average

Long above `entry_bps`, short below minus that, out once |x| is below `exit_bps`; between the two the position stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evertide._orders import Side

from ._errors import SettingInvalid
from ._intents import Intents
from ._settings import in_range
from ._signals import change_bps, reference_ticks, taking_order, weight
from ._strategy import Strategy
from ._view import MarketView, View


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentumSettings:
    """Settings of the momentum taker. Sizes in whole base units."""

    market: str
    #: The position that it takes, on either side; also its limit.
    position: Decimal
    #: Most of one order.
    order_size: Decimal
    fast_half_life_s: int = 60
    slow_half_life_s: int = 300
    entry_bps: Decimal = Decimal(5)
    exit_bps: Decimal = Decimal(1)
    #: Worst price of an order, from the middle of the quotes.
    slippage_max_bps: Decimal = Decimal(10)
    #: Least time between two orders.
    order_interval_s: int = 5
    #: Taker phase of its orders on a chain.
    taker_phase_s: int = 1

    def __post_init__(self) -> None:
        in_range("order_size", self.order_size, 0, 10**12, above=True)
        in_range("position", self.position, self.order_size, 10**12)
        in_range("fast_half_life_s", self.fast_half_life_s, 1, 86_400 * 30)
        in_range("slow_half_life_s", self.slow_half_life_s, 2, 86_400 * 365)
        if self.fast_half_life_s >= self.slow_half_life_s:
            raise SettingInvalid("fast_half_life_s", self.fast_half_life_s, f"below slow's {self.slow_half_life_s}")
        in_range("entry_bps", self.entry_bps, 0, 10_000, above=True)
        in_range("exit_bps", self.exit_bps, 0, self.entry_bps)
        in_range("slippage_max_bps", self.slippage_max_bps, 0, 1_000, above=True)
        in_range("order_interval_s", self.order_interval_s, 0, 86_400)
        in_range("taker_phase_s", self.taker_phase_s, 0, 60)


class MomentumTaker(Strategy):
    """Follows the crossover of two averages with immediate orders of bounded slippage."""

    name = "momentum"
    summary = "momentum taker: crossover of two exponential averages, immediate orders of bounded slippage"
    source = "Moskowitz, Ooi, Pedersen 2012; Baz et al. 2015, eq. 5"
    Settings = MomentumSettings

    def __init__(self, settings: MomentumSettings) -> None:
        self.settings = settings
        self.symbols = (settings.market,)
        self.fast: Decimal | None = None
        self.slow: Decimal | None = None
        self.direction = 0
        self._first_ms = 0
        self._last_ms = 0
        self._ordered_ms: int | None = None

    def position_max_lots(self, market: MarketView) -> int | None:
        """The position that it takes."""
        return market.lots(self.settings.position, "position")

    def signal_bps(self) -> Decimal:
        """x: the fast average against the slow one."""
        return Decimal(0) if self.fast is None or self.slow is None else change_bps(self.fast, self.slow)

    def _measure(self, now_ms: int, price: Decimal) -> None:
        if self.fast is None or self.slow is None:
            self.fast = self.slow = price
            self._first_ms = self._last_ms = now_ms
            return
        elapsed_ms = max(now_ms - self._last_ms, 0)
        self._last_ms = max(now_ms, self._last_ms)
        self.fast += (price - self.fast) * weight(elapsed_ms, self.settings.fast_half_life_s)
        self.slow += (price - self.slow) * weight(elapsed_ms, self.settings.slow_half_life_s)

    def _decide(self) -> None:
        """The direction that the signal wants: +1, -1 or 0."""
        signal = self.signal_bps()
        if abs(signal) < self.settings.exit_bps:
            self.direction = 0
        elif abs(signal) >= self.settings.entry_bps:
            self.direction = 1 if signal > 0 else -1
        elif signal * self.direction < 0:
            self.direction = 0

    def on_clock(self, view: View) -> Intents:
        """Follow the averages; after a slow half life, go where they point, one order at a time."""
        market = view.market(self.settings.market)
        self._measure(view.now_ms, reference_ticks(market))
        if view.now_ms - self._first_ms < 1_000 * self.settings.slow_half_life_s or market.orders:
            return ()
        self._decide()
        since_ms = None if self._ordered_ms is None else view.now_ms - self._ordered_ms
        if since_ms is not None and since_ms < 1_000 * self.settings.order_interval_s:
            return ()
        held, settings = market.position_lots, self.settings
        missing = self.direction * market.lots(settings.position, "position") - held
        if missing == 0:
            return ()
        # A turn closes first and opens in a later order: reduce-only, so that no fill in between can flip it.
        reduces = held * missing < 0
        most = min(abs(missing), abs(held)) if reduces else abs(missing)
        side: Side = "bid" if missing > 0 else "ask"
        lots = min(most, market.lots(settings.order_size, "order_size"))
        if lots < market.order_size_min_lots:
            return ()
        self._ordered_ms = view.now_ms
        slippage, phase_s = settings.slippage_max_bps, settings.taker_phase_s
        return [taking_order(market, side, lots, slippage, reduce_only=reduces, taker_phase_s=phase_s)]
