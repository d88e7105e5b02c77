"""The maker's plan: where it quotes, what it keeps, when it goes away, and which auctions it answers."""

from __future__ import annotations

from typing import Any

import keeper_world as kw
import numpy as np
import pytest
from solders.pubkey import Pubkey
from test_plans import change_market, later

from evertide import MarketStatus, TimeInForce
from evertide_keepers import maker
from evertide_keepers.actions import FIRST_LANE, Action, build
from evertide_keepers.memory import Memory
from evertide_keepers.settings import MakerSettings
from evertide_keepers.state import State

OWN = kw.address(1)
TEN_LOTS = 10 * kw.TICK_VALUE * kw.INDEX_TICKS
LIFE_MS, DEAD_MAN_MS = 30_000, 60_000


def settings(**more: Any) -> MakerSettings:
    """Two levels 1 % and 2 % away, ten lots each, at most 100 lots a market; a full position skews by 1 %."""
    fixed: dict[str, Any] = {
        "maker_user": str(OWN),
        "spread_bps": 100,
        "level_step_bps": 100,
        "quote_notional_atoms": TEN_LOTS,
        "skew_bps": 100,
        "requote_bps": 30,
        "position_notional_max_atoms": 10 * TEN_LOTS,
        "total_notional_max_atoms": 30 * TEN_LOTS,
    }
    return MakerSettings(**{**fixed, **more})


def world_of(lots: int = 0, quote_atoms: int = 10**10, *rows: dict[str, Any]) -> kw.World:
    world = kw.World.with_market()
    change_market(world, mark_price_q32=kw.INDEX_Q32)
    market = world.state().markets[0].copy()
    market["terms"]["position_max_lots"], market["terms"]["order_size_min_lots"] = 10**6, 1
    world.put(kw.address(903), np.array([market]))
    record = kw.user(quote_atoms, number=1)
    if lots:
        kw.position(record, lots, -lots * kw.TICK_VALUE * kw.INDEX_TICKS)
    world.trader(1, record, *rows)
    return world


def seen(world: kw.World, equity: int = 10**10) -> State:
    """What the keeper knows once it has looked at its account."""
    state = world.state()
    state.observed["maker"] = {"equity_start_atoms": equity}
    return state


def planned(state: State, memory: Memory | None = None, **more: Any) -> list[Action]:
    return maker.plan(state, memory or Memory(), settings(**more))


def quotes(action: Action) -> dict[tuple[bool, int], int]:
    """Lots by side (ask) and price."""
    return {(one["ask"], one["price_ticks"]): one["size_lots"] for one in action.arguments["orders"]}


def open_quotes(**more: Any) -> list[dict[str, Any]]:
    """The four quotes of a flat account, fresh."""
    fresh = {"expiry_ms": kw.NOW_MS + LIFE_MS, "size_lots": 10, **more}
    return [{**fresh, "price_ticks": price, "flags": int(price > 1_000)} for price in (990, 1_010, 980, 1_020)]


def guard(sequence: int) -> list[Any]:
    """The account must be as it was when the step was planned, or as the step before it leaves it."""
    return ["assert_sequence", {"user": str(OWN), "sequence": sequence}]


def with_deadline(state: State, left_ms: int = DEAD_MAN_MS) -> State:
    state.orders["cancel_all_after_ms"][state.row_of(bytes(OWN))] = state.time.unix_ms + left_ms
    return state


def test_it_quotes_both_sides_post_only_with_an_expiry_behind_a_dead_mans_switch() -> None:
    (action,) = planned(seen(world_of()))
    assert quotes(action) == {(False, 990): 10, (True, 1_010): 9, (False, 980): 10, (True, 1_020): 9}
    assert {one["time_in_force"] for one in action.arguments["orders"]} == {TimeInForce.POST_ONLY}
    assert {one["expiry_ms"] for one in action.arguments["orders"]} == {kw.NOW_MS + LIFE_MS}
    deadline = {"user": str(OWN), "deadline_ms": kw.NOW_MS + DEAD_MAN_MS}
    assert action.ahead == [guard(0), ["cancel_all_after", deadline]]
    assert len(build(action, kw.address(7), kw.address(8))) == 3


