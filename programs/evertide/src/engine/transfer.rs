//! Lots that change hands outside the book: from an account in liquidation to a liquidator or the backstop, or closed
//! against the other side by deleveraging.

use anchor_lang::prelude::*;
use evertide_math::index::deleverage;
use evertide_math::liquidation::LiquidationFees;
use evertide_math::notional::{notional_ceil, notional_floor};
use evertide_math::pnl::{apply_transfer, Filled, Holding};
use evertide_math::{Atoms, Lots, PriceQ32};

use super::fill::{self, OpenInterest};
use super::margin::side_of;
use super::position::market_side;
use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{Market, Position};

fn holding(position: &Position) -> Result<Holding> {
    Ok(Holding {
        size: Lots::new(position.basis_lots).or_refuse()?,
        cash: Atoms::new(position.cash_atoms).or_refuse()?,
        entry: Atoms::new(position.entry_atoms).or_refuse()?,
    })
}

/// Signed change that closes `lots` of a position, and what the closing costs: a long is paid the floor, a short pays
/// the ceiling.
fn closing(position: &Position, lots: Lots, price: PriceQ32) -> Result<(Lots, Atoms)> {
    if position.basis_lots < 0 {
        return Ok((lots, notional_ceil(lots, price).or_refuse()?));
    }
    Ok((lots.negate(), notional_floor(lots, price).or_refuse()?.negate()))
}

/// Moves lots of a folded position to another at a price, with the fees of a liquidation.
#[inline(never)]
pub fn move_lots(
    market: &mut Market,
    from: &mut Position,
    to: &mut Position,
    lots: Lots,
    price: PriceQ32,
    fees: &LiquidationFees,
) -> Result<()> {
    let (change, paid) = closing(from, lots, price)?;
    let given: Filled = apply_transfer(holding(from)?, change, paid).or_refuse()?;
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
    let charged = fees.liquidator.plus(fees.insurance).or_refuse()?;
    fill::write(from, market, &given, charged.get())?;
    fill::write(to, market, &taken, fees.liquidator.negate().get())?;
    keep_insurance_fee(market, fees.insurance.magnitude())
}

/// Books an insurance fee: a claim on the pool, meant for the fund.
pub fn keep_insurance_fee(market: &mut Market, fee_atoms: u64) -> Result<()> {
    market.pending_fees_atoms = market.pending_fees_atoms.checked_add(fee_atoms).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.checked_add(fee_atoms).or_refuse()?;
    Ok(())
}

/// Closes lots of a folded position against everybody on the other side at a price, each by its part.
///
/// With nobody there the lots close against the dust that folding left in the other side's open interest.
#[inline(never)]
pub fn close_against_side(market: &mut Market, position: &mut Position, lots: Lots, price: PriceQ32) -> Result<()> {
    let own = side_of(position.basis_lots);
    let other = 1_usize.saturating_sub(own);
    let (change, paid) = closing(position, lots, price)?;
    let closed = apply_transfer(holding(position)?, change, paid).or_refuse()?;
    let interest = OpenInterest::of(market).moved(position.basis_lots, closed.holding.size.get())?;
    let against = interest.lots[other];
    if market.position_count[other] != 0 {
        let side = market_side(market, other);
        let after = deleverage(&side, other == 0, against, lots.magnitude(), price).or_refuse()?;
        market.a[other] = after.a;
        market.j[other] = after.j.into();
    }
    interest.store(market);
    market.open_interest_lots[other] = against.checked_sub(lots.magnitude()).or_refuse()?;
    fill::write(position, market, &closed, 0)
}
