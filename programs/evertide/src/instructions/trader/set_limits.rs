//! `set_limits`: the user's own limits.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct SetLimits {
    pub authority: Signer,
    #[account(mut)]
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn set_limits(_ctx: &mut Context<SetLimits>, _user_ratio_bps: u16, _notional_cap_atoms: u64, _market_index: u16, _market_ratio_bps: u16) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
