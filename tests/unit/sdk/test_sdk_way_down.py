"""Ladders, open liquidations and what-if valuations: held to the valuation by kind and to figures worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

import evertide
from evertide import (
    Bankruptcy,
    Collateral,
    Exchange,
    FeeTier,
    LadderRung,
    Market,
    NewOrder,
    RiskCache,
    User,
    WhatIf,
    constants,
    ladder,
    liquidation_view,
    max_liquidatable,
    position_views,
    valuation,
)
from evertide.errors import UnitOutOfRange, UnknownCollateral, UnknownMarket, UsageError
from evertide.math import EpochMismatchError, MarginKind

ONE = 1 << 48
NOW_MS = 1_800_000_000_000
# 0.0001 BTC a lot, a tick of one dollar: 100 atoms for each lot and tick.
LOT_SIZE_E9, TICK_SIZE_ATOMS, ATOMS_PER_LOT_TICK = 100_000, 1_000_000, 100


def empty(cls: type[Any]) -> Any:
    return cls.decode(cls.DISCRIMINATOR + bytes(evertide.dtype(cls.__name__).itemsize - 8))


def q32(usd: int | str | Decimal) -> int:
    """A BTC price as quote atoms for each lot with 32 fractional bits."""
    numerator, denominator = (Decimal(usd) * TICK_SIZE_ATOMS * LOT_SIZE_E9 / 10**9).as_integer_ratio()
    return (numerator << 32) // denominator


def cache_at(usd: int | str, *, sol: int = 125, now_ms: int = NOW_MS) -> RiskCache:
    cache = empty(RiskCache)
    row = replace(
        cache.markets[0],
        market_plus_one=1,
        mark_price_q32=q32(usd),
        index_price_q32=q32(usd),
        twap_price_q32=q32(usd),
        a=(ONE, ONE),
        tier_bound_usd=(1_000_000, 5_000_000, 20_000_000, 60_000_000),
        tier_ratio_bps=(250, 500, 1_000, 2_500),
        profit_weight_bps=10_000,
        liquidation_fee_bps=25,
        updated_ms=now_ms,
    )
    asset = replace(
        cache.collaterals[1],
        price_q48=(sol * 10**6 << 48) // 10**9,
        twap_q48=(sol * 10**6 << 48) // 10**9,
        weight_initial_bps=8_000,
        weight_maintenance_bps=9_000,
        publish_time_ms=now_ms,
    )
    quote = replace(cache.collaterals[0], debt_index_q48=ONE)
    return replace(cache, markets=(row, *cache.markets[1:]), collaterals=(quote, asset, *cache.collaterals[2:]))


def user_with(size_lots: int, entry_usd: int, quote_usd: int, *, sol: int = 0, **change: Any) -> User:
    user = empty(User)
    entry_atoms = size_lots * entry_usd * ATOMS_PER_LOT_TICK
    position = replace(
        user.positions[0],
        market_plus_one=1,
        basis_lots=size_lots,
        a_snapshot=ONE,
        cash_atoms=-entry_atoms,
        entry_atoms=entry_atoms,
        atoms_per_lot_tick=ATOMS_PER_LOT_TICK,
    )
    slot = replace(user.collaterals[0], collateral_index=1 if sol else 0, amount_atoms=sol * 10**9)
    return replace(
        user,
        quote_atoms=quote_usd * 10**6,
        debt_index_q48=ONE,
        position_count=1,
        collateral_count=1 if sol else 0,
        positions=(position, *user.positions[1:]),
        collaterals=(slot, *user.collaterals[1:]),
        **change,
    )


def market() -> Market:
    found = empty(Market)
    terms = replace(
        found.terms,
        symbol=b"BTC-PERP".ljust(16, b"\0"),
        lot_size_e9=LOT_SIZE_E9,
        tick_size_atoms=TICK_SIZE_ATOMS,
        position_max_lots=5_000_000,
        liquidation_fee_bps=25,
        insurance_fee_bps=15,
    )
    return replace(found, terms=terms, atoms_per_lot_tick=ATOMS_PER_LOT_TICK)


def scenario(user: User, cache: RiskCache) -> WhatIf:
    exchange = empty(Exchange)
    tiers = list(exchange.terms.fee_tiers)
    tiers[0] = FeeTier(volume_atoms=0, taker_fee_tenth_bps=40, maker_fee_tenth_bps=-3)
    tiers[1] = FeeTier(volume_atoms=10**12, taker_fee_tenth_bps=30, maker_fee_tenth_bps=-3)
    terms = replace(exchange.terms, fee_tiers=tuple(tiers), fee_tier_count=2)
    assets = [replace(empty(Collateral), decimals=6), replace(empty(Collateral), index=1, decimals=9)]
    return WhatIf(
        user=user,
        cache=cache,
        exchange=replace(exchange, terms=terms),
        markets={0: market()},
        collaterals=assets,
        now_ms=NOW_MS,
    )


@given(
    size=st.integers(-(10**6), 10**6),
    quote=st.integers(-5_000, 500_000),
    usd=st.integers(1_000, 100_000),
    sol=st.integers(0, 500),
)
def test_a_ladder_is_the_valuation_of_every_kind(size: int, quote: int, usd: int, sol: int) -> None:
    user, cache = user_with(size, 40_000, quote, sol=sol), cache_at(usd)
    found = ladder(user, cache, now_ms=NOW_MS)
    kinds = {
        MarginKind.CANCEL: found.cancel_atoms,
        MarginKind.MAINTENANCE: found.maintenance_atoms,
        MarginKind.BACKSTOP: found.backstop_atoms,
        MarginKind.AUTO_DELEVERAGE: found.auto_deleverage_atoms,
    }
    for kind, requirement_atoms in kinds.items():
        valued = valuation(user, cache, kind, now_ms=NOW_MS)
        assert (found.equity_atoms, requirement_atoms) == (valued.equity_atoms, valued.requirement_atoms)
        assert (found.quote_atoms, found.losses_atoms) == (valued.quote_atoms, valued.losses_atoms)


@pytest.mark.parametrize(
    ("usd", "rung"),
    [
        (40_000, LadderRung.HEALTHY),
        (39_600, LadderRung.CANCEL),
        (39_300, LadderRung.MAINTENANCE),
        (39_100, LadderRung.BACKSTOP),
        (38_950, LadderRung.AUTO_DELEVERAGE),
        (38_888, LadderRung.BANKRUPT),
    ],
)
def test_each_rung_by_hand(usd: int, rung: LadderRung) -> None:
    """1,000 dollars behind 0.9 BTC from 40,000: 2.5 % initial, so 1.25 % maintenance."""
    found = ladder(user_with(9_000, 40_000, 1_000), cache_at(usd), now_ms=NOW_MS)
    assert found.equity_atoms == 1_000_000_000 - 900_000 * (40_000 - usd)
    assert found.maintenance_atoms == 900_000 * usd * 125 // 10_000
    assert found.shortage_atoms == max(0, found.maintenance_atoms + 900_000 * usd // 50 - found.equity_atoms)
    assert found.rung is rung


@pytest.mark.parametrize("usd", [25_000, 100_000])
def test_a_wild_print_counts_at_its_twap(usd: int) -> None:
    user = user_with(1_000, 50_000, 600, sol=5)
    calm = cache_at(50_000)
    wild = replace(calm.markets[0], mark_price_q32=q32(usd), validity=constants.TOO_VOLATILE)
    token = replace(calm.collaterals[1], price_q48=1, validity=constants.NOT_POSITIVE)
    cache = replace(
        calm,
        markets=(wild, *calm.markets[1:]),
        collaterals=(calm.collaterals[0], token, *calm.collaterals[2:]),
    )
    assert ladder(user, cache, now_ms=NOW_MS) == ladder(user, calm, now_ms=NOW_MS)
    judged, before = (valuation(user, rows, MarginKind.MAINTENANCE, now_ms=NOW_MS) for rows in (cache, calm))
    assert judged == before
    strict = valuation(user, cache, MarginKind.INITIAL, now_ms=NOW_MS)
    assert strict.equity_atoms < valuation(user, calm, MarginKind.INITIAL, now_ms=NOW_MS).equity_atoms


def test_what_is_open_rises_with_time_and_fees_stay_within_equity() -> None:
    cache = cache_at(39_300)
    user = user_with(9_000, 40_000, 1_000, liquidation_start_ms=NOW_MS)
    begun = liquidation_view(user, cache, market(), now_ms=NOW_MS)
    later = liquidation_view(user, cache, market(), now_ms=NOW_MS + 60_000)
    assert begun is not None
    assert later is not None
    # A fifth of the shortage of 779.475 dollars, each lot of 3.93 dollars repairing 2.85 % of itself.
    assert begun.open_lots == -(-155_895_000 * 10_000 // (3_930_000 * 285))
    assert later.open_lots == -(-779_475_000 * 10_000 // (3_930_000 * 260))
    assert (begun.liquidator_fee_bps, later.liquidator_fee_bps, begun.insurance_fee_bps) == (25, 50, 15)
    fees = begun.fees(100)
    assert (fees.liquidator_atoms, fees.insurance_atoms) == (393_000_000 * 25 // 10_000, 393_000_000 * 15 // 10_000)
    thin = liquidation_view(user_with(9_000, 40_000, 631, liquidation_start_ms=NOW_MS), cache, market(), now_ms=NOW_MS)
    assert thin is not None
    assert thin.open_lots == 9_000
    assert thin.equity_atoms == 1_000_000
    assert (thin.fees().liquidator_atoms, thin.fees().insurance_atoms) == (1_000_000, 0)
    with pytest.raises(UnitOutOfRange, match="greatest value 9000"):
        thin.fees(9_001)
    # At a third of an atom a lot, closing 5 of 7 lots in two roundings costs an atom that the fees may not take.
    odd = replace(thin, size_lots=7, open_lots=7, price_q32=(1 << 32) * 10**6 // 3, liquidator_fee_bps=10_000)
    assert odd.equity_atoms == 1_000_000
    assert odd.fees(7).liquidator_atoms == 1_000_000
    assert odd.fees(5).liquidator_atoms == 999_999


@pytest.mark.parametrize(
    ("quote", "start_ms", "refused"),
    [
        (1_000, 0, "LiquidationNotStarted"),
        (5_000, NOW_MS, "AccountHealthy"),
        (100, NOW_MS, "UserBankrupt"),
        (1_000, NOW_MS, None),
    ],
)
def test_who_may_not_be_liquidated_and_why(quote: int, start_ms: int, refused: str | None) -> None:
    user = user_with(9_000, 40_000, quote, liquidation_start_ms=start_ms)
    view = liquidation_view(user, cache_at(39_300), market(), now_ms=NOW_MS)
    assert view is not None
    assert view.refused == refused
    assert (view.open_lots == 0) == (refused is not None)
    assert liquidation_view(user, cache_at(39_300), replace(market(), index=1), now_ms=NOW_MS) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_a_liquidators_profit_is_the_fee_and_what_the_price_did(sign: int) -> None:
    user = user_with(sign * 9_000, 40_000, 1_000, liquidation_start_ms=NOW_MS)
    view = liquidation_view(user, cache_at(40_000 - sign * 700), market(), now_ms=NOW_MS)
    assert view is not None
    fee_atoms = view.fees(1_000).liquidator_atoms
    assert view.profit_atoms(1_000, exit_price_q32=view.price_q32) == fee_atoms
    better = q32(40_000 - sign * 690)
    notional = 1_000 * 100 * (40_000 - sign * 690)
    left = view.profit_atoms(1_000, exit_price_q32=better, exit_fee_ppm=400, cost_atoms=5_000)
    assert left == fee_atoms + 1_000_000 - -(-notional * 400 // 10**6) - 5_000
    assert view.profit_atoms(0, exit_price_q32=better, cost_atoms=7) == -7


def test_a_liquidator_takes_no_more_than_its_margin_carries() -> None:
    victim = user_with(9_000, 40_000, 640, liquidation_start_ms=NOW_MS)
    view = liquidation_view(victim, cache_at(39_300), market(), now_ms=NOW_MS)
    assert view is not None
    assert view.open_lots == 9_000
    rich, poor, none = (scenario(user_with(0, 1, quote), cache_at(39_300)) for quote in (5_000, 100, 0))
    assert max_liquidatable(view, rich) == 9_000
    most = max_liquidatable(view, poor)

    def excess(lots: int) -> int:
        taken = poor.take_over(0, lots, view.price_q32, view.fees(lots).liquidator_atoms)
        return taken.health().initial.excess_atoms

    assert excess(most) >= 0 > excess(most + 1)
    assert max_liquidatable(view, none) == 0
    small = replace(rich, markets={0: replace(market(), terms=replace(market().terms, position_max_lots=70))})
    assert max_liquidatable(view, small) == 70
    # Who holds the other side is relieved by taking it over.
    assert max_liquidatable(view, scenario(user_with(-9_000, 39_300, 900), cache_at(39_300))) == 9_000


def test_a_price_that_moves_moves_what_it_values() -> None:
    start = scenario(user_with(9_000, 40_000, 1_000, sol=2), cache_at(40_000))
    for moved in (
        start.price("BTC-PERP", percent="-1.75"),
        start.price(0, price=39_300),
        start.price("btc", price="39300"),
    ):
        assert moved.cache.markets[0].mark_price_q32 == q32(39_300)
        assert moved.health().ladder.equity_atoms == 1_000_000_000 - 630_000_000 + 225_000_000
    assert start.cache.markets[0].mark_price_q32 == q32(40_000), "the start stays as it was"
    assert start.collateral_price(1, percent=-50).health().ladder.equity_atoms == 1_112_500_000
    assert start.collateral_price(1, price="62.5").health() == start.collateral_price(1, percent=-50).health()
    # New risk is judged at the worse of mark and average: a jump up does not help at once.
    up = start.price(0, percent=5).health()
    assert up.initial.equity_atoms == start.health().initial.equity_atoms
    assert up.ladder.equity_atoms > start.health().ladder.equity_atoms


def test_orders_count_for_new_risk_alone_and_fills_for_everything() -> None:
    start = scenario(user_with(1_000, 40_000, 1_000), cache_at(40_000))
    more = NewOrder(market="BTC", side="bid", size="0.1", price=40_000)
    ordered = start.order(more).health()
    assert ordered.initial.requirement_atoms == 2 * start.health().initial.requirement_atoms == 200_000_000
    assert ordered.ladder == start.health().ladder
    assert start.order(replace(more, reduce_only=True)).health() == start.health()
    filled = start.fill(more).health()
    # 4 bps of 4,000 dollars.
    assert filled.ladder.equity_atoms == start.health().ladder.equity_atoms - 1_600_000
    assert filled.positions[0].size_lots == 2_000
    made = start.fill(more, maker=True).health()
    assert made.ladder.equity_atoms == start.health().ladder.equity_atoms + 120_000
    busy = replace(start, user=replace(start.user, volume_30d_atoms=10**12, volume_updated_ms=NOW_MS))
    assert busy.fill(more).health().ladder.equity_atoms == start.health().ladder.equity_atoms - 1_200_000
    flat = start.fill(NewOrder(market=0, side="ask", size="0.1", price=40_100)).health()
    assert flat.ladder.maintenance_atoms == 0
    assert flat.ladder.equity_atoms == 1_000_000_000 + 10_000_000 - 1_604_000


def test_money_that_comes_and_goes() -> None:
    start = scenario(user_with(1_000, 40_000, 1_000), cache_at(40_000))
    assert start.deposit("0.000001").health().ladder.quote_atoms == 1_000_000_001
    assert start.deposit(2, 1).health().initial.collateral_atoms == 200_000_000
    assert start.deposit(2, 1).withdraw(2, 1).health() == start.health()
    with pytest.raises(UnitOutOfRange, match="greatest value 1000"):
        start.withdraw("1000.000001")
    with pytest.raises(UnitOutOfRange, match="withdrawn amount 1"):
        start.withdraw(1, 1)
    rows = start.cache.collaterals
    doubled = replace(start.cache, collaterals=(replace(rows[0], debt_index_q48=2 * ONE), *rows[1:]))
    owing = replace(start, cache=doubled, user=replace(start.user, quote_atoms=-100))
    assert owing.health().ladder.quote_atoms == -200
    assert owing.deposit("0.0003").health().ladder.quote_atoms == 100


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda start: start.price("DOGE", percent=1), UnknownMarket),
        (lambda start: start.price(0, percent=-100), UnitOutOfRange),
        (lambda start: start.price(0, price=0), UnitOutOfRange),
        (lambda start: start.price(0), UsageError),
        (lambda start: start.collateral_price(2, percent=1), UnknownCollateral),
        (lambda start: start.fill(NewOrder(market=0, side="bid", size=1)), UsageError),
        (lambda start: start.order(NewOrder(market=0, side="bid", size=1)), UsageError),
    ],
)
def test_changes_that_cannot_be_are_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call(scenario(user_with(1, 40_000, 1), cache_at(40_000)))


def test_distance_to_the_liquidation_price() -> None:
    view = position_views(user_with(9_000, 40_000, 1_000), cache_at(40_000), now_ms=NOW_MS)[0]
    assert view.liquidation_price_q32 is not None
    gap = view.mark_price_q32 - view.liquidation_price_q32
    assert view.liquidation_distance_bps == gap * 10_000 // view.mark_price_q32
    assert 150 < view.liquidation_distance_bps < 160
    below = position_views(user_with(9_000, 40_000, 1_000), cache_at(39_300), now_ms=NOW_MS)[0]
    assert below.liquidation_distance_bps == 0
    safe = position_views(user_with(1, 40_000, 1_000), cache_at(40_000), now_ms=NOW_MS)[0]
    assert (safe.liquidation_price_q32, safe.liquidation_distance_bps) == (None, None)


def test_deleveraging_takes_its_part_of_the_entry() -> None:
    user = user_with(9_000, 40_000, 1_000)
    cache = cache_at(40_000)
    row = replace(cache.markets[0], a=(ONE // 2, ONE))
    view = position_views(user, replace(cache, markets=(row, *cache.markets[1:])), now_ms=NOW_MS)[0]
    assert (view.size_lots, view.entry_atoms) == (4_500, 4_500 * 40_000 * 100)
    assert view.entry_price(lot_size_e9=LOT_SIZE_E9) == 40_000


def test_a_fold_across_two_epochs_is_refused_with_both_numbers() -> None:
    user, cache = user_with(9_000, 40_000, 1_000), cache_at(40_000)
    row = replace(cache.markets[0], epoch=(2, 0))
    with pytest.raises(EpochMismatchError) as caught:
        ladder(user, replace(cache, markets=(row, *cache.markets[1:])), now_ms=NOW_MS)
    assert {0, 2} <= set(caught.value.values.values())


def test_losses_that_a_market_bore_already_are_not_shared_again() -> None:
    user, cache = user_with(9_000, 40_000, 100), cache_at(39_000)
    found = ladder(user, cache, now_ms=NOW_MS)
    assert found.losses_unresolved_atoms == found.losses_atoms == -900_000_000
    resolved = replace(user.positions[0], bankruptcy=Bankruptcy.RESOLVED)
    found = ladder(replace(user, positions=(resolved, *user.positions[1:])), cache, now_ms=NOW_MS)
    assert (found.losses_unresolved_atoms, found.losses_atoms) == (0, -900_000_000)
    assert user.authority == Pubkey.default()
