"""The guardian's watch: what it finds, what it computes of a change, and that it acts only when told by its key."""

from __future__ import annotations

import dataclasses
from typing import Any

import keeper_world as kw
import numpy as np
import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction
from test_janitor import change
from test_plans import change_market, later

from evertide import (
    INDEX_ONE,
    TIMELOCK_WINDOW_MS,
    ChangeStatus,
    Gate,
    MarketStatus,
    Role,
)
from evertide_engine.layouts import ACCOUNTS
from evertide_keepers import guardian, watch
from evertide_keepers.actions import Action, build
from evertide_keepers.guardian_reading import ADVANCE_NONCE, SYSTEM_PROGRAM, advances_nonce
from evertide_keepers.memory import Memory
from evertide_keepers.settings import GuardianSettings
from evertide_keepers.state import State
from evertide_keepers.totals import of_market, owed_atoms
from evertide_keepers.withdrawable import effect_of, outflow

EXCHANGE_KEY, QUOTE_KEY, MARKET_KEY = kw.address(900), kw.address(902), kw.address(903)
GUARDIAN = kw.address(40)
USD = 1_000_000
QUIET = GuardianSettings(invariants_interval_ms=0)


def world_of(deposits_usd: int = 1_000, floor_bps: int = 7_500, **fields: Any) -> kw.World:
    """Ten users with a hundred dollars each; withdrawals leave three quarters of what is there."""
    world = kw.World.with_market()
    record = kw.exchange()
    record["roles"][0, Role.GUARDIAN] = np.frombuffer(bytes(GUARDIAN), np.uint8)
    record["roles"][0, Role.ROOT] = 9
    record["terms"]["withdrawal_floor_bps"] = floor_bps
    for name, value in fields.items():
        record[name][0] = value
    world.put(EXCHANGE_KEY, record)
    quote = kw.quote()
    quote["total_atoms"] = quote["average_atoms"] = deposits_usd * USD
    quote["average_ms"] = kw.NOW_MS
    world.put(QUOTE_KEY, quote)
    fund = kw.blank("Insurance", ACCOUNTS["Insurance"])
    world.put(kw.address(906), fund)
    for number in range(1, 11):
        world.put(kw.address(number), kw.user(deposits_usd * USD // 10, number=number))
    return world


def found(state: State, settings: GuardianSettings = QUIET) -> list[tuple[str, bool]]:
    return [(one.kind, one.alarm) for one in watch.findings(state, settings)]


def planned(state: State, settings: GuardianSettings = QUIET, memory: Memory | None = None) -> list[Action]:
    return guardian.plan(state, memory or Memory(), settings)


def test_a_sound_exchange_is_silent() -> None:
    state = world_of().state()
    assert found(state) == [] and planned(state) == [] and watch.findings(State(), QUIET) == []


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"open_interest_lots": [3, 2]}, "open_interest"),
        ({"dropped_q16": [1 << 16, 0]}, "fractions"),
        ({"a": [INDEX_ONE + 1, INDEX_ONE]}, "fractions"),
        ({"pending_insurance_atoms": 1}, "fees"),
        ({"latch": 1}, "latch"),
        ({"bankruptcies_open": 1}, "latch"),
        ({"claims_atoms": 33, "sequence": 1}, "books"),
        ({"claims_atoms": 32, "referral_owed_atoms": 1, "sequence": 1}, "books"),
        ({"pending_fees_atoms": 5, "pool_atoms": 2, "deficit_atoms": 2}, "books"),
    ],
)
def test_each_broken_invariant_of_a_market_is_found_and_brought_before_the_program(
    fields: dict[str, Any], rule: str
) -> None:
    world = world_of()
    change_market(world, **fields)
    state = world.state()
    broken = of_market(state.markets[0])
    assert broken is not None and (broken.rule, broken.market_index) == (rule, 0)
    assert found(state) == [("totals_disagree", True)]
    settings = dataclasses.replace(QUIET, keeper_user=str(kw.address(50)))
    (action,) = planned(state, settings)
    arguments = {"market_index": 0, "collateral_index": 0, "keeper_user": str(kw.address(50))}
    assert (action.name, action.arguments) == ("check_invariants", arguments)
    assert len(build(action, kw.address(1), kw.address(2))) == 1
    # Once the market only reduces, the program knows.
    state.markets["status"][0] = MarketStatus.REDUCE_ONLY
    assert planned(state) == [] and found(state) == [("totals_disagree", True)]


