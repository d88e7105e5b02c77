//! Debt in the quote asset: interest by one growing index, and how much new debt there may be.

use crate::error::{MathError, MathResult};
use crate::index::MAX_ACCRUAL_MS;
use crate::round::mul_div_ceil;
use crate::units::{Atoms, Bps, Millis, RateE9, ATOMS_PER_USD};

/// Fractional bits of the debt index.
pub const DEBT_INDEX_BITS: u32 = 48;
/// The debt index at the start.
pub const DEBT_INDEX_ONE: u64 = 1 << DEBT_INDEX_BITS;
/// The index never passes this (4,096 times the start).
pub const MAX_DEBT_INDEX: u64 = 1 << 60;
/// New debt is at most this part of weighted collateral.
pub const DEBT_OF_COLLATERAL_BPS: u32 = 2_000;
/// New debt of one user is at most this, in atoms.
pub const MAX_USER_DEBT_ATOMS: i64 = 100_000 * ATOMS_PER_USD.cast_signed();
/// All debt is at most this part of the quote vault.
pub const DEBT_OF_VAULT_BPS: u32 = 1_000;
/// `1e9 * 3_600_000`: rate units times milliseconds in an hour.
pub const RATE_HOUR: u64 = 3_600_000_000_000_000;

/// Grows the index by interest: `index + ceil(index * rate * ms / (1e9 * 3.6e6))`, rate per hour.
pub fn accrue_interest(debt_index: u64, rate: RateE9, elapsed: Millis) -> MathResult<u64> {
    if !(DEBT_INDEX_ONE..=MAX_DEBT_INDEX).contains(&debt_index) || rate.is_negative() {
        return Err(MathError::OutOfRange);
    }
    if !(0..=MAX_ACCRUAL_MS).contains(&elapsed.get()) {
        return Err(MathError::OutOfRange);
    }
    let rate_time = rate.magnitude().checked_mul(elapsed.magnitude()).ok_or(MathError::Overflow)?;
    let interest = mul_div_ceil(debt_index, rate_time, RATE_HOUR)?;
    let grown = debt_index.checked_add(interest).ok_or(MathError::Overflow)?;
    if grown > MAX_DEBT_INDEX {
        return Err(MathError::Overflow);
    }
    Ok(grown)
}

/// A quote balance with interest: a debt grows by `index / snapshot`, away from zero; credit stays.
#[inline]
pub fn balance_with_interest(balance: Atoms, snapshot: u64, debt_index: u64) -> MathResult<Atoms> {
    if !balance.is_negative() || snapshot == debt_index {
        return Ok(balance);
    }
    if snapshot < DEBT_INDEX_ONE || debt_index < snapshot || debt_index > MAX_DEBT_INDEX {
        return Err(MathError::OutOfRange);
    }
    let owed = mul_div_ceil(balance.magnitude(), debt_index, snapshot)?;
    Ok(Atoms::from_unsigned(owed)?.negate())
}

/// What limits new debt. In atoms, none negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebtLimits {
    /// The user's collateral, weighted for withdrawal.
    pub weighted_collateral: Atoms,
    /// The user's debt now.
    pub user_debt: Atoms,
    /// All users' debt now.
    pub exchange_debt: Atoms,
    /// Quote vault balance.
    pub quote_vault: Atoms,
}

/// Most new debt: the least of 20 % of weighted collateral and $100,000, both less the user's debt, and
/// the room under 10 % of the quote vault; rounded down, not negative.
pub fn max_new_debt(limits: &DebtLimits) -> MathResult<Atoms> {
    let all = [limits.weighted_collateral, limits.user_debt, limits.exchange_debt, limits.quote_vault];
    if all.iter().any(|amount| amount.is_negative()) {
        return Err(MathError::NotPositive);
    }
    let by_collateral = limits.weighted_collateral.ratio_floor(Bps::new(DEBT_OF_COLLATERAL_BPS)?)?;
    let own = by_collateral.min(Atoms::new(MAX_USER_DEBT_ATOMS)?).minus(limits.user_debt)?;
    let exchange = limits.quote_vault.ratio_floor(Bps::new(DEBT_OF_VAULT_BPS)?)?.minus(limits.exchange_debt)?;
    Ok(own.min(exchange).max(Atoms::ZERO))
}
