"""The three strategies of the SDK, each through the same two hours of two markets on the engine's book.

    python examples/08_three_strategies.py --minutes 120

The generator's others see BTC above its index in the first hour and below it in the second, ETH the other way round:
that makes premium, premium makes funding, and funding is what the arbitrageur lives on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from evertide import atoms_to_usdc
from evertide.strategies import make_strategy
from evertide_keepers.backtest import (
    BacktestMarket,
    BacktestSettings,
    FeedEvent,
    FlowSettings,
    generated_feed,
    in_order,
    run_backtest,
)

START_MS = 1_767_571_200_000
TIERS = ((1_000_000, 5_000_000, 20_000_000, 60_000_000), (250, 500, 1_000, 2_500))
# Symbol, tick in atoms, lot in 1e-9, first price in micro-USD, pressure by hour in bps.
MARKETS = (
    ("BTC-PERP", 1_000_000, 100_000, 46_000_000_000, (20, -20)),
    ("ETH-PERP", 100_000, 1_000_000, 3_000_000_000, (-20, 20)),
)
STRATEGIES = {
    "maker": {"market": "BTC", "order_size": "0.02", "position_max": "0.2"},
    "momentum": {"market": "BTC", "position": "0.1", "order_size": "0.05", "slippage_max_bps": 5},
    # Its hedge may take a minute; it counts on a day of funding.
    "arbitrage": {
        "market_a": "ETH",
        "market_b": "BTC",
        "leg_notional_usd": 3_000,
        "clip_usd": 1_000,
        "holding_h": 24,
        "leg_timeout_s": 60,
    },
}


def markets() -> list[BacktestMarket]:
    return [
        BacktestMarket(
            symbol=symbol,
            tick_size_atoms=tick,
            lot_size_e9=lot,
            impact_notional_atoms=10_000_000_000,
            tier_bound_usd=TIERS[0],
            tier_ratio_bps=TIERS[1],
        )
        for symbol, tick, lot, _, _ in MARKETS
    ]


def tape(minutes: int) -> Iterator[FeedEvent]:
    # Every strategy gets a tape of its own with the same seed: the same prices, quotes and takers.
    feeds = [
        generated_feed(
            market,
            price_micro=price,
            start_ms=START_MS,
            duration_ms=minutes * 60_000,
            seed=7,
            settings=FlowSettings(interval_ms=5_000, noise_e9=120_000, pressure_bps=pressure),
        )
        for market, (_, _, _, price, pressure) in zip(markets(), MARKETS, strict=True)
    ]
    return in_order(*feeds)


def main(minutes: int) -> None:
    for name, settings in STRATEGIES.items():
        report = run_backtest(
            make_strategy(name, settings), markets(), tape(minutes), BacktestSettings(interval_ms=5_000)
        )
        print(
            f"{name:<10} {report.fills:>4} fills  profit {atoms_to_usdc(report.pnl_atoms):>12f} USDC"
            f"  fees {atoms_to_usdc(report.fees_atoms):>10f}  funding {atoms_to_usdc(report.funding_atoms):>10f}"
            f"  drawdown {atoms_to_usdc(report.max_drawdown_atoms):>10f}"
        )
        for row in report.markets:
            if row.fills:
                print(f"  {row.symbol}: {row.maker_fills} of {row.fills} as maker, {row.position_lots} lots left")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=120)
    main(parser.parse_args().minutes)
