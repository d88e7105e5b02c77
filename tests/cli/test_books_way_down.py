"""Books of the way down: liquidations, sales of collateral, bankruptcies and deleveraging, rebuilt from events."""

from __future__ import annotations

from typing import Any

import pytest

from evertide_cli.quickstart.books import Books
from evertide_cli.quickstart.index import A_ONE
from evertide_cli.quickstart.replay import feed
from evertide_cli.quickstart.way_down import expected, reaction

PRICE = 100 << 32


def event(name: str, **fields: Any) -> Any:
    """An event of that name with these fields, as the SDK's classes have them."""
    return type(name, (), fields)()


def market() -> Books:
    """Two longs and two shorts, entered at 100 atoms a lot; `user` long 10, `rich` long 10, `x` and `y` short 15 and 5;
    an insurance fund of 1,000 of which 400 are the tranche; fees of 30 pending."""
    books = Books()
    feed(books, event("UserCreated", user="backstop", authority="market"))
    feed(books, event("MarketListed", market_index=0, market="market", atoms_per_lot_tick=1))
    feed(books, event("InsuranceFunded", amount_atoms=1_000, balance_atoms=1_000, tranche_atoms=400))
    book = books.markets[0]
    for user, lots in (("user", 10), ("rich", 10), ("x", -15), ("y", -5)):
        book.index.change(user, lots)
        book.cash[user] -= lots * 100
    book.taker_fees_atoms = 30
    book.cash["rich"] -= 30
    book.mark_q32 = book.mark_most_q32 = PRICE
    return books


def liquidated(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "market_index": 0, "backstop": False, "user": "user", "liquidator": "taker", "size_lots": 4,
        "deleveraged_lots": 0, "price_q32": 90 << 32, "liquidator_fee_atoms": 3, "insurance_fee_atoms": 2,
        "user_funding_atoms": 0, "liquidator_funding_atoms": 0, "user_position_lots_after": 6,
        "user_cash_atoms_after": -1_000 + 360 - 5, "liquidator_position_lots_after": 4,
        "liquidator_cash_atoms_after": -360 + 3, "equity_atoms": 20, "requirement_atoms": 40,
        "pending_fees_atoms": 32, "open_interest_lots": (20, 20), "ended": False, "time_ms": 5,
    }  # fmt: skip
    return event("PositionLiquidated", **{**values, **changes})


def test_a_position_moves_to_a_liquidator_with_its_fees() -> None:
    books = market()
    feed(books, liquidated())
    assert books.mismatches == []
    (step,) = books.liquidations
    assert (step.way, step.lots, step.notional_atoms, step.whole) == ("transfer", 4, 360, False)
    assert books.insurance_before_atoms == 1_000


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"user_cash_atoms_after": -644}, "user cash"),
        ({"liquidator_cash_atoms_after": -358}, "liquidator cash"),
        ({"user_position_lots_after": 5}, "user lots"),
        ({"liquidator_position_lots_after": 5}, "liquidator lots"),
        ({"pending_fees_atoms": 35}, "pending fees"),
        ({"equity_atoms": 4}, "fees beyond equity"),
        ({"open_interest_lots": (20, 19)}, "short open interest"),
    ],
)
def test_a_liquidation_that_does_not_follow_is_found(changes: dict[str, Any], what: str) -> None:
    books = market()
    feed(books, liquidated(**changes))
    assert [mismatch.what for mismatch in books.mismatches] == [what]


def test_what_a_backstop_cannot_take_is_deleveraged_at_mark() -> None:
    books = market()
    feed(
        books,
        liquidated(
            backstop=True, liquidator="backstop", deleveraged_lots=6, user_position_lots_after=0,
            user_cash_atoms_after=-1_000 + 900 - 5, open_interest_lots=(14, 14),
        ),
    )  # fmt: skip
    assert books.mismatches == []
    assert [(step.way, step.lots, step.whole) for step in books.liquidations] == [
        ("backstop", 4, True),
        ("deleveraged", 6, True),
    ]
    assert books.markets[0].index.sides[1].a == A_ONE * 14 // 20


