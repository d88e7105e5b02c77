//! `claim_role`: the named successor takes its role, from 72 h after it was named.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::admin::take_sequence;
use crate::error::EvertideError;
use crate::events::RoleClaimed;
use crate::guards::timelock::require_due;
use crate::guards::{nonce, now, role};
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct ClaimRole {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

/// Returns the role that the number names.
fn validate(accounts: &ClaimRole, number: u8, now_ms: i64) -> Result<Role> {
    // exchange: the only one there is. signer: signs and is the named successor.
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let exchange = &accounts.exchange;
    let role = role::role_of(number)?;
    let claimable_ms = exchange.successor_ms[role as usize];
    require!(claimable_ms != 0, EvertideError::SuccessorMissing);
    let named = &exchange.successors[role as usize];
    require!(address_eq(named, accounts.signer.address()), EvertideError::NotSuccessor);
    require_due(now_ms, claimable_ms)?;
    let mut after = exchange.roles;
    after[role as usize] = *named;
    role::require_split(&after, exchange.local != 0)?;
    Ok(role)
}

pub fn claim_role(ctx: &mut Context<ClaimRole>, role: u8) -> Result<()> {
    let now = now()?;
    let role = validate(&ctx.accounts, role, now.ms)?;
    let holder = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    let before = exchange.roles[role as usize];
    exchange.roles[role as usize] = holder;
    exchange.successors[role as usize] = Address::default();
    exchange.successor_ms[role as usize] = 0;
    let sequence = take_sequence(exchange)?;
    emit_cpi!(RoleClaimed { sequence, role: role as u8, before, holder });
    Ok(())
}
