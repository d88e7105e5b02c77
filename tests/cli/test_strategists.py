"""Traders of the quickstart that run strategies: what they send in a bar, and that it repeats."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from evertide import TimeInForce
from evertide.strategies import Batch, ModifyOrder
from evertide_cli.quickstart import sights
from evertide_cli.quickstart.strategists import (
    STRATEGY_KINDS,
    MarketNews,
    Strategists,
    change_bps,
    levels,
    strategy_rows,
    to_actions,
)
from evertide_cli.quickstart.traders import Moment, Trader, roster
from evertide_cli.quickstart.views import (
    NEVER_MS,
    Action,
    CancelIds,
    MarketSight,
    Modify,
    OpenOrder,
    OwnSight,
    Place,
    Wish,
)

PRICES = {"BTC-PERP": 46_000_000_000, "ETH-PERP": 3_000_000_000, "SOL-PERP": 150_000_000}
BAR_MS = 600_000
STRATEGISTS = [trader for trader in roster() if trader.kind in STRATEGY_KINDS]


def seen(pressure: int = 0, percent: int = 100) -> dict[str, MarketSight]:
    prices = {symbol: price * percent // 100 for symbol, price in PRICES.items()}
    return sights.market_sights(prices, prices, pressure)


def moment(bar: int, pressure: int = 0) -> Moment:
    return Moment(bar, 1_767_571_200_000 + bar * BAR_MS, BAR_MS, pressure)


def of_kind(kind: str) -> Trader:
    return next(trader for trader in STRATEGISTS if trader.kind == kind)


def placed(actions: tuple[Action, ...]) -> list[Wish]:
    return [wish for action in actions if isinstance(action, Place) for wish in action.wishes]


def resting(wish: Wish, order_id: int) -> OpenOrder:
    force = int(TimeInForce[wish.time_in_force])
    return OpenOrder(
        order_id, wish.market_index, wish.ask, wish.price_ticks, wish.size_lots, 0, wish.client_order_id, False, force
    )


def test_nine_traders_run_the_three_strategies() -> None:
    kinds = [trader.kind for trader in STRATEGISTS]
    assert {kind: kinds.count(kind) for kind in STRATEGY_KINDS} == {"maker": 6, "momentum": 2, "arbitrageur": 1}


@pytest.mark.parametrize("trader", [trader for trader in STRATEGISTS if trader.kind == "maker"], ids=lambda t: t.name)
@pytest.mark.parametrize("pressure", [1, 0, -1])
def test_makers_quote_both_sides_where_the_pressure_is(trader: Trader, pressure: int) -> None:
    sight = seen(pressure)[trader.home[0]]
    wishes = placed(Strategists().plan(trader, moment(0, pressure), seen(pressure), OwnSight(), ()))
    bids, asks = ([wish for wish in wishes if wish.ask == ask] for ask in (False, True))
    assert len(bids) == len(asks) == 3
    fair = sight.fair_micro // sight.tick_size_atoms
    assert max(wish.price_ticks for wish in bids) <= fair <= min(wish.price_ticks for wish in asks)
    assert {wish.time_in_force for wish in wishes} == {"POST_ONLY_SLIDE"}
    assert [wish.size_lots // bids[0].size_lots for wish in bids] == [1, 2, 3]


def test_makers_move_their_quotes_and_lean_against_their_inventory() -> None:
    trader, strategists = of_kind("maker"), Strategists()
    first = placed(strategists.plan(trader, moment(0), seen(), OwnSight(), ()))
    orders = tuple(resting(wish, number) for number, wish in enumerate(first, 1))
    own = OwnSight({0: 5 * first[0].size_lots}, orders)
    actions = strategists.plan(trader, moment(1), seen(percent=101), own, ())
    cancel, place = actions
    assert cancel == CancelIds(tuple(order.order_id for order in orders)) and isinstance(place, Place)
    moved = {wish.client_order_id: wish for wish in place.wishes}
    assert set(moved) == {order.client_order_id for order in orders} and len(moved) == 6
    for order in orders:
        if not order.ask:
            # Long: its bids came down against the price, which rose by 1 %.
            assert moved[order.client_order_id].price_ticks * 100 < order.price_ticks * 101
    # One or two are changed where they stand.
    ticks = orders[0].price_ticks - 7
    near = Modify(1, replace(moved[orders[0].client_order_id], price_ticks=ticks))
    few = Batch(modifies=(ModifyOrder(order_id=1, price_ticks=ticks, size_lots=near.wish.size_lots),))
    view = strategists._view(trader, moment(1), seen(), own, ())
    assert to_actions(few, view) == (near,)
    assert strategists.plan(trader, moment(2), seen(), replace(own, in_liquidation=True), ()) == ()


def test_momentum_takers_follow_the_trend_with_immediate_orders() -> None:
    trader, strategists = of_kind("momentum"), Strategists()
    sent: list[Wish] = []
    own = OwnSight()
    for bar in range(12):
        prices = {symbol: price * (1_000 + bar) // 1_000 for symbol, price in PRICES.items()}
        now = sights.market_sights(prices, prices, 0)
        wishes = placed(strategists.plan(trader, moment(bar), now, own, ()))
        sent += wishes
        held = own.positions_lots.get(0, 0) + sum(wish.size_lots for wish in wishes)
        # What is left of an order has its slot in the next bar, and is dead.
        dead = OpenOrder(90 + bar, 0, False, 1, 1, 0, 7, False, int(TimeInForce.IMMEDIATE_OR_CANCEL), NEVER_MS)
        own = OwnSight({0: held}, (dead,))
    assert len(sent) == 5 and all(not wish.ask and wish.time_in_force == "IMMEDIATE_OR_CANCEL" for wish in sent)


def test_the_arbitrageur_shorts_the_market_whose_longs_pay_more() -> None:
    trader, strategists = of_kind("arbitrageur"), Strategists()
    strategists.news = {1: MarketNews(0, 65_000), 2: MarketNews(0, 52_000)}
    (leg,) = placed(strategists.plan(trader, moment(0), seen(), OwnSight(), ()))
    assert (leg.market_index, leg.ask) == (1, True)
    own = OwnSight({1: -leg.size_lots})
    (hedge,) = placed(strategists.plan(trader, moment(1), seen(), own, ()))
    assert (hedge.market_index, hedge.ask) == (2, False)
    views = seen()
    short, long = views["ETH-PERP"].notional_of(leg.size_lots), views["SOL-PERP"].notional_of(hedge.size_lots)
    assert abs(short - long) * 100 < short
    assert Strategists().plan(trader, moment(0), seen(), OwnSight(), ()) == ()


def test_the_book_is_what_rests_now() -> None:
    at_ms = 1_000
    orders = (
        OpenOrder(1, 0, True, 46_010, 5, 0, 0, False),
        OpenOrder(2, 0, True, 46_010, 6, 0, 0, False, rests_from_ms=at_ms),
        OpenOrder(3, 0, True, 46_000, 7, 0, 0, False, rests_from_ms=at_ms + 1),
        OpenOrder(4, 0, True, 46_001, 8, at_ms, 0, False),
        OpenOrder(5, 0, True, 46_002, 9, 0, 0, True),
        OpenOrder(6, 0, False, 45_990, 1, 0, 0, False),
        OpenOrder(7, 1, True, 3_000, 1, 0, 0, False),
    )
    everybody = [OwnSight({}, orders[:3]), OwnSight({}, orders[3:])]
    assert levels(everybody, 0, at_ms, ask=True) == ((46_010, 11),)
    assert levels(everybody, 0, at_ms, ask=False) == ((45_990, 1),)


@pytest.mark.parametrize("trader", STRATEGISTS, ids=lambda trader: trader.name)
def test_the_same_bars_give_the_same_actions(trader: Trader) -> None:
    def bars() -> list[tuple[Action, ...]]:
        strategists, found = Strategists({1: MarketNews(0, 90_000)}), []
        for bar in range(8):
            pressure = (1, -1)[bar % 2]
            actions = strategists.plan(trader, moment(bar, pressure), seen(pressure, 100 + bar), OwnSight(), ())
            assert all(wish.size_lots >= 1 and wish.price_ticks >= 1 for wish in placed(actions))
            assert not any(isinstance(action, CancelIds) for action in actions)
            found.append(actions)
        return found

    assert bars() == bars()


def test_pressure_and_rows_for_the_summary() -> None:
    assert change_bps(seen(1)["BTC-PERP"]) == Decimal(40) == -change_bps(seen(-1)["BTC-PERP"])
    assert strategy_rows(Strategists(), [], []) == []
