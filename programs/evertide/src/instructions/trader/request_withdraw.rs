//! `request_withdraw`: an amount leaves the balance and waits, in order, until the asset's floor lets it out.

use anchor_lang::prelude::*;

use crate::engine::withdrawal::{require_carried, take};
use crate::error::{EvertideError, OrRefuse};
use crate::events::WithdrawRequested;
use crate::guards::{now, role};
use crate::require_cmp;
use crate::state::{Collateral, RiskCache, User};

/// A request is at least one part in this of the asset's deposits, so that nobody fills the queue with nothing.
pub const REQUEST_MIN_PART: u64 = 1_000_000;

#[event_cpi]
#[derive(Accounts)]
pub struct RequestWithdraw {
    /// The user's owner; a delegate never withdraws.
    pub authority: Signer,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
}

fn validate(accounts: &RequestWithdraw, amount_atoms: u64) -> Result<()> {
    // risk_cache: the only one there is. authority: signs and owns the user. collateral: any.
    role::require_authority(&accounts.user, accounts.authority.address())?;
    require!(amount_atoms > 0, EvertideError::AmountZero);
    require!(accounts.user.withdraw_atoms == 0, EvertideError::WithdrawPending);
    let least = accounts.collateral.total_atoms.checked_div(REQUEST_MIN_PART).or_refuse()?;
    require_cmp!(amount_atoms, >=, least, EvertideError::WithdrawTooSmall);
    Ok(())
}

pub fn request_withdraw(ctx: &mut Context<RequestWithdraw>, amount_atoms: u64) -> Result<()> {
    validate(&ctx.accounts, amount_atoms)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let (user, collateral) = (&mut accounts.user, &mut accounts.collateral);

    // 1. Out of the balance under a withdrawal's own checks: what waits carries nothing any more.
    let balance_atoms = take(user, collateral, amount_atoms, now)?;
    require_carried(user, &accounts.risk_cache, now)?;

    // 2. Into the queue. It stays among the deposits until it is paid, so that asking moves neither average nor floor.
    collateral.total_atoms = collateral.total_atoms.checked_add(amount_atoms).or_refuse()?;
    collateral.queued_atoms = collateral.queued_atoms.checked_add(amount_atoms).or_refuse()?;
    let ticket = collateral.queue_tail;
    collateral.queue_tail = ticket.checked_add(1).or_refuse()?;
    user.withdraw_ticket = ticket;
    user.withdraw_atoms = amount_atoms;
    user.withdraw_index = collateral.index;

    // 3. Tell.
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = WithdrawRequested {
        sequence,
        user: *user.address(),
        collateral_index: collateral.index,
        amount_atoms,
        balance_atoms,
        ticket,
        queued_atoms: collateral.queued_atoms,
        total_atoms: collateral.total_atoms,
    };
    emit_cpi!(event);
    Ok(())
}
