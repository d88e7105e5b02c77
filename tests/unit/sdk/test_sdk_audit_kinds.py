"""The audit's book follows orders that wait, link, hide and move with the index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audit_history import ALICE, ATOMS_PER_LOT_TICK, BOB, CAROL, MARKET, History, blank, placed, three_asks

from evertide import CancelledOrder, LinkedChange, LinkedOrder, OrderKind, TimeInForce, constants
from evertide.events import CancelAllAfterSet, OrdersExpired, OrderTriggered, SliceExecuted

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


@pytest.mark.parametrize(("offset", "limit", "found"), [(-2, 900, [(7, ("pegged",))]), (5, 900, []), (-50, 1_003, [])])
def test_a_pegged_order_ranks_by_its_price_now_and_is_in_doubt(offset: int, limit: int, found: list[Any]) -> None:
    history = History()
    three_asks(history)
    words = (offset % (1 << 64), 0, 0)
    history.place(CAROL, placed(7, limit, 10, slot=9, kind=int(OrderKind.PEGGED), terms=words), slot=11)
    cross(history)
    assert missed(history) == found
    assert ATOMS_PER_LOT_TICK == 100
