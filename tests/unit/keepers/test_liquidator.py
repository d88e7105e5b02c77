"""The liquidator's plan: the right rung for each account, makers that can trade, capital within its limits."""

from __future__ import annotations

import dataclasses

import keeper_world as kw
import ladder_world as lw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladder_world import BUYER, LOTS, MAKER, USD, VICTIM
from solders.pubkey import Pubkey

from evertide import PROGRAM_ID, RiskCache, User, valuation
from evertide.math import MarginKind, notional_ceil
from evertide_keepers import liquidator
from evertide_keepers.actions import Action, build
from evertide_keepers.closing import terms_of
from evertide_keepers.ladder import accounts
from evertide_keepers.memory import Memory
from evertide_keepers.settings import LiquidatorSettings

ALONE = LiquidatorSettings()
RICH = LiquidatorSettings(liquidator_user=BUYER, minimum_profit_atoms=1)


def plan(world: kw.World, settings: LiquidatorSettings = ALONE, memory: Memory | None = None) -> list[Action]:
    return liquidator.plan(world.state(), memory or Memory(), settings)


def victim(equity: int, *orders: dict[str, int], fund: int = 0, **more: int) -> kw.World:
    world = lw.crashed(fund)
    world.trader(1, lw.held(equity, **more), *orders)
    return world


def steps(action: Action) -> list[str]:
    return [name for name, _ in action.ahead] + [action.name]


def test_healthy_accounts_are_left_alone_and_so_are_bankrupt_ones() -> None:
    assert plan(victim(lw.CANCEL)) == []
    assert plan(victim(-1)) == []
    world = lw.crashed()
    del world.accounts[lw.CACHE_AT]
    assert plan(world) == []


def test_below_cancel_only_orders_that_could_increase_are_taken_out() -> None:
    record = lw.held(lw.CANCEL - 1)
    world = lw.crashed()
    world.trader(1, record)
    assert plan(world) == []
    record["positions"]["open_ask_lots"][0, 0] = LOTS
    world.put(VICTIM, record)
    assert plan(world) == [], "an ask of the size of a long can only reduce it"
    record["positions"]["open_ask_lots"][0, 0] = LOTS + 1
    world.put(VICTIM, record)
    (action,) = plan(world)
    assert steps(action) == ["liquidate_orders"] and action.arguments == {"user": str(VICTIM)}


def test_below_maintenance_the_liquidation_begins_even_when_nobody_takes() -> None:
    (action,) = plan(victim(lw.MAINTENANCE - 1))
    assert steps(action) == ["liquidate_orders"]
    assert plan(victim(lw.MAINTENANCE - 1, started_ms=1_000)) == []


def test_a_liquidation_that_is_over_is_ended() -> None:
    (action,) = plan(victim(lw.MAINTENANCE, started_ms=1_000))
    assert steps(action) == ["liquidate_orders"]


def test_beginning_and_closing_against_orders_go_in_one_transaction() -> None:
    world = victim(lw.BACKSTOP + 1)
    world.trader(20, kw.user(number=20), lw.bid(999), lw.bid(1_001, 400), lw.bid(1_000, 300))
    (action,) = plan(world, LiquidatorSettings(keeper_user=str(kw.address(60))))
    assert steps(action) == ["liquidate_orders", "liquidate_with_orders"]
    names = [order_id for _, order_id in action.arguments["makers"]]
    assert names == [2, 3, 1] and action.arguments["keeper_user"] == str(kw.address(60))
    # A fifth of the shortage at once, through the formula itself.
    state = world.state()
    (account,) = accounts(state, [state.row_of(bytes(VICTIM)) or 0])
    assert action.arguments["size_max_lots"] == terms_of(state, account, account.holdings[0]).lots <= LOTS
    assert len(build(action, kw.address(77), PROGRAM_ID)) == 2


