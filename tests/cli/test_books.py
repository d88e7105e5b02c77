"""Books rebuilt from events: flows add up, and a value that does not follow from them is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from evertide import events
from evertide_cli.errors import CliError
from evertide_cli.quickstart.books import Books
from evertide_cli.quickstart.check import Check
from evertide_cli.quickstart.collector import Landed, in_sequence, units_of_calls
from evertide_cli.quickstart.flows import FOLDED_SKIPS
from evertide_cli.quickstart.replay import HANDLERS, WITHOUT_EFFECT, feed, replay


def event(name: str, **fields: Any) -> Any:
    """An event of that name with these fields, as the SDK's classes have them."""
    known = getattr(events, name, None)
    words = {} if known is None else {"STREAM": known.STREAM, "WIRE": known.WIRE}
    return type(name, (), words | fields)()


@dataclass
class Fill:
    maker: str
    size_lots: int
    price_ticks: int
    maker_fee_atoms: int
    taker_fee_atoms: int
    maker_position_lots_after: int
    maker_cash_atoms_after: int
    maker_funding_atoms: int = 0


@dataclass
class Match:
    fills: list[Fill]
    taker_position_lots_after: int
    taker_cash_atoms_after: int
    pending_fees_atoms: int
    open_interest_lots: tuple[int, int]
    keeper_reward_atoms: int = 0
    referrer_reward_atoms: int = 0
    builder_reward_atoms: int = 0
    skips: list[Any] = field(default_factory=list)

    def event(self) -> Any:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return event(
            "OrdersMatched", market_index=0, taker="taker", taker_ask=False, keeper="keeper",
            taker_funding_atoms=0, **fields,
        )  # fmt: skip


def listed() -> Books:
    books = Books()
    feed(books, event("UserCreated", user="backstop", authority="market"))
    feed(books, event("MarketListed", market_index=0, market="market", atoms_per_lot_tick=100))
    return books


def matched(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "fills": [Fill("maker", 10, 500, 5, 20, -10, 499_995)],
        "taker_position_lots_after": 10,
        "taker_cash_atoms_after": -500_020,
        "pending_fees_atoms": 25,
        "open_interest_lots": (10, 10),
    }
    return Match(**{**values, **changes}).event()


def test_every_kind_of_event_moves_the_books_or_is_named_as_moving_nothing() -> None:
    known = {kind.__name__ for kind in events.ALL}
    assert set(HANDLERS) | WITHOUT_EFFECT == known
    assert not set(HANDLERS) & WITHOUT_EFFECT
    # Of these some name amounts: a cap of one's own, and shares whose worth leaves with the claim.
    amounts = {kind.__name__ for kind in events.ALL if any(name.endswith("atoms") for name, _ in kind.WIRE)}
    assert amounts & WITHOUT_EFFECT == {"LimitsSet", "UnstakeRequested"}
    with pytest.raises(CliError, match="do not know the event MoneyMoved"):
        feed(listed(), event("MoneyMoved"))


def test_a_fill_moves_cash_lots_and_fees() -> None:
    books = listed()
    feed(books, matched())
    book = books.markets[0]
    assert (book.fills, book.volume_atoms, book.pending_fees_atoms) == (1, 500_000, 25)
    assert sum(book.cash.values()) == -25
    assert books.mismatches == []


def rewarded(**changes: int) -> Any:
    values = {
        "paid_atoms": 5, "given_up_atoms": 0, "kept_atoms": 0, "recipient_sequence": 3, "quote_atoms": 5,
        "pool_atoms": 15, "pending_fees_atoms": 17, "deficit_atoms": 0, "total_atoms": 5, "debt_atoms": 0,
    }  # fmt: skip
    return event("RewardPaid", market_index=0, recipient="builder", **{**values, **changes})


def owing() -> Books:
    """A builder is owed 5 and a referrer 3, and losers have paid 20 in."""
    books = listed()
    feed(books, matched(referrer_reward_atoms=3, builder_reward_atoms=5, pending_fees_atoms=17))
    books.markets[0].settled_from_users_atoms = 20
    return books


def test_rewards_are_owed_until_they_are_paid() -> None:
    books = owing()
    book = books.markets[0]
    assert book.owed_atoms == 8
    feed(books, rewarded())
    assert (book.owed_atoms, book.pool_atoms, books.assets[0].by_user["builder"]) == (3, 15, 5)
    # Whom the rest was owed to closed its account: it is the protocol's.
    feed(books, rewarded(paid_atoms=0, kept_atoms=3, recipient_sequence=0, pending_fees_atoms=20))
    assert (book.owed_atoms, book.pending_fees_atoms, books.assets[0].by_user["builder"]) == (0, 20, 5)
    assert books.mismatches == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"pool_atoms": 16}, "pool"),
        ({"pending_fees_atoms": 16}, "pending fees"),
        ({"quote_atoms": 6}, "quote balance"),
        ({"deficit_atoms": 1}, "recorded deficit"),
    ],
)
def test_a_reward_that_does_not_follow_is_found(changes: dict[str, int], what: str) -> None:
    books = owing()
    feed(books, rewarded(**changes))
    assert [mismatch.what for mismatch in books.mismatches] == [what]


