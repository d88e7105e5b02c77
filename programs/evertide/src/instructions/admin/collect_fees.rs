//! `collect_fees`: pays a market's pending fees out of its pool to insurance and treasury. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::quote::require_quote;
use crate::error::{EvertideError, OrRefuse};
use crate::events::FeesCollected;
use crate::guards::role;
use crate::state::{Collateral, Exchange, Insurance, Market, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct CollectFees {
    #[account(mut)]
    pub market: Account<Market>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub treasury_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
}

/// What one call pays, atoms.
struct Payment {
    /// To the insurance fund out of the market's fees.
    insurance: u64,
    /// To the treasury out of the market's fees.
    treasury: u64,
    /// To the insurance fund out of interest on debts.
    interest: u64,
}

fn validate(accounts: &CollectFees) -> Result<()> {
    // market: any. exchange, insurance: the only ones there are.
    require_quote(&accounts.quote)?;
    require!(address_eq(&accounts.quote.vault, accounts.quote_vault.address()), EvertideError::WrongVault);
    require!(address_eq(&accounts.quote.mint, accounts.treasury_token.mint()), EvertideError::WrongTokenMint);
    let treasury = role::holder(&accounts.exchange, Role::Treasury);
    require!(address_eq(treasury, accounts.treasury_token.owner()), EvertideError::NotTreasury);
    Ok(())
}

/// As much of the pending fees as the pool holds, the insurance fund's part first.
fn payment(market: &Market, quote: &Collateral) -> Result<Payment> {
    let payable = market.pending_fees_atoms.min(market.pool_atoms);
    let insurance = market.pending_insurance_atoms.min(payable);
    let treasury = payable.saturating_sub(insurance);
    let interest = quote.interest_atoms;
    require!(payable > 0 || interest > 0, EvertideError::NothingToCollect);
    Ok(Payment { insurance, treasury, interest })
}

pub fn collect_fees(ctx: &mut Context<CollectFees>) -> Result<()> {
    validate(&ctx.accounts)?;
    let accounts = &mut ctx.accounts;
    let paid = payment(&accounts.market, &accounts.quote)?;
    let fees = paid.insurance.checked_add(paid.treasury).or_refuse()?;

    // 1. Out of the pool and the claims on it.
    let market = &mut accounts.market;
    market.pool_atoms = market.pool_atoms.checked_sub(fees).or_refuse()?;
    market.pending_fees_atoms = market.pending_fees_atoms.checked_sub(fees).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.checked_sub(paid.insurance).or_refuse()?;
    accounts.quote.interest_atoms = 0;

    // 2. Into the fund, which stays in the vault, and to the treasury, which leaves it.
    let fund = paid.insurance.checked_add(paid.interest).or_refuse()?;
    accounts.insurance.balance_atoms = accounts.insurance.balance_atoms.checked_add(fund).or_refuse()?;
    if paid.treasury > 0 {
        let bump = [accounts.exchange.bump];
        accounts.token_program.transfer(
            &mut accounts.quote_vault,
            &mut accounts.treasury_token,
            &accounts.exchange,
            &[&[b"exchange", &bump]],
            paid.treasury,
        )?;
    }

    // 3. Tell.
    let market = &mut accounts.market;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let event = FeesCollected {
        sequence,
        market_index: market.index,
        treasury_atoms: paid.treasury,
        insurance_atoms: paid.insurance,
        interest_atoms: paid.interest,
        pool_atoms: market.pool_atoms,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
        insurance_balance_atoms: accounts.insurance.balance_atoms,
    };
    emit_cpi!(event);
    Ok(())
}
