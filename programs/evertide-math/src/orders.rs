//! Margin of open orders from aggregates alone; orders are never iterated.

use crate::error::{MathError, MathResult};
use crate::margin::{requirement, MarginKind, PositionInput};
use crate::notional::notional_ceil;
use crate::round::mul_shift_ceil;
use crate::units::{Atoms, AtomsPerLotTick, Lots, PriceQ32, Ticks, PRICE_BITS};

/// Aggregates of a user's live orders in one market. A price means something only where lots are.
///
/// Reduce-only orders may be counted in: they add reserve, and no exposure, since they cannot pass
/// the position's own size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOrders {
    /// Lots bid, not negative.
    pub bid_lots: Lots,
    /// Lots offered, not negative.
    pub ask_lots: Lots,
    /// Highest bid price.
    pub max_bid: Ticks,
    /// Lowest ask price.
    pub min_ask: Ticks,
}

impl OpenOrders {
    /// No lots on either side.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bid_lots.is_zero() && self.ask_lots.is_zero()
    }
}

/// Lots by which the absolute size would grow if all orders of one side filled.
#[inline]
pub fn increase_lots(size: Lots, change: Lots) -> MathResult<Lots> {
    let after = size.plus(change)?;
    Lots::from_order(after.magnitude().saturating_sub(size.magnitude()))
}

/// Loss at the mark if every bid filled at the highest bid price, rounded up, in atoms.
#[inline]
pub fn bid_reserve(orders: &OpenOrders, mark: PriceQ32, tick_value: AtomsPerLotTick) -> MathResult<Atoms> {
    if orders.bid_lots.is_zero() {
        return Ok(Atoms::ZERO);
    }
    let worst = PriceQ32::from_ticks(orders.max_bid, tick_value)?;
    adverse(orders.bid_lots, worst.get().saturating_sub(mark.get()))
}

/// Loss at the mark if every ask filled at the lowest ask price, rounded up, in atoms.
#[inline]
pub fn ask_reserve(orders: &OpenOrders, mark: PriceQ32, tick_value: AtomsPerLotTick) -> MathResult<Atoms> {
    if orders.ask_lots.is_zero() {
        return Ok(Atoms::ZERO);
    }
    let worst = PriceQ32::from_ticks(orders.min_ask, tick_value)?;
    adverse(orders.ask_lots, mark.get().saturating_sub(worst.get()))
}

#[inline]
fn adverse(lots: Lots, loss_per_lot_q32: u64) -> MathResult<Atoms> {
    Atoms::from_unsigned(mul_shift_ceil(lots.magnitude(), loss_per_lot_q32, PRICE_BITS)?)
}

/// What a position with its open orders may become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Notional of the largest absolute size that one side's orders lead to, never less than the size held.
    pub notional: Atoms,
    /// Requirement of the worse side.
    pub requirement: Atoms,
}

/// Requirement of a position with its open orders: the worse of its two sides.
///
/// Each side: the requirement of the absolute size that would result if its orders all filled (never
/// less than the size held), at the ratio of that size, plus the side's adverse-fill reserve.
#[inline]
pub fn requirement_with_orders(kind: MarginKind, position: &PositionInput) -> MathResult<Atoms> {
    Ok(reach_with_orders(kind, position)?.requirement)
}

/// [`requirement_with_orders`] together with the notional that its orders can reach.
#[inline]
pub fn reach_with_orders(kind: MarginKind, position: &PositionInput) -> MathResult<Reach> {
    let orders = &position.orders;
    if orders.bid_lots.is_negative() || orders.ask_lots.is_negative() {
        return Err(MathError::NotPositive);
    }
    // A side without orders demands what is held, and the other side never demands less than that.
    if orders.ask_lots.is_zero() {
        return bid_reach(kind, position);
    }
    if orders.bid_lots.is_zero() {
        return ask_reach(kind, position);
    }
    let (bid, ask) = (bid_reach(kind, position)?, ask_reach(kind, position)?);
    Ok(Reach { notional: bid.notional.max(ask.notional), requirement: bid.requirement.max(ask.requirement) })
}

#[inline]
fn bid_reach(kind: MarginKind, position: &PositionInput) -> MathResult<Reach> {
    let reserve = bid_reserve(&position.orders, position.mark, position.tick_value)?;
    side_reach(kind, position, position.orders.bid_lots, reserve)
}

#[inline]
fn ask_reach(kind: MarginKind, position: &PositionInput) -> MathResult<Reach> {
    let reserve = ask_reserve(&position.orders, position.mark, position.tick_value)?;
    side_reach(kind, position, position.orders.ask_lots.negate(), reserve)
}

#[inline]
fn side_reach(kind: MarginKind, position: &PositionInput, change: Lots, reserve: Atoms) -> MathResult<Reach> {
    let after = position.size.plus(change)?.magnitude();
    let worst = Lots::from_order(after.max(position.size.magnitude()))?;
    let notional = notional_ceil(worst, position.mark)?;
    let demanded = requirement(notional, position.terms.ratio(kind, notional)?)?;
    Ok(Reach { notional, requirement: demanded.plus(reserve)? })
}
