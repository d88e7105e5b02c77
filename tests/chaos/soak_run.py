"""The soak from an empty validator to its verdicts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import soak_judge
from soak_end import judge, recover
from soak_faults import RATES
from soak_floor import USDC, Floor, roster
from soak_hostile import HABITS
from soak_keepers import STARTED_WITHIN_S, KeeperSet, steps_of
from soak_prices import Tape, draw
from soak_proxy import FaultyEndpoint
from soak_report import Outcome
from soak_state import Say, Soak
from soak_trouble import Trouble

from evertide import EvertideClient, EvertideError, SendOptions, orders_address, user_address
from evertide._localnet import ANY_FREE_PORT, Localnet, local_keypair, start, stop
from evertide_cli.quickstart import chain as chains
from evertide_cli.quickstart import market_setup
from evertide_cli.quickstart.chain import Chain
from evertide_cli.quickstart.collector import Collector
from evertide_cli.quickstart.run import funding_of
from evertide_cli.quickstart.sights import KEEPER_KIND, LIQUIDATOR_KIND, Actor
from evertide_cli.quickstart.staff import Staff
from evertide_cli.quickstart.traders import Trader
from evertide_keepers import warm_up
from faulty_rpc import Faults

SLOT_MS = 200
KEEPER_USDC = 150_000 * USDC
READ_EVERY_S = 5.0
CALM_S = 20.0
SAMPLE = re.compile(rb"^evertide_(keeper_actions|keeper_refusals|alarms)_total\{([^}]*)\} ([0-9.e+]+)$", re.M)
LABEL = re.compile(rb'(\w+)="([^"]*)"')
# Whoever is told one of these came second.
SECOND = {
    "NothingFilled",
    "OrderNotFound",
    "OracleNotNewer",
    "NothingExpired",
    "LiquidationUnderWay",
    "PositionNotFound",
}
PACE_S = {"maker": 5.0, "taker": 2.5, "levered": 6.0, "collateralised": 8.0, "stopper": 5.0}
HOSTILE_PACE_S = 7.0
DISK_BYTES = 700_000


@asynccontextmanager
async def network(folder: Path) -> AsyncIterator[Localnet]:
    """A validator of the run's own."""
    net = await asyncio.to_thread(
        start, folder, rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT, slot_ms=SLOT_MS, hold=True
    )
    try:
        yield net
    finally:
        await asyncio.to_thread(stop, net.directory)


def cast_of(roles: market_setup.Cast) -> list[Actor]:
    """Traders, and the two keepers with capital of their own."""
    made = [(trader, local_keypair(trader.name)) for trader in roster()]
    staff = Trader(LIQUIDATOR_KIND, LIQUIDATOR_KIND, (), KEEPER_USDC, 0, 0, 0, 0)
    made.append((staff, roles.liquidator))
    made.append((Trader(KEEPER_KIND, KEEPER_KIND, (), KEEPER_USDC, 0, 0, 0, 0), roles.keeper))
    actors = []
    for trader, key in made:
        user = user_address(key.pubkey())
        actors.append(Actor(trader, key, user, orders_address(user)))
    return actors


async def open_market(chain: Chain, roles: market_setup.Cast, cast: list[Actor]) -> None:
    """From nothing to an open exchange with funded traders."""
    await market_setup.deploy_program(chain, roles, by_writes=False)
    for key in (roles.liquidator, roles.keeper):
        await asyncio.to_thread(chain.cheats.fund, key.pubkey(), 10_000 * market_setup.LAMPORTS)
    await market_setup.make_mints(chain, roles)
    await market_setup.initialize(chain, roles)
    await market_setup.open_and_insure(chain, roles)
    async with Staff.hired(chain, roles) as staff:
        await staff.publish({symbol: usd * USDC for symbol, usd in market_prices().items()})
    await market_setup.fund_traders(chain, roles, [funding_of(actor) for actor in cast], lambda: None)


def market_prices() -> dict[str, int]:
    """Whole USD with which the tape begins."""
    from soak_prices import FIRST_USD

    return FIRST_USD


