"""The audit's book follows orders that wait, link, hide and move with the index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audit_history import ALICE, ATOMS_PER_LOT_TICK, BOB, CAROL, MARKET, TAKER, History, blank, placed, three_asks

from evertide import (
    CancelledOrder,
    ChangeStatus,
    LinkedChange,
    LinkedOrder,
    MarketStatus,
    OrderKind,
    TimeInForce,
    constants,
    market_address,
    parameter,
)
from evertide.audit import audit_matching
from evertide.audit._book import _HANDLERS as HANDLERS
from evertide.events import (
    ALL,
    CancelAllAfterSet,
    ChangeExecuted,
    InvariantBroken,
    LiquidationMatched,
    OrdersExpired,
    OrderTriggered,
    SliceExecuted,
)

DORMANT = constants.ORDER_FLAG_DORMANT


def better(history: History, **more: Any) -> None:
    """Carol's order at 999, better than all others, placed before the taker."""
    history.place(CAROL, placed(7, 999, 10, **({"slot": 9} | more)), slot=11)


def missed(history: History) -> list[tuple[int, tuple[str, ...]]]:
    return [(found.order_id, found.doubts) for found in history.audit().skipped]


def cross(history: History, **more: Any) -> None:
    history.taker(10)
    history.match([(BOB, 1, 1_000, 10)], **more)


def test_what_waits_is_no_maker_until_it_is_triggered() -> None:
    for triggered in (False, True):
        history = History()
        three_asks(history)
        better(history, flags=DORMANT, kind=int(OrderKind.STOP_LIMIT), time_in_force=0)
        if triggered:
            history.slot = 13
            live = placed(7, 999, 10, slot=13, kind=int(OrderKind.LIMIT))
            history.add(blank(OrderTriggered, sequence=history.user(CAROL), user=CAROL, order=live, linked=()))
        cross(history)
        assert missed(history) == ([(7, ())] if triggered else [])


def test_one_that_failed_to_fire_is_gone() -> None:
    history = History()
    three_asks(history)
    better(history)
    failed = {"outcome": 1, "order": placed(7, 999, 10), "linked": ()}
    history.slot = 13
    history.add(blank(OrderTriggered, sequence=history.user(CAROL), user=CAROL, **failed))
    cross(history)
    assert missed(history) == []


def test_a_deadline_and_a_sweep_take_orders_out() -> None:
    for deadline_ms, found in ((20 * 400, []), (20 * 400 + 1, [(7, ())]), (0, [(7, ())])):
        history = History()
        three_asks(history)
        better(history)
        known = {"sequence": history.user(CAROL), "user": CAROL, "deadline_ms": deadline_ms, "orders": ()}
        history.add(blank(CancelAllAfterSet, **known))
        cross(history)
        assert missed(history) == found
    history = History()
    three_asks(history)
    better(history)
    gone = (blank(CancelledOrder, order_id=7, market_index=MARKET),)
    history.slot = 13
    history.add(blank(OrdersExpired, sequence=history.user(CAROL), user=CAROL, orders=gone))
    cross(history)
    assert missed(history) == []


def test_a_slice_takes_its_parents_place() -> None:
    history = History()
    three_asks(history)
    history.place(CAROL, placed(7, 0, 100, slot=9, flags=DORMANT, kind=int(OrderKind.TWAP)), slot=11)
    slice_ = placed(8, 999, 10, slot=12, time_in_force=int(TimeInForce.IMMEDIATE_OR_CANCEL))
    history.slot = 12
    known = {"sequence": history.user(CAROL), "user": CAROL, "parent_order_id": 7, "order": slice_, "removed": ()}
    history.add(blank(SliceExecuted, **known))
    cross(history)
    # Neither parent nor slice ever rests.
    assert missed(history) == []


def linked(order_id: int, size_lots: int, change: LinkedChange) -> LinkedOrder:
    entry: LinkedOrder = blank(LinkedOrder, user=CAROL, order_id=order_id, size_lots=size_lots, change=int(change))
    return entry


def test_an_exit_rests_from_its_entrys_first_fill() -> None:
    history = History()
    three_asks(history)
    waiting = placed(7, 999, 0, slot=9, flags=DORMANT | constants.ORDER_FLAG_REDUCE_ONLY)
    history.place(CAROL, waiting, slot=11)
    history.taker(20)
    history.match([(BOB, 1, 1_000, 10)], slot=20, linked=(linked(7, 10, LinkedChange.GROWN),))
    history.match([(ALICE, 1, 1_001, 5)], slot=21)
    # It is younger than the taker: placed in the slot of that fill.
    assert missed(history) == []
    history.taker(20, slot=22)
    history.match([(ALICE, 1, 1_001, 5)], slot=24)
    assert missed(history) == [(7, ("reduce-only",))]