@pytest.mark.parametrize(
    "order",
    [
        {"price_ticks": 997},
        {"placed_slot": kw.SLOT + 1},
        {"flags": 2},
        {"time_in_force": 0, "taker_phase_s": 60},
        {"flags": 1},
    ],
    ids=["beyond the fee", "of a later slot", "reduce-only without a position", "in its taker phase", "an ask"],
)
def test_orders_that_cannot_take_are_not_named(order: dict[str, int]) -> None:
    world = victim(lw.BACKSTOP + 1, started_ms=1)
    world.trader(20, kw.user(number=20), lw.bid(ticks=order.pop("price_ticks", 1_000), **order))
    assert plan(world) == []


def test_own_orders_victims_orders_and_blocked_orders_are_not_named() -> None:
    world = victim(lw.BACKSTOP + 1, started_ms=1)
    world.trader(20, kw.user(number=1), lw.bid())
    assert plan(world) == [], "the same authority"
    world.trader(20, lw.held(lw.BACKSTOP + 1, number=20, started_ms=1), lw.bid())
    assert plan(world) == [], "in liquidation itself"
    world.trader(20, kw.user(number=20), lw.bid())
    (action,) = plan(world)
    memory, blame = Memory(), liquidator.blamed(action, "NothingFilled")
    assert blame == [f"order:{MAKER}:1"]
    memory.note(blame, succeeded=False, now_ms=kw.NOW_MS)
    assert plan(world, memory=memory) == []


def test_a_little_waits_until_nothing_more_opens() -> None:
    world = victim(lw.MAINTENANCE - 1, started_ms=1)
    record = lw.held(lw.MAINTENANCE - 1, started_ms=1)
    # Shortage $20 and what was repaired before: a fifth of it is open, which has been closed but for some cents.
    record["liquidation_freed_atoms"] = 79 * USD
    world.put(VICTIM, record)
    world.trader(20, kw.user(number=20), lw.bid())
    assert plan(world) == []
    record["liquidation_start_ms"] = kw.NOW_MS - 60_000
    world.put(VICTIM, record)
    (action,) = plan(world, LiquidatorSettings(minimum_close_atoms=10**12))
    assert action.name == "liquidate_with_orders" and action.arguments["size_max_lots"] < LOTS


def test_makers_below_the_margin_of_a_fill_come_last() -> None:
    world = victim(lw.DELEVERAGE + 1, started_ms=1)
    poor = kw.position(kw.user(quote_atoms=0, number=21), 0, 0)
    poor["positions"]["open_bid_lots"][0, 0], poor["positions"]["max_bid_ticks"][0, 0] = LOTS, 1_000
    world.trader(21, poor, lw.bid(1_000))
    (action,) = plan(world)
    assert action.arguments["makers"] == [[str(kw.address(21)), 1]]
    world.trader(20, kw.user(number=20), lw.bid(999))
    (action,) = plan(world)
    assert action.arguments["makers"] == [[str(MAKER), 1]]


def test_two_accounts_never_count_on_the_same_lots() -> None:
    world = lw.crashed()
    for number in (1, 2, 3):
        world.trader(number, lw.held(lw.DELEVERAGE + number, number=number, started_ms=1))
    world.trader(20, kw.user(number=20), lw.bid(lots=LOTS + 20_000))
    first, second = plan(world)
    assert first.arguments["user"] == str(kw.address(1)) and first.arguments["size_max_lots"] == LOTS
    assert second.arguments["user"] == str(kw.address(2)) and second.arguments["size_max_lots"] == 20_000


def test_own_capital_takes_what_the_book_does_not_and_only_for_profit() -> None:
    world = victim(lw.DELEVERAGE + 1, started_ms=1)
    lw.liquidator(world)
    (action,) = [one for one in plan(world, RICH) if one.name != "accrue_market"]
    assert action.name == "liquidate_position" and action.arguments["size_max_lots"] == LOTS
    assert action.arguments["liquidator"] == BUYER
    # $1,000 at 20 bps less 5 bps to sell again: a profit of $1.50.
    dear = dataclasses.replace(RICH, minimum_profit_atoms=1_500_001)
    assert plan(world, dataclasses.replace(RICH, minimum_profit_atoms=1_499_999))[0].name == "liquidate_position"
    assert plan(world, dear) == []
    # What selling again is expected to cost counts too, rounded up: 14 bps leave ten cents, 15 nothing.
    assert plan(world, dataclasses.replace(RICH, exit_cost_bps=14))[0].name == "liquidate_position"
    assert plan(world, dataclasses.replace(RICH, exit_cost_bps=15)) == []
    world.trader(20, kw.user(number=20), lw.bid())
    assert plan(world, RICH)[0].name == "liquidate_with_orders"


