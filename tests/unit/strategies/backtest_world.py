"""Markets and tapes for tests of the backtest: whole numbers that can be checked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evertide.strategies import Intent, MarketView, PlaceOrder, PriceLevel, Strategy, StrategyFill, View
from evertide_keepers.backtest import BacktestMarket, FeedEvent, IndexPrice, OthersQuotes, OthersTrade

#: On the hour.
START_MS = 1_767_571_200_000
BTC = "BTC-PERP"


def market(symbol: str = BTC, **more: Any) -> BacktestMarket:
    """A lot at a tick is 100 atoms; a lot at 10,000 ticks is a dollar."""
    given: dict[str, Any] = {
        "tick_size_atoms": 1_000,
        "lot_size_e9": 100_000_000,
        "impact_notional_atoms": 100_000_000,
        "tier_bound_usd": (1_000_000, 5_000_000, 20_000_000, 60_000_000),
        "tier_ratio_bps": (250, 500, 1_000, 2_500),
    }
    return BacktestMarket(symbol=symbol, **(given | more))


def index(at_ms: int, ticks: int, symbol: str = BTC) -> IndexPrice:
    """An index price in ticks."""
    return IndexPrice(START_MS + at_ms, symbol, ticks * 100 << 32)


def quotes(at_ms: int, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> OthersQuotes:
    """The others' book."""
    return OthersQuotes(
        START_MS + at_ms, BTC, tuple(PriceLevel(*item) for item in bids), tuple(PriceLevel(*item) for item in asks)
    )


def trade(at_ms: int, side: str, ticks: int, lots: int) -> OthersTrade:
    """Somebody takes."""
    return OthersTrade(START_MS + at_ms, BTC, side, ticks, lots)


def calm(until_ms: int, every_ms: int = 1_000, ticks: int = 10_000) -> list[FeedEvent]:
    """An index that stands, with 500 lots 10 ticks away on either side at first."""
    first: list[FeedEvent] = [index(0, ticks), quotes(0, [(ticks - 10, 500)], [(ticks + 10, 500)])]
    return first + [index(at_ms, ticks) for at_ms in range(every_ms, until_ms + 1, every_ms)]


class Timed(Strategy):
    """Answers at given steps, counted from 1; remembers what it saw."""

    name = "timed"
    symbols = (BTC,)

    def __init__(self, answers: dict[int, Sequence[Intent]]) -> None:
        self.answers = answers
        self.step = 0
        self.fills: list[StrategyFill] = []
        self.views: list[MarketView] = []

    def on_fill(self, view: View, fill: StrategyFill) -> Sequence[Intent]:
        self.fills.append(fill)
        return ()

    def on_clock(self, view: View) -> Sequence[Intent]:
        self.step += 1
        self.views.append(view.market(BTC))
        return self.answers.get(self.step, ())


def limit(side: str, ticks: int, lots: int, **more: Any) -> PlaceOrder:
    """A limit order."""
    return PlaceOrder(symbol=BTC, side=side, size_lots=lots, price_ticks=ticks, **more)  # type: ignore[arg-type]
