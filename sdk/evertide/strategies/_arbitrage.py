"""Funding and basis between two markets: short the one whose longs pay more, long the other.

A perpetual's premium over its index is what funding takes back over time: S. He, A. Manela, O. Ross, V. von Wachter,
"Fundamentals of Perpetual Futures", 2022. Two legs of opposite sign and equal weighted notional earn, for each hour,
the difference of the funding rates, and once the difference of the two bases (mark over index) as they close. With the
hedge ratio h (notional of B for each of A), rates f and bases b in bps, over `holding_h` hours:

    edge of short A, long B = (f_A - h f_B) holding_h + (b_A - h b_B)
    cost = 2 (taker fee_A + h taker fee_B)     every leg is taken on the way in and on the way out

It enters where |edge| - cost >= `entry_bps` and leaves where the edge of what it holds falls below `exit_bps`.

Leg risk: A is traded first, one clip at a time, and B is sized by what of A was filled. While the legs differ by more
than `imbalance_max_usd` nothing else is done: for `leg_timeout_s` the smaller leg is completed, after that the larger
one is reduced to the smaller. Every decision follows from the positions seen, so that an order that filled in part, not
at all, or before a restart makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from evertide._orders import Side
from evertide._units import usdc_to_atoms

from ._errors import SettingInvalid
from ._intents import Intent, Intents
from ._settings import in_range
from ._signals import fee_bps, rate_bps, ratio, taking_order
from ._strategy import Strategy
from ._view import MarketView, View

USD_MAX = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbitrageSettings:
    """Settings of the arbitrageur. `market_a` is traded first: name the one that is harder to trade."""

    market_a: str
    market_b: str
    #: Largest notional of leg A, USD at the index.
    leg_notional_usd: Decimal
    #: Most of A in one order.
    clip_usd: Decimal
    #: Notional of B for each of A.
    hedge_ratio: Decimal = Decimal(1)
    #: Net of all fees.
    entry_bps: Decimal = Decimal(5)
    #: Before fees: what is still to be earned.
    exit_bps: Decimal = Decimal(0)
    holding_h: int = 8
    slippage_max_bps: Decimal = Decimal(10)
    #: Difference of the legs that is left alone.
    imbalance_max_usd: Decimal = Decimal(100)
    leg_timeout_s: int = 30
    taker_phase_s: int = 1

    def __post_init__(self) -> None:
        if self.market_a.upper() == self.market_b.upper():
            raise SettingInvalid("market_b", self.market_b, f"another market than market_a {self.market_a}")
        in_range("clip_usd", self.clip_usd, 0, USD_MAX, above=True)
        in_range("leg_notional_usd", self.leg_notional_usd, self.clip_usd, USD_MAX)
        in_range("hedge_ratio", self.hedge_ratio, 0, 100, above=True)
        in_range("entry_bps", self.entry_bps, 0, 10_000)
        in_range("exit_bps", self.exit_bps, -10_000, 10_000)
        in_range("holding_h", self.holding_h, 1, 24 * 365)
        in_range("slippage_max_bps", self.slippage_max_bps, 0, 1_000, above=True)
        in_range("imbalance_max_usd", self.imbalance_max_usd, 0, self.clip_usd)
        in_range("leg_timeout_s", self.leg_timeout_s, 0, 86_400)
        in_range("taker_phase_s", self.taker_phase_s, 0, 60)
        for name in ("leg_notional_usd", "clip_usd", "imbalance_max_usd"):
            usdc_to_atoms(getattr(self, name), name)


class FundingArbitrageur(Strategy):
    """Holds two opposite legs while funding and basis pay for them."""

    name = "arbitrage"
    summary = "funding-and-basis arbitrageur between two markets, legs hedged one clip at a time"
    source = "He, Manela, Ross, von Wachter 2022, Fundamentals of Perpetual Futures"
    Settings = ArbitrageSettings

    def __init__(self, settings: ArbitrageSettings) -> None:
        self.settings = settings
        self.symbols = (settings.market_a, settings.market_b)
        self.leaving = False
        self._uneven_since_ms: int | None = None
        self._leg_atoms = usdc_to_atoms(settings.leg_notional_usd)
        self._clip_atoms = usdc_to_atoms(settings.clip_usd)
        self._imbalance_atoms = usdc_to_atoms(settings.imbalance_max_usd)

    def position_max_lots(self, market: MarketView) -> int | None:
        """The leg's notional, B's by the hedge ratio and with the imbalance that is left alone."""
        if market.symbol.upper() in (self.settings.market_a.upper(), f"{self.settings.market_a.upper()}-PERP"):
            return market.lots_for(self._leg_atoms)
        return market.lots_for(self._hedge(self._leg_atoms) + self._imbalance_atoms)

    def _hedge(self, atoms_a: int) -> int:
        """Notional of B that hedges so much of A, toward zero."""
        return int((atoms_a * self.settings.hedge_ratio).to_integral_value(ROUND_DOWN))

    def _unhedge(self, atoms_b: int) -> int:
        """Notional of A that so much of B hedges, toward zero."""
        return int(ratio(atoms_b, self.settings.hedge_ratio).to_integral_value(ROUND_DOWN))

    def edge_bps(self, a: MarketView, b: MarketView) -> Decimal:
        """What short A, long B earns over the holding time; negative: what it costs, and the reverse earns."""
        hedge = self.settings.hedge_ratio
        carry = rate_bps(a.funding_rate_e9) - hedge * rate_bps(b.funding_rate_e9)
        return carry * self.settings.holding_h + a.basis_bps() - hedge * b.basis_bps()

    def cost_bps(self, a: MarketView, b: MarketView) -> Decimal:
        """Taker fees of both legs, in and out, in bps of leg A."""
        return 2 * (fee_bps(a.taker_fee_ppm) + self.settings.hedge_ratio * fee_bps(b.taker_fee_ppm))

    def on_clock(self, view: View) -> Intents:
        """Even the legs out first; then leave, or enter one clip more."""
        a, b = view.market(self.settings.market_a), view.market(self.settings.market_b)
        if a.orders or b.orders:
            return ()
        held_a, held_b = a.notional_atoms(a.position_lots), b.notional_atoms(b.position_lots)
        if a.position_lots == 0 and b.position_lots == 0:
            self.leaving = False
        edge = self.edge_bps(a, b)
        if held_a and edge * (-1 if held_a > 0 else 1) < self.settings.exit_bps:
            self.leaving = True
        if self.leaving:
            return self._leave(a, b, held_a, held_b)
        if abs(held_b + self._hedge(held_a)) > self._imbalance_atoms:
            return self._even_out(view.now_ms, a, b, held_a, held_b)
        self._uneven_since_ms = None
        if abs(edge) - self.cost_bps(a, b) < self.settings.entry_bps:
            return ()
        sign = -1 if edge > 0 else 1
        if held_a * sign < 0:
            return ()
        clip = min(self._clip_atoms, self._leg_atoms - abs(held_a))
        return self._order(a, sign, a.lots_for(max(clip, 0)))

    def _even_out(self, now_ms: int, a: MarketView, b: MarketView, held_a: int, held_b: int) -> Intents:
        """Complete the smaller leg; after the timeout reduce the larger one to it."""
        if self._uneven_since_ms is None:
            self._uneven_since_ms = now_ms
        wanted_b = -self._hedge(held_a)
        # The smaller leg is the one that hedges less; legs of the same sign hedge nothing: the second one is too much.
        b_lags = held_b * wanted_b >= 0 and abs(held_b) < abs(wanted_b)
        if now_ms - self._uneven_since_ms < 1_000 * self.settings.leg_timeout_s:
            if b_lags:
                return self._change(b, wanted_b - held_b, self._hedge(self._clip_atoms))
            return self._change(a, -self._unhedge(held_b) - held_a, self._clip_atoms)
        if b_lags:
            return self._change(a, -self._unhedge(held_b) - held_a, self._clip_atoms, reduce_only=True)
        return self._change(b, wanted_b - held_b, self._hedge(self._clip_atoms), reduce_only=True)

    def _leave(self, a: MarketView, b: MarketView, held_a: int, held_b: int) -> Intents:
        """Both legs a clip down; the one that hedges less waits until the other has come down to it."""
        found: list[Intent] = []
        excess = abs(held_b) - abs(self._hedge(held_a))
        if excess <= self._imbalance_atoms:
            found += self._close(a, self._clip_atoms)
        if -excess <= self._imbalance_atoms:
            found += self._close(b, self._hedge(self._clip_atoms))
        return found

    def _close(self, market: MarketView, clip_atoms: int) -> Intents:
        lots = min(abs(market.position_lots), max(market.lots_for(clip_atoms), market.order_size_min_lots))
        return self._order(market, -1 if market.position_lots > 0 else 1, lots, reduce_only=True)

    def _change(self, market: MarketView, atoms: int, clip_atoms: int, *, reduce_only: bool = False) -> Intents:
        """An order of so much signed notional, at most a clip; none where it is less than a lot."""
        lots = market.lots_for(min(abs(atoms), clip_atoms))
        return self._order(market, 1 if atoms > 0 else -1, lots, reduce_only=reduce_only)

    def _order(self, market: MarketView, sign: int, lots: int, *, reduce_only: bool = False) -> Intents:
        if lots < max(market.order_size_min_lots, 1):
            return []
        side: Side = "bid" if sign > 0 else "ask"
        settings = self.settings
        return [
            taking_order(
                market,
                side,
                lots,
                settings.slippage_max_bps,
                reduce_only=reduce_only,
                taker_phase_s=settings.taker_phase_s,
            )
        ]
