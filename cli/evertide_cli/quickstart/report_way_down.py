"""The summary's part about liquidations, insurance, deficits, deleveraging, and who lost what to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evertide_cli.output import table
from evertide_cli.terms import MARKETS

from .index import A_ONE
from .tape import MICRO
from .way_down import REACTION_MOST_MS, expected

if TYPE_CHECKING:
    from rich.console import Console

    from .books import Bankruptcy, Books
    from .report import Outcome

WAYS = {
    "orders": "against orders",
    "transfer": "to a liquidator",
    "backstop": "to the backstop",
    "deleveraged": "deleveraged at mark",
}
A_PLACES = Decimal("0.000001")


def usd(atoms: int) -> Decimal:
    """USD from quote atoms, exact."""
    return Decimal(atoms) / MICRO


def liquidation_lines(books: Books) -> list[dict[str, Any]]:
    """Liquidations by market and way."""
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for item in sorted(books.liquidations, key=lambda item: (item.market_index, list(WAYS).index(item.way))):
        empty = {
            "market": MARKETS[item.market_index].symbol,
            "liquidation": WAYS[item.way],
            "steps": 0,
            "to nothing": 0,
            "lots": 0,
            "notional_usd": Decimal(0),
            "liquidation_fees_usd": Decimal(0),
            "insurance_fees_usd": Decimal(0),
        }
        row = rows.setdefault((item.market_index, item.way), empty)
        row["steps"] += 1
        row["to nothing"] += item.whole
        row["lots"] += item.lots
        row["notional_usd"] += usd(item.notional_atoms)
        row["liquidation_fees_usd"] += usd(item.liquidator_fee_atoms)
        row["insurance_fees_usd"] += usd(item.insurance_fee_atoms)
    return list(rows.values())


def side_lines(books: Books) -> list[dict[str, Any]]:
    """A, J and epoch of each side: the least that deleveraging left of a lot, and what it paid for the rest then."""
    return [
        {
            "market": plan.symbol,
            "side": ("long", "short")[number],
            "A_least": (Decimal(side.a_least) / A_ONE).quantize(A_PLACES),
            "J_then_usd_a_lot": (Decimal(side.closing_then) / A_ONE / MICRO).quantize(A_PLACES),
            "A_at_the_end": (Decimal(side.a) / A_ONE).quantize(A_PLACES),
            "epoch": side.epoch,
        }
        for index, plan in enumerate(MARKETS)
        for number, side in enumerate(books.markets[index].index.sides)
    ]


def deficit_lines(books: Books) -> list[dict[str, Any]]:
    """What bankruptcies cost each market, by who paid."""
    return [
        {
            "market": plan.symbol,
            "fees_usd": usd(book.fees_borne_atoms),
            "insurance_usd": usd(book.insurance_paid_atoms),
            "deleveraging_usd": usd(
                sum(item.deleveraged_atoms for item in books.bankruptcies if item.market_index == index)
            ),
            "tranche_usd": usd(book.tranche_paid_atoms),
            "recorded_usd": usd(book.recorded_atoms),
            "repaid_usd": usd(book.repaid_atoms),
            "given_up_usd": usd(book.given_up_atoms),
            "fractions_usd": usd(book.waived_atoms + book.unbacked_atoms),
        }
        for index, plan in enumerate(MARKETS)
        for book in (books.markets[index],)
    ]


def _losers(item: Bankruptcy, names: Mapping[str, str]) -> str:
    """`maker-1 12.3, taker-2 4.5`, the largest first."""
    ranked = sorted(item.losers.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{named(user, names)} {usd(atoms):,.2f}" for user, atoms in ranked)


def named(user: str, names: Mapping[str, str]) -> str:
    """A trader's name; a backstop's or a stranger's address, shortened."""
    return names.get(user, f"{user[:4]}..{user[-4:]}")


