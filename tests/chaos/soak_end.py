"""The end of a soak: trouble is over, keepers recover and stop, everybody leaves, every sum is compared."""

from __future__ import annotations

import asyncio

import soak_judge
from soak_floor import USDC, Floor
from soak_judge import Verdict
from soak_keepers import steps_of
from soak_state import Soak

from evertide import EvertideError
from evertide_cli.quickstart import checks, sights
from evertide_cli.quickstart.collector import Collector
from evertide_cli.quickstart.exit import Exit
from evertide_cli.quickstart.run import replayed
from evertide_cli.quickstart.staff import Staff
from evertide_cli.quickstart.views import Wish

HEALTHY_WITHIN_S = 120.0
FILLED_WITHIN_S = 90.0
FULL_LAMPORTS = 10**13
READ_TRIES = 5
CALM_ROUNDS_MAX = 4


async def recover(soak: Soak, floor: Floor) -> None:
    """Trouble is over: every set is healthy again, and an order that crosses is filled."""
    soak.tally.calm()
    client, guardian = floor.chain.client, floor.roles.guardian
    await asyncio.to_thread(floor.chain.cheats.resume_clock)
    for each in soak.sets:
        await asyncio.to_thread(floor.chain.cheats.fund, each.key.pubkey(), FULL_LAMPORTS)
        each.reading.set()
        if not each.is_up:
            await each.start()
        each.resume()
    if (await client.exchange()).pause_start_ms:
        await floor.by_client(client.lift_pause(signer=guardian))
    for each in soak.sets:
        report = await each.until_healthy(HEALTHY_WITHIN_S)
        found = "no answer" if report is None else str({k: v for k, v in report.items() if k != "keepers"})
        healthy = bool(report and report.get("healthy") and steps_of(report))
        if report and not healthy:
            found = str({name: one for name, one in report["keepers"].items() if not one["healthy"]})
        soak.judge(Verdict(f"{each.name}: healthy after the storm", healthy, found[:600]))
    took_s = await probe(floor)
    told = f"not filled; last refusal {floor.last_refusal}" if took_s is None else f"filled after {took_s:.1f} s"
    soak.judge(Verdict("an order that crosses is filled after the storm", took_s is not None, told))


async def probe(floor: Floor) -> float | None:
    """Seconds until an order that crosses is filled; None when nobody fills one.

    Every market in turn: after a jump one takes resting orders alone for a while.
    """
    loop, client = asyncio.get_running_loop(), floor.chain.client
    taker = floor.of_kind("taker")[0]
    began = loop.time()
    while loop.time() - began < FILLED_WITHIN_S:
        floor.now_s = await floor.chain.now_ms() // 1000
        for maker in floor.of_kind("maker"):
            await floor.maker(maker)
        before = [market.fill_count for market in await client.markets()]
        for sight in floor.sights().values():
            lots = sight.lots_for(1_000 * USDC)
            await floor.place(taker, [Wish(sight.market_index, False, lots, market=True, max_slippage_bps=100)])
        for _ in range(20):
            if [market.fill_count for market in await client.markets()] != before:
                return loop.time() - began
            await asyncio.sleep(0.25)
    return None


async def read_all(collector: Collector) -> None:
    """Every transaction; on a busy machine the node needs more than one try."""
    for tries_left in reversed(range(READ_TRIES)):
        try:
            await collector.read(everything=True)
            return
        except BaseExceptionGroup as group:
            if not tries_left or group.split(EvertideError)[1] is not None:
                raise
            await asyncio.sleep(2)


async def calm(floor: Floor, way_out: Exit) -> None:
    """Wait out the cool-down of a market whose price jumped, with a price that stands: till then none may take."""
    await way_out.refresh()
    for _ in range(CALM_ROUNDS_MAX):
        until_ms = max(market.cooldown_until_ms for market in await floor.chain.client.markets())
        now_ms = await floor.chain.now_ms()
        if until_ms <= now_ms:
            return
        await way_out.refresh(until_ms - now_ms + 1_000)


async def leave(floor: Floor, prices: dict[str, int]) -> None:
    """Everybody out, by keepers of this process on the node itself."""
    async with Staff.hired(floor.chain, floor.roles) as staff:
        way_out = Exit(floor.chain, staff, floor.roles, floor.cast, prices)
        await calm(floor, way_out)
        await way_out.cancel_all()
        await way_out.close_all()
        await way_out.settle_all()
        await way_out.collect_some_fees()
        await way_out.withdraw_all()
        await way_out.close_accounts()


async def judge(soak: Soak, floor: Floor, collector: Collector) -> None:
    """Stop the keepers, compare every sum, let everybody out, compare again."""
    for each in soak.sets:
        code = await each.stop()
        soak.judge(Verdict(f"{each.name}: stops when told to", code == 0, f"code {code}: {each.last_words()}"))
    chain = floor.chain
    await read_all(collector)
    for check in await checks.life_checks(chain, replayed(collector)):
        soak.judge(soak_judge.of_check(check))
    soak.judge(*await soak_judge.invariants(chain, "before the exit"))
    floor.now_s = await chain.now_ms() // 1000
    try:
        await leave(floor, floor.tape.at(floor.now_s))
        soak.judge(Verdict("everybody can leave", True, f"{len(floor.cast)} accounts closed"))
    except Exception as error:
        soak.judge(Verdict("everybody can leave", False, f"{type(error).__name__}: {error}"))
    await read_all(collector)
    books = replayed(collector)
    for check in await checks.all_checks(chain, floor.roles, floor.cast, books, tape_ms=0):
        soak.judge(soak_judge.of_check(check))
    soak.judge(*await soak_judge.invariants(chain, "after the exit"))
    soak.judge(*await soak_judge.matching(chain))
    traders = {str(actor.user) for actor in floor.cast if actor.trader.kind not in sights.STAFF_KINDS}
    events = [event for landed in collector.ordered() for event in landed.events]
    soak.judge(*soak_judge.once(events, traders))
    soak.judge(*soak_judge.keepers(soak.sets, [soak.secret.encode()]))
    soak.judge(Verdict("no attack succeeded", not floor.broken, str(floor.broken or "none")))
    soak.judge(Verdict("nothing went wrong on the way", not soak.problems, str(soak.problems or "nothing")))
