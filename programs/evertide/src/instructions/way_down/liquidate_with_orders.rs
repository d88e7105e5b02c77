//! `liquidate_with_orders`: a position of an account below maintenance margin closes against resting orders. Remaining
//! accounts: a pair `User`, `Orders`, both writable, for each maker in priority order.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::{Lots, Millis};

use super::super::keeper::match_orders::{load_pairs, require_consent, reward, MakerRef, MAKERS_MAX};
use crate::engine::ladder::{Ladder, Rung};
use crate::engine::liquidation::{
    close_step, elapsed, open_lots, require_below, require_improved, require_liquidatable, row_mark, Rates,
};
use crate::engine::position::{find, fold_position, release_if_empty};
use crate::engine::session::{Liquidation, Outcome, Session};
use crate::engine::session_liquidation::LiquidationParts;
use crate::error::{EvertideError, OrRefuse};
use crate::events::LiquidationMatched;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Exchange, Market, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct LiquidateWithOrders {
    pub keeper: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// The account in liquidation.
    #[account(mut)]
    pub user: Account<User>,
    /// Receives the keeper's share: of the keeper itself, or one whose delegate it is; must differ from every party. None:
    /// the share stays in the pending fees.
    #[account(mut)]
    pub keeper_user: Option<Account<User>>,
}

/// What the closing did to the account.
struct Step {
    slot: usize,
    before: Ladder,
    funding_atoms: i64,
    ended: bool,
}

pub fn liquidate_with_orders(
    ctx: &mut Context<LiquidateWithOrders>,
    size_max_lots: u64,
    makers: Vec<MakerRef>,
) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    // keeper: anyone. exchange, risk_cache: the only ones there are. market: any in which the user holds a position.
    require!(size_max_lots > 0, EvertideError::AmountZero);
    require!((1..=MAKERS_MAX).contains(&makers.len()), EvertideError::MakerCountOutOfRange);
    require_consent(&accounts.keeper_user, accounts.keeper.address(), now)?;
    require_liquidatable(&accounts.market, now)?;
    let (step, outcome) = close(accounts, size_max_lots, &makers, &remaining, now)?;
    let (market, keeper_user) = (&mut accounts.market, &mut accounts.keeper_user);
    let paid = reward(market, keeper_user, &accounts.risk_cache, &accounts.exchange, outcome.keeper_atoms)?;
    let event = event(accounts, &step, outcome, paid, now)?;
    emit_cpi!(event);
    Ok(())
}

fn close(
    accounts: &mut LiquidateWithOrders,
    size_max_lots: u64,
    makers: &[MakerRef],
    remaining: &[AccountView],
    now: Now,
) -> Result<(Step, Outcome)> {
    let user_key = *accounts.user.address();
    let (market, user, cache) = (&mut accounts.market, &mut accounts.user, &accounts.risk_cache);
    let slot = find(user, market.index).ok_or(EvertideError::PositionNotFound)?;
    let funding_atoms = fold_position(&mut user.positions[slot], market)?.funding_atoms;
    let before = Ladder::of(user, cache, now.ms)?;
    let rung = Rung::of(&user.positions[slot], cache)?;
    let mark = row_mark(cache, market)?;
    let (rates, open) = if address_eq(&user.authority, market.address()) {
        backstop_terms(market, user, slot, &before)?
    } else {
        require_below(user, &before, before.maintenance)?;
        let rates = Rates::of(market, elapsed(user, now)?)?;
        (rates, open_lots(user, slot, &before, &rung, &rates, mark, now)?)
    };
    let lots = open.magnitude().min(size_max_lots);
    let mut pairs = load_pairs(remaining)?;
    let mut session = Session::start_liquidation(LiquidationParts {
        exchange: &accounts.exchange,
        cache,
        market,
        user,
        user_key,
        position_slot: slot,
        keeper: accounts.keeper_user.is_some(),
        liquidation: Liquidation { rates, mark, equity: before.equity, lots },
        now,
    })?;
    session.offer_all(&mut pairs, makers)?;
    let outcome = session.finish()?;
    let (user, cache) = (&mut accounts.user, &accounts.risk_cache);
    let after = before.replaced(&rung, &Rung::of(&user.positions[slot], cache)?)?;
    require_improved(&before, &after, user.positions[slot].basis_lots)?;
    let ended = close_step(user, &before, &after)?;
    Ok((Step { slot, before, funding_atoms, ended }, outcome))
}

/// The market's own backstop can always be closed, since nobody signs for it: all of it, at its tier's taker fee.
fn backstop_terms(market: &Market, user: &User, slot: usize, ladder: &Ladder) -> Result<(Rates, Lots)> {
    require_cmp!(ladder.equity, >=, 0_i64, EvertideError::UserBankrupt);
    let lots = Lots::from_order(user.positions[slot].basis_lots.unsigned_abs()).or_refuse()?;
    require!(!lots.is_zero(), EvertideError::NothingToLiquidate);
    Ok((Rates { ordinary: true, ..Rates::of(market, Millis::new(0).or_refuse()?)? }, lots))
}

fn event(
    accounts: &mut LiquidateWithOrders,
    step: &Step,
    outcome: Outcome,
    keeper_reward_atoms: u64,
    now: Now,
) -> Result<LiquidationMatched> {
    let (market, user) = (&mut accounts.market, &mut accounts.user);
    release_if_empty(user, step.slot)?;
    let (sequence, user_sequence) = (market.sequence, user.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    Ok(LiquidationMatched {
        sequence,
        market_index: market.index,
        ask: outcome.taker_ask,
        user: *user.address(),
        user_sequence,
        user_funding_atoms: step.funding_atoms,
        user_position_lots_after: outcome.taker_position_lots,
        user_cash_atoms_after: outcome.taker_cash_atoms,
        keeper: accounts.keeper_user.as_ref().map(|keeper| *keeper.address()).unwrap_or_default(),
        keeper_reward_atoms,
        insurance_fee_atoms: outcome.insurance_atoms,
        equity_atoms: step.before.equity,
        requirement_atoms: step.before.maintenance,
        pending_fees_atoms: market.pending_fees_atoms,
        open_interest_lots: market.open_interest_lots,
        slot: now.slot,
        time_ms: now.ms,
        event_hash: market.event_hash,
        ended: step.ended,
        fills: outcome.fills,
        skips: outcome.skips,
        linked: outcome.linked,
    })
}