def test_a_refill_loses_its_place_in_time() -> None:
    history = History()
    history.place(ALICE, placed(1, 1_000, 10, slot=8))
    history.place(CAROL, placed(7, 1_000, 10, slot=7, kind=int(OrderKind.ICEBERG)), slot=9)
    history.taker(40)
    event = history.match([(CAROL, 7, 1_000, 10)], slot=20, linked=(linked(7, 10, LinkedChange.REFILLED),))
    assert event.fills[0].maker_remaining_lots == 0
    history.left[CAROL, 7] = 10
    history.match([(ALICE, 1, 1_000, 10)], slot=21)
    found = history.audit()
    assert (found.skipped, found.mismatches) == ((), ())
    shrunk = replace(linked(7, 0, LinkedChange.CANCELLED))
    history.taker(40, slot=22)
    history.place(BOB, placed(1, 1_002, 10, slot=20), slot=23)
    history.match([(BOB, 1, 1_002, 5)], slot=24, linked=(shrunk,))
    assert [order.order_id for order in history.audit().skipped] == [7]


PEG = {"kind": int(OrderKind.PEGGED)}
TAKER_MS, MATCH_MS = 15 * 400, 20 * 400


def peg(history: History, offset: int = -2, limit: int = 900) -> None:
    """Carol's order at the index plus an offset, placed before the taker."""
    words = (offset % (1 << 64), 0, 0)
    history.place(CAROL, placed(7, limit, 10, slot=9, terms=words, **PEG), slot=11)


@pytest.mark.parametrize(("offset", "limit", "found"), [(-2, 900, [7]), (5, 900, []), (-50, 1_003, [])])
def test_a_pegged_order_ranks_by_its_price_now(offset: int, limit: int, found: list[int]) -> None:
    history = History()
    three_asks(history)
    peg(history, offset, limit)
    history.taker(10)
    history.slot = 19
    history.price(publish_time_ms=TAKER_MS + 1)
    history.match([(BOB, 1, 1_000, 10)])
    assert missed(history) == [(number, ()) for number in found]
    assert ATOMS_PER_LOT_TICK == 100


