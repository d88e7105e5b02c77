"""Backtests: a strategy of `evertide.strategies` on the engine's own book.

    from evertide_keepers.backtest import BacktestMarket, run_backtest, read_trades, trades_feed
    report = run_backtest(strategy, [market], trades_feed(read_trades(path), market))

It stands beside the keepers because only here both the SDK's arithmetic and the numba book may be imported.
"""

from __future__ import annotations

from .errors import BacktestError, TapeError
from .feed import FeedEvent, IndexPrice, OthersQuotes, OthersTrade, in_order
from .flow import BookShape, FlowSettings, RecordedTrade, generated_feed, read_trades, trades_feed
from .report import BacktestReport, MarketReport
from .run import run_backtest
from .terms import BacktestMarket, BacktestSettings
from .venue import BacktestVenue

__all__ = [
    "BacktestError",
    "BacktestMarket",
    "BacktestReport",
    "BacktestSettings",
    "BacktestVenue",
    "BookShape",
    "FeedEvent",
    "FlowSettings",
    "IndexPrice",
    "MarketReport",
    "OthersQuotes",
    "OthersTrade",
    "RecordedTrade",
    "TapeError",
    "generated_feed",
    "in_order",
    "read_trades",
    "run_backtest",
    "trades_feed",
]
