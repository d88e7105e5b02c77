"""The way out of a takeover: what rests in the book decides what it costs, a setting only where too little rests."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from math import ceil, floor

import keeper_world as kw
import ladder_world as lw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladder_world import BUYER, LOTS, USD

from evertide import MATCH_DEADLINE_SLOTS
from evertide_engine.decode import decode
from evertide_engine.layouts import EXCHANGE
from evertide_keepers import liquidator
from evertide_keepers.exits import Exit
from evertide_keepers.memory import Memory
from evertide_keepers.settings import LiquidatorSettings

RICH = LiquidatorSettings(liquidator_user=BUYER, minimum_profit_atoms=1)
FEE = 2 * USD
"""For taking $1,000 over at 20 bps. Selling it at the index costs a taker $0.50."""
FAR = {"ticks": 997, "lots": 30_000}
"""A bid that no closing reaches, which ends at 998, but a sale does: $0.90 below mark, and a fee of $0.14955."""
FAR_PROFIT = FEE - 900_000 - 149_550 - 350_000


def victim(*bids: dict[str, int], held_lots: int = 0) -> kw.World:
    """A long just above the margin at which others are deleveraged, makers, and own capital that may hold lots."""
    world = lw.crashed()
    world.trader(1, lw.held(lw.DELEVERAGE + 1, started_ms=1))
    for number, one in enumerate(bids):
        world.trader(20 + number, kw.user(number=20 + number), lw.bid(**one))
    world.trader(50, lw.held(1_000 * USD, lots=held_lots, number=50) if held_lots else kw.user(1_000 * USD, number=50))
    return world


def lots_taken(world: kw.World, minimum_atoms: int, **changed: int) -> int:
    """Lots that own capital takes over where it wants so much; 0: it takes none."""
    wanted = dataclasses.replace(RICH, minimum_profit_atoms=minimum_atoms, **changed)
    found = liquidator.plan(world.state(), Memory(), wanted)
    return sum(one.arguments["size_max_lots"] for one in found if one.name == "liquidate_position")


def profit_is(world: kw.World, atoms: int, lots: int = LOTS, **changed: int) -> None:
    """The plan expects this profit to the atom, of so many lots."""
    assert lots_taken(world, atoms, **changed) == lots
    assert lots_taken(world, atoms + 1, **changed) == 0


def test_an_empty_book_is_counted_by_the_setting() -> None:
    profit_is(victim(), 1_500_000)
    profit_is(victim(), 500_000, exit_cost_bps=10)


def test_orders_that_the_sale_meets_count_at_their_price_and_only_the_rest_by_the_setting() -> None:
    profit_is(victim(FAR), FAR_PROFIT)
    profit_is(victim(FAR), FAR_PROFIT - 350_000, exit_cost_bps=5)
    # All of it at 997, in two orders: three dollars below mark.
    profit_is(victim({"ticks": 997, "lots": LOTS // 2}, {"ticks": 997, "lots": LOTS}), 0 - USD - 498_500)


def test_what_lies_beyond_the_worst_price_of_a_sale_does_not_count() -> None:
    deep = {"ticks": 995, "lots": 20_000}
    profit_is(victim(deep), FEE - 20_000 * 5 * 10 - 99_500 - 400_000)
    profit_is(victim(deep), 1_500_000, exit_slippage_bps=49)


@pytest.mark.parametrize(
    "bid",
    [
        {"flags": 2},
        {"flags": 1},
        {"time_in_force": 0, "taker_phase_s": 60},
        {"expiry_ms": kw.NOW_MS},
        {"time_in_force": 1, "placed_slot": kw.SLOT - MATCH_DEADLINE_SLOTS - 1},
    ],
    ids=["reduce-only without a position", "an ask", "in its taker phase", "expired", "overdue"],
)
def test_orders_that_would_not_fill_a_sale_do_not_count(bid: dict[str, int]) -> None:
    profit_is(victim({**FAR, **bid}), 1_500_000)


def test_ones_own_orders_and_those_of_accounts_without_margin_do_not_count() -> None:
    world = victim()
    world.trader(50, kw.user(1_000 * USD, number=50), lw.bid(**FAR))
    profit_is(world, 1_500_000)
    world = victim()
    poor = kw.position(kw.user(0, number=20), 0, 0)
    poor["positions"]["open_bid_lots"][0, 0], poor["positions"]["max_bid_ticks"][0, 0] = LOTS, 1_000
    world.trader(20, poor, lw.bid(**FAR))
    profit_is(world, 1_500_000)
    world = victim()
    world.trader(2, kw.user(number=50), lw.bid(**FAR))
    profit_is(world, 1_500_000)


def test_what_is_held_already_is_sold_ahead() -> None:
    profit_is(victim(FAR, held_lots=30_000), 1_500_000)
    profit_is(victim(FAR, held_lots=20_000), FEE - 300_000 - 49_850 - 450_000)


def test_what_closes_a_position_of_the_other_side_need_not_be_sold() -> None:
    profit_is(victim(FAR, held_lots=-40_000), FEE - 900_000 - 149_550 - 150_000)
    profit_is(victim(FAR, held_lots=-LOTS), FEE)


def test_no_more_is_taken_than_brings_the_greatest_profit() -> None:
    """Nine bids at the index hold 9,000 lots; beyond them the setting eats more than the fee."""
    world = victim(*({"ticks": 1_000, "lots": 1_000} for _ in range(9)))
    profit_is(world, 135_000, lots=9_000, exit_cost_bps=30)
    profit_is(world, 1_500_000)


def test_the_fee_is_that_of_the_accounts_own_tier() -> None:
    world = victim(FAR)
    record = decode([world.accounts[lw.EXCHANGE_AT]], EXCHANGE, "Exchange")
    tiers = record["terms"]["fee_tiers"]
    tiers["volume_atoms"][0, 1], tiers["taker_fee_tenth_bps"][0, 1] = 1_000 * USD, 20
    record["terms"]["fee_tier_count"] = 2
    world.put(lw.EXCHANGE_AT, record)
    profit_is(world, FAR_PROFIT)
    own = kw.user(1_000 * USD, number=50)
    own["volume_30d_atoms"], own["volume_updated_ms"] = 1_000 * USD, kw.NOW_MS
    world.trader(50, own)
    profit_is(world, FEE - 900_000 - 59_820 - 140_000)


def test_two_takeovers_of_one_plan_do_not_count_on_the_same_orders() -> None:
    """Nine bids at the index hold 90,000 lots: more makers than a closing names, and enough for one takeover."""
    world = victim(*({"ticks": 1_000, "lots": 10_000} for _ in range(9)))
    profit_is(world, 1_350_000 + 10_000, exit_cost_bps=14)
    world.trader(2, lw.held(lw.DELEVERAGE + 2, number=2, started_ms=1))
    assert lots_taken(world, 100_000, exit_cost_bps=14) == 2 * LOTS
    assert lots_taken(world, 100_001, exit_cost_bps=14) == LOTS, "what the first is to sell takes the bids up"


def test_a_short_is_bought_back_at_asks() -> None:
    world = lw.crashed()
    world.trader(1, lw.held(lw.DELEVERAGE + 1, lots=-LOTS, started_ms=1))
    world.trader(20, kw.user(number=20), lw.bid(ticks=1_003, lots=30_000, flags=1))
    lw.liquidator(world)
    profit_is(world, FEE - 900_000 - 150_450 - 350_000)


Q32 = 1 << 32


@settings(max_examples=300, deadline=None)
@given(
    ask=st.booleans(),
    mark_q32=st.integers(900 * 7 * Q32, 1_100 * 7 * Q32),
    index_q32=st.integers(900 * 7 * Q32, 1_100 * 7 * Q32),
    taker_tenth_bps=st.integers(0, 100),
    cost_bps=st.integers(0, 100),
    levels=st.lists(st.tuples(st.integers(900, 1_100), st.integers(1, 40)), max_size=6),
    lots=st.integers(1, 150),
    held=st.integers(-100, 100),
)
def test_costs_are_those_of_selling_lot_by_lot(
    ask: bool,
    mark_q32: int,
    index_q32: int,
    taker_tenth_bps: int,
    cost_bps: int,
    levels: list[tuple[int, int]],
    lots: int,
    held: int,
) -> None:
    """Each end of an order, and all lots, against fractions and a list with one entry for each lot of the book."""
    found = dict(Exit(ask, mark_q32, index_q32, 7, taker_tenth_bps, cost_bps).costs(levels, lots, held))
    assert max(found) == lots and min(found) > 0 and sorted(found) == list(found)
    book = [number for number, (_, size) in enumerate(levels) for _ in range(size)][max(held, 0) :]
    mark, rate = Fraction(mark_q32, Q32), Fraction(taker_tenth_bps, 100_000)
    worse = min(mark, Fraction(index_q32, Q32)) if ask else max(mark, Fraction(index_q32, Q32))
    for chosen, cost in found.items():
        sold = max(chosen - max(-held, 0), 0)
        met = book[:sold]
        rest = sold - len(met)
        worths = [levels[number][0] * 7 * met.count(number) for number in dict.fromkeys(met)]
        fees = sum(ceil(worth * rate) for worth in worths) + ceil(ceil(rest * mark) * rate)
        expected = ceil(Fraction(floor(rest * mark) * cost_bps, 10_000))
        if ask:
            lost = floor(sold * mark) - sum(worths) - floor(rest * worse)
        else:
            lost = sum(worths) + ceil(rest * worse) - ceil(sold * mark)
        assert cost == (lost + fees + expected if sold else 0)