def test_it_does_nothing_without_an_account_or_before_the_opening() -> None:
    state = seen(world_of())
    assert maker.plan(state, Memory(), settings(maker_user=None)) == []
    assert maker.plan(state, Memory(), settings(maker_user=str(kw.address(5)))) == []
    assert planned(state, markets=("M1-PERP",)) == [] and len(planned(state, markets=("M0-PERP",))) == 1
    state.users["liquidation_start_ms"] = 1
    assert planned(state) == []
    state.users["liquidation_start_ms"], state.exchange["opened"] = 0, 0
    assert planned(state) == []


@pytest.mark.parametrize(("lots", "bid", "ask"), [(50, 985, 1_005), (100, None, 1_000), (-50, 995, 1_015)])
def test_the_centre_moves_against_what_is_held_and_the_limit_stops_a_side(lots: int, bid: int | None, ask: int) -> None:
    found = quotes(planned(seen(world_of(lots)), levels=1)[0])
    assert {price: side for side, price in found} == ({bid: False} if bid else {}) | {ask: True}


def test_room_is_shared_by_all_quotes_of_a_side_and_all_markets() -> None:
    found = quotes(planned(seen(world_of(85)))[0])
    assert sum(lots for (ask, _), lots in found.items() if not ask) == 15
    assert all(ask for ask, _ in quotes(planned(seen(world_of(30)), total_notional_max_atoms=3 * TEN_LOTS)[0]))