def test_a_keepers_share_comes_out_of_the_fees() -> None:
    books = listed()
    feed(books, matched(keeper_reward_atoms=2, pending_fees_atoms=23))
    assert books.markets[0].cash["keeper"] == 2
    assert books.mismatches == []


def test_a_maker_that_is_passed_over_before_it_fills_is_folded_first() -> None:
    """The program folds a maker where it first meets it; the fill's cash has that funding in it already."""
    books = listed()
    skip = SimpleNamespace(maker="maker", reason=min(FOLDED_SKIPS), funding_atoms=-7)
    feed(books, matched(skips=[skip], fills=[Fill("maker", 10, 500, 5, 20, -10, 499_988)]))
    assert books.markets[0].cash["maker"] == 499_988
    assert books.mismatches == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"taker_cash_atoms_after": -500_019}, "taker cash"),
        ({"taker_position_lots_after": 11}, "taker lots"),
        ({"pending_fees_atoms": 24}, "pending fees"),
        ({"open_interest_lots": (10, 9)}, "short open interest"),
        ({"fills": [Fill("maker", 10, 500, 5, 20, -10, 499_996)]}, "maker cash"),
    ],
)
def test_a_value_that_does_not_follow_is_found(changes: dict[str, Any], what: str) -> None:
    books = listed()
    feed(books, matched(**changes))
    assert [mismatch.what for mismatch in books.mismatches] == [what]


def settled(user: str, amount: int, quote: int, cash: int, pool: int, funding: int = 0, given_up: int = 0) -> Any:
    return event(
        "PnlSettled", market_index=0, user=user, amount_atoms=amount, quote_atoms=quote, cash_atoms=cash,
        funding_atoms=funding, pool_atoms=pool, given_up_atoms=given_up, deficit_atoms=0,
        total_atoms=max(quote, 0), debt_atoms=max(-quote, 0), open_interest_lots=(0, 0),
    )  # fmt: skip


def test_settlement_moves_money_between_users_and_pool() -> None:
    books = listed()
    feed(books, settled("loser", -100, -100, 90, 100, funding=-10))
    feed(books, settled("winner", 70, 70, -70, 30))
    book = books.markets[0]
    assert (book.pool_atoms, book.funding_paid_atoms, book.funding_received_atoms) == (30, 10, 0)
    assert books.mismatches == []


@pytest.mark.parametrize(("fees", "waived", "recorded"), [(50, 7, 0), (5, 5, 2)])
def test_what_the_market_lost_on_fractions_is_made_up(fees: int, waived: int, recorded: int) -> None:
    """Folding paid out 7 atoms more than it took: fees bear it, and a deficit what they cannot."""
    books = listed()
    book = books.markets[0]
    book.taker_fees_atoms, book.folded_atoms, book.cash["x"] = fees, 7, 7 - fees
    accrued = {"mark_price_q32": 1, "epoch": (0, 0), "open_interest_lots": (0, 0), "funding_rate_e9": 0, "time_ms": 1}
    left = {"dust_atoms": 0, "pending_fees_atoms": fees - waived, "deficit_atoms": recorded}
    feed(books, event("MarketAccrued", market_index=0, **accrued, **left))
    assert books.mismatches == []
    assert (book.waived_atoms, book.unbacked_atoms, book.dust_atoms) == (waived, recorded, 0)
    assert book.pool_atoms + book.deficit_atoms == book.claims_atoms + book.pending_fees_atoms + book.dust_atoms


def test_a_winner_gives_up_what_a_deficit_leaves_unbacked() -> None:
    books = listed()
    feed(books, settled("loser", -100, -100, 100, 100))
    book = books.markets[0]
    book.recorded_atoms = 30
    feed(books, settled("winner", 70, 70, -100, 30, given_up=30))
    assert (book.cash["winner"], book.deficit_atoms, book.given_up_atoms) == (-100, 0, 30)
    assert books.mismatches == []


def test_only_a_debt_may_lose_interest() -> None:
    books = listed()
    feed(books, settled("loser", -100, -100, 100, 100))
    feed(
        books, event("Deposited", collateral_index=0, user="loser", amount_atoms=150, balance_atoms=47, total_atoms=47)
    )
    assert books.assets[0].interest_atoms == 3
    assert books.mismatches == []
    feed(books, event("Withdrawn", collateral_index=0, user="loser", amount_atoms=40, balance_atoms=6, total_atoms=6))
    assert [mismatch.what for mismatch in books.mismatches] == ["quote balance"]


