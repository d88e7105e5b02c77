//! `stake_insurance`: quote into the insurance fund for shares of it. Anyone may.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::quote::require_quote;
use crate::engine::stake::{self, STAKE_MIN_ATOMS};
use crate::error::{EvertideError, OrRefuse};
use crate::events::InsuranceStaked;
use crate::guards::gate::require_opened;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Insurance, InsuranceStake, LAYOUT_VERSION};

#[event_cpi]
#[derive(Accounts)]
pub struct StakeInsurance {
    /// Who stakes; pays the rent of a first stake.
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(
        init_if_needed,
        payer = authority,
        seeds = [b"stake", authority.address().as_ref()],
        bump
    )]
    pub stake: Account<InsuranceStake>,
    /// The quote asset.
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub source_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
    pub system_program: Program<System>,
}

fn validate(accounts: &StakeInsurance, amount_atoms: u64) -> Result<()> {
    // authority: signs; the token program checks that it may spend source_token. exchange, insurance: the only ones there
    // are. stake: at the address of this authority alone.
    require_opened(&accounts.exchange)?;
    require_quote(&accounts.quote)?;
    require!(address_eq(&accounts.quote.vault, accounts.quote_vault.address()), EvertideError::WrongVault);
    require!(address_eq(&accounts.quote.mint, accounts.source_token.mint()), EvertideError::WrongTokenMint);
    require_cmp!(amount_atoms, >=, STAKE_MIN_ATOMS, EvertideError::StakeTooSmall);
    require_cmp!(amount_atoms, <=, accounts.source_token.amount(), EvertideError::InsufficientBalance);
    Ok(())
}

pub fn stake_insurance(ctx: &mut Context<StakeInsurance>, amount_atoms: u64) -> Result<()> {
    validate(&ctx.accounts, amount_atoms)?;
    let accounts = &mut ctx.accounts;
    let before = accounts.quote_vault.amount();
    accounts.token_program.transfer(
        &mut accounts.source_token,
        &mut accounts.quote_vault,
        &accounts.authority,
        &[],
        amount_atoms,
    )?;
    let received = accounts.quote_vault.amount().checked_sub(before).or_refuse()?;
    let authority = *accounts.authority.address();
    let (insurance, held) = (&mut accounts.insurance, &mut accounts.stake);
    let shares = stake::stake(insurance, received)?;
    held.version = LAYOUT_VERSION;
    held.bump = ctx.bumps.stake;
    held.authority = authority;
    held.shares = held.shares.checked_add(shares).or_refuse()?;
    let sequence = insurance.sequence;
    insurance.sequence = sequence.checked_add(1).or_refuse()?;
    let event = InsuranceStaked {
        sequence,
        authority,
        amount_atoms: received,
        shares,
        stake_shares: held.shares,
        all_shares: insurance.shares,
        protocol_shares: insurance.protocol_shares,
        balance_atoms: insurance.balance_atoms,
    };
    emit_cpi!(event);
    Ok(())
}
