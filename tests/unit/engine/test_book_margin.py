"""The book with margin against the plain book with the SDK's valuation of whole accounts."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
from book_margin_reference import TICK_VALUE, MarginBook, cache_record
from book_streams import BASE, OWNERS, check_conservation, check_storage, records, rows_of, seeded

from evertide_engine.book import CANCELLATION, FILL, Book, Code, Outcome, Reason
from evertide_engine.book_errors import error_of
from evertide_engine.book_layout import ACCOUNT
from evertide_engine.book_snapshot import restore, snapshot, state_hash

SEEDS = range(250)
FAILED_SEEDS: tuple[int, ...] = ()
"""Seeds outside `SEEDS` that once told the books apart."""
FIELDS = {
    "basis_lots": "lots", "cash_atoms": "cash", "open_bid_lots": "bid", "open_ask_lots": "ask",
    "max_bid_ticks": "high", "min_ask_ticks": "low", "rest_equity_atoms": "quote",
}  # fmt: skip


def mark(ticks: int, **more: int) -> dict[str, Any]:
    """New prices of margin: all of them, or with one apart."""
    price = ticks * TICK_VALUE << 32
    return {"code": Code.MARK, "price_ticks": price, "lots": price, "terms": price, **more}


def funds(owner: int, atoms: int) -> dict[str, Any]:
    """What an owner has outside the book: a balance, and nothing that demands margin."""
    return {"code": Code.FUNDS, "owner": owner, "price_ticks": atoms, "lots": atoms, "terms": atoms, "expiry_ms": 0}


def stream(seed: int, count: int) -> list[dict[str, Any]]:
    """A seeded stream of larger orders, with prices and funds that change."""
    draw = random.Random(seed)
    drawn = [mark(1000), *(funds(owner, draw.choice((0, 30_000, 100_000, 400_000))) for owner in range(OWNERS))]
    for operation in seeded(seed, count):
        if 0 < operation["lots"] < 13 and operation["code"] != Code.INDEX:
            operation["lots"] *= 10
        drawn.append(operation)
        chance = draw.random()
        if chance < 0.06:
            drawn.append(mark(1000 + draw.randrange(-40, 41), lots=(1000 + draw.randrange(-20, 21)) * TICK_VALUE << 32))
        elif chance < 0.1:
            drawn.append(funds(draw.randrange(OWNERS), draw.randrange(-50_000, 200_000)))
    blank = dict.fromkeys(("order_id", "side", "time_in_force", "self_trade", "reduce_only", "now_ms", "age_ms"), 0)
    return [{**blank, "owner": 0, "expiry_ms": 0, **operation} for operation in drawn]


def compare(drawn: list[dict[str, Any]]) -> tuple[Book, MarginBook]:
    """Run a stream through both books; every answer and every account must be the same."""
    book, plain = Book(64, OWNERS, BASE), MarginBook(64, OWNERS, BASE)
    book.check_margin(cache_record(1)["markets"][0, 0], TICK_VALUE)
    fills, codes = book.run(records(drawn))
    expected = plain.run(drawn)
    assert [Outcome(code) for code in codes.tolist()] == expected
    assert rows_of(fills, FILL.names or ()) == plain.fills
    assert rows_of(book.cancellations, (CANCELLATION.names or ())[:4]) == plain.cancellations
    for side in (0, 1):
        assert book.orders(side) == [(order.order_id, order.price, order.lots) for order in plain.side(side)]
    for name, field in FIELDS.items():
        assert book.accounts[name].tolist() == [getattr(account, field) for account in plain.accounts], name
    check_conservation(book, plain)
    check_storage(book)
    return book, plain


def test_every_order_and_fill_passes_the_same_margin_as_whole_accounts_do() -> None:
    seen: Counter[Outcome] = Counter()
    reasons: Counter[int] = Counter()
    failed = [0, 0]
    for seed in [*SEEDS, *FAILED_SEEDS]:
        drawn = stream(seed, 60)
        try:
            book, plain = compare(drawn)
        except AssertionError as error:
            end = next(end for end in range(1, len(drawn) + 1) if differs(drawn[:end]))
            raise AssertionError(f"seed {seed}: the books part at operation {end - 1}: {drawn[end - 1]}") from error
        seen.update(plain.outcomes)
        reasons.update(note[3] for note in plain.cancellations)
        failed = [failed[at] + plain.failed[at] for at in (0, 1)]
        again = restore(snapshot(book))
        assert state_hash(again) == state_hash(book)
        tail = records(stream(seed + 1_000, 20))
        assert [part.tobytes() for part in book.run(tail)] == [part.tobytes() for part in again.run(tail)]
    assert seen[Outcome.MARGIN_TOO_LOW] > 500 and seen[Outcome.FILLED] > 200 and seen[Outcome.APPLIED] > 500
    assert reasons[Reason.MARGIN] > 0 and min(failed) > 0


def differs(drawn: list[dict[str, Any]]) -> bool:
    """Whether the books part on these operations."""
    try:
        compare(drawn)
    except AssertionError:
        return True
    return False


def test_an_order_is_refused_by_the_atom_that_is_missing() -> None:
    # 10 lots at 1,000 ticks of 10 atoms are 100,000 atoms, of which initial margin wants 7 %.
    order = {"code": Code.LIMIT, "order_id": 1, "price_ticks": 1000, "lots": 10}
    for atoms, outcome in ((6_999, Outcome.MARGIN_TOO_LOW), (7_000, Outcome.RESTED)):
        book = Book(4, 1, BASE)
        book.check_margin(cache_record(1)["markets"][0, 0], TICK_VALUE)
        _, codes = book.run(records([mark(1000), funds(0, atoms), order]))
        assert codes.tolist() == [Outcome.APPLIED, Outcome.APPLIED, outcome]
        text = str(error_of(book, records([order])[0], int(codes[2])))
        refused = (
            "operation of order 1 refused, MARGIN_TOO_LOW: found equity 6999 atoms, needed initial margin 7000 atoms"
        )
        assert text == (refused if outcome == Outcome.MARGIN_TOO_LOW else "None")
        assert book.accounts["open_bid_lots"][0] == (10 if outcome == Outcome.RESTED else 0)
    assert book.run(records([mark(0)]))[1][0] == Outcome.BAD_TERMS
    assert np.array_equal(Book(4, 1, BASE).run(records([mark(1000)]))[1], [Outcome.BAD_TERMS]), "no margin is checked"
    assert ACCOUNT.itemsize <= 3 * 64
