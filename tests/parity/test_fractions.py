"""The committed vectors satisfy the formulas, stated in exact fractions.

Parity alone would pass if crate and twin shared a misreading; here the outputs are compared with the
definitions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F
from math import ceil, floor, trunc

import formulas as f
import pytest
from vectors import COMMITTED, Vector, VectorFile

FORMULAS: dict[str, Callable[..., tuple[int, ...]]] = {
    "mul_div_floor": lambda a, b, d: (floor(F(a) * b / d),),
    "mul_div_ceil": lambda a, b, d: (ceil(F(a) * b / d),),
    "mul_shift_floor": lambda a, b, n: (floor(F(a) * b / 2**n),),
    "mul_shift_ceil": lambda a, b, n: (ceil(F(a) * b / 2**n),),
    "signed_mul_div_floor": lambda a, b, d: (floor(F(a) * b / d),),
    "signed_mul_div_ceil": lambda a, b, d: (ceil(F(a) * b / d),),
    "signed_mul_div_trunc": lambda a, b, d: (trunc(F(a) * b / d),),
    "signed_mul_shift_floor": lambda a, b, n: (floor(F(a) * b / 2**n),),
    "signed_mul_shift_ceil": lambda a, b, n: (ceil(F(a) * b / 2**n),),
    "div_floor": lambda a, d: (floor(F(a, d)),),
    "div_ceil": lambda a, d: (ceil(F(a, d)),),
    "div_trunc": lambda a, d: (trunc(F(a, d)),),
    "price_from_ticks": lambda ticks, tick: (ticks * tick * f.Q32,),
    "ticks_floor": lambda price, tick: (floor(F(price, f.Q32) / tick),),
    "ticks_ceil": lambda price, tick: (ceil(F(price, f.Q32) / tick),),
    "price_below_floor": lambda price, bps: (max(0, floor(price * (1 - F(bps, f.BPS)))),),
    "price_below_ceil": lambda price, bps: (max(0, ceil(price * (1 - F(bps, f.BPS)))),),
    "price_above_floor": lambda price, bps: (floor(price * (1 + F(bps, f.BPS))),),
    "ratio_floor": lambda atoms, bps: (floor(atoms * F(bps, f.BPS)),),
    "ratio_ceil": lambda atoms, bps: (ceil(atoms * F(bps, f.BPS)),),
    "usd_ceil": lambda atoms: (f.usd(atoms),),
    "fill_notional": lambda lots, ticks, tick: (abs(lots) * ticks * tick,),
    "notional_floor": lambda lots, price: (floor(abs(lots) * F(price, f.Q32)),),
    "notional_ceil": lambda lots, price: (ceil(abs(lots) * F(price, f.Q32)),),
    "signed_value_floor": lambda lots, price: (floor(lots * F(price, f.Q32)),),
    "position_value": lambda lots, price, cash: (floor(lots * F(price, f.Q32) + cash),),
    "unrealised": lambda lots, price, entry: (floor(lots * F(price, f.Q32) - entry),),
    "realised": lambda cash, entry: (cash + entry,),
    "worse_price": lambda lots, mark, twap: (max(mark, twap) if lots < 0 else min(mark, twap),),
    "remaining_entry": lambda entry, left, size: (floor(F(entry) * abs(left) / abs(size)) if left and entry else 0,),
    "apply_fill": f.apply_fill,
    "apply_transfer": f.apply_transfer,
    "fold": f.fold,
    "fold_cached": f.fold_cached,
    "dropped_value": f.dropped_value,
    "accrue_funding": f.accrue_funding,
    "deleverage": f.deleverage,
    "next_epoch": lambda a, j, before, epoch, held: (2**48, 0, j, epoch + 1),
    "tier_ratio": lambda *v: (f.tier_ratio(*v),),
    "open_interest_ratio": f.open_interest_ratio,
    "margin_ratio": lambda *v: (f.margin_ratio(*v),),
    "requirement": lambda notional, bps: (ceil(notional * F(bps, f.BPS)),),
    "weighted_value": lambda value, bps: (value if value <= 0 else floor(value * F(bps, f.BPS)),),
    "solvency_envelope_holds": lambda im, mm, stress, fee, insurance: (
        int(F(mm) >= stress + fee + insurance + F(6, 8) * (im - mm) / 60),
    ),
    "increase_lots": lambda size, change: (max(0, abs(size + change) - abs(size)),),
    "bid_reserve": lambda lots, ticks, mark, tick: (ceil(abs(lots) * max(F(0), ticks * tick - F(mark, f.Q32))),),
    "ask_reserve": lambda lots, ticks, mark, tick: (ceil(abs(lots) * max(F(0), F(mark, f.Q32) - ticks * tick)),),
    "position_margin": f.position_margin,
    "collateral_value": lambda amount, price: (floor(amount * F(price, f.Q48)),),
    "price_less_confidence": lambda price, confidence: (max(0, price - confidence),),
    "stale_price": lambda twap: (floor(twap * F(9, 10)),),
    "weighted_collateral": lambda value, bps: (floor(value * F(bps, f.BPS)),),
    "scaled_weight": f.scaled_weight,
    "premium": f.premium,
    "accumulate_premium": lambda total, ms, premium, more: (total + premium * more, ms + more),
    "average_premium": lambda total, ms: (trunc(F(total, ms)) if ms else 0,),
    "hourly_rate": lambda premium, *margins: f.hourly_rate_with(premium, 100_000, *margins),
    "hourly_rate_with": f.hourly_rate_with,
    "median": lambda *prices: (sorted(prices)[1],),
    "clamp_to_radius": lambda price, index, bps: (f.around(price, index, bps),),
    "update_basis": f.update_basis,
    "mark_price": f.mark_price,
    "update_twap": f.update_twap,
    "normalise": f.scaled,
    "price_per_lot": lambda mantissa, exponent, units, decimals, up: f.scaled(
        mantissa, units, exponent + 6 - decimals, 32, up
    ),
    "collateral_price": lambda mantissa, exponent, decimals, up: f.scaled(mantissa, 1, exponent + 6 - decimals, 48, up),
    "validity": f.validity,
    "scaled_band": lambda base, volatility, reference: (f.band_width(base, volatility, reference),),
    "price_band": f.price_band,
    "update_volatility": f.update_volatility,
    "breaker_trips": lambda reference, price, bps: (int(abs(F(price) / reference - 1) > F(bps, f.BPS)),),
    "ramp": lambda *v: (f.ramp(*v),),
    "taker_limit": f.taker_limit,
    "market_order_limit": lambda *v: (f.limit(*v),),
    "pegged_ticks": lambda side, index, offset, tick: (
        (floor if side == 0 else ceil)(F(index, f.Q32) / tick) + offset,
    ),
    "exceeds_slippage": lambda side, price, index, bps: (
        int((F(price) / index - 1) * (1 if side == 0 else -1) > F(bps, f.BPS)),
    ),
    "fee": lambda notional, ppm: (ceil(notional * F(ppm, 10**6)),),
    "discounted_fee": lambda fee, bps: (ceil(fee * (1 - F(bps, f.BPS))),),
    "fee_tier": lambda volume, *bounds: (max([0, *(n for n in range(1, 4) if volume >= bounds[n])]),),
    "keeper_share": lambda fee, *rest: f.keeper_share_at(fee, 1_000, *rest),
    "keeper_share_at": f.keeper_share_at,
    "split_fee": f.split_fee,
    "decayed_volume": lambda volume, ms: (floor(volume * max(F(0), 1 - F(ms, 30 * 86_400_000))),),
    "shortage": lambda equity, need, notional: (max(0, need + ceil(notional * F(2, 100)) - equity),),
    "open_fraction": lambda ms: (floor(2_000 + 8_000 * F(f.clamp(ms, 0, 60_000), 60_000)),),
    "liquidation_amount": f.liquidation_amount,
    "aged_fee": lambda bps, ms: (floor(bps * (1 + F(f.clamp(ms, 0, 60_000), 60_000))),),
    "aged_discount": f.aged_discount,
    "sale": f.sale,
    "liquidation_fees": f.liquidation_fees,
    "bankruptcy_price": f.bankruptcy_price,
    "deficit_share": lambda deficit, loss, losses: (ceil(F(deficit) * loss / losses),),
    "liquidation_price": f.liquidation_price,
    "accrue_interest": lambda index, rate, ms: (ceil(index * (1 + F(rate, 10**9) * F(ms, 3_600_000))),),
    "balance_with_interest": lambda balance, snapshot, index: (
        floor(F(balance) * index / snapshot) if balance < 0 else balance,
    ),
    "max_new_debt": f.max_new_debt,
    "settle": f.settle,
    "pro_rata": lambda profit, pool, profits: (floor(profit * min(F(pool, profits), F(1))) if profits else profit,),
}

# Not arithmetic: a definition by its own steps, an order, a table.
WITHOUT_FORMULA = {"order_hash", "compare_orders", "is_allowed"}


@pytest.fixture(scope="module")
def by_function() -> dict[str, list[Vector]]:
    vectors: dict[str, list[Vector]] = {}
    for vector in VectorFile(COMMITTED):
        if vector.error == 0:
            vectors.setdefault(vector.function, []).append(vector)
    return vectors


def test_every_arithmetic_function_has_a_formula(by_function: dict[str, list[Vector]]) -> None:
    assert set(by_function) == set(FORMULAS) | WITHOUT_FORMULA


@pytest.mark.parametrize("name", FORMULAS)
def test_the_outputs_are_what_the_formula_says(name: str, by_function: dict[str, list[Vector]]) -> None:
    wrong = [
        f"{vector} but the formula says {demanded}"
        for vector in by_function[name]
        if (demanded := FORMULAS[name](*vector.inputs)) != vector.outputs
    ]
    assert wrong == []
