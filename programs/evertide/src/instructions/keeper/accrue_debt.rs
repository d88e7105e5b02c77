//! `accrue_debt`: interest on all debts up to now.

use anchor_lang::prelude::*;
use evertide_math::debt::accrue_interest;
use evertide_math::index::MAX_ACCRUAL_MS;
use evertide_math::{Millis, RateE9};

use crate::engine::quote::require_quote;
use crate::engine::row::collateral_row_mut;
use crate::error::OrRefuse;
use crate::events::DebtAccrued;
use crate::guards::now;
use crate::state::{Collateral, Exchange, RiskCache};

/// 1e-9 of a whole in a bp.
const E9_PER_BPS: u64 = 100_000;
/// Hours of a year of 365 days.
const HOURS_PER_YEAR: u64 = 8_760;

#[event_cpi]
#[derive(Accounts)]
pub struct AccrueDebt {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The quote asset.
    #[account(mut)]
    pub quote: Account<Collateral>,
}

pub fn accrue_debt(ctx: &mut Context<AccrueDebt>) -> Result<()> {
    // risk_cache, exchange: the only ones there are. quote: the quote asset.
    let accounts = &mut ctx.accounts;
    require_quote(&accounts.quote)?;
    let now = now()?;
    let quote = &mut accounts.quote;

    // 1. Only the index moves: a debt meets its interest when its user is touched. After a long pause the rest is
    //    left to the next call.
    let elapsed_ms = now.ms.saturating_sub(quote.debt_accrued_ms).clamp(0, MAX_ACCRUAL_MS);
    let rate = hourly_rate(accounts.exchange.terms.debt_interest_bps)?;
    let elapsed = Millis::new(elapsed_ms).or_refuse()?;
    quote.debt_index_q48 = accrue_interest(quote.debt_index_q48, rate, elapsed).or_refuse()?;
    quote.debt_accrued_ms = quote.debt_accrued_ms.checked_add(elapsed_ms).or_refuse()?;

    // 2. The row of the quote asset, and the exchange's copy of the debt.
    let row = collateral_row_mut(&mut accounts.risk_cache, quote.index)?;
    row.debt_index_q48 = quote.debt_index_q48;
    row.updated_ms = now.ms;
    row.publish_time_ms = now.ms;
    accounts.exchange.debt_atoms = quote.debt_atoms;

    // 3. Tell.
    let sequence = quote.sequence;
    quote.sequence = sequence.checked_add(1).or_refuse()?;
    let event = DebtAccrued {
        sequence,
        debt_index_q48: quote.debt_index_q48,
        debt_atoms: quote.debt_atoms,
        interest_atoms: quote.interest_atoms,
        elapsed_ms,
    };
    emit_cpi!(event);
    Ok(())
}

/// Yearly bps as 1e-9 an hour, rounded up against the debtor.
fn hourly_rate(bps_a_year: u16) -> Result<RateE9> {
    let yearly = u64::from(bps_a_year).checked_mul(E9_PER_BPS).or_refuse()?;
    let hourly = i64::try_from(yearly.div_ceil(HOURS_PER_YEAR)).map_err(|_| crate::EvertideError::Overflow)?;
    RateE9::new(hourly).or_refuse()
}
