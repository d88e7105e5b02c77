"""The audit of matching on planted histories: each skipped order is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audit_history import (
    ALICE,
    ATOMS_PER_LOT_TICK,
    BOB,
    CAROL,
    KEEPER,
    MARKET,
    OTHER_KEEPER,
    OWNER,
    TAKER,
    TAKER_ORDER,
    History,
    blank,
    named,
    placed,
    three_asks,
)

from evertide import (
    ChangeStatus,
    Gate,
    MarketStatus,
    OrderKind,
    SelfTradeRule,
    SkipReason,
    TimeInForce,
    constants,
    market_address,
    orders_address,
    parameter,
)
from evertide.audit import audit_matching
from evertide.audit._matching import rolled_hash
from evertide.events import (
    BankruptcyResolved,
    ChangeExecuted,
    ChangeProposed,
    ExchangePaused,
    GateDisabled,
    GateEnabled,
    LiquidationMatched,
    MarketStatusSet,
    OrderModified,
    OrdersLiquidated,
    PauseLifted,
    PositionTouched,
    UserCreated,
)
from evertide.math import order_hash


def test_an_honest_match_is_clean() -> None:
    history = History()
    three_asks(history)
    history.taker(25)
    history.match([(BOB, 1, 1_000, 10), (ALICE, 1, 1_001, 10), (CAROL, 1, 1_002, 5)])
    found = history.audit()
    assert found.clean
    assert found.whole
    assert (found.matches, found.fills, found.filled_lots, found.skipped) == (1, 3, 25, ())
    assert found.event_hash == history.hash != 0
    assert [(record.keeper, record.matches, record.skipped_orders) for record in found.keepers] == [(KEEPER, 1, 0)]


def test_a_better_price_that_was_left_out_is_found_with_what_it_cost() -> None:
    history = History()
    three_asks(history)
    history.taker(15)
    history.match([(ALICE, 1, 1_001, 10), (CAROL, 1, 1_002, 5)])
    found = history.audit()
    (skipped,) = found.certain
    assert (skipped.user, skipped.order_id, skipped.price_ticks) == (BOB, 1, 1_000)
    assert skipped.displaced_lots == 10
    assert (skipped.filled_user, skipped.filled_price_ticks) == (ALICE, 1_001)
    assert (skipped.keeper, skipped.sequence, skipped.doubts) == (KEEPER, 1, ())
    # Due: 10 lots at 1,000 and 5 at 1,001; paid: 10 at 1,001 and 5 at 1,002.
    assert found.keepers[0].taker_cost_atoms == (10 * 1 + 5 * 1) * ATOMS_PER_LOT_TICK
    assert found.keepers[0].displaced_lots == 10
    assert not found.clean


def test_time_priority_counts_among_equal_prices() -> None:
    history = History()
    history.place(ALICE, placed(1, 1_000, 10, slot=8))
    history.place(BOB, placed(1, 1_000, 10, slot=9))
    history.taker(10)
    history.match([(BOB, 1, 1_000, 10)])
    found = history.audit()
    assert [(order.user, order.displaced_lots) for order in found.certain] == [(ALICE, 10)]
    assert found.keepers[0].taker_cost_atoms == 0


def test_the_hash_decides_between_orders_of_one_slot() -> None:
    ranked = sorted((ALICE, BOB), key=lambda user: order_hash(8, bytes(orders_address(user)), 1))
    for first, second, skipped in ((*ranked, 0), (*ranked[::-1], 1)):
        history = History()
        for user in (ALICE, BOB):
            history.place(user, placed(1, 1_000, 10, slot=8))
        history.taker(15)
        history.match([(first, 1, 1_000, 10)])
        assert len(history.audit().certain) == skipped
        del second


def test_findings_are_told_apart_by_keeper() -> None:
    history = History()
    three_asks(history)
    history.taker(15)
    history.match([(CAROL, 1, 1_002, 5)], keeper=OTHER_KEEPER)
    history.match([(BOB, 1, 1_000, 10)], slot=21)
    records = {record.keeper: record for record in history.audit().keepers}
    assert records[OTHER_KEEPER].skipped_orders == 2
    assert records[OTHER_KEEPER].payer == str(OTHER_KEEPER)
    assert records[KEEPER].skipped_orders == 0


def test_a_maker_that_was_named_and_passed_over_is_no_finding() -> None:
    history = History()
    three_asks(history)
    history.taker(15)
    history.match([(ALICE, 1, 1_001, 10)], skips=(named(BOB, 1, SkipReason.MARGIN),))
    found = history.audit()
    assert found.clean
    assert found.named_skips == {int(SkipReason.MARGIN): 1}
    assert found.keepers[0].named_skips == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"expiry_ms": 19 * 400}, "dead at the match"),
        ({"time_in_force": int(TimeInForce.GOOD_TILL_CANCELLED), "taker_phase_s": 60}, "still in its taker phase"),
        ({"time_in_force": int(TimeInForce.IMMEDIATE_OR_CANCEL)}, "never rests"),
        ({"kind": int(OrderKind.MARKET)}, "never rests"),
        ({"market_index": MARKET + 1}, "another market"),
        ({"slot": 15}, "not of an earlier slot than a taker in its phase"),
        ({"ask": False}, "the taker's own side"),
        ({"price_ticks": 900}, "outside every band that the market could have had"),
    ],
)
def test_what_could_not_have_been_maker_is_no_finding(change: dict[str, Any], why: str) -> None:
    history = History()
    three_asks(history)
    history.place(OTHER_KEEPER, placed(1, change.pop("price_ticks", 999), 10, **({"slot": 9} | change)), slot=9)
    history.taker(30)
    history.match([(BOB, 1, 1_000, 10), (ALICE, 1, 1_001, 10)])
    assert history.audit().skipped == (), why


def test_a_bid_side_is_judged_the_other_way_round() -> None:
    history = History()
    history.place(ALICE, placed(1, 1_001, 10, ask=False, slot=8))
    history.place(BOB, placed(1, 1_000, 10, ask=False, slot=8))
    history.taker(10, ask=True)
    history.match([(BOB, 1, 1_000, 10)], ask=True)
    found = history.audit()
    assert [order.user for order in found.certain] == [ALICE]
    assert found.keepers[0].taker_cost_atoms == 10 * ATOMS_PER_LOT_TICK


def test_a_resting_taker_meets_older_orders_of_its_own_slot() -> None:
    history = History()
    ids = sorted((1, 2), key=lambda number: order_hash(9, bytes(orders_address(ALICE)), number))
    older = order_hash(9, bytes(orders_address(ALICE)), ids[0])
    own = order_hash(9, bytes(orders_address(TAKER)), TAKER_ORDER)
    history.place(ALICE, placed(ids[0], 1_000, 10, slot=9))
    history.place(BOB, placed(1, 1_001, 10, slot=8))
    history.taker(10, slot=9, taker_phase_s=0)
    history.match([(BOB, 1, 1_001, 10)])
    assert bool(history.audit().certain) == (older < own)


def test_ones_own_orders_are_never_makers() -> None:
    history = History()
    for user in (TAKER, ALICE):
        history.add(blank(UserCreated, sequence=history.user(user), user=user, authority=OWNER))
    three_asks(history)
    history.taker(10)
    history.match([(BOB, 1, 1_000, 10)])
    history.place(ALICE, placed(2, 999, 10, slot=14), slot=16)
    history.taker(10, slot=17)
    history.match([(CAROL, 1, 1_002, 5)], slot=22)
    # Alice's two better orders belong to the taker's owner; nobody else was better.
    assert history.audit().skipped == ()


def test_reduce_only_makers_count_as_far_as_their_positions_reach() -> None:
    history = History()
    reduce = constants.ORDER_FLAG_REDUCE_ONLY
    history.place(ALICE, placed(1, 999, 10, flags=reduce, slot=7))
    history.place(BOB, placed(1, 1_000, 10, slot=9))
    history.taker(4)
    history.match([(BOB, 1, 1_000, 4)])
    (found,) = history.audit().skipped
    assert found.doubts == ("reduce-only",)
    # Alice is known to hold 3 lots from now on: so much of her order could have filled.
    history.add(blank(PositionTouched, sequence=history.market(), market_index=MARKET, user=ALICE, size_lots=3))
    history.taker(8, slot=23)
    history.match([(BOB, 1, 1_000, 6)], slot=25)
    last = history.audit().skipped[-1]
    assert (last.user, last.displaced_lots, last.doubts) == (ALICE, 3, ())


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (
            (BankruptcyResolved, {"market_index": MARKET, "user": OWNER, "bankruptcies_open": 1}),
            (BankruptcyResolved, {"market_index": MARKET, "user": OWNER, "bankruptcies_open": 0}),
        ),
        (
            (MarketStatusSet, {"market_index": MARKET, "status": int(MarketStatus.REDUCE_ONLY)}),
            (MarketStatusSet, {"market_index": MARKET, "status": int(MarketStatus.ACTIVE)}),
        ),
        (
            (ChangeExecuted, {"target": market_address(MARKET), "field": 147, "status": 1, "value": 2}),
            (ChangeExecuted, {"target": market_address(MARKET), "field": 147, "status": 1, "value": 0}),
        ),
        ((GateDisabled, {"gates_closed": 1 << Gate.MATCH_ORDERS}), (GateEnabled, {"gates_closed": 0})),
        ((ExchangePaused, {"end_ms": 20 * 400 + 1}), (PauseLifted, {"end_ms": 20 * 400})),
    ],
)
def test_where_only_reductions_fill_no_maker_that_increases_is_missed(begin: Any, end: Any) -> None:
    for change, skipped in ((begin, 0), (end, 1)):
        history = History()
        three_asks(history)
        for kind, values in (begin, change):
            number = history.market() if "market_index" in values else 0
            history.add(blank(kind, sequence=number, **values))
        history.taker(10)
        history.match([(ALICE, 1, 1_001, 10)])
        assert len(history.audit().skipped) == skipped


@pytest.mark.parametrize(("band_bps", "found"), [(400, ["band"]), (100, None), (1_000, [])])
def test_the_band_is_followed_and_leaves_a_doubt_between_half_and_twice(band_bps: int, found: list[str] | None) -> None:
    history = History()
    three_asks(history)
    # 3 % from the index.
    history.place(OWNER, placed(1, 970, 10, slot=9), slot=11)
    field = parameter("band_bps", "market").number
    known = {"target": market_address(MARKET), "field": field, "status": int(ChangeStatus.EXECUTED)}
    history.add(blank(ChangeProposed, **known, new_value=band_bps))
    history.taker(10)
    history.match([(BOB, 1, 1_000, 10)])
    assert [list(order.doubts) for order in history.audit().skipped] == ([] if found is None else [found])


def test_what_changed_in_the_slot_of_the_match_is_in_doubt() -> None:
    for before in (True, False):
        history = History()
        three_asks(history)
        history.taker(10)
        history.slot = 20
        if before:
            history.cancel(BOB, 1)
        history.match([(ALICE, 1, 1_001, 10)])
        if not before:
            history.cancel(BOB, 1)
        found = history.audit()
        assert found.certain == ()
        assert [order.doubts for order in found.skipped] == ([] if before else [("same slot",)])
        assert all(record.taker_cost_atoms == 0 for record in found.keepers)


def test_cancelled_modified_and_voided_orders_leave_the_book() -> None:
    history = History()
    three_asks(history)
    history.slot = 12
    history.cancel(BOB, 1)
    moved = placed(2, 1_005, 10, slot=12)
    modified = {"cancelled_order_id": 1, "order": moved}
    history.add(blank(OrderModified, sequence=history.user(ALICE), user=ALICE, **modified))
    history.place(OWNER, placed(5, 999, 10, slot=13))
    void = {"rung": 2, "orders_epoch": 6, "orders": ()}
    history.add(blank(OrdersLiquidated, sequence=history.user(OWNER), user=OWNER, **void))
    history.taker(10)
    history.match([(CAROL, 1, 1_002, 10)])
    assert history.audit().clean


def test_a_smaller_size_keeps_the_priority() -> None:
    history = History()
    three_asks(history)
    history.slot = 12
    shrunk = {"cancelled_order_id": 1, "kept_priority": True, "order": placed(1, 1_000, 4, slot=9)}
    history.add(blank(OrderModified, sequence=history.user(BOB), user=BOB, **shrunk))
    history.left[BOB, 1] = 4
    history.taker(10)
    history.match([(ALICE, 1, 1_001, 6)])
    (found,) = history.audit().certain
    assert (found.user, found.size_lots, found.displaced_lots, found.placed_slot) == (BOB, 4, 4, 9)


def test_a_liquidation_is_a_taker_of_its_slot() -> None:
    history = History()
    three_asks(history)
    history.slot = 20
    fills = history.fills([(ALICE, 1, 1_001, 10)])
    known = {"market_index": MARKET, "user": TAKER, "user_sequence": history.user(TAKER), "keeper": KEEPER}
    end = {"slot": 20, "time_ms": 8_000, "event_hash": history.hash, "fills": fills, "user_position_lots_after": -3}
    history.add(blank(LiquidationMatched, sequence=history.market(), **known, **end))
    found = history.audit()
    assert (found.matches, found.liquidations) == (0, 1)
    assert [(order.user, order.taker_order_id) for order in found.certain] == [(BOB, 0)]


@pytest.mark.parametrize("rule", list(SelfTradeRule))
def test_self_trade_rules_are_replayed(rule: SelfTradeRule) -> None:
    history = History()
    history.place(BOB, placed(1, 1_000, 30, slot=8))
    history.place(ALICE, placed(1, 1_001, 10, slot=8))
    history.taker(20, self_trade=int(rule))
    removed = rule == SelfTradeRule.CANCEL_OLDEST
    left = {SelfTradeRule.CANCEL_NEWEST: 0, SelfTradeRule.CANCEL_OLDEST: 10, SelfTradeRule.DECREMENT: 0}[rule]
    makers = [(ALICE, 1, 1_001, 10)] if removed else []
    skips = (named(BOB, 1, SkipReason.SELF_TRADE, removed=removed),)
    history.match(makers, skips=skips, remaining=left)
    bob = {SelfTradeRule.CANCEL_NEWEST: 30, SelfTradeRule.CANCEL_OLDEST: 0, SelfTradeRule.DECREMENT: 10}[rule]
    history.taker(50, slot=21)
    history.place(CAROL, placed(1, 1_003, 10, slot=20))
    history.match([(CAROL, 1, 1_003, 10)], slot=25)
    skipped = {order.user: order.size_lots for order in history.audit().certain}
    assert skipped.get(BOB, 0) == bob
    assert skipped.get(ALICE, 0) == (0 if removed else 10)


def test_a_dropped_or_changed_fill_breaks_the_hash() -> None:
    history = History()
    three_asks(history)
    history.taker(30)
    history.match([(BOB, 1, 1_000, 10)])
    event = history.match([(ALICE, 1, 1_001, 10)], slot=21)
    landed = history.events[-1]
    forged = replace(event, fills=(replace(event.fills[0], size_lots=9),))
    history.events[-1] = replace(landed, event=forged)
    found = history.audit()
    (broken,) = found.hash_breaks
    assert (broken.sequence, broken.found) == (event.sequence, history.hash)
    assert broken.expected == rolled_hash(history.events[-2].event.event_hash, bytes(orders_address(ALICE)), 1_001, 9)
    # The rest that the event tells does not follow from 9 lots either, nor does the taker's.
    assert {entry.what.split(" of ")[1].split()[0] for entry in found.mismatches} == {"order"}
    assert not found.clean


def test_a_missing_event_of_the_market_is_a_gap() -> None:
    history = History()
    three_asks(history)
    history.taker(30)
    history.match([(BOB, 1, 1_000, 10)])
    history.match([(ALICE, 1, 1_001, 10)], slot=21)
    del history.events[-2]
    found = history.audit()
    assert [(gap.expected, gap.found) for gap in found.gaps] == [(1, 2)]
    assert len(found.hash_breaks) == 1
    assert not found.whole


def test_a_history_that_begins_late_judges_what_it_can() -> None:
    history = History()
    three_asks(history)
    history.taker(15)
    start = len(history.events)
    history.match([(ALICE, 1, 1_001, 10)])
    found = audit_matching(history.events[start:], MARKET)
    assert (found.unknown_takers, found.skipped, found.hash_breaks, found.whole) == (1, (), (), False)


def test_the_order_within_a_slot_does_not_matter() -> None:
    history = History()
    for user, price in ((ALICE, 1_001), (BOB, 1_000)):
        history.place(user, placed(1, price, 10, slot=8))
    history.taker(10)
    history.match([(BOB, 1, 1_000, 4)])
    history.match([(BOB, 1, 1_000, 6)])
    straight = history.audit()
    history.events[-1], history.events[-2] = history.events[-2], history.events[-1]
    assert history.audit() == straight
    assert straight.clean


def test_nothing_is_found_in_nothing() -> None:
    found = audit_matching([], 0)
    assert found.clean
    assert (found.first_sequence, found.last_sequence, found.keepers, found.event_hash) == (-1, -1, (), 0)
