//! `check_invariants`: compares a market's and an asset's totals. True costs nothing; false makes the market reduce-only at
//! once, closes the asset to deposits when its own totals are wrong, and pays who found it. Anyone.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;

use super::match_orders::require_consent;
use crate::engine::invariants::{of_market, of_vault, Broken};
use crate::engine::position::{add_cash, require_isolation, slot_for};
use crate::engine::row::write_market_status;
use crate::error::{EvertideError, OrRefuse};
use crate::events::InvariantBroken;
use crate::guards::now;
use crate::instructions::trader::deposit::STATUS_NO_DEPOSITS;
use crate::state::{Collateral, Insurance, Market, MarketStatus, RiskCache, User};

/// Most that is paid for a broken invariant, atoms: $100, out of the market's fees.
pub const BOUNTY_ATOMS: u64 = 100_000_000;

#[event_cpi]
#[derive(Accounts)]
pub struct CheckInvariants {
    pub keeper: Signer,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// Any asset.
    #[account(mut)]
    pub collateral: Account<Collateral>,
    pub vault: Account<TokenAccount>,
    pub insurance: Account<Insurance>,
    /// Receives the bounty: of the keeper itself, or one whose delegate it is. None: nothing is paid.
    #[account(mut)]
    pub keeper_user: Option<Account<User>>,
}

pub fn check_invariants(ctx: &mut Context<CheckInvariants>) -> Result<bool> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // keeper: anyone. risk_cache, insurance: the only ones there are. market, collateral: any. vault: the asset's.
    require!(address_eq(&accounts.collateral.vault, accounts.vault.address()), EvertideError::WrongVault);
    require_consent(&accounts.keeper_user, accounts.keeper.address(), now)?;
    let own = of_market(&accounts.market)?;
    let shared = of_vault(&accounts.collateral, &accounts.insurance, &accounts.market, accounts.vault.amount())?;
    let Some(broken) = own.or(shared) else {
        return Ok(true);
    };
    let market = &mut accounts.market;
    let told = market.status >= MarketStatus::ReduceOnly as u8;
    let closed = shared.is_none() || accounts.collateral.status == STATUS_NO_DEPOSITS;
    if told && closed {
        // Known already: nothing is left to stop, and nothing to be paid for.
        return Ok(false);
    }
    if shared.is_some() {
        accounts.collateral.status = STATUS_NO_DEPOSITS;
    }
    let mut bounty_atoms = 0;
    if !told {
        market.status = MarketStatus::ReduceOnly as u8;
        write_market_status(market, &mut accounts.risk_cache)?;
        bounty_atoms = pay(market, &mut accounts.keeper_user, &accounts.risk_cache)?;
    }
    let event = event(accounts, &broken, bounty_atoms)?;
    emit_cpi!(event);
    Ok(false)
}

/// Pays the bounty out of the fees, into the keeper's position in this market; without a slot for one nothing.
fn pay(market: &mut Market, keeper_user: &mut Option<Account<User>>, cache: &RiskCache) -> Result<u64> {
    let bounty = BOUNTY_ATOMS.min(market.pending_fees_atoms);
    let Some(keeper) = keeper_user.as_mut() else {
        return Ok(0);
    };
    if bounty == 0 || require_isolation(keeper, market, cache).is_err() {
        return Ok(0);
    }
    let Ok(slot) = slot_for(keeper, market) else {
        return Ok(0);
    };
    market.pending_fees_atoms = market.pending_fees_atoms.checked_sub(bounty).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.min(market.pending_fees_atoms);
    let credited = i64::try_from(bounty).map_err(|_| EvertideError::Overflow)?;
    add_cash(&mut keeper.positions[slot], market, credited)?;
    keeper.rewards_atoms = keeper.rewards_atoms.saturating_add(bounty);
    Ok(bounty)
}

fn event(accounts: &mut CheckInvariants, broken: &Broken, bounty_atoms: u64) -> Result<InvariantBroken> {
    let market = &mut accounts.market;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(InvariantBroken {
        sequence,
        market_index: market.index,
        invariant: broken.invariant as u8,
        found: broken.found,
        bound: broken.bound,
        status: market.status,
        collateral_index: accounts.collateral.index,
        collateral_status: accounts.collateral.status,
        keeper: accounts.keeper_user.as_ref().map(|keeper| *keeper.address()).unwrap_or_default(),
        bounty_atoms,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
    })
}
