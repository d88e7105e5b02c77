"""The keepers on the real program: one step at a time, and all of them running on their own."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sdk_world import World
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import NewOrder, OrderKind, TimeInForce, by_all
from evertide.errors import TakerMarginTooLow
from evertide.events import OrdersMatched
from evertide_keepers import (
    HeldSource,
    JanitorSettings,
    KeeperConfig,
    MarkSettings,
    SettlerSettings,
    Spine,
    WrongChain,
    build_keepers,
    replay,
)
from evertide_keepers.journal import Journal
from evertide_keepers.keeper import Keeper, OracleKeeper
from evertide_keepers.runner import run

pytestmark = pytest.mark.localnet

USD = 1_000_000
PRICES = {"BTC-PERP": 40_000 * USD, "SOL-PERP": 100 * USD}
SETTINGS = {
    "settler": SettlerSettings(minimum_atoms=1, interval_ms=0),
    "mark": MarkSettings(refresh_ms=1_000),
    "janitor": JanitorSettings(minimum_fees_atoms=10**15),
}
Trader = tuple[Keypair, Pubkey]


def staff(world: World, journal: Journal | None = None) -> tuple[Spine, dict[str, Keeper], HeldSource]:
    """All keepers on a spine of their own, with held prices."""
    source = HeldSource({"collateral:1": "SOL-PERP"})
    source.set(PRICES)
    spine = Spine(world.client, journal=journal)
    return spine, build_keepers(spine, source=source, settings=SETTINGS), source


async def order(world: World, trader: Trader, side: str, price: object, size: object, **more: object) -> int:
    """Place one BTC order; its id."""
    new = NewOrder(market="BTC", side=side, size=size, price=price, **more)  # type: ignore[arg-type]
    return (await world.client.place_orders(trader[1], [new], signer=trader[0])).order_ids[0]


async def rest(world: World, slots: int) -> None:
    """Wait so many slots."""
    await world.client._wait_for_slot(await world.client.rpc.get_slot() + slots)


async def tick(world: World, keepers: dict[str, Keeper]) -> None:
    """Prices of now: the chain's clock counts whole seconds and a price must be younger than the last."""
    for _ in range(40):
        if (await keepers["oracle"].step()).confirmed:
            break
        await asyncio.sleep(0.1)
    await keepers["cache"].step()


async def test_a_market_lives_by_single_steps(world: World, tmp_path: Path) -> None:
    journal_path = tmp_path / "journal.jsonl"
    plain = {name: dataclasses.asdict(value) for name, value in SETTINGS.items()}
    spine, keepers, source = staff(world, Journal(journal_path, plain))
    await tick(world, keepers)
    maker = await world.trader("steps-maker", usdc=80_000)
    bidder = await world.trader("steps-bidder", usdc=80_000)
    taker = await world.trader("steps-taker", usdc=80_000)
    resting = [
        await order(world, maker, "ask", price, 1, time_in_force=TimeInForce.POST_ONLY) for price in (40_020, 40_010)
    ]
    await order(world, bidder, "bid", 39_990, 1, time_in_force=TimeInForce.POST_ONLY)
    await rest(world, 12)

    shown = await keepers["mark"].step()
    assert (shown.planned, shown.confirmed) == (1, 1), shown.errors
    market = await world.client.market("BTC")
    assert [side.order_id for side in market.evidence] == [1, resting[1]]

    taken = await order(world, taker, "bid", 40_030, "1.5", taker_phase_s=0)
    await rest(world, 1)
    matched = await keepers["matcher"].step()
    assert (matched.planned, matched.confirmed) == (1, 1), matched.errors
    assert (await keepers["matcher"].step()).planned == 0
    bought = await world.client.user(taker[1])
    assert bought.positions[0].basis_lots * market.terms.lot_size_e9 == 15 * 10**8
    assert not any(slot.order_id == taken for slot in (await world.client.orders(taker[1])).orders)
    left = {slot.order_id: slot.size_lots for slot in (await world.client.orders(maker[1])).orders if slot.order_id}
    assert set(left) == {resting[0]}

    source.set({"BTC-PERP": 39_900 * USD})
    await tick(world, keepers)
    settled = await keepers["settler"].step()
    assert settled.planned >= 1 and not settled.failed, settled.errors
    assert (await world.client.market("BTC")).pool_atoms > 0
    await spine.close()

    report = replay(journal_path)
    assert report.decisions >= 4 and not report.differences


