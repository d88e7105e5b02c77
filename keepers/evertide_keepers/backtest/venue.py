"""The exchange of a backtest: its markets, the strategy's account, and decisions on their way to the book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from evertide.math import MarginKind, market_order_limit
from evertide.strategies import (
    Batch,
    FundingNews,
    MarketView,
    News,
    NumberedOrder,
    OwnOrder,
    StrategyFill,
    View,
)
from evertide_engine.book import Outcome

from .account import Account
from .errors import TapeError
from .feed import FeedEvent, IndexPrice, OthersQuotes
from .market import OwnFill, SimulatedMarket
from .terms import BacktestMarket, BacktestSettings

MARKET_SLIPPAGE_BPS = 100
SIDES = ("bid", "ask")


class BacktestVenue:
    """What a `Session` is run against."""

    def __init__(self, markets: Sequence[BacktestMarket], settings: BacktestSettings) -> None:
        self.settings = settings
        self.markets = {terms.symbol: SimulatedMarket(terms, index) for index, terms in enumerate(markets)}
        self.account = Account(settings.equity_atoms, self.markets)
        self.refused: Counter[str] = Counter()
        self._news: list[News] = []
        self._told: dict[str, tuple[int, int]] = {}
        self._on_the_way: list[tuple[int, int, Batch]] = []
        self._numbers = count()

    @property
    def priced(self) -> bool:
        """Whether every market has an index price."""
        return all(market.index_q32 for market in self.markets.values())

    def take(self, event: FeedEvent) -> None:
        """An event of the tape, after every decision that reached the book before it. Raises `TapeError`."""
        self.deliver(event.time_ms)
        market = self.markets.get(event.symbol)
        if market is None:
            raise TapeError("a market of the tape", event.symbol, " or ".join(self.markets))
        if isinstance(event, IndexPrice):
            market.set_index(event.time_ms, event.price_q32)
        elif isinstance(event, OthersQuotes):
            self._book(event.time_ms, event.symbol, market.others_quote(event))
        else:
            self._book(event.time_ms, event.symbol, market.others_trade(event))

    def send(self, now_ms: int, batch: Batch) -> None:
        """A decision: it reaches the book after the latency."""
        if batch:
            self._on_the_way.append((now_ms + self.settings.latency_ms, next(self._numbers), batch))
            self.deliver(now_ms)

    def deliver(self, now_ms: int) -> None:
        """Put into the book whatever has arrived by now, in the order in which it was sent."""
        while self._on_the_way and self._on_the_way[0][0] <= now_ms:
            arrived_ms, _, batch = self._on_the_way.pop(0)
            self._arrive(arrived_ms, batch)

    def _arrive(self, now_ms: int, batch: Batch) -> None:
        for cancel in batch.cancels:
            if not any(market.cancel(now_ms, cancel.order_id) for market in self.markets.values()):
                self.refused[Outcome.UNKNOWN_ID.name] += 1
        for change in batch.modifies:
            for symbol, market in self.markets.items():
                if any(order.order_id == change.order_id for order in market.own_orders()):
                    outcome, fills = market.modify(now_ms, change.order_id, change.price_ticks, change.size_lots)
                    self._done(now_ms, symbol, outcome, fills)
                    break
            else:
                self.refused[Outcome.UNKNOWN_ID.name] += 1
        for numbered in batch.places:
            self._place(now_ms, numbered)

    def _place(self, now_ms: int, numbered: NumberedOrder) -> None:
        symbol = self._symbol(numbered.order.symbol)
        market, order = self.markets[symbol], numbered.order
        slippage = order.max_slippage_bps or MARKET_SLIPPAGE_BPS
        side, tick = int(order.side == "ask"), market.terms.atoms_per_lot_tick
        worst = market_order_limit(side, market.index_q32, slippage, tick)
        if not order.reduce_only and not self._has_margin(symbol, numbered, worst):
            self.refused["INITIAL_MARGIN"] += 1
            return
        self._done(now_ms, symbol, *market.place(now_ms, numbered, worst))

    def _symbol(self, name: str) -> str:
        wanted = name.upper()
        return wanted if wanted in self.markets else f"{wanted}-PERP"

    def _has_margin(self, symbol: str, numbered: NumberedOrder, worst_ticks: int) -> bool:
        """The initial margin test of placing, with every open order and this one."""
        orders = {name: market.own_orders() for name, market in self.markets.items()}
        orders[symbol].append(replace(_pending(numbered), price_ticks=numbered.order.price_ticks or worst_ticks))
        return self.account.excess_atoms(MarginKind.INITIAL, orders) >= 0

    def _done(self, now_ms: int, symbol: str, outcome: Outcome, fills: list[OwnFill]) -> None:
        if outcome not in (Outcome.RESTED, Outcome.FILLED, Outcome.CANCELLED):
            self.refused[outcome.name] += 1
        self._book(now_ms, symbol, fills)

    def _book(self, now_ms: int, symbol: str, fills: list[OwnFill]) -> None:
        for fill in fills:
            charged = self.account.take_fill(symbol, fill)
            self._news.append(
                StrategyFill(
                    symbol=symbol,
                    side=SIDES[fill.side],  # type: ignore[arg-type]
                    price_ticks=fill.price_ticks,
                    size_lots=fill.size_lots,
                    fee_atoms=charged,
                    maker=fill.maker,
                    order_id=fill.order_id,
                    client_order_id=fill.client_order_id,
                    time_ms=now_ms,
                )
            )

    def step(self, now_ms: int) -> tuple[View, list[News]]:
        """Bring everything to now; what the strategy sees, and the news since the step before."""
        self.deliver(now_ms)
        for market in self.markets.values():
            market.accrue(now_ms)
            market.tidy(now_ms)
        for symbol, market in self.markets.items():
            funding_atoms = self.account.funding_atoms(symbol)
            told_rate, told_atoms = self._told.get(symbol, (0, 0))
            if (market.rate_e9, funding_atoms) != (told_rate, told_atoms):
                self._told[symbol] = (market.rate_e9, funding_atoms)
                received = funding_atoms - told_atoms
                self._news.append(
                    FundingNews(symbol=symbol, rate_e9=market.rate_e9, received_atoms=received, time_ms=now_ms)
                )
        news, self._news = self._news, []
        return self.view(now_ms), news

    def view(self, now_ms: int) -> View:
        """The strategy's sight of now."""
        orders = {symbol: market.own_orders() for symbol, market in self.markets.items()}
        waiting = [numbered for _, _, batch in self._on_the_way for numbered in batch.places]
        for numbered in waiting:
            orders[self._symbol(numbered.order.symbol)].append(_pending(numbered))
        markets = {symbol: self._market_view(symbol, tuple(orders[symbol])) for symbol in self.markets}
        return View(
            now_ms=now_ms,
            equity_atoms=self.account.equity_atoms(),
            margin_excess_atoms=self.account.excess_atoms(MarginKind.INITIAL, orders),
            markets=markets,
        )

    def _market_view(self, symbol: str, orders: tuple[OwnOrder, ...]) -> MarketView:
        market, held = self.markets[symbol], self.account.now(symbol)[0]
        terms = market.terms
        return MarketView(
            symbol=symbol,
            market_index=market.index,
            tick_size_atoms=terms.tick_size_atoms,
            lot_size_e9=terms.lot_size_e9,
            atoms_per_lot_tick=terms.atoms_per_lot_tick,
            order_size_min_lots=terms.order_size_min_lots,
            taker_fee_ppm=terms.taker_fee_ppm,
            maker_fee_ppm=terms.maker_fee_ppm,
            bids=market.levels(0),
            asks=market.levels(1),
            index_price_q32=market.index_q32,
            mark_price_q32=market.mark_q32,
            funding_rate_e9=market.rate_e9,
            position_lots=held.size_lots,
            entry_atoms=held.entry_atoms,
            orders=orders,
        )

    def is_liquidated(self) -> bool:
        """Whether equity is below the maintenance requirement."""
        return self.account.excess_atoms(MarginKind.MAINTENANCE, {}) < 0


def _pending(numbered: NumberedOrder) -> OwnOrder:
    """An order on its way, as the strategy sees it."""
    order = numbered.order
    return OwnOrder(
        order_id=0,
        client_order_id=numbered.client_order_id,
        side=order.side,
        price_ticks=order.price_ticks or 0,
        size_lots=order.size_lots,
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        expiry_ms=order.expiry_ms,
    )
