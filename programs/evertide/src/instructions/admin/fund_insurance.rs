//! `fund_insurance`: pays quote into the insurance fund. Anyone may.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::quote::require_quote;
use crate::engine::stake::give;
use crate::error::{EvertideError, OrRefuse};
use crate::events::InsuranceFunded;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Insurance};

#[event_cpi]
#[derive(Accounts)]
pub struct FundInsurance {
    #[account(mut)]
    pub funder: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub funder_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &FundInsurance, amount_atoms: u64, tranche_atoms: u64) -> Result<()> {
    // funder: signs; the token program checks that it may spend funder_token. exchange, insurance: the only ones.
    require_quote(&accounts.quote)?;
    require!(address_eq(&accounts.quote.vault, accounts.quote_vault.address()), EvertideError::WrongVault);
    require!(address_eq(&accounts.quote.mint, accounts.funder_token.mint()), EvertideError::WrongTokenMint);
    require!(amount_atoms > 0, EvertideError::AmountZero);
    require_cmp!(amount_atoms, <=, accounts.funder_token.amount(), EvertideError::InsufficientBalance);
    require_cmp!(tranche_atoms, <=, amount_atoms, EvertideError::TrancheTooLarge);
    Ok(())
}

pub fn fund_insurance(ctx: &mut Context<FundInsurance>, amount_atoms: u64, tranche_atoms: u64) -> Result<()> {
    validate(&ctx.accounts, amount_atoms, tranche_atoms)?;
    let accounts = &mut ctx.accounts;
    let before = accounts.quote_vault.amount();
    accounts.token_program.transfer(
        &mut accounts.funder_token,
        &mut accounts.quote_vault,
        &accounts.funder,
        &[],
        amount_atoms,
    )?;
    let received = accounts.quote_vault.amount().checked_sub(before).or_refuse()?;
    let insurance = &mut accounts.insurance;
    let tranche = tranche_atoms.min(received);
    give(insurance, received.saturating_sub(tranche))?;
    insurance.balance_atoms = insurance.balance_atoms.checked_add(tranche).or_refuse()?;
    insurance.tranche_atoms = insurance.tranche_atoms.checked_add(tranche).or_refuse()?;
    insurance.funded_atoms = insurance.funded_atoms.checked_add(received).or_refuse()?;
    let sequence = insurance.sequence;
    insurance.sequence = sequence.checked_add(1).or_refuse()?;
    let event = InsuranceFunded {
        sequence,
        funder: *accounts.funder.address(),
        amount_atoms: received,
        balance_atoms: accounts.insurance.balance_atoms,
        tranche_atoms: accounts.insurance.tranche_atoms,
        protocol_shares: accounts.insurance.protocol_shares,
    };
    emit_cpi!(event);
    Ok(())
}
