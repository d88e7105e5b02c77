"""The janitor's plan: each step at the moment from which anyone may take it, and not one before."""

from __future__ import annotations

from typing import Any

import keeper_world as kw
import numpy as np
import pytest
from solders.pubkey import Pubkey
from test_plans import change_market, later

from evertide import (
    CHANGE_RAMP_MS,
    DAY_MS,
    INDEX_ONE,
    PAUSE_MS,
    SEASON_STEP_MS,
    SEASON_STEPS,
    TIMELOCK_WINDOW_MS,
    ChangeStatus,
    Gate,
    MarketStatus,
    Role,
    associated_token_address,
    parameter,
)
from evertide_engine.layouts import ACCOUNTS
from evertide_keepers import due_payments, janitor
from evertide_keepers.actions import Action, build
from evertide_keepers.memory import Memory
from evertide_keepers.settings import JanitorSettings
from evertide_keepers.state import State

MARKET_KEY, QUOTE_KEY, EXCHANGE_KEY = kw.address(903), kw.address(902), kw.address(900)
TREASURY, MINT = bytes([7]) * 32, bytes([8]) * 32
HOUR_MS = 3_600_000


def exchange(**fields: Any) -> np.ndarray:
    """An open exchange whose listings are whole, with a treasury and a quote mint."""
    record = kw.exchange()
    record["roles"][0, Role.TREASURY] = np.frombuffer(TREASURY, np.uint8)
    record["quote_mint"][0] = np.frombuffer(MINT, np.uint8)
    record["terms"]["withdrawal_floor_bps"] = 7_500
    for name, value in fields.items():
        record[name][0] = value
    return record


def world_of(**fields: Any) -> kw.World:
    world = kw.World.with_market()
    world.put(EXCHANGE_KEY, exchange(**fields))
    quote = kw.quote()
    quote["mint"][0] = np.frombuffer(MINT, np.uint8)
    world.put(QUOTE_KEY, quote)
    return world


def planned(state: State, memory: Memory | None = None, **settings: int) -> list[Action]:
    return janitor.plan(state, memory or Memory(), JanitorSettings(**settings))


def names(state: State) -> list[str]:
    return [action.name for action in planned(state)]


def with_tokens(state: State, exists: bool = True) -> State:
    """The keeper has looked, and all token accounts that it asks for are there, or none."""
    state.observed["janitor"] = {"token_accounts": {str(one): exists for one in due_payments.token_accounts(state)}}
    return state


def test_nothing_is_due_in_a_tidy_exchange() -> None:
    assert planned(with_tokens(world_of().state())) == [] and planned(State()) == []


def test_a_pause_is_lifted_when_it_is_over() -> None:
    state = world_of(pause_start_ms=kw.NOW_MS, pause_by=np.full(32, 3, np.uint8)).state()
    assert names(later(state, PAUSE_MS - 1)) == []
    assert names(later(state, 1)) == ["lift_pause"]
    lifted = world_of(pause_start_ms=kw.NOW_MS - PAUSE_MS).state()
    assert names(lifted) == []


def test_a_gate_opens_within_its_window_only() -> None:
    open_ms = np.zeros(4, np.int64)
    open_ms[Gate.MATCH_ORDERS] = kw.NOW_MS + 1
    state = world_of(gates_closed=1 << Gate.MATCH_ORDERS, gate_open_ms=open_ms).state()
    assert names(state) == []
    (action,) = planned(later(state, 1))
    assert (action.name, action.arguments) == ("gate_enable", {"gate": int(Gate.MATCH_ORDERS)})
    assert names(later(state, TIMELOCK_WINDOW_MS - 1)) == ["gate_enable"]
    assert names(later(state, 1)) == []
    assert names(world_of(gates_closed=1 << Gate.MATCH_ORDERS).state()) == []
    assert names(world_of(gate_open_ms=open_ms - 1).state()) == []


def change(name: str, target: str, at: Pubkey, **fields: Any) -> np.ndarray:
    """A change that is due now."""
    record = kw.blank("ParamChange", ACCOUNTS["ParamChange"])
    record["field"], record["target"][0] = parameter(name, target).number, np.frombuffer(bytes(at), np.uint8)
    record["number"], record["earliest_ms"], record["expiry_ms"] = 4, kw.NOW_MS, kw.NOW_MS + TIMELOCK_WINDOW_MS
    for field, value in fields.items():
        record[field][0] = value
    return record


def with_change(record: np.ndarray, **fields: Any) -> State:
    world = world_of(**fields)
    world.put(kw.address(950), record)
    return world.state()


