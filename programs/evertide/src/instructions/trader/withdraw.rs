//! `withdraw`: tokens out of a sub-account, by its owner alone.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::withdrawal::{check_floor, require_carried, take};
use crate::error::{EvertideError, OrRefuse};
use crate::events::Withdrawn;
use crate::guards::{now, role};
use crate::state::{Collateral, Exchange, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct Withdraw {
    /// The user's owner; a delegate never withdraws.
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    #[account(mut)]
    pub destination_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &Withdraw, amount_atoms: u64) -> Result<()> {
    let collateral = &accounts.collateral;
    // exchange, risk_cache: the only ones there are. authority: signs and owns the user. vault, mint: those of the
    // asset. destination_token: any account of the mint; the owner says where its tokens go.
    role::require_authority(&accounts.user, accounts.authority.address())?;
    require!(address_eq(&collateral.vault, accounts.vault.address()), EvertideError::WrongVault);
    require!(address_eq(&collateral.mint, accounts.mint.address()), EvertideError::WrongMint);
    require!(address_eq(&collateral.mint, accounts.destination_token.mint()), EvertideError::WrongTokenMint);
    require!(amount_atoms > 0, EvertideError::AmountZero);
    Ok(())
}

pub fn withdraw(ctx: &mut Context<Withdraw>, amount_atoms: u64) -> Result<()> {
    validate(&ctx.accounts, amount_atoms)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let (user, collateral) = (&mut accounts.user, &mut accounts.collateral);

    // 1. Take from the balance, which never goes below zero.
    let balance_atoms = take(user, collateral, amount_atoms, now)?;

    // 2. What stays must carry the positions.
    require_carried(user, &accounts.risk_cache, now)?;

    // 3. The asset keeps its floor, or the open lane carries the difference.
    let lane_atoms = check_floor(&accounts.exchange, &accounts.risk_cache, user, collateral, amount_atoms, now)?;

    // 4. Only now do tokens move.
    let (decimals, bump) = (collateral.decimals, [accounts.exchange.bump]);
    accounts.token_program.transfer_checked(
        &mut accounts.vault,
        &accounts.mint,
        &mut accounts.destination_token,
        &accounts.exchange,
        &[&[b"exchange", &bump]],
        amount_atoms,
        decimals,
    )?;

    // 5. Tell.
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = Withdrawn {
        sequence,
        user: *accounts.user.address(),
        collateral_index: accounts.collateral.index,
        amount_atoms,
        balance_atoms,
        total_atoms: accounts.collateral.total_atoms,
        lane_atoms,
        to: *accounts.destination_token.address(),
    };
    emit_cpi!(event);
    Ok(())
}
