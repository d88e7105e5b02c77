//! `cancel_nonce`: uses up the nonce of a signed order that nobody has placed yet, so that nobody can. Never gated.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::signed;
use crate::error::{EvertideError, OrRefuse};
use crate::events::NonceCancelled;
use crate::guards::now;
use crate::guards::role::require_permission;
use crate::state::{permissions, Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct CancelNonce {
    /// Owner or delegate.
    pub signer: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn cancel_nonce(ctx: &mut Context<CancelNonce>, nonce_ms: i64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    require_permission(&accounts.user, accounts.signer.address(), permissions::CANCEL, now.ms)?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    // The same bound as for placing: a burnt nonce must not outlive its account.
    signed::require_not_ahead(nonce_ms, now)?;
    signed::burn_nonce(&mut accounts.orders, nonce_ms)?;
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let nonce_base_ms = accounts.orders.nonce_base_ms;
    let user = *accounts.user.address();
    emit_cpi!(NonceCancelled { sequence, user, nonce_ms, nonce_base_ms });
    Ok(())
}