def test_a_change_is_executed_behind_the_accrual_that_it_needs() -> None:
    (action,) = planned(with_change(change("band_bps", "market", MARKET_KEY)))
    assert action.plain() == {
        "name": "execute_change",
        "key": "execute_change:4",
        "lane": "exchange",
        "arguments": {"number": 4, "market_index": 0, "collateral_index": None, "quote": False},
        "ahead": [["accrue_market", {"market_index": 0}]],
    }
    (action,) = planned(with_change(change("debt_interest_bps", "exchange", EXCHANGE_KEY)))
    assert action.ahead == [["accrue_debt", {}]] and action.arguments["quote"] is True
    assert len(build(action, kw.address(1), kw.address(2))) == 2
    (action,) = planned(with_change(change("deposit_cap_atoms", "collateral", QUOTE_KEY)))
    assert (action.arguments["collateral_index"], action.ahead) == (0, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"earliest_ms": kw.NOW_MS + 1},
        {"expiry_ms": kw.NOW_MS},
        {"status": int(ChangeStatus.CANCELLED)},
        {"status": int(ChangeStatus.EXECUTED)},
        {"number": 3},
    ],
    ids=["too early", "too late", "cancelled", "done", "voided by the opening"],
)
def test_a_change_that_is_not_due_waits(fields: dict[str, int]) -> None:
    assert planned(with_change(change("band_bps", "market", MARKET_KEY, **fields), first_change=4)) == []


def test_listings_wait_for_whoever_has_their_terms() -> None:
    assert planned(with_change(change("list_market", "exchange", EXCHANGE_KEY))) == []


def ramp(elapsed_ms: int, applied: int, old: int = 1_000, new: int = 2_000) -> State:
    words = [kw.NOW_MS - elapsed_ms, applied, 0, 0]
    record = change("tier_ratio_bps.0", "market", MARKET_KEY, status=int(ChangeStatus.RAMPING), words=words)
    record["old_value"], record["new_value"] = old, new
    return with_change(record)


def test_a_ramp_is_followed_as_it_moves() -> None:
    """A thousandth of the way from 1,000 to 2,000 takes 86,400 ms."""
    step_ms = CHANGE_RAMP_MS // 1_000
    assert planned(ramp(step_ms - 1, 1_000)) == []
    (action,) = planned(ramp(step_ms, 1_000))
    assert action.name == "apply_ramp" and action.ahead == [["accrue_market", {"market_index": 0}]]
    assert planned(ramp(step_ms, 1_001)) == []
    assert planned(ramp(CHANGE_RAMP_MS, 2_000)) == [] and len(planned(ramp(CHANGE_RAMP_MS - 1, 1_998))) == 1
    assert planned(ramp(step_ms - 1, 2_000, old=2_000, new=1_000)) == []
    assert len(planned(ramp(step_ms, 2_000, old=2_000, new=1_000))) == 1
    memory, state = Memory(), ramp(step_ms, 1_000)
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    assert planned(later(state, 299_999), memory) == [] and len(planned(later(state, 1), memory)) == 1


def test_a_season_advances_once_a_day_while_the_market_is_sound() -> None:
    def state_of(**fields: Any) -> State:
        world = world_of()
        change_market(world, **{"season_step": 2, "season_ms": kw.NOW_MS - SEASON_STEP_MS, **fields})
        return world.state()

    (action,) = planned(state_of())
    assert action.arguments == {"market_index": 0, "collateral_index": None} and action.key.endswith(":2")
    for fields in (
        {"season_ms": kw.NOW_MS - SEASON_STEP_MS + 1},
        {"season_step": SEASON_STEPS},
        {"status": int(MarketStatus.REDUCE_ONLY)},
        {"latch": 1},
        {"deficit_atoms": 1},
        {"bankruptcies_open": 1},
        {"index_price_q32": 0},
    ):
        assert planned(state_of(**fields)) == [], fields


def asset(**fields: Any) -> State:
    world = world_of()
    record = kw.quote()
    record["index"], record["season_step"], record["season_cap_atoms"] = 1, 1, 5
    record["terms"]["deposit_cap_atoms"], record["season_ms"] = 10, kw.NOW_MS - SEASON_STEP_MS
    for name, value in fields.items():
        record[name][0] = value
    world.put(kw.address(905), record)
    cache = kw.risk_cache()
    cache["collaterals"]["price_q48"][0, 1], cache["collaterals"]["updated_ms"][0, 1] = 1, kw.NOW_MS
    world.put(kw.address(901), cache)
    return world.state()


