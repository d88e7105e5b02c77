//! `deposit`: tokens into a sub-account. Anyone may pay in.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::average::roll_average;
use crate::engine::collateral_slots::{add_collateral, collateral_atoms};
use crate::engine::quote::{change_balance, QUOTE_INDEX};
use crate::engine::season::deposit_cap_atoms;
use crate::error::{EvertideError, OrRefuse};
use crate::events::Deposited;
use crate::guards::{gate, now};
use crate::require_cmp;
use crate::state::{Collateral, Exchange, User};

/// `Collateral::status`: no new deposits.
pub const STATUS_NO_DEPOSITS: u8 = 1;

#[event_cpi]
#[derive(Accounts)]
pub struct Deposit {
    /// Who pays; not necessarily the user's owner.
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    #[account(mut)]
    pub source_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &Deposit, amount_atoms: u64) -> Result<()> {
    let collateral = &accounts.collateral;
    // authority: signs; the token program checks that it may spend source_token, and that its mint is the vault's.
    // exchange: the only one there is. user: any. vault, mint: those of the asset.
    gate::require_opened(&accounts.exchange)?;
    require!(address_eq(&collateral.vault, accounts.vault.address()), EvertideError::WrongVault);
    require!(address_eq(&collateral.mint, accounts.mint.address()), EvertideError::WrongMint);
    require!(address_eq(&collateral.mint, accounts.source_token.mint()), EvertideError::WrongTokenMint);
    require!(collateral.status != STATUS_NO_DEPOSITS, EvertideError::DepositsClosed);
    require!(amount_atoms > 0, EvertideError::AmountZero);
    require_cmp!(amount_atoms, <=, accounts.source_token.amount(), EvertideError::InsufficientBalance);
    Ok(())
}

/// Caps hold for what is there after the deposit, of everybody and of this user.
fn check_caps(collateral: &Collateral, user_atoms: u64) -> Result<()> {
    let terms = &collateral.terms;
    let cap_atoms = deposit_cap_atoms(collateral);
    require_cmp!(collateral.total_atoms, <=, cap_atoms, EvertideError::DepositCapExceeded);
    require_cmp!(user_atoms, <=, terms.user_cap_atoms, EvertideError::UserDepositCapExceeded);
    Ok(())
}

pub fn deposit(ctx: &mut Context<Deposit>, amount_atoms: u64) -> Result<()> {
    // 1. Check everything, then move the tokens, so that only what the vault received is credited.
    validate(&ctx.accounts, amount_atoms)?;
    let now = now()?;
    let received = receive(&mut ctx.accounts, amount_atoms)?;

    // 2. Credit: a quote deposit repays the user's debt first, being the same balance.
    let accounts = &mut ctx.accounts;
    let (user, collateral) = (&mut accounts.user, &mut accounts.collateral);
    let balance_atoms = if collateral.index == QUOTE_INDEX {
        let credit = i64::try_from(received).map_err(|_| EvertideError::Overflow)?;
        change_balance(user, collateral, credit, now.ms)?;
        check_caps(collateral, user.quote_atoms.max(0).unsigned_abs())?;
        user.quote_atoms
    } else {
        roll_average(collateral, now.ms)?;
        add_collateral(user, collateral.index, received)?;
        collateral.total_atoms = collateral.total_atoms.checked_add(received).or_refuse()?;
        let held = collateral_atoms(user, collateral.index);
        check_caps(collateral, held)?;
        i64::try_from(held).map_err(|_| EvertideError::Overflow)?
    };

    // 3. Tell.
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = Deposited {
        sequence,
        user: *user.address(),
        collateral_index: collateral.index,
        amount_atoms: received,
        balance_atoms,
        total_atoms: collateral.total_atoms,
        debt_atoms: collateral.debt_atoms,
        from: *accounts.authority.address(),
    };
    emit_cpi!(event);
    Ok(())
}

/// Moves the tokens and returns what the vault received.
fn receive(accounts: &mut Deposit, amount_atoms: u64) -> Result<u64> {
    let before = accounts.vault.amount();
    accounts.token_program.transfer_checked(
        &mut accounts.source_token,
        &accounts.mint,
        &mut accounts.vault,
        &accounts.authority,
        &[],
        amount_atoms,
        accounts.collateral.decimals,
    )?;
    accounts.vault.amount().checked_sub(before).or_refuse()
}