def bankruptcy_lines(books: Books, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Who lost what to whom: each market's share of each bankruptcy and who paid it."""
    return [
        {
            "bankrupt": named(item.user, names),
            "market": MARKETS[item.market_index].symbol,
            "closed_lots": item.closed_lots,
            "share_usd": usd(item.share_atoms),
            "fees_usd": usd(item.fees_atoms),
            "insurance_usd": usd(item.insurance_atoms),
            "traders_usd": usd(item.deleveraged_atoms),
            "tranche_usd": usd(item.tranche_atoms),
            "recorded_usd": usd(item.recorded_atoms),
            "traders who lost": _losers(item, names),
        }
        for item in books.bankruptcies
    ]


def sale_lines(books: Books, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Collateral sold."""
    return [
        {
            "account": named(item.user, names),
            "buyer": named(item.liquidator, names),
            "sol": Decimal(item.amount_atoms) / 10**9,
            "paid_usd": usd(item.paid_atoms),
            "discount_bps": item.discount_bps,
        }
        for item in books.sales
    ]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Money as decimal text."""
    return [{key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()} for row in rows]


def document(outcome: Outcome) -> dict[str, Any]:
    """The way down for the JSON summary."""
    books, names = outcome.books, outcome.names
    reaction = outcome.reaction
    return {
        "expected": [{**asdict(item), "seen": item.seen} for item in expected(books)],
        "all_expected": outcome.all_expected,
        "reaction": None
        if reaction is None
        else {
            "slots": reaction.slots,
            "slot_ms": reaction.slot_ms,
            "time_ms": reaction.time_ms,
            "most_ms": REACTION_MOST_MS,
            "in_time": reaction.in_time,
        },
        "liquidations_begun": books.liquidations_begun,
        "liquidations_ended": books.liquidations_ended,
        "orders_cancelled_below_cancel_margin": books.orders_cancelled_in_danger,
        "liquidations": _plain(liquidation_lines(books)),
        "collateral_sales": _plain(sale_lines(books, names)),
        "bankruptcies": _plain(bankruptcy_lines(books, names)),
        "losses_by_trader": [
            {
                "bankrupt": named(item.user, names),
                "market": MARKETS[item.market_index].symbol,
                "losers": {named(user, names): str(usd(atoms)) for user, atoms in sorted(item.losers.items())},
            }
            for item in books.bankruptcies
        ],
        "deficits": _plain(deficit_lines(books)),
        "sides": _plain(side_lines(books)),
        "insurance": {
            "before_usd": str(usd(books.insurance_before_atoms or books.insurance_atoms)),
            "after_usd": str(usd(books.insurance_atoms)),
            "paid_usd": str(usd(books.insurance_paid_atoms)),
            "backstop_profit_usd": str(usd(books.backstop_profit_atoms)),
            "tranche_usd": str(usd(books.tranche_atoms)),
        },
    }


def print_way_down(out: Console, outcome: Outcome) -> None:
    """The tables."""
    books, names = outcome.books, outcome.names
    out.print(table(liquidation_lines(books), "Liquidations"))
    if books.sales:
        out.print(table(sale_lines(books, names), "Collateral sold"))
    if books.bankruptcies:
        out.print(table(bankruptcy_lines(books, names), "Who lost what to whom"))
        out.print(table(deficit_lines(books), "Deficits by who paid"))
    out.print(table(side_lines(books), "Sides"))
    before = books.insurance_before_atoms or books.insurance_atoms
    out.print(
        f"insurance fund: ${usd(before):,.2f} before the first liquidation, ${usd(books.insurance_atoms):,.2f} at the "
        f"end; bankruptcies took ${usd(books.insurance_paid_atoms):,.2f}, "
        f"backstops brought ${usd(books.backstop_profit_atoms):,.2f}"
    )
    out.print(
        f"{books.liquidations_begun} liquidations begun, {books.liquidations_ended} ended; "
        f"{books.orders_cancelled_in_danger} orders cancelled below cancel margin"
    )
    if (reaction := outcome.reaction) is not None:
        out.print(
            f"from the price to the first liquidation: {reaction.slots} slots of {reaction.slot_ms} ms, "
            f"{reaction.time_ms:,} ms (at most {REACTION_MOST_MS:,} ms: {'yes' if reaction.in_time else 'NO'})"
        )
    for item in expected(books):
        if not item.seen:
            told = "[bold red]MISSING[/bold red]" if outcome.all_expected else "not on this tape"
            out.print(f"{told}: {item.what}")