def test_an_assets_season_advances_at_a_fresh_price() -> None:
    assert planned(asset())[0].arguments == {"market_index": None, "collateral_index": 1}
    assert names(asset(season_ms=kw.NOW_MS - SEASON_STEP_MS + 1)) == []
    # The first step is due at once, the last when weights and cap are whole.
    assert names(asset(season_step=0, season_ms=kw.NOW_MS)) == ["advance_season"]
    assert names(asset(season_step=SEASON_STEPS + 1)) == ["advance_season"]
    assert names(asset(season_step=SEASON_STEPS + 1, season_cap_atoms=10)) == []
    assert names(asset(status=1)) == []
    assert names(later(asset(), 10_000)) == [] and names(later(asset(), 9_999)) == ["advance_season"]


def test_a_settling_market_is_closed_twice() -> None:
    def state_of(**fields: Any) -> State:
        world = world_of()
        change_market(world, **{"status": int(MarketStatus.SETTLING), **fields})
        return world.state()

    assert planned(state_of()) == []
    (first,) = planned(state_of(mark_twap_hour_q32=1, position_count=[2, 2]))
    (last,) = planned(state_of(settlement_price_q32=1))
    assert [first.name, last.name] == ["settle_market"] * 2 and first.key != last.key
    assert planned(state_of(settlement_price_q32=1, stale_count=[0, 1])) == []
    assert planned(state_of(settlement_price_q32=1, bankruptcies_open=1)) == []


def fee_state(quote_fields: dict[str, int] | None = None, **fields: int) -> State:
    world = world_of()
    change_market(world, **fields)
    record = kw.quote()
    record["mint"][0] = np.frombuffer(MINT, np.uint8)
    for name, value in (quote_fields or {}).items():
        record[name] = value
    world.put(QUOTE_KEY, record)
    backstop = kw.user(quote_atoms=fields.get("sequence", 0), number=9)
    backstop["authority"][0] = np.frombuffer(bytes(MARKET_KEY), np.uint8)
    world.put(kw.address(9), backstop)
    return with_tokens(world.state())


def test_fees_are_collected_when_they_are_worth_it() -> None:
    least = 1_000_000
    (action,) = planned(fee_state(pending_fees_atoms=least, pool_atoms=least))
    token = associated_token_address(Pubkey.from_bytes(TREASURY), Pubkey.from_bytes(MINT))
    assert action.arguments == {"market_index": 0, "treasury_token": str(token)} and action.ahead == []
    for fields in (
        {"pending_fees_atoms": least - 1, "pool_atoms": least},
        {"pending_fees_atoms": least, "pool_atoms": least - 1},
        {"pending_fees_atoms": 2 * least, "pool_atoms": 2 * least, "deficit_atoms": 0, "index": 0} | {"pool_atoms": 0},
    ):
        assert planned(fee_state(**fields)) == [], fields
    # What repays a deficit is always worth it; beyond it nothing leaves before the deficit is gone.
    assert names(fee_state(pending_fees_atoms=1, deficit_atoms=9)) == ["collect_fees"]
    assert planned(fee_state(deficit_atoms=9, pool_atoms=least)) == []
    assert names(fee_state({"interest_atoms": least})) == ["collect_fees"]
    # The backstop's profit; its record's quote is set by `sequence` here.
    assert names(fee_state(sequence=least)) == ["collect_fees"] and planned(fee_state(sequence=least - 1)) == []


def test_a_collection_rests_and_a_missing_token_account_is_made_a_few_times_a_day() -> None:
    state = fee_state(pending_fees_atoms=10**6, pool_atoms=10**6)
    memory = Memory()
    memory.note([planned(state)[0].key], succeeded=True, now_ms=kw.NOW_MS)
    assert planned(later(state, HOUR_MS - 1), memory) == [] and len(planned(later(state, 1), memory)) == 1
    state = with_tokens(fee_state(pending_fees_atoms=10**6, pool_atoms=10**6), exists=False)
    (action,) = planned(state)
    owner = {"owner": str(Pubkey.from_bytes(TREASURY)), "mint": str(Pubkey.from_bytes(MINT))}
    assert action.ahead == [["create_token_account", owner]] and len(build(action, kw.address(1), kw.address(2))) == 2
    made = Memory()
    for number in range(8):
        assert planned(state, made) != []
        made.note([f"claim_withdraw:0:{number}:made"], succeeded=True, now_ms=kw.NOW_MS)
    assert planned(state, made) == [] and planned(later(state, DAY_MS), made) != []
    state.observed = {}
    assert planned(state) == []


def queue_state(total: int, average: int, wants: int, **fields: int) -> State:
    world = world_of()
    quote = kw.quote()
    quote["mint"][0] = np.frombuffer(MINT, np.uint8)
    quote["total_atoms"], quote["average_atoms"], quote["average_ms"] = total, average, kw.NOW_MS
    quote["queue_head"], quote["queue_tail"], quote["queued_atoms"] = 5, 7, wants
    world.put(QUOTE_KEY, quote)
    for number, ticket in ((1, 6), (2, 5)):
        record = kw.user(number=number)
        record["withdraw_ticket"], record["withdraw_atoms"] = ticket, wants
        for name, value in fields.items():
            record[name] = value
        world.put(kw.address(number), record)
    return with_tokens(world.state())


