"""How a vector's flat integers become a call of the engine's numba kernels; None where the kernel refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evertide_engine import folding, funding, hashing, margin_kernels, mark, prices, wide
from evertide_engine._generated.constants import MAX_ATOMS
from evertide_engine._generated.layouts import MARKET_ROW, POSITION

U, S = np.uint64, np.int64
Answer = tuple[int, ...] | None
INDEX_ONE = 1 << 48
U16, U32, U64 = 1 << 16, 1 << 32, 1 << 64
PRICE_LIMIT = 1 << 62
NONE = -1


def _fitting(found: tuple[Any, bool]) -> Answer:
    value, ok = found
    return (int(value),) if ok else None


def _not_negative(found: Any) -> Answer:
    return None if found < 0 else (int(found),)


def _halves(value: int) -> tuple[np.int64, np.uint64]:
    return S(value >> 64), U(value & (2**64 - 1))


def _shift(kernel: Callable[..., tuple[Any, bool]]) -> Callable[..., Answer]:
    return lambda left, right, bits: _fitting(kernel(U(left), U(right), U(bits)))


def _divide(kernel: Callable[..., tuple[Any, bool]], convert: Callable[[int], Any]) -> Callable[..., Answer]:
    return lambda left, right, divisor: _fitting(kernel(convert(left), U(right), U(divisor)))


def _order_hash(slot: int, *rest: int) -> Answer:
    words = np.array(rest[:4], dtype=np.uint64)
    return (int(hashing.order_hash(U(slot), words, U(rest[4]))),)


def _fold_cached(basis: int, a0: int, j0: int, e0: int, a: int, j: int, j_before: int, e: int) -> Answer:
    kind = folding.fold_kind(S(basis), U(a0), S(e0), U(a), S(e))
    if kind < 0:
        return None
    if kind == folding.KEPT:
        return basis, 0, 0
    size, dropped, fits = folding.fold_size(S(basis), U(a), U(a0)) if kind == folding.FOLDED else (0, 0, True)
    now = j if kind == folding.FOLDED else j_before
    cash, ok = folding.fold_cash(S(basis), *_halves(now), *_halves(j0), U(a0))
    inside = -(2**60) <= cash <= 2**60
    return (int(size), int(cash), int(dropped)) if fits and ok and inside else None


def _taker_limit(side: int, index: int, own: int, ms: int, phase: int, tick: int) -> Answer:
    return _not_negative(prices.taker_limit(side == 1, U(index), S(0), S(own), S(ms), S(phase), U(tick)))


def _tier_ratio(notional: int, *points: int) -> Answer:
    bounds, ratios = np.array(points[:4], dtype=np.uint32), np.array(points[4:], dtype=np.uint16)
    return _not_negative(margin_kernels.size_ratio(S(notional), bounds, ratios))


def _row(points: tuple[int, ...], open_interest_bps: int, weight_bps: int, mark: int, twap: int) -> Any:
    row = np.zeros(1, dtype=MARKET_ROW)[0]
    row["tier_bound_usd"], row["tier_ratio_bps"] = points[:4], points[4:8]
    row["open_interest_ratio_bps"], row["profit_weight_bps"] = open_interest_bps, weight_bps
    row["mark_price_q32"], row["twap_price_q32"] = mark, twap
    row["a"] = INDEX_ONE
    return row


def _margin_ratio(notional: int, *rest: int) -> Answer:
    row = _row(rest[:8], rest[8], 0, 1, 1)
    return _not_negative(margin_kernels.margin_ratio(S(rest[11]), S(notional), row, S(rest[9])))


def _position_margin(*v: int) -> Answer:
    position = np.zeros(1, dtype=POSITION)[0]
    position["basis_lots"], position["cash_atoms"], position["a_snapshot"] = v[0], v[1], INDEX_ONE
    position["open_bid_lots"], position["open_ask_lots"] = v[2], v[3]
    position["max_bid_ticks"], position["min_ask_ticks"], position["atoms_per_lot_tick"] = v[4], v[5], v[8]
    row = _row(v[9:17], v[17], v[19], v[6], v[7])
    status, _, equity, _, demanded = margin_kernels.position_part(S(v[20]), position, S(v[18]), row)
    return (int(equity), int(demanded)) if status == margin_kernels.VALUED else None


def _above(price: int, ratio: int) -> Answer:
    return _fitting(prices.above_floor(U(price), S(ratio)))


def _price_of_ticks(ticks: int, tick: int) -> Answer:
    price = int(prices.price_of_ticks(U(ticks), U(tick)))
    # 0 stands for "beyond the guard" except where it is the price.
    return (price,) if price or ticks == 0 or tick == 0 else None


def _price(found: Any) -> Answer:
    """A price within its guard."""
    return (int(found),) if 0 <= int(found) < PRICE_LIMIT else None


def _optional(value: int) -> np.uint64:
    """A price where none is -1, as the kernels take it: none is 0."""
    return U(0 if value == NONE else value)


def _accrue_funding(
    long_a: int, long_j: int, short_a: int, short_j: int, rate: int, index: int, elapsed: int, carried: int
) -> Answer:
    words = [_halves(long_j), _halves(short_j)]
    high, low = (np.array([[pair[word] for pair in words]]) for word in (0, 1))
    remainder = np.array([carried], S)
    factors = np.array([[long_a, short_a]], U)
    one = [np.array([value], kind) for value, kind in ((rate, S), (index, U), (elapsed, S))]
    if not funding.accrue(factors, high, low, *one, remainder)[0]:
        return None
    moved = [(int(high[0, side]) << 64) + int(low[0, side]) for side in (0, 1)]
    return (*moved, int(remainder[0]))


def _accumulate_premium(*v: int) -> Answer:
    total, elapsed, ok = funding.accumulate(*map(S, v))
    return (int(total), int(elapsed)) if ok else None


def _reserve(lots: int, ticks: int, mark_q32: int, tick: int, is_ask: bool) -> Answer:
    worst = _price_of_ticks(ticks, tick)
    if lots == 0:
        return (0,)
    if worst is None:
        return None
    loss = mark_q32 - worst[0] if is_ask else worst[0] - mark_q32
    return _fitting(margin_kernels.reserve(U(lots), U(max(loss, 0))))


def _collateral_value(amount: int, price_q48: int) -> Answer:
    found = _fitting(wide.multiply_shift_floor(U(amount), U(price_q48), margin_kernels.ASSET_SHIFT))
    return found if found is not None and found[0] <= MAX_ATOMS else None


KERNELS: dict[str, Callable[..., Answer]] = {
    "mul_div_floor": _divide(wide.multiply_divide_floor, U),
    "mul_div_ceil": _divide(wide.multiply_divide_ceil, U),
    "signed_mul_div_floor": _divide(wide.signed_multiply_divide_floor, S),
    "mul_shift_floor": _shift(wide.multiply_shift_floor),
    "mul_shift_ceil": _shift(wide.multiply_shift_ceil),
    "order_hash": _order_hash,
    "fold_cached": _fold_cached,
    "dropped_value": lambda basis, dropped, price: (int(folding.dropped_value(S(basis), U(dropped), U(price))),),
    "price_from_ticks": _price_of_ticks,
    "ticks_floor": lambda price, tick: _not_negative(prices.ticks_floor(U(price), U(tick))),
    "ticks_ceil": lambda price, tick: _not_negative(prices.ticks_ceil(U(price), U(tick))),
    "price_below_ceil": lambda price, ratio: (int(prices.below_ceil(U(price), S(ratio))),),
    "price_above_floor": _above,
    "market_order_limit": lambda side, index, bps, tick: _not_negative(
        prices.offset_limit(side == 1, U(index), S(bps), U(tick))
    ),
    "pegged_ticks": lambda side, index, offset, tick: _not_negative(
        prices.pegged_ticks(side == 1, U(index), S(offset), U(tick))
    ),
    "ramp": lambda *v: _not_negative(prices.ramp(*map(S, v))),
    "taker_limit": _taker_limit,
    "exceeds_slippage": lambda side, price, index, bps: (
        int(prices.exceeds_slippage(side == 1, U(price), U(index), S(bps))),
    ),
    "notional_ceil": lambda lots, price: _fitting(margin_kernels.notional_ceil(U(abs(lots)), U(price))),
    "signed_value_floor": lambda lots, price: _fitting(margin_kernels.signed_value_floor(S(lots), U(price))),
    "tier_ratio": _tier_ratio,
    "margin_ratio": _margin_ratio,
    "requirement": lambda notional, bps: (int(margin_kernels.requirement(S(notional), S(bps))),),
    "weighted_collateral": lambda value, bps: (int(margin_kernels.weigh_floor(S(value), S(bps))),),
    "balance_with_interest": lambda balance, snapshot, index: _fitting(
        margin_kernels.balance_with_interest(S(balance), U(snapshot), U(index))
    ),
    "position_margin": _position_margin,
    "bid_reserve": lambda lots, ticks, mark_q32, tick: _reserve(lots, ticks, mark_q32, tick, False),
    "ask_reserve": lambda lots, ticks, mark_q32, tick: _reserve(lots, ticks, mark_q32, tick, True),
    "collateral_value": _collateral_value,
    "scaled_weight": lambda full, least, balance, cap: (
        int(margin_kernels.scaled_weight(S(full), S(least), U(balance), U(cap))),
    ),
    "premium": lambda bid, ask, index: (int(funding.premium(_optional(bid), _optional(ask), U(index))),),
    "accumulate_premium": _accumulate_premium,
    "average_premium": lambda total, elapsed: (int(funding.average(S(total), S(elapsed))),),
    "hourly_rate": lambda premium, initial, maintenance: (
        int(funding.hourly_rate(S(premium), S(initial), S(maintenance))),
    ),
    "hourly_rate_with": lambda premium, interest, initial, maintenance: (
        int(funding.hourly_rate_with(S(premium), S(interest), S(initial), S(maintenance))),
    ),
    "accrue_funding": _accrue_funding,
    "median": lambda *v: (int(mark.median(*map(U, v))),),
    "clamp_to_radius": lambda price, index, bps: _price(mark.clamp_to_radius(U(price), U(index), S(bps))),
    "update_basis": lambda basis, mid, index, ms: (int(mark.update_basis(S(basis), _optional(mid), U(index), S(ms))),),
    "mark_price": lambda index, basis, bid, ask, last, bps: _price(
        mark.mark_price(U(index), S(basis), _optional(bid), _optional(ask), _optional(last), S(bps))
    ),
    "update_twap": lambda twap, sample, ms, window, bps: _price(
        mark.update_twap(U(twap), U(sample), S(ms), S(window), S(bps))
    ),
}

OPTIONAL_AT = {"premium": (0, 1), "update_basis": (1,), "mark_price": (2, 3, 4)}
"""Inputs that are prices or none."""


def in_domain(name: str, inputs: tuple[int, ...]) -> bool:
    """Whether a kernel can be asked at all: it reads typed fields, and some states no account can have."""
    if name in ("mul_shift_floor", "mul_shift_ceil"):
        return 0 < inputs[2] < 64
    if name == "requirement":
        return inputs[0] <= 2**53
    if name == "weighted_collateral":
        return inputs[1] <= 10_000
    if name == "tier_ratio":
        return all(bound < U32 for bound in inputs[1:5]) and all(ratio < U16 for ratio in inputs[5:])
    if name == "margin_ratio":
        return inputs[9] < U16
    if name in OPTIONAL_AT:
        # Where a kernel is told 0 there is no price; a live order's is never 0.
        return all(inputs[at] != 0 for at in OPTIONAL_AT[name])
    if name == "average_premium":
        return inputs[1] >= 0  # No market has a negative time,
    if name in ("bid_reserve", "ask_reserve"):
        return inputs[0] >= 0  # and no account a negative number of open lots.
    if name == "position_margin":
        # A mark or TWAP of zero means "not priced" in a row; the crate is never asked then.
        return inputs[17] < U16 and inputs[18] < U16 and inputs[19] < U16 and inputs[6] > 0 and inputs[7] > 0
    return True
