//! `view_health`: equity, requirements and liquidation prices as return data.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{RiskCache, User};

#[derive(Accounts)]
pub struct ViewHealth {
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn view_health(_ctx: &mut Context<ViewHealth>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