def test_the_first_in_the_queue_is_paid_as_far_as_the_floor_lets_it() -> None:
    """75 % of an average of 1,000 stay."""
    (action,) = planned(queue_state(1_000, 1_000, 250))
    owner = Pubkey.from_bytes(bytes([3]) * 32)
    assert action.arguments == {
        "user": str(kw.address(2)),
        "collateral_index": 0,
        "mint": str(Pubkey.from_bytes(MINT)),
        "destination_token": str(associated_token_address(owner, Pubkey.from_bytes(MINT))),
    }
    assert action.key == "claim_withdraw:0:5:whole"
    assert planned(queue_state(750, 1_000, 250)) == []
    part = queue_state(751, 1_000, 250)
    (action,) = planned(part)
    assert action.key == "claim_withdraw:0:5"
    memory = Memory()
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    # An hour later the average has come down by 249 / 24, and more may leave.
    assert planned(later(part, HOUR_MS - 1), memory) == [] and len(planned(later(part, 1), memory)) == 1
    # A day later the average is the total.
    assert names(later(queue_state(400, 1_000, 100), DAY_MS)) == ["claim_withdraw"]
    assert planned(queue_state(1_000, 1_000, 250, withdraw_index=1)) == []


def reward_world(**fields: Any) -> tuple[kw.World, np.ndarray]:
    record = exchange()
    record["builders"]["user"][0, 2] = np.frombuffer(bytes(kw.address(1)), np.uint8)
    world = world_of()
    world.put(kw.address(1), kw.user(number=1))
    change_market(world, **fields)
    return world, record


def builder_state(unpaid: int = 0, **fields: Any) -> State:
    world, record = reward_world(**fields)
    record["builders"]["unpaid_markets"][0, 2] = unpaid
    world.put(EXCHANGE_KEY, record)
    return world.state()


def test_builders_are_paid_what_the_pool_holds_and_released_when_nothing_is_owed() -> None:
    owed = [0, 0, 3_000_000, 0, 0, 0, 0, 0]
    (action,) = planned(builder_state(builder_owed_atoms=owed, pool_atoms=1_000_000))
    assert action.arguments == {"market_index": 0, "entry": 2, "recipient": str(kw.address(1))}
    assert planned(builder_state(builder_owed_atoms=owed, pool_atoms=999_999)) == []
    assert planned(builder_state(builder_owed_atoms=owed, pool_atoms=9_000_000, deficit_atoms=1)) == []
    assert planned(builder_state(unpaid=2)) == [] and names(builder_state(unpaid=1)) == ["pay_builder"]
    gone = builder_state(builder_owed_atoms=owed, deficit_atoms=1)
    gone._forget(bytes(kw.address(1)))
    assert names(gone) == ["pay_builder"]


def test_a_referrer_is_paid_out_of_the_market_that_pays_most() -> None:
    world, _ = reward_world(referral_owed_atoms=5_000_000, pool_atoms=2_000_000)
    record = kw.user(number=2)
    record["referrer"][0] = np.frombuffer(bytes(kw.address(1)), np.uint8)
    taker = world.trader(2, record)
    owing = kw.orders(taker)
    owing["referral_owed_atoms"] = 4_000_000
    world.put(Pubkey.from_bytes(kw.orders_key(taker)), owing)
    other = kw.market(1)
    other["referral_owed_atoms"], other["pool_atoms"], other["a"] = 3_000_000, 9_000_000, INDEX_ONE
    world.put(kw.address(904), other)
    state = world.state()
    (action,) = planned(state)
    assert action.arguments == {"market_index": 1, "user": str(taker), "recipient": str(kw.address(1))}
    state.markets["deficit_atoms"][1] = 1
    (action,) = planned(state)
    assert action.arguments["market_index"] == 0
    state.markets["pool_atoms"][0] = 0
    assert planned(state) == []


def test_before_the_opening_only_timelocks_count() -> None:
    state = fee_state(pending_fees_atoms=10**6, pool_atoms=10**6)
    state.exchange["opened"] = 0
    assert planned(state) == []


def test_one_step_is_bounded() -> None:
    world = world_of()
    for number in range(1, 6):
        world.trader(number, kw.user(number=number), {"expiry_ms": kw.NOW_MS})
    assert len(planned(world.state())) == 5
    assert len(planned(world.state(), accounts_max=3)) == 3 and len(planned(world.state(), actions_max=2)) == 2
