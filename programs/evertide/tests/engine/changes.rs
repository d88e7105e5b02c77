//! Ramps and seasons in numbers: monotone, between their ends, exact at both.

use evertide::engine::change::{field, ramped, CHANGE_RAMP_MS};
use evertide::engine::season::{open_interest_limit, weight_bps, SEASON_STEPS};
use evertide::state::{Collateral, ParamChange};

use crate::common::{market, NOW};

/// Number of the first margin tier's ratio, and of the scaling of an asset's weights.
const RATIO: u32 = 129;
const SCALE: u32 = 224;

fn ramp(field: u32, old_value: i64, new_value: i64) -> Box<ParamChange> {
    let mut change: Box<ParamChange> = Box::new(bytemuck::Zeroable::zeroed());
    (change.field, change.old_value, change.new_value) = (field, old_value, new_value);
    change.words[0] = NOW.ms.unsigned_abs();
    change
}

#[test]
fn a_ramp_is_monotone_and_exact_at_its_ends() {
    for (field, from, to) in [(RATIO, 200, 10_000), (RATIO, 1_000, 1_001), (RATIO, 10_000, 200), (SCALE, 65_535, 0)] {
        let change = ramp(field, from, to);
        let mut last = from;
        for step in 0..=1_000 {
            let value = ramped(&change, NOW.ms + CHANGE_RAMP_MS / 1_000 * step).unwrap();
            let forward = if to > from { value >= last && value <= to } else { value <= last && value >= to };
            assert!(forward, "{from} to {to} at {step}: {last}, {value}");
            last = value;
        }
        assert_eq!(last, to);
        assert_eq!(ramped(&change, NOW.ms).unwrap(), from);
        assert_eq!(ramped(&change, NOW.ms - 1).unwrap(), from, "a clock that went back");
        // Rounded toward the old value: a millisecond before its end the last step is not taken.
        assert_ne!(ramped(&change, NOW.ms + CHANGE_RAMP_MS - 1).unwrap(), to);
        assert_eq!(ramped(&change, i64::MAX).unwrap(), to);
    }
}

#[test]
fn a_scaling_that_begins_starts_from_the_weakest() {
    let change = ramp(SCALE, 0, 535);
    assert_eq!(ramped(&change, NOW.ms).unwrap(), 65_535);
    assert_eq!(ramped(&change, NOW.ms + CHANGE_RAMP_MS / 2).unwrap(), 33_035);
    assert_eq!(ramped(&change, NOW.ms + CHANGE_RAMP_MS).unwrap(), 535);
}

#[test]
fn a_season_doubles_up_to_its_target() {
    let mut market = market();
    for target in [1, 99, 100, 12_345, 1 << 40] {
        market.terms.open_interest_max_lots = target;
        let mut last = 0;
        for step in 0..SEASON_STEPS {
            market.season_step = step;
            let limit = open_interest_limit(&market);
            assert_eq!(u128::from(limit), u128::from(target) * (1 << step) / 100, "{target} at {step}");
            assert!(limit <= 2 * last + 1 || step == 0);
            last = limit;
        }
        for step in [SEASON_STEPS, SEASON_STEPS + 1, u32::MAX] {
            market.season_step = step;
            assert_eq!(open_interest_limit(&market), target);
        }
    }
}

#[test]
fn weights_grow_by_a_seventh_and_round_down() {
    let mut asset: Box<Collateral> = Box::new(bytemuck::Zeroable::zeroed());
    let weights: Vec<u16> = (0..=9)
        .map(|step| {
            asset.season_step = step;
            weight_bps(&asset, 8_000)
        })
        .collect();
    assert_eq!(weights, [0, 0, 1_142, 2_285, 3_428, 4_571, 5_714, 6_857, 8_000, 8_000]);
}

#[test]
fn numbers_keep_their_meaning() {
    // Numbers are written into accounts and into proposals that wait: none of these may move.
    for (number, known) in
        [(0, true), (7, true), (13, false), (20, false), (60, true), (147, true), (226, true), (227, false)]
    {
        assert_eq!(field(number).is_some(), known, "{number}");
    }
}