def test_own_capital_respects_its_limits_and_its_margin() -> None:
    world = victim(lw.DELEVERAGE + 1, started_ms=1)
    lw.liquidator(world)
    small = dataclasses.replace(RICH, market_notional_max_atoms=300 * USD)
    assert plan(world, small)[0].arguments["size_max_lots"] == 30_000
    total = dataclasses.replace(RICH, total_notional_max_atoms=200 * USD)
    assert plan(world, total)[0].arguments["size_max_lots"] == 20_000
    lw.liquidator(world, quote=10 * USD)
    (action,) = plan(world, RICH)
    # 250 bps of initial margin on what it takes, and the fee of 20 bps counts: 10 / (0.025 - 0.002).
    assert 43_400 <= action.arguments["size_max_lots"] <= 43_480
    lw.liquidator(world, quote=0)
    assert plan(world, RICH) == []
    world.trader(50, kw.user(number=1))
    assert plan(world, RICH) == [], "one's own other account"


def test_own_capital_renews_rows_first_and_waits_when_it_is_refused() -> None:
    world = lw.at(victim(lw.BACKSTOP - 1, started_ms=1), 5_000)
    lw.liquidator(world)
    renewal, action = plan(world, RICH)
    assert renewal.name == "accrue_market" and action.name == "liquidate_position"
    memory = Memory()
    memory.note(liquidator.blamed(action, "LiquidatorMarginTooLow"), succeeded=False, now_ms=world.time.unix_ms)
    assert plan(world, RICH, memory) == []


def test_what_is_held_is_sold_again_unless_a_sale_is_at_work() -> None:
    world = lw.crashed()
    record = lw.held(500 * USD, number=50)
    world.trader(50, record)
    keep = dataclasses.replace(RICH, inventory_target_atoms=400 * USD)
    (sale,) = plan(world, keep)
    (order,) = sale.arguments["orders"]
    assert sale.name == "place_orders" and order["size_lots"] == 60_000 and order["ask"] and order["reduce_only"]
    assert order["price_ticks"] == 995
    work = {"time_in_force": 1, "flags": 3}
    world.trader(50, record, {**work, "placed_slot": kw.SLOT - 1})
    assert plan(world, keep) == []
    dead = kw.orders(kw.address(50), {**work, "placed_slot": kw.SLOT - 1})
    dead["cancel_all_after_ms"] = kw.NOW_MS
    world.put(Pubkey.from_bytes(kw.orders_key(kw.address(50))), dead)
    assert [steps(one) for one in plan(world, keep)] == [["cancel_orders", "place_orders"]]
    world.trader(50, record, {**work, "placed_slot": kw.SLOT - 100})
    (again,) = plan(world, keep)
    assert steps(again) == ["cancel_orders", "place_orders"]
    assert len(build(again, kw.address(77), PROGRAM_ID)) == 2
    memory = Memory()
    memory.note([again.key], succeeded=True, now_ms=kw.NOW_MS)
    assert plan(lw.at(world, 9_999), keep, memory) == []
    assert [one.name for one in plan(lw.at(world, 1), keep, memory)] == ["accrue_market", "place_orders"]


def test_a_sale_waits_until_the_market_takes_it() -> None:
    """A breaker's cool-down refuses immediate orders."""
    world = lw.crashed()
    world.trader(50, lw.held(500 * USD, number=50))
    lw.change(world, lw.MARKET_AT, "Market", cooldown_until_ms=kw.NOW_MS + 1)
    assert plan(world, RICH) == []
    lw.change(world, lw.MARKET_AT, "Market", cooldown_until_ms=kw.NOW_MS)
    assert [one.name for one in plan(world, RICH)] == ["place_orders"]


