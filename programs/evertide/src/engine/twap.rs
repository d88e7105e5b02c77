//! Slices of a TWAP: what its schedule says, less what was filled, never more than three slices at once.

use anchor_lang::prelude::*;
use evertide_math::round::mul_div_floor;

use super::dormant::{Surroundings, WakeOutcome};
use super::groups::twap_end_ms;
use super::kinds::{group_of, is_dormant};
use super::orders::{free_slot, is_ask, remove};
use super::place::{enter, require_worth};
use super::position::find;
use crate::error::{EvertideError, OrRefuse};
use crate::events::CancelledOrder;
use crate::guards::clock::MS_PER_SECOND;
use crate::require_cmp;
use crate::state::{order_flags, Order, OrderKind, Orders, PlainTerms, TimeInForce, TwapTerms, User, ORDERS_MAX};

/// Most slices that one order catches up with.
pub const CATCH_UP_SLICES: u64 = 3;

/// Lots that the schedule wants at this time beyond what was filled, and the number of the interval. A slice that is
/// late catches up, to at most three of them; an interval has one slice, whoever calls how often.
pub fn due_lots(parent: &Order, now_ms: i64) -> Result<(u64, u16)> {
    let terms: TwapTerms = bytemuck::cast(parent.terms);
    let count = u64::from(terms.slice_count);
    require_cmp!(now_ms, >=, parent.placed_ms, EvertideError::SliceNotDue);
    require_cmp!(now_ms, <, twap_end_ms(parent), EvertideError::SliceNotDue);
    let interval_ms = i64::from(terms.slice_interval_s).saturating_mul(MS_PER_SECOND);
    let gone = now_ms.saturating_sub(parent.placed_ms).checked_div(interval_ms).or_refuse()?;
    let number = gone.unsigned_abs().saturating_add(1).min(count);
    require_cmp!(number, >, u64::from(terms.slices_done), EvertideError::SliceNotDue);
    let total = parent.size_lots.checked_add(parent.filled_lots).or_refuse()?;
    let wanted = mul_div_floor(total, number, count).or_refuse()?;
    let normal = total.div_ceil(count);
    let due = wanted.saturating_sub(parent.filled_lots).min(normal.saturating_mul(CATCH_UP_SLICES));
    Ok((due.min(parent.size_lots), u16::try_from(number).map_err(|_| EvertideError::Overflow)?))
}

/// What executing a slice did.
pub struct Slice {
    pub number: u16,
    pub outcome: WakeOutcome,
    /// The slice, as placed or as refused.
    pub order: Order,
    /// Slices that were still open, dead orders swept for a slot, and the parent when the slice was refused.
    pub removed: Vec<CancelledOrder>,
}

/// Places the slice of a parent that is due, in place of the one before it; a slice that does not pass the checks of a
/// new order cancels its parent.
#[inline(never)]
pub fn execute(user: &mut User, orders: &mut Orders, slot: usize, around: &Surroundings) -> Result<Slice> {
    let parent = orders.orders[slot];
    require!(parent.kind == OrderKind::Twap as u8 && is_dormant(&parent), EvertideError::OrderKindMismatch);
    let (due, number) = due_lots(&parent, around.now.ms)?;
    around.require_open(&parent)?;
    let mut removed = Vec::new();
    for at in 0..ORDERS_MAX {
        let other = &orders.orders[at];
        if other.flags & order_flags::SLICE != 0 && group_of(other) == group_of(&parent) {
            removed.push(remove(user, orders, at)?);
        }
    }
    let mut slice = slice_of(&parent, due, around)?;
    let place = free_slot(user, orders, around.now, &mut removed)?;
    let mut terms: TwapTerms = bytemuck::cast(parent.terms);
    terms.slices_done = number;
    orders.orders[slot].terms = bytemuck::cast(terms);
    let outcome = around.reserve(user, &mut slice)?;
    let at = find(user, slice.market_index).ok_or(EvertideError::UserInvariantViolated)?;
    enter(&mut user.positions[at], orders, place, &mut slice, around.now)?;
    if outcome != WakeOutcome::Live {
        remove(user, orders, place)?;
        removed.push(remove(user, orders, slot)?);
    }
    Ok(Slice { number, outcome, order: slice, removed })
}

/// An immediate limit order at the worst price that slippage and the parent's own limit allow.
fn slice_of(parent: &Order, due_lots: u64, around: &Surroundings) -> Result<Order> {
    require!(due_lots != 0, EvertideError::SliceNotDue);
    let terms: TwapTerms = bytemuck::cast(parent.terms);
    let worst = around.worst_ticks(parent)?;
    let limit = parent.price_ticks;
    let price_ticks = match (limit, is_ask(parent)) {
        (0, _) => worst,
        (_, true) => worst.max(limit),
        (_, false) => worst.min(limit),
    };
    let keep = order_flags::ASK | order_flags::REDUCE_ONLY;
    let slice = Order {
        price_ticks,
        size_lots: due_lots,
        expiry_ms: parent.expiry_ms,
        market_index: parent.market_index,
        kind: OrderKind::Limit as u8,
        time_in_force: TimeInForce::ImmediateOrCancel as u8,
        flags: (parent.flags & keep) | order_flags::SLICE,
        self_trade: parent.self_trade,
        taker_phase_s: parent.taker_phase_s,
        builder_plus_one: parent.builder_plus_one,
        terms: bytemuck::cast(PlainTerms {
            builder_fee_tenth_bps: terms.builder_fee_tenth_bps,
            group: terms.group,
            ..PlainTerms::default()
        }),
        ..Order::default()
    };
    require_worth(&slice, around.market)?;
    Ok(slice)
}
