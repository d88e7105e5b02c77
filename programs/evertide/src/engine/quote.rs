//! The quote balance of a user together with the totals that the quote asset keeps of all of them.
//!
//! `vault = total_atoms - debt_atoms + pools + insurance + interest_atoms + dust_atoms`, exactly and at all times:
//! interest becomes part of a debt, of `debt_atoms` and of `interest_atoms` in the same step.

use anchor_lang::prelude::*;
use evertide_math::debt::balance_with_interest;
use evertide_math::Atoms;

use super::average::roll_average;
use crate::error::{EvertideError, OrRefuse};
use crate::state::{Collateral, User};

/// Index of the quote asset.
pub const QUOTE_INDEX: u16 = 0;

/// Refuses any asset but the quote asset.
pub fn require_quote(collateral: &Collateral) -> Result<()> {
    require!(collateral.index == QUOTE_INDEX, EvertideError::NotQuoteAsset);
    Ok(())
}

/// Adds the interest since the user was last touched to its debt; returns it in atoms.
#[inline(never)]
pub fn accrue_interest(user: &mut User, quote: &mut Collateral) -> Result<u64> {
    let before = Atoms::new(user.quote_atoms).or_refuse()?;
    let after = balance_with_interest(before, user.debt_index_q48, quote.debt_index_q48).or_refuse()?;
    let interest = after.magnitude().saturating_sub(before.magnitude());
    user.debt_index_q48 = quote.debt_index_q48;
    if interest != 0 {
        user.quote_atoms = after.get();
        quote.debt_atoms = quote.debt_atoms.checked_add(interest).or_refuse()?;
        quote.interest_atoms = quote.interest_atoms.checked_add(interest).or_refuse()?;
    }
    Ok(interest)
}

/// Adds a signed amount to the user's quote balance and keeps the totals of balances and debts. Interest is accrued
/// first, so that the amount meets the whole debt.
#[inline(never)]
pub fn change_balance(user: &mut User, quote: &mut Collateral, amount_atoms: i64, now_ms: i64) -> Result<()> {
    accrue_interest(user, quote)?;
    roll_average(quote, now_ms)?;
    let before = user.quote_atoms;
    let after = before.checked_add(amount_atoms).or_refuse()?;
    user.quote_atoms = Atoms::new(after).or_refuse()?.get();
    quote.total_atoms = replace(quote.total_atoms, credit(before), credit(after))?;
    quote.debt_atoms = replace(quote.debt_atoms, debt(before), debt(after))?;
    if after >= 0 {
        user.debt_since_ms = 0;
    } else if before >= 0 {
        user.debt_since_ms = now_ms;
    }
    Ok(())
}

fn credit(balance_atoms: i64) -> u64 {
    balance_atoms.max(0).unsigned_abs()
}

fn debt(balance_atoms: i64) -> u64 {
    balance_atoms.min(0).unsigned_abs()
}

fn replace(sum: u64, old: u64, new: u64) -> Result<u64> {
    sum.checked_sub(old).or_refuse()?.checked_add(new).or_refuse()
}
