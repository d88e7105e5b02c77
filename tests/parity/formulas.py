"""The formulas as statements about exact fractions, written from their definitions.

Nothing here is shared with the twin or the program: no guard, no fixed point, no helper. Each function takes
the raw inputs of a vector and returns the outputs that the formula demands.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction as F
from math import ceil, floor, trunc

Q32, Q48 = 2**32, 2**48
USD = 1_000_000
BPS = 10_000
Formula = Callable[..., tuple[int, ...]]


def clamp(value: F | int, low: F | int, high: F | int) -> F | int:
    return max(low, min(value, high))


def usd(atoms: int) -> int:
    return max(0, ceil(F(atoms, USD)))


# Fills: cash pays, entry is the cost of what is open, a reduction keeps its proportion.
def apply_fill(size: int, cash: int, entry: int, side: int, lots: int, ticks: int, tick: int) -> tuple[int, ...]:
    signed = lots if side == 0 else -lots
    after = size + signed
    closed = min(abs(size), lots) if size * signed < 0 else 0
    if closed == 0:
        new_entry = entry + signed * ticks * tick
    elif after * size > 0:
        new_entry = floor(F(entry) * F(abs(after), abs(size)))
    else:
        new_entry = after * ticks * tick
    new_cash = cash - signed * ticks * tick
    gained = (new_cash + new_entry) - (cash + entry)
    return after, new_cash, new_entry, lots * ticks * tick, closed, lots - closed, gained


def apply_transfer(size: int, cash: int, entry: int, change: int, paid: int) -> tuple[int, ...]:
    after = size + change
    closed = min(abs(size), abs(change)) if size * change < 0 else 0
    if closed == 0:
        new_entry = entry + paid
    elif after * size > 0:
        new_entry = floor(F(entry) * F(abs(after), abs(size)))
    else:
        new_entry = floor(F(paid, change) * after)
    gained = (cash - paid + new_entry) - (cash + entry)
    return after, cash - paid, new_entry, abs(paid), closed, abs(change) - closed, gained


def fold(basis: int, a0: int, j0: int, e0: int, a: int, j: int, j_before: int, e: int) -> tuple[int, ...]:
    if basis == 0:
        return 0, 0, 0
    now, cash_index = (a, j) if e == e0 else (0, j_before)
    exact = F(basis) * F(now, a0)
    size = trunc(exact)
    dropped = abs(exact - size) * 2**16
    return size, floor(F(basis) * (cash_index - j0) / a0), ceil(dropped) if basis < 0 else floor(dropped)


def fold_cached(basis: int, a0: int, j0: int, e0: int, a: int, j: int, j_before: int, e: int) -> tuple[int, ...]:
    if (e0, -a0) > (e, -a):
        return basis, 0, 0
    return fold(basis, a0, j0, e0, a, j, j_before, e)


def accrue_funding(
    a_long: int, j_long: int, a_short: int, j_short: int, rate: int, index: int, ms: int, carried: int
) -> tuple[int, ...]:
    # Carried remainders are in Q48 atoms per lot over 5^14 * 9, what is left of 1e9 * 3.6e6 after 2^16.
    unit = 9 * 5**14
    exact = F(rate, 10**9) * F(index, Q32) * F(ms, 3_600_000) * Q48 + F(carried, unit)
    charge = floor(exact)
    long = j_long - ceil(charge * F(a_long, Q48))
    short = j_short - floor(charge * F(a_short, Q48))
    return long, short, int((exact - charge) * unit)


def deleverage(a: int, j: int, is_long: int, open_lots: int, closed: int, price: int) -> tuple[int, ...]:
    after = floor(F(a) * F(open_lots - closed, open_lots))
    moved = F(price, Q32) * (a - after)
    return after, j + (floor(moved) if is_long else ceil(moved))


def dropped_value(basis: int, dropped: int, price: int) -> tuple[int, ...]:
    return (floor(F(-dropped if basis < 0 else dropped, 2**16) * F(price, Q32)),)


# Margin.
def tier_ratio(notional: int, *points: int) -> int:
    dollars, bounds, ratios = usd(notional), points[:4], points[4:8]
    if dollars > 2 * bounds[3]:
        return BPS
    if dollars >= bounds[3]:
        return ratios[3]
    if dollars <= bounds[0]:
        return ratios[0]
    above = next(number for number in range(1, 4) if dollars <= bounds[number])
    run, rise = bounds[above] - bounds[above - 1], ratios[above] - ratios[above - 1]
    return ceil(ratios[above - 1] + F(rise, run) * (dollars - bounds[above - 1]))


def open_interest_ratio(notional: int, lower: int, upper: int) -> tuple[int, ...]:
    dollars = usd(notional)
    if dollars <= lower:
        return (0,)
    return (ceil(clamp(F(dollars - lower, upper - lower), 0, 1) * BPS) if upper > lower else BPS,)


def margin_ratio(notional: int, *rest: int) -> int:
    size_ratio = tier_ratio(notional, *rest[:8])
    kind, initial = rest[11], max(size_ratio, rest[8], rest[9])
    fractions = {2: F(3, 4), 3: F(1, 2), 4: F(1, 4), 5: F(1, 10)}
    if kind == 1:
        return ceil(F(initial + ceil(size_ratio * F(1, 2)), 2))
    return ceil(size_ratio * fractions[kind]) if kind in fractions else initial


def position_margin(*v: int) -> tuple[int, ...]:
    size, cash, bid, ask, max_bid, min_ask, mark, twap, tick = v[:9]
    tiers_and_terms, kind = v[9:20], v[20]
    strict, orders_count = kind in (0, 6), kind in (0, 1, 6)
    price = (min(mark, twap) if size >= 0 else max(mark, twap)) if strict else mark
    value = floor(F(size * price, Q32)) + cash
    weight = {0: F(v[19], BPS), 1: F(v[19], BPS), 6: F(0)}.get(kind, F(1))
    equity = value if value <= 0 else floor(value * weight)

    def need(lots: int) -> int:
        notional = ceil(F(lots * mark, Q32))
        return ceil(notional * F(margin_ratio(notional, *tiers_and_terms, kind), BPS))

    if not orders_count:
        return equity, need(abs(size))
    lost_buying = ceil(F(bid) * max(F(0), max_bid * tick - F(mark, Q32)))
    lost_selling = ceil(F(ask) * max(F(0), F(mark, Q32) - min_ask * tick))
    by_bids = need(max(abs(size), abs(size + bid))) + lost_buying
    by_asks = need(max(abs(size), abs(size - ask))) + lost_selling
    return equity, max(by_bids, by_asks)


# Mark, oracle, bands.
def around(price: int, center: int, radius: int) -> int:
    low, high = ceil(center * (1 - F(radius, BPS))), floor(center * (1 + F(radius, BPS)))
    return min(max(price, max(low, 0)), high, 2**62 - 1)


def mark_price(index: int, basis: int, bid: int, ask: int, last: int, radius: int) -> tuple[int, ...]:
    first = around(max(0, min(index + basis, 2**62 - 1)), index, radius)
    if bid == -1 or ask == -1:
        return (first,)
    book = floor(F(bid + ask, 2)) if last == -1 else sorted((bid, ask, last))[1]
    return (sorted((first, around(book, index, radius), index))[1],)


def update_basis(basis: int, mid: int, index: int, ms: int) -> tuple[int, ...]:
    target = 0 if mid == -1 else mid - index
    move = (target - basis) * min(F(ms, 150_000), F(1))
    return (basis + (ceil(move) if move > 0 else floor(move)),)


def update_twap(twap: int, sample: int, ms: int, window: int, step: int) -> tuple[int, ...]:
    if twap == 0:
        return (sample,)
    return (twap + trunc((around(sample, twap, step) - twap) * min(F(ms, window), F(1))),)


def premium(bid: int, ask: int, index: int) -> tuple[int, ...]:
    if bid == -1 or ask == -1:
        return (0,)
    ratio = F(max(bid - index, 0) - max(index - ask, 0), index)
    return (trunc(clamp(ratio, -1, 1) * 10**9),)


def hourly_rate_with(premium: int, interest: int, initial: int, maintenance: int) -> tuple[int, ...]:
    average, cap = F(premium, 10**9), 6 * F(initial - maintenance, BPS)
    eight_hours = average + clamp(F(interest, 10**9) - average, -F(5, 10_000), F(5, 10_000))
    return (trunc(clamp(clamp(eight_hours, -cap, cap) / 8, -1, 1) * 10**9),)


def scaled(mantissa: int, factor: int, power: int, bits: int, up: int) -> tuple[int, ...]:
    exact = F(mantissa) * factor * F(10) ** power * 2**bits
    return (ceil(exact) if up else floor(exact),)


def validity(
    price: int,
    confidence: int,
    twap: int,
    age: int,
    samples: int,
    wide: int,
    far: int,
    margin: int,
    fills: int,
    few: int,
) -> tuple[int, ...]:
    rules = (
        price <= 0,
        twap != 0 and abs(F(price) - twap) > twap * F(far, BPS),
        confidence > price * F(wide, BPS),
        age > margin,
        samples < few,
        age > fills,
    )
    return (sum(1 << number for number, broken in enumerate(rules) if broken),)


def band_width(base: int, volatility: int, reference: int) -> int:
    return floor(clamp(floor(base * F(volatility, reference)), ceil(F(base, 2)), min(2 * base, 100_000)))


def price_band(i: int, t: int, by_i: int, by_t: int, volatility: int, reference: int, tick: int) -> tuple[int, ...]:
    low, high = 0, 2**70
    for center, base in ((i, by_i), (t, by_t)):
        width = F(band_width(base, volatility, reference), BPS)
        low, high = max(low, ceil(center * (1 - width))), min(high, floor(center * (1 + width)))
    return ceil(F(low, Q32) / tick), floor(F(high, Q32) / tick)


def limit(side: int, index: int, offset: int, tick: int) -> int:
    if side == 0:
        return floor(F(floor(index * (1 + F(offset, BPS))), Q32) / tick)
    return ceil(F(max(0, ceil(index * (1 - F(offset, BPS)))), Q32) / tick)


def ramp(start: int, end: int, ms: int, whole_ms: int) -> int:
    return end if ms >= whole_ms else start + trunc((end - start) * F(ms, whole_ms))


def taker_limit(side: int, index: int, own: int, ms: int, phase: int, tick: int) -> tuple[int, ...]:
    start = limit(side, index, 5, tick)
    passive = own <= start if side == 0 else own >= start
    return (own if passive else ramp(start, own, ms, phase),)


def update_volatility(volatility: int, price: int, twap: int, ms: int, window: int) -> tuple[int, ...]:
    sample = floor(min(abs(F(price) - twap) / twap, F(1)) * 10**9)
    return (volatility + trunc((sample - volatility) * min(F(ms, window), F(1))),)


# Money.
def keeper_share_at(fee: int, share: int, least: int, most: int, age: int) -> tuple[int, ...]:
    most += floor(most * 9 * F(clamp(age, 0, 60_000), 60_000))
    return (min(max(floor(fee * F(share, BPS)), least), most),)


def split_fee(taker: int, maker: int, builder: int, rebate: int, keeper: int, referrer: int) -> tuple[int, ...]:
    charged = taker + maker + builder
    left, parts = floor(charged * F(9, 10)), []
    for claim in (rebate, builder, keeper, referrer):
        parts.append(min(claim, left))
        left -= parts[-1]
    return charged, *parts, charged - sum(parts)


def scaled_weight(full: int, least: int, balance: int, cap: int) -> tuple[int, ...]:
    if balance >= cap:
        return (least,)
    shift = max(0, cap.bit_length() - 50)
    short_cap = floor(F(cap, 2**shift))
    share = min(F(ceil(F(balance, 2**shift)), short_cap), F(1))
    return (full - ceil((full - least) * share),)


def liquidation_amount(
    size: int, price: int, missing: int, repaired: int, ms: int, maintenance: int, fee: int, insurance: int, below: int
) -> tuple[int, ...]:
    if missing <= 0 or size == 0:
        return (0,)
    whole = missing + repaired
    small = whole < 50 * USD or ceil(abs(size) * F(price, Q32)) < 100 * USD
    part = floor(2_000 + 8_000 * F(clamp(ms, 0, 60_000), 60_000))
    due = missing if below or small else max(0, ceil(whole * F(part, BPS)) - repaired)
    gain = F(price, Q32) * (F(maintenance + 200 - fee, BPS) - F(insurance, BPS))
    return (min(abs(size), ceil(due / gain)) if gain > 0 else abs(size),)


def liquidation_fees(notional: int, liquidator: int, insurance: int, equity: int) -> tuple[int, ...]:
    first = min(floor(notional * F(liquidator, BPS)), max(equity, 0))
    return first, min(floor(notional * F(insurance, BPS)), max(equity, 0) - first)


def aged_discount(most: int, ms: int, rise: int) -> tuple[int, ...]:
    return (floor(most * clamp(F(ms, rise), 0, 1)),)


def sale(need: int, most: int, price: int, discount: int) -> tuple[int, ...]:
    each = F(floor(price * (1 - F(discount, BPS))), Q48)
    amount = min(ceil(need / each), most)
    return amount, ceil(amount * each)


def bankruptcy_price(size: int, mark: int, deficit: int, cap: int) -> tuple[int, ...]:
    move = min(ceil(F(deficit, abs(size)) * Q32), floor(mark * min(F(cap, BPS), F(1))))
    covered = min(floor(F(move, Q32) * abs(size)), deficit)
    return mark + move if size > 0 else mark - move, covered, deficit - covered


def liquidation_price(size: int, mark: int, excess: int, maintenance: int) -> tuple[int, ...]:
    rate = 1 - F(maintenance, BPS) if size > 0 else 1 + F(maintenance, BPS)
    if rate == 0:
        return (-1,)
    move = floor(F(excess) / (abs(size) * rate) * Q32)
    price = mark - move if size > 0 else mark + move
    return (price if 0 <= price < 2**62 else -1,)


def settle(value: int, realised: int, quote: int, room: int, pool: int, cash: int) -> tuple[int, ...]:
    taken, paid = min(max(-value, 0), max(quote, 0) + room), min(max(min(value, realised), 0), pool)
    amount = paid - taken
    return amount, quote + amount, cash - amount, pool - amount


def max_new_debt(collateral: int, own: int, everyone: int, vault: int) -> tuple[int, ...]:
    mine = min(floor(F(collateral, 5)), 100_000 * USD) - own
    return (max(0, min(mine, floor(F(vault, 10)) - everyone)),)
