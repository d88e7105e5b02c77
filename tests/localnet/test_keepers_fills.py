"""What the matcher plans, the program accepts: fills and shares of fees as simulated before sending equal those on the
chain, to the unit.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from sdk_world import World
from solders.pubkey import Pubkey
from test_keepers import PRICES, USD, Trader, rest, staff, tick

from evertide import (
    NewOrder,
    OrderKind,
    Permission,
    ProgramError,
    SelfTradeRule,
    TimeInForce,
    transaction_events,
    user_address,
)
from evertide._localnet import local_keypair
from evertide.events import OrdersMatched
from evertide_keepers import MatcherSettings, warm_up
from evertide_keepers.clock import ChainTime
from evertide_keepers.fills import Expected, Shares
from evertide_keepers.keeper import Keeper
from evertide_keepers.matcher import expected
from evertide_keepers.memory import Memory
from evertide_keepers.state import State

pytestmark = pytest.mark.localnet

SEED, TRADERS, ROUNDS, ORDERS = 20_240_607, 6, 3, 6
ENTRY = 5
"""Of the builder table."""
HISTORY_TRIES = 40
BTC_USD = PRICES["BTC-PERP"] // USD


def random_order(rng: random.Random, builder_code: int) -> NewOrder:
    """An order of any kind that a match meets, within half a percent of the index; some agree to a builder's fee."""
    side = rng.choice(("bid", "ask"))
    size = f"0.0{rng.randint(10, 99)}"
    price = BTC_USD + rng.randint(-200, 200)
    common: dict[str, Any] = {
        "market": "BTC",
        "side": side,
        "size": size,
        "self_trade": rng.choice(list(SelfTradeRule)),
    }
    if rng.random() < 0.5:
        common |= {"builder_plus_one": builder_code, "builder_fee_tenth_bps": rng.choice((1, 7, 33))}
    aggressive = BTC_USD + (200 if side == "bid" else -200)
    kinds: list[dict[str, Any]] = [
        {"price": price, "taker_phase_s": 0},
        {"price": price, "time_in_force": TimeInForce.POST_ONLY_SLIDE},
        {"price": price, "time_in_force": TimeInForce.POST_ONLY_SLIDE},
        {"price": aggressive, "time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL, "taker_phase_s": 0},
        {"price": aggressive, "time_in_force": TimeInForce.FILL_OR_KILL, "taker_phase_s": 0, "size": "0.010"},
        {"taker_phase_s": 0},
        {"kind": OrderKind.PEGGED, "price": aggressive, "peg_offset": -5 if side == "bid" else 5},
        {"kind": OrderKind.ICEBERG, "price": price, "display_size": "0.005", "taker_phase_s": 0},
        {"price": aggressive, "reduce_only": True, "taker_phase_s": 0},
    ]
    return NewOrder(**{**common, **rng.choice(kinds)})


def told(event: OrdersMatched) -> tuple[Any, ...]:
    """What an event says of a match."""
    fills = tuple(
        (str(one.maker), one.order_id, one.price_ticks, one.size_lots, one.taker_fee_atoms, one.maker_fee_atoms)
        for one in event.fills
    )
    shares = (
        event.keeper_reward_atoms,
        event.referrer_reward_atoms,
        event.builder_reward_atoms,
        event.builder_fee_atoms,
    )
    return event.market_index, str(event.taker), event.taker_order_id, fills, shares


def simulated(match: Expected) -> tuple[Any, ...]:
    """The same of a match before it was sent."""
    fills = tuple(
        (one.maker, one.order_id, one.price_ticks, one.size_lots, one.taker_fee_atoms, one.maker_fee_atoms)
        for one in match.fills
    )
    return match.market_index, match.taker, match.taker_order_id, fills, tuple(match.shares)


class Witness:
    """Keeps the state on which a matcher planned, for what its plan expects when it lands: the keeper's share grows
    with the order's age."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper, self.plan = keeper, keeper.plan
        self.state, self.memory = State(), Memory()
        keeper.plan = self.planned  # type: ignore[method-assign]

    def planned(self) -> Any:
        """The plan, with what it was made on written down."""
        state = self.keeper.spine.state
        self.state, self.memory = State(), Memory(**self.keeper.memory.plain())
        self.state.apply(state.readings())
        self.state.time = state.time
        return self.plan()

    def expected(self, events: Sequence[OrdersMatched]) -> list[Expected]:
        """The matches of the plan as they fill at the times at which these landed."""
        found = {time_ms: self._expected_at(time_ms) for time_ms in {event.time_ms for event in events}}
        times = [event.time_ms for event in events]
        return [found[time_ms][at] for at, time_ms in enumerate(times) if at < len(found[time_ms])]

    def _expected_at(self, time_ms: int) -> list[Expected]:
        self.state.time = ChainTime(self.state.time.slot, time_ms)
        return expected(self.state, self.memory, self.keeper.settings)

    def count(self) -> int:
        """How many matches the plan has."""
        return len(expected(self.state, self.memory, self.keeper.settings))


async def place(world: World, traders: list[Trader], rng: random.Random, builder_code: int) -> None:
    """Everybody places some orders; what the program refuses for its own reasons is no matter here."""
    wanted = [(trader, [random_order(rng, builder_code) for _ in range(ORDERS)]) for trader in traders]

    async def place_all(trader: Trader, orders: list[NewOrder]) -> None:
        for order in orders:
            try:
                await world.client.place_orders(trader[1], [order], signer=trader[0])
            except ProgramError as error:
                assert error.name in ("ReduceOnlyWouldIncrease", "PostOnlyWouldCross"), error

    await asyncio.gather(*(place_all(trader, orders) for trader, orders in wanted))


async def matched_so_far(world: World, users: set[Pubkey]) -> list[OrdersMatched]:
    return [
        one.event
        for one in await world.client.event_history()
        if isinstance(one.event, OrdersMatched) and one.event.taker in users
    ]


async def matched_by(world: World, signatures: tuple[str, ...]) -> list[OrdersMatched]:
    """What these transactions matched; a busy node serves them some time after their status."""
    events: list[OrdersMatched] = []
    for signature in signatures:
        for _ in range(HISTORY_TRIES):
            transaction = await world.client.rpc.get_transaction(signature)
            if transaction is not None:
                break
            await asyncio.sleep(0.25)
        else:
            raise AssertionError(f"the node never served {signature}")
        found = transaction_events(transaction, world.client.program_id)
        events += [one.event for one in found if isinstance(one.event, OrdersMatched)]
    return events


async def cast(world: World) -> tuple[list[Trader], str, int]:
    """Traders, every other one with a referrer; the account that earns the keeper's share; a builder's code."""
    client, traders = world.client, []
    _, referrer = await world.trader("fills-referrer")
    _, builder = await world.trader("fills-builder")
    for number in range(TRADERS):
        key = local_keypair(f"fills-{number}-{world.net.net.rpc_url}")
        world.net.cheats.fund(key.pubkey(), 10**10)
        await client.create_user(referrer=referrer if number % 2 else None, authority=key)
        await client.send(world.mint_instructions(world.usdc, key.pubkey(), 200_000 * 10**6))
        await client.deposit(200_000, authority=key)
        traders.append((key, user_address(key.pubkey())))
    await client.propose_change(f"builders.{ENTRY}", builder)
    (code,) = [view.code for view in await client.builders() if view.entry == ENTRY]
    owner, earner = await world.trader("fills-earner", usdc=10)
    await client.set_delegate(earner, client.address(), Permission.LIQUIDATE, authority=owner)
    return traders, str(earner), code


async def test_simulated_fills_equal_the_fills_on_chain(world: World) -> None:
    """Random orders of every kind that a match meets: each confirmed match filled what was expected, to the unit, and
    paid keeper, referrer and builder what was expected."""
    await asyncio.to_thread(warm_up)
    rng = random.Random(SEED)
    _, keepers, source = staff(world)
    source.set(PRICES)
    await tick(world, keepers)
    traders, earner, code = await cast(world)
    keepers["matcher"].settings = MatcherSettings(keeper_user=earner)
    users = {user for _, user in traders}
    witness = Witness(keepers["matcher"])
    compared = failed = 0
    shares = Shares()
    for _ in range(ROUNDS):
        await place(world, traders, rng, code)
        await rest(world, 2)
        for _ in range(12):
            await tick(world, keepers)
            report = await keepers["matcher"].step()
            count, events = witness.count(), await matched_by(world, report.signatures)
            failed += report.failed
            # A plan's later matches assume that its earlier ones filled: behind a refused one they fill otherwise.
            if not report.failed:
                assert len(events) == count
                landed = [told(event) for event in events]
                assert landed == [simulated(match) for match in witness.expected(events)]
                compared += sum(len(match[3]) for match in landed)
                shares = functools.reduce(Shares.plus, (Shares(*match[4]) for match in landed), shares)
            if not report.planned:
                break
    print(f"{compared} fills compared, {failed} transactions refused, {shares}")
    assert compared >= 40 and failed <= compared // 10
    assert min(shares) > 0, "everybody who may share has got something"
    history = await matched_so_far(world, users)
    for event in history:
        assert event.fills and event.skips == ()
    earned = sum(event.keeper_reward_atoms for event in history)
    assert (await world.client.user(Pubkey.from_string(earner))).rewards_atoms == earned >= shares.keeper_atoms
