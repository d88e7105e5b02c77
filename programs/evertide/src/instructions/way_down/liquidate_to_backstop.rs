//! `liquidate_to_backstop`: below backstop margin a position moves to its market's backstop account as far as insurance
//! could carry it; what does not fit is, below ADL margin, deleveraged at mark.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::notional::notional_ceil;
use evertide_math::{Atoms, Bps, Lots, PriceQ32};

use super::liquidate_position::{tell, Moved};
use crate::engine::cover::market_room;
use crate::engine::epoch::reset_sides;
use crate::engine::funding;
use crate::engine::ladder::{Ladder, Rung};
use crate::engine::liquidation::{close_step, elapsed, require_below, require_liquidatable, row_mark, Rates};
use crate::engine::margin::side_of;
use crate::engine::position::{find, fold_position, market_side, slot_for};
use crate::engine::row::write_market_row;
use crate::engine::transfer::{close_against_side, close_dropped_now, move_lots};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Insurance, Market, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct LiquidateToBackstop {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// The account in liquidation.
    #[account(mut)]
    pub user: Account<User>,
    /// The market's own backstop account.
    #[account(mut)]
    pub backstop: Account<User>,
    pub insurance: Account<Insurance>,
}

pub fn liquidate_to_backstop(ctx: &mut Context<LiquidateToBackstop>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // risk_cache, insurance: the only ones there are. market: any in which the user holds a position.
    require_backstop(&accounts.market, &accounts.backstop)?;
    require_liquidatable(&accounts.market, now)?;
    // Funding up to now at the old sizes, and a row that says the same as the market.
    funding::accrue(&mut accounts.market, now)?;
    close_dropped_now(&mut accounts.market)?;
    write_market_row(&accounts.market, &mut accounts.risk_cache, now)?;
    let (moved, deleveraged_lots) = transfer(accounts, now)?;
    let ended = close_step(&mut accounts.user, &moved.before, &moved.after)?;
    reset_sides(&mut accounts.market)?;
    write_market_row(&accounts.market, &mut accounts.risk_cache, now)?;
    let (market, user, backstop) = (&mut accounts.market, &mut accounts.user, &mut accounts.backstop);
    let event = tell(market, user, backstop, &moved, Some(deleveraged_lots), ended, now)?;
    emit_cpi!(event);
    Ok(())
}

/// The backstop of a market is the `User` whose authority is the market's own address: nobody can sign for it.
pub fn require_backstop(market: &Account<Market>, backstop: &User) -> Result<()> {
    require!(address_eq(&backstop.authority, market.address()), EvertideError::NotBackstopOfMarket);
    Ok(())
}

/// Lots that the backstop can take: one stress move of all it then holds stays within its equity and the insurance. Lots
/// that it holds on the other side are closed first and take no room.
fn room_lots(
    accounts: &LiquidateToBackstop,
    side: usize,
    held_lots: i64,
    lots: u64,
    mark: PriceQ32,
    now: Now,
) -> Result<u64> {
    let market = &accounts.market;
    if market_side(market, side).is_drain_only() {
        return Ok(0);
    }
    let ladder = Ladder::of(&accounts.backstop, &accounts.risk_cache, now.ms)?;
    let cover = market_room(&accounts.insurance, market, now);
    // A backstop that is under water has spent of the cover already.
    let cover = i64::try_from(cover).unwrap_or(i64::MAX);
    let budget = ladder.equity.saturating_add(cover).max(0).unsigned_abs();
    let stress = Bps::new(u32::from(market.terms.stress_move_bps)).or_refuse()?;
    let one = Lots::from_order(1).or_refuse()?;
    let a_lot = notional_ceil(one, mark).or_refuse()?.ratio_ceil(stress).or_refuse()?.max(Atoms::new(1).or_refuse()?);
    let most = budget.checked_div(a_lot.magnitude()).or_refuse()?.min(market.terms.position_max_lots);
    let own = held_lots.unsigned_abs();
    let same_side = held_lots == 0 || side_of(held_lots) == side;
    let room = if same_side { most.saturating_sub(own) } else { most.saturating_add(own) };
    Ok(room.min(lots))
}

fn transfer(accounts: &mut LiquidateToBackstop, now: Now) -> Result<(Moved, u64)> {
    let user_slot = find(&accounts.user, accounts.market.index).ok_or(EvertideError::PositionNotFound)?;
    let user_fold = fold_position(&mut accounts.user.positions[user_slot], &mut accounts.market)?;
    let before = Ladder::of(&accounts.user, &accounts.risk_cache, now.ms)?;
    require_below(&accounts.user, &before, before.backstop)?;
    let rung = Rung::of(&accounts.user.positions[user_slot], &accounts.risk_cache)?;
    let price = row_mark(&accounts.risk_cache, &accounts.market)?;
    let held = accounts.user.positions[user_slot].basis_lots;
    require!(held != 0, EvertideError::NothingToLiquidate);
    let taker_slot = slot_for(&mut accounts.backstop, &accounts.market)?;
    let taker_fold = fold_position(&mut accounts.backstop.positions[taker_slot], &mut accounts.market)?;
    let backstop_held = accounts.backstop.positions[taker_slot].basis_lots;
    let room = room_lots(accounts, side_of(held), backstop_held, held.unsigned_abs(), price, now)?;
    let rest = held.unsigned_abs().saturating_sub(room);
    let deleveraged = if before.equity < before.auto_deleverage { rest } else { 0 };
    require_cmp!(room.saturating_add(deleveraged), >, 0_u64, EvertideError::BackstopFull);

    let (market, user, backstop) = (&mut accounts.market, &mut accounts.user, &mut accounts.backstop);
    let rates = Rates::of(market, elapsed(user, now)?)?;
    let mut fees = Default::default();
    if room != 0 {
        let lots = Lots::from_order(room).or_refuse()?;
        let (from, to) = (&mut user.positions[user_slot], &mut backstop.positions[taker_slot]);
        fees = move_lots(market, from, to, lots, price, &rates, before.equity)?;
    }
    if deleveraged != 0 {
        let lots = Lots::from_order(deleveraged).or_refuse()?;
        close_against_side(market, &mut user.positions[user_slot], lots, price)?;
    }
    let after = before.replaced(&rung, &Rung::of(&user.positions[user_slot], &accounts.risk_cache)?)?;
    let signed = i64::try_from(room).map_err(|_| EvertideError::Overflow)?;
    let moved = Moved {
        size_lots: if held > 0 { signed } else { signed.saturating_neg() },
        price,
        fees,
        user_funding_atoms: user_fold.funding_atoms,
        taker_funding_atoms: taker_fold.funding_atoms,
        before,
        after,
        user_slot,
        taker_slot,
    };
    Ok((moved, deleveraged))
}
