"""All episodes in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import auction, bracket, parameters, pause, signed, trailing, twap
from .stage import Stage

if TYPE_CHECKING:
    from evertide_cli.quickstart.chain import Chain
    from evertide_cli.quickstart.check import Check
    from evertide_cli.quickstart.collector import Collector
    from evertide_cli.quickstart.market_setup import Cast
    from evertide_cli.quickstart.report import Story
    from evertide_cli.quickstart.sights import Actor
    from evertide_cli.quickstart.staff import Staff

EPISODES = (parameters.play, pause.play, bracket.play, trailing.play, twap.play, signed.play, auction.play)


async def perform(
    chain: Chain,
    staff: Staff,
    roles: Cast,
    cast: Sequence[Actor],
    collector: Collector,
    prices: Mapping[str, int],
    story: Story,
) -> list[Check]:
    """Play everything; returns what was promised against what the chain did."""
    stage = Stage(
        chain=chain,
        staff=staff,
        roles=roles,
        cast={actor.trader.name: actor for actor in cast},
        collector=collector,
        story=story,
        prices=dict(prices),
    )
    for episode in EPISODES:
        await episode(stage)
    await stage.clear()
    return stage.checks