def test_the_backstop_takes_what_nobody_takes_as_far_as_it_reaches() -> None:
    assert plan(victim(lw.BACKSTOP - 1, started_ms=1)) == [], "no money behind it"
    (action,) = plan(victim(lw.BACKSTOP - 1, fund=USD))
    assert steps(action) == ["liquidate_orders", "liquidate_to_backstop"]
    (action,) = plan(victim(lw.DELEVERAGE - 1, started_ms=1))
    assert action.name == "liquidate_to_backstop", "the other side takes what insurance does not"
    waits = LiquidatorSettings(backstop_wait_ms=2)
    assert plan(victim(lw.DELEVERAGE - 1, started_ms=1), waits) == []
    world = victim(lw.DELEVERAGE + 1, fund=USD, started_ms=1)
    world.trader(20, kw.user(number=20), lw.bid(lots=LOTS // 2))
    assert plan(world)[0].name == "liquidate_with_orders"
    world.trader(20, kw.user(number=20), lw.bid(lots=LOTS // 2 - 1))
    assert plan(world)[0].name == "liquidate_to_backstop"


def backstop_world(equity: int, **more: int) -> kw.World:
    """A backstop with a position in its own market."""
    world = lw.crashed(fund=USD)
    record = lw.held(equity, number=51, **more)
    record["authority"][0] = list(bytes(lw.MARKET_AT))
    world.trader(51, record)
    return world


def test_a_backstop_is_liquidated_like_anybody_but_never_to_itself() -> None:
    world = backstop_world(lw.DELEVERAGE - 1)
    (action,) = plan(world)
    assert steps(action) == ["liquidate_orders"] and action.arguments["user"] == str(lw.BACKSTOP_USER)
    lw.liquidator(world)
    assert steps(plan(backstop_world(lw.DELEVERAGE + 1), RICH)[0]) == ["liquidate_orders"]
    assert steps(plan(world, RICH)[-1]) == ["liquidate_orders", "liquidate_position"]


def test_a_backstop_closes_against_orders_at_any_health() -> None:
    for equity in (1, lw.MAINTENANCE - 1, 500 * USD):
        world = backstop_world(equity)
        world.trader(20, kw.user(number=20), lw.bid(998, LOTS // 2), lw.bid(997, LOTS // 2))
        found = plan(world)
        if equity == 1:
            assert [steps(one) for one in found] == [["liquidate_orders"]], "no fill may leave it below zero"
            continue
        (action,) = found
        assert steps(action) == ["liquidate_with_orders"]
        assert action.arguments["makers"] == [[str(MAKER), 1]] and action.arguments["size_max_lots"] == LOTS // 2
    world = backstop_world(500 * USD)
    record = lw.held(500 * USD)
    world.trader(1, record)
    world.trader(20, kw.user(number=20), lw.bid())
    assert [one.arguments["user"] for one in plan(world)] == [str(lw.BACKSTOP_USER)], "others only below maintenance"


def test_a_market_whose_price_may_not_liquidate_is_left_out() -> None:
    world = victim(lw.BACKSTOP - 1, fund=USD, started_ms=1)
    world.trader(20, kw.user(number=20), lw.bid())
    lw.change(world, lw.MARKET_AT, "Market", status=4)
    assert plan(world) == []


def test_what_is_confirmed_is_not_done_again_to_the_same_state() -> None:
    world, memory = victim(lw.DELEVERAGE - 1, fund=USD), Memory()
    (action,) = plan(world, memory=memory)
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    assert plan(world, memory=memory) == [plan(world, LiquidatorSettings(backstop_wait_ms=9))[0]]
    begun = lw.held(lw.DELEVERAGE - 1, started_ms=1)
    begun["sequence"] = 8
    world.put(VICTIM, begun)
    assert [one.name for one in plan(world, memory=memory)] == ["liquidate_to_backstop"]


def test_one_account_outside_the_guards_keeps_nobody_from_being_served() -> None:
    world = victim(lw.DELEVERAGE - 1)
    poisoned = lw.held(lw.DELEVERAGE - 2, number=2, started_ms=1)
    poisoned["liquidation_freed_atoms"] = 1 << 63
    world.trader(2, poisoned)
    assert [action.arguments["user"] for action in plan(world)] == [str(VICTIM)]


@settings(max_examples=150, deadline=None)
@given(
    equities=st.lists(st.integers(-2 * lw.CANCEL, 2 * lw.CANCEL), min_size=1, max_size=6),
    sides=st.lists(st.booleans(), min_size=6, max_size=6),
    ages=st.lists(st.sampled_from([0, 1, 10_000, 90_000]), min_size=6, max_size=6),
    makers=st.lists(st.tuples(st.integers(990, 1_010), st.integers(1, LOTS), st.booleans()), max_size=14),
    quote=st.integers(0, 100 * USD),
    fund=st.sampled_from([0, USD, 1_000 * USD]),
)
def test_any_crowd_is_handled_by_the_rules(
    equities: list[int],
    sides: list[bool],
    ages: list[int],
    makers: list[tuple[int, int, bool]],
    quote: int,
    fund: int,
) -> None:
    """One step an account, none for a healthy one, no lot offered twice, capital within margin by the SDK's own sum."""
    world = lw.crashed(fund)
    for number, equity in enumerate(equities):
        lots = LOTS if sides[number] else -LOTS
        world.trader(number, lw.held(equity, lots=lots, number=number, started_ms=ages[number]))
    for number, (ticks, lots, ask) in enumerate(makers):
        world.trader(20 + number, kw.user(number=20 + number), lw.bid(ticks, lots, flags=int(ask)))
    lw.liquidator(world, quote)
    found = [one for one in plan(world, RICH) if one.name not in ("accrue_market", "place_orders")]
    assert found == [one for one in plan(world, RICH) if one.name not in ("accrue_market", "place_orders")]
    victims = [one.arguments["user"] for one in found]
    assert len(set(victims)) == len(victims)
    offered: dict[str, int] = {}
    taken, cash = 0, 0
    for action in found:
        number = next(at for at in range(len(equities)) if str(kw.address(at)) == action.arguments["user"])
        equity, begun = equities[number], ages[number] != 0
        assert equity >= 0
        assert equity < lw.MAINTENANCE or (begun and steps(action) == ["liquidate_orders"])
        assert (steps(action)[0] == "liquidate_orders") == (not begun or equity >= lw.MAINTENANCE)
        if action.name == "liquidate_to_backstop":
            assert equity < lw.BACKSTOP and (fund or equity < lw.DELEVERAGE)
        if action.name == "liquidate_with_orders":
            prices = [makers[int_of(user)][0] for user, _ in action.arguments["makers"]]
            assert prices == sorted(prices, reverse=sides[number]) and 1 <= len(prices) <= 8
            assert all(makers[int_of(user)][2] != sides[number] for user, _ in action.arguments["makers"])
            left = action.arguments["size_max_lots"]
            for user, _ in action.arguments["makers"]:
                lots = min(left, makers[int_of(user)][1] - offered.get(user, 0))
                offered[user] = offered.get(user, 0) + lots
                left -= lots
            assert left == 0
        if action.name == "liquidate_position":
            lots = action.arguments["size_max_lots"] * (1 if sides[number] else -1)
            taken, cash = taken + lots, cash - lots * lw.LOT_ATOMS
    assert all(lots <= makers[int_of(user)][1] for user, lots in offered.items())
    own = kw.position(kw.user(quote_atoms=quote, number=50), taken, cash)
    cache = RiskCache.decode(world.accounts[lw.CACHE_AT])
    whole = valuation(User.decode(own.tobytes()), cache, MarginKind.INITIAL, now_ms=kw.NOW_MS)
    # Fees of at most 40 bps on at most six positions are not counted here.
    assert whole.excess_atoms >= -notional_ceil(abs(taken), kw.INDEX_Q32) * 6 * 40 // 10_000


def int_of(user: str) -> int:
    """Which maker an address is."""
    return int.from_bytes(bytes(Pubkey.from_string(user))[:8], "little") - 21
