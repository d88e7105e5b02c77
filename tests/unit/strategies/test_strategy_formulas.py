"""The three strategies: their papers' figures, their limits, and the same decisions from the same views."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from strategy_world import LOT_E9, START_MS, Ledger, market, order, q32, view

from evertide import TimeInForce
from evertide.strategies import (
    AvellanedaStoikovMaker,
    FundingArbitrageur,
    MakerSettings,
    MarketView,
    MomentumTaker,
    PlaceOrder,
    PriceLevel,
    RunLimits,
    Session,
    Strategy,
    make_strategy,
)

BTC, ETH = "BTC-PERP", "ETH-PERP"


def maker(**more: Any) -> AvellanedaStoikovMaker:
    given = {"market": "BTC", "order_size": "1", "position_max": "10"} | more
    made = make_strategy("maker", given)
    assert isinstance(made, AvellanedaStoikovMaker)
    return made


def momentum(**more: Any) -> MomentumTaker:
    given = {"market": BTC, "position": "5", "order_size": "2", "fast_half_life_s": 5, "slow_half_life_s": 30}
    made = make_strategy("momentum", given | more)
    assert isinstance(made, MomentumTaker)
    return made


def arbitrage(**more: Any) -> FundingArbitrageur:
    given = {"market_a": BTC, "market_b": ETH, "leg_notional_usd": "300", "clip_usd": "100", "imbalance_max_usd": "2"}
    made = make_strategy("arbitrage", given | more)
    assert isinstance(made, FundingArbitrageur)
    return made


@settings(deadline=None)
@given(
    inventory=draw.decimals(-8, 8, places=2),
    volatility=draw.decimals("0.1", 5, places=2),
    aversion=draw.decimals("0.01", 1, places=2),
    decay=draw.decimals("0.05", 3, places=2),
)
def test_the_papers_formulas(inventory: Decimal, volatility: Decimal, aversion: Decimal, decay: Decimal) -> None:
    """Equations 29 and 30, computed a second time with floats."""
    made = maker(
        risk_aversion=aversion, fill_decay=decay, horizon_s=30, half_spread_min_bps=0, half_spread_max_bps=5_000
    )
    shift, half = made.quotes_bps(inventory, volatility * volatility)
    gamma, variance, k = float(aversion), float(volatility) ** 2, float(decay)
    assert float(shift) == pytest.approx(-float(inventory) * gamma * variance * 30, rel=1e-12)
    assert float(half) == pytest.approx(gamma * variance * 30 / 2 + math.log(1 + gamma / k) / gamma, rel=1e-12)


def quotes(made: AvellanedaStoikovMaker, seen: MarketView) -> dict[str, list[tuple[int, int]]]:
    session = Session(made, start_ms=START_MS)
    found: dict[str, list[tuple[int, int]]] = {"bid": [], "ask": []}
    for numbered in session.step(view(seen)).places:
        found[numbered.order.side].append((numbered.order.price_ticks or 0, numbered.order.size_lots))
        assert numbered.order.time_in_force is TimeInForce.POST_ONLY_SLIDE
    return found


def test_the_maker_quotes_around_the_mid_and_leans_against_its_inventory() -> None:
    flat = quotes(maker(levels=2, level_growth=1), market(mid=100_000, half=50))
    # ln(1 + 0.05 / 0.5) / 0.05 = 1.906 bps, and 0.05 * 1 * 60 / 2 = 1.5 bps of risk: 3.406 bps of 100,000 ticks.
    assert flat == {"bid": [(99_965, 10), (99_935, 20)], "ask": [(100_035, 10), (100_065, 20)]}
    long = quotes(maker(), market(mid=100_000, half=50, position_lots=20))
    assert long["bid"][0][0] < 99_965 and long["ask"][0][0] < 100_035
    short = quotes(maker(), market(mid=100_000, half=50, position_lots=-20))
    assert short["bid"][0][0] > 99_965 and short["ask"][0][0] > 100_035


def test_the_maker_never_crosses_and_stops_at_its_limit() -> None:
    tight = quotes(maker(anchor="index"), market(mid=100_000, half=1, index_price_q32=q32(100_200)))
    assert tight["bid"] == [(100_000, 10)] and tight["ask"][0][0] > 100_200
    full = quotes(maker(), market(mid=100_000, position_lots=100))
    assert full["bid"] == [] and full["ask"] != []
    nearly = quotes(maker(), market(mid=100_000, position_lots=95))
    assert nearly["bid"][0][1] == 5


def test_the_maker_leaves_quotes_that_are_near_enough_and_changes_the_others() -> None:
    made = maker()
    ledger = Ledger(market(mid=100_000, half=50))
    session = Session(made, start_ms=START_MS)
    assert len(ledger.run(session).places) == 2
    assert not ledger.run(session)
    first, second = ledger.markets[BTC].orders
    ledger.put(BTC, bids=(PriceLevel(100_050, 9),), asks=(PriceLevel(100_150, 9),))
    batch = ledger.run(session)
    assert {item.order_id for item in batch.modifies} == {first.order_id, second.order_id} and not batch.places
    # A quote still on its way is waited for.
    waiting = replace(ledger.markets[BTC], orders=(order(0, "bid", 99_000, 10),))
    assert {item.order.side for item in session.step(view(waiting, now_ms=ledger.now_ms)).places} == {"ask"}


def test_wild_prices_widen_the_makers_spread_up_to_its_cap() -> None:
    calm, wild = maker(half_spread_max_bps=40), maker(half_spread_max_bps=40)
    for step in range(60):
        for made, mid in ((calm, 100_000), (wild, 100_000 + 400 * (step % 2))):
            made.on_clock(view(market(mid=mid, half=50), now_ms=START_MS + 1_000 * step))
    halves = [made.quotes_bps(Decimal(0), made._variance)[1] for made in (calm, wild)]
    assert halves[0] < halves[1] == 40


def drift(ledger: Ledger, session: Session, per_step: int, steps: int) -> None:
    for _ in range(steps):
        mid = ledger.markets[BTC].bids[0].price_ticks + 5 + per_step
        changes: dict[str, Any] = {"bids": (PriceLevel(mid - 5, 99),), "asks": (PriceLevel(mid + 5, 99),)}
        ledger.put(BTC, index_price_q32=q32(mid), **changes)
        ledger.run(session)


def test_the_momentum_taker_goes_with_the_trend_turns_and_leaves() -> None:
    made = momentum(order_interval_s=0)
    ledger, session = Ledger(market(mid=100_000)), Session(made, start_ms=START_MS)
    drift(ledger, session, 40, 20)
    assert ledger.markets[BTC].position_lots == 0, "nothing before a slow half life"
    drift(ledger, session, 40, 40)
    assert ledger.markets[BTC].position_lots == 50
    bought = [numbered.order for batch in ledger.batches for numbered in batch.places]
    assert [item.size_lots for item in bought] == [20, 20, 10]
    assert {item.time_in_force for item in bought} == {TimeInForce.IMMEDIATE_OR_CANCEL}
    drift(ledger, session, -40, 80)
    assert ledger.markets[BTC].position_lots == -50
    closing = [numbered.order for batch in ledger.batches for numbered in batch.places if numbered.order.reduce_only]
    assert sum(item.size_lots for item in closing) == 50
    drift(ledger, session, 0, 300)
    assert ledger.markets[BTC].position_lots == 0


def test_a_takers_worst_price_is_rounded_so_that_it_never_exceeds_the_slippage() -> None:
    made = momentum(slippage_max_bps="3.3", order_interval_s=0)
    ledger, session = Ledger(market(mid=10_007)), Session(made, start_ms=START_MS)
    drift(ledger, session, 4, 80)
    sent = [(batch, numbered.order) for batch in ledger.batches for numbered in batch.places]
    assert sent
    for _, item in sent:
        mid = (item.price_ticks or 0) * 10_000
        assert mid % 1 == 0 and isinstance(item.price_ticks, int)
    worst = sent[0][1].price_ticks or 0
    reference = 10_007 + 4 * next(n for n, batch in enumerate(ledger.batches, 1) if batch.places)
    assert (worst - reference) * 10_000 <= Decimal("3.3") * reference < (worst + 1 - reference) * 10_000


#: A pays 100 bps an hour (1e-9) more than B.
RICH = {"funding_rate_e9": 100 * 100_000}


def pair(**a: Any) -> Ledger:
    return Ledger(market(BTC, mid=10_000, **a), market(ETH, mid=5_000))


def test_the_arbitrageur_hedges_clip_by_clip_and_stops_at_its_size() -> None:
    ledger, session = pair(**RICH), Session(arbitrage(), start_ms=START_MS)
    for _ in range(12):
        ledger.run(session)
        held_a, held_b = ledger.positions([BTC, ETH])
        # 100 USD are 100 lots of A and 200 of B; never more than a clip apart.
        assert abs(held_b + 2 * held_a) <= 200
    assert ledger.positions([BTC, ETH]) == [-300, 600]
    ledger.put(BTC, funding_rate_e9=-100 * 100_000)
    for _ in range(20):
        ledger.run(session)
        held_a, held_b = ledger.positions([BTC, ETH])
        assert abs(held_b + 2 * held_a) <= 200
        if held_a == held_b == 0:
            break
    assert ledger.positions([BTC, ETH]) == [0, 0]
    # And then the other way round, as the rates now say.
    for _ in range(12):
        ledger.run(session)
    assert ledger.positions([BTC, ETH]) == [300, -600]


def test_fees_keep_the_arbitrageur_out_and_basis_counts() -> None:
    # 4 bps a leg, twice, two legs: 16 bps; 8 hours of 2.5 bps are 20, less the entry of 5.
    thin, session = pair(funding_rate_e9=250_000), Session(arbitrage(), start_ms=START_MS)
    thin.run(session)
    assert thin.positions([BTC, ETH]) == [0, 0]
    rich, session = pair(funding_rate_e9=265_000), Session(arbitrage(), start_ms=START_MS)
    rich.run(session)
    assert rich.positions([BTC, ETH]) == [-100, 0]
    basis, session = pair(mark_price_q32=q32(10_030)), Session(arbitrage(), start_ms=START_MS)
    basis.run(session)
    assert basis.positions([BTC, ETH]) == [-100, 0]


def test_a_leg_that_fills_in_part_is_completed_and_then_given_up() -> None:
    ledger, session = pair(**RICH), Session(arbitrage(leg_timeout_s=3), start_ms=START_MS)
    ledger.run(session)
    ledger.fill_percent = 40
    ledger.run(session)
    assert ledger.positions([BTC, ETH]) == [-100, 80]
    ledger.fill_percent = 0
    for _ in range(2):
        ledger.run(session)
        order_b = ledger.batches[-1].places[0].order
        assert (order_b.symbol, order_b.side, order_b.size_lots) == (ETH, "bid", 120)
    ledger.fill_percent = 100
    ledger.run(session)
    order_a = ledger.batches[-1].places[0].order
    assert (order_a.symbol, order_a.side, order_a.reduce_only) == (BTC, "bid", True)
    assert ledger.positions([BTC, ETH]) == [-40, 80]


def test_nothing_is_sent_while_an_order_is_open() -> None:
    for made in (momentum(), arbitrage()):
        seen = market(BTC, orders=(order(3, "bid", 9_000, 1, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL),), **RICH)
        session = Session(made, start_ms=START_MS)
        for step in range(60):
            assert not session.step(view(seen, market(ETH, mid=5_000), now_ms=START_MS + step * 1_000))


def every_strategy() -> list[Strategy]:
    return [maker(levels=3, level_growth=1, position_max="7.5"), momentum(order_interval_s=1), arbitrage(entry_bps="0")]


Walk = list[tuple[int, int, int, int]]
WALKS = draw.lists(
    draw.tuples(draw.integers(-60, 60), draw.integers(1, 40), draw.integers(-400, 400), draw.integers(0, 100)),
    min_size=40,
    max_size=60,
)


def walk(strategy: Strategy, path: Walk, limit: int | None = None) -> Ledger:
    """A random market: mid moves, quotes are hit, funding changes, immediate orders fill in part."""
    session = Session(strategy, start_ms=START_MS, limits=RunLimits(position_max_lots=limit))
    ledger, mid = Ledger(market(BTC, mid=10_000), market(ETH, mid=5_000)), 10_000
    for move, lots, funding_bps, percent in path:
        mid = max(mid + move, 1_000)
        levels = {"bids": (PriceLevel(mid - 5, 99),), "asks": (PriceLevel(mid + 5, 99),)}
        ledger.put(BTC, index_price_q32=q32(mid), funding_rate_e9=funding_bps * 10_000, **levels)
        ledger.fill_percent = percent
        ledger.run(session)
        resting = ledger.markets[BTC].orders
        if resting:
            hit = resting[lots % len(resting)]
            ledger.fill(BTC, hit.order_id, min(lots, hit.size_lots))
        if limit is not None:
            assert abs(ledger.markets[BTC].position_lots) <= limit
    return ledger


@settings(max_examples=25, deadline=None)
@given(path=WALKS, limit=draw.integers(1, 120))
def test_on_any_path_limits_hold_and_only_integers_are_sent(path: Walk, limit: int) -> None:
    """I: no strategy exceeds the run's limit or its own, sends anything but whole ticks and lots, or repeats an id."""
    for strategy in every_strategy():
        ledger = walk(strategy, path, limit)
        for numbered in (item for batch in ledger.batches for item in batch.places):
            sent: PlaceOrder = numbered.order
            assert type(sent.size_lots) is int and type(sent.price_ticks) is int
        assert len(set(ledger.client_ids)) == len(ledger.client_ids)
    for strategy in every_strategy()[:2]:
        most = strategy.position_max_lots(market())
        assert most is not None and abs(walk(strategy, path).markets[BTC].position_lots) <= most


@settings(max_examples=10, deadline=None)
@given(path=WALKS)
def test_the_same_views_give_the_same_decisions(path: Walk) -> None:
    for first, second in zip(every_strategy(), every_strategy(), strict=True):
        assert walk(first, path).batches == walk(second, path).batches


def test_sizes_off_the_lot_are_refused_at_the_first_view() -> None:
    made = AvellanedaStoikovMaker(MakerSettings(market=BTC, order_size=Decimal("0.05"), position_max=Decimal(1)))
    assert LOT_E9 == 100_000_000
    with pytest.raises(ValueError, match=r"order_size 0\.05 .* the lot 0\.1"):
        Session(made, start_ms=1).step(view(market()))
