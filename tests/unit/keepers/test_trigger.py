"""The trigger keeper's plan, and what the janitor sweeps: what fires, trails, is sliced and is dead, at each bound."""

from __future__ import annotations

from typing import Any

import keeper_world as kw
import numpy as np
import pytest
from solders.pubkey import Pubkey
from test_plans import change_market, later

from evertide import (
    ORDER_FLAG_ASK,
    ORDER_FLAG_DORMANT,
    ORDER_FLAG_REDUCE_ONLY,
    ORDER_FLAG_SLICE,
    OrderKind,
    TimeInForce,
    TriggerSource,
)
from evertide_engine.layouts import CONDITIONAL_TERMS, TWAP_TERMS
from evertide_keepers import janitor, trigger
from evertide_keepers.actions import Action
from evertide_keepers.memory import SETTLED_MS, Memory
from evertide_keepers.settings import JanitorSettings, TriggerSettings
from evertide_keepers.state import State

DORMANT, SELL = ORDER_FLAG_DORMANT, ORDER_FLAG_DORMANT | ORDER_FLAG_ASK
REDUCE = ORDER_FLAG_REDUCE_ONLY
STOPS = (OrderKind.STOP_MARKET, OrderKind.STOP_LIMIT, OrderKind.TRAILING_STOP)
TARGETS = (OrderKind.TAKE_PROFIT_MARKET, OrderKind.TAKE_PROFIT_LIMIT)
TICK_Q32 = kw.TICK_VALUE << 32


def words(dtype: Any, **fields: int) -> Any:
    """The three words of an order's terms."""
    record = np.zeros(1, dtype)
    for name, value in fields.items():
        record[name] = value
    return record.view("<u8")


def conditional(kind: OrderKind, flags: int, trigger_ticks: int, source: int = 0, trail_bps: int = 0) -> dict[str, Any]:
    """A dormant order's fields."""
    terms = words(CONDITIONAL_TERMS, trigger_ticks=trigger_ticks, source=source, trail_bps=trail_bps)
    return {"kind": int(kind), "flags": flags, "terms": terms, "time_in_force": int(TimeInForce.IMMEDIATE_OR_CANCEL)}