@pytest.mark.parametrize(
    "fields",
    [
        {"claims_atoms": 32, "sequence": 1},
        {"claims_atoms": 99, "open_interest_lots": [1, 1]},
        {"claims_atoms": 4, "pool_atoms": 2, "deficit_atoms": 2},
        {"claims_atoms": 1, "epoch": [1, 0], "volume_atoms": 1 << 12},
        {"dropped_q16": [(1 << 16) - 1, 0]},
        {"latch": 1, "bankruptcies_open": 2},
    ],
)
def test_what_holds_to_the_last_unit_is_no_alarm(fields: dict[str, Any]) -> None:
    world = world_of()
    change_market(world, **fields)
    assert of_market(world.state().markets[0]) is None


def test_a_vault_stands_against_deposits_the_fund_and_all_pools_together() -> None:
    world = world_of()
    change_market(world, pool_atoms=7)
    other = kw.market(1)
    other["pool_atoms"] = 11
    world.put(kw.address(904), other)
    state = world.state()
    fund = state.insurance.copy()
    fund["balance_atoms"] = 100
    quote = state.collaterals[0].copy()
    quote["interest_atoms"], quote["dust_atoms"], quote["debt_atoms"] = 3, 2, 5
    owed = owed_atoms(quote, state.listed_markets(), fund)
    assert owed == 1_000 * USD + 3 + 2 - 5 + 100 + 7 + 11
    state.observed["guardian"] = {"vaults": {"0": [owed, owed]}}
    assert found(state) == []
    state.observed["guardian"] = {"vaults": {"0": [owed - 1, owed]}}
    assert found(state) == [("totals_disagree", True)]
    (action,) = planned(state)
    assert action.arguments["collateral_index"] == 0
    quote["queued_atoms"] = 1_000 * USD + 1
    state.collaterals[0] = quote
    assert len(found(state)) == 2


def test_markets_are_checked_from_time_to_time() -> None:
    settings, memory = GuardianSettings(invariants_interval_ms=1_000), Memory()
    state = world_of().state()
    (action,) = planned(state, settings, memory)
    assert action.key == "routine:0"
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    assert planned(later(state, 999), settings, memory) == []
    assert len(planned(later(state, 30_000), settings, memory)) == 1


def with_change(record: np.ndarray, **fields: Any) -> State:
    world = world_of(**fields)
    world.put(kw.address(950), record)
    return world.state()


def waiting(name: str, target: str, at: Pubkey, old: int, new: int, **more: Any) -> np.ndarray:
    return change(name, target, at, old_value=old, new_value=new, earliest_ms=kw.NOW_MS + 5_000, **more)


def test_a_lower_floor_lets_out_what_it_held_back() -> None:
    """A quarter of $1,000 before; half after: $250 more."""
    state = with_change(waiting("withdrawal_floor_bps", "exchange", EXCHANGE_KEY, 7_500, 5_000))
    effect = effect_of(state, state.changes[4])
    assert (effect.before.atoms, effect.after.atoms, effect.more_atoms) == (250 * USD, 500 * USD, 250 * USD)
    assert effect.before.margins_atoms == 1_000 * USD
    assert found(state) == [("change_waiting", True)]
    (one,) = watch.findings(state, QUIET)
    assert "change 4: exchange withdrawal_floor_bps; from 7,500 to 5,000; due in 5 s; makes $250 more" in one.message
    assert found(state, dataclasses.replace(QUIET, withdrawable_bps=2_501)) == [("change_waiting", False)]
    assert found(state, dataclasses.replace(QUIET, expected_changes=("4",))) == [("change_waiting", False)]


