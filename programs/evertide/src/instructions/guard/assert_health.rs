//! `assert_health`: fails a transaction unless the user keeps so much free equity.

use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;

use crate::engine::margin::{self, Freshness};
use crate::error::EvertideError;
use crate::guards::now;
use crate::require_cmp;
use crate::state::{RiskCache, User};

/// Values of `kind`.
pub const HEALTH_INITIAL: u8 = 0;
pub const HEALTH_MAINTENANCE: u8 = 1;

#[derive(Accounts)]
pub struct AssertHealth {
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn assert_health(ctx: &mut Context<AssertHealth>, minimum_excess_atoms: i64, kind: u8) -> Result<()> {
    // user: any; anyone may ask. risk_cache: the only one there is.
    let kind = match kind {
        HEALTH_INITIAL => MarginKind::Initial,
        HEALTH_MAINTENANCE => MarginKind::Maintenance,
        _ => return Err(EvertideError::HealthKindUnknown.into()),
    };
    let freshness = Freshness { now_ms: now()?.ms, required: false };
    let valuation = margin::value(&ctx.accounts.user, &ctx.accounts.risk_cache, kind, freshness)?;
    require_cmp!(valuation.excess_atoms(), >=, minimum_excess_atoms, EvertideError::HealthAssertionFailed);
    Ok(())
}
