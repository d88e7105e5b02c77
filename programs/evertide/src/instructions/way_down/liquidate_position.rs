//! `liquidate_position`: lots of an account below maintenance margin move to a liquidator at mark.

use anchor_lang::prelude::*;
use evertide_math::liquidation::LiquidationFees;
use evertide_math::margin::MarginKind;
use evertide_math::{Lots, PriceQ32};

use crate::engine::ladder::{Ladder, Rung};
use crate::engine::liquidation::{
    close_step, elapsed, open_lots, require_below, require_improved, require_liquidatable, require_liquidator,
    row_mark, Rates,
};
use crate::engine::margin::{self, Freshness};
use crate::engine::position::{find, fold_position, release_if_empty, require_isolation, slot_for};
use crate::engine::transfer::move_lots;
use crate::error::{EvertideError, OrRefuse};
use crate::events::PositionLiquidated;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Market, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct LiquidatePosition {
    /// Owner or delegate of the liquidator's account.
    pub liquidator_authority: Signer,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// The account in liquidation.
    #[account(mut)]
    pub user: Account<User>,
    /// Takes over the lots and receives the fee.
    #[account(mut)]
    pub liquidator: Account<User>,
}

fn validate(accounts: &LiquidatePosition, size_max_lots: u64, now: Now) -> Result<()> {
    // risk_cache: the only one there is. market: any in which the user holds a position. user: any below maintenance.
    let signer = accounts.liquidator_authority.address();
    require_liquidator(&accounts.user, &accounts.liquidator, signer, size_max_lots, now)?;
    require_liquidatable(&accounts.market, now)
}

/// What one transfer out of an account in liquidation did.
pub struct Moved {
    /// Signed lots that the other party took over.
    pub size_lots: i64,
    pub price: PriceQ32,
    pub fees: LiquidationFees,
    pub user_funding_atoms: i64,
    pub taker_funding_atoms: i64,
    pub before: Ladder,
    pub after: Ladder,
    pub user_slot: usize,
    pub taker_slot: usize,
}

pub fn liquidate_position(ctx: &mut Context<LiquidatePosition>, size_max_lots: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    validate(accounts, size_max_lots, now)?;
    let moved = transfer(accounts, size_max_lots, now)?;
    require_improved(&moved.before, &moved.after, accounts.user.positions[moved.user_slot].basis_lots)?;
    let ended = close_step(&mut accounts.user, &moved.before, &moved.after)?;

    // The liquidator stands at initial margin with what it took over, on fresh rows.
    let freshness = Freshness { now_ms: now.ms, required: true };
    let kept = margin::value(&accounts.liquidator, &accounts.risk_cache, MarginKind::Initial, freshness)?;
    require_cmp!(kept.equity_atoms, >=, kept.requirement_atoms, EvertideError::LiquidatorMarginTooLow);
    accounts.liquidator.last_active_ms = now.ms;

    let (market, user, liquidator) = (&mut accounts.market, &mut accounts.user, &mut accounts.liquidator);
    let event = tell(market, user, liquidator, &moved, None, ended, now)?;
    emit_cpi!(event);
    Ok(())
}

fn transfer(accounts: &mut LiquidatePosition, size_max_lots: u64, now: Now) -> Result<Moved> {
    let (market, cache) = (&mut accounts.market, &accounts.risk_cache);
    let (user, liquidator) = (&mut accounts.user, &mut accounts.liquidator);
    let user_slot = find(user, market.index).ok_or(EvertideError::PositionNotFound)?;
    let user_fold = fold_position(&mut user.positions[user_slot], market)?;
    let before = Ladder::of(user, cache, now.ms)?;
    require_below(user, &before, before.maintenance)?;
    let rung = Rung::of(&user.positions[user_slot], cache)?;
    let rates = Rates::of(market, elapsed(user, now)?)?;
    let price = row_mark(cache, market)?;
    let open = open_lots(user, user_slot, &before, &rung, &rates, price, now)?;
    let lots = Lots::from_order(open.magnitude().min(size_max_lots)).or_refuse()?;
    require_isolation(liquidator, market, cache)?;
    let taker_slot = slot_for(liquidator, market)?;
    let taker_fold = fold_position(&mut liquidator.positions[taker_slot], market)?;
    let long = user.positions[user_slot].basis_lots > 0;
    let (from, to) = (&mut user.positions[user_slot], &mut liquidator.positions[taker_slot]);
    let fees = move_lots(market, from, to, lots, price, &rates, before.equity)?;
    let after = before.replaced(&rung, &Rung::of(&user.positions[user_slot], cache)?)?;
    Ok(Moved {
        size_lots: if long { lots.get() } else { lots.negate().get() },
        price,
        fees,
        user_funding_atoms: user_fold.funding_atoms,
        taker_funding_atoms: taker_fold.funding_atoms,
        before,
        after,
        user_slot,
        taker_slot,
    })
}

/// Raises the three sequences, frees what is empty, and tells what moved. `backstop`: lots deleveraged beside.
#[inline(never)]
pub fn tell(
    market: &mut Market,
    user: &mut Account<User>,
    taker: &mut Account<User>,
    moved: &Moved,
    backstop: Option<u64>,
    ended: bool,
    now: Now,
) -> Result<PositionLiquidated> {
    let (user_after, taker_after) = (user.positions[moved.user_slot], taker.positions[moved.taker_slot]);
    release_if_empty(user, moved.user_slot)?;
    release_if_empty(taker, moved.taker_slot)?;
    let (sequence, user_sequence, liquidator_sequence) = (market.sequence, user.sequence, taker.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    taker.sequence = liquidator_sequence.checked_add(1).or_refuse()?;
    Ok(PositionLiquidated {
        sequence,
        market_index: market.index,
        backstop: backstop.is_some(),
        user: *user.address(),
        user_sequence,
        liquidator: *taker.address(),
        liquidator_sequence,
        size_lots: moved.size_lots,
        deleveraged_lots: backstop.unwrap_or_default(),
        price_q32: moved.price.get(),
        liquidator_fee_atoms: moved.fees.liquidator.get(),
        insurance_fee_atoms: moved.fees.insurance.get(),
        user_funding_atoms: moved.user_funding_atoms,
        liquidator_funding_atoms: moved.taker_funding_atoms,
        user_position_lots_after: user_after.basis_lots,
        user_cash_atoms_after: user_after.cash_atoms,
        liquidator_position_lots_after: taker_after.basis_lots,
        liquidator_cash_atoms_after: taker_after.cash_atoms,
        equity_atoms: moved.before.equity,
        requirement_atoms: moved.before.maintenance,
        pending_fees_atoms: market.pending_fees_atoms,
        open_interest_lots: market.open_interest_lots,
        ended,
        time_ms: now.ms,
    })
}
