//! `accrue_debt`: interest on all debts up to now.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, RiskCache};

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

pub fn accrue_debt(_ctx: &mut Context<AccrueDebt>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
