//! `set_delegate`: names a key that may act for the sub-account, what it may do and until when; or takes it away.

use anchor_lang::prelude::*;

use crate::error::{EvertideError, OrRefuse};
use crate::events::DelegateSet;
use crate::guards::{now, role};
use crate::require_cmp;
use crate::state::{permissions, User};

#[event_cpi]
#[derive(Accounts)]
pub struct SetDelegate {
    pub authority: Signer,
    #[account(mut)]
    pub user: Account<User>,
}

/// A delegate needs something that it may do; without one nothing is left to be permitted or to expire.
fn validate(accounts: &SetDelegate, delegate: Address, bits: u32, expiry_ms: i64, now_ms: i64) -> Result<()> {
    // authority: signs and owns the user.
    role::require_authority(&accounts.user, accounts.authority.address())?;
    if delegate == Address::default() {
        require!(bits == 0 && expiry_ms == 0, EvertideError::DelegateInvalid);
        return Ok(());
    }
    require!(bits != 0 && bits & !permissions::ALL == 0, EvertideError::DelegateInvalid);
    if expiry_ms != 0 {
        require_cmp!(expiry_ms, >, now_ms, EvertideError::DelegateExpiryPassed);
    }
    Ok(())
}

pub fn set_delegate(ctx: &mut Context<SetDelegate>, delegate: Address, bits: u32, expiry_ms: i64) -> Result<()> {
    validate(&ctx.accounts, delegate, bits, expiry_ms, now()?.ms)?;
    let user = &mut ctx.accounts.user;
    user.delegate = delegate;
    user.delegate_permissions = bits;
    user.delegate_expiry_ms = expiry_ms;
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *user.address();
    emit_cpi!(DelegateSet { sequence, user, delegate, permissions: bits, expiry_ms });
    Ok(())
}
