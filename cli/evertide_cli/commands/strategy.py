"""`evertide strategy`: list, settings, run, backtest."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group, settings_of
from evertide_cli.errors import CliError, UsageProblem
from evertide_cli.output import console, progress, show, table
from evertide_cli.session import Session, run
from evertide_cli.terms import MARKETS

if TYPE_CHECKING:
    from typing import TextIO

    from evertide.strategies import Strategy
    from evertide_cli.strategy_file import StrategyFile
    from evertide_keepers.backtest import BacktestMarket, BacktestReport, FeedEvent

app = group("Strategies: list them, run one on an exchange, or backtest it on the engine's own book.")

PPM_PER_TENTH_BPS = 10
#: Where the generator's others see the price against the index, in bps, by hour: it differs, so that funding does.
PRESSURE_BPS = {"BTC-PERP": (15, -15, 0), "ETH-PERP": (5, -5, 0), "SOL-PERP": (25, -25, 0)}
FILE = typer.Option(..., "--file", help="Strategy file (TOML).")


@app.command("list")
def list_strategies(context: typer.Context) -> None:
    """The strategies that come with the SDK."""
    from evertide.strategies import STRATEGIES

    rows = [{"name": kind.name, "what": kind.summary, "source": kind.source} for kind in STRATEGIES.values()]
    show(rows, as_json=settings_of(context).as_json)


@app.command("settings")
def list_settings(context: typer.Context, name: str = typer.Argument(help="Name from the list.")) -> None:
    """Every setting of a strategy with its default; a dash: it must be given."""
    from evertide.strategies import settings_table, strategy_named

    show(settings_table(strategy_named(name)), as_json=settings_of(context).as_json, title=name)


@app.command("run")
def run_strategy(
    context: typer.Context,
    file: Path = FILE,
    steps: int = typer.Option(None, "--steps", min=1, help="End after so many steps; default: until interrupted."),
) -> None:
    """Run a strategy with one's account until interrupted; then its orders are cancelled and a report is shown.

    The account (--sub-id) is the strategy's alone: orders in it die when the runner does. With --dry-run it looks once
    and shows what it would send.
    """
    from evertide_cli.strategy_file import read_strategy

    chosen = read_strategy(file)

    async def body(session: Session) -> None:
        from evertide.strategies import ChainVenue, StrategyRunner

        venue = ChainVenue(session.client, chosen.strategy.symbols, sub_id=session.settings.sub_id)
        if session.settings.dry_run:
            await _look_once(chosen, venue, as_json=session.settings.as_json)
            return
        run_settings = dataclasses.replace(chosen.run, steps_max=steps)
        runner = StrategyRunner(chosen.strategy, venue, run_settings)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, runner.stop)
        with progress(f"{runner.report.strategy} runs; interrupt to end", as_json=_silent(session.settings.as_json)):
            report = await runner.run()
        show(_plain(dataclasses.asdict(report)), as_json=session.settings.as_json)
        if report.left_open:
            raise CliError(f"{report.left_open} orders could not be cancelled; they die at the dead man's deadline")

    if settings_of(context).export_unsigned is not None:
        raise UsageProblem("strategy run sends until it is stopped: --export-unsigned has nothing to write")
    run(context, body, sign=True)


async def _look_once(chosen: StrategyFile, venue: Any, *, as_json: bool) -> None:
    """The first view and what the strategy makes of it; nothing is sent."""
    from evertide.strategies import Session as Decisions

    view, _ = await venue.look()
    decisions = Decisions(chosen.strategy, start_ms=view.now_ms, limits=chosen.limits)
    decisions.start(view)
    batch = decisions.step(view)
    body = {"dry_run": True, "equity_atoms": str(view.equity_atoms), "decided": dataclasses.asdict(batch)}
    show(body, as_json=as_json)


@app.command("backtest")
def backtest(
    context: typer.Context,
    file: Path = FILE,
    trades: Path = typer.Option(None, "--trades", help="CSV of trades: time_ms,price,size,side (buy or sell)."),
    tape: Path = typer.Option(None, "--tape", help="CSV of bars, as the quickstart reads it; default: a generator."),
    start: str = typer.Option(None, "--from", help="First bar, e.g. 2022-01-20T22:53."),
    bars: int = typer.Option(6, "--bars", help="Bars of the tape."),
    interval_minutes: int = typer.Option(None, "--interval-minutes", help="Length of a bar."),
    seed: int = typer.Option(1, "--seed", min=0, help="Seed of the generator and of the order flow around bars."),
    journal: Path = typer.Option(None, "--journal", help="Write every step that did something, a line of JSON each."),
) -> None:
    """Run a strategy on the engine's own book, with the standard markets' terms.

    The same words give the same report and the same journal, byte for byte.
    """
    from evertide_cli.strategy_file import read_strategy
    from evertide_keepers import KeeperError
    from evertide_keepers.backtest import run_backtest

    settings = settings_of(context)
    chosen = read_strategy(file)
    if trades is not None and tape is not None:
        raise UsageProblem("--trades and --tape exclude each other")
    markets = [market_named(symbol) for symbol in chosen.strategy.symbols]
    feed = (
        _trades(chosen.strategy, markets, trades)
        if trades
        else _bars(markets, tape, start, bars, interval_minutes, seed)
    )
    with ExitStack() as stack:
        stream = None if journal is None else stack.enter_context(_opened(journal))
        stack.enter_context(progress("backtest", as_json=_silent(settings.as_json)))
        try:
            report = run_backtest(chosen.strategy, markets, feed, chosen.backtest, journal=stream)
        except KeeperError as error:
            raise UsageProblem(str(error)) from None
    _tell(report, as_json=settings.as_json)


def market_named(symbol: str) -> BacktestMarket:
    """A standard market's terms for a backtest. Raises UsageProblem."""
    from evertide_cli.terms import exchange_terms
    from evertide_keepers.backtest import BacktestMarket

    wanted = (symbol.upper(), f"{symbol.upper()}-PERP")
    plan = next((plan for plan in MARKETS if plan.symbol in wanted), None)
    if plan is None:
        known = ", ".join(plan.symbol for plan in MARKETS)
        raise UsageProblem(f"a backtest has the standard markets {known}; the strategy names {symbol!r}")
    fees, tier = exchange_terms().fee_tiers[0], plan.tier
    ratio = tier.initial_ratio_bps
    return BacktestMarket(
        symbol=plan.symbol,
        tick_size_atoms=plan.tick_size_atoms,
        lot_size_e9=plan.lot_size_e9,
        impact_notional_atoms=plan.impact_notional_atoms,
        tier_bound_usd=tier.bound_usd,
        tier_ratio_bps=(ratio, 2 * ratio, 4 * ratio, 10 * ratio),
        mark_radius_bps=tier.mark_radius_bps,
        taker_fee_ppm=fees.taker_fee_tenth_bps * PPM_PER_TENTH_BPS,
        maker_fee_ppm=fees.maker_fee_tenth_bps * PPM_PER_TENTH_BPS,
    )


