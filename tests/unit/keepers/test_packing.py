"""Packing: the sizes are those of real transactions, the limits hold, and fees for compute decide who goes first."""

from __future__ import annotations

from typing import Any

import keeper_world as kw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import COMPUTE_UNITS_MAX, MAKERS_MAX, PACKET_BYTES_MAX, PROGRAM_ID, TransactionTooLarge
from evertide._transaction import budget, message, signed_wire, with_budget
from evertide_keepers import matcher
from evertide_keepers.actions import Action, build
from evertide_keepers.memory import Memory
from evertide_keepers.packing import LOCKS_MAX, Load, bytes_of, fits, locks_of, most_paid_first, packed, units_of
from evertide_keepers.settings import MatcherSettings

KEEPER = Keypair.from_seed(bytes([1]) * 32)
HASH = "11111111111111111111111111111111"


def action_of(loads: list[Load]) -> Action:
    """The transaction that the matcher would send for these, with an account that earns."""
    steps: list[list[Any]] = [
        [
            "match_orders",
            {
                "market_index": 0,
                "taker_user": str(kw.address(load.taker_row)),
                "taker_order_id": 2**63,
                "makers": [[str(kw.address(row)), 7] for row in load.maker_rows],
                "keeper_user": str(kw.address(500)),
            },
        ]
        for load in loads
    ]
    last = steps.pop()
    return Action("match_orders", "key", "lane", last[1], steps)


def wire(loads: list[Load]) -> bytes:
    steps = build(action_of(loads), KEEPER.pubkey(), PROGRAM_ID)
    compiled = message(KEEPER.pubkey(), with_budget(steps, budget(COMPUTE_UNITS_MAX, 1)), HASH)
    return signed_wire(compiled, [KEEPER])[0]


