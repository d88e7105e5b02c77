//! Prices stay where they belong: the mark inside its radius, a TWAP between its old value and the sample,
//! a fill inside its band, a taker inside its limit, and an oracle price inside a unit of the feed's.

use evertide_math::bands::*;
use evertide_math::funding::*;
use evertide_math::mark::*;
use evertide_math::oracle::*;
use evertide_math::{AtomsPerLotTick, Bps, MathError, Millis, PriceQ32, RateE9, Side, Ticks};
use proptest::prelude::*;

fn price(value: u64) -> PriceQ32 {
    PriceQ32::new(value).unwrap()
}

fn millis(value: i64) -> Millis {
    Millis::new(value).unwrap()
}

fn bps(value: u32) -> Bps {
    Bps::new(value).unwrap()
}

fn any_price() -> impl Strategy<Value = PriceQ32> {
    (1u64 << 40..1u64 << 58).prop_map(price)
}

fn quote() -> impl Strategy<Value = Option<PriceQ32>> {
    prop::option::of(any_price())
}

proptest! {
    #[test]
    fn the_mark_never_leaves_its_radius(
        index in any_price(), basis_q32 in -(1i64 << 60)..1i64 << 60, best_bid in quote(), best_ask in quote(), last in quote(), radius in 1u32..300
    ) {
        let mark = mark_price(&MarkInputs { index, basis_q32, best_bid, best_ask, last, radius: bps(radius) }).unwrap();
        prop_assert!(u128::from(mark.get().abs_diff(index.get())) * 10_000 <= u128::from(index.get()) * u128::from(radius));
    }

    #[test]
    fn one_leg_alone_cannot_move_the_mark_past_the_other_two(index in any_price(), bid in any_price(), ask in any_price(), last in any_price()) {
        let inputs = MarkInputs { index, basis_q32: 0, best_bid: Some(bid), best_ask: Some(ask), last: Some(last), radius: bps(300) };
        prop_assert_eq!(mark_price(&inputs).unwrap(), index, "two legs at the index outvote any book");
    }

    #[test]
    fn without_a_book_the_basis_ends_at_zero(basis in -(1i64 << 55)..1i64 << 55, index in any_price(), steps in 1i64..150_000) {
        prop_assert_eq!(update_basis(basis, None, index, millis(BASIS_WINDOW_MS)).unwrap(), 0);
        let once = update_basis(basis, None, index, millis(steps)).unwrap();
        prop_assert!(once.abs() <= basis.abs() && once.signum() * basis.signum() >= 0);
        let mut left = basis;
        for _ in 0..8_000 {
            left = update_basis(left, None, index, millis(1_000)).unwrap();
        }
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn a_twap_moves_toward_its_sample_and_no_further_than_its_step(
        twap in any_price(), sample in any_price(), elapsed in 0i64..600_000, step in 0u32..5_000
    ) {
        let next = update_twap(twap, sample, millis(elapsed), millis(TWAP_WINDOW_MS), bps(step)).unwrap();
        prop_assert!(next >= twap.min(sample) && next <= twap.max(sample));
        prop_assert!(u128::from(next.get().abs_diff(twap.get())) * 10_000 <= u128::from(twap.get()) * u128::from(step));
        prop_assert_eq!(update_twap(twap, sample, millis(0), millis(TWAP_WINDOW_MS), bps(step)).unwrap(), twap);
    }

    #[test]
    fn a_premium_needs_both_sides_of_a_book(bid in quote(), ask in quote(), index in any_price()) {
        let given = premium(bid, ask, index).unwrap();
        match (bid, ask) {
            (Some(bid), Some(ask)) if bid > index && ask > index => prop_assert!(given.get() >= 0),
            (Some(bid), Some(ask)) if bid < index && ask < index => prop_assert!(given.get() <= 0),
            (Some(bid), Some(ask)) if bid <= index && ask >= index => prop_assert!(given.is_zero()),
            (Some(_), Some(_)) => {}
            _ => prop_assert!(given.is_zero(), "pulling one side never moves funding"),
        }
    }

    #[test]
    fn a_rate_follows_its_premium_within_its_cap(premium in -1_000_000_000i64..1_000_000_000, other in -1_000_000_000i64..1_000_000_000, initial in 2u32..5_000) {
        let rate = |premium| hourly_rate(RateE9::new(premium).unwrap(), bps(initial), bps(initial / 2)).unwrap().get();
        prop_assert!(rate(premium.min(other)) <= rate(premium.max(other)));
        let cap = 6 * i64::from(initial - initial / 2) * 100_000;
        prop_assert!(rate(premium).abs() <= cap / 8);
    }

    #[test]
    fn inside_the_interest_clamp_the_rate_is_the_interest(premium in -400_000i64..=600_000) {
        let rate = hourly_rate(RateE9::new(premium).unwrap(), bps(250), bps(125)).unwrap();
        prop_assert_eq!(rate.get(), INTEREST_RATE_E9 / 8);
    }

    #[test]
    fn an_average_lies_between_its_premiums(samples in prop::collection::vec((-1_000_000_000i64..1_000_000_000, 1i64..600_000), 1..12)) {
        let mut average = PremiumAverage::default();
        for (premium, elapsed) in &samples {
            average = average.accumulate(RateE9::new(*premium).unwrap(), millis(*elapsed)).unwrap();
        }
        let given = average.average().unwrap().get();
        let (low, high) = (samples.iter().map(|s| s.0).min().unwrap(), samples.iter().map(|s| s.0).max().unwrap());
        prop_assert!(low <= given && given <= high);
    }

    #[test]
    fn a_normalised_price_is_within_one_unit_of_the_feeds(mantissa in 1i128..1 << 70, factor in 1u64..1 << 16, power in -18i32..-5, bits in 0u32..32) {
        let (low, high) = (normalise(mantissa, factor, power, bits, Rounding::Floor), normalise(mantissa, factor, power, bits, Rounding::Ceil));
        if let (Ok(low), Ok(high)) = (low, high) {
            let (exact, divisor) = ((mantissa as u128 * u128::from(factor)) << bits >> bits, 10u128.pow(power.unsigned_abs()));
            prop_assert!(high - low <= 1);
            // Compared by quotient and remainder, so that the check itself cannot overflow.
            prop_assert_eq!(u128::from(low) >> bits, exact / divisor);
        }
    }

    #[test]
    fn bands_hold_and_vary_within_a_factor_of_two(
        index in any_price(), shift in -50i64..50, band in 2u32..1_000, volatility in 0i64..100_000_000, tick in 1u64..1_000
    ) {
        let twap = price((index.get() as i64 + index.get() as i64 / 1_000 * shift) as u64);
        let terms = BandTerms { index_band: bps(band), twap_band: bps(2 * band), reference_volatility: RateE9::new(1_000_000).unwrap() };
        let tick = AtomsPerLotTick::new(tick).unwrap();
        let inside = price_band(index, twap, &terms, RateE9::new(volatility).unwrap(), tick).unwrap();
        let widest = u128::from(index.get()) * u128::from(2 * band);
        for edge in [inside.low, inside.high] {
            if inside.low <= inside.high {
                let edge = PriceQ32::from_ticks(edge, tick).unwrap();
                prop_assert!(u128::from(edge.get().abs_diff(index.get())) * 10_000 <= widest);
            }
        }
        let width = scaled_band(bps(band), RateE9::new(volatility).unwrap(), terms.reference_volatility).unwrap().get();
        prop_assert!(width >= band.div_ceil(2) && width <= 2 * band);
    }

    #[test]
    fn a_taker_is_ramped_from_the_index_to_its_own_limit(
        index in any_price(), own in 1u64..1 << 26, early in 0i64..12_000, later in 0i64..12_000, ask in any::<bool>()
    ) {
        let (side, own, tick) = (if ask { Side::Ask } else { Side::Bid }, Ticks::new(own).unwrap(), AtomsPerLotTick::new(1).unwrap());
        let at = |elapsed| taker_limit(side, index, own, millis(elapsed), millis(12_000), tick).unwrap();
        let (first, second) = (at(early.min(later)), at(early.max(later)));
        match side {
            Side::Bid => prop_assert!(first <= second && second <= own),
            Side::Ask => prop_assert!(first >= second && second >= own),
        }
        prop_assert_eq!(at(12_000), own);
    }

    #[test]
    fn a_market_order_is_never_worse_than_its_slippage(index in any_price(), slippage in 0u32..1_000, ask in any::<bool>()) {
        let side = if ask { Side::Ask } else { Side::Bid };
        let tick = AtomsPerLotTick::new(1).unwrap();
        if let Ok(limit) = market_order_limit(side, index, bps(slippage), tick) {
            let limit = PriceQ32::from_ticks(limit, tick).unwrap();
            prop_assert!(!exceeds_slippage(side, limit, index, bps(slippage)).unwrap());
        }
    }

    #[test]
    fn a_worse_reading_is_never_allowed_more(bits in 0u8..64, more in 0u8..64) {
        for action in ACTIONS {
            if is_allowed(&DEFAULT_ACTION_MATRIX, action, bits | more) {
                prop_assert!(is_allowed(&DEFAULT_ACTION_MATRIX, action, bits));
            }
            prop_assert!(!is_allowed(&DEFAULT_ACTION_MATRIX, action, bits | 64), "an unknown bit refuses all");
        }
    }

    #[test]
    fn validity_says_which_rule_was_broken(reading in (1u64..1 << 40, 0u64..1 << 30, 1u64..1 << 40, 0i64..100_000, 0u32..10)) {
        let (price, confidence, twap, age, samples) = reading;
        let rules = OracleRules { max_confidence: bps(50), max_divergence: bps(1_000), stale_for_margin: millis(45_000), stale_for_fills: millis(4_000), min_samples: 3 };
        let bits = validity(&OracleReading { price, confidence, twap, age: millis(age), samples }, &rules).unwrap();
        prop_assert_eq!(bits & STALE_FOR_MARGIN != 0, age > 45_000);
        prop_assert_eq!(bits & STALE_FOR_FILLS != 0, age > 4_000);
        prop_assert_eq!(bits & FEW_SAMPLES != 0, samples < 3);
        prop_assert_eq!(bits & TOO_UNCERTAIN != 0, u128::from(confidence) * 200 > u128::from(price));
        prop_assert_eq!(bits & TOO_VOLATILE != 0, u128::from(price.abs_diff(twap)) * 10 > u128::from(twap));
        prop_assert_eq!(bits & NOT_POSITIVE, 0);
    }
}

const ACTIONS: [OracleAction; ORACLE_ACTIONS] = [
    OracleAction::Fill,
    OracleAction::Margin,
    OracleAction::PeggedOrder,
    OracleAction::FundingOrSettle,
    OracleAction::Trigger,
    OracleAction::Liquidate,
    OracleAction::UpdateTwap,
    OracleAction::UpdateMark,
];

#[test]
fn feeds_become_units() {
    // 41,000.12345678 dollars a bitcoin, exponent -8; a lot of 0.0001 bitcoin is worth 4.1000123... dollars.
    let lot = LotSize { units: 1, decimals: 4 };
    let given = price_per_lot(4_100_012_345_678, -8, lot, Rounding::Floor).unwrap();
    assert_eq!(given.get(), ((4_100_012_345_678u128 << 32) / 1_000_000) as u64);
    // 100 dollars a SOL of 9 decimals: 0.1 quote atom per lamport.
    let given = collateral_price(10_000_000_000, -8, 9, Rounding::Floor).unwrap();
    assert_eq!(given.get(), (1u64 << 48) / 10);
}

#[test]
fn a_negative_price_is_refused() {
    let lot = LotSize { units: 1, decimals: 4 };
    assert_eq!(price_per_lot(-1, -8, lot, Rounding::Floor), Err(MathError::NotPositive));
    assert_eq!(
        mark_price(&MarkInputs {
            index: PriceQ32::ZERO,
            basis_q32: 0,
            best_bid: None,
            best_ask: None,
            last: None,
            radius: bps(50)
        }),
        Err(MathError::NotPositive)
    );
}