@asynccontextmanager
async def endpoints_of(soak: Soak, net: Localnet, names: list[str]) -> AsyncIterator[dict[str, FaultyEndpoint]]:
    """One proxy for each name, with dice of its own."""
    async with contextlib.AsyncExitStack() as stack:
        made = {}
        for name in names:
            faults = Faults(f"{soak.seed}/{name}", RATES)
            endpoint = FaultyEndpoint(net.rpc_url, net.ws_url, faults, secret=soak.secret)
            made[name] = await stack.enter_async_context(endpoint.serving())
            soak.tally.endpoints.append(faults)
            soak.endpoints.append(endpoint)
        yield made


async def pace(soak: Soak, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Again and again; a node that does not answer a trader is part of life, anything else ends the soak."""
    dice = soak.dice(f"pace {name}")
    while True:
        await asyncio.sleep(dice.uniform(0.5, 1.5) * seconds)
        with contextlib.suppress(EvertideError):
            await work()


def habits(soak: Soak, floor: Floor, actor: Actor) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
    """What an actor does, and how often."""
    kind = actor.trader.kind
    if kind in HABITS:
        return [(HOSTILE_PACE_S, lambda each=each: each(floor, actor)) for each in HABITS[kind]]
    own = {"maker": floor.maker, "taker": floor.taker, "stopper": floor.stopper}
    own |= {"levered": floor.levered, "collateralised": floor.levered}
    return [(PACE_S[kind], lambda: own[kind](actor))] if kind in own else []


async def watch_keepers(soak: Soak) -> None:
    """Count what keepers did, what they were refused and which alarms they raised, over all their lives."""
    while True:
        await asyncio.sleep(2)
        for each in soak.sets:
            text = await each.ask(b"GET /metrics HTTP/1.1\r\n\r\n", 3.0)
            for kind, labels, value in SAMPLE.findall(text or b""):
                key = (each.name, str(each.starts), kind.decode(), labels.decode())
                fresh = int(float(value) - soak.last.get(key, 0.0))
                soak.last[key] = float(value)
                if fresh > 0:
                    count_sample(soak, kind, dict(LABEL.findall(labels)), fresh)
            report = await each.health()
            if report is not None and report.get("journal_error"):
                soak.tally.note("filled disk")


def count_sample(soak: Soak, kind: bytes, labels: dict[bytes, bytes], fresh: int) -> None:
    """What a counter of a keeper rose by."""
    if kind == b"keeper_actions":
        soak.actions[labels[b"action"].decode()] += fresh
    elif kind == b"alarms":
        soak.alarms[labels[b"kind"].decode()] += fresh
    else:
        error = labels[b"error"].decode()
        soak.refused[error] += fresh
        if error in SECOND:
            soak.tally.note("raced", fresh)


async def watch_chain(soak: Soak, floor: Floor, collector: Collector) -> None:
    """Chain time for everybody, its transactions for the books, its invariants once in a while."""
    beat = 0
    while True:
        # On a machine that is busy enough the node itself is late; what it did not tell now it tells later.
        with contextlib.suppress(EvertideError, BaseExceptionGroup):
            floor.now_s = await floor.chain.now_ms() // 1000
            await collector.read()
            if beat % 6 == 5:
                # Totals of one moment: a lie of a proxy has no part in it, the node itself is asked.
                found = await soak_judge.invariants(floor.chain, "on the way")
                soak.problems += [verdict.name for verdict in found if not verdict.held]
        beat += 1
        await asyncio.sleep(READ_EVERY_S)


async def storm(soak: Soak, floor: Floor, collector: Collector) -> None:
    """Everybody at once, for as long as was asked."""
    trouble = Trouble(floor, soak.sets, soak.tally, soak.dice("trouble"), soak.problems)
    works = [trouble.run(max(1.0, min(30.0, soak.seconds / 40))), trouble.watch_tape()]
    works += [watch_keepers(soak), watch_chain(soak, floor, collector)]
    for actor in floor.cast:
        for number, (seconds, work) in enumerate(habits(soak, floor, actor)):
            works.append(pace(soak, f"{actor.trader.name}/{number}", seconds, work))
    tasks = [asyncio.create_task(work) for work in works]
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        while (left := soak.seconds - (loop.time() - began)) > 0:
            done, _ = await asyncio.wait(tasks, timeout=min(left, 15.0), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            missing = soak.tally.missing()
            if left < soak.seconds * 0.7:
                # What the dice have left out so far comes at the next occasion.
                soak.tally.order(missing)
            soak.say(f"{soak.seconds - left:6.0f} s: {sum(floor.sent.values())} sent, {len(missing)} kinds to come")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def keeper_sets(
    soak: Soak, roles: market_setup.Cast, endpoints: dict[str, FaultyEndpoint], tape: Tape
) -> list[KeeperSet]:
    """Two operators, of whom the second has a small disk."""
    path = soak.folder / "tape.csv"
    tape.write(path)
    made = []
    for name, key, disk in (("alpha", roles.liquidator, None), ("beta", roles.keeper, DISK_BYTES)):
        own = [endpoint for title, endpoint in endpoints.items() if title.startswith(name)]
        user = user_address(key.pubkey())
        made.append(KeeperSet(name, key, user, roles.oracle, own, soak.folder / name, path, disk))
        made[-1].write()
    return made


async def run(seed: int, seconds: int, say: Say, keep: Path | None = None) -> Outcome:
    """Everything. `keep`: a folder for logs, journals and configurations, which are gone without."""
    roles = market_setup.cast(split_roles=True)
    cast = cast_of(roles)
    with tempfile.TemporaryDirectory(prefix="evertide-soak-") as name:
        soak = Soak(seed, seconds, Path(name), say)
        async with network(soak.folder / "net") as net, chains.connect(net, roles.admin) as chain:
            try:
                return await _run_on(soak, net, chain, roles, cast)
            finally:
                for each in soak.sets:
                    if each.is_up:
                        await each.kill()
                if keep is not None:
                    shutil.copytree(soak.folder, keep, dirs_exist_ok=True)


async def _run_on(soak: Soak, net: Localnet, chain: Chain, roles: market_setup.Cast, cast: list[Actor]) -> Outcome:
    # Compiled here once: two processes that compile at once on a small machine come up after the storm.
    kernels = asyncio.create_task(asyncio.to_thread(warm_up))
    await open_market(chain, roles, cast)
    await kernels
    soak.say(f"market open at {net.rpc_url}, {len(cast)} accounts")
    now_s = await chain.now_ms() // 1000
    tape = draw(soak.seed, now_s, soak.seconds * 2 + 1_200, max(15, min(60, soak.seconds // 8)))
    collector = Collector(chain)
    options = SendOptions(details=False, priority_fee_micro_lamports=0, confirm_timeout_ms=70_000)
    names = ["alpha 1", "alpha 2", "beta 1", "beta 2", "traders"]
    async with contextlib.AsyncExitStack() as stack:
        endpoints = await stack.enter_async_context(endpoints_of(soak, net, names))
        faulty = endpoints["traders"]
        client = EvertideClient(faulty.url, payer=roles.admin, ws_url=faulty.ws_url, options=options)
        await stack.enter_async_context(client)
        soak.sets = keeper_sets(soak, roles, endpoints, tape)
        for each in soak.sets:
            await each.start()
        for each in soak.sets:
            report = await each.until_healthy(STARTED_WITHIN_S)
            if report is None or not steps_of(report):
                soak.problems.append(f"{each.name} never answered: {each.last_words()}")
        soak.say("keepers up")
        floor = Floor([chain, Chain(net, client, chain.cheats)], roles, cast, tape, soak.tally, soak.dice("floor"))
        floor.now_s = await chain.now_ms() // 1000
        await storm(soak, floor, collector)
        soak.say("trouble ends")
        await recover(soak, floor)
        await asyncio.sleep(CALM_S if soak.seconds > CALM_S * 10 else 5)
        await judge(soak, floor, collector)
    return Outcome(
        seed=soak.seed,
        seconds=soak.seconds,
        counts=soak.tally.counts(),
        calls=sum(endpoint.calls for endpoint in soak.endpoints),
        transactions=len(collector.landed),
        failed_transactions=len(collector.failed),
        sent=floor.sent,
        refusals=floor.refusals,
        actions=soak.actions,
        refused=soak.refused,
        alarms=soak.alarms,
        restarts={each.name: each.starts for each in soak.sets},
        verdicts=soak.verdicts,
    )