rows = st.integers(0, 14)
crowds = st.lists(
    st.builds(
        lambda taker, makers: Load(taker, tuple(row for row in makers if row != taker) or (taker + 1,), 1, 1),
        rows,
        st.lists(rows, min_size=1, max_size=MAKERS_MAX),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(crowds)
def test_the_size_is_that_of_the_real_transaction(loads: list[Load]) -> None:
    """To the byte where it fits; where it does not, the SDK refuses to build it."""
    if bytes_of(loads) > PACKET_BYTES_MAX:
        with pytest.raises(TransactionTooLarge, match=str(PACKET_BYTES_MAX)):
            wire(loads)
    else:
        assert len(wire(loads)) == bytes_of(loads)


def many(count: int, units: int = 10_000) -> list[Load]:
    return [Load(2 * at, (2 * at + 1,), units, 1) for at in range(count)]


def test_consecutive_matches_share_transactions_within_all_limits() -> None:
    loads = many(9)
    found = packed(loads, 8)
    assert [at for batch in found for at in batch] == list(range(9))
    assert len(found) == 3 and all(fits([loads[at] for at in batch]) for batch in found)
    assert not fits(loads[: len(found[0]) + 1])
    assert len(packed(loads, 2)) == 5 and len(packed(loads, 1)) == len(packed(loads, 0)) == 9
    # The same two accounts again and again: only data grows.
    same = [Load(0, (1,), 10_000, 1) for _ in range(9)]
    assert [len(batch) for batch in packed(same, 8)] == [8, 1]
    heavy = many(3, COMPUTE_UNITS_MAX // 2 + 1)
    assert [len(batch) for batch in packed(heavy, 8)] == [1, 1, 1]
    assert [len(batch) for batch in packed(many(2, COMPUTE_UNITS_MAX // 2), 8)] == [2]
    assert locks_of(many(14)) == LOCKS_MAX
    assert packed([], 8) == []


def test_what_failed_with_others_goes_alone() -> None:
    loads = many(3)
    loads[1] = Load(2, (3,), 10_000, 1, alone=True)
    assert packed(loads, 8) == [range(1), range(1, 2), range(2, 3)]


def test_the_estimate_lies_above_what_was_measured() -> None:
    """docs/compute-units.md: 10,718 for one maker, 44,518 for eight, 234,731 with everything that an account holds."""
    assert units_of([1, 1], [0, 0]) > 10_718 and units_of([1] * 9, [0] * 9) > 44_518
    assert units_of([12] * 9, [8] * 9) > 234_731


def test_the_most_fees_for_a_compute_unit_come_first_and_markets_keep_their_order() -> None:
    batches = {
        0: [(range(1), 100, 10_000), (range(1, 3), 900, 10_000)],
        1: [(range(2), 500, 10_000)],
        2: [(range(1), 500, 20_000)],
    }
    assert most_paid_first(batches, 64) == [
        (1, range(2)),
        (2, range(1)),
        (0, range(1)),
        (0, range(1, 3)),
    ]
    assert most_paid_first(batches, 3) == [(1, range(2)), (2, range(1))]
    assert most_paid_first({0: [(range(4), 1, 1)]}, 3) == [(0, range(3))]
    assert most_paid_first({}, 5) == []


def crossing(*pairs: int) -> kw.World:
    """For each market index given a maker and a taker of its own, 30 lots at the index; fees of 5 and 2 bps."""
    world = kw.World.with_market()
    record = kw.exchange()
    record["terms"]["fee_tiers"]["taker_fee_tenth_bps"][0, 0] = 50
    record["terms"]["fee_tiers"]["maker_fee_tenth_bps"][0, 0] = 20
    record["terms"]["fee_tier_count"], record["market_count"] = 1, 2
    world.put(kw.address(900), record)
    world.put(kw.address(904), kw.market(1))
    for at, index in enumerate(pairs):
        world.trader(2 * at, kw.user(number=2 * at), {"flags": 1, "market_index": index})
        taker = {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30, "market_index": index}
        world.trader(2 * at + 1, kw.user(number=2 * at + 1), taker)
    return world


def planned(world: kw.World, memory: Memory | None = None, **more: Any) -> list[Action]:
    state = world.state()
    state.risk_cache["markets"]["updated_ms"][1] = kw.NOW_MS
    return matcher.plan(state, memory or Memory(), MatcherSettings(**more))


def test_the_matcher_packs_and_takes_apart_what_failed() -> None:
    world = crossing(0, 0, 0)
    (action,) = planned(world)
    assert len(action.ahead) == 2 and action.key.startswith("batch:3:")
    assert len(build(action, kw.address(70), kw.address(71))) == 3
    takers = {step["taker_user"] for step in (action.arguments, *(one for _, one in action.ahead))}
    assert takers == {str(kw.address(number)) for number in (1, 3, 5)}
    memory = Memory()
    memory.note(matcher.blamed(action, "TakerMarginTooLow"), succeeded=False, now_ms=kw.NOW_MS)
    apart = planned(world, memory)
    assert [len(one.ahead) for one in apart] == [0, 0, 0] and {one.lane for one in apart} == {"market:0"}
    # The poisoned one waits now by itself, and the others go on.
    memory.note(matcher.blamed(apart[0], "TakerMarginTooLow"), succeeded=False, now_ms=kw.NOW_MS)
    assert [one.key for one in planned(world, memory)] == [one.key for one in apart[1:]]


def test_an_order_that_may_die_on_the_way_goes_by_itself() -> None:
    for placed, sizes in ((kw.SLOT - 15, [3]), (kw.SLOT - 16, [1, 2])):
        world = crossing(0, 0, 0)
        taker = {"time_in_force": 1, "placed_slot": placed, "size_lots": 30, "price_ticks": kw.INDEX_TICKS + 1}
        world.trader(1, kw.user(number=1), taker)
        assert [1 + len(one.ahead) for one in planned(world)] == sizes


def test_the_market_that_pays_most_for_its_compute_is_served_first() -> None:
    world = crossing(0, 1)
    assert [one.arguments["market_index"] for one in planned(world)] == [0, 1]
    record = kw.market(1)
    record["atoms_per_lot_tick"], record["index_price_q32"] = 2 * kw.TICK_VALUE, 2 * kw.INDEX_Q32
    world.put(kw.address(904), record)
    assert [one.arguments["market_index"] for one in planned(world)] == [1, 0]
    assert [one.arguments["market_index"] for one in planned(world, matches_max=1)] == [1]
    # An account that holds more costs more compute.
    full = kw.user(number=3)
    full["position_count"] = 12
    world.put(kw.address(3), full)
    assert [one.arguments["market_index"] for one in planned(world)] == [0, 1]


def test_dead_orders_that_take_up_a_partys_margin_are_cancelled_before_its_matches() -> None:
    """Those of others are the janitor's: a match does not wait for them."""
    taker = {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30}
    for dead_lots, names in ((100, ["match_orders"]), (100_000, ["expire_orders", "match_orders"])):
        world = crossing(0)
        record = kw.position(kw.user(10**6, number=1), 0, 0)
        position = record["positions"][0, 0]
        position["open_bid_lots"], position["max_bid_ticks"] = dead_lots + 30, kw.INDEX_TICKS
        user = world.trader(1, record, taker, {"expiry_ms": kw.NOW_MS, "size_lots": dead_lots})
        found = planned(world)
        assert [one.name for one in found] == names
        if len(found) == 2:
            assert found[0].arguments == {"user": str(user)} and found[0].lane == found[1].lane
            memory = Memory()
            memory.note([found[0].key], succeeded=False, now_ms=kw.NOW_MS)
            assert [one.name for one in planned(world, memory)] == ["match_orders"]
    # Without dead orders there is nothing to cancel, whatever the margin.
    world.trader(1, record, taker)
    assert [one.name for one in planned(world)] == ["match_orders"]


def test_names_are_addresses_of_the_accounts() -> None:
    (action,) = planned(crossing(0))
    assert Pubkey.from_string(action.arguments["taker_user"]) == kw.address(1)
