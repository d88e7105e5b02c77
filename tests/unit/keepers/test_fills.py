"""Who shares the fees of a simulated match, by hand; a localnet test compares the same with the program to the unit."""

from __future__ import annotations

import keeper_world as kw
import ladder_world as lw
import numpy as np
import pytest

from evertide_engine.decode import decode
from evertide_engine.layouts import EXCHANGE
from evertide_keepers import matcher
from evertide_keepers.fills import Shares
from evertide_keepers.memory import Memory
from evertide_keepers.settings import MatcherSettings

EARNER = str(kw.address(60))
LOTS = 100_000
AGE_MS = 30_000


def world(*, referred: bool = False, builder_tenth_bps: int = 0) -> kw.World:
    """A match of $1,000 at 5 bps, of a taker's order half a minute old."""
    found = lw.crashed()
    record = decode([found.accounts[lw.EXCHANGE_AT]], EXCHANGE, "Exchange")
    terms = record["terms"]
    terms["keeper_share_bps"], terms["referrer_share_bps"] = 1_000, 1_500
    terms["keeper_reward_min_atoms"], terms["keeper_reward_max_atoms"] = 1_000, 5_000
    record["builders"]["code"][0, 0] = 1
    record["builders"]["user"][0, 0] = np.frombuffer(bytes(kw.address(61)), np.uint8)
    found.put(lw.EXCHANGE_AT, record)
    found.trader(1, kw.user(number=1), {"flags": 1, "size_lots": LOTS, "placed_slot": kw.SLOT - 50})
    taker = kw.user(number=2)
    if referred:
        taker["referrer"][0] = np.frombuffer(bytes(kw.address(62)), np.uint8)
    order = {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": LOTS, "placed_ms": kw.NOW_MS - AGE_MS}
    if builder_tenth_bps:
        order |= {"builder_plus_one": 1, "terms": np.array([0, 0, builder_tenth_bps << 16], np.uint64)}
    found.trader(2, taker, order)
    return found


def shares(found: kw.World, keeper_user: str | None = EARNER) -> Shares:
    (match,) = matcher.expected(found.state(), Memory(), MatcherSettings(keeper_user=keeper_user))
    return match.shares


def test_the_keepers_share_is_a_tenth_of_the_fee_up_to_a_bound_that_grows_with_age() -> None:
    """$0.50 of fees: a tenth is 50,000; at half a minute the bound of 5,000 has grown by nine times a half."""
    assert shares(world()) == Shares(keeper_atoms=5_000 + 5_000 * 9 // 2)


@pytest.mark.parametrize("keeper", [None, str(kw.address(1)), str(kw.address(2))], ids=["none", "maker", "taker"])
def test_without_an_account_and_as_a_party_a_keeper_earns_nothing(keeper: str | None) -> None:
    assert shares(world(), keeper) == Shares()


def test_a_referrer_and_a_builder_share_too() -> None:
    assert shares(world(referred=True), None) == Shares(referrer_atoms=75_000)
    assert shares(world(builder_tenth_bps=7), None) == Shares(builder_atoms=70_000, builder_fee_atoms=70_000)
    whole = shares(world(referred=True, builder_tenth_bps=7))
    assert whole == Shares(27_500, 75_000, 70_000, 70_000)
    assert whole.plus(whole) == Shares(55_000, 150_000, 140_000, 140_000)