def state_of(*orders: dict[str, Any], **market: int) -> tuple[State, Pubkey]:
    """One trader with these orders in a market whose mark and index are 1,000 ticks."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(number=1), *orders)
    change_market(world, **{"mark_price_q32": kw.INDEX_Q32, **market})
    state = world.state()
    state.markets["terms"]["mark_radius_bps"][0] = 5_000
    return state, owner


def planned(state: State, memory: Memory | None = None, **settings: int) -> list[Action]:
    return trigger.plan(state, memory or Memory(), TriggerSettings(**settings))


def swept(state: State) -> list[Action]:
    return janitor.plan(state, Memory(), JanitorSettings())


def names(state: State) -> list[str]:
    """Of both: what waits is one's, what is dead the other's, and nothing both."""
    return [action.name for action in [*planned(state), *swept(state)]]


@pytest.mark.parametrize("kind", [*STOPS, *TARGETS])
@pytest.mark.parametrize("flags", [DORMANT, SELL])
def test_each_kind_fires_at_its_trigger_and_not_a_tick_before(kind: OrderKind, flags: int) -> None:
    """A stop fires against its side, a target in its favour; touching counts."""
    rises = (kind in TARGETS) == bool(flags & ORDER_FLAG_ASK)
    state, owner = state_of(conditional(kind, flags, kw.INDEX_TICKS, trail_bps=100))
    (action,) = planned(state, trailing_step_bps=10_000)
    assert action.plain() == {
        "name": "trigger_order",
        "key": f"trigger_order:{owner}:1",
        "lane": f"user:{owner}",
        "arguments": {"market_index": 0, "user": str(owner), "order_id": 1},
    }
    beyond = kw.INDEX_TICKS + (1 if rises else -1)
    away, _ = state_of(conditional(kind, flags, beyond, trail_bps=10_000 - 1))
    assert "trigger_order" not in names(away)


def test_a_price_between_two_ticks_has_reached_neither() -> None:
    """Rounding never fires early: down for what must rise, up for what must fall."""
    between = kw.INDEX_Q32 + TICK_Q32 // 2
    buy = conditional(OrderKind.STOP_MARKET, DORMANT, kw.INDEX_TICKS + 1)
    sell = conditional(OrderKind.STOP_MARKET, SELL, kw.INDEX_TICKS)
    assert names(state_of(buy, mark_price_q32=between)[0]) == []
    assert names(state_of(sell, mark_price_q32=between)[0]) == []
    assert names(state_of(buy, mark_price_q32=kw.INDEX_Q32 + TICK_Q32)[0]) == ["trigger_order"]


def test_each_order_listens_to_its_own_price() -> None:
    """Mark, index and last fill fire by themselves; without a last fill nothing does by it."""
    for source, field in (
        (TriggerSource.MARK, "mark_price_q32"),
        (TriggerSource.INDEX, "index_price_q32"),
        (TriggerSource.LAST, "last_fill_ticks"),
    ):
        order = conditional(OrderKind.STOP_MARKET, SELL, 900, int(source))
        low = 900 if field == "last_fill_ticks" else 900 * TICK_Q32
        assert names(state_of(order, last_fill_ticks=1_000)[0]) == []
        assert names(state_of(order, **{"last_fill_ticks": 1_000, field: low})[0]) == ["trigger_order"]
    unfilled = conditional(OrderKind.STOP_MARKET, SELL, 900, int(TriggerSource.LAST))
    assert names(state_of(unfilled, last_fill_ticks=0)[0]) == []


def test_a_stale_price_fires_nothing_where_the_oracle_forbids_it() -> None:
    world = kw.World.with_market()
    stop = conditional(OrderKind.STOP_MARKET, SELL | REDUCE, kw.INDEX_TICKS)
    world.trader(1, kw.user(number=1), stop)
    change_market(world, mark_price_q32=kw.INDEX_Q32)
    state = world.state()
    assert names(later(state, 130_000)) == ["trigger_order"]
    state.markets["terms"]["oracle"]["refused"][0] = 0xFF
    assert names(state) == []


def test_a_scheduled_order_waits_for_its_time() -> None:
    scheduled = {"flags": DORMANT, "placed_ms": kw.NOW_MS + 1_000}
    stop = {**conditional(OrderKind.STOP_MARKET, SELL, 2_000), "placed_ms": kw.NOW_MS + 1_000}
    state, _ = state_of(scheduled, stop)
    assert names(later(state, 999)) == []
    assert names(later(state, 1)) == ["trigger_order", "trigger_order"]


def test_a_trailing_stop_follows_by_steps_and_never_back() -> None:
    """1,000 ticks less 1 % is 990: worth a step from 989 at 10 bps, not from 990 nor from above."""
    for ask, reached in ((SELL, 990), (DORMANT, 1_010)):
        inward = -1 if ask == SELL else 1
        for distance, moves in ((0, False), (1, True), (50, True), (-5, False)):
            trigger_ticks = reached + inward * distance
            state, owner = state_of(conditional(OrderKind.TRAILING_STOP, ask, trigger_ticks, trail_bps=100))
            found = planned(state)
            assert [action.key for action in found] == [f"update_trailing:{owner}:1:{trigger_ticks}"] * moves
    state, _ = state_of(conditional(OrderKind.TRAILING_STOP, SELL, 989, trail_bps=100))
    assert planned(state, trailing_step_bps=11) == [] and len(planned(state, trailing_step_bps=10)) == 1


def twap(done: int, count: int = 4, interval_s: int = 30, placed_ms: int = kw.NOW_MS) -> dict[str, Any]:
    terms = words(TWAP_TERMS, slice_count=count, slices_done=done, slice_interval_s=interval_s, group=9)
    dormant = {"kind": int(OrderKind.TWAP), "terms": terms, "placed_ms": placed_ms, "flags": DORMANT | REDUCE}
    return {**dormant, "time_in_force": int(TimeInForce.IMMEDIATE_OR_CANCEL)}


def test_a_slice_is_due_once_in_its_interval_however_late() -> None:
    state, owner = state_of(twap(0))
    (first,) = planned(state)
    assert (first.name, first.key) == ("execute_slice", f"execute_slice:{owner}:1:1")
    assert names(state_of(twap(1))[0]) == []
    for elapsed_ms, running in ((29_999, 1), (30_000, 2), (89_999, 3), (90_000, 4), (119_999, 4)):
        late, _ = state_of(twap(running - 1, placed_ms=kw.NOW_MS - elapsed_ms))
        assert [action.key for action in planned(late)] == [f"execute_slice:{owner}:1:{running}"]
        done, _ = state_of(twap(running, placed_ms=kw.NOW_MS - elapsed_ms))
        assert names(done) == []
    assert names(state_of(twap(0, placed_ms=kw.NOW_MS + 1))[0]) == []


def test_a_schedule_that_is_ahead_waits_and_one_that_is_over_is_dead() -> None:
    """Half of 100 lots in the second of four intervals: nothing is due until the third."""
    ahead = {**twap(1, placed_ms=kw.NOW_MS - 30_000), "size_lots": 50, "filled_lots": 50}
    assert names(state_of(ahead)[0]) == []
    assert names(state_of({**ahead, "size_lots": 51, "filled_lots": 49})[0]) == ["execute_slice"]
    assert names(later(state_of(ahead)[0], 30_000)) == ["execute_slice"]
    over = twap(4, placed_ms=kw.NOW_MS - 120_000)
    assert names(state_of(over)[0]) == ["expire_orders"]
    child = {"flags": ORDER_FLAG_SLICE | REDUCE, "terms": words(TWAP_TERMS, group=9), "placed_slot": kw.SLOT}
    assert names(state_of(over, child)[0]) == []
    assert names(state_of(child)[0]) == ["expire_orders"]


def test_exits_wait_for_their_entry_and_die_with_it() -> None:
    """An exit without lots neither fires nor trails; without its entry it is swept."""
    linked = {"size_lots": 0, "flags": SELL | REDUCE}
    stop = {**conditional(OrderKind.STOP_MARKET, SELL, kw.INDEX_TICKS), **linked}
    trailing = {**conditional(OrderKind.TRAILING_STOP, SELL, 900, trail_bps=100), **linked}
    for one in (stop, trailing):
        one["terms"] = one["terms"].copy()
        one["terms"][2] = 9 << 32
    entry = {"terms": words(CONDITIONAL_TERMS, group=9)}
    assert names(state_of(entry, stop, trailing)[0]) == []
    assert names(state_of(stop, trailing)[0]) == ["expire_orders"]
    grown = {**stop, "size_lots": 5}
    assert names(state_of(grown)[0]) == ["trigger_order"]


def test_rows_are_renewed_before_new_risk_only() -> None:
    stop = conditional(OrderKind.STOP_MARKET, DORMANT, kw.INDEX_TICKS)
    state, _ = state_of(stop)
    assert names(later(state, 5_000)) == ["accrue_market", "trigger_order"]
    state, _ = state_of({**stop, "flags": DORMANT | REDUCE})
    assert names(later(state, 5_000)) == ["trigger_order"]


def test_the_mark_counts_within_its_radius() -> None:
    world = kw.World.with_market()
    world.trader(1, kw.user(number=1), conditional(OrderKind.STOP_MARKET, SELL, 950))
    change_market(world, mark_price_q32=900 * TICK_Q32)
    state = world.state()
    state.markets["terms"]["mark_radius_bps"][0] = 600
    assert names(state) == ["trigger_order"]
    state.markets["terms"]["mark_radius_bps"][0] = 400
    assert names(state) == []


@pytest.mark.parametrize(
    "dead",
    [
        {"expiry_ms": kw.NOW_MS},
        {"order_id": 1, "flags": DORMANT, "kind": int(OrderKind.STOP_LIMIT), "expiry_ms": kw.NOW_MS},
        {"time_in_force": int(TimeInForce.IMMEDIATE_OR_CANCEL), "placed_slot": kw.SLOT - 31},
    ],
)
def test_dead_orders_are_swept_once_for_an_accounts_state(dead: dict[str, Any]) -> None:
    world = kw.World.with_market()
    record = kw.user(number=1)
    record["sequence"] = 7
    owner = world.trader(1, record, dead, {})
    assert planned(world.state()) == []
    (action,) = swept(world.state())
    assert (action.name, action.key) == ("expire_orders", f"expire_orders:{owner}:7")
    assert action.arguments == {"user": str(owner)}


def test_living_orders_are_left_alone() -> None:
    """At the last moment of their lives; a dormant order of an immediate kind has no deadline yet."""
    state, _ = state_of(
        {"expiry_ms": kw.NOW_MS + 1},
        {"time_in_force": int(TimeInForce.FILL_OR_KILL), "placed_slot": kw.SLOT - 30},
        conditional(OrderKind.STOP_MARKET, SELL, 1),
    )
    assert names(state) == []


def test_void_orders_and_those_past_the_dead_mans_deadline_are_dead() -> None:
    world = kw.World.with_market()
    record = kw.user(number=1)
    record["orders_epoch"] = 2
    world.trader(1, record, conditional(OrderKind.STOP_MARKET, SELL, kw.INDEX_TICKS))
    change_market(world, mark_price_q32=kw.INDEX_Q32)
    assert names(world.state()) == ["expire_orders"]
    state, _ = state_of(conditional(OrderKind.STOP_MARKET, SELL, kw.INDEX_TICKS))
    state.orders["cancel_all_after_ms"] = kw.NOW_MS
    assert names(state) == ["expire_orders"]
    state.orders["cancel_all_after_ms"] = kw.NOW_MS + 1
    assert names(state) == ["trigger_order"]


def test_nobody_is_woken_in_a_liquidation_nor_before_the_exchange_opens() -> None:
    state, _ = state_of(conditional(OrderKind.STOP_MARKET, SELL, kw.INDEX_TICKS), twap(0))
    assert len(planned(state)) == 2
    state.users["liquidation_start_ms"] = kw.NOW_MS
    assert names(state) == []
    state.users["liquidation_start_ms"] = 0
    state.exchange["opened"] = 0
    assert names(state) == []


def test_what_was_done_or_failed_waits_and_the_oldest_goes_first() -> None:
    young = conditional(OrderKind.STOP_MARKET, SELL | REDUCE, kw.INDEX_TICKS)
    old = {**young, "placed_slot": kw.SLOT - 200}
    state, owner = state_of(young, old)
    keys = [f"trigger_order:{owner}:2", f"trigger_order:{owner}:1"]
    assert [action.key for action in planned(state)] == keys
    assert [action.key for action in planned(state, actions_max=1)] == keys[:1]
    memory = Memory()
    memory.note([keys[0]], succeeded=True, now_ms=kw.NOW_MS)
    memory.note([keys[1]], succeeded=False, now_ms=kw.NOW_MS)
    assert planned(state, memory) == []
    assert [action.key for action in planned(later(state, 2_000), memory)] == keys[1:]
    assert len(planned(later(state, SETTLED_MS), memory)) == 2
