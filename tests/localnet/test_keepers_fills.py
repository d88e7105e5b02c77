"""What the matcher plans, the program accepts: fills as simulated before sending equal those on chain, to the unit."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from sdk_world import World
from solders.pubkey import Pubkey
from test_keepers import PRICES, USD, Trader, rest, staff, tick

from evertide import NewOrder, OrderKind, ProgramError, SelfTradeRule, TimeInForce
from evertide.events import OrdersMatched
from evertide_keepers import warm_up
from evertide_keepers.fills import Expected
from evertide_keepers.keeper import Keeper
from evertide_keepers.matcher import expected

pytestmark = pytest.mark.localnet

SEED, TRADERS, ROUNDS, ORDERS = 20_240_607, 6, 3, 6
HISTORY_TRIES = 40
BTC_USD = PRICES["BTC-PERP"] // USD


def random_order(rng: random.Random) -> NewOrder:
    """An order of any kind that a match meets, within half a percent of the index."""
    side = rng.choice(("bid", "ask"))
    size = f"0.0{rng.randint(10, 99)}"
    price = BTC_USD + rng.randint(-200, 200)
    common: dict[str, Any] = {
        "market": "BTC",
        "side": side,
        "size": size,
        "self_trade": rng.choice(list(SelfTradeRule)),
    }
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
    return event.market_index, str(event.taker), event.taker_order_id, fills


def simulated(match: Expected) -> tuple[Any, ...]:
    """The same of a match before it was sent."""
    fills = tuple(
        (one.maker, one.order_id, one.price_ticks, one.size_lots, one.taker_fee_atoms, one.maker_fee_atoms)
        for one in match.fills
    )
    return match.market_index, match.taker, match.taker_order_id, fills


class Witness:
    """Writes down what a matcher's plan expects, whenever it plans."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper, self.plan = keeper, keeper.plan
        self.expected: list[Expected] = []
        keeper.plan = self.planned  # type: ignore[method-assign]

    def planned(self) -> Any:
        """The plan, and what it expects of the same state."""
        self.expected = expected(self.keeper.spine.state, self.keeper.memory, self.keeper.settings)
        return self.plan()


async def place(world: World, traders: list[Trader], rng: random.Random) -> None:
    """Everybody places some orders; what the program refuses for its own reasons is no matter here."""
    wanted = [(trader, [random_order(rng) for _ in range(ORDERS)]) for trader in traders]

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
    """What these transactions matched; the history of a busy node is some time behind."""
    for _ in range(HISTORY_TRIES):
        history = await world.client.event_history()
        if set(signatures) <= {one.signature for one in history}:
            break
        await asyncio.sleep(0.25)
    else:
        raise AssertionError(f"the history never showed {signatures}")
    return [one.event for one in history if one.signature in signatures and isinstance(one.event, OrdersMatched)]


async def test_simulated_fills_equal_the_fills_on_chain(world: World) -> None:
    """Random orders of every kind that a match meets: each confirmed match filled what was expected, to the unit."""
    await asyncio.to_thread(warm_up)
    rng = random.Random(SEED)
    _, keepers, source = staff(world)
    source.set(PRICES)
    await tick(world, keepers)
    traders = [await world.trader(f"fills-{number}", usdc=200_000) for number in range(TRADERS)]
    users = {user for _, user in traders}
    witness = Witness(keepers["matcher"])
    compared = failed = 0
    for _ in range(ROUNDS):
        await place(world, traders, rng)
        await rest(world, 2)
        for _ in range(12):
            await tick(world, keepers)
            report = await keepers["matcher"].step()
            landed = [told(event) for event in await matched_by(world, report.signatures)]
            wanted = [simulated(match) for match in witness.expected]
            failed += report.failed
            # A plan's later matches assume that its earlier ones filled: behind a refused one they fill otherwise.
            if not report.failed:
                assert landed == wanted
                compared += sum(len(match[3]) for match in landed)
            if not report.planned:
                break
    print(f"{compared} fills compared, {failed} transactions refused")
    assert compared >= 40 and failed <= compared // 10
    for event in await matched_so_far(world, users):
        assert event.fills and event.skips == ()
