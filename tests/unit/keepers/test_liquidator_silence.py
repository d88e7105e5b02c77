"""The liquidator's plan after a halt: it begins nothing that the program would refuse."""

from __future__ import annotations

import keeper_world as kw
import ladder_world as lw
import pytest

from evertide import LIQUIDATION_GRACE_MS, SILENCE_MS
from evertide_keepers import liquidator
from evertide_keepers.memory import Memory
from evertide_keepers.settings import LiquidatorSettings


@pytest.mark.parametrize(
    ("priced_ago_ms", "resumed_ago_ms", "equity", "begins"),
    [
        (SILENCE_MS, None, lw.MAINTENANCE - 1, True),
        (SILENCE_MS + 1, None, lw.MAINTENANCE - 1, False),
        (SILENCE_MS + 1, None, 0, False),
        (0, LIQUIDATION_GRACE_MS, lw.MAINTENANCE - 1, True),
        (0, LIQUIDATION_GRACE_MS - 1, lw.MAINTENANCE - 1, False),
        (0, LIQUIDATION_GRACE_MS - 1, 0, True),
    ],
)
def test_in_a_silence_and_its_grace_no_liquidation_begins(
    priced_ago_ms: int, resumed_ago_ms: int | None, equity: int, begins: bool
) -> None:
    """F-10: what the program would refuse is not tried."""
    for started_ms in (0, 1_000):
        world = lw.crashed(0)
        world.trader(1, lw.held(equity, started_ms=started_ms))
        lw.change(
            world,
            lw.CACHE_AT,
            "RiskCache",
            priced_ms=kw.NOW_MS - priced_ago_ms,
            resumed_ms=0 if resumed_ago_ms is None else kw.NOW_MS - resumed_ago_ms,
        )
        world.trader(20, kw.user(number=20), lw.bid())
        actions = liquidator.plan(world.state(), Memory(), LiquidatorSettings())
        assert bool(actions) == (begins or started_ms != 0), (started_ms, actions)
