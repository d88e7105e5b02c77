//! `request_unstake`: asks shares of the insurance fund out. They bear losses until they are paid, and gain nothing more.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::stake::{worth_of, UNSTAKE_MS};
use crate::error::{EvertideError, OrRefuse};
use crate::events::UnstakeRequested;
use crate::guards::now;
use crate::require_cmp;
use crate::state::{Insurance, InsuranceStake};

#[event_cpi]
#[derive(Accounts)]
pub struct RequestUnstake {
    pub authority: Signer,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub stake: Account<InsuranceStake>,
}

/// A new request stands in the place of the one before; one of no shares only takes it back.
fn validate(accounts: &RequestUnstake, shares: u64) -> Result<()> {
    // insurance: the only one there is. stake: the signer's.
    require!(address_eq(&accounts.stake.authority, accounts.authority.address()), EvertideError::NotAuthority);
    require!(shares != 0 || accounts.stake.requested_shares != 0, EvertideError::UnstakeNotRequested);
    require_cmp!(shares, <=, accounts.stake.shares, EvertideError::StakeSharesExceeded);
    Ok(())
}

pub fn request_unstake(ctx: &mut Context<RequestUnstake>, shares: u64) -> Result<()> {
    validate(&ctx.accounts, shares)?;
    let now = now()?;
    let (insurance, stake) = (&mut ctx.accounts.insurance, &mut ctx.accounts.stake);
    let others = insurance.unstaking_shares.checked_sub(stake.requested_shares).or_refuse()?;
    insurance.unstaking_shares = others.checked_add(shares).or_refuse()?;
    stake.requested_shares = shares;
    stake.requested_atoms = worth_of(insurance, shares)?;
    stake.claimable_ms = if shares == 0 { 0 } else { now.ms.checked_add(UNSTAKE_MS).or_refuse()? };
    let sequence = insurance.sequence;
    insurance.sequence = sequence.checked_add(1).or_refuse()?;
    let event = UnstakeRequested {
        sequence,
        authority: stake.authority,
        shares,
        atoms: stake.requested_atoms,
        claimable_ms: stake.claimable_ms,
        unstaking_shares: insurance.unstaking_shares,
    };
    emit_cpi!(event);
    Ok(())
}
