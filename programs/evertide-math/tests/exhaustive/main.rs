//! Statements over every value of a small domain: no sample, no luck. Each compares with the exact rational result.
//!
//! What holds for all small numbers and is linear or a single division holds in the large, where overflow alone is new;
//! the properties of the other files look there.

mod money;

use std::cmp::Ordering;

use evertide_math::bands::{breaker_trips, ramp, Band};
use evertide_math::index::{
    accrue_funding, deleverage, dropped_value, fold, SideIndex, Snapshot, DROPPED_BITS, FUNDING_DIVISOR, INDEX_ONE,
};
use evertide_math::margin::{ladder_ratio, MarginTiers, Tier};
use evertide_math::pnl::{apply_fill, remaining_entry, Holding};
use evertide_math::priority::{compare, OrderRank};
use evertide_math::round::*;
use evertide_math::{Atoms, AtomsPerLotTick, Bps, Lots, Millis, PriceQ32, RateE9, Side, Ticks};

/// One whole in a Q32 price.
const ONE_Q32: u64 = 1 << 32;
/// Size factors of a side: whole, half, odd ones, and nearly nothing.
const FACTORS: [u64; 7] = [INDEX_ONE, INDEX_ONE - 1, INDEX_ONE / 2, INDEX_ONE / 3, 1_000_003, 7, 1];

fn atoms(value: i64) -> Atoms {
    Atoms::new(value).unwrap()
}

fn lots(value: i64) -> Lots {
    Lots::new(value).unwrap()
}

fn bps(value: u32) -> Bps {
    Bps::new(value).unwrap()
}

fn price(value: u64) -> PriceQ32 {
    PriceQ32::new(value).unwrap()
}

fn ticks(value: u64) -> Ticks {
    Ticks::new(value).unwrap()
}

/// `floor` and `ceil` of a fraction with a positive divisor.
fn floor(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor)
}

fn ceil(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}

#[test]
fn every_division_rounds_as_it_is_named() {
    for left in -24i64..=24 {
        for right in 0u64..=24 {
            for divisor in 1u64..=24 {
                let (exact, by) = (i128::from(left) * i128::from(right), i128::from(divisor));
                let (low, high) = (floor(exact, by), ceil(exact, by));
                assert_eq!(i128::from(signed_mul_div_floor(left, right, divisor).unwrap()), low);
                assert_eq!(i128::from(signed_mul_div_ceil(left, right, divisor).unwrap()), high);
                assert_eq!(i128::from(signed_mul_div_trunc(left, right, divisor).unwrap()), exact / by);
                if left >= 0 {
                    let left = left.unsigned_abs();
                    assert_eq!(i128::from(mul_div_floor(left, right, divisor).unwrap()), low);
                    assert_eq!(i128::from(mul_div_ceil(left, right, divisor).unwrap()), high);
                }
            }
            for bits in [0u32, 1, 2, 3, 32] {
                // A factor of 2^31 brings the products of the half-word path around a whole.
                let (left, right) = (left, if bits == 32 { right << 29 } else { right });
                let (exact, by) = (i128::from(left) * i128::from(right), 1i128 << bits);
                assert_eq!(i128::from(signed_mul_shift_floor(left, right, bits).unwrap()), floor(exact, by));
                assert_eq!(i128::from(signed_mul_shift_ceil(left, right, bits).unwrap()), ceil(exact, by));
                assert_eq!(wide_shift_floor(exact, bits).unwrap(), floor(exact, by));
                assert_eq!(wide_shift_ceil(exact, bits).unwrap(), ceil(exact, by));
            }
        }
        for divisor in 1i64..=24 {
            let (value, by) = (i128::from(left), i128::from(divisor));
            assert_eq!(i128::from(div_floor(left, divisor).unwrap()), floor(value, by));
            assert_eq!(i128::from(div_ceil(left, divisor).unwrap()), ceil(value, by));
            assert_eq!(i128::from(div_trunc(left, divisor).unwrap()), value / by);
            assert_eq!(wide_div_floor(value, divisor.unsigned_abs()).unwrap(), floor(value, by));
        }
    }
}

#[test]
fn a_fold_keeps_the_floor_and_drops_the_rest_of_every_size() {
    for basis in (-9i64..=9).filter(|basis| *basis != 0) {
        for a_then in 1u64..=12 {
            for a_now in 0u64..=a_then {
                let position = Snapshot { basis: lots(basis), a: a_then, j: 0, epoch: 0 };
                let side = SideIndex { a: a_now, j: 0, j_previous: 0, epoch: 0 };
                let folded = fold(&position, &side).unwrap();
                let (exact, by) = (i128::from(basis.abs()) * i128::from(a_now), i128::from(a_then));
                let kept = floor(exact, by);
                assert_eq!(i128::from(folded.size.get()), kept * i128::from(basis.signum()));
                let rest = (exact - kept * by) << DROPPED_BITS;
                let dropped = if basis < 0 { ceil(rest, by) } else { floor(rest, by) };
                assert_eq!(i128::from(folded.dropped_q16), dropped, "{basis} {a_now}/{a_then}");
            }
        }
    }
}

