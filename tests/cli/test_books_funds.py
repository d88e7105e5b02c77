"""Books of stakes, of the withdrawal queue, of transfers and of a market's end, rebuilt from events."""

from __future__ import annotations

from typing import Any

import pytest

from evertide import MarketStatus
from evertide_cli.quickstart.books import Books
from evertide_cli.quickstart.index import A_ONE
from evertide_cli.quickstart.replay import feed

PRICE = 110 << 32


def event(name: str, **fields: Any) -> Any:
    """An event of that name with these fields, as the SDK's classes have them."""
    return type(name, (), fields)()


def said(books: Books) -> list[str]:
    """What did not follow, totals of the slot included."""
    books.end_slot()
    return [mismatch.what for mismatch in books.mismatches]


def rich(asset: int = 0) -> Books:
    """`a` holds 100 of an asset."""
    books = Books()
    fields = {"amount_atoms": 100, "balance_atoms": 100, "total_atoms": 100}
    feed(books, event("Deposited", collateral_index=asset, user="a", **fields))
    books.end_slot()
    return books


def asked(asset: int, atoms: int, **changes: int) -> Any:
    values = {"amount_atoms": atoms, "balance_atoms": 100 - atoms, "queued_atoms": atoms, "total_atoms": 100} | changes
    return event("WithdrawRequested", collateral_index=asset, user="a", **values)


def paid(asset: int, atoms: int, left: int, **changes: int) -> Any:
    values = {"amount_atoms": atoms, "left_atoms": left, "queued_atoms": left, "total_atoms": 100 - atoms} | changes
    return event("WithdrawClaimed", collateral_index=asset, user="a", **values)


@pytest.mark.parametrize("asset", [0, 1])
def test_what_waits_is_out_of_the_balance_and_among_the_deposits_until_it_is_paid(asset: int) -> None:
    books = rich(asset)
    feed(books, asked(asset, 60))
    book = books.assets[asset]
    assert said(books) == []
    assert (book.by_user["a"], book.queued_atoms, book.total_atoms, books.vault_atoms(asset)) == (40, 60, 100, 100)
    feed(books, paid(asset, 25, 35))
    assert said(books) == []
    assert (book.by_user["a"], book.queued_atoms, book.total_atoms, books.vault_atoms(asset)) == (40, 35, 75, 75)
    feed(books, paid(asset, 35, 0, total_atoms=40))
    assert said(books) == []
    assert (book.queue, book.total_atoms, books.vault_atoms(asset)) == ({}, 40, 40)


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (asked(0, 10, balance_atoms=30), ["an earlier request"]),
        (asked(0, 60, balance_atoms=41), ["quote balance", "an earlier request"]),
        (paid(0, 25, 34, queued_atoms=35), ["left of the request"]),
        (paid(0, 25, 35, queued_atoms=34), ["queue"]),
        (paid(0, 25, 35, total_atoms=76), ["sum of balances"]),
    ],
)
def test_a_queue_that_does_not_follow_is_found(second: Any, what: list[str]) -> None:
    books = rich()
    feed(books, asked(0, 60))
    feed(books, second)
    assert said(books)[: len(what)] == what


def moved(asset: int, atoms: int, to_before: int = 0, **changes: int) -> Any:
    balances = {"balance_atoms": 100 - atoms, "to_balance_atoms": to_before + atoms, "total_atoms": 100}
    values = balances | {"amount_atoms": atoms, "debt_atoms": 0} | changes
    return event("Transferred", collateral_index=asset, user="a", to="b", **values)


@pytest.mark.parametrize("asset", [0, 1])
def test_a_transfer_leaves_one_account_and_reaches_the_other(asset: int) -> None:
    books = rich(asset)
    feed(books, moved(asset, 30))
    assert said(books) == []
    assert dict(books.assets[asset].by_user) == {"a": 70, "b": 30}
    names = (("quote balance", "sum of balances"), ("balance", "sum of SOL balances"))[asset]
    for change, what in zip(({"balance_atoms": 71}, {"total_atoms": 99}), names, strict=True):
        books = rich(asset)
        feed(books, moved(asset, 30, **change))
        assert said(books)[:1] == [what]


