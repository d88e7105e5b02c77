"""Plans of the collateral liquidator and of the bankruptcy keeper, and the replay of a whole way down."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keeper_world as kw
import ladder_world as lw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladder_world import BUYER, LOTS, USD, VICTIM
from test_spine import Client, ended_by

from evertide import PROGRAM_ID
from evertide._transaction import budget, message, unsigned_wire
from evertide.errors import AccountHealthy, UserSolvent
from evertide_keepers import Spine, bankruptcy, build_keepers, collateral, replay
from evertide_keepers.actions import Action, build
from evertide_keepers.journal import Journal, _line
from evertide_keepers.memory import Memory
from evertide_keepers.settings import BankruptcySettings, CollateralSettings, LiquidatorSettings

HOUR_MS = 3_600_000
SOL = 10**9
BUYS = CollateralSettings(liquidator_user=BUYER, minimum_profit_atoms=1)
RICH = BankruptcySettings(liquidator_user=BUYER)


def sell(world: kw.World, chosen: CollateralSettings = BUYS, memory: Memory | None = None) -> list[Action]:
    return collateral.plan(world.state(), memory or Memory(), chosen)


def resolve(world: kw.World, chosen: BankruptcySettings | None = None, memory: Memory | None = None) -> list[Action]:
    return bankruptcy.plan(world.state(), memory or Memory(), chosen or BankruptcySettings())


def steps(action: Action) -> list[str]:
    return [name for name, _ in action.ahead] + [action.name]


def owing(sol: int = 10 * SOL, equity: int = lw.BACKSTOP, started_ms: int = 60_000) -> kw.World:
    """A user whose quote and position add up to `equity` less the weighted value of its SOL ($80 each)."""
    world = lw.crashed()
    lw.with_sol(world)
    lw.liquidator(world)
    weighed = sol * 80 * USD // SOL
    world.trader(1, lw.with_token(lw.held(equity - weighed, started_ms=started_ms), sol))
    return world


def test_collateral_of_an_account_in_liquidation_is_bought_as_far_as_it_covers_losses() -> None:
    world = owing()
    (action,) = sell(world)
    assert action.name == "liquidate_collateral" and action.arguments["liquidator"] == BUYER
    # $793.70 of loss at $97 a SOL after a minute: 300 bps off.
    assert action.arguments["amount_max_atoms"] == -(-(800 * USD - lw.BACKSTOP) * SOL // (97 * USD))
    (instruction,) = build(action, kw.address(77), PROGRAM_ID)
    assert instruction.accounts[0].is_signer and instruction.accounts[0].pubkey == kw.address(77)


def test_the_discount_must_have_risen_to_what_is_asked() -> None:
    asks = dataclasses.replace(BUYS, minimum_discount_bps=150)
    assert sell(owing(started_ms=29_800), asks) == [] and len(sell(owing(started_ms=30_000), asks)) == 1
    dear = dataclasses.replace(BUYS, minimum_profit_atoms=25 * USD)
    assert sell(owing(), dear) == [] and sell(owing(), CollateralSettings()) == []


def test_budget_margin_and_own_accounts_bound_a_purchase() -> None:
    world = owing()
    cheap = dataclasses.replace(BUYS, quote_budget_atoms=97 * USD)
    assert sell(world, cheap)[0].arguments["amount_max_atoms"] == SOL
    lw.liquidator(world, quote=194 * USD)
    assert sell(world)[0].arguments["amount_max_atoms"] == 2 * SOL
    lw.liquidator(world, quote=0)
    assert sell(world) == []
    # $60 beyond its own $25 of margin: SOL counts 70 % there, so a purchase of d dollars costs 0.3 d of it and less.
    world.trader(50, lw.held(85 * USD, number=50, quote=800 * USD))
    bought = sell(world)[0].arguments["amount_max_atoms"]
    assert SOL < bought < 3 * SOL
    world.trader(50, kw.user(number=1))
    assert sell(world) == [], "one's own other account"


def test_a_debt_is_paid_after_its_grace_at_a_fresh_price() -> None:
    world = lw.crashed()
    lw.with_sol(world)
    lw.liquidator(world)
    debtor = lw.with_token(kw.user(quote_atoms=-97 * USD), 10 * SOL)
    debtor["debt_since_ms"] = kw.NOW_MS - HOUR_MS + 1
    world.trader(1, debtor)
    lw.change(world, lw.QUOTE_AT, "Collateral", debt_atoms=97 * USD)
    assert sell(world) == []
    debtor["debt_since_ms"] = kw.NOW_MS - 2 * HOUR_MS
    world.trader(1, debtor)
    (action,) = sell(world)
    # The price has no exact binary form and is a little below $100.
    assert action.arguments["amount_max_atoms"] == SOL + 1
    lw.change_row(world, "collaterals", 1, updated_ms=kw.NOW_MS - 10_000)
    assert sell(world) == []


def test_a_stale_price_counts_at_its_average_less_a_tenth() -> None:
    world = owing()
    lw.change_row(world, "collaterals", 1, publish_time_ms=kw.NOW_MS - 60_000)
    # The weighted value falls with it, and the account below zero.
    assert sell(world) == []
    lw.change_row(world, "collaterals", 1, weight_maintenance_bps=8_950)
    (action,) = sell(world)
    assert action.arguments["amount_max_atoms"] == -(-(800 * USD - lw.BACKSTOP) * SOL // (873 * USD // 10))


def test_a_bankrupt_accounts_collateral_is_left_to_the_bankruptcy_keeper_until_it_is_latched() -> None:
    world = owing(equity=-USD)
    assert sell(world) == []
    record = lw.with_token(lw.held(-USD - 800 * USD, started_ms=60_000), 10 * SOL)
    record["positions"]["bankruptcy"][0, 0] = 1
    world.trader(1, record)
    lw.change(world, lw.MARKET_AT, "Market", bankruptcies_open=1)
    assert [action.name for action in sell(world)] == ["liquidate_collateral"]


def test_a_bankruptcy_without_collateral_begins_and_resolves_at_once() -> None:
    world = lw.crashed()
    world.trader(1, lw.held(0))
    assert resolve(world) == []
    world.trader(1, lw.held(-1))
    (action,) = resolve(world)
    assert steps(action) == ["liquidate_orders", "resolve_bankruptcy"]
    assert action.arguments == {"user": str(VICTIM), "market_index": 0}
    assert len(build(action, kw.address(77), PROGRAM_ID)) == 2
    world.trader(1, lw.held(-1, started_ms=1))
    assert steps(resolve(world)[0]) == ["resolve_bankruptcy"]


def test_collateral_is_bought_and_the_rest_resolved_in_one_transaction() -> None:
    (action,) = resolve(owing(equity=-300 * USD), RICH)
    assert steps(action) == ["liquidate_collateral", "resolve_bankruptcy"]
    (action,) = resolve(owing(equity=-300 * USD, started_ms=0), RICH)
    assert steps(action) == ["liquidate_orders", "liquidate_collateral", "resolve_bankruptcy"]
    # Sold at $97 what is weighed at $80: solvent again, nothing to resolve.
    (action,) = resolve(owing(equity=-100 * USD), RICH)
    assert steps(action) == ["liquidate_collateral"]


def test_without_capital_a_bankruptcy_with_collateral_is_latched_once_and_taken_back_when_solvent() -> None:
    world, memory = owing(equity=-300 * USD), Memory()
    (action,) = resolve(world, memory=memory)
    assert steps(action) == ["resolve_bankruptcy"] and action.key.startswith("open:")
    record = lw.with_token(lw.held(-1_100 * USD, started_ms=60_000), 10 * SOL)
    record["positions"]["bankruptcy"][0, 0] = 1
    world.trader(1, record)
    lw.change(world, lw.MARKET_AT, "Market", bankruptcies_open=1)
    assert resolve(world) == [], "latched already"
    record["positions"]["cash_atoms"][0, 0] += 400 * USD
    world.trader(1, record)
    (action,) = resolve(world)
    assert steps(action) == ["resolve_bankruptcy"] and action.key.startswith("close:")


def several(*parts: tuple[int, int, int], quote: int = 0) -> kw.World:
    """A bankrupt account with a position `(lots, worth in USD, bankruptcy)` in each of the first markets."""
    world = lw.crashed()
    record = kw.user(quote_atoms=quote, number=1)
    record["liquidation_start_ms"], record["sequence"], record["position_count"] = kw.NOW_MS - 1, 7, len(parts)
    for index, (lots, worth, state) in enumerate(parts):
        if index:
            listed = kw.market(index)
            listed["position_count"] = [3, 3]
            world.put(kw.address(910 + index), listed)
        row = kw.risk_cache()["markets"][0, 0]
        names = ("index_price_q32", "mark_price_q32", "updated_ms", "a", "tier_bound_usd", "tier_ratio_bps")
        lw.change_row(world, "markets", index, **{name: row[name] for name in names}, market_plus_one=index + 1)
        slot = record["positions"][0, len(parts) - 1 - index]
        slot["market_plus_one"], slot["basis_lots"], slot["a_snapshot"] = index + 1, lots, kw.ONE if lots else 0
        slot["cash_atoms"], slot["bankruptcy"] = worth * USD - lots * lw.LOT_ATOMS, state
    world.trader(1, record)
    return world


@pytest.mark.parametrize(
    ("parts", "quote", "expected"),
    [
        ([(LOTS, -30, 0), (-LOTS, 10, 0), (0, -5, 0)], 0, [0, 2]),
        ([(LOTS, -30, 2), (LOTS, 10, 0), (-LOTS, 5, 0)], 0, [0, 1, 2]),
        ([(0, -30, 2), (0, 10, 0), (0, -5, 2)], 0, [0]),
        ([(0, 1, 0), (0, 10, 0)], -50 * USD, [0]),
        ([(0, 10, 0), (0, -20, 2)], 0, [1]),
        ([], -50 * USD, [0]),
    ],
    ids=[
        "losses by index",
        "lots when all losses are borne",
        "lowest loss left",
        "a debt",
        "loss beside profit",
        "none",
    ],
)
def test_markets_bear_a_deficit_in_the_order_of_the_program(
    parts: list[tuple[int, int, int]], quote: int, expected: list[int]
) -> None:
    actions = resolve(several(*parts, quote=quote))
    assert [action.arguments["market_index"] for action in actions] == expected
    assert len({action.lane for action in actions}) == 1 and all(action.ahead == [] for action in actions)


def test_positions_of_a_past_epoch_and_those_that_nobody_stands_against_are_touched() -> None:
    world = lw.crashed()
    world.trader(1, lw.held(50 * USD))
    assert resolve(world) == []
    lw.change(world, lw.MARKET_AT, "Market", epoch=[1, 0], stale_count=[1, 0], position_count=[0, 3])
    (action,) = resolve(world)
    assert (action.name, action.arguments) == ("touch_position", {"user": str(VICTIM), "market_index": 0})
    lw.change(world, lw.MARKET_AT, "Market", epoch=[0, 0], stale_count=[0, 0], position_count=[1, 0])
    assert [one.name for one in resolve(world)] == ["touch_position"]
    lw.change(world, lw.MARKET_AT, "Market", position_count=[1, 1])
    assert resolve(world) == []
    lw.change(world, lw.MARKET_AT, "Market", epoch=[1, 0], stale_count=[1, 0])
    assert resolve(world, BankruptcySettings(touches_max=0)) == []


@settings(max_examples=100, deadline=None)
@given(
    equities=st.lists(st.integers(-1_000 * USD, 100 * USD), min_size=1, max_size=5),
    tokens=st.lists(st.integers(0, 10 * SOL), min_size=5, max_size=5),
    quote=st.integers(0, 2_000 * USD),
    budget=st.integers(1, 2_000 * USD),
)
def test_no_plan_spends_more_than_there_is(equities: list[int], tokens: list[int], quote: int, budget: int) -> None:
    world = lw.crashed()
    lw.with_sol(world)
    lw.liquidator(world, quote)
    for number, equity in enumerate(equities):
        record = lw.held(equity, number=number, started_ms=60_000)
        world.trader(number, lw.with_token(record, tokens[number]) if tokens[number] else record)
    rich = dataclasses.replace(RICH, quote_budget_atoms=budget)
    buys = dataclasses.replace(BUYS, quote_budget_atoms=budget)
    for actions in (resolve(world, rich), sell(world, buys)):
        bought = [
            arguments
            for action in actions
            for name, arguments in [*action.ahead, [action.name, action.arguments]]
            if name == "liquidate_collateral"
        ]
        assert sum(-(-one["amount_max_atoms"] * 97 * USD // SOL) for one in bought) <= min(quote, budget) + len(bought)
        assert len({action.key for action in actions}) == len(actions)
        assert len({one["user"] for one in bought}) == len(bought)
    weighed = {str(kw.address(at)): equities[at] + tokens[at] * 80 * USD // SOL for at in range(len(equities))}
    acted = {action.arguments["user"] for action in resolve(world, rich)}
    assert acted == {user for user, equity in weighed.items() if equity < 0}


async def test_a_way_down_replays_bit_for_bit(tmp_path: Path) -> None:
    """F-30: every decision of the three keepers, failures and confirmations between them, comes out the same again."""
    world = owing(equity=-300 * USD)
    for number, equity in ((2, lw.CANCEL - 1), (3, lw.MAINTENANCE - 1), (4, lw.DELEVERAGE - 1), (5, -5)):
        world.trader(number, lw.held(equity, number=number))
    world.trader(20, kw.user(number=20), lw.bid(lots=LOTS // 3), lw.bid(999, LOTS // 3))
    chosen: dict[str, Any] = {
        "liquidator": LiquidatorSettings(liquidator_user=BUYER, minimum_profit_atoms=1),
        "collateral": BUYS,
        "bankruptcy": RICH,
    }
    path = tmp_path / "journal.jsonl"
    client = Client(world)
    client.ends = [None, ended_by(AccountHealthy), None, ended_by(UserSolvent)]
    journal = Journal(path, {name: dataclasses.asdict(value) for name, value in chosen.items()})
    spine = Spine(client, journal=journal)  # type: ignore[arg-type]
    keepers = build_keepers(spine, tuple(chosen), settings=chosen)
    for round_ms in (1_000, 1_000, 4_000, 60_000):
        for keeper in keepers.values():
            await keeper.step()
        lw.at(world, round_ms)
        world.trader(2, lw.held(lw.BACKSTOP - round_ms, number=2, started_ms=round_ms))
    await spine.close()
    report = replay(path)
    assert report.decisions >= 6 and report.differences == ()
    text = path.read_text()
    assert '"ahead":[["liquidate_orders"' in text
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if '"size_max_lots":' in line)
    found = json.loads(lines[at].replace('"size_max_lots":', '"size_max_lots":1', 1))
    del found["crc"]
    path.write_text("".join([*lines[:at], _line(found).decode(), *lines[at + 1 :]]))
    assert len(replay(path).differences) == 1


async def test_health_tells_who_waits_and_for_how_long() -> None:
    world = lw.crashed()
    world.trader(1, lw.held(lw.MAINTENANCE - 1, started_ms=9_000))
    world.trader(2, lw.held(lw.MAINTENANCE - 1, number=2, started_ms=5_000))
    world.trader(3, lw.held(lw.MAINTENANCE, number=3))
    spine = Spine(Client(world))  # type: ignore[arg-type]
    await build_keepers(spine, ["liquidator"])["liquidator"].step()
    report = spine.health.report(spine.state.time.unix_ms)
    assert (report["accounts_below_maintenance"], report["oldest_unhealthy_account_ms"]) == (2, 9_000)
    metrics = spine.metrics.text().decode()
    assert "evertide_accounts_below_maintenance 2.0" in metrics
    assert "evertide_oldest_unhealthy_account_seconds 9.0" in metrics


def test_the_largest_transactions_fit() -> None:
    """1,232 bytes with signature, fee and compute limit: a beginning with 8 makers, a bankruptcy with 8 collaterals."""
    user, buyer = str(kw.address(1)), str(kw.address(2))
    begin = ["liquidate_orders", {"user": user}]
    makers = [[str(kw.address(300 + number)), 2**40] for number in range(8)]
    place = {"market_index": 0, "user": user, "size_max_lots": 2**40}
    sale = {"liquidator": buyer, "user": user, "amount_max_atoms": 2**60}
    sales = [["liquidate_collateral", {**sale, "collateral_index": index}] for index in range(1, 9)]
    for action in (
        Action("liquidate_with_orders", "", "", {**place, "makers": makers, "keeper_user": buyer}, [begin]),
        Action("resolve_bankruptcy", "", "", {"user": user, "market_index": 9}, [begin, *sales]),
    ):
        steps = [*budget(1_400_000, 1), *build(action, kw.address(77), PROGRAM_ID)]
        wire = unsigned_wire(message(kw.address(77), steps, str(kw.address(88)), ()))
        assert len(wire) <= 1_232
