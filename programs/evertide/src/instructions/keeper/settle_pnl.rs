//! `settle_pnl`: losses into the market's pool, profits out of it as far as it reaches. Permissionless; never fails for want of money.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, Market, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct SettlePnl {
    #[account(mut)]
    pub market: Account<Market>,
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub user: Account<User>,
    /// The quote asset.
    #[account(mut)]
    pub quote: Account<Collateral>,
}

pub fn settle_pnl(_ctx: &mut Context<SettlePnl>) -> Result<i64> {
    Err(EvertideError::GateClosed.into())
}
