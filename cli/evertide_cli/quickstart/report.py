"""What the run prints: live lines as it happens, then a summary, as rich tables and as one JSON document."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertide_cli.errors import CliError
from evertide_cli.output import console, table
from evertide_cli.terms import MARKETS

from .report_way_down import document as way_down_document
from .report_way_down import print_way_down, usd
from .tape import format_time
from .way_down import expected

if TYPE_CHECKING:
    from .books import Books
    from .check import Check
    from .life import BarReport
    from .way_down import Reaction

PRESSURE_NAMES = {1: "buyers", 0: "calm", -1: "sellers"}


def quantile(values: Sequence[int], percent: int) -> int:
    """The value below which `percent` of the sorted values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else 0


@dataclass(slots=True)
class Story:
    """Prints the run's lines with the seconds since its start."""

    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    stages: dict[str, int] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """One line."""
        if not self.quiet:
            console().print(f"[dim]{time.monotonic() - self.started:6.1f}s[/dim] {text}", highlight=False)

    def stage(self, name: str) -> None:
        """Close a stage: its wall time goes into the summary."""
        now = time.monotonic()
        self.stages[name] = round((now - self._mark) * 1000)
        self._mark = now

    def bar(self, report: BarReport, bars: int) -> None:
        """One bar's line: prices, who presses, what was sent and done."""
        prices = "  ".join(f"{symbol[:3]} {usd(price):,.2f}" for symbol, price in report.prices.items())
        done = " ".join(f"{name} {count}" for name, count in report.actions.items() if count)
        self.say(
            f"bar {report.bar + 1:>3}/{bars} {format_time(report.tape_ms)[11:16]}  {prices}  "
            f"[cyan]{PRESSURE_NAMES[report.pressure]:<7}[/cyan] {report.transactions:>3} tx  {done}"
            + (f"  [yellow]{report.refused} refused[/yellow]" if report.refused else "")
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that the summary needs."""

    books: Books
    checks: Sequence[Check]
    units: Mapping[str, Sequence[int]]
    confirm_ms: Sequence[int]
    transactions: int
    failed_transactions: int
    refusals: Mapping[str, int]
    keeper_refusals: Mapping[str, int]
    traders: int
    names: Mapping[str, str]
    reaction: Reaction | None
    all_expected: bool
    tape: Mapping[str, Any]
    stages_ms: Mapping[str, int]
    strategies: Sequence[Mapping[str, Any]] = ()
    """What the traders that run a strategy did, a row each."""

    @property
    def held(self) -> bool:
        """Whether every check held and, on the default tape, all of the way down happened."""
        missing = self.all_expected and not all(item.seen for item in expected(self.books))
        return not missing and all(check.held for check in self.checks)


def market_lines(books: Books) -> list[dict[str, Any]]:
    """One row for each market: fills, volume, fees, funding."""
    rows = []
    for index, plan in enumerate(MARKETS):
        book = books.markets[index]
        rows.append(
            {
                "market": plan.symbol,
                "fills": book.fills,
                "volume_usd": usd(book.volume_atoms),
                "taker_fees_usd": usd(book.taker_fees_atoms),
                "maker_fees_usd": usd(book.maker_fees_atoms),
                "keeper_shares_usd": usd(book.rewards_atoms),
                "funding_paid_usd": usd(book.funding_paid_atoms),
                "funding_received_usd": usd(book.funding_received_atoms),
                "rate_most_e9": book.rate_most_e9,
                "rate_least_e9": book.rate_least_e9,
                "minutes_longs_paid": book.paid_up_ms // 60_000,
                "minutes_shorts_paid": book.paid_down_ms // 60_000,
            }
        )
    return rows


def unit_lines(units: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Compute units by instruction."""
    return [
        {
            "instruction": name,
            "calls": len(used),
            "least": min(used),
            "median": quantile(used, 50),
            "p95": quantile(used, 95),
            "most": max(used),
        }
        for name, used in sorted(units.items())
    ]


def document(outcome: Outcome) -> dict[str, Any]:
    """The summary as one JSON document; money as decimal text, counts and atoms as integers."""
    books = outcome.books
    return {
        "held": outcome.held,
        "tape": dict(outcome.tape),
        "traders": outcome.traders,
        "transactions": outcome.transactions,
        "failed_transactions": outcome.failed_transactions,
        "orders_placed": books.orders_placed,
        "orders_cancelled": books.orders_cancelled,
        "fills": sum(book.fills for book in books.markets.values()),
        "volume_usd": str(usd(sum(book.volume_atoms for book in books.markets.values()))),
        "markets": [
            {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
            for row in market_lines(books)
        ],
        "strategies": [dict(row) for row in outcome.strategies],
        "compute_units": unit_lines(outcome.units),
        "confirmation_ms": {
            "count": len(outcome.confirm_ms),
            "median": quantile(outcome.confirm_ms, 50),
            "p95": quantile(outcome.confirm_ms, 95),
            "most": max(outcome.confirm_ms, default=0),
        },
        "refused_orders": dict(outcome.refusals),
        "refused_keeper_actions": dict(outcome.keeper_refusals),
        "way_down": way_down_document(outcome),
        "events": dict(books.counts),
        "skipped_makers_by_reason": {str(reason): count for reason, count in sorted(books.skips.items())},
        "mismatches": [asdict(mismatch) for mismatch in books.mismatches[:20]],
        "stages_ms": dict(outcome.stages_ms),
        "checks": [{**asdict(check), "held": check.held} for check in outcome.checks],
    }


def write_json(path: Path, outcome: Outcome) -> None:
    """Write the summary. Raises CliError when the file cannot be written."""
    try:
        path.write_text(json.dumps(document(outcome), indent=2) + "\n")
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from None


def check_lines(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Each check with both its sides."""
    return [
        {
            "check": check.name,
            "from the chain": f"{check.left:,} ({check.left_name})",
            "from events": f"{check.right:,} ({check.right_name})",
            "held": "yes" if check.held else f"NO, off by {check.left - check.right:,}",
        }
        for check in checks
    ]


def print_summary(outcome: Outcome) -> None:
    """The tables at the end."""
    out = console()
    body = document(outcome)
    out.print()
    out.print(table(market_lines(outcome.books), "Markets"))
    if outcome.strategies:
        out.print(table(outcome.strategies, "Strategies"))
    out.print(table(unit_lines(outcome.units), "Compute units"))
    print_way_down(out, outcome)
    out.print()
    confirm = body["confirmation_ms"]
    out.print(
        f"{body['fills']:,} fills, volume ${Decimal(body['volume_usd']):,.2f}, "
        f"{body['orders_placed']:,} orders placed, "
        f"{body['orders_cancelled']:,} cancelled, {outcome.transactions:,} transactions "
        f"({outcome.failed_transactions} failed on chain)"
    )
    out.print(f"confirmation: median {confirm['median']} ms, p95 {confirm['p95']} ms, most {confirm['most']} ms")
    if outcome.refusals:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(outcome.refusals.items()))
        out.print(f"orders refused by the program: {listed}")
    if outcome.keeper_refusals:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(outcome.keeper_refusals.items()))
        out.print(f"keeper actions refused by the program: {listed}")
    out.print()
    out.print(table(check_lines(outcome.checks), "Conservation checks"))
    failed = [check.name for check in outcome.checks if not check.held]
    if failed:
        out.print(f"[bold red]{len(failed)} of {len(outcome.checks)} checks failed: {', '.join(failed)}[/bold red]")
    else:
        out.print(f"[bold green]all {len(outcome.checks)} checks held[/bold green]")