#[test]
fn a_fold_pays_the_floor_of_every_change_of_cash() {
    for basis in (-7i64..=7).filter(|basis| *basis != 0) {
        for a_then in [1u64, 2, 3, 7, INDEX_ONE / 2, INDEX_ONE] {
            for j_then in -9i128..=9 {
                for j_now in -9i128..=9 {
                    let position = Snapshot { basis: lots(basis), a: a_then, j: j_then, epoch: 4 };
                    let exact = i128::from(basis) * (j_now - j_then);
                    let due = floor(exact, i128::from(a_then));
                    let side = SideIndex { a: a_then, j: j_now, j_previous: 77, epoch: 4 };
                    assert_eq!(i128::from(fold(&position, &side).unwrap().cash_delta.get()), due);
                    // A side that ended: nothing is left of the size, and its last index pays.
                    let ended = SideIndex { a: INDEX_ONE, j: 99, j_previous: j_now, epoch: 5 };
                    let folded = fold(&position, &ended).unwrap();
                    assert_eq!((i128::from(folded.cash_delta.get()), folded.size), (due, Lots::ZERO));
                }
            }
        }
    }
}

#[test]
fn a_dropped_fraction_is_paid_down_to_a_long_and_up_by_a_short() {
    for fraction in 0u32..=1 << 6 {
        let fraction = fraction << 10;
        for quarters in 0u64..=40 {
            let value = quarters * ONE_Q32 / 4 + quarters % 3;
            let (exact, by) = (i128::from(fraction) * i128::from(value), 1i128 << 48);
            let long = dropped_value(lots(1), fraction, price(value)).unwrap();
            let short = dropped_value(lots(-1), fraction, price(value)).unwrap();
            assert_eq!((i128::from(long.get()), i128::from(short.get())), (floor(exact, by), -ceil(exact, by)));
        }
    }
}

/// The payer never pays less and the receiver never gets more than the exact charge, at any two factors.
#[test]
fn funding_charges_each_side_its_exact_part_rounded_against_it() {
    for (long_a, short_a) in FACTORS.iter().flat_map(|long| FACTORS.iter().map(move |short| (*long, *short))) {
        for rate in [-1_000_000i64, -999, -1, 0, 1, 999, 1_000_000] {
            for (elapsed, index) in [(1i64, ONE_Q32 + 7), (999, 3 * ONE_Q32 + 1), (3_600_000, 5_000 * ONE_Q32 + 3)] {
                let side = |a: u64| SideIndex { a, ..SideIndex::FRESH };
                let remainder = 12_345;
                let accrued = accrue_funding(
                    &side(long_a),
                    &side(short_a),
                    RateE9::new(rate).unwrap(),
                    price(index),
                    Millis::new(elapsed).unwrap(),
                    remainder,
                );
                let accrued = accrued.unwrap();
                let total = i128::from(rate) * i128::from(elapsed) * i128::from(index) + i128::from(remainder);
                let by = i128::from(FUNDING_DIVISOR);
                let charge = floor(total, by);
                assert_eq!(i128::from(accrued.remainder), total - charge * by);
                let whole = i128::from(INDEX_ONE);
                assert_eq!(-accrued.long.j, ceil(charge * i128::from(long_a), whole), "longs at {long_a}, rate {rate}");
                assert_eq!(-accrued.short.j, floor(charge * i128::from(short_a), whole), "shorts at {short_a}");
            }
        }
    }
}

#[test]
fn deleveraging_closes_at_least_what_is_asked_and_pays_the_exact_price() {
    for a in FACTORS {
        for open in 1u64..=9 {
            for closed in 0..=open {
                for quarters in [1u64, 2, 3, 4, 5, 41] {
                    let value = quarters * ONE_Q32 / 4 + 1;
                    let side = SideIndex { a, ..SideIndex::FRESH };
                    let after = |long: bool| deleverage(&side, long, open, closed, price(value)).unwrap();
                    let (long, short) = (after(true), after(false));
                    let kept = floor(i128::from(a) * i128::from(open - closed), i128::from(open));
                    assert_eq!((i128::from(long.a), i128::from(short.a)), (kept, kept));
                    let exact = (i128::from(a) - kept) * i128::from(value);
                    let by = i128::from(ONE_Q32);
                    assert_eq!((long.j, short.j), (floor(exact, by), ceil(exact, by)));
                }
            }
        }
        assert!(deleverage(&SideIndex { a, ..SideIndex::FRESH }, true, 0, 0, price(1)).is_err());
    }
}

