//! `claim_unstake`: pays a due request out of the insurance fund, as far as open bankruptcies leave it.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::quote::require_quote;
use crate::engine::stake::{self, UNSTAKE_WINDOW_MS};
use crate::error::{EvertideError, OrRefuse};
use crate::events::UnstakeClaimed;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Insurance, InsuranceStake};

#[event_cpi]
#[derive(Accounts)]
pub struct ClaimUnstake {
    /// Who staked; receives the rent of an empty stake.
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub stake: Account<InsuranceStake>,
    /// The quote asset.
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub destination_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &ClaimUnstake, now: Now) -> Result<()> {
    // exchange, insurance: the only ones there are. stake: the signer's. destination_token: any; the staker says where.
    require!(address_eq(&accounts.stake.authority, accounts.authority.address()), EvertideError::NotAuthority);
    require_quote(&accounts.quote)?;
    require!(address_eq(&accounts.quote.vault, accounts.quote_vault.address()), EvertideError::WrongVault);
    require!(address_eq(&accounts.quote.mint, accounts.destination_token.mint()), EvertideError::WrongTokenMint);
    let due_ms = accounts.stake.claimable_ms;
    require!(accounts.stake.requested_shares != 0, EvertideError::UnstakeNotRequested);
    require_cmp!(now.ms, >=, due_ms, EvertideError::UnstakeNotDue);
    require_cmp!(now.ms, <, due_ms.saturating_add(UNSTAKE_WINDOW_MS), EvertideError::UnstakeLapsed);
    Ok(())
}

pub fn claim_unstake(ctx: &mut Context<ClaimUnstake>) -> Result<()> {
    let now = now()?;
    validate(&ctx.accounts, now)?;
    let accounts = &mut ctx.accounts;
    let (insurance, stake) = (&mut accounts.insurance, &mut accounts.stake);

    // 1. Out of the fund and out of the shares.
    let (paid, burnt) = stake::claim(insurance, stake.requested_shares, stake.requested_atoms, now)?;
    insurance.balance_atoms = insurance.balance_atoms.checked_sub(paid).or_refuse()?;
    insurance.shares = insurance.shares.checked_sub(burnt).or_refuse()?;
    insurance.unstaking_shares = insurance.unstaking_shares.checked_sub(burnt).or_refuse()?;
    stake.shares = stake.shares.checked_sub(burnt).or_refuse()?;
    stake.requested_shares = stake.requested_shares.checked_sub(burnt).or_refuse()?;
    stake.requested_atoms = stake.requested_atoms.saturating_sub(paid);
    if stake.requested_shares == 0 {
        stake.requested_atoms = 0;
        stake.claimable_ms = 0;
    }
    let sequence = insurance.sequence;
    insurance.sequence = sequence.checked_add(1).or_refuse()?;
    let event = UnstakeClaimed {
        sequence,
        authority: stake.authority,
        paid_atoms: paid,
        shares: burnt,
        stake_shares: stake.shares,
        requested_shares: stake.requested_shares,
        all_shares: insurance.shares,
        unstaking_shares: insurance.unstaking_shares,
        balance_atoms: insurance.balance_atoms,
        to: *accounts.destination_token.address(),
    };

    // 2. Tokens, and the rent of a stake that is gone.
    if paid != 0 {
        let bump = [accounts.exchange.bump];
        accounts.token_program.transfer(
            &mut accounts.quote_vault,
            &mut accounts.destination_token,
            &accounts.exchange,
            &[&[b"exchange", &bump]],
            paid,
        )?;
    }
    if accounts.stake.shares == 0 {
        let rent_to = *accounts.authority.account();
        accounts.stake.close(rent_to)?;
    }
    emit_cpi!(event);
    Ok(())
}