def test_what_still_fits_stays_and_only_the_rest_is_replaced() -> None:
    state = with_deadline(seen(world_of(0, 10**10, *open_quotes())))
    assert planned(state, quote_notional_atoms=TEN_LOTS * 102 // 100) == []
    moved = open_quotes()
    moved[1]["price_ticks"] = 1_014
    state = with_deadline(seen(world_of(0, 10**10, *moved)))
    (action,) = planned(state, quote_notional_atoms=TEN_LOTS * 102 // 100)
    assert quotes(action) == {(True, 1_010): 10}
    assert action.ahead == [guard(0), ["cancel_orders", {"user": str(OWN), "order_ids": [2]}]]
    moved[1]["price_ticks"] = 1_013
    state = with_deadline(seen(world_of(0, 10**10, *moved)))
    assert planned(state, quote_notional_atoms=TEN_LOTS * 102 // 100) == []


def test_old_quotes_are_replaced_and_the_switch_is_put_off_in_time() -> None:
    same = {"quote_notional_atoms": TEN_LOTS * 102 // 100}
    old = open_quotes(expiry_ms=kw.NOW_MS + LIFE_MS // 2)
    (action,) = planned(with_deadline(seen(world_of(0, 10**10, *old))), **same)
    assert len(quotes(action)) == 4 and action.ahead[1][1]["order_ids"] == [1, 2, 3, 4]
    state = with_deadline(seen(world_of(0, 10**10, *open_quotes())), DEAD_MAN_MS // 2)
    (action,) = planned(state, **same)
    assert (action.name, action.arguments["deadline_ms"]) == ("cancel_all_after", kw.NOW_MS + DEAD_MAN_MS)
    state = with_deadline(seen(world_of(0, 10**10, *open_quotes())), 0)
    assert len(quotes(planned(state, **same)[0])) == 4


def test_an_old_index_or_a_market_that_fills_nothing_is_left() -> None:
    def stale(state: State) -> None:
        later(state, 3_001)

    def halted(state: State) -> None:
        state.markets["status"][0] = int(MarketStatus.HALTED)

    def refused(state: State) -> None:
        state.markets["terms"]["oracle"]["refused"][0] = 255
        state.markets["validity"][0] = 1

    for change in (stale, halted, refused):
        state = with_deadline(seen(world_of(0, 10**10, *open_quotes())))
        change(state)
        (action,) = planned(state)
        assert (action.name, action.arguments) == ("cancel_orders", {"user": str(OWN), "market_index": 0}), change
        bare = seen(world_of())
        change(bare)
        assert planned(bare) == []


def test_after_too_great_a_loss_it_only_reduces() -> None:
    state = seen(world_of(50), equity=10**10 + 10**9)
    assert len(quotes(planned(state, loss_max_atoms=10**9, levels=1)[0])) == 2
    (action,) = planned(state, loss_max_atoms=10**9 - 1, levels=1)
    assert set(quotes(action)) == {(True, 1_005)} and action.arguments["orders"][0]["reduce_only"] is True
    state.observed = {}
    assert set(quotes(planned(state, levels=1)[0])) == {(True, 1_005)}
    assert planned(seen(world_of(), equity=10**12)) == []


def test_the_further_quotes_go_first_where_margin_does_not_reach() -> None:
    full = quotes(planned(seen(world_of(0, 10**10)), quote_notional_atoms=10 * TEN_LOTS)[0])
    assert set(full) == {(False, 990), (True, 1_010), (True, 1_020)} and sum(full.values()) == 200
    poor = quotes(planned(seen(world_of(0, 3_000), 3_000))[0])
    assert 0 < len(poor) < 4 and (False, 990) in poor
    assert planned(seen(world_of(0, 0), 0)) == []


def taker(world: kw.World, number: int = 2, **fields: Any) -> Pubkey:
    """A buyer 6 s into a phase of 12 s, from 1,000.5 toward 1,100 ticks: its limit is 1,050 now."""
    phase = {"time_in_force": 0, "taker_phase_s": 12, "placed_ms": kw.NOW_MS - 6_000, "price_ticks": 1_100}
    return world.trader(number, kw.user(number=number), {**phase, "size_lots": 7, **fields})


def test_an_auction_is_answered_at_its_limit_of_now_when_that_pays() -> None:
    world = world_of()
    user = taker(world)
    (action,) = planned(seen(world), auction_edge_bps=500)
    assert action.name == "fill_auction" and action.lane == f"user:{OWN}" and action.ahead == [guard(0)]
    assert action.arguments == {
        "market_index": 0,
        "taker_user": str(user),
        "taker_order_id": 1,
        "maker_user": str(OWN),
        "price_ticks": 1_050,
        "size_max_lots": 7,
    }
    assert len(build(action, kw.address(7), kw.address(8))) == 2
    assert [one.name for one in planned(seen(world), auction_edge_bps=501)] == ["place_orders"]
    assert [one.name for one in planned(seen(world), auction_notional_max_atoms=0)] == ["place_orders"]
    lots = [one.arguments["size_max_lots"] for one in planned(seen(world), auction_notional_max_atoms=3 * 10_500)]
    assert lots == [3]


def test_answers_stay_within_room_margin_and_owners() -> None:
    world = world_of(-97)
    taker(world)
    (action,) = planned(seen(world), auction_edge_bps=100)
    assert action.arguments["size_max_lots"] == 3
    alone = world_of()
    alone.trader(2, kw.user(number=1), {"taker_phase_s": 12, "time_in_force": 0, "placed_ms": kw.NOW_MS - 6_000})
    assert [one.name for one in planned(seen(alone))] == ["place_orders"]
    poor = world_of(0, 0)
    taker(poor, price_ticks=1_010)
    assert planned(seen(poor, 0)) == []
    rich = world_of()
    taker(rich, price_ticks=1_010)
    assert [one.name for one in planned(seen(rich))] == ["fill_auction"]
    seller = world_of()
    taker(seller, flags=1, price_ticks=901)
    (action,) = planned(seen(seller), auction_edge_bps=100)
    # Half of the way from 1,000 to 901, rounded against the taker.
    assert action.arguments["price_ticks"] == 951


def test_each_step_is_guarded_by_what_the_one_before_it_leaves() -> None:
    world = world_of()
    other = kw.market(1)
    other["terms"]["position_max_lots"], other["terms"]["order_size_min_lots"] = 10**6, 1
    world.put(kw.address(904), other)
    cache = kw.risk_cache()
    cache["markets"][0, 1] = cache["markets"][0, 0]
    cache["markets"]["market_plus_one"][0, 1] = 2
    world.put(kw.address(901), cache)
    first, second = planned(seen(world), levels=1)
    assert [one.arguments["orders"][0]["market_index"] for one in (first, second)] == [0, 1]
    # The first counts twice: the switch, and the quotes.
    assert [first.ahead[0], second.ahead[0]] == [guard(0), guard(2)]
    assert first.lane == second.lane == f"user:{OWN}"


def test_rows_are_renewed_before_new_risk_and_nothing_is_done_twice() -> None:
    state = seen(world_of())
    later(state, 5_000)
    state.markets["publish_time_ms"][0] = state.time.unix_ms
    renewal, action = planned(state)
    assert (renewal.name, renewal.lane) == ("accrue_market", FIRST_LANE)
    memory = Memory()
    memory.note([action.key], succeeded=True, now_ms=state.time.unix_ms)
    assert planned(state, memory) == []
    state.users["sequence"] += 1
    assert len(planned(state, memory)) == 2
