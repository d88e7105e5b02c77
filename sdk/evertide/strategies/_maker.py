"""A market maker after Avellaneda and Stoikov.

M. Avellaneda and S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008.
Equations 29 and 30, with mid price s, inventory q, risk aversion gamma, volatility sigma, time left T - t, and k, the
decay of the chance of being hit:

    reservation price   r = s - q gamma sigma^2 (T - t)
    optimal spread      d = gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / k),  quotes at r - d/2 and r + d/2

Here prices are in bps of the mid, q in order sizes, sigma^2 in bps^2 a second and measured as an exponential average,
and T - t is a constant horizon, since a perpetual never closes: the paper's own stationary reading (section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from evertide._generated.constants import TimeInForce
from evertide._orders import Side

from ._errors import SettingInvalid
from ._intents import CancelOrder, Intent, Intents, ModifyOrder, PlaceOrder
from ._settings import in_range
from ._signals import ceil_ticks, change_bps, clamp, floor_ticks, moved, ratio, reference_ticks, weight
from ._strategy import Strategy
from ._view import MarketView, OwnOrder, View

LEVELS_MAX = 8
ANCHORS = ("mid", "index")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerSettings:
    """Settings of the maker. Sizes in whole base units, distances in bps of the mid."""

    market: str
    #: Size of the best quote on either side.
    order_size: Decimal
    #: Inventory limit on either side.
    position_max: Decimal
    #: gamma, for each bp and order size.
    risk_aversion: Decimal = Decimal("0.05")
    #: k, for each bp: how fast the chance of a fill falls with the distance.
    fill_decay: Decimal = Decimal("0.5")
    #: T - t.
    horizon_s: int = 60
    #: sigma at the start, in bps for each square root of a second.
    volatility_bps: Decimal = Decimal(1)
    volatility_half_life_s: int = 120
    half_spread_min_bps: Decimal = Decimal(1)
    #: Also the furthest that inventory moves the reservation price.
    half_spread_max_bps: Decimal = Decimal(50)
    #: Quotes on each side, `level_step_bps` apart, each `level_growth` order sizes larger than the one before.
    levels: int = 1
    level_step_bps: Decimal = Decimal(3)
    level_growth: int = 0
    #: A quote stays while it is at most so far from where it should be.
    requote_bps: Decimal = Decimal("0.5")
    #: `mid` of the others' quotes, or `index`.
    anchor: str = "mid"

    def __post_init__(self) -> None:
        in_range("order_size", self.order_size, 0, 10**12, above=True)
        in_range("position_max", self.position_max, self.order_size, 10**12)
        in_range("risk_aversion", self.risk_aversion, 0, 1_000, above=True)
        in_range("fill_decay", self.fill_decay, 0, 1_000, above=True)
        in_range("horizon_s", self.horizon_s, 1, 86_400)
        in_range("volatility_bps", self.volatility_bps, 0, 10_000)
        in_range("volatility_half_life_s", self.volatility_half_life_s, 1, 86_400)
        in_range("half_spread_min_bps", self.half_spread_min_bps, 0, 1_000)
        in_range("half_spread_max_bps", self.half_spread_max_bps, self.half_spread_min_bps, 5_000)
        in_range("levels", self.levels, 1, LEVELS_MAX)
        in_range("level_step_bps", self.level_step_bps, 0, 1_000)
        in_range("level_growth", self.level_growth, 0, 100)
        in_range("requote_bps", self.requote_bps, 0, 1_000)
        if self.anchor not in ANCHORS:
            raise SettingInvalid("anchor", self.anchor, " or ".join(ANCHORS))


class AvellanedaStoikovMaker(Strategy):
    """Quotes both sides around the reservation price, post-only, within its inventory limit."""

    name = "maker"
    summary = "market maker: reservation price and optimal spread after Avellaneda and Stoikov"
    source = "Avellaneda, Stoikov 2008, Quantitative Finance 8(3), eq. 29-30"
    Settings = MakerSettings

    def __init__(self, settings: MakerSettings) -> None:
        self.settings = settings
        self.symbols = (settings.market,)
        self._variance = settings.volatility_bps * settings.volatility_bps
        self._last: tuple[int, Decimal] | None = None

    def position_max_lots(self, market: MarketView) -> int | None:
        """The inventory limit."""
        return market.lots(self.settings.position_max, "position_max")

    def anchor_ticks(self, market: MarketView) -> Decimal:
        """s: where the market is."""
        return market.exact_index_ticks() if self.settings.anchor == "index" else reference_ticks(market)

    def signal_bps(self, view: View, market: MarketView) -> Decimal:
        """A forecast of one's own that moves the reservation price, in bps; the paper has none."""
        return Decimal(0)

    def quotes_bps(self, inventory: Decimal, variance: Decimal) -> tuple[Decimal, Decimal]:
        """`(reservation price less s, half of the optimal spread)` in bps; `inventory` in order sizes."""
        settings = self.settings
        risk = settings.risk_aversion * variance * settings.horizon_s
        half = risk / 2 + (1 + settings.risk_aversion / settings.fill_decay).ln() / settings.risk_aversion
        half = clamp(half, settings.half_spread_min_bps, settings.half_spread_max_bps)
        return clamp(-inventory * risk, -settings.half_spread_max_bps, settings.half_spread_max_bps), half

    def on_clock(self, view: View) -> Intents:
        """Measure the volatility, then move the quotes that are out of place."""
        market = view.market(self.settings.market)
        anchor = self.anchor_ticks(market)
        self._measure(view.now_ms, anchor)
        unit = market.lots(self.settings.order_size, "order_size")
        shift, half = self.quotes_bps(ratio(market.position_lots, unit), self._variance)
        shift += self.signal_bps(view, market)
        found: list[Intent] = []
        for side in ("bid", "ask"):
            found += self._side(market, side, tuple(self._wanted(market, side, anchor, shift, half, unit)))
        return found

    def _measure(self, now_ms: int, anchor: Decimal) -> None:
        if self._last is not None:
            elapsed_ms = now_ms - self._last[0]
            if elapsed_ms <= 0:
                return
            change = change_bps(anchor, self._last[1])
            sample = ratio(change * change * 1_000, elapsed_ms)
            self._variance += (sample - self._variance) * weight(elapsed_ms, self.settings.volatility_half_life_s)
        self._last = (now_ms, anchor)

    def _wanted(
        self, market: MarketView, side: Side, anchor: Decimal, shift: Decimal, half: Decimal, unit: int
    ) -> Iterator[tuple[int, int]]:
        """`(ticks, lots)` of each level, best first: bids rounded down, asks up, none of them through the others."""
        settings, sign = self.settings, -1 if side == "bid" else 1
        held = market.position_lots if side == "bid" else -market.position_lots
        room = max(market.lots(settings.position_max, "position_max") - held, 0)
        other = market.best_ticks("ask" if side == "bid" else "bid")
        last: int | None = None
        for level in range(settings.levels):
            exact = moved(anchor, shift + sign * (half + level * settings.level_step_bps))
            ticks = floor_ticks(exact) if side == "bid" else ceil_ticks(exact)
            if other is not None:
                ticks = min(ticks, other - 1) if side == "bid" else max(ticks, other + 1)
            # Levels closer than a tick become one: the further one moves on.
            if last is not None:
                ticks = min(ticks, last - 1) if side == "bid" else max(ticks, last + 1)
            lots = min(unit * (1 + level * settings.level_growth), room)
            if ticks < 1 or lots < market.order_size_min_lots:
                return
            last, room = ticks, room - lots
            yield ticks, lots

    def _side(self, market: MarketView, side: Side, wanted: tuple[tuple[int, int], ...]) -> Iterator[Intent]:
        own = [order for order in market.orders if order.side == side]
        if any(order.order_id == 0 for order in own):
            return
        own.sort(key=lambda order: -order.price_ticks if side == "bid" else order.price_ticks)
        for order, (ticks, lots) in zip(own, wanted, strict=False):
            if not self._is_in_place(order, ticks, lots):
                yield ModifyOrder(order_id=order.order_id, price_ticks=ticks, size_lots=lots)
        for order in own[len(wanted) :]:
            yield CancelOrder(order_id=order.order_id)
        for ticks, lots in wanted[len(own) :]:
            yield PlaceOrder(
                symbol=market.symbol,
                side=side,
                size_lots=lots,
                price_ticks=ticks,
                time_in_force=TimeInForce.POST_ONLY_SLIDE,
            )

    def _is_in_place(self, order: OwnOrder, ticks: int, lots: int) -> bool:
        """Near enough, not too large, and at least half of it left: moving it would cost its priority."""
        near = abs(order.price_ticks - ticks) * 10_000 <= self.settings.requote_bps * ticks
        return near and lots <= 2 * order.size_lots and order.size_lots <= lots
