"""`evertide audit`: matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evertide_cli.app import group
from evertide_cli.errors import CliError
from evertide_cli.output import progress, show
from evertide_cli.session import Session, address, run, symbol_of

if TYPE_CHECKING:
    from evertide import Market
    from evertide.audit import MatchingAudit, SkippedOrder

app = group("Replay what the exchange did from its events, and judge it.")

ROWS_MAX = 200


@app.callback()
def audit() -> None:
    """Keep the group a group while it has one command."""


@app.command("matching")
def matching(
    context: typer.Context,
    market: str = typer.Argument(help="Symbol or index."),
    keeper: str = typer.Option("", "--keeper", help="Only matches of this keeper: its account or its fee payer."),
    doubtful: bool = typer.Option(False, "--doubtful", help="List also what the events alone cannot decide."),
    rows: int = typer.Option(20, min=1, max=ROWS_MAX, help="Skipped orders to list; JSON lists all."),
) -> None:
    """Replay a market's events: every better order that a match skipped, by keeper, and the market's rolling hash.

    Exit code 1 when one was skipped beyond doubt, when the hash does not follow from the fills, or when events are
    missing.
    """

    async def body(session: Session) -> None:
        if keeper:
            address(keeper, "--keeper")
        listed = await session.market(market)
        with progress(f"reading the events of {symbol_of(listed)}", as_json=session.settings.as_json):
            found = await session.client.audit_matching(listed.index)
        after = await session.market(str(listed.index))
        verdict = compare_hash(found, after)
        if session.settings.as_json:
            show(as_document(found, listed, keeper, verdict), as_json=True)
        else:
            tell(found, listed, keeper, doubtful, rows, verdict)
        fail(found, keeper, verdict)

    run(context, body)


def compare_hash(found: MatchingAudit, market: Market) -> str:
    """Whether the replayed hash is the account's: `same`, `different`, or `moved on` when events came since."""
    if market.sequence != found.last_sequence + 1:
        return "moved on"
    return "same" if market.event_hash == found.event_hash else "different"


def of_keeper(entry: Any, keeper: str) -> bool:
    """Whether a record or a finding is this keeper's; no name means everybody's."""
    return not keeper or keeper in (str(entry.keeper), entry.payer)


def as_document(found: MatchingAudit, market: Market, keeper: str, verdict: str) -> dict[str, Any]:
    """The whole report for programs."""
    return {
        "market": symbol_of(market),
        "market_index": found.market_index,
        "clean": found.clean and verdict != "different",
        "whole": found.whole,
        "first_sequence": found.first_sequence,
        "last_sequence": found.last_sequence,
        "matches": found.matches,
        "liquidations": found.liquidations,
        "fills": found.fills,
        "filled_lots": found.filled_lots,
        "named_skips": reasons(found),
        "event_hash": found.event_hash,
        "account_hash": verdict,
        "hash_breaks": found.hash_breaks,
        "gaps": found.gaps,
        "mismatches": found.mismatches,
        "unknown_takers": found.unknown_takers,
        "keepers": [record for record in found.keepers if of_keeper(record, keeper)],
        "skipped": [order for order in found.skipped if of_keeper(order, keeper)],
    }


def reasons(found: MatchingAudit) -> dict[str, int]:
    """Makers passed over with a reason, by its name."""
    from evertide import SkipReason

    known = {int(reason): reason.name.lower() for reason in SkipReason}
    return {known.get(reason, str(reason)): count for reason, count in found.named_skips.items()}


def tell(found: MatchingAudit, market: Market, keeper: str, doubtful: bool, rows: int, verdict: str) -> None:
    """The report for people."""
    from evertide import atoms_to_usdc, lots_to_size

    lot = market.terms.lot_size_e9
    head = {
        "events": f"{found.first_sequence} to {found.last_sequence}" if found.last_sequence >= 0 else "none",
        "whole history": found.whole,
        "matches": found.matches,
        "liquidations against orders": found.liquidations,
        "fills": found.fills,
        "filled": lots_to_size(found.filled_lots, lot_size_e9=lot),
        "makers passed over with a reason": ", ".join(f"{name} {n}" for name, n in reasons(found).items()) or "none",
        "rolling hash": f"{len(found.hash_breaks)} breaks; the account's is {verdict}",
        "missing events": len(found.gaps),
        "values that do not follow": len(found.mismatches),
        "skipped better orders": f"{len(found.certain)} certain, {len(found.skipped) - len(found.certain)} in doubt",
    }
    show(head, as_json=False, title=f"matching of {symbol_of(market)}")
    records = [
        {
            "keeper": named(record.keeper),
            "fee_payer": record.payer,
            "matches": record.matches,
            "fills": record.fills,
            "named_skips": record.named_skips,
            "skipped": record.skipped_orders,
            "in_doubt": record.doubtful_orders,
            "displaced": lots_to_size(record.displaced_lots, lot_size_e9=lot),
            "cost_to_takers_usd": atoms_to_usdc(record.taker_cost_atoms),
        }
        for record in found.keepers
        if of_keeper(record, keeper)
    ]
    show(records, as_json=False, title="keepers")
    chosen = found.skipped if doubtful else found.certain
    listed = [row(order, market) for order in chosen if of_keeper(order, keeper)]
    if listed:
        title = "skipped orders" if len(listed) <= rows else f"skipped orders: first {rows} of {len(listed)}"
        show(listed[:rows], as_json=False, title=title)


def named(keeper: Any) -> str:
    """A keeper's account, or that none was named."""
    from solders.pubkey import Pubkey

    return "none named" if keeper == Pubkey.default() else str(keeper)


def row(order: SkippedOrder, market: Market) -> dict[str, Any]:
    """One finding; JSON has the signature and the order filled instead too."""
    from solders.pubkey import Pubkey

    from evertide import lots_to_size, ticks_to_price

    lot, tick = market.terms.lot_size_e9, market.terms.tick_size_atoms
    return {
        "event": order.sequence,
        "slot": order.slot,
        "skipped_owner": str(order.user),
        "order_id": order.order_id,
        "price": ticks_to_price(order.price_ticks, tick_size_atoms=tick),
        "displaced": lots_to_size(order.displaced_lots, lot_size_e9=lot),
        "filled_at": ticks_to_price(order.filled_price_ticks, tick_size_atoms=tick),
        "keeper": order.payer if order.keeper == Pubkey.default() else str(order.keeper),
        "doubts": ", ".join(order.doubts) or "none",
    }


def fail(found: MatchingAudit, keeper: str, verdict: str) -> None:
    """Raise CliError for what speaks against the keeper asked for, or against the record itself."""
    certain = [order for order in found.certain if of_keeper(order, keeper)]
    broken = {
        "better orders were skipped": len(certain),
        "hashes do not follow from the fills": len(found.hash_breaks),
        "gaps in the market's events": len(found.gaps),
        "values do not follow from the events before": len(found.mismatches),
        "the account's hash is another one": int(verdict == "different"),
    }
    if any(broken.values()):
        raise CliError(", ".join(f"{count} {what}" for what, count in broken.items() if count))
