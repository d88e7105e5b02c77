"""What crosses is kept from plan to plan: no plan differs from one that looks at every order again."""

from __future__ import annotations

import random
from typing import Any

import keeper_world as kw
import pytest

from evertide import OrderKind, TimeInForce
from evertide_engine.crossing import Match, scan
from evertide_keepers import matcher
from evertide_keepers.actions import Action
from evertide_keepers.clock import ChainTime
from evertide_keepers.matcher import order_key
from evertide_keepers.memory import Memory
from evertide_keepers.settings import MatcherSettings
from evertide_keepers.state import Change, State

STEPS, CROWD, CHANGED = 40, 60, 5
SETTINGS = MatcherSettings(keeper_user=str(kw.address(700)))


class FromScratch:
    """Stands where the index stands, and reads every order."""

    @staticmethod
    def scan(*arrays: Any) -> list[Match]:
        return scan(*arrays)


def some_order(rng: random.Random, spread: int) -> dict[str, Any]:
    """An order of any kind that trades or waits; bids mostly `spread` below asks."""
    ask = rng.random() < 0.5
    away = rng.randint(1, 30) + spread - (60 if rng.random() < 0.05 else 0)
    kind = rng.choice([OrderKind.LIMIT] * 6 + [OrderKind.MARKET, OrderKind.PEGGED, OrderKind.ICEBERG, OrderKind.TWAP])
    forces = [TimeInForce.GOOD_TILL_CANCELLED] * 3 + [TimeInForce.POST_ONLY, TimeInForce.IMMEDIATE_OR_CANCEL]
    return {
        "order_id": rng.randint(1, 9),
        "kind": kind,
        "flags": int(ask) | rng.choice([0, 0, 0, 2]),
        "price_ticks": kw.INDEX_TICKS + (away if ask else -away),
        "size_lots": rng.randint(1, 40),
        "time_in_force": TimeInForce.POST_ONLY if kind == OrderKind.PEGGED else rng.choice(forces),
        "placed_slot": kw.SLOT - rng.randint(0, 40),
        "placed_ms": kw.NOW_MS - rng.randint(0, 30_000),
        "expiry_ms": rng.choice([0, 0, 0, kw.NOW_MS + 900]),
        "taker_phase_s": rng.choice([0, 0, 12]),
    }


def some_trader(rng: random.Random, number: int, spread: int) -> dict[bytes, bytes]:
    """Bytes of both accounts of a trader by address."""
    world = kw.World()
    record = kw.position(kw.user(number=number // 2), rng.randint(-50, 50), 0)
    record["orders_epoch"] = rng.choice([1, 1, 1, 4])
    record["liquidation_start_ms"] = rng.choice([0] * 19 + [1])
    world.trader(number, record, *(some_order(rng, spread) for _ in range(rng.randint(0, 4))))
    return {bytes(key): data for key, data in world.accounts.items()}


def turn(rng: random.Random, state: State, slot: int, spread: int, crowd: int) -> None:
    """Some traders change, come or go; the clock and the index move."""
    readings: list[Change] = []
    for _ in range(rng.randint(0, CHANGED)):
        found = some_trader(rng, rng.randrange(crowd), spread)
        gone = rng.random()
        for number, (key, data) in enumerate(found.items()):
            # Both accounts are closed, or one of them, or none.
            closed = gone < 0.1 or (gone < 0.2 and number == 1) or (gone < 0.25 and number == 0)
            readings.append(Change(key, slot, None if closed else data))
    rng.shuffle(readings)
    state.apply(readings)
    state.time = ChainTime(slot, kw.NOW_MS + 25 * (slot - kw.SLOT))
    state.markets["index_price_q32"][0] = kw.INDEX_Q32 + rng.randint(-9, 9) * (kw.INDEX_Q32 // kw.INDEX_TICKS)


def scratch_plan(patch: pytest.MonkeyPatch, state: State, memory: Memory) -> list[Action]:
    """The plan of a scan of everything, on the same state."""
    with patch.context() as there:
        there.setattr(State, "crossing_index", lambda self: FromScratch())
        return matcher.plan(state, memory, SETTINGS)


@pytest.mark.parametrize(("seed", "spread"), [(1, 0), (2, 5), (3, 15), (4, 25), (5, 28), (6, 40)])
def test_a_plan_with_the_index_is_the_plan_from_scratch(
    seed: int, spread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random changes, also more traders than rows were made for, reused rows, and orders that are left alone."""
    rng, memory = random.Random(seed), Memory()
    world = kw.World.with_market()
    for number in range(CROWD // 2):
        world.accounts |= {kw.Pubkey.from_bytes(key): data for key, data in some_trader(rng, number, spread).items()}
    state = world.state()
    planned, indices = 0, set()
    for step in range(STEPS):
        turn(rng, state, kw.SLOT + step, spread, CROWD if step < STEPS // 2 else 4 * CROWD)
        found = matcher.plan(state, memory, SETTINGS)
        assert found == scratch_plan(monkeypatch, state, memory)
        # A process that begins now, with other rows, decides the same: so does a replay of its journal.
        again = State()
        again.apply(state.readings())
        again.time, again.markets = state.time, state.markets
        assert matcher.plan(again, memory, SETTINGS) == found
        matches = [one for one in found if one.name == "match_orders"]
        planned += len(matches)
        indices.add(id(state.crossing_index()))
        if matches and step % 3 == 0:
            failed = matches[0].arguments
            key = order_key(failed["taker_user"], failed["taker_order_id"])
            memory.note([key], succeeded=False, now_ms=state.time.unix_ms)
    assert planned > 0 or spread >= 40
    assert len(indices) <= 3, "it is kept, and made anew only when the rows have outgrown it"