def _trades(strategy: Strategy, markets: list[BacktestMarket], path: Path) -> Iterable[FeedEvent]:
    from evertide_keepers.backtest import read_trades, trades_feed

    if len(markets) != 1:
        raise UsageProblem(f"--trades holds one market; {strategy.name} trades {len(markets)}")
    return trades_feed(read_trades(path), markets[0])


def _bars(
    markets: list[BacktestMarket], path: Path | None, start: str | None, bars: int, minutes: int | None, seed: int
) -> Iterable[FeedEvent]:
    """Each market along the tape's bars, the others around it from the seed."""
    from evertide_cli.quickstart import tape as tapes
    from evertide_keepers.backtest import FlowSettings, generated_feed, in_order

    found = tapes.load(path, start, bars, seed, minutes)
    prices = tapes.prices_of(found, seed)
    end_ms = found.bars[-1].time_ms + found.interval_ms
    feeds = []
    for market in markets:
        # A bar's price is its close: reached when it ends.
        points = [
            (bar.time_ms + found.interval_ms, price)
            for bar, price in zip(found.bars, prices[market.symbol], strict=True)
        ]
        feeds.append(
            generated_feed(
                market,
                price_micro=points[0][1],
                start_ms=found.bars[0].time_ms,
                duration_ms=end_ms - found.bars[0].time_ms,
                seed=seed,
                settings=FlowSettings(pressure_bps=PRESSURE_BPS[market.symbol]),
                path=points,
            )
        )
    return in_order(*feeds)


def _silent(as_json: bool) -> bool:
    """Whether to show no progress: for programs, and where nobody looks, so that an error stays one line."""
    return as_json or not sys.stderr.isatty()


def _opened(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"cannot write journal {path}: {error.strerror}", path=path) from None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Amounts as decimal strings."""
    return {key: str(value) if key.endswith("_atoms") else value for key, value in values.items()}


def _tell(report: BacktestReport, *, as_json: bool) -> None:
    plain = report.to_plain()
    if as_json:
        show(plain, as_json=True)
        return
    rows = plain.pop("markets")
    show(plain, as_json=False)
    console().print(table(rows))
