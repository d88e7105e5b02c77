//! Guards at the very value they name, and constants as the design states them: what random inputs do not hit.

use evertide_math::bands::{pegged_ticks, taker_limit, TAKER_PHASE_MAX_MS};
use evertide_math::debt::{accrue_interest, balance_with_interest, DEBT_INDEX_ONE, MAX_DEBT_INDEX};
use evertide_math::funding::{PremiumAverage, MAX_AVERAGE_MS};
use evertide_math::liquidation::{aged_discount, amount, LiquidationInput, SMALL_POSITION_ATOMS, SMALL_SHORTAGE_ATOMS};
use evertide_math::units::BPS_ONE;
use evertide_math::{Atoms, AtomsPerLotTick, Bps, Lots, MathError, Millis, PriceQ32, RateE9, Side, Ticks};

/// A price of so many ticks, at one atom for a lot and tick.
fn price(ticks: u64) -> PriceQ32 {
    PriceQ32::from_ticks(Ticks::new(ticks).unwrap(), one()).unwrap()
}

fn one() -> AtomsPerLotTick {
    AtomsPerLotTick::new(1).unwrap()
}

fn millis(value: i64) -> Millis {
    Millis::new(value).unwrap()
}

#[test]
fn the_longest_taker_phase_is_taken_and_one_millisecond_more_is_not() {
    let limit = |phase_ms: i64| {
        taker_limit(Side::Bid, price(1_000), Ticks::new(1_010).unwrap(), millis(0), millis(phase_ms), one())
    };
    assert!(limit(TAKER_PHASE_MAX_MS).is_ok());
    assert_eq!(limit(TAKER_PHASE_MAX_MS + 1), Err(MathError::OutOfRange));
}

#[test]
fn a_peg_ends_above_zero() {
    let peg = |offset: i64| pegged_ticks(Side::Bid, price(1_000), offset, one());
    assert_eq!(peg(-999).unwrap().get(), 1);
    assert_eq!(peg(-1_000), Err(MathError::OutOfRange));
}

#[test]
fn the_debt_index_reaches_its_greatest_value_and_does_not_pass_it() {
    let rate = RateE9::new(1_000_000).unwrap();
    assert_eq!(accrue_interest(MAX_DEBT_INDEX, rate, millis(0)), Ok(MAX_DEBT_INDEX));
    assert_eq!(accrue_interest(MAX_DEBT_INDEX, rate, millis(3_600_000)), Err(MathError::Overflow));
}

#[test]
fn a_debt_of_the_first_index_grows() {
    let owed = Atoms::new(-1_000).unwrap();
    assert_eq!(balance_with_interest(owed, DEBT_INDEX_ONE, 2 * DEBT_INDEX_ONE).unwrap().get(), -2_000);
    assert_eq!(balance_with_interest(owed, DEBT_INDEX_ONE - 1, DEBT_INDEX_ONE), Err(MathError::OutOfRange));
}

#[test]
fn premiums_are_averaged_up_to_the_longest_time() {
    let rate = RateE9::new(5).unwrap();
    let whole = PremiumAverage::default().accumulate(rate, millis(MAX_AVERAGE_MS));
    assert_eq!(whole.map(|average| average.elapsed_ms), Ok(MAX_AVERAGE_MS));
    assert_eq!(whole.unwrap().accumulate(rate, millis(1)), Err(MathError::OutOfRange));
}

/// $50 and $100, in atoms of a millionth of a dollar.
#[test]
fn what_is_liquidated_at_once() {
    assert_eq!((SMALL_SHORTAGE_ATOMS, SMALL_POSITION_ATOMS), (50_000_000, 100_000_000));
}

#[test]
fn every_error_says_something_of_its_own() {
    let all = [
        MathError::Overflow,
        MathError::OutOfRange,
        MathError::DivisionByZero,
        MathError::NotPositive,
        MathError::EpochMismatch,
        MathError::SideStillHeld,
        MathError::NotMonotone,
        MathError::ExceedsOpenInterest,
    ];
    let said: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), all.len());
    assert!(said.iter().all(|words| words.len() > 10));
}

/// A position of so many lots of a dollar at 50 % maintenance margin, the moment its liquidation begins: 52 cents a lot
/// repair a shortage.
fn beginning(size_lots: i64, shortage_atoms: i64) -> i64 {
    let input = LiquidationInput {
        size: Lots::new(size_lots).unwrap(),
        price: price(1_000_000),
        shortage: Atoms::new(shortage_atoms).unwrap(),
        maintenance: Bps::new(5_000).unwrap(),
        liquidator_fee: Bps::new(0).unwrap(),
        insurance_fee: Bps::new(0).unwrap(),
        repaired: Atoms::ZERO,
        elapsed: millis(0),
        below_backstop: false,
    };
    amount(&input).unwrap().get()
}

#[test]
fn a_shortage_of_fifty_dollars_opens_by_a_fifth_and_a_smaller_one_at_once() {
    assert_eq!(beginning(1_000, SMALL_SHORTAGE_ATOMS), 20);
    assert_eq!(beginning(1_000, SMALL_SHORTAGE_ATOMS - 1), 97);
}

#[test]
fn a_position_of_a_hundred_dollars_opens_by_a_fifth_and_a_smaller_one_at_once() {
    assert_eq!(beginning(100, SMALL_SHORTAGE_ATOMS), 20);
    assert_eq!(beginning(99, SMALL_SHORTAGE_ATOMS), 97);
}

#[test]
fn a_discount_of_the_whole_is_taken_and_one_basis_point_more_is_not() {
    let most = |bps: u32| aged_discount(Bps::new(bps).unwrap(), millis(60_000), millis(60_000));
    assert_eq!(most(BPS_ONE).unwrap().get(), BPS_ONE);
    assert_eq!(most(BPS_ONE + 1), Err(MathError::OutOfRange));
}
