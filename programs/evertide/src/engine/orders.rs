//! The order slots of one user: which are alive, which are found, and taking them out with their aggregates.

use anchor_lang::prelude::*;

use super::groups;
use super::position::{find, release_if_empty, uncount_order};
use crate::error::{EvertideError, OrRefuse};
use crate::events::CancelledOrder;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{
    order_flags, Market, Order, OrderKind, Orders, TimeInForce, User, MATCH_DEADLINE_SLOTS, ORDERS_MAX,
};

/// Whether an order must be matched within its deadline and never rests: market, IOC and FOK.
#[inline(always)]
pub fn is_immediate(order: &Order) -> bool {
    order.kind == OrderKind::Market as u8
        || order.time_in_force == TimeInForce::ImmediateOrCancel as u8
        || order.time_in_force == TimeInForce::FillOrKill as u8
}

/// Whether an order may only rest.
#[inline(always)]
pub fn is_post_only(order: &Order) -> bool {
    order.time_in_force == TimeInForce::PostOnly as u8 || order.time_in_force == TimeInForce::PostOnlySlide as u8
}

/// Whether an order sells.
#[inline(always)]
pub fn is_ask(order: &Order) -> bool {
    order.flags & order_flags::ASK != 0
}

/// Whether an order may only reduce.
#[inline(always)]
pub fn is_reduce_only(order: &Order) -> bool {
    order.flags & order_flags::REDUCE_ONLY != 0
}

/// Voided by a liquidation that raised the epoch; with [`live_from_id`] also by the dead-man's deadline.
#[inline(always)]
pub fn is_void(order: &Order, live_from_id: u64) -> bool {
    order.order_id < live_from_id
}

/// Past its expiry, or past the deadline of an immediate order, which does not run while it waits.
#[inline(always)]
pub fn is_expired(order: &Order, now: Now) -> bool {
    (order.expiry_ms != 0 && now.ms >= order.expiry_ms)
        || (is_immediate(order)
            && now.slot > order.placed_slot.saturating_add(MATCH_DEADLINE_SLOTS)
            && order.flags & order_flags::DORMANT == 0)
}

/// Least id of a live order: a liquidation raises it, and from the dead-man's deadline on no order is live.
#[inline(always)]
pub fn live_from_id(user: &User, orders: &Orders, now: Now) -> u64 {
    if orders.cancel_all_after_ms != 0 && now.ms >= orders.cancel_all_after_ms {
        u64::MAX
    } else {
        user.orders_epoch
    }
}

/// Occupied, not void, not expired.
#[inline(always)]
pub fn is_live(order: &Order, live_from_id: u64, now: Now) -> bool {
    order.order_id != 0 && !is_void(order, live_from_id) && !is_expired(order, now)
}

/// Slot of an order by its id, alive or not.
#[inline(always)]
pub fn find_order(orders: &Orders, order_id: u64) -> Option<usize> {
    if order_id == 0 {
        return None;
    }
    orders.orders.iter().position(|order| order.order_id == order_id)
}

/// Slot of an order that is alive and of this market.
pub fn live_slot(user: &User, orders: &Orders, market: &Market, order_id: u64, now: Now) -> Result<usize> {
    let slot = find_order(orders, order_id).ok_or(EvertideError::OrderNotFound)?;
    let order = &orders.orders[slot];
    require!(is_live(order, live_from_id(user, orders, now), now), EvertideError::OrderNotFound);
    require_cmp!(market.index, ==, order.market_index, EvertideError::OrderMarketMismatch);
    Ok(slot)
}

/// Id of the order that comes next. The epoch is never above it: voiding raises that to just this.
#[inline(always)]
pub fn next_id(orders: &Orders) -> u64 {
    orders.next_order_id.max(1)
}