def test_vaults_follow_transfers() -> None:
    books = listed()
    feed(books, event("InsuranceFunded", amount_atoms=1_000, balance_atoms=1_000, tranche_atoms=400))
    feed(books, event("Deposited", collateral_index=1, user="a", amount_atoms=7, balance_atoms=7, total_atoms=7))
    feed(books, event("Withdrawn", collateral_index=1, user="a", amount_atoms=3, balance_atoms=4, total_atoms=4))
    assert (books.vault_atoms(0), books.vault_atoms(1)) == (1_000, 4)
    assert books.mismatches == []


def deposited(user: str, atoms: int, total: int) -> Any:
    fields = {"amount_atoms": atoms, "balance_atoms": atoms, "total_atoms": total}
    return event("Deposited", collateral_index=0, user=user, **fields)


def test_totals_are_compared_at_the_end_of_a_slot() -> None:
    """A node does not tell in which order the transactions of one slot came."""
    swapped = [deposited("b", 5, 8), deposited("a", 3, 3)]
    assert replay([swapped]).mismatches == []
    missing = replay([swapped, [deposited("c", 1, 10)]])
    assert [(mismatch.what, mismatch.carried, mismatch.rebuilt) for mismatch in missing.mismatches] == [
        ("sum of balances", 10, 9)
    ]


def landed(name: str, slot: int, *sequences: int, user: str = "a") -> Landed:
    """A transaction of user events with these sequence numbers."""
    return Landed(name, slot, tuple(event("Deposited", user=user, sequence=number) for number in sequences), ())


def test_transactions_of_a_slot_are_put_in_order() -> None:
    found = in_sequence([landed("c", 5, 2), landed("b", 5, 1), landed("x", 5, 0, user="b"), landed("a", 4, 0)])
    assert [item.signature for item in found if item.signature != "x"] == ["a", "b", "c"]
    assert len(found) == 4


def test_a_missing_event_is_a_gap() -> None:
    with pytest.raises(CliError, match="sequence 2, expected 1"):
        in_sequence([landed("a", 4, 0), landed("c", 5, 2)])
    with pytest.raises(CliError, match="expected 1"):
        in_sequence([landed("a", 4, 0), landed("again", 5, 0)])


def test_units_are_those_of_the_outermost_calls() -> None:
    logs = [
        "Program ComputeBudget111111111111111111111111111111 invoke [1]",
        "Program ComputeBudget111111111111111111111111111111 success",
        "Program Ever invoke [1]",
        "Program log: Instruction: deposit",
        "Program Token invoke [2]",
        "Program Token consumed 76 of 190000 compute units",
        "Program Token success",
        "Program Ever invoke [2]",
        "Program Ever consumed 100 of 180000 compute units",
        "Program Ever success",
        "Program Ever consumed 10742 of 199850 compute units",
        "Program Ever success",
        "Program Ever invoke [1]",
        "Program Ever consumed 3254 of 189108 compute units",
        "Program Ever success",
    ]
    assert units_of_calls(logs, "Ever") == [10_742, 3_254]


def test_a_check_holds_only_when_both_sides_are_equal() -> None:
    assert Check("a", "left", 5, "right", 5, "atoms").held
    assert not Check("a", "left", 5, "right", 6, "atoms").held


def test_time_at_a_rate_beyond_interest_is_cut_at_the_hour() -> None:
    """Rates are fixed on the hour; whole hours between two events count for nobody."""
    books, hour_ms, minute_ms = listed(), 3_600_000, 60_000

    def accrue(at_ms: int, rate_e9: int) -> tuple[int, int]:
        accrued = {"mark_price_q32": 1, "epoch": (0, 0), "open_interest_lots": (0, 0)}
        left = {"dust_atoms": 0, "pending_fees_atoms": 0, "deficit_atoms": 0}
        told = event("MarketAccrued", market_index=0, time_ms=at_ms, funding_rate_e9=rate_e9, **accrued, **left)
        feed(books, told)
        return books.markets[0].paid_up_ms // minute_ms, books.markets[0].paid_down_ms // minute_ms

    assert accrue(10 * hour_ms + 50 * minute_ms, 12_500) == (0, 0)
    assert accrue(11 * hour_ms + 20 * minute_ms, 40_000) == (20, 0)
    assert accrue(12 * hour_ms + 5 * minute_ms, -1) == (60, 5)
    assert accrue(12 * hour_ms + 30 * minute_ms, -1) == (60, 30)
    assert accrue(15 * hour_ms + 10 * minute_ms, 40_000) == (70, 60)
