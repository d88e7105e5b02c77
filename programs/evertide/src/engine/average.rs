//! The 24 h time-weighted average of an asset's deposits and the withdrawal floor that stands on it.
//!
//! The average moves by elapsed time, never by an instruction, so that depositing and withdrawing in one transaction
//! consumes nothing and a flash deposit lifts no floor.

use anchor_lang::prelude::*;
use evertide_math::round::{mul_div_ceil, mul_div_floor};

use crate::error::OrRefuse;
use crate::guards::clock::DAY_MS;
use crate::state::Collateral;

const BPS_ONE: u64 = 10_000;

/// Moves the average toward the present total by `min(elapsed, 24 h) / 24 h`, toward the average. Call before the
/// total changes.
pub fn roll_average(collateral: &mut Collateral, now_ms: i64) -> Result<()> {
    let elapsed = now_ms.saturating_sub(collateral.average_ms).clamp(0, DAY_MS).unsigned_abs();
    let (total, average) = (collateral.total_atoms, collateral.average_atoms);
    let step = mul_div_floor(total.abs_diff(average), elapsed, DAY_MS.unsigned_abs()).or_refuse()?;
    let moved = if total >= average { average.checked_add(step) } else { average.checked_sub(step) };
    collateral.average_atoms = moved.or_refuse()?;
    collateral.average_ms = collateral.average_ms.max(now_ms);
    Ok(())
}

/// Deposits that a withdrawal leaves, token atoms: the share of the average, rounded up.
pub fn floor_atoms(collateral: &Collateral, floor_bps: u16) -> Result<u64> {
    mul_div_ceil(collateral.average_atoms, u64::from(floor_bps), BPS_ONE).or_refuse()
}

/// What the open lane lets out of this asset in a day, token atoms, over all users: rounded down.
pub fn lane_atoms(collateral: &Collateral, share_bps: u16) -> Result<u64> {
    mul_div_floor(collateral.average_atoms, u64::from(share_bps), BPS_ONE).or_refuse()
}
