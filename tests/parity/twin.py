"""How a vector's flat integers become a call of the Python twin, by the function's name in the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import partial

from evertide import math

Call = Callable[..., tuple[int, ...]]


def _one(function: Callable[..., int | bool]) -> Call:
    return lambda *values: (int(function(*values)),)


def _optional(value: int) -> int | None:
    return None if value == -1 else value


def _flat(result: object) -> tuple[int, ...]:
    return tuple(int(part) for part in astuple(result))  # type: ignore[call-overload]


def _filled(function: Callable[..., math.Filled], size: int, cash: int, entry: int, *rest_of: int) -> tuple[int, ...]:
    filled = function(math.Holding(size, cash, entry), *rest_of)
    rest = (filled.notional_atoms, filled.closed_lots, filled.opened_lots, filled.realised_atoms)
    return (*_flat(filled.holding), *rest)


def _order_hash(slot: int, first: int, second: int, third: int, fourth: int, order_id: int) -> tuple[int, ...]:
    for word in (first, second, third, fourth):
        if not 0 <= word < 2**64:
            raise math.OutOfRangeError("a word of the key is a u64", word=word)
    key = b"".join(word.to_bytes(8, "little") for word in (first, second, third, fourth))
    return (math.order_hash(slot, key, order_id),)


def _compare(side: int, *ranks: int) -> tuple[int, ...]:
    return (math.compare_orders(side, math.OrderRank(*ranks[:3]), math.OrderRank(*ranks[3:])),)


def _price_band(
    index: int, twap: int, index_band: int, twap_band: int, volatility: int, reference: int, tick_value: int
) -> tuple[int, ...]:
    terms = math.BandTerms(index_band, twap_band, reference)
    return _flat(math.price_band(index, twap, terms, volatility, tick_value))


def _fee_tier(volume: int, *bounds: int) -> tuple[int, ...]:
    tiers = [math.FeeTier(bound, number, 0) for number, bound in enumerate(bounds)]
    return (math.fee_tier(tiers, volume).taker_ppm,)


def _keeper_share(fee: int, least: int, most: int, age: int) -> tuple[int, ...]:
    return (math.keeper_share(fee, math.KeeperBounds(least, most), age),)


def _fold(function: Callable[[math.Snapshot, math.SideIndex], math.Folded]) -> Call:
    return lambda *v: _flat(function(math.Snapshot(*v[:4]), math.SideIndex(*v[4:])))


def _accrue_funding(
    long_a: int, long_j: int, short_a: int, short_j: int, rate: int, index: int, elapsed: int, remainder: int
) -> tuple[int, ...]:
    long, short = math.SideIndex(long_a, long_j), math.SideIndex(short_a, short_j)
    accrued = math.accrue_funding(long, short, rate, index, elapsed, remainder)
    return accrued.long.j, accrued.short.j, accrued.remainder


def _deleverage(a: int, j: int, is_long: int, open_interest: int, closed: int, price: int) -> tuple[int, ...]:
    after = math.deleverage(math.SideIndex(a, j), is_long == 1, open_interest, closed, price)
    return after.a, after.j


def _tiers(bounds_and_ratios: tuple[int, ...]) -> math.MarginTiers:
    first, second, third, fourth, *ratios = bounds_and_ratios
    return math.MarginTiers((first, second, third, fourth), (ratios[0], ratios[1], ratios[2], ratios[3]))


def _margin_ratio(notional: int, *rest: int) -> tuple[int, ...]:
    math.ratio_floor(notional, 0)
    terms = math.MarginTerms(_tiers(rest[:8]), *rest[8:11])
    return (terms.ratio_bps(math.MarginKind(rest[11]), notional),)


def _tier_ratio(notional: int, *rest: int) -> tuple[int, ...]:
    math.ratio_floor(notional, 0)
    return (_tiers(rest).ratio_bps(notional),)


def _position_margin(*v: int) -> tuple[int, ...]:
    math.ratio_floor(v[1], 0)
    orders = math.OpenOrders(*v[2:6])
    for value in (v[6], v[7]):
        math.price_below_floor(value, 0)
    math.increase_lots(v[0], 0)
    math.price_from_ticks(0, v[8])
    terms = math.MarginTerms(_tiers(v[9:17]), *v[17:20])
    position = math.PositionInput(v[0], v[1], orders, v[6], v[7], v[8], terms)
    return _flat(math.position_margin(math.MarginKind(v[20]), position))


def _bid_reserve(lots: int, ticks: int, mark: int, tick_value: int) -> tuple[int, ...]:
    return (math.bid_reserve(math.OpenOrders(bid_lots=lots, max_bid_ticks=ticks), mark, tick_value),)


def _ask_reserve(lots: int, ticks: int, mark: int, tick_value: int) -> tuple[int, ...]:
    return (math.ask_reserve(math.OpenOrders(ask_lots=lots, min_ask_ticks=ticks), mark, tick_value),)


def _premium(bid: int, ask: int, index: int) -> tuple[int, ...]:
    return (math.premium(_optional(bid), _optional(ask), index),)


def _mark_price(index: int, basis: int, bid: int, ask: int, last: int, radius: int) -> tuple[int, ...]:
    inputs = math.MarkInputs(index, basis, _optional(bid), _optional(ask), _optional(last), radius)
    return (math.mark_price(inputs),)


def _update_basis(basis: int, mid: int, index: int, elapsed: int) -> tuple[int, ...]:
    return (math.update_basis(basis, _optional(mid), index, elapsed),)


def _validity(*v: int) -> tuple[int, ...]:
    return (math.validity(math.OracleReading(*v[:5]), math.OracleRules(*v[5:])),)


def _liquidation_price(size: int, mark: int, excess: int, maintenance: int) -> tuple[int, ...]:
    price = math.liquidation_price(size, mark, excess, maintenance)
    return (-1 if price is None else price,)


# Functions whose arguments are the vector's own, in order.
_DIRECT = (
    "mul_div_floor",
    "mul_div_ceil",
    "mul_shift_floor",
    "mul_shift_ceil",
    "signed_mul_div_floor",
    "signed_mul_div_ceil",
    "signed_mul_div_trunc",
    "signed_mul_shift_floor",
    "signed_mul_shift_ceil",
    "div_floor",
    "div_ceil",
    "div_trunc",
    "price_from_ticks",
    "ticks_floor",
    "ticks_ceil",
    "price_below_floor",
    "price_below_ceil",
    "price_above_floor",
    "ratio_floor",
    "ratio_ceil",
    "usd_ceil",
    "fill_notional",
    "notional_floor",
    "notional_ceil",
    "signed_value_floor",
    "realised",
    "worse_price",
    "remaining_entry",
    "breaker_trips",
    "update_volatility",
    "ramp",
    "taker_limit",
    "market_order_limit",
    "pegged_ticks",
    "exceeds_slippage",
    "fee",
    "discounted_fee",
    "decayed_volume",
    "requirement",
    "weighted_value",
    "solvency_envelope_holds",
    "increase_lots",
    "shortage",
    "dropped_value",
    "deficit_share",
    "accrue_interest",
    "balance_with_interest",
    "pro_rata",
    "hourly_rate",
    "median",
    "clamp_to_radius",
    "update_twap",
    "collateral_value",
    "price_less_confidence",
    "stale_price",
    "weighted_collateral",
    "scaled_weight",
)

TWIN: dict[str, Call] = {name: _one(getattr(math, name)) for name in _DIRECT}
TWIN |= {
    "position_value": lambda size, price, cash: (math.position_value(size, cash, price),),
    "unrealised": lambda size, price, entry: (math.unrealised(size, entry, price),),
    "scaled_band": _one(math.scaled_band_bps),
    "open_interest_ratio": _one(math.open_interest_ratio_bps),
    "aged_discount": _one(math.aged_discount_bps),
    "sale": lambda *v: _flat(math.collateral_sale(*v)),
    "open_fraction": _one(math.open_fraction_bps),
    "aged_fee": _one(math.aged_fee_bps),
    "apply_fill": partial(_filled, math.apply_fill),
    "apply_transfer": partial(_filled, math.apply_transfer),
    "order_hash": _order_hash,
    "compare_orders": _compare,
    "price_band": _price_band,
    "fee_tier": _fee_tier,
    "keeper_share": _keeper_share,
    "keeper_share_at": lambda fee, share, least, most, age: (
        math.keeper_share(fee, math.KeeperBounds(least, most), age, share),
    ),
    "split_fee": lambda *claims: _flat(math.split_fee(math.FeeClaims(*claims))),
    "fold": _fold(math.fold),
    "fold_cached": _fold(math.fold_cached),
    "accrue_funding": _accrue_funding,
    "deleverage": _deleverage,
    "next_epoch": lambda *v: _flat(math.SideIndex(*v[:4]).next_epoch(v[4])),
    "premium": _premium,
    "accumulate_premium": lambda *v: _flat(math.PremiumAverage(*v[:2]).accumulate(*v[2:])),
    "average_premium": lambda *v: (math.PremiumAverage(*v).average(),),
    "max_new_debt": lambda *v: (math.max_new_debt(math.DebtLimits(*v)),),
    "settle": lambda *v: _flat(math.settle(math.SettleInput(*v[:5]), v[5])),
    "update_basis": _update_basis,
    "mark_price": _mark_price,
    "normalise": lambda *v: (math.normalise(*v[:4], up=v[4] == 1),),
    "price_per_lot": lambda *v: (math.price_per_lot(*v[:4], up=v[4] == 1),),
    "collateral_price": lambda *v: (math.collateral_price(*v[:3], up=v[3] == 1),),
    "validity": _validity,
    "is_allowed": lambda action, bits: (int(math.is_allowed(math.OracleAction(action), bits)),),
    "tier_ratio": _tier_ratio,
    "margin_ratio": _margin_ratio,
    "bid_reserve": _bid_reserve,
    "ask_reserve": _ask_reserve,
    "position_margin": _position_margin,
    "liquidation_amount": lambda *v: (math.liquidation_amount(math.LiquidationInput(*v[:8], v[8] == 1)),),
    "liquidation_fees": lambda *v: _flat(math.liquidation_fees(*v)),
    "bankruptcy_price": lambda *v: _flat(math.bankruptcy_price(*v)),
    "liquidation_price": _liquidation_price,
    "hourly_rate_with": lambda premium, interest, *margins: (math.hourly_rate(premium, *margins, interest),),
}
