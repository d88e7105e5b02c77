"""Accounts whose numbers are at their guards, or are no numbers of the program: no plan breaks, nobody else waits.

F-24: every field of every kind of account in turn becomes its least, its greatest, or drawn bytes.
"""

from __future__ import annotations

import random
from typing import Any

import keeper_world as kw
import numpy as np
import pytest
from stage import Stage

from evertide import orders_address
from evertide_engine.errors import LayoutError
from evertide_engine.layouts import ACCOUNTS, DISCRIMINATORS
from evertide_keepers.keeper import KINDS
from evertide_keepers.memory import Memory

PATTERNS = {"zeros": b"\x00", "ones": b"\xff", "greatest": b"\x7f", "least": b"\x80"}
HEADER = ("discriminator", "version")
KINDS_OF_ACCOUNT = ("Exchange", "RiskCache", "Market", "Collateral", "User", "Orders")
OF_ONE_OWNER = ("User", "Orders")
GUARDS = (ArithmeticError, ValueError, LayoutError)


def world() -> kw.World:
    """A market with a crossing, a position and a loser."""
    made = kw.World.with_market()
    made.trader(1, kw.position(kw.user(number=1), 100, -5 * 10**9), {"flags": 1})
    made.trader(2, kw.position(kw.user(number=2), -100, 10**9), {"time_in_force": 0, "placed_slot": kw.SLOT - 5})
    return made


def of_kind(made: kw.World, name: str) -> Any:
    """Address of one account of a kind; None where there is none."""
    return next((key for key, data in made.accounts.items() if data[:8] == DISCRIMINATORS[name]), None)


def planned(made: kw.World, account: str) -> dict[str, str]:
    """Keepers whose plan raised what it may not.

    What belongs to one owner breaks nothing. A market, an asset or the exchange itself may be refused by a guard of the
    arithmetic, which names the number: that keeper waits and says so, the others go on.
    """
    state, broken = made.state(), {}
    for name, kind in KINDS.items():
        try:
            kind.plan(state, Memory(), kind.settings)
        except Exception as error:
            if account in OF_ONE_OWNER or not isinstance(error, GUARDS):
                broken[name] = f"{type(error).__name__}: {error}"
    return broken


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", KINDS_OF_ACCOUNT)
def test_f24_every_field_at_its_guards_breaks_no_plan(name: str, pattern: str) -> None:
    """F-24: one field at a time, all bytes alike."""
    sound = world()
    key = of_kind(sound, name)
    assert key is not None
    dtype, broken = ACCOUNTS[name], {}
    for field in dtype.names or ():
        if field in HEADER:
            continue
        made = world()
        record = np.frombuffer(bytearray(made.accounts[key]), np.uint8)[: dtype.itemsize].view(dtype).copy()
        at = dtype.fields[field][1]
        size = dtype.fields[field][0].itemsize
        raw = bytearray(record.tobytes())
        raw[at : at + size] = PATTERNS[pattern] * size
        made.accounts[key] = bytes(raw)
        if found := planned(made, name):
            broken[field] = found
    assert broken == {}


@pytest.mark.parametrize("seed", range(20))
def test_f24_drawn_bytes_break_no_plan(seed: int) -> None:
    """F-24: an account's body is noise, whichever kind it is."""
    dice = random.Random(seed)
    broken = {}
    for name in KINDS_OF_ACCOUNT:
        made = world()
        key = of_kind(made, name)
        assert key is not None
        data = bytearray(made.accounts[key])
        for _ in range(dice.choice((1, 8, 200))):
            data[dice.randrange(9, len(data))] = dice.randrange(256)
        made.accounts[key] = bytes(data)
        if found := planned(made, name):
            broken[name] = found
    assert broken == {}


def test_f23_a_user_of_nonsense_stops_nobody_elses_work() -> None:
    """F-23, F-24: through whole keepers: a `User` and an `Orders` of all ones beside a crossing."""
    stage = Stage(keepers=("matcher", "settler", "trigger", "cache", "liquidator", "janitor"))
    taker = stage.crossing(0)[1]
    _, victim = stage.crossing(1)
    for key in (victim, orders_address(victim)):
        data = stage.chain.accounts[key]
        stage.chain.put(key, data[:9] + b"\xff" * (len(data) - 9))
    stage.live(120, script=lambda: stage.until_filled(taker))
    stage.judge()
