//! `assert_health`: fails a transaction unless the user keeps so much free equity.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{RiskCache, User};

#[derive(Accounts)]
pub struct AssertHealth {
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn assert_health(_ctx: &mut Context<AssertHealth>, _minimum_excess_atoms: i64, _kind: u8) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