#[test]
fn the_margin_ratio_is_the_exact_line_and_never_falls() {
    let tier = |bound_usd, ratio_bps| Tier { bound_usd, ratio_bps };
    let tiers = MarginTiers([tier(3, 200), tier(10, 333), tier(11, 333), tier(40, 9_001)]);
    tiers.validate().unwrap();
    let mut last = 0;
    // Every quarter of a dollar up to beyond twice the last bound.
    for quarter in 0i64..=4 * 90 {
        let usd = i128::from((quarter + 3) / 4);
        let ratio = tiers.ratio(atoms(quarter * 250_000)).unwrap().get();
        let due = match usd {
            ..=3 => 200,
            4..=10 => 200 + ceil(133 * (usd - 3), 7),
            11 => 333,
            12..=40 => 333 + ceil(8_668 * (usd - 11), 29),
            41..=80 => 9_001,
            _ => 10_000,
        };
        assert_eq!(i128::from(ratio), due, "{quarter} quarters of a dollar");
        assert!(ratio >= last, "the ratio falls at {quarter} quarters");
        last = ratio;
    }
    for ratio in 0u32..=10_000 {
        let rungs = [1_000, 2_500, 5_000, 7_500].map(|part| ladder_ratio(bps(ratio), part).unwrap().get());
        assert!(rungs.windows(2).all(|pair| pair[0] <= pair[1]) && rungs[3] <= ratio, "rungs of {ratio} cross");
    }
}

#[test]
fn fills_move_equal_lots_and_quote_and_realise_nothing_out_of_nothing() {
    let tick = AtomsPerLotTick::new(3).unwrap();
    for held in -4i64..=4 {
        for cost in 0i64..=9 {
            let entry = if held == 0 { 0 } else { cost * held.signum() };
            let before = Holding { size: lots(held), cash: atoms(-entry), entry: atoms(entry) };
            for size in 1i64..=5 {
                for (side, sign) in [(Side::Bid, 1), (Side::Ask, -1)] {
                    let done = apply_fill(before, side, lots(size), ticks(2), tick).unwrap();
                    let after = done.holding;
                    assert_eq!(after.size.get(), held + sign * size);
                    assert_eq!(after.cash.get(), -entry - sign * size * 6);
                    assert_eq!(done.closed.get() + done.opened.get(), size);
                    assert_eq!(done.realised.get(), after.cash.get() + after.entry.get());
                    if after.size.is_zero() {
                        assert!(after.entry.is_zero(), "a flat position keeps a cost");
                    }
                    if done.closed.is_zero() {
                        assert!(done.realised.is_zero(), "opening realised {:?}", done.realised);
                    }
                }
            }
            for left in 0..=held.abs() {
                let left = left * held.signum();
                let kept = remaining_entry(atoms(entry), lots(left), lots(held)).unwrap().get();
                let due = if held == 0 { 0 } else { floor(i128::from(entry * left.abs()), held.abs().into()) };
                assert_eq!(i128::from(kept), due, "{left} of {held} at {entry}");
            }
        }
    }
}

#[test]
fn bands_ramps_and_breakers_end_exactly_where_they_say() {
    for low in 0u64..=6 {
        for high in 0u64..=6 {
            let band = Band { low: ticks(low), high: ticks(high) };
            for value in 0u64..=7 {
                assert_eq!(band.contains(ticks(value)), (low..=high).contains(&value));
            }
            for elapsed in 0i64..=9 {
                let on = ramp(ticks(low), ticks(high), Millis::new(elapsed).unwrap(), Millis::new(7).unwrap()).unwrap();
                let gone = low.abs_diff(high) * elapsed.min(7).unsigned_abs() / 7;
                assert_eq!(on.get(), if high >= low { low + gone } else { low - gone });
            }
        }
    }
    for value in 1u64..=40 {
        for limit in [0u32, 1, 500, 1_000, 10_000] {
            let trips = breaker_trips(price(20), price(value), bps(limit)).unwrap();
            assert_eq!(trips, value.abs_diff(20) * 10_000 > 20 * u64::from(limit), "{value} against 20 at {limit}");
        }
    }
}

#[test]
fn priority_is_price_then_age_then_hash_and_a_total_order() {
    let ranks: Vec<OrderRank> =
        (0u64..27).map(|at| OrderRank { price: ticks(1 + at % 3), placed_slot: at / 3 % 3, hash: at / 9 }).collect();
    for side in [Side::Bid, Side::Ask] {
        for left in &ranks {
            for right in &ranks {
                let better = |rank: &OrderRank| match side {
                    Side::Bid => (u64::MAX - rank.price.get(), rank.placed_slot, rank.hash),
                    Side::Ask => (rank.price.get(), rank.placed_slot, rank.hash),
                };
                assert_eq!(compare(side, left, right), better(left).cmp(&better(right)));
                assert_eq!(compare(side, left, right) == Ordering::Equal, left == right);
            }
        }
    }
}
