//! `cancel_all_after`: the dead-man's switch. Never gated.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::groups::sweep;
use crate::error::{EvertideError, OrRefuse};
use crate::events::CancelAllAfterSet;
use crate::guards::now;
use crate::guards::role::require_permission;
use crate::require_cmp;
use crate::state::{permissions, Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct CancelAllAfter {
    /// Owner or delegate.
    pub signer: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn cancel_all_after(ctx: &mut Context<CancelAllAfter>, deadline_ms: i64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // signer: owner, or a delegate that may cancel. orders: those of the user.
    require_permission(&accounts.user, accounts.signer.address(), permissions::CANCEL, now.ms)?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    if deadline_ms != 0 {
        require_cmp!(deadline_ms, >, now.ms, EvertideError::DeadlineNotInFuture);
    }
    // What the deadline before killed stays dead: it is gone before a new one could bring it back.
    let mut removed = Vec::new();
    let reached = accounts.orders.cancel_all_after_ms;
    if reached != 0 && now.ms >= reached {
        sweep(&mut accounts.user, &mut accounts.orders, now, &mut removed)?;
    }
    accounts.orders.cancel_all_after_ms = deadline_ms;
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(CancelAllAfterSet { sequence, user, deadline_ms, orders: removed });
    Ok(())
}
