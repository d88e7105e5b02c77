"""A strategy of one's own on the engine's book: no network, no key, the same result every time.

    python examples/07_write_a_strategy.py --minutes 10 --seed 1

It buys when the book leans to the bid, sells what it has when it leans to the ask, and never holds more than its limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from evertide import TimeInForce, atoms_to_usdc
from evertide.strategies import Intent, MarketView, PlaceOrder, Strategy, StrategyFill, View
from evertide_keepers.backtest import BacktestMarket, BacktestSettings, generated_feed, run_backtest

# BTC-PERP as the local exchange lists it: a tick is a dollar, a lot 0.0001 BTC. Any market's terms will do.
MARKET = BacktestMarket(
    symbol="BTC-PERP",
    tick_size_atoms=1_000_000,
    lot_size_e9=100_000,
    impact_notional_atoms=20_000_000_000,
    tier_bound_usd=(1_000_000, 5_000_000, 20_000_000, 60_000_000),
    tier_ratio_bps=(250, 500, 1_000, 2_500),
)


class Imbalance(Strategy):
    """Takes the side on which more lots rest, an order of 100 lots at a time."""

    name = "imbalance"
    symbols = ("BTC-PERP",)

    def __init__(self) -> None:
        self.bought = self.sold = 0

    def position_max_lots(self, market: MarketView) -> int:
        # The session holds every order to this, whatever the methods below answer.
        return 500

    def on_fill(self, view: View, fill: StrategyFill) -> Sequence[Intent]:
        if fill.side == "bid":
            self.bought += fill.size_lots
        else:
            self.sold += fill.size_lots
        return []

    def on_book(self, view: View, market: MarketView) -> Sequence[Intent]:
        # `others` leaves one's own orders out; an order still on its way is among `orders`.
        bids = sum(level.size_lots for level in market.others("bid")[:3])
        asks = sum(level.size_lots for level in market.others("ask")[:3])
        if market.orders or not bids or not asks:
            return []
        # Whole numbers only: "half as many again" without a division.
        if 2 * bids > 3 * asks:
            return [self.take(market, "bid", market.asks[0].price_ticks)]
        if 2 * asks > 3 * bids and market.position_lots > 0:
            return [self.take(market, "ask", market.bids[0].price_ticks)]
        return []

    def take(self, market: MarketView, side: str, price_ticks: int) -> PlaceOrder:
        return PlaceOrder(
            symbol=market.symbol,
            side=side,  # type: ignore[arg-type]
            size_lots=100,
            price_ticks=price_ticks,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            reduce_only=side == "ask",
        )


def main(minutes: int, seed: int) -> None:
    strategy = Imbalance()
    feed = generated_feed(
        MARKET, price_micro=46_000_000_000, start_ms=1_767_571_200_000, duration_ms=minutes * 60_000, seed=seed
    )
    report = run_backtest(strategy, [MARKET], feed, BacktestSettings(equity_atoms=10_000_000_000))
    print(f"{report.steps} steps, {report.fills} fills: {strategy.bought} lots bought, {strategy.sold} sold")
    print(f"profit {atoms_to_usdc(report.pnl_atoms):f} USDC after {atoms_to_usdc(report.fees_atoms):f} USDC of fees")
    print(f"largest position {report.markets[0].position_most_lots} lots, kept back by limits: {report.limited}")
    print(f"decisions {report.decisions_sha256[:16]}: the same for this seed on every machine")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    main(given.minutes, given.seed)
