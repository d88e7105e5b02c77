//! `cancel_change`: the guardian or its proposer stops a change that waits, or a ramp where it is.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::admin::take_sequence;
use crate::error::EvertideError;
use crate::events::ChangeCancelled;
use crate::guards::{nonce, role};
use crate::state::{ChangeStatus, Exchange, ParamChange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct CancelChange {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub change: Account<ParamChange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &CancelChange) -> Result<()> {
    // exchange: the only one there is. change: any that waits or ramps. signer: signs, and is the guardian or proposed it.
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let (change, signer) = (&accounts.change, accounts.signer.address());
    let guardian = role::holds_any(&accounts.exchange, signer, &[Role::Guardian]);
    require!(guardian || address_eq(&change.proposer, signer), EvertideError::ChangeNotYours);
    let open = change.status == ChangeStatus::Pending as u8 || change.status == ChangeStatus::Ramping as u8;
    require!(open, EvertideError::ChangeNotPending);
    Ok(())
}

pub fn cancel_change(ctx: &mut Context<CancelChange>) -> Result<()> {
    validate(&ctx.accounts)?;
    let by = *ctx.accounts.signer.address();
    let sequence = take_sequence(&mut ctx.accounts.exchange)?;
    let change = &mut ctx.accounts.change;
    change.status = ChangeStatus::Cancelled as u8;
    let event = ChangeCancelled { sequence, number: change.number, field: change.field, target: change.target, by };
    emit_cpi!(event);
    Ok(())
}
