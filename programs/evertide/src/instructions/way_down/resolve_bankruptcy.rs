//! `resolve_bankruptcy`: one market bears its share of an account's deficit and closes the account's position in it.

use anchor_lang::prelude::*;

use crate::engine::bankruptcy::{bear, set_open, share_of, BankruptcyStep, Paid};
use crate::engine::epoch::reset_sides;
use crate::engine::ladder::{Ladder, Rung};
use crate::engine::liquidation::{end_if_healthy, require_resolvable, row_mark};
use crate::engine::position::{add_cash, count_dust, find, fold_position, release_if_empty, slot_for};
use crate::engine::quote::{accrue_interest, change_balance, require_quote};
use crate::engine::row::write_market_row;
use crate::engine::stake::{hold_back, release};
use crate::engine::transfer::close_dropped_now;
use crate::engine::{funding, mark};
use crate::error::{EvertideError, OrRefuse};
use crate::events::BankruptcyResolved;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Bankruptcy, Collateral, Insurance, Market, Position, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ResolveBankruptcy {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// The account whose equity is below zero.
    #[account(mut)]
    pub user: Account<User>,
    /// The quote asset.
    #[account(mut)]
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
}

/// What one call did.
struct Outcome {
    step: BankruptcyStep,
    deficit_atoms: u64,
    paid: Paid,
    funding_atoms: i64,
    settled_atoms: i64,
    cash_atoms: i64,
    ended: bool,
}

pub fn resolve_bankruptcy(ctx: &mut Context<ResolveBankruptcy>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // risk_cache, insurance: the only ones there are. market: one that bears a part. user: any below zero.
    require_quote(&accounts.quote)?;
    require_resolvable(&accounts.market, now)?;
    renew(&mut accounts.market, &mut accounts.risk_cache, now)?;
    let outcome = act(accounts, now)?;
    reset_sides(&mut accounts.market)?;
    count_dust(&mut accounts.market)?;
    write_market_row(&accounts.market, &mut accounts.risk_cache, now)?;
    let event = event(accounts, &outcome, now)?;
    emit_cpi!(event);
    Ok(())
}

/// Funding up to now at the old sizes, and a row that says the same as the market.
fn renew(market: &mut Market, cache: &mut RiskCache, now: Now) -> Result<()> {
    funding::accrue(market, now)?;
    if mark::is_computable(market, now.ms) {
        mark::refresh(market, now)?;
    }
    close_dropped_now(market)?;
    write_market_row(market, cache, now)
}

fn act(accounts: &mut ResolveBankruptcy, now: Now) -> Result<Outcome> {
    let (market, user) = (&mut accounts.market, &mut accounts.user);
    let held = find(user, market.index);
    let funding_atoms = match held {
        Some(slot) => fold_position(&mut user.positions[slot], market)?.funding_atoms,
        None => 0,
    };
    accrue_interest(user, &mut accounts.quote)?;
    let ladder = Ladder::of(user, &accounts.risk_cache, now.ms)?;
    let open = held.is_some_and(|slot| user.positions[slot].bankruptcy == Bankruptcy::Open as u8);
    let mut outcome = Outcome {
        step: BankruptcyStep::Closed,
        deficit_atoms: 0,
        paid: Paid::default(),
        funding_atoms,
        settled_atoms: 0,
        cash_atoms: held.map_or(0, |slot| user.positions[slot].cash_atoms),
        ended: false,
    };
    if let (true, true, Some(slot)) = (ladder.equity >= 0, open, held) {
        set_open(market, &mut user.positions[slot], Bankruptcy::None)?;
        release(&mut accounts.insurance, user, 0)?;
        outcome.ended = end_if_healthy(user, &ladder);
        release_if_empty(user, slot)?;
        return Ok(outcome);
    }
    require_cmp!(ladder.equity, <, 0_i64, EvertideError::UserSolvent);
    require!(user.liquidation_start_ms != 0, EvertideError::LiquidationNotStarted);
    outcome.deficit_atoms = ladder.equity.unsigned_abs();
    if user.collateral_count != 0 {
        require!(!open, EvertideError::CollateralRemains);
        let slot = held.ok_or(EvertideError::BankruptcyMarketWrong)?;
        let position = &mut user.positions[slot];
        require!(is_at_stake(position), EvertideError::BankruptcyMarketWrong);
        set_open(market, position, Bankruptcy::Open)?;
        hold_back(&mut accounts.insurance, user, outcome.deficit_atoms, now)?;
        outcome.step = BankruptcyStep::Opened;
        return Ok(outcome);
    }
    resolve(accounts, held, &ladder, &mut outcome, now)?;
    Ok(outcome)
}

