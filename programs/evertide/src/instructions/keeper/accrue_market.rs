//! `accrue_market`: premium, funding and TWAPs up to now, and the market's cache row.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Market, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct AccrueMarket {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub market: Account<Market>,
}

pub fn accrue_market(_ctx: &mut Context<AccrueMarket>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
