"""State: order of readings does not matter, older ones never win, closed accounts leave nothing behind."""

from __future__ import annotations

import random

import keeper_world as kw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from evertide import LAYOUT_VERSION
from evertide_engine.layouts import MARKETS_MAX
from evertide_keepers.clock import ChainTime
from evertide_keepers.state import NO_USER_EPOCH, Change, State


def readings(traders: int) -> list[Change]:
    """Every account twice: an old reading and a young one that differs."""
    found: list[Change] = []
    for slot in (5, 9):
        world = kw.World.with_market()
        for number in range(traders):
            world.trader(number, kw.user(quote_atoms=slot * 100 + number), {"size_lots": slot})
        found += [Change(bytes(key), slot, data) for key, data in world.accounts.items()]
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), traders=st.integers(0, 70))
def test_readings_in_any_order_give_the_youngest_of_each(seed: int, traders: int) -> None:
    """F-06: reordered and doubled readings."""
    changes = readings(traders)
    random.Random(seed).shuffle(changes)
    state = State()
    for start in range(0, len(changes), 7):
        state.apply(changes[start : start + 7])
    assert state.exchange["opened"] and state.risk_cache["markets"]["market_plus_one"][0] == 1
    assert len(state.users) == len(state.orders) == len(state.keys) == traders
    for number in range(traders):
        owner = kw.address(number)
        row = state.row_of(bytes(owner))
        assert row is not None and state.user_keys[row] == bytes(owner)
        assert int(state.users["quote_atoms"][row]) == 900 + number
        assert int(state.orders["orders"]["size_lots"][row, 0]) == 9
        assert state.orders_keys[row] == kw.orders_key(owner) == state.keys[row].tobytes()


