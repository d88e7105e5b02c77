//! Lots that change hands outside the book: from an account in liquidation to a liquidator or the backstop, or closed
//! against the other side by deleveraging.

use anchor_lang::prelude::*;
use evertide_math::index::{deleverage, DROPPED_BITS};
use evertide_math::liquidation::{fees, LiquidationFees};
use evertide_math::notional::{notional_ceil, notional_floor, position_value};
use evertide_math::pnl::{apply_transfer, Filled, Holding};
use evertide_math::round::mul_div_floor;
use evertide_math::{Atoms, Lots, PriceQ32};

use super::fill::{self, holding, OpenInterest};
use super::liquidation::Rates;
use super::margin::side_of;
use super::position::{closing_price, market_side};
use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{Market, Position};

/// Dropped fractions are closed on the other side from this part of the open interest on, as a power of two.
const DROPPED_SHARE_BITS: u32 = 12;

/// Signed change that closes `lots` of a position, and what the closing costs: a long is paid the floor, a short pays
/// the ceiling.
fn closing(position: &Position, lots: Lots, price: PriceQ32) -> Result<(Lots, Atoms)> {
    if position.basis_lots < 0 {
        return Ok((lots, notional_ceil(lots, price).or_refuse()?));
    }
    Ok((lots.negate(), notional_floor(lots, price).or_refuse()?.negate()))
}

/// Moves lots of a folded position to another at a price, with the fees of a liquidation: together at most what is left
/// of `equity` once the lots are gone.
#[inline(never)]
pub fn move_lots(
    market: &mut Market,
    from: &mut Position,
    to: &mut Position,
    lots: Lots,
    price: PriceQ32,
    rates: &Rates,
    equity: i64,
) -> Result<LiquidationFees> {
    let (change, paid) = closing(from, lots, price)?;
    let before = holding(from)?;
    let given: Filled = apply_transfer(before, change, paid).or_refuse()?;
    let taken: Filled = apply_transfer(holding(to)?, change.negate(), paid.negate()).or_refuse()?;
    let most = market.terms.position_max_lots;
    if !taken.opened.is_zero() {
        require_cmp!(taken.holding.size.magnitude(), <=, most, EvertideError::PositionLimitExceeded);
        let side = side_of(taken.holding.size.get());
        require!(!market_side(market, side).is_drain_only(), EvertideError::MarketStatusForbids);
    }
    let interest = OpenInterest::of(market)
        .moved(from.basis_lots, given.holding.size.get())?
        .moved(to.basis_lots, taken.holding.size.get())?;
    interest.store(market);
    // Two floors may be an atom less than one: the fees must not take that atom too, and where there is no equity at
    // all whoever takes the lots pays it.
    let worth = |held: &Holding| position_value(held.size, held.cash, price).or_refuse();
    let lost = worth(&before)?.minus(worth(&given.holding)?).or_refuse()?;
    let left = Atoms::new(equity).or_refuse()?.minus(lost).or_refuse()?;
    let notional = notional_floor(lots, price).or_refuse()?;
    let mut charged = fees(notional, rates.liquidator, rates.insurance, left).or_refuse()?;
    charged.liquidator = charged.liquidator.plus(left.min(Atoms::ZERO)).or_refuse()?;
    let both = charged.liquidator.plus(charged.insurance).or_refuse()?;
    fill::write(from, market, &given, both.get())?;
    fill::write(to, market, &taken, charged.liquidator.negate().get())?;
    keep_insurance_fee(market, charged.insurance.magnitude())?;
    Ok(charged)
}

/// Books an insurance fee: a claim on the pool, meant for the fund.
pub fn keep_insurance_fee(market: &mut Market, fee_atoms: u64) -> Result<()> {
    market.pending_fees_atoms = market.pending_fees_atoms.checked_add(fee_atoms).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.checked_add(fee_atoms).or_refuse()?;
    Ok(())
}

/// Closes lots of a folded position against everybody on the other side at a price, each by its part.
#[inline(never)]
pub fn close_against_side(market: &mut Market, position: &mut Position, lots: Lots, price: PriceQ32) -> Result<()> {
    let own = side_of(position.basis_lots);
    let (change, paid) = closing(position, lots, price)?;
    let closed = apply_transfer(holding(position)?, change, paid).or_refuse()?;
    let interest = OpenInterest::of(market).moved(position.basis_lots, closed.holding.size.get())?;
    interest.store(market);
    deleverage_side(market, 1_usize.saturating_sub(own), lots.magnitude(), price)?;
    fill::write(position, market, &closed, 0)
}

/// Closes lots of a side's open interest at a price, each position by its part. With nobody there, the lots are only
/// what folding dropped and the other side still holds.
pub fn deleverage_side(market: &mut Market, side: usize, lots: u64, price: PriceQ32) -> Result<()> {
    let open = market.open_interest_lots[side];
    let kept = open.checked_sub(lots).or_refuse()?;
    if market.position_count[side] != 0 {
        let after = deleverage(&market_side(market, side), side == 0, open, lots, price).or_refuse()?;
        market.a[side] = after.a;
        market.j[side] = after.j.into();
    }
    // Of the lots that are only dropped fractions, the same part is gone.
    market.dropped_q16[side] = mul_div_floor(market.dropped_q16[side], kept, open.max(1)).or_refuse()?;
    market.open_interest_lots[side] = kept;
    Ok(())
}

/// [`close_dropped`] at the present mark: whoever folds somebody cannot leave the fractions to the market and wait.
pub fn close_dropped_now(market: &mut Market) -> Result<()> {
    if market.dropped_q16 == [0; 2] {
        return Ok(());
    }
    let price = closing_price(market)?;
    close_dropped(market, price)
}

/// Closes the other side of what folding dropped, once it is whole lots worth a change of A: the market holds no more
/// than one part in 4,096 of a side without its counterpart.
fn close_dropped(market: &mut Market, price: PriceQ32) -> Result<()> {
    for side in 0..2 {
        let other = 1_usize.saturating_sub(side);
        let open = market.open_interest_lots[side].min(market.open_interest_lots[other]);
        let lots = (market.dropped_q16[side] >> DROPPED_BITS).min(open);
        if lots < (open >> DROPPED_SHARE_BITS).max(1) {
            continue;
        }
        deleverage_side(market, other, lots, price)?;
        let rest = market.dropped_q16[side].checked_sub(lots << DROPPED_BITS).or_refuse()?;
        market.dropped_q16[side] = rest;
        market.open_interest_lots[side] = market.open_interest_lots[side].checked_sub(lots).or_refuse()?;
    }
    Ok(())
}