/// Only a position with size or a loss can latch its market.
fn is_at_stake(position: &Position) -> bool {
    position.basis_lots != 0 || position.cash_atoms < 0
}

fn resolve(
    accounts: &mut ResolveBankruptcy,
    held: Option<usize>,
    ladder: &Ladder,
    outcome: &mut Outcome,
    now: Now,
) -> Result<()> {
    let (market, user, cache) = (&mut accounts.market, &mut accounts.user, &accounts.risk_cache);
    let rung = match held {
        Some(slot) => Rung::of(&user.positions[slot], cache)?,
        None => Rung::default(),
    };
    let share = share_of(user, held, market, ladder, &rung)?;
    let slot = match held {
        Some(slot) => slot,
        None => slot_for(user, market)?,
    };
    let mark = row_mark(cache, market)?;
    outcome.paid = bear(market, &mut accounts.insurance, &mut user.positions[slot], share, &rung, mark, now)?;
    outcome.step = BankruptcyStep::Resolved;
    set_open(market, &mut user.positions[slot], Bankruptcy::Resolved)?;
    outcome.settled_atoms = settle_rest(market, user, slot, &mut accounts.quote, now)?;
    outcome.cash_atoms = user.positions[slot].cash_atoms;
    release_if_empty(user, slot)?;
    let after = Ladder::of(user, cache, now.ms)?;
    release(&mut accounts.insurance, user, after.equity.min(0).unsigned_abs())?;
    outcome.ended = end_if_healthy(user, &after);
    Ok(())
}

/// The cash that is left meets the quote balance: a loss as far as the balance reaches, cover for a debt as far as the
/// pool does.
fn settle_rest(market: &mut Market, user: &mut User, slot: usize, quote: &mut Collateral, now: Now) -> Result<i64> {
    let cash = user.positions[slot].cash_atoms;
    let pool = i64::try_from(market.pool_atoms).map_err(|_| EvertideError::Overflow)?;
    let amount = if cash < 0 { cash.max(user.quote_atoms.max(0).saturating_neg()) } else { cash.min(pool) };
    let position = &mut user.positions[slot];
    add_cash(position, market, amount.checked_neg().or_refuse()?)?;
    market.pool_atoms = pool.checked_sub(amount).or_refuse()?.unsigned_abs();
    change_balance(user, quote, amount, now.ms)?;
    Ok(amount)
}

fn event(accounts: &mut ResolveBankruptcy, outcome: &Outcome, now: Now) -> Result<BankruptcyResolved> {
    let (market, user) = (&mut accounts.market, &mut accounts.user);
    let (sequence, user_sequence) = (market.sequence, user.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    let paid = &outcome.paid;
    Ok(BankruptcyResolved {
        sequence,
        market_index: market.index,
        step: outcome.step as u8,
        user: *user.address(),
        user_sequence,
        deficit_atoms: outcome.deficit_atoms,
        share_atoms: paid.share,
        fees_atoms: paid.fees,
        insurance_atoms: paid.insurance,
        deleveraged_atoms: paid.deleveraged,
        tranche_atoms: paid.tranche,
        recorded_atoms: paid.recorded,
        closed_lots: paid.closed_lots,
        price_q32: paid.price_q32,
        user_funding_atoms: outcome.funding_atoms,
        settled_atoms: outcome.settled_atoms,
        user_cash_atoms_after: outcome.cash_atoms,
        user_quote_atoms_after: user.quote_atoms,
        pool_atoms: market.pool_atoms,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
        market_deficit_atoms: market.deficit_atoms,
        open_interest_lots: market.open_interest_lots,
        a: market.a,
        j_long_low: market.j[0].low,
        j_long_high: market.j[0].high,
        j_short_low: market.j[1].low,
        j_short_high: market.j[1].high,
        epoch: market.epoch,
        bankruptcies_open: market.bankruptcies_open,
        insurance_balance_atoms: accounts.insurance.balance_atoms,
        insurance_tranche_atoms: accounts.insurance.tranche_atoms,
        insurance_held_back_atoms: accounts.insurance.held_back_atoms,
        total_atoms: accounts.quote.total_atoms,
        debt_atoms: accounts.quote.debt_atoms,
        ended: outcome.ended,
        time_ms: now.ms,
    })
}