def test_a_transfer_repays_a_debt_with_its_interest() -> None:
    books = rich()
    books.assets[0].by_user["b"] = -20
    feed(books, moved(0, 30, to_balance_atoms=7, total_atoms=77))
    assert said(books) == []
    assert (books.assets[0].by_user["b"], books.assets[0].interest_atoms) == (7, 3)


def test_stakes_come_into_the_fund_and_leave_it() -> None:
    books = Books()
    feed(books, event("InsuranceFunded", amount_atoms=1_000, balance_atoms=1_000, tranche_atoms=400))
    feed(books, event("InsuranceStaked", amount_atoms=500, balance_atoms=1_500))
    assert said(books) == []
    feed(books, event("UnstakeRequested", shares=500, atoms=500))
    feed(books, event("UnstakeClaimed", paid_atoms=450, balance_atoms=1_050))
    assert said(books) == []
    assert (books.insurance_atoms, books.vault_atoms(0)) == (1_050, 1_050)
    feed(books, event("UnstakeClaimed", paid_atoms=50, balance_atoms=999))
    assert said(books) == ["insurance balance"]


def trading() -> Books:
    """A long and a short of 10 lots each, entered at 100 atoms a lot; 30 of the long's cash are fees."""
    books = Books()
    feed(books, event("UserCreated", user="backstop", authority="market"))
    feed(books, event("MarketListed", market_index=0, market="market", atoms_per_lot_tick=1))
    book = books.markets[0]
    for user, lots in (("long", 10), ("short", -10)):
        book.index.change(user, lots)
        book.cash[user] -= lots * 100
    book.cash["long"] -= 30
    book.taker_fees_atoms = 30
    return books


def ended(status: MarketStatus, epoch: tuple[int, int], **changes: Any) -> Any:
    values = {"a": (A_ONE, A_ONE), "open_interest_lots": (0, 0), "pending_fees_atoms": 30, "deficit_atoms": 0}
    values |= {"dust_atoms": 0, "price_q32": PRICE, "market_index": 0}
    return event("MarketSettled", status=int(status), epoch=epoch, **(values | changes))


def touched(user: str, cash: int, funding: int) -> Any:
    known = {"size_lots": 0, "closed_lots": 0, "open_interest_lots": (0, 0)}
    return event("PositionTouched", market_index=0, user=user, cash_atoms=cash, funding_atoms=funding, **known)


def test_a_settled_market_closes_every_position_at_one_price() -> None:
    books = trading()
    feed(books, ended(MarketStatus.SETTLING, (1, 1)))
    feed(books, touched("long", -1_030 + 1_100, 1_100))
    feed(books, touched("short", 1_000 - 1_100, -1_100))
    feed(books, ended(MarketStatus.CLOSED, (1, 1)))
    assert said(books) == []
    book = books.markets[0]
    assert dict(book.lots) == {"long": 0, "short": 0}
    assert book.claims_atoms + book.pending_fees_atoms == 0


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"a": (A_ONE, 1)}, "A"),
        ({"open_interest_lots": (10, 0)}, "long open interest"),
        ({"pending_fees_atoms": 29}, "pending fees"),
        ({"deficit_atoms": 1}, "recorded deficit"),
    ],
)
def test_an_end_that_does_not_follow_is_found(changes: dict[str, Any], what: str) -> None:
    books = trading()
    feed(books, ended(MarketStatus.SETTLING, (1, 1), **changes))
    assert said(books) == [what]


def test_a_bounty_is_paid_out_of_the_fees() -> None:
    books = trading()
    feed(books, event("InvariantBroken", market_index=0, keeper="finder", bounty_atoms=20, pending_fees_atoms=10))
    assert said(books) == []
    assert books.markets[0].cash["finder"] == 20
    feed(books, event("InvariantBroken", market_index=0, keeper="finder", bounty_atoms=0, pending_fees_atoms=9))
    assert said(books) == ["pending fees"]


def test_nothing_is_left_in_an_account_that_is_closed() -> None:
    books = rich()
    feed(books, event("UserClosed", user="b"))
    assert said(books) == []
    feed(books, event("UserClosed", user="a"))
    assert said(books) == ["left in a closed account"]