/// Writes an order, whose id is the next one, into a free slot. Aggregates are the caller's.
#[inline(always)]
pub fn seat(orders: &mut Orders, slot: usize, order: &Order) -> Result<()> {
    orders.next_order_id = order.order_id.checked_add(1).or_refuse()?;
    orders.order_count = orders.order_count.checked_add(1).or_refuse()?;
    orders.orders[slot] = *order;
    Ok(())
}

/// Takes an order out of its slot and out of the aggregates; frees the position slot behind it when that empties.
///
/// A void order has left the aggregates already: raising the epoch zeroes them.
#[inline(never)]
pub fn remove(user: &mut User, orders: &mut Orders, slot: usize) -> Result<CancelledOrder> {
    let order = orders.orders.get_mut(slot).ok_or(EvertideError::OrderNotFound)?;
    let removed = CancelledOrder {
        order_id: order.order_id,
        client_order_id: order.client_order_id,
        size_lots: order.size_lots,
        market_index: order.market_index,
    };
    // A commitment belongs to no market and counts nowhere.
    if !is_void(order, user.orders_epoch) && order.kind != OrderKind::Commit as u8 {
        let at = find(user, order.market_index).ok_or(EvertideError::UserInvariantViolated)?;
        let position = &mut user.positions[at];
        uncount_order(position, order, order.size_lots)?;
        position.open_order_count = position.open_order_count.checked_sub(1).or_refuse()?;
        if is_reduce_only(order) {
            position.reduce_only_count = position.reduce_only_count.checked_sub(1).or_refuse()?;
        }
        release_if_empty(user, at)?;
    }
    *order = Order::default();
    orders.order_count = orders.order_count.checked_sub(1).or_refuse()?;
    Ok(removed)
}

/// Takes `lots` out of an order and its aggregates without a fill, and the order itself when nothing is left.
pub fn reduce_size(user: &mut User, orders: &mut Orders, slot: usize, lots: u64) -> Result<()> {
    if lots == 0 {
        return Ok(());
    }
    let order = orders.orders.get_mut(slot).ok_or(EvertideError::OrderNotFound)?;
    let at = find(user, order.market_index).ok_or(EvertideError::UserInvariantViolated)?;
    uncount_order(&mut user.positions[at], order, lots)?;
    order.size_lots = order.size_lots.checked_sub(lots).or_refuse()?;
    if order.size_lots == 0 {
        remove(user, orders, slot)?;
    }
    Ok(())
}

/// Moves `lots` of an order from open to filled; an order without rest stays in its slot until it is removed.
pub fn fill_order(user: &mut User, orders: &mut Orders, slot: usize, at: usize, lots: u64) -> Result<()> {
    let order = orders.orders.get_mut(slot).ok_or(EvertideError::OrderNotFound)?;
    uncount_order(&mut user.positions[at], order, lots)?;
    order.size_lots = order.size_lots.checked_sub(lots).or_refuse()?;
    order.filled_lots = order.filled_lots.checked_add(lots).or_refuse()?;
    Ok(())
}

/// Slot of a free order; when all are occupied, sweeps the dead ones first and lists them in `reclaimed`.
pub fn free_slot(user: &mut User, orders: &mut Orders, now: Now, reclaimed: &mut Vec<CancelledOrder>) -> Result<usize> {
    if usize::from(orders.order_count) >= ORDERS_MAX {
        groups::sweep(user, orders, now, reclaimed)?;
    }
    free_place(orders).ok_or_else(|| EvertideError::OrderSlotsFull.into())
}

/// The first slot without an order.
pub fn free_place(orders: &Orders) -> Option<usize> {
    orders.orders.iter().position(|order| order.order_id == 0)
}

/// Whether a live order carries this client id.
pub fn client_id_in_use(orders: &Orders, client_order_id: u64, live_from_id: u64, now: Now) -> bool {
    let mut left = orders.order_count;
    for order in &orders.orders {
        if left == 0 {
            break;
        }
        if order.order_id != 0 {
            left = left.saturating_sub(1);
            if order.client_order_id == client_order_id && is_live(order, live_from_id, now) {
                return true;
            }
        }
    }
    false
}
