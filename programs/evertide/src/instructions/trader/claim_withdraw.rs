//! `claim_withdraw`: pays the first request of an asset's queue, as far as the floor lets it, to a token account of its
//! owner. Anyone may call it: nobody who does not claim holds up those behind.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::average::{floor_atoms, roll_average};
use crate::error::{EvertideError, OrRefuse};
use crate::events::WithdrawClaimed;
use crate::guards::now;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ClaimWithdraw {
    pub exchange: Account<Exchange>,
    /// Whose request is the first.
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    /// Any token account of the user's owner.
    #[account(mut)]
    pub destination_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &ClaimWithdraw) -> Result<()> {
    let (user, collateral) = (&accounts.user, &accounts.collateral);
    // exchange: the only one there is. vault, mint: those of the asset. user: the first of the asset's queue.
    require!(address_eq(&collateral.vault, accounts.vault.address()), EvertideError::WrongVault);
    require!(address_eq(&collateral.mint, accounts.mint.address()), EvertideError::WrongMint);
    require!(address_eq(&collateral.mint, accounts.destination_token.mint()), EvertideError::WrongTokenMint);
    let own = address_eq(&user.authority, accounts.destination_token.owner());
    require!(own, EvertideError::DestinationOfAnother);
    let asked = user.withdraw_atoms != 0 && user.withdraw_index == collateral.index;
    require!(asked, EvertideError::WithdrawNotRequested);
    require_cmp!(user.withdraw_ticket, ==, collateral.queue_head, EvertideError::WithdrawNotFirst);
    Ok(())
}

pub fn claim_withdraw(ctx: &mut Context<ClaimWithdraw>) -> Result<()> {
    validate(&ctx.accounts)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let (user, collateral) = (&mut accounts.user, &mut accounts.collateral);

    // 1. As much as the floor leaves; the rest stays first.
    roll_average(collateral, now.ms)?;
    let floor = floor_atoms(collateral, accounts.exchange.terms.withdrawal_floor_bps)?;
    require_cmp!(collateral.total_atoms, >, floor, EvertideError::WithdrawalFloorReached);
    let paid = collateral.total_atoms.saturating_sub(floor).min(user.withdraw_atoms);
    collateral.total_atoms = collateral.total_atoms.checked_sub(paid).or_refuse()?;
    collateral.queued_atoms = collateral.queued_atoms.checked_sub(paid).or_refuse()?;
    let left = user.withdraw_atoms.checked_sub(paid).or_refuse()?;
    user.withdraw_atoms = left;
    let ticket = user.withdraw_ticket;
    if left == 0 {
        collateral.queue_head = ticket.checked_add(1).or_refuse()?;
        user.withdraw_ticket = 0;
        user.withdraw_index = 0;
    }
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = WithdrawClaimed {
        sequence,
        user: *user.address(),
        collateral_index: collateral.index,
        amount_atoms: paid,
        left_atoms: left,
        ticket,
        queued_atoms: collateral.queued_atoms,
        total_atoms: collateral.total_atoms,
        to: *accounts.destination_token.address(),
    };

    // 2. Only now do tokens move.
    let (decimals, bump) = (collateral.decimals, [accounts.exchange.bump]);
    accounts.token_program.transfer_checked(
        &mut accounts.vault,
        &accounts.mint,
        &mut accounts.destination_token,
        &accounts.exchange,
        &[&[b"exchange", &bump]],
        paid,
        decimals,
    )?;
    emit_cpi!(event);
    Ok(())
}
