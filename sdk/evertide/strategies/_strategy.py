"""The interface: what happens goes in, orders to send come out.

    class Always(Strategy):
        symbols = ("BTC-PERP",)

        def on_clock(self, view):
            market = view.market("BTC-PERP")
            return [] if market.position_lots else [PlaceOrder(symbol=market.symbol, side="bid", size_lots=10)]

The same object runs on a chain (`run_on_chain`) and on the engine's book (`evertide_keepers.backtest`). It sees frozen
views, keeps whatever it likes in itself, and must decide from those alone: no clock, no chance, no network. Then the
same views give the same decisions, and a run can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ._intents import Intents
from ._view import FundingNews, MarketView, StrategyFill, View


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """Settings of a strategy that has none."""


class Strategy:
    """Base of all strategies: every method answers with nothing to do.

    In one step the runner calls, in this order, `on_fill` for each fill since the step before, `on_funding` for each
    piece of news, `on_book` for each market whose book or prices changed, and `on_clock` once. What they ask for goes
    out together: cancels, then changes, then new orders.
    """

    #: Name on the command line.
    name: ClassVar[str] = ""
    #: What it does, in a line.
    summary: ClassVar[str] = ""
    #: Where its formula is from.
    source: ClassVar[str] = ""
    #: Dataclass of its settings.
    Settings: ClassVar[type[Any]] = NoSettings
    #: Markets that it sees and trades.
    symbols: tuple[str, ...] = ()

    def on_start(self, view: View) -> Intents:
        """The first view, before any other call."""
        return ()

    def on_book(self, view: View, market: MarketView) -> Intents:
        """A market's book, index or mark changed."""
        return ()

    def on_fill(self, view: View, fill: StrategyFill) -> Intents:
        """One of the account's orders was filled; the view is from after it."""
        return ()

    def on_funding(self, view: View, news: FundingNews) -> Intents:
        """A market's funding rate changed, or funding was paid or received."""
        return ()

    def on_clock(self, view: View) -> Intents:
        """Once in each step, last."""
        return ()

    def on_stop(self, view: View) -> Intents:
        """The run ends; the runner cancels what the strategy left open after this."""
        return ()

    def position_max_lots(self, market: MarketView) -> int | None:
        """Largest position on either side that it ever wants there; the runner refuses what could exceed it."""
        return None
