"""Runs a strategy on the engine's book: the tape's clock is the only clock, so that a run repeats to the digit.

Between two steps the tape's events and one's own orders reach the book in order of time, an order `latency_ms` after
its decision. Each step accrues funding and marks, shows the strategy what is there, and takes its decisions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TextIO

from evertide.strategies import Batch, News, Session, Strategy, View

from .errors import TapeError
from .feed import FeedEvent, in_order
from .report import BacktestReport, MarketReport
from .terms import BacktestMarket, BacktestSettings
from .venue import BacktestVenue


class _Drawdown:
    """Largest fall of equity below its highest value before, and largest positions."""

    def __init__(self) -> None:
        self.most_atoms = self.most_drawdown_atoms = 0
        self.most_lots: dict[str, int] = {}

    def see(self, view: View) -> None:
        """A step."""
        self.most_atoms = max(self.most_atoms, view.equity_atoms)
        self.most_drawdown_atoms = max(self.most_drawdown_atoms, self.most_atoms - view.equity_atoms)
        for symbol, market in view.markets.items():
            self.most_lots[symbol] = max(self.most_lots.get(symbol, 0), abs(market.position_lots))


def run_backtest(
    strategy: Strategy,
    markets: Sequence[BacktestMarket],
    feed: Iterable[FeedEvent],
    settings: BacktestSettings | None = None,
    *,
    journal: TextIO | None = None,
) -> BacktestReport:
    """Run a strategy through a tape of at least one step. `journal` gets a line of JSON for each step that did
    something.

    Raises `BacktestError` for a tape or market that cannot be used, and what the strategy's own answers raise.
    """
    chosen = settings or BacktestSettings()
    venue, drawdown = BacktestVenue(markets, chosen), _Drawdown()
    session: Session | None = None
    start_ms = next_ms = last_ms = 0
    ended, view = "tape", None
    for event in in_order(feed):
        while session is not None and event.time_ms >= next_ms:
            view, ended = _step(session, venue, next_ms, drawdown, journal)
            next_ms += chosen.interval_ms
            if ended != "tape":
                break
        if ended != "tape":
            break
        venue.take(event)
        last_ms = event.time_ms
        if session is None and venue.priced:
            start_ms, next_ms = last_ms, last_ms + chosen.interval_ms
            session = Session(strategy, start_ms=start_ms, limits=chosen.limits)
            venue.send(last_ms, session.start(venue.view(last_ms)))
    if session is None or view is None:
        found = (
            f"{last_ms - start_ms} ms with prices of {sum(bool(m.index_q32) for m in venue.markets.values())} markets"
        )
        raise TapeError("a tape of at least one step and a price of every market", found, f"{chosen.interval_ms} ms")
    end_ms = max(last_ms, view.now_ms)
    view, news = venue.step(end_ms)
    drawdown.see(view)
    _write(journal, view, news, session.stop(view))
    return _report(strategy, session, venue, drawdown, (start_ms, end_ms), ended)


def _step(
    session: Session, venue: BacktestVenue, now_ms: int, drawdown: _Drawdown, journal: TextIO | None
) -> tuple[View, str]:
    """One step; the view, and why the run ends (`tape`: it does not)."""
    view, news = venue.step(now_ms)
    drawdown.see(view)
    if venue.is_liquidated():
        return view, "liquidation"
    if session.lost_too_much(view):
        return view, "loss limit"
    batch = session.step(view, news)
    _write(journal, view, news, batch)
    venue.send(now_ms, batch)
    return view, "tape"


def _write(journal: TextIO | None, view: View, news: Sequence[News], batch: Batch) -> None:
    if journal is None or not (news or batch or batch.dropped):
        return
    line = {
        "time_ms": view.now_ms,
        "equity_atoms": str(view.equity_atoms),
        "news": [{"kind": type(item).__name__, **asdict(item)} for item in news],
        "decided": asdict(batch),
    }
    journal.write(json.dumps(line) + "\n")


def _report(
    strategy: Strategy,
    session: Session,
    venue: BacktestVenue,
    drawdown: _Drawdown,
    span_ms: tuple[int, int],
    ended: str,
) -> BacktestReport:
    account, counters = venue.account, session.counters
    rows = []
    for symbol, held in account.positions.items():
        value = account.value_atoms(symbol)
        rows.append(
            MarketReport(
                symbol=symbol,
                fills=held.fills,
                maker_fills=held.maker_fills,
                volume_atoms=held.volume_atoms,
                fees_atoms=held.fees_atoms,
                funding_atoms=account.funding_atoms(symbol),
                pnl_atoms=value,
                position_lots=held.holding.size_lots,
                position_most_lots=drawdown.most_lots.get(symbol, 0),
            )
        )
    end_atoms = account.equity_atoms()
    return BacktestReport(
        strategy=strategy.name or type(strategy).__name__,
        ended=ended,
        start_ms=span_ms[0],
        end_ms=span_ms[1],
        steps=counters.steps,
        equity_start_atoms=venue.settings.equity_atoms,
        equity_end_atoms=end_atoms,
        pnl_atoms=end_atoms - venue.settings.equity_atoms,
        fees_atoms=sum(row.fees_atoms for row in rows),
        funding_atoms=sum(row.funding_atoms for row in rows),
        volume_atoms=sum(row.volume_atoms for row in rows),
        fills=sum(row.fills for row in rows),
        max_drawdown_atoms=drawdown.most_drawdown_atoms,
        placed=counters.placed,
        modified=counters.modified,
        cancelled=counters.cancelled,
        refused=dict(sorted(venue.refused.items())),
        limited=dict(sorted(counters.dropped_by_rule.items())),
        markets=tuple(rows),
        decisions_sha256=session.decisions_sha256,
    )
