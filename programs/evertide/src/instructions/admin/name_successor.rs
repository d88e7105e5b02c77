//! `name_successor`: names who may claim a role after 72 h, or withdraws who was named.

use anchor_lang::prelude::*;

use crate::engine::admin::{require_admin, take_sequence};
use crate::error::{EvertideError, OrRefuse};
use crate::events::SuccessorNamed;
use crate::guards::timelock::TIMELOCK_MS;
use crate::guards::{now, role};
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct NameSuccessor {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

/// Returns the role that the number names.
fn validate(accounts: &NameSuccessor, number: u8, successor: &Address) -> Result<Role> {
    // exchange: the only one there is. signer: signs and holds root; the guardian withdraws any successor but its own, so
    // that a stolen guardian's key cannot keep itself.
    let exchange = &accounts.exchange;
    let role = role::role_of(number)?;
    let withdraws = *successor == Address::default();
    let guarded = withdraws && role != Role::Guardian;
    let roles: &[Role] = if guarded { &[Role::Root, Role::Guardian] } else { &[Role::Root] };
    require_admin(exchange, accounts.signer.address(), roles, &accounts.instructions)?;
    let named = exchange.successor_ms[role as usize] != 0;
    require!(!withdraws || named, EvertideError::SuccessorMissing);
    Ok(role)
}

pub fn name_successor(ctx: &mut Context<NameSuccessor>, role: u8, successor: Address) -> Result<()> {
    let role = validate(&ctx.accounts, role, &successor)?;
    let now = now()?;
    let withdraws = successor == Address::default();
    let claimable_ms = if withdraws { 0 } else { now.ms.checked_add(TIMELOCK_MS).or_refuse()? };
    let by = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    exchange.successors[role as usize] = successor;
    exchange.successor_ms[role as usize] = claimable_ms;
    let sequence = take_sequence(exchange)?;
    emit_cpi!(SuccessorNamed { sequence, role: role as u8, successor, claimable_ms, by });
    Ok(())
}