def bankrupt(**changes: Any) -> Any:
    """A deficit of 200: fees 30, insurance 50, the other side 10 lots * 4, the tranche 70, 10 on record."""
    values: dict[str, Any] = {
        "market_index": 0, "step": 2, "user": "user", "deficit_atoms": 200, "share_atoms": 200, "fees_atoms": 30,
        "insurance_atoms": 50, "deleveraged_atoms": 40, "tranche_atoms": 70, "recorded_atoms": 10, "closed_lots": 10,
        "price_q32": 84 << 32, "user_funding_atoms": 0, "settled_atoms": 0, "user_cash_atoms_after": 0,
        "user_quote_atoms_after": 0, "pool_atoms": 120, "pending_fees_atoms": 0, "market_deficit_atoms": 10,
        "open_interest_lots": (10, 10), "a": (A_ONE, A_ONE // 2), "epoch": (0, 0), "bankruptcies_open": 0,
        "insurance_balance_atoms": 880, "insurance_tranche_atoms": 330, "total_atoms": 0, "debt_atoms": 0,
        "ended": True,
    }  # fmt: skip
    return event("BankruptcyResolved", **{**values, **changes})


def test_a_bankruptcy_is_paid_stage_by_stage() -> None:
    books = market()
    feed(books, bankrupt())
    books.end_slot()
    book = books.markets[0]
    assert books.mismatches == []
    assert (book.pool_atoms, book.pending_fees_atoms, book.deficit_atoms) == (120, 0, 10)
    assert book.cash["user"] == -1_000 + 840 + 160 == 0
    assert books.insurance_atoms == 880
    (case,) = books.bankruptcies
    assert dict(case.losers) == {"x": 30, "y": 10}
    assert book.pool_atoms + book.deficit_atoms == book.claims_atoms + book.pending_fees_atoms + book.dust_atoms


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"recorded_atoms": 11, "user_cash_atoms_after": 1, "market_deficit_atoms": 11}, "tranche and record"),
        ({"pool_atoms": 121}, "pool"),
        ({"market_deficit_atoms": 9}, "recorded deficit"),
        ({"insurance_balance_atoms": 881}, "insurance balance"),
        ({"insurance_tranche_atoms": 331}, "insurance tranche"),
        ({"a": (A_ONE, A_ONE // 2 - 1)}, "A"),
        ({"epoch": (0, 1)}, "epoch"),
        ({"user_cash_atoms_after": -1}, "user cash"),
        ({"bankruptcies_open": 1}, "bankruptcies open"),
        ({"total_atoms": 1}, "sum of balances"),
    ],
)
def test_a_bankruptcy_that_does_not_follow_is_found(changes: dict[str, Any], what: str) -> None:
    books = market()
    feed(books, bankrupt(**changes))
    books.end_slot()
    assert [mismatch.what for mismatch in books.mismatches] == [what]


def test_an_open_bankruptcy_latches_until_it_is_resolved() -> None:
    books = market()
    unchanged = {
        "share_atoms": 0, "fees_atoms": 0, "insurance_atoms": 0, "deleveraged_atoms": 0, "tranche_atoms": 0,
        "recorded_atoms": 0, "closed_lots": 0, "user_cash_atoms_after": -1_000, "pool_atoms": 0,
        "pending_fees_atoms": 30, "market_deficit_atoms": 0, "open_interest_lots": (20, 20), "a": (A_ONE, A_ONE),
        "insurance_balance_atoms": 1_000, "insurance_tranche_atoms": 400,
    }  # fmt: skip
    feed(books, bankrupt(step=1, bankruptcies_open=1, **unchanged))
    assert books.markets[0].open_bankruptcies == {"user"}
    feed(books, bankrupt())
    books.end_slot()
    assert books.mismatches == []
    assert books.markets[0].open_bankruptcies == set()


def test_fees_repay_a_recorded_deficit() -> None:
    books = market()
    feed(books, bankrupt())
    books.markets[0].taker_fees_atoms += 25
    collected = event(
        "FeesCollected", market_index=0, treasury_atoms=9, insurance_atoms=6, interest_atoms=0, pool_atoms=105,
        pending_fees_atoms=0, insurance_balance_atoms=886, repaid_atoms=10, deficit_atoms=0, backstop_atoms=0,
        total_atoms=0,
    )  # fmt: skip
    feed(books, collected)
    assert books.mismatches == []
    assert (books.markets[0].repaid_atoms, books.markets[0].deficit_atoms) == (10, 0)


def test_a_backstops_profit_goes_to_the_fund() -> None:
    books = market()
    books.assets[0].by_user["backstop"] = 44
    collected = event(
        "FeesCollected", market_index=0, treasury_atoms=0, insurance_atoms=0, interest_atoms=0, pool_atoms=0,
        pending_fees_atoms=30, insurance_balance_atoms=1_044, repaid_atoms=0, deficit_atoms=0, backstop_atoms=44,
        total_atoms=0,
    )  # fmt: skip
    feed(books, collected)
    books.end_slot()
    assert books.mismatches == []
    assert (books.insurance_atoms, books.backstop_profit_atoms) == (1_044, 44)


def test_a_folded_position_pays_what_deleveraging_closed() -> None:
    books = market()
    feed(books, bankrupt())
    book = books.markets[0]
    # Of 15 lots 7 are left; 7.5 were bought back at 84 and the half lot at the mark of 100.
    paid = -(15 * 84) // 2 - 50
    touched = {"size_lots": -7, "cash_atoms": 1_500 + paid, "funding_atoms": paid, "closed_lots": 0}
    feed(books, event("PositionTouched", market_index=0, user="x", open_interest_lots=(10, 10), **touched))
    assert books.mismatches == []
    assert (book.funding_paid_atoms, book.funding_received_atoms) == (0, 0)
    assert book.index.dropped == 1


def test_collateral_moves_and_quote_pays_for_it() -> None:
    books = market()
    books.assets[0].by_user.update({"user": -5, "buyer": 100})
    books.assets[1].by_user["user"] = 9
    sold = {
        "collateral_index": 1, "amount_atoms": 4, "paid_atoms": 20, "discount_bps": 7, "ended": True,
        "user_collateral_atoms_after": 5, "liquidator_collateral_atoms_after": 4, "total_atoms": 95, "debt_atoms": 0,
    }  # fmt: skip
    after = {"user_quote_atoms_after": 15, "liquidator_quote_atoms_after": 80}
    feed(books, event("CollateralLiquidated", user="user", liquidator="buyer", **sold, **after))
    books.end_slot()
    assert books.mismatches == []
    assert sum(books.assets[1].by_user.values()) == 9
    assert [(sale.user, sale.liquidator, sale.paid_atoms) for sale in books.sales] == [("user", "buyer", 20)]


def test_what_did_not_happen_is_told() -> None:
    assert [item.seen for item in expected(Books())] == [False] * 9
    books = market()
    feed(books, liquidated())
    feed(books, event("OrdersLiquidated", rung=1, orders=[1, 2], equity_atoms=1, requirement_atoms=2))
    seen = {item.what for item in expected(books) if item.seen}
    assert seen == {"orders cancelled below cancel margin", "a part of a position taken over by a liquidator"}


def test_the_reaction_counts_from_the_first_price_of_the_bar() -> None:
    from evertide_cli.quickstart.collector import Landed

    def price(at_ms: int) -> Any:
        return event("OracleUpdated", publish_time_ms=at_ms)

    landed = [
        Landed("a", 10, (price(1_000),), ()),
        Landed("b", 20, (price(2_000),), ()),
        Landed("c", 21, (price(2_001),), ()),
        Landed("d", 26, (liquidated(time_ms=2_500),), ()),
    ]
    found = reaction(landed, [1_000, 2_000, 3_000], 100)
    assert found is not None
    assert (found.slots, found.time_ms, found.in_time) == (6, 600, True)
    assert reaction(landed[:3], [1_000], 100) is None
