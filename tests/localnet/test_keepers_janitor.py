"""Two janitors on the real program: what time has made due happens once, and who comes second is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sdk_world import World
from test_keepers import PRICES, USD, order, rest, staff, tick

from conftest import ProgramNet, run_program_net
from evertide import ChangeStatus, Gate, ProgramError, TimeInForce
from evertide_keepers import HeldSource, JanitorSettings, Spine, build_keepers, warm_up
from evertide_keepers.keeper import Keeper

pytestmark = pytest.mark.localnet

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def program_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProgramNet]:
    """A network of its own: time on it runs days ahead."""
    yield from run_program_net(tmp_path_factory.mktemp("janitor-net"), 100)


def janitor(world: World) -> Keeper:
    settings = JanitorSettings(minimum_fees_atoms=1)
    return build_keepers(Spine(world.client), ("janitor",), settings={"janitor": settings})["janitor"]


async def race(first: Keeper, second: Keeper, times: int) -> None:
    """Both see the same work and send it at once: each piece of it happens once, the other try is refused by name."""
    reports = await asyncio.gather(first.step(), second.step())
    assert [report.planned for report in reports] == [times, times], [report.errors for report in reports]
    assert sum(report.confirmed for report in reports) == times, [report.errors for report in reports]
    assert all(isinstance(error, ProgramError) for report in reports for error in report.errors)
    assert [(await one.step()).planned for one in (first, second)] == [0, 0]


async def travel(world: World, keepers: dict[str, Keeper], source: HeldSource, unix_ms: int) -> None:
    """To a moment, with prices and rows of then."""
    world.net.cheats.travel_to(unix_ms)
    source.set(PRICES)
    await tick(world, keepers)


async def test_two_janitors_do_once_what_time_has_made_due(world: World) -> None:
    """F-19: the pause, the gate, the change, the ramp and the fees."""
    await asyncio.to_thread(warm_up)
    client, root = world.client, world.root
    _, keepers, source = staff(world)
    source.set(PRICES)
    await tick(world, keepers)
    first, second = janitor(world), janitor(world)
    assert (await first.step()).planned == 0

    await client.pause(signer=root)
    assert (await first.step()).planned == 0
    await travel(world, keepers, source, await client.chain_time_ms() + HOUR_MS // 2 + 2_000)
    await race(first, second, 1)

    await client.gate_disable(Gate.OPEN_LANE, signer=root)
    await client.gate_enable(Gate.OPEN_LANE, signer=root)
    listed = await client.market("BTC")
    number = (await client.exchange()).next_change
    await client.propose_change("band_bps", listed.terms.band_bps + 1, market="BTC", signer=root)
    ratio_bps = listed.terms.tier_ratio_bps[3]
    await client.propose_change("tier_ratio_bps.3", ratio_bps + 240, market="BTC", signer=root)
    assert (await first.step()).planned == 0
    await travel(world, keepers, source, (await client.change(number + 1)).earliest_ms + 2_000)
    await race(first, second, 3)
    assert not (await client.exchange()).gates_closed
    assert (await client.market("BTC")).terms.band_bps == listed.terms.band_bps + 1
    assert (await client.change(number + 1)).status == ChangeStatus.RAMPING

    await travel(world, keepers, source, await client.chain_time_ms() + HOUR_MS)
    await race(first, second, 1)
    assert 9 <= (await client.market("BTC")).terms.tier_ratio_bps[3] - ratio_bps <= 11

    maker, taker = [await world.trader(f"janitor-{name}", usdc=80_000) for name in ("maker", "taker")]
    await order(world, maker, "ask", 40_000, "1", time_in_force=TimeInForce.POST_ONLY)
    await rest(world, 1)
    await order(world, taker, "bid", 40_010, "1", taker_phase_s=0)
    await rest(world, 1)
    await tick(world, keepers)
    assert (await keepers["matcher"].step()).confirmed == 1
    source.set({"BTC-PERP": 39_000 * USD})
    await tick(world, keepers)
    for _ in range(5):
        if (await keepers["settler"].step()).confirmed:
            break
    market = await client.market("BTC")
    assert market.pool_atoms >= market.pending_fees_atoms > 0
    await race(first, second, 1)
    assert (await client.market("BTC")).pending_fees_atoms == 0