async def test_the_matcher_names_pegged_and_iceberg_makers(world: World) -> None:
    """The program accepts what the keeper plans with them: a peg at a younger index, what an iceberg shows next."""
    _, keepers, _ = staff(world)
    await tick(world, keepers)
    pegged, iceberg, first, second = [
        await world.trader(f"kinds-{name}", usdc=80_000) for name in ("peg", "iceberg", "first", "second")
    ]
    await order(world, pegged, "ask", 39_900, "0.3", kind=OrderKind.PEGGED, peg_offset=-2)
    post = {"kind": OrderKind.ICEBERG, "display_size": "0.1", "time_in_force": TimeInForce.POST_ONLY}
    await order(world, iceberg, "ask", 39_999, "0.3", **post)
    await rest(world, 1)
    await order(world, first, "bid", 40_000, "0.2", taker_phase_s=0)
    await rest(world, 1)

    async def step() -> int:
        report = await keepers["matcher"].step()
        assert report.planned == report.confirmed, report.errors
        return report.planned

    async def younger_index() -> None:
        """One of a second that had not begun when the last order was placed."""
        now_ms = await world.client.chain_time_ms()
        while (await world.client.market("BTC")).publish_time_ms <= now_ms:
            await tick(world, keepers)

    # The index is not younger than the taker, and what the iceberg shows next is.
    assert [await step(), await step()] == [1, 0]
    await younger_index()
    assert [await step(), await step()] == [1, 0]
    await order(world, second, "bid", 40_000, "0.4", taker_phase_s=0)
    await rest(world, 1)
    await younger_index()
    assert [await step(), await step()] == [1, 0]

    lot_size_e9 = (await world.client.market("BTC")).terms.lot_size_e9
    fills = [
        (event.event.taker, fill.maker, fill.price_ticks, fill.size_lots * lot_size_e9 // 10**8)
        for event in await world.client.event_history()
        if isinstance(event.event, OrdersMatched) and event.event.taker in (first[1], second[1])
        for fill in event.event.fills
    ]
    assert fills == [
        (first[1], iceberg[1], 39_999, 1),
        (first[1], pegged[1], 39_998, 1),
        (second[1], pegged[1], 39_998, 2),
        (second[1], iceberg[1], 39_999, 1),
    ]
    book = await world.client.book("BTC")
    assert (book.asks[0].price_ticks, book.asks[0].size_lots * lot_size_e9) == (39_999, 10**8)
    audit = await world.client.audit_matching("BTC")
    assert (audit.hash_breaks, audit.gaps, audit.mismatches) == ((), (), ())
    assert audit.skipped == ()
    for trader in (iceberg, second):
        await world.client.cancel_orders(trader[1], by_all(), signer=trader[0])


async def test_a_failed_match_is_left_alone_for_a_while(world: World) -> None:
    """F-14: no storm of repetitions."""
    _, keepers, _ = staff(world)
    await tick(world, keepers)
    poor = await world.trader("poor", usdc=500)
    rich = await world.trader("rich", usdc=80_000)
    await order(world, rich, "ask", 40_001, "1", time_in_force=TimeInForce.POST_ONLY)
    await rest(world, 1)
    await order(world, poor, "bid", 40_050, "0.1", taker_phase_s=0)
    # From now on the fill would need the whole notional: the program refuses the taker, not the keeper's plan.
    await world.client.set_limits(poor[1], leverage_max=1, authority=poor[0])
    await rest(world, 1)
    first = await keepers["matcher"].step()
    assert (first.planned, first.failed) == (1, 1)
    assert isinstance(first.errors[0], TakerMarginTooLow)
    assert (await keepers["matcher"].step()).planned == 0
    await world.client.cancel_orders(poor[1], by_all(), signer=poor[0])


async def test_two_keepers_that_race_fill_once(world: World) -> None:
    """F-19: both plan the same match; one fills it, the other is refused and leaves it alone."""
    _, first, _ = staff(world)
    _, second, _ = staff(world)
    await tick(world, first)
    maker = await world.trader("race-maker", usdc=80_000)
    taker = await world.trader("race-taker", usdc=80_000)
    await order(world, maker, "ask", 40_000, "0.5", time_in_force=TimeInForce.POST_ONLY)
    await rest(world, 1)
    await order(world, taker, "bid", 40_010, "0.5", taker_phase_s=0)
    await rest(world, 1)
    reports = await asyncio.gather(first["matcher"].step(), second["matcher"].step())
    assert [report.planned for report in reports] == [1, 1]
    assert sorted(report.confirmed for report in reports) == [0, 1], [report.errors for report in reports]
    market = await world.client.market("BTC")
    for trader, sign in ((taker, 1), (maker, -1)):
        lots = (await world.client.user(trader[1])).positions[0].basis_lots
        assert lots * market.terms.lot_size_e9 == sign * 5 * 10**8
    assert [(await keepers["matcher"].step()).planned for keepers in (first, second)] == [0, 0]


async def test_two_keepers_that_race_down_the_ladder_act_once(world: World) -> None:
    """F-19: beginning, ending and resolving; whoever comes second is refused by a typed error and goes on."""
    _, first, prices = staff(world)
    _, second, more_prices = staff(world)
    await tick(world, first)
    maker = await world.trader("down-maker", usdc=80_000)
    victim = await world.trader("down-victim", usdc=2_100)
    await order(world, maker, "ask", 40_000, "2", time_in_force=TimeInForce.POST_ONLY)
    await rest(world, 1)
    await order(world, victim, "bid", 40_000, "2", taker_phase_s=0)
    await rest(world, 1)
    assert (await first["matcher"].step()).confirmed == 1
    refused: list[str] = []
    for usd, keeper in ((39_100, "liquidator"), (40_000, "liquidator"), (38_600, "bankruptcy")):
        for source in (prices, more_prices):
            source.set({"BTC-PERP": usd * USD})
        await tick(world, first)
        await first["cache"].step()
        reports = await asyncio.gather(first[keeper].step(), second[keeper].step())
        assert [report.planned for report in reports] == [1, 1], usd
        assert sorted(report.confirmed for report in reports) == [0, 1], [report.errors for report in reports]
        refused += [type(error).__name__ for report in reports for error in report.errors]
        assert [(await one[keeper].step()).failed for one in (first, second)] == [0, 0]
    assert set(refused) <= {"LiquidationUnderWay", "AccountHealthy", "OrderNotFound", "UserSolvent"}, refused
    gone = await world.client.user(victim[1])
    assert gone.liquidation_start_ms == 0 and not any(position.basis_lots for position in gone.positions)


async def test_the_runner_matches_within_four_slots_of_400_ms_and_serves_its_health(
    world: World, tmp_path: Path
) -> None:
    keypair, oracle = tmp_path / "keeper.json", tmp_path / "oracle.json"
    keypair.write_text(json.dumps(list(bytes(world.root))))
    oracle.write_text(json.dumps(list(bytes(world.oracle))))
    now_ms = await world.client.chain_time_ms()
    tape = tmp_path / "tape.csv"
    rows = [f"{now_ms // 1000 + 60 * minute},40000,100" for minute in range(-1, 10)]
    tape.write_text("\n".join(["timestamp,BTC-PERP,SOL-PERP", *rows]) + "\n")
    genesis = await world.client.rpc.call("getGenesisHash")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        health_port = probe.getsockname()[1]
    with_port = f"""
        rpc_url = "{world.net.rpc_url}"
        ws_url = "{world.net.ws_url}"
        genesis_hash = "{genesis}"
        keypair = "keeper.json"
        signers = ["oracle.json"]
        journal = "journal.jsonl"
        health_port = {health_port}
        [oracle]
        tape = "tape.csv"
        aliases = {{ "collateral:1" = "SOL-PERP" }}
    """
    (tmp_path / "keepers.toml").write_text(with_port)
    async with keepers_running(KeeperConfig.load(tmp_path / "keepers.toml")) as running:
        maker = await world.trader("fast-maker", usdc=80_000)
        taker = await world.trader("fast-taker", usdc=80_000)
        await order(world, maker, "ask", 40_000, "0.5", time_in_force=TimeInForce.POST_ONLY)
        await asyncio.sleep(2)
        start = asyncio.get_running_loop().time()
        await order(world, taker, "bid", 40_010, "0.5", taker_phase_s=0)
        while not (await world.client.user(taker[1])).positions[0].basis_lots:
            assert not running.done(), running.result()
            assert asyncio.get_running_loop().time() - start < 20
            await asyncio.sleep(0.02)
        took_s = asyncio.get_running_loop().time() - start
        health = {}
        for _ in range(100):
            health = json.loads(await asyncio.to_thread(get, f"http://127.0.0.1:{health_port}/health"))["keepers"]
            if all(health[name]["confirmed"] for name in ("matcher", "oracle")):
                break
            await asyncio.sleep(0.05)
        metrics = await asyncio.to_thread(get, f"http://127.0.0.1:{health_port}/metrics")
    assert health["matcher"]["confirmed"] >= 1 and health["oracle"]["confirmed"] >= 1, health
    assert 'evertide_keeper_actions_total{action="match_orders",keeper="matcher"}' in metrics
    replayed = replay(tmp_path / "journal.jsonl")
    assert replayed.decisions >= 2 and not replayed.differences
    text = (tmp_path / "journal.jsonl").read_text()
    assert str(list(bytes(world.root)))[1:-1] not in text and bytes(world.root).hex() not in text
    print(f"place to fill through the keeper: {took_s * 1000:.0f} ms")
    assert took_s < 4 * 0.4


@asynccontextmanager
async def keepers_running(config: KeeperConfig) -> AsyncIterator[asyncio.Task[None]]:
    """Keepers at work, told to stop however the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(config, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


async def test_another_chain_and_a_missing_program_are_refused(world: World) -> None:
    """F-27: another genesis hash, a program that is not there."""
    wrong = KeeperConfig(rpc_url=world.net.rpc_url, genesis_hash="1" * 44)
    with pytest.raises(WrongChain, match="genesis hash: found"):
        await run(wrong, asyncio.Event(), world.client)
    absent = KeeperConfig(rpc_url=world.net.rpc_url, program_id=str(Keypair().pubkey()))
    with pytest.raises(WrongChain, match="program: found no account"):
        await run(absent, asyncio.Event(), world.client)
    assert isinstance(build_keepers(Spine(world.client))["oracle"], OracleKeeper)
