"""Plans are pure: from a state and a memory to actions. Each rule of each keeper on its own."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import keeper_world as kw
import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from evertide import HOUR_MS, OrderKind
from evertide.math import SettleInput, settle_amount
from evertide_engine.decode import decode_markets
from evertide_keepers import cache, funding, mark, matcher, oracle, settler
from evertide_keepers.actions import FIRST_LANE, Action, build
from evertide_keepers.clock import ChainTime
from evertide_keepers.memory import BACKOFF_FIRST_MS, BACKOFF_MOST_MS, Memory
from evertide_keepers.settings import (
    CacheSettings,
    FundingSettings,
    MarkSettings,
    MatcherSettings,
    OracleSettings,
    SettlerSettings,
)
from evertide_keepers.state import Price, State

MARKET_KEY = kw.address(903)


def later(state: State, ms: int, slots: int = 0) -> State:
    """The same state at a later chain time."""
    state.time = ChainTime(state.time.slot + slots, state.time.unix_ms + ms)
    return state


def change_market(world: kw.World, **fields: Any) -> None:
    record = decode_markets([world.accounts[MARKET_KEY]])
    for name, value in fields.items():
        record[name] = value
    world.put(MARKET_KEY, record)


def test_memory_backs_off_longer_each_time_and_forgets_on_success() -> None:
    """F-23: what always fails is tried less and less often."""
    memory, now_ms = Memory(), 1_000_000
    pauses = []
    for _ in range(8):
        memory.note(["work"], succeeded=False, now_ms=now_ms)
        pauses.append(memory.blocked_until_ms["work"] - now_ms)
        assert memory.is_blocked("work", now_ms + pauses[-1] - 1) and not memory.is_blocked("work", now_ms + pauses[-1])
    assert (
        pauses[:3] == [BACKOFF_FIRST_MS, 2 * BACKOFF_FIRST_MS, 4 * BACKOFF_FIRST_MS] and pauses[-1] == BACKOFF_MOST_MS
    )
    memory.note(["work"], succeeded=True, now_ms=now_ms)
    assert not memory.is_blocked("work", now_ms) and memory.since_done_ms("work", now_ms + 7) == 7
    memory.note(["work"], succeeded=False, now_ms=now_ms)
    assert memory.blocked_until_ms["work"] - now_ms == BACKOFF_FIRST_MS
    assert memory.since_done_ms("other", now_ms) is None


def test_the_cache_renews_rows_and_averages_at_their_age() -> None:
    state, memory, settings = kw.World.with_market().state(), Memory(), CacheSettings()
    assert cache.plan(later(state, 4_999), memory, settings) == []
    assert [action.plain() for action in cache.plan(later(state, 1), memory, settings)] == [
        {"name": "accrue_market", "key": "cache:0", "lane": "market:0", "arguments": {"market_index": 0}}
    ]
    memory.note(["cache:0"], succeeded=False, now_ms=state.time.unix_ms)
    assert cache.plan(state, memory, settings) == []
    world = kw.World.with_market()
    change_market(world, index_price_q32=0)
    assert cache.plan(later(world.state(), 60_000), Memory(), settings) == []
    # A price that wrote the row a moment ago leaves the averages where they were.
    record = kw.risk_cache()
    record["markets"]["updated_ms"][0, 0] = kw.NOW_MS + 5_000
    world = kw.World.with_market()
    world.put(kw.address(901), record)
    assert len(cache.plan(later(world.state(), 5_000), Memory(), settings)) == 1


def test_funding_is_charged_after_each_whole_hour_and_at_its_age() -> None:
    hour_ms = kw.NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS
    world = kw.World.with_market()
    change_market(world, accrued_ms=hour_ms - 1_000)
    state, memory = world.state(), Memory()
    settings = FundingSettings(debt_interval_ms=10**12)
    state.time = ChainTime(kw.SLOT, hour_ms - 1)
    assert funding.plan(state, memory, settings) == []
    state.time = ChainTime(kw.SLOT, hour_ms)
    assert [action.plain() for action in funding.plan(state, memory, settings)] == [
        {"name": "accrue_market", "key": "funding:0", "lane": "market:0", "arguments": {"market_index": 0}}
    ]
    memory.note(["funding:0"], succeeded=False, now_ms=hour_ms)
    assert funding.plan(state, memory, settings) == []
    change_market(world, accrued_ms=hour_ms)
    state = world.state()
    state.time = ChainTime(kw.SLOT, hour_ms + 59_999)
    assert funding.plan(state, Memory(), settings) == []
    assert [action.name for action in funding.plan(later(state, 1), Memory(), settings)] == ["accrue_market"]
    change_market(world, index_price_q32=0)
    later(state := world.state(), 60_000)
    assert [action.name for action in funding.plan(state, Memory(), FundingSettings())] == ["accrue_debt"]


def test_oracle_signs_a_local_price_only_when_it_is_younger() -> None:
    """F-15: a frozen price is not sent again."""
    state, memory, settings = kw.World.with_market().state(), Memory(), OracleSettings()
    assert oracle.plan(state, memory, settings) == []
    state.prices = {"M0-PERP": Price(40_000, 9, kw.NOW_MS)}
    assert oracle.plan(state, memory, settings) == []
    state.prices = {"M0-PERP": Price(40_000, 9, kw.NOW_MS + 1)}
    (action,) = oracle.plan(state, memory, settings)
    assert action.arguments == {
        "oracle": str(Pubkey.from_bytes(kw.SIGNER)),
        "market_index": 0,
        "collateral_index": None,
        "price": {"price": 40_000, "confidence": 9, "publish_time_ms": kw.NOW_MS + 1},
    }
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    assert oracle.plan(later(state, 999), memory, settings) == []
    assert len(oracle.plan(later(state, 1), memory, settings)) == 1


def test_oracle_follows_a_feed_account_when_it_moves() -> None:
    world = kw.World.with_market()
    record = decode_markets([world.accounts[MARKET_KEY]])
    record["terms"]["oracle"]["kind"], record["terms"]["oracle"]["account"] = 0, 0
    record["terms"]["oracle"]["feed_id"] = 7
    world.put(MARKET_KEY, record)
    state = world.state()
    feed = str(oracle.feed_account(record[0]["terms"]["oracle"]))
    state.feeds = {feed: kw.NOW_MS}
    assert oracle.plan(state, Memory(), OracleSettings()) == []
    state.feeds = {feed: kw.NOW_MS + 1000}
    (action,) = oracle.plan(state, Memory(), OracleSettings())
    assert action.arguments["oracle"] == feed and action.arguments["price"] is None


def crossing_world() -> tuple[kw.World, Pubkey, Pubkey]:
    world = kw.World.with_market()
    maker = world.trader(1, kw.user(number=1), {"flags": 1})
    taker = world.trader(2, kw.user(number=2), {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 30})
    return world, maker, taker


def test_matcher_submits_what_crosses_and_renews_stale_rows_first() -> None:
    world, maker, taker = crossing_world()
    state, settings = world.state(), MatcherSettings(keeper_user=str(kw.address(50)))
    (action,) = matcher.plan(state, Memory(), settings)
    assert action.lane == "market:0" and action.key == matcher.order_key(str(taker), 1)
    assert action.arguments == {
        "market_index": 0,
        "taker_user": str(taker),
        "taker_order_id": 1,
        "makers": [[str(maker), 1]],
        "keeper_user": str(kw.address(50)),
    }
    earner_trades = dataclasses.replace(settings, keeper_user=str(maker))
    assert matcher.plan(state, Memory(), earner_trades)[0].arguments["keeper_user"] is None
    renewal, _ = matcher.plan(later(state, 5_000), Memory(), settings)
    assert (renewal.name, renewal.lane, renewal.arguments) == ("accrue_market", FIRST_LANE, {"market_index": 0})


def test_matcher_names_pegged_and_iceberg_makers_by_their_price_of_now() -> None:
    world = kw.World.with_market()
    ask = {"flags": 1, "size_lots": 10}
    pegged = ask | {"kind": int(OrderKind.PEGGED), "price_ticks": 900, "terms": ((1 << 64) - 2, 0, 0)}
    iceberg = ask | {"kind": int(OrderKind.ICEBERG), "price_ticks": 999, "terms": (10, 20, 0)}
    makers = [
        world.trader(1, kw.user(number=1), ask | {"price_ticks": 1_000}),
        world.trader(2, kw.user(number=2), iceberg),
        world.trader(3, kw.user(number=3), pegged),
    ]
    taker = {"time_in_force": 0, "placed_slot": kw.SLOT - 5, "size_lots": 100}
    world.trader(4, kw.user(number=4), taker | {"placed_ms": kw.NOW_MS - 1})
    (action,) = matcher.plan(world.state(), Memory(), MatcherSettings())
    assert action.arguments["makers"] == [[str(user), 1] for user in reversed(makers)]
    # The index is not younger than the taker: the peg is passed over, the others are not.
    world.trader(4, kw.user(number=4), taker | {"placed_ms": kw.NOW_MS})
    (action,) = matcher.plan(world.state(), Memory(), MatcherSettings())
    assert action.arguments["makers"] == [[str(user), 1] for user in (makers[1], makers[0])]


def test_matcher_leaves_alone_whom_a_failure_blames() -> None:
    """F-14, F-23: only the order that is to blame waits."""
    world, maker, taker = crossing_world()
    state, memory = world.state(), Memory()
    (action,) = matcher.plan(state, memory, MatcherSettings())
    assert matcher.blamed(action, "TakerMarginTooLow") == [f"order:{taker}:1"]
    assert matcher.blamed(action, "NothingFilled") == [f"order:{maker}:1"]
    for error in ("TakerMarginTooLow", "NothingFilled"):
        blamed = Memory()
        blamed.note(matcher.blamed(action, error), succeeded=False, now_ms=kw.NOW_MS)
        assert matcher.plan(state, blamed, MatcherSettings()) == []
        assert len(matcher.plan(later(state, BACKOFF_FIRST_MS), blamed, MatcherSettings())) == 1
        later(state, -BACKOFF_FIRST_MS)


def test_matcher_does_nothing_before_the_exchange_is_open() -> None:
    """F-26: nothing is planned that must be refused."""
    world, _, _ = crossing_world()
    record = kw.exchange()
    record["opened"] = 0
    world.put(kw.address(900), record)
    assert matcher.plan(world.state(), Memory(), MatcherSettings()) == []
    assert matcher.plan(State(), Memory(), MatcherSettings()) == []


def book_world(**bid: Any) -> kw.World:
    world = kw.World.with_market()
    world.trader(1, kw.user(number=1), {"price_ticks": 999, "size_lots": 101, **bid})
    world.trader(
        2, kw.user(number=2), {"price_ticks": 1_001, "flags": 1, "size_lots": 60}, {"price_ticks": 1_002, "flags": 1}
    )
    return world


def test_mark_shows_both_sides_up_to_the_impact_notional() -> None:
    (action,) = mark.plan(book_world().state(), Memory(), MarkSettings())
    assert action.arguments == {
        "market_index": 0,
        "bids": [[str(kw.address(1)), 1]],
        "asks": [[str(kw.address(2)), 1], [str(kw.address(2)), 2]],
    }


@pytest.mark.parametrize(
    "bid",
    [
        {"size_lots": 100},
        {"placed_slot": kw.SLOT - 9},
        {"flags": 2},
        {"price_ticks": 899},
        {"time_in_force": 0, "taker_phase_s": 60},
        {"kind": int(OrderKind.ICEBERG)},
        {"kind": int(OrderKind.PEGGED)},
    ],
    ids=["too small", "rested 9 slots", "reduce-only", "outside the band", "in its taker phase", "iceberg", "pegged"],
)
def test_mark_leaves_out_a_side_that_proves_nothing(bid: dict[str, Any]) -> None:
    (action,) = mark.plan(book_world(**bid).state(), Memory(), MarkSettings())
    assert action.arguments["bids"] == [] and len(action.arguments["asks"]) == 2


def test_mark_leaves_out_orders_of_users_who_could_not_stand_the_fill() -> None:
    world = book_world()
    poor = kw.position(kw.user(quote_atoms=0, number=1), 0, 0)
    poor["positions"]["open_bid_lots"][0, 0], poor["positions"]["max_bid_ticks"][0, 0] = 101, 999
    world.put(kw.address(1), poor)
    (action,) = mark.plan(world.state(), Memory(), MarkSettings())
    assert action.arguments["bids"] == []


def test_mark_shows_again_only_what_is_new_or_old() -> None:
    world = book_world()
    market = decode_markets([world.accounts[MARKET_KEY]])
    for side, owner in ((0, 1), (1, 2)):
        stored = market["evidence"][0, side]
        stored["order_id"], stored["shown_ms"] = 1, kw.NOW_MS
        stored["orders"] = list(kw.orders_key(kw.address(owner)))
    world.put(MARKET_KEY, market)
    state = world.state()
    assert mark.plan(later(state, 9_999), Memory(), MarkSettings()) == []
    assert len(mark.plan(later(state, 1), Memory(), MarkSettings())) == 1
    market["evidence"]["order_id"][0, 1] = 2
    world.put(MARKET_KEY, market)
    assert len(mark.plan(world.state(), Memory(), MarkSettings())) == 1


def test_mark_never_shows_a_crossed_book() -> None:
    assert mark.plan(book_world(price_ticks=1_001).state(), Memory(), MarkSettings()) == []


def settle_world(pool: int) -> kw.World:
    """A loser of 3 USDC, a loser of 500 USDC without quote, a winner of 5 USDC, and somebody even."""
    world = kw.World.with_market()
    change_market(world, pool_atoms=pool)
    world.put(kw.address(1), kw.position(kw.user(), 0, -3_000_000))
    world.put(kw.address(2), kw.position(kw.user(quote_atoms=0), 0, -500_000_000))
    world.put(kw.address(3), kw.position(kw.user(), 0, 5_000_000))
    world.put(kw.address(4), kw.position(kw.user(), 10, -100_000, 100_000))
    return world


def test_settler_takes_losses_first_and_pays_as_far_as_the_pool_reaches() -> None:
    settings = SettlerSettings(minimum_atoms=1_000_000)
    planned = settler.plan(settle_world(2_000_000).state(), Memory(), settings)
    assert [action.arguments["user"] for action in planned] == [str(kw.address(1)), str(kw.address(3))]
    planned = settler.plan(settle_world(999_999).state(), Memory(), settings)
    assert [action.arguments["user"] for action in planned] == [str(kw.address(1))]
    assert (
        len(settler.plan(settle_world(2_000_000).state(), Memory(), dataclasses.replace(settings, settlements_max=1)))
        == 1
    )


@pytest.mark.parametrize("seed", range(8))
def test_settler_picks_what_settling_each_position_would_move_most(seed: int) -> None:
    draw = random.Random(seed)
    world, amounts = kw.World.with_market(), {}
    pool = draw.choice((0, 3_000_000, 1 << 50))
    change_market(world, pool_atoms=pool)
    for number in range(1, 40):
        cash, quote = draw.choice((0, draw.randint(-(1 << 40), 1 << 40), -5_000_000)), draw.choice((0, -7, 1 << 45))
        world.put(kw.address(number), kw.position(kw.user(quote_atoms=quote), 0, cash))
        given = SettleInput(
            value_atoms=cash, realised_atoms=cash, quote_atoms=quote, debt_room_atoms=0, pool_atoms=pool
        )
        amounts[str(kw.address(number))] = settle_amount(given)
    settings = SettlerSettings(minimum_atoms=1_000_000, settlements_max=draw.choice((1, 5, 100)))
    planned = settler.plan(world.state(), Memory(), settings)
    worth = {user: amount for user, amount in amounts.items() if abs(amount) >= settings.minimum_atoms}
    wanted = sorted(worth, key=lambda user: (worth[user] > 0, -abs(worth[user]), user))[: settings.settlements_max]
    assert [action.arguments["user"] for action in planned] == wanted


def test_settler_leaves_profits_alone_while_a_deficit_is_recorded() -> None:
    world = settle_world(9_000_000)
    change_market(world, deficit_atoms=1)
    planned = settler.plan(world.state(), Memory(), SettlerSettings())
    assert [action.arguments["user"] for action in planned] == [str(kw.address(1))]


def test_settler_leaves_a_position_alone_for_its_interval() -> None:
    state, memory = settle_world(0).state(), Memory()
    (action,) = settler.plan(state, memory, SettlerSettings())
    memory.note([action.key], succeeded=True, now_ms=kw.NOW_MS)
    assert settler.plan(later(state, 59_999), memory, SettlerSettings()) == []
    assert len(settler.plan(later(state, 1), memory, SettlerSettings())) == 1


def test_every_action_becomes_the_instruction_of_its_name() -> None:
    world, _, _ = crossing_world()
    state = later(world.state(), 61_000)
    state.prices = {"M0-PERP": Price(1, 1, kw.NOW_MS + 1)}
    actions: list[Action] = oracle.plan(state, Memory(), OracleSettings())
    actions += cache.plan(state, Memory(), CacheSettings())
    actions += funding.plan(state, Memory(), FundingSettings())
    actions += matcher.plan(crossing_world()[0].state(), Memory(), MatcherSettings())
    actions += mark.plan(book_world().state(), Memory(), MarkSettings())
    actions += settler.plan(settle_world(0).state(), Memory(), SettlerSettings())
    program = Keypair().pubkey()
    names = {action.name for action in actions}
    assert names == {"update_oracle", "accrue_market", "accrue_debt", "match_orders", "update_mark", "settle_pnl"}
    for action in actions:
        assert Action(**action.plain()) == action
        (instruction,) = build(action, kw.address(77), program)
        assert instruction.program_id == program and len(bytes(instruction.data)) >= 8


def test_a_poison_account_is_an_alarm_though_its_keys_change() -> None:
    """F-23: what fails five times in a row is told, also when each failure has another key; a success ends it."""
    memory = Memory()
    for sequence in range(4):
        memory.note([f"expire_orders:somebody:{sequence}"], succeeded=False, now_ms=kw.NOW_MS)
        memory.note([f"expire_orders:other:{sequence}"], succeeded=sequence % 2 == 0, now_ms=kw.NOW_MS)
    assert memory.poisoned() == {}
    memory.note(["expire_orders:somebody:9"], succeeded=False, now_ms=kw.NOW_MS)
    assert memory.poisoned() == {"expire_orders:somebody": 5}
    assert memory.is_blocked("expire_orders:somebody:9", kw.NOW_MS)
    assert not memory.is_blocked("expire_orders:somebody:10", kw.NOW_MS)
    memory.note(["expire_orders:somebody:10"], succeeded=True, now_ms=kw.NOW_MS)
    assert memory.poisoned() == {} and Memory(**memory.plain()) == memory