def test_only_what_changed_is_told() -> None:
    """F-03: an older reading changes nothing."""
    changes = readings(2)
    old, young = changes[: len(changes) // 2], changes[len(changes) // 2 :]
    state = State()
    assert len(state.apply(young)) == len(young)
    assert state.apply(young) == [] and state.apply(old) == []


def test_orders_without_their_user_are_void_until_it_is_read() -> None:
    owner = kw.address(1)
    state = State()
    state.apply([Change(kw.orders_key(owner), 3, kw.orders(owner, {}).tobytes())])
    assert state.users["orders_epoch"][0] == NO_USER_EPOCH
    state.apply([Change(bytes(owner), 3, kw.user().tobytes())])
    assert state.users["orders_epoch"][0] == 1


def test_closed_accounts_leave_their_row_and_rows_are_used_again() -> None:
    world = kw.World.with_market()
    first = world.trader(1, kw.user(), {})
    world.trader(2, kw.user(), {})
    state = world.state()
    row = state.row_of(bytes(first))
    present = {bytes(kw.address(2))}
    gone = state.forget_missing("User", present, kw.SLOT + 1)
    assert [change.address for change in gone] == [bytes(first)] and state.users["orders_epoch"][row] == NO_USER_EPOCH
    state.apply([Change(kw.orders_key(first), kw.SLOT + 1, None)])
    assert state.row_of(bytes(first)) is None and state.orders["order_count"][row] == 0
    state.apply([Change(bytes(kw.address(3)), kw.SLOT + 2, kw.user(7).tobytes())])
    assert state.row_of(bytes(kw.address(3))) == row and int(state.users["quote_atoms"][row]) == 7
    assert len(state.users) == 2


def test_a_snapshot_that_is_older_than_a_new_account_does_not_drop_it() -> None:
    """F-03: a snapshot of a node that lags behind."""
    world = kw.World.with_market()
    owner = world.trader(1, kw.user(), {})
    state = world.state()
    assert state.forget_missing("User", set(), kw.SLOT - 1) == []
    assert state.row_of(bytes(owner)) is not None


def test_accounts_of_other_kinds_are_left_alone() -> None:
    """F-23: what cannot be read harms no other account."""
    state = State()
    assert (
        state.apply([Change(bytes(32), 1, b"somebody else's account"), Change(bytes(Pubkey.default()), 1, b"")]) == []
    )
    assert isinstance(state.users, np.ndarray) and len(state.users) == 0


def damaged(data: bytes, kind: str) -> bytes:
    """Bytes of an account that cannot be what they say."""
    if kind == "short":
        return data[:-1]
    if kind == "version":
        return data[:8] + bytes([LAYOUT_VERSION + 1]) + data[9:]
    return data


@pytest.mark.parametrize("kind", ["short", "version", "owner"])
def test_an_account_of_another_length_version_or_owner_is_isolated_and_the_rest_goes_on(kind: str) -> None:
    """F-23, F-25: it counts as absent, and its reason is kept until it can be read again."""
    program, stranger = bytes([1]) * 32, bytes([2]) * 32
    state, world = State(program), kw.World.with_market()
    keys = [world.trader(number, kw.user(quote_atoms=number)) for number in (1, 2, 3)]
    state.apply(Change(bytes(key), 1, data, 0, program) for key, data in world.accounts.items())
    bad = {bytes(keys[1]), *(key for key, name in state._names.items() if name in ("Market", "Exchange"))}
    owner = stranger if kind == "owner" else program
    later = [
        Change(bytes(key), 2, damaged(data, kind), 0, owner) if bytes(key) in bad else Change(bytes(key), 2, data)
        for key, data in world.accounts.items()
    ]
    taken = state.apply(later)
    assert {change.address for change in taken} == bad and all(change.data is None for change in taken)
    assert set(state.isolated) == bad and all(
        kind in reason or "length" in reason for reason in state.isolated.values()
    )
    assert state.exchange is None and not state.market_known.any() and state.risk_cache is not None
    live = {
        int(atoms)
        for atoms, epoch in zip(state.users["quote_atoms"], state.users["orders_epoch"], strict=True)
        if epoch != NO_USER_EPOCH
    }
    assert live == {1, 3}
    state.apply(Change(bytes(key), 3, data, 0, program) for key, data in world.accounts.items())
    assert not state.isolated and state.exchange is not None and state.market_known[0]


def test_an_index_beyond_the_table_is_isolated() -> None:
    market = kw.market()
    market["index"] = MARKETS_MAX
    state = State()
    assert state.apply([Change(b"m" * 32, 1, market.tobytes())]) == []
    assert state.isolated[b"m" * 32] == f"index of Market: found {MARKETS_MAX}, needed below {MARKETS_MAX}"


def test_writes_of_one_slot_go_by_their_version_where_there_is_one() -> None:
    """F-06: reordered readings of one slot."""
    state, key = State(), bytes(kw.address(1))
    first, second = (Change(key, 4, kw.user(quote_atoms=atoms).tobytes(), atoms) for atoms in (5, 6))
    state.apply([second])
    assert state.apply([first]) == [] and int(state.users["quote_atoms"][0]) == 6
    state.apply([Change(key, 4, kw.user(quote_atoms=7).tobytes(), 6)])
    assert int(state.users["quote_atoms"][0]) == 7, "the later reading of equal versions"


def test_a_rollback_lets_older_readings_stand_and_a_prune_forgets_what_is_gone() -> None:
    """F-11, F-22: nothing of later slots is held against what is read next; nothing grows for ever."""
    state, key = State(), bytes(kw.address(1))
    state.time = ChainTime(9, 9)
    state.apply([Change(key, 9, kw.user(quote_atoms=9).tobytes()), Change(bytes(32), 3, None)])
    state.rewind(7)
    assert state.time == ChainTime(0, 0)
    assert len(state.apply([Change(key, 8, kw.user(quote_atoms=8).tobytes())])) == 1
    state.prune(8)
    assert list(state._versions) == [key]
    assert [change.data for change in state.readings()] == [kw.user(quote_atoms=8).tobytes()]