STALE, VOLATILE = constants.STALE_FOR_FILLS, constants.TOO_VOLATILE
REFUSED = bytes([0, 0, STALE | VOLATILE, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("price", "rules", "found"),
    [
        ({"publish_time_ms": TAKER_MS}, {}, []),
        ({"publish_time_ms": TAKER_MS + 1}, {}, [(7, ())]),
        ({"publish_time_ms": TAKER_MS + 1}, {"stale_fill_ms": MATCH_MS - TAKER_MS - 1}, [(7, ())]),
        ({"publish_time_ms": TAKER_MS + 1}, {"stale_fill_ms": MATCH_MS - TAKER_MS - 2}, []),
        ({"publish_time_ms": TAKER_MS + 1, "validity": VOLATILE}, {}, []),
        ({"publish_time_ms": TAKER_MS + 1, "validity": VOLATILE}, {"refused": bytes(8)}, [(7, ())]),
        # Its age is taken at the match, whatever the bit said when it came.
        ({"publish_time_ms": TAKER_MS + 1, "validity": STALE}, {}, [(7, ())]),
    ],
)
def test_a_peg_fills_only_at_a_younger_index_that_the_matrix_allows(
    price: dict[str, int], rules: dict[str, Any], found: list[Any]
) -> None:
    history = History(oracle={"refused": REFUSED, "stale_fill_ms": 60_000, "stale_margin_ms": 60_000} | rules)
    three_asks(history)
    peg(history)
    history.taker(10)
    history.slot = 19
    history.price(**price)
    history.match([(BOB, 1, 1_000, 10)])
    assert missed(history) == found


def test_the_matrix_is_followed_through_its_changes() -> None:
    for name, value in (("oracle.refused.2", VOLATILE), ("oracle.stale_fill_ms", 1_000)):
        history = History(oracle={"refused": bytes([0, 0, STALE, 0, 0, 0, 0, 0]), "stale_fill_ms": 60_000})
        three_asks(history)
        peg(history)
        number, target = parameter(name, "market").number, market_address(MARKET)
        known = {"field": number, "target": target, "status": int(ChangeStatus.EXECUTED), "value": value}
        history.add(blank(ChangeExecuted, **known))
        history.taker(10)
        history.slot = 19
        history.price(publish_time_ms=TAKER_MS + 1, validity=VOLATILE)
        history.match([(BOB, 1, 1_000, 10)])
        assert missed(history) == []


def test_a_history_without_the_listing_leaves_a_peg_in_doubt() -> None:
    history = History()
    three_asks(history)
    peg(history)
    history.taker(10)
    history.slot = 19
    history.price(publish_time_ms=TAKER_MS + 1)
    history.match([(BOB, 1, 1_000, 10)])
    known = audit_matching(history.events, MARKET)
    # Neither the tick nor the matrix is known then: it counts at its limit, and excuses the keeper.
    assert [(found.order_id, found.doubts) for found in known.skipped] == [(7, ("band", "pegged"))]


def test_a_liquidation_misses_no_peg() -> None:
    history = History()
    three_asks(history)
    peg(history)
    history.slot = 19
    history.price(publish_time_ms=MATCH_MS)
    history.slot = 20
    fills = history.fills([(BOB, 1, 1_000, 10)])
    known = {"sequence": history.market(), "user_sequence": history.user(TAKER), "event_hash": history.hash}
    matched = {"market_index": MARKET, "user": TAKER, "slot": 20, "time_ms": MATCH_MS, "fills": fills, "skips": ()}
    history.add(blank(LiquidationMatched, **known, **matched, linked=()))
    assert (history.audit().liquidations, missed(history)) == (1, [])


def test_an_iceberg_is_missed_for_what_it_displays() -> None:
    history = History()
    three_asks(history)
    better(history, kind=int(OrderKind.ICEBERG), terms=(10, 90, 0))
    history.taker(30)
    history.match([(BOB, 1, 1_000, 10), (ALICE, 1, 1_001, 10), (CAROL, 1, 1_002, 10)])
    (found,) = history.audit().certain
    assert (found.order_id, found.size_lots, found.displaced_lots) == (7, 10, 10)
    # One lot of each: the taker paid 1,000, 1,001 and 1,002 where 999, 1,000 and 1,001 were due.
    assert history.audit().keepers[0].taker_cost_atoms == 10 * 3 * ATOMS_PER_LOT_TICK


def test_an_icebergs_failed_refill_takes_it_out() -> None:
    history = History()
    history.place(ALICE, placed(1, 1_000, 10, slot=8))
    history.place(CAROL, placed(7, 999, 10, slot=7, kind=int(OrderKind.ICEBERG), terms=(10, 90, 0)), slot=9)
    history.taker(40)
    history.match([(CAROL, 7, 999, 10)], slot=20, linked=(linked(7, 0, LinkedChange.REFILL_FAILED),))
    history.match([(ALICE, 1, 1_000, 10)], slot=21)
    found = history.audit()
    assert (found.skipped, found.mismatches) == ((), ())


def test_an_answer_in_an_auction_is_followed_and_not_judged() -> None:
    """Carol answers out of nowhere: no order of hers ever rested, and Bob's better one excuses nobody else later."""
    history = History()
    three_asks(history)
    history.taker(30)
    history.left[CAROL, 50] = 10
    history.match([(CAROL, 50, 1_003, 10)], auction=True)
    assert (history.audit().skipped, history.audit().mismatches) == ((), ())
    assert (history.audit().fills, history.audit().whole) == (1, True)
    assert history.audit().event_hash == history.hash != 0
    history.match([(ALICE, 1, 1_001, 10)], slot=21)
    found = history.audit()
    assert [(order.user, order.displaced_lots) for order in found.certain] == [(BOB, 10)]
    # What the answer took of the taker is gone from it.
    assert found.mismatches == ()
    history.match([(BOB, 1, 1_000, 10)], slot=22, remaining=5)
    assert [(wrong.expected, wrong.found) for wrong in history.audit().mismatches] == [(0, 5)]


# Events that change no order, position, price or rule that the audit looks at.
NO_PART_OF_A_BOOK = {
    "AccountExtended", "ChangeCancelled", "CollateralLiquidated", "CollateralListed", "DebtAccrued", "DelegateSet",
    "Deposited", "ExchangeInitialized", "ExchangeOpened", "FeesCollected", "InsuranceFunded", "InsuranceStaked",
    "LimitsSet", "MarkUpdated", "MarketAccrued", "NonceCancelled", "PnlSettled", "RampApplied", "RewardPaid",
    "RoleClaimed", "SeasonAdvanced", "SuccessorNamed", "TrailingUpdated", "Transferred", "UnstakeClaimed",
    "UnstakeRequested", "WithdrawClaimed", "WithdrawRequested", "Withdrawn",
}  # fmt: skip


def test_every_kind_of_event_is_followed_or_named_as_no_part_of_a_book() -> None:
    followed = set(HANDLERS) | {"OrdersMatched", "LiquidationMatched"}
    assert followed | NO_PART_OF_A_BOOK == {kind.__name__ for kind in ALL}
    assert not followed & NO_PART_OF_A_BOOK


def test_a_broken_invariant_leaves_only_reductions() -> None:
    history = History()
    three_asks(history)
    broken = {"sequence": history.market(), "market_index": MARKET, "status": int(MarketStatus.REDUCE_ONLY)}
    history.add(blank(InvariantBroken, **broken))
    history.taker(15)
    history.match([(CAROL, 1, 1_002, 5)])
    assert history.audit().skipped == ()
