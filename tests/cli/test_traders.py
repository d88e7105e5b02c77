"""Traders: deterministic, inside their limits, and every kind does what its name says."""

from __future__ import annotations

import pytest

from evertide_cli.quickstart import levered, sights
from evertide_cli.quickstart import tape as tapes
from evertide_cli.quickstart.strategists import STRATEGY_KINDS
from evertide_cli.quickstart.traders import KINDS, Moment, Trader, plan, roster
from evertide_cli.quickstart.views import CancelIds, CancelMarket, Modify, OpenOrder, OwnSight, Place, Wish

PRICES = {"BTC-PERP": 46_000_000_000, "ETH-PERP": 3_000_000_000, "SOL-PERP": 150_000_000}
CALM = sights.market_sights(PRICES, PRICES, 0)


def moment(bar: int, pressure: int = 0) -> Moment:
    return Moment(bar, 1_000_000_000 + bar * 360_000, 360_000, pressure)


def wishes(trader: Trader, bars: range, pressure: int = 0, own: OwnSight | None = None) -> list[Wish]:
    found: list[Wish] = []
    seen = sights.market_sights(PRICES, PRICES, pressure)
    for bar in bars:
        for action in plan(trader, 1, moment(bar, pressure), seen, own or OwnSight()):
            found += action.wishes if isinstance(action, Place) else []
    return found


def of_kind(kind: str) -> Trader:
    return next(trader for trader in roster() if trader.kind == kind)


def test_forty_one_of_thirteen_kinds() -> None:
    traders = roster()
    assert len(traders) == 41
    # Players of episodes are not of the market's life; three kinds run strategies.
    assert {trader.kind for trader in traders} == (set(KINDS) - {"player"}) | set(STRATEGY_KINDS)
    assert not set(KINDS) & set(STRATEGY_KINDS)
    assert len({trader.name for trader in traders}) == len(traders)
    assert sum(1 for trader in traders if trader.sol_atoms and not trader.usdc_atoms) >= 3


PLANNED = [trader for trader in roster() if trader.kind in KINDS]
DRAWING = [trader for trader in PLANNED if trader.kind not in ("levered", "saver")]


@pytest.mark.parametrize("trader", DRAWING, ids=lambda trader: trader.name)
def test_same_seed_same_plan(trader: Trader) -> None:
    for bar in range(20):
        assert plan(trader, 5, moment(bar), CALM, OwnSight()) == plan(trader, 5, moment(bar), CALM, OwnSight())
    plans = [[plan(trader, seed, moment(bar), CALM, OwnSight()) for bar in range(40)] for seed in (1, 2)]
    assert plans[0] != plans[1]


@pytest.mark.parametrize("trader", PLANNED, ids=lambda trader: trader.name)
def test_wishes_are_legal(trader: Trader) -> None:
    for wish in wishes(trader, range(60), 1):
        assert wish.size_lots >= 1
        assert wish.market or wish.price_ticks >= 1
        assert 0 <= wish.taker_phase_s <= 60
        assert wish.taker_phase_s == 0 or not wish.time_in_force.startswith("POST_ONLY")


@pytest.mark.parametrize(("pressure", "mostly_ask"), [(1, False), (-1, True)])
def test_takers_follow_the_pressure(pressure: int, mostly_ask: bool) -> None:
    sides = [wish.ask for wish in wishes(of_kind("taker"), range(200), pressure)]
    assert sides.count(mostly_ask) > 2 * sides.count(not mostly_ask) > 0


def test_beyond_the_limit_takers_only_reduce() -> None:
    trader = of_kind("taker")
    lots = CALM["BTC-PERP"].lots_for(trader.position_max_atoms * 2)
    assert all(wish.ask for wish in wishes(trader, range(50), 1, OwnSight({0: lots})))


def test_kinds_use_what_they_stand_for() -> None:
    kinds = set(KINDS) - {"player"}
    forces = {kind: {wish.time_in_force for wish in wishes(of_kind(kind), range(80), 1)} for kind in kinds}
    assert forces["ioc"] == {"IMMEDIATE_OR_CANCEL"}
    assert forces["fok"] == {"FILL_OR_KILL"}
    assert forces["post-only"] == {"POST_ONLY_SLIDE"}
    assert all(wish.expiry_ms > 0 and wish.taker_phase_s == 12 for wish in wishes(of_kind("gtt"), range(80)))
    assert all(wish.market for wish in wishes(of_kind("taker"), range(80)))
    held = OwnSight({0: CALM["BTC-PERP"].lots_for(50_000_000_000)})
    assert any(wish.reduce_only and wish.ask for wish in wishes(of_kind("reducer"), range(80), own=held))


def test_expired_orders_are_cleaned_and_resting_ones_modified() -> None:
    expired = OpenOrder(9, 0, False, 100, 5, 1, 0, False)
    trader = of_kind("gtt")
    assert plan(trader, 1, moment(1), CALM, OwnSight({}, (expired,)))[0] == CancelIds((9,))
    resting = OpenOrder(4, 2, True, 15_100, 50, 0, 0, False)
    modifier = of_kind("modifier")
    actions = [action for bar in range(40) for action in plan(modifier, 1, moment(bar), CALM, OwnSight({}, (resting,)))]
    sizes = {action.wish.size_lots for action in actions if isinstance(action, Modify)}
    assert 49 in sizes
    assert any(size > 50 for size in sizes)