def test_lower_margins_let_out_what_they_bound_up_to_the_floor() -> None:
    """A long of 1,000 lots at $0.01 binds 2.5 % of $10: nothing more than the margins say can leave."""
    world = world_of(deposits_usd=1, floor_bps=0)
    for number in range(1, 11):
        record = kw.position(kw.user(USD // 10, number=number), 300, -300 * kw.TICK_VALUE * kw.INDEX_TICKS)
        world.put(kw.address(number), record)
    world.put(kw.address(950), waiting("tier_ratio_bps.0", "market", MARKET_KEY, 250, 200))
    state = world.state()
    effect = effect_of(state, state.changes[4])
    assert 0 < effect.before.margins_atoms < effect.after.margins_atoms < 1 * USD
    # 300 lots are worth $3, of which 0.5 % are freed, ten times.
    assert effect.more_atoms == 10 * 3 * USD * 50 // 10_000
    assert outflow(state, state.risk_cache, state.exchange["terms"]) == effect.before


def test_whoever_names_the_price_source_could_take_what_the_floors_let_out() -> None:
    state = with_change(waiting("oracle.account", "market", MARKET_KEY, 0, 0))
    state.users["quote_atoms"] = 0
    assert effect_of(state, state.changes[4]).more_atoms == 250 * USD
    state = with_change(waiting("insurance_day_max_atoms", "market", MARKET_KEY, 10, 90 * USD))
    assert effect_of(state, state.changes[4]).more_atoms == 90 * USD - 10
    state = with_change(waiting("band_bps", "market", MARKET_KEY, 10, 20))
    assert effect_of(state, state.changes[4]).more_atoms == 0 and found(state) == [("change_waiting", False)]


def test_changes_that_can_do_nothing_any_more_are_not_told() -> None:
    args = ("withdrawal_floor_bps", "exchange", EXCHANGE_KEY, 7_500, 5_000)
    for more in ({"status": int(ChangeStatus.CANCELLED)}, {"expiry_ms": kw.NOW_MS}):
        assert found(with_change(waiting(*args, **more))) == []
    assert found(with_change(waiting(*args), first_change=5)) == []
    ramping = waiting(*args, status=int(ChangeStatus.RAMPING), expiry_ms=kw.NOW_MS)
    assert found(with_change(ramping)) == [("change_waiting", True)]


def test_keys_in_motion_are_alarms() -> None:
    successors = np.zeros(4, np.int64)
    successors[Role.RISK] = kw.NOW_MS + 1_000
    state = world_of(successor_ms=successors).state()
    assert found(state) == [("role_moving", True)]
    later(state, 1_000 + TIMELOCK_WINDOW_MS)
    assert found(state) == []
    roles = {"guardian": str(GUARDIAN), "root": str(Pubkey.from_bytes(bytes([9]) * 32))}
    state.observed["guardian"] = {"roles": roles}
    assert found(state) == []
    state.observed["guardian"] = {"roles": {**roles, "guardian": str(kw.address(41))}}
    assert found(state) == [("role_moved", True)]


def test_nonces_and_the_program_are_watched() -> None:
    state = world_of().state()
    quiet = {"slot": 5, "authority": "a"}
    for seen, kinds in (
        ({"nonce_accounts": {"key": ["one", "two"]}}, ["nonce_of_role"] * 2),
        ({"nonce_uses": {"key": ["signature"]}}, ["nonce_used"]),
        ({"program_first": quiet, "program": quiet}, []),
        ({"program_first": quiet, "program": {**quiet, "slot": 6}}, ["program_replaced"]),
        ({"program_first": quiet, "program": {**quiet, "authority": None}}, ["program_authority"]),
        ({"buffers": ["buffer"]}, ["upgrade_prepared"]),
    ):
        state.observed["guardian"] = seen
        assert found(state) == [(kind, True) for kind in kinds], seen
    state.observed["guardian"] = {"unread": ["nonces"]}
    assert found(state) == [("watch_blind", False)]
    assert set(watch.ALARMS) == {kind for kind in watch.ALARMS if kind in alarm_kinds()}


def alarm_kinds() -> set[str]:
    from evertide_keepers.alarms import KINDS_OF_ALARM

    return set(KINDS_OF_ALARM)


def test_stops_are_notices() -> None:
    state = world_of(gates_closed=1 << Gate.MATCH_ORDERS, pause_start_ms=kw.NOW_MS - 1).state()
    assert found(state) == [("gate_closed", False), ("paused", False)]


def acting(**more: Any) -> GuardianSettings:
    return dataclasses.replace(QUIET, guardian=str(GUARDIAN), **more)


def test_it_vetoes_only_as_the_guardian_when_told_and_only_what_is_dangerous() -> None:
    state = with_change(waiting("withdrawal_floor_bps", "exchange", EXCHANGE_KEY, 7_500, 5_000))
    (action,) = planned(state, acting(vetoes=True))
    assert (action.name, action.arguments) == ("cancel_change", {"number": 4, "guardian": str(GUARDIAN)})
    (step,) = build(action, kw.address(1), kw.address(2))
    assert [meta.pubkey for meta in step.accounts if meta.is_signer] == [GUARDIAN]
    for settings in (
        acting(),
        dataclasses.replace(QUIET, vetoes=True),
        dataclasses.replace(QUIET, vetoes=True, guardian=str(kw.address(41))),
        acting(vetoes=True, expected_changes=("4",)),
        acting(vetoes=True, withdrawable_bps=2_501),
    ):
        assert planned(state, settings) == [], settings


def test_it_pauses_once_for_a_cause_when_told() -> None:
    world = world_of()
    change_market(world, latch=1)
    state = world.state()
    pause, check = planned(state, acting(pauses=True))
    assert (pause.name, check.name) == ("pause", "check_invariants")
    assert [one.name for one in planned(state, acting())] == ["check_invariants"]
    memory = Memory()
    memory.note([pause.key], succeeded=True, now_ms=kw.NOW_MS)
    assert [one.name for one in planned(state, acting(pauses=True), memory)] == ["check_invariants"]
    replaced = world_of().state()
    replaced.observed["guardian"] = {"program_first": {"slot": 1}, "program": {"slot": 2, "authority": None}}
    replaced.observed["guardian"]["program_first"]["authority"] = None
    assert [one.name for one in planned(replaced, acting(pauses=True))] == ["pause"]


def test_a_durable_nonce_is_known_by_the_first_instruction_of_who_signed() -> None:
    signer, other = Keypair.from_seed(bytes([1]) * 32), Keypair.from_seed(bytes([2]) * 32)

    def wire(*datas: bytes, program: Pubkey = SYSTEM_PROGRAM) -> bytes:
        metas = [AccountMeta(signer.pubkey(), True, True)]
        steps = [Instruction(program, data, metas) for data in datas]
        message = Message.new_with_blockhash(steps, signer.pubkey(), Hash.default())
        return bytes(Transaction([signer], message, Hash.default()))

    assert advances_nonce(wire(ADVANCE_NONCE, b"x"), str(signer.pubkey()))
    assert not advances_nonce(wire(b"\2\0\0\0", ADVANCE_NONCE), str(signer.pubkey()))
    assert not advances_nonce(wire(ADVANCE_NONCE), str(other.pubkey()))
    assert not advances_nonce(wire(ADVANCE_NONCE, program=kw.address(3)), str(signer.pubkey()))
