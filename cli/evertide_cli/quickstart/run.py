"""The whole run, stage by stage, on a local network of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertide_cli.terms import MARKETS

from . import chain as chains
from . import checks, market_setup, sights
from .books import Books
from .collector import Collector
from .episodes.play import perform
from .episodes.stage import players
from .exit import Exit
from .life import Life
from .replay import replay
from .report import Outcome, Story
from .staff import Staff
from .strategists import strategy_rows
from .tape import Tape, format_time, prices_of
from .traders import roster
from .way_down import reaction

if TYPE_CHECKING:
    from evertide._localnet import Localnet

    from .chain import Chain
    from .market_setup import Cast

SLOT_MS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for."""

    tape: Tape
    seed: int
    keep: bool
    all_expected: bool
    """The tape is the default one: everything that the way down has must happen."""
    deploy_by_writes: bool
    """Send the program in transactions; else a cheat fills the loader's buffer. The loader verifies it either way."""
    rpc_port: int
    ws_port: int


@contextmanager
def network(plan: Plan) -> Iterator[Localnet]:
    """A validator for this run: on the fixed ports and left up with --keep, else on free ports and gone at the end."""
    from evertide._localnet import ANY_FREE_PORT, start, stop

    if plan.keep:
        net = start(rpc_port=plan.rpc_port, ws_port=plan.ws_port, slot_ms=SLOT_MS)
        try:
            yield net
        except BaseException:
            stop(net.directory)
            raise
        return
    with tempfile.TemporaryDirectory(prefix="evertide-quickstart-") as folder:
        net = start(Path(folder), rpc_port=ANY_FREE_PORT, ws_port=ANY_FREE_PORT, slot_ms=SLOT_MS, hold=True)
        try:
            yield net
        finally:
            stop(net.directory)


def funding_of(actor: sights.Actor) -> market_setup.Funding:
    """A trader's tokens: what it has, and what of it goes into its account."""
    usdc, sol = actor.given_atoms
    return market_setup.Funding(actor.key, usdc, actor.trader.usdc_atoms, sol)


async def open_market(
    chain: Chain, roles: Cast, cast: list[sights.Actor], story: Story, *, deploy_by_writes: bool
) -> None:
    """From nothing to an open exchange with funded traders."""
    if deploy_by_writes:
        story.say("deploying the program, a kilobyte a transaction")
    size = await market_setup.deploy_program(chain, roles, by_writes=deploy_by_writes)
    story.say(f"program deployed through the upgradeable loader: {size:,} bytes")
    await market_setup.make_mints(chain, roles)
    await market_setup.initialize(chain, roles)
    story.say("local exchange initialized; listed USDC (quote), SOL, BTC-PERP, ETH-PERP, SOL-PERP")
    await market_setup.open_and_insure(chain, roles)
    story.say(f"exchange opened; insurance fund holds ${market_setup.INSURANCE_ATOMS // 10**6:,}")
    await market_setup.fund_traders(chain, roles, [funding_of(actor) for actor in cast], lambda: None)
    with_sol = sum(1 for actor in cast if actor.trader.sol_atoms)
    traders = len(cast) - len(sights.STAFF_KINDS)
    story.say(f"{traders} traders, a liquidator and a keeper created and funded, {with_sol} with SOL as collateral")


async def leave(life: Life, roles: Cast, story: Story, *, keep: bool) -> None:
    """The exit, told line by line."""
    way_out = Exit(life.chain, life.staff, roles, life.cast, life.prices_at(len(life.tape.bars) - 1))
    story.say(f"exit: {await way_out.cancel_all()} orders cancelled")
    story.say(f"exit: all positions closed against each other in {await way_out.close_all()} rounds")
    await way_out.settle_all()
    story.say("exit: every profit and loss settled")
    symbols = await way_out.collect_some_fees()
    told = f"fees of {' and '.join(symbols)} collected; those of other markets stay uncollected"
    story.say(f"exit: {told if symbols else 'no fees'}")
    story.say(f"exit: {await way_out.withdraw_all()} withdrawals, nobody holds a balance")
    if not keep:
        story.say(f"exit: {await way_out.close_accounts()} trading accounts closed")


def replayed(collector: Collector) -> Books:
    """The books rebuilt from every event since the first."""
    slots = groupby(collector.ordered(), key=lambda landed: landed.slot)
    return replay([event for landed in group for event in landed.events] for _, group in slots)


def compile_kernels() -> None:
    """The keepers' kernels, from their cache or anew."""
    from evertide_keepers import warm_up

    warm_up()


async def run(plan: Plan, story: Story) -> Outcome:
    """Everything, from an empty validator to the last check."""
    roles = market_setup.cast(split_roles=True)
    cast = sights.actors((*roster(), *players()), roles)
    tape = plan.tape
    span = f"{format_time(tape.bars[0].time_ms)} to {format_time(tape.bars[-1].time_ms)}"
    story.say(f"tape: {tape.source}; {len(tape.bars)} bars of {tape.interval_ms // 1000} s, {span}")
    with network(plan) as net:
        story.say(f"validator up at {net.rpc_url}, slots of {net.slot_ms} ms")
        async with chains.connect(net, roles.admin) as chain:
            story.stage("validator")
            # Compiled while the validator takes the program in, each on a core of its own.
            kernels = asyncio.create_task(asyncio.to_thread(compile_kernels))
            await open_market(chain, roles, cast, story, deploy_by_writes=plan.deploy_by_writes)
            await kernels
            story.stage("setup")
            collector = Collector(chain)
            async with Staff.hired(chain, roles) as staff:
                prices = prices_of(tape, plan.seed)
                life = Life(chain, staff, cast, tape, prices, plan.seed, collector)
                promises = await perform(chain, staff, roles, cast, collector, life.prices_at(0), story)
                story.stage("episodes")
                await life.align()
                await life.run(lambda bar: story.bar(bar, len(tape.bars)))
                story.stage("life")
                await collector.read(everything=True)
                before = await checks.life_checks(chain, replayed(collector))
                await leave(life, roles, story, keep=plan.keep)
            story.stage("exit")
            await collector.read(everything=True)
            books = replayed(collector)
            tape_ms = tape.interval_ms * len(tape.bars)
            found = [*promises, *before, *await checks.all_checks(chain, roles, cast, books, tape_ms)]
            story.stage("checks")
    return Outcome(
        books=books,
        checks=found,
        units=collector.units(),
        confirm_ms=chain.confirm_ms,
        transactions=len(collector.landed),
        failed_transactions=len(collector.failed),
        refusals=life.refusals,
        keeper_refusals=staff.failures,
        traders=len(cast) - len(sights.STAFF_KINDS),
        names=names_of(cast, books),
        reaction=reaction(collector.ordered(), life.began_ms, net.slot_ms),
        all_expected=plan.all_expected,
        tape=tape_facts(tape),
        stages_ms=story.stages,
        strategies=strategy_rows(life.strategists, cast, collector.ordered()),
    )


def names_of(cast: list[sights.Actor], books: Books) -> dict[str, str]:
    """Names of traders and of the markets' backstops by their accounts' addresses."""
    names = {str(actor.user): actor.trader.name for actor in cast}
    return names | {user: f"backstop {MARKETS[index].symbol}" for index, user in books.backstops.items()}


def tape_facts(tape: Tape) -> dict[str, Any]:
    """The tape for the summary."""
    return {
        "source": tape.source,
        "bars": len(tape.bars),
        "interval_s": tape.interval_ms // 1000,
        "from": format_time(tape.bars[0].time_ms),
        "to": format_time(tape.bars[-1].time_ms),
    }
