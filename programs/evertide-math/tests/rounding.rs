//! The direction in a name is the direction of the result: between floor and ceiling lies the exact
//! quotient, and they differ by one at most. A wrong direction anywhere would leak value one unit a call.

use evertide_math::round::*;
use evertide_math::{Atoms, AtomsPerLotTick, Bps, Lots, MathError, PriceQ32, Ticks};
use proptest::prelude::*;

/// Every width of number as likely as any other.
fn any_width() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
}

fn signed_width() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0u32..63).prop_map(|(value, shift)| value >> shift)
}

proptest! {
    #[test]
    fn products_over_a_divisor_enclose_the_quotient(a in any_width(), b in any_width(), d in 1u64..) {
        let exact = u128::from(a) * u128::from(b);
        let divisor = u128::from(d);
        match mul_div_floor(a, b, d) {
            Ok(low) => prop_assert!(u128::from(low) * divisor <= exact && exact - u128::from(low) * divisor < divisor),
            Err(error) => prop_assert!(error == MathError::Overflow && exact / divisor > u128::from(u64::MAX)),
        }
        match mul_div_ceil(a, b, d) {
            Ok(high) => prop_assert!(
                u128::from(high) * divisor >= exact && u128::from(high) * divisor - exact < divisor
            ),
            Err(error) => prop_assert!(error == MathError::Overflow && exact.div_ceil(divisor) > u128::from(u64::MAX)),
        }
    }

    #[test]
    fn shifts_are_divisions_by_powers_of_two(a in any_width(), b in any_width(), bits in 0u32..64) {
        let divisor = 1u64 << bits;
        prop_assert_eq!(mul_shift_floor(a, b, bits), mul_div_floor(a, b, divisor));
        prop_assert_eq!(mul_shift_ceil(a, b, bits), mul_div_ceil(a, b, divisor));
    }

    #[test]
    fn signed_results_mirror(a in signed_width(), b in any_width(), d in 1u64..) {
        prop_assume!(a != i64::MIN);
        let negated = |result: Result<i64, MathError>| result.map(|value| -value);
        prop_assert_eq!(signed_mul_div_floor(a, b, d), negated(signed_mul_div_ceil(-a, b, d)));
        prop_assert_eq!(signed_mul_div_trunc(a, b, d), negated(signed_mul_div_trunc(-a, b, d)));
        if let (Ok(low), Ok(high)) = (signed_mul_div_floor(a, b, d), signed_mul_div_ceil(a, b, d)) {
            let exact = i128::from(a) * i128::from(b);
            prop_assert_eq!(i128::from(low), exact.div_euclid(i128::from(d)));
            prop_assert!(high - low == i64::from(exact.rem_euclid(i128::from(d)) != 0));
        }
    }

    #[test]
    fn plain_divisions_name_their_direction(value in signed_width(), divisor in 1i64..) {
        let (low, high) = (div_floor(value, divisor).unwrap(), div_ceil(value, divisor).unwrap());
        prop_assert!(i128::from(low) * i128::from(divisor) <= i128::from(value));
        prop_assert!(i128::from(high) * i128::from(divisor) >= i128::from(value));
        prop_assert!(high - low <= 1);
        prop_assert_eq!(div_trunc(value, divisor).unwrap(), value / divisor);
    }

    #[test]
    fn wide_shifts_are_floor_and_ceiling(value in -(1i128 << 125)..(1i128 << 125), bits in 0u32..64) {
        let divisor = 1i128 << bits;
        prop_assert_eq!(wide_shift_floor(value, bits).unwrap(), value.div_euclid(divisor));
        prop_assert_eq!(wide_shift_ceil(value, bits).unwrap(), -(-value).div_euclid(divisor));
    }

    #[test]
    fn a_price_in_ticks_lies_between_its_neighbours(price in 1u64..1 << 62, atoms in 1u64..1 << 30) {
        let (price, tick) = (PriceQ32::new(price).unwrap(), AtomsPerLotTick::new(atoms).unwrap());
        let (low, high) = (price.ticks_floor(tick).unwrap(), price.ticks_ceil(tick).unwrap());
        prop_assert!(high.get() - low.get() <= 1);
        prop_assert!(PriceQ32::from_ticks(low, tick).unwrap() <= price);
        if let Ok(above) = PriceQ32::from_ticks(high, tick) {
            prop_assert!(above >= price);
        }
    }

    #[test]
    fn ticks_survive_the_way_there_and_back(ticks in 0u64..1 << 20, atoms in 1u64..1 << 10) {
        let (ticks, tick) = (Ticks::new(ticks).unwrap(), AtomsPerLotTick::new(atoms).unwrap());
        let price = PriceQ32::from_ticks(ticks, tick).unwrap();
        prop_assert_eq!(price.ticks_floor(tick).unwrap(), ticks);
        prop_assert_eq!(price.ticks_ceil(tick).unwrap(), ticks);
    }
}

#[test]
fn a_zero_divisor_is_an_error_everywhere() {
    assert_eq!(mul_div_floor(1, 1, 0), Err(MathError::DivisionByZero));
    assert_eq!(mul_div_floor(u64::MAX, u64::MAX, 0), Err(MathError::DivisionByZero));
    assert_eq!(mul_div_ceil(1, 1, 0), Err(MathError::DivisionByZero));
    assert_eq!(div_floor(1, 0), Err(MathError::DivisionByZero));
    assert_eq!(div_ceil(1, -1), Err(MathError::NotPositive));
    assert_eq!(PriceQ32::ZERO.ticks_ceil(AtomsPerLotTick::ZERO), Err(MathError::DivisionByZero));
}

#[test]
fn units_end_exactly_at_their_guards() {
    assert!(Lots::new(1 << 40).is_ok() && Lots::new(-(1 << 40)).is_ok());
    assert_eq!(Lots::new((1 << 40) + 1), Err(MathError::OutOfRange));
    assert!(Ticks::new((1 << 40) - 1).is_ok());
    assert_eq!(Ticks::new(1 << 40), Err(MathError::OutOfRange));
    assert!(Atoms::new(1 << 60).is_ok());
    assert_eq!(Atoms::new(-(1 << 60) - 1), Err(MathError::OutOfRange));
    assert_eq!(PriceQ32::new(1 << 62), Err(MathError::OutOfRange));
    assert_eq!(Bps::new(100_001), Err(MathError::OutOfRange));
    assert_eq!(Atoms::new(1 << 60).unwrap().plus(Atoms::new(1).unwrap()), Err(MathError::Overflow));
}
