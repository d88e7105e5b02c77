//! `settle_pnl`: losses into the market's pool, profits out of it as far as it reaches. Permissionless; never fails for want of money.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::position::{find, fold_position, release_if_empty};
use crate::engine::quote::{accrue_interest, change_balance, require_quote};
use crate::engine::settle::{self, Caller};
use crate::engine::transfer::close_dropped_now;
use crate::error::{EvertideError, OrRefuse};
use crate::events::PnlSettled;
use crate::guards::now;
use crate::guards::role::require_authority;
use crate::state::{Collateral, Exchange, Market, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct SettlePnl {
    #[account(mut)]
    pub market: Account<Market>,
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub user: Account<User>,
    /// The quote asset.
    #[account(mut)]
    pub quote: Account<Collateral>,
    /// The owner, who alone can be paid a profit while the market's deficit is open. None: anyone's call.
    pub authority: Option<Signer>,
}

pub fn settle_pnl(ctx: &mut Context<SettlePnl>) -> Result<i64> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    require_quote(&accounts.quote)?;
    let (market, user, quote) = (&mut accounts.market, &mut accounts.user, &mut accounts.quote);
    let slot = find(user, market.index).ok_or(EvertideError::PositionNotFound)?;
    let fold = fold_position(&mut user.positions[slot], market)?;
    accrue_interest(user, quote)?;
    let plan = settle::plan(&accounts.exchange, &accounts.risk_cache, market, user, quote, slot, now)?;
    let caller = match &accounts.authority {
        Some(authority) => {
            require_authority(user, authority.address())?;
            Caller::Owner
        }
        None if address_eq(&user.authority, market.address()) => Caller::Backstop,
        None => Caller::Anyone,
    };
    let (amount_atoms, given_up_atoms) = settle::apply(market, user, slot, &plan, caller)?;
    close_dropped_now(market)?;
    change_balance(user, quote, amount_atoms, now.ms)?;
    let cash_atoms = user.positions[slot].cash_atoms;
    release_if_empty(user, slot)?;
    let (sequence, user_sequence) = (market.sequence, user.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    let event = PnlSettled {
        sequence,
        market_index: market.index,
        user: *user.address(),
        user_sequence,
        amount_atoms,
        quote_atoms: user.quote_atoms,
        cash_atoms,
        funding_atoms: fold.funding_atoms,
        pool_atoms: market.pool_atoms,
        given_up_atoms,
        deficit_atoms: market.deficit_atoms,
        open_interest_lots: market.open_interest_lots,
        total_atoms: quote.total_atoms,
        debt_atoms: quote.debt_atoms,
    };
    emit_cpi!(event);
    Ok(amount_atoms)
}
