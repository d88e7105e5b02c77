//! Settling profit and loss between a position, its owner's quote balance and the market's pool.

use crate::error::{MathError, MathResult};
use crate::units::Atoms;

/// What a settlement depends on, in atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettleInput {
    /// Position value at the worse of mark and 5-minute TWAP.
    pub value: Atoms,
    /// Realised profit: `cash + entry`.
    pub realised: Atoms,
    /// The owner's quote balance, interest included.
    pub quote: Atoms,
    /// Room for new debt of the owner, not negative.
    pub debt_room: Atoms,
    /// The market's pool, not negative.
    pub pool: Atoms,
}

/// Signed amount to move from the pool to the quote balance; the position's cash falls by it.
///
/// A loss, realised or not, is taken as far as the owner's positive quote and the debt room reach
/// (negative result). A profit is paid only where it is both realised and there at the worse price,
/// as far as the pool reaches. Never fails for want of funds: then the amount is smaller, or zero.
pub fn settle_amount(input: &SettleInput) -> MathResult<Atoms> {
    if input.debt_room.is_negative() || input.pool.is_negative() {
        return Err(MathError::NotPositive);
    }
    if input.value.is_negative() {
        let means = input.quote.max(Atoms::ZERO).plus(input.debt_room)?;
        return Ok(input.value.negate().min(means).negate());
    }
    Ok(input.value.min(input.realised).max(Atoms::ZERO).min(input.pool))
}

/// Balances after a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What moved from the pool to the owner, negative when it moved the other way.
    pub amount: Atoms,
    /// The owner's quote balance.
    pub quote: Atoms,
    /// The position's cash.
    pub cash: Atoms,
    /// The market's pool.
    pub pool: Atoms,
}

/// Settles: `quote + pool` does not change, and neither does `quote + cash`.
pub fn settle(input: &SettleInput, cash: Atoms) -> MathResult<Settled> {
    let amount = settle_amount(input)?;
    Ok(Settled { amount, quote: input.quote.plus(amount)?, cash: cash.minus(amount)?, pool: input.pool.minus(amount)? })
}

/// A winner's part while a recorded deficit is open: `floor(profit * pool / all profits)`.
pub fn pro_rata(profit: Atoms, pool: Atoms, all_profits: Atoms) -> MathResult<Atoms> {
    if profit.is_negative() || pool.is_negative() || profit > all_profits {
        return Err(MathError::OutOfRange);
    }
    if pool >= all_profits {
        return Ok(profit);
    }
    let share = crate::round::mul_div_floor(profit.magnitude(), pool.magnitude(), all_profits.magnitude())?;
    Atoms::from_unsigned(share)
}
