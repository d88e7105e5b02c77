"""Whole keepers through each fault at a high rate: the work is done, once, on fresh accounts, and told.

Every test asserts the same four things (`Stage.judge`), and that its fault did fire.
"""

from __future__ import annotations

import asyncio

import pytest
from stage import Stage

from faulty_rpc import HTTP_KINDS, SOCKET_KINDS

STORM_S = 25.0
AFTER_S = 240.0
NEEDS = dict.fromkeys(("refused", "slow", "malformed", "expired", "lost", "forked", "unanswered", "late"), 0.3)
RATES = NEEDS | {"stale": 0.2, "lying": 0.2, "doubled": 0.9, "skewed": 0.2, "garbled": 0.1, "renewed": 0.1}
RATES |= {"silent": 0.05, "cut": 0.05, "missed": 0.5, "repeated": 0.5, "reordered": 0.5, "torn": 0.05, "flooded": 0.02}


def weathered(stage: Stage, kinds: list[str]) -> None:
    """Work comes in while the faults are on; all of it is done when they are over."""

    async def script() -> None:
        # A start that finds no node ends in one line; the machine's supervisor starts it again.
        await asyncio.sleep(3)
        for faults in stage.faults:
            faults.rates = {kind: RATES[kind] for kind in kinds}
        takers = []
        for number in range(4):
            takers.append(stage.crossing(number)[1])
            await asyncio.sleep(STORM_S / 4)
        for faults in stage.faults:
            faults.calm()
        for taker in takers:
            await stage.until_filled(taker)

    stage.live(STORM_S + AFTER_S, script=script)
    assert len({work.subject for work in stage.chain.works("match_orders")}) == 4
    stage.judge()


KINDS = {**HTTP_KINDS, **SOCKET_KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{KINDS[kind]}-{kind}")
def test_one_kind_of_fault_at_a_high_rate(kind: str) -> None:
    """F-01, F-02, F-03, F-04, F-05, F-06, F-07, F-08, F-09, F-11, F-12, F-14, F-17, F-22, F-23 and F-25, one by one."""
    stage = Stage(seed=7, keepers=("matcher", "cache"))
    weathered(stage, [kind])
    assert stage.faults[0].counts[kind] > 0
