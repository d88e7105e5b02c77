//! `collect_fees`: repays a market's recorded deficit, then pays its pending fees out of its pool to insurance and treasury.
//! Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::{TokenAccount, TokenCpiExt};

use crate::engine::quote::{change_balance, require_quote};
use crate::error::{EvertideError, OrRefuse};
use crate::events::FeesCollected;
use crate::guards::{now, role};
use crate::instructions::way_down::liquidate_to_backstop::require_backstop;
use crate::state::{Collateral, Exchange, Insurance, Market, Role, User};

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
    /// The market's own backstop account: its profit goes to the insurance fund when it holds no position.
    #[account(mut)]
    pub backstop: Account<User>,
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
    /// Waived by the market to repay its recorded deficit.
    repaid: u64,
    /// To the insurance fund out of the backstop's balance.
    backstop: u64,
}

fn validate(accounts: &CollectFees) -> Result<()> {
    require_backstop(&accounts.market, &accounts.backstop)?;
    // market: any. exchange, insurance: the only ones there are.
    require_quote(&accounts.quote)?;
    require!(address_eq(&accounts.quote.vault, accounts.quote_vault.address()), EvertideError::WrongVault);
    require!(address_eq(&accounts.quote.mint, accounts.treasury_token.mint()), EvertideError::WrongTokenMint);
    let treasury = role::holder(&accounts.exchange, Role::Treasury);
    require!(address_eq(treasury, accounts.treasury_token.owner()), EvertideError::NotTreasury);
    Ok(())
}

/// First the recorded deficit; then as much of the pending fees as the pool holds, the insurance fund's part first.
fn payment(market: &Market, quote: &Collateral, backstop: &User) -> Result<Payment> {
    let repaid = market.pending_fees_atoms.min(market.deficit_atoms);
    let pending = market.pending_fees_atoms.saturating_sub(repaid);
    // While a deficit is open, the pool belongs to those whom it owes.
    let payable = if repaid < market.deficit_atoms { 0 } else { pending.min(market.pool_atoms) };
    let insurance = market.pending_insurance_atoms.min(payable);
    let treasury = payable.saturating_sub(insurance);
    let interest = quote.interest_atoms;
    // Anyone deposits for anyone: an asset put into the backstop must not keep its quote profit there.
    let idle = backstop.position_count == 0;
    let backstop = if idle { backstop.quote_atoms.max(0).unsigned_abs() } else { 0 };
    let any = repaid > 0 || payable > 0 || interest > 0 || backstop > 0;
    require!(any, EvertideError::NothingToCollect);
    Ok(Payment { insurance, treasury, interest, repaid, backstop })
}

pub fn collect_fees(ctx: &mut Context<CollectFees>) -> Result<()> {
    validate(&ctx.accounts)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let paid = payment(&accounts.market, &accounts.quote, &accounts.backstop)?;
    let fees = paid.insurance.checked_add(paid.treasury).or_refuse()?;

    // 1. Out of the pool and the claims on it, and out of the backstop's balance.
    let market = &mut accounts.market;
    market.deficit_atoms = market.deficit_atoms.checked_sub(paid.repaid).or_refuse()?;
    market.pool_atoms = market.pool_atoms.checked_sub(fees).or_refuse()?;
    let claims = fees.checked_add(paid.repaid).or_refuse()?;
    market.pending_fees_atoms = market.pending_fees_atoms.checked_sub(claims).or_refuse()?;
    let left = market.pending_insurance_atoms.checked_sub(paid.insurance).or_refuse()?;
    market.pending_insurance_atoms = left.min(market.pending_fees_atoms);
    accounts.quote.interest_atoms = 0;
    if paid.backstop > 0 {
        let profit = i64::try_from(paid.backstop).map_err(|_| EvertideError::Overflow)?;
        change_balance(&mut accounts.backstop, &mut accounts.quote, profit.saturating_neg(), now.ms)?;
    }

    // 2. Into the fund, which stays in the vault, and to the treasury, which leaves it.
    let fund = paid.insurance.checked_add(paid.interest).or_refuse()?.checked_add(paid.backstop).or_refuse()?;
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
    let backstop_sequence = accounts.backstop.sequence;
    if paid.backstop > 0 {
        accounts.backstop.sequence = backstop_sequence.checked_add(1).or_refuse()?;
    }
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
        repaid_atoms: paid.repaid,
        deficit_atoms: market.deficit_atoms,
        backstop_atoms: paid.backstop,
        backstop_sequence,
        total_atoms: accounts.quote.total_atoms,
    };
    emit_cpi!(event);
    Ok(())
}