@pytest.mark.parametrize("kind", ["post-only", "modifier"])
def test_quotes_that_the_market_moved_through_are_taken_back(kind: str) -> None:
    """Two post-only orders that cross never trade, and hide the book."""
    trader = of_kind(kind)
    index = CALM[trader.home[0]].market_index
    fair = CALM[trader.home[0]].index_ticks()
    crossed = (
        OpenOrder(4, index, True, fair - 5, 50, 0, 0, False),
        OpenOrder(5, index, False, fair + 5, 50, 0, 0, False),
    )
    sound = (
        OpenOrder(6, index, True, fair + 5, 50, 0, 0, False),
        OpenOrder(7, index, False, fair - 5, 50, 0, 0, False),
    )
    for bar in range(20):
        taken_back = plan(trader, 1, moment(bar), CALM, OwnSight({}, crossed + sound))[0]
        assert taken_back in (CancelIds((4, 5)), CancelMarket(index))
        kept = plan(trader, 1, moment(bar), CALM, OwnSight({}, sound))
        assert not any(isinstance(action, CancelIds) for action in kept)


def test_pressure_moves_where_traders_see_the_price() -> None:
    up, down = (sights.market_sights(PRICES, PRICES, pressure)["BTC-PERP"] for pressure in (1, -1))
    assert (up.fair_micro - 46_000_000_000) * 10_000 // 46_000_000_000 == 40
    # Another one for ETH, so that its funding differs.
    assert sights.market_sights(PRICES, PRICES, 1)["ETH-PERP"].fair_micro * 10_000 == 3_000_000_000 * 10_044
    assert (down.fair_micro - 46_000_000_000) * 10_000 // 46_000_000_000 == -40
    assert up.index_ticks() == 46_000
    assert up.notional_of(up.lots_for(1_000_000_000)) <= 1_000_000_000


LEVERED = [trader for trader in roster() if trader.kind == "levered"]


def equity(trader: Trader) -> int:
    """Quote and SOL at 90 %, quote atoms."""
    return trader.usdc_atoms + trader.sol_atoms * PRICES["SOL-PERP"] // 10**9 * 9 // 10


def seen_at(trader: Trader, held_lots: int, pressure: int = 0, **changes: object) -> list[Wish]:
    sight = CALM[trader.home[0]]
    own = OwnSight({sight.market_index: held_lots}, (), **{"equity_atoms": equity(trader), **changes})  # type: ignore[arg-type]
    found: list[Wish] = []
    for action in plan(trader, 1, moment(0, pressure), CALM, own):
        found += action.wishes if isinstance(action, Place) else []
    return found


@pytest.mark.parametrize("trader", LEVERED, ids=lambda trader: trader.name)
def test_levered_traders_add_in_calm_hours_and_never_sell(trader: Trader) -> None:
    entry, dip = seen_at(trader, 0)
    sight = CALM[trader.home[0]]
    assert entry.market and not entry.ask
    notional = sight.notional_of(entry.size_lots)
    assert abs(notional * 100 - equity(trader) * trader.leverage_percent) <= sight.notional_of(1) * 100
    assert notional * 10_000 // equity(trader) < 10_000 * 10_000 // (250 if sight.symbol != "SOL-PERP" else 400)
    assert seen_at(trader, entry.size_lots) == [dip]
    assert not dip.market and not dip.ask and dip.price_ticks < sight.index_ticks()
    assert seen_at(trader, entry.size_lots * 2) == []
    for pressure in (1, -1):
        assert seen_at(trader, 0, pressure) == []
    assert seen_at(trader, 0, in_liquidation=True) == []
    assert seen_at(trader, 0, equity_atoms=levered.LEAST_EQUITY_ATOMS - 1) == []


def test_the_crowd_stands_on_every_rung_after_the_crash() -> None:
    """What the default crash leaves of each, in bps of the notional, against the ladder of its market."""
    falls = {"BTC-PERP": 600, "ETH-PERP": 690, "SOL-PERP": 870}
    initial = {"BTC-PERP": 250, "ETH-PERP": 250, "SOL-PERP": 400}
    assert tapes.SHOCKS[0][2] == -60_000_000
    rungs = set()
    for symbol, usdc, _, leverage_percent in levered.CROWD:
        if not usdc:
            continue
        left = (1_000_000 // leverage_percent - falls[symbol]) * 10_000 // (10_000 - falls[symbol])
        ladder = [initial[symbol] * percent // 100 for percent in (75, 50, 25, 0)]
        rungs.add(sum(left < rung for rung in ladder))
    assert rungs == {1, 2, 3, 4}


def test_savers_do_nothing() -> None:
    savers = [trader for trader in roster() if trader.kind == "saver"]
    assert len(savers) == 2
    assert all(plan(trader, 1, moment(bar), CALM, OwnSight()) == () for trader in savers for bar in range(20))
