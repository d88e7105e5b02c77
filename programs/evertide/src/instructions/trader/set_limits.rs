//! `set_limits`: the user's own limits.

use anchor_lang::prelude::*;

use crate::engine::position::{find, release_if_empty};
use crate::error::{EvertideError, OrRefuse};
use crate::events::LimitsSet;
use crate::guards::role;
use crate::require_cmp;
use crate::state::{RiskCache, User};

/// `market_index` that means the whole account.
pub const WHOLE_ACCOUNT: u16 = u16::MAX;
/// Greatest ratio that a user may set: no leverage at all.
pub const USER_RATIO_MAX_BPS: u16 = 10_000;

#[event_cpi]
#[derive(Accounts)]
pub struct SetLimits {
    pub authority: Signer,
    #[account(mut)]
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn set_limits(
    ctx: &mut Context<SetLimits>,
    user_ratio_bps: u16,
    notional_cap_atoms: u64,
    market_index: u16,
    market_ratio_bps: u16,
) -> Result<()> {
    // authority: signs and owns the user. risk_cache: the only one there is; it knows which markets are listed.
    let accounts = &mut ctx.accounts;
    role::require_authority(&accounts.user, accounts.authority.address())?;
    require_cmp!(user_ratio_bps, <=, USER_RATIO_MAX_BPS, EvertideError::UserRatioOutOfRange);
    require_cmp!(market_ratio_bps, <=, USER_RATIO_MAX_BPS, EvertideError::UserRatioOutOfRange);
    let user = &mut accounts.user;
    if market_index == WHOLE_ACCOUNT {
        user.user_ratio_bps = user_ratio_bps;
        user.notional_cap_atoms = notional_cap_atoms;
    } else {
        require_cmp!(market_index, <, accounts.risk_cache.market_count, EvertideError::MarketUnknown);
        set_market_limit(user, market_index, market_ratio_bps)?;
    }
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = LimitsSet {
        sequence,
        user: *user.address(),
        market_index,
        market_ratio_bps,
        user_ratio_bps: user.user_ratio_bps,
        notional_cap_atoms: user.notional_cap_atoms,
    };
    emit_cpi!(event);
    Ok(())
}

/// Takes a slot for a limit alone when the user has none in the market; frees it when the limit was all it held.
fn set_market_limit(user: &mut User, market_index: u16, ratio_bps: u16) -> Result<()> {
    let slot = match find(user, market_index) {
        Some(slot) => slot,
        None if ratio_bps == 0 => return Ok(()),
        None => {
            let free = user.positions.iter().position(|position| position.market_plus_one == 0);
            let slot = free.ok_or(EvertideError::PositionSlotsFull)?;
            user.positions[slot].market_plus_one = market_index.checked_add(1).or_refuse()?;
            user.position_count = user.position_count.checked_add(1).or_refuse()?;
            slot
        }
    };
    user.positions[slot].user_ratio_bps = ratio_bps;
    release_if_empty(user, slot)
}
