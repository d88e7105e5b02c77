//! Icebergs: what is displayed is an ordinary order; when it is gone the next part takes its place, as a new order.

use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;

use super::groups::{line, LinkedChange};
use super::margin::{self, Freshness};
use super::orders::{is_ask, is_reduce_only, remove};
use super::place::require_position_limit;
use super::position::count_order;
use crate::error::OrRefuse;
use crate::events::LinkedOrder;
use crate::guards::Now;
use crate::state::{IcebergTerms, Market, Order, OrderKind, Orders, RiskCache, User};

/// Lots of an iceberg that are not displayed; 0 for every other kind.
#[inline(always)]
pub fn hidden_lots(order: &Order) -> u64 {
    if order.kind == OrderKind::Iceberg as u8 {
        order.terms[1]
    } else {
        0
    }
}

/// What a refill reads beside its user.
pub struct Water<'a> {
    pub market: &'a Market,
    pub cache: &'a RiskCache,
    pub now: Now,
    /// Slot of its user's position.
    pub position: usize,
    /// Whose it is.
    pub user: Address,
}

/// Displays the next part, behind all others at its price; what does not pass the checks of a new order is cancelled
/// with the rest. Rows need not be fresh: a fill of the new part demands that again, and a keeper who brings old rows must
/// not be able to cancel what its owner wants to keep.
#[inline(never)]
pub fn refill(
    user: &mut User,
    orders: &mut Orders,
    slot: usize,
    water: &Water,
    linked: &mut Vec<LinkedOrder>,
) -> Result<()> {
    let order = &mut orders.orders[slot];
    let mut terms: IcebergTerms = bytemuck::cast(order.terms);
    let shown = terms.display_lots.min(terms.hidden_lots);
    terms.hidden_lots = terms.hidden_lots.checked_sub(shown).or_refuse()?;
    order.terms = bytemuck::cast(terms);
    order.size_lots = shown;
    order.placed_slot = water.now.slot;
    let order = *order;
    count_order(&mut user.positions[water.position], &order, shown)?;
    if is_reduce_only(&order) || carries(user, &order, water)? {
        linked.push(line(water.user, &order, shown, LinkedChange::Refilled));
        return Ok(());
    }
    remove(user, orders, slot)?;
    linked.push(line(water.user, &order, 0, LinkedChange::RefillFailed));
    Ok(())
}

fn carries(user: &User, order: &Order, water: &Water) -> Result<bool> {
    if require_position_limit(&user.positions[water.position], water.market, is_ask(order)).is_err() {
        return Ok(false);
    }
    let freshness = Freshness { now_ms: water.now.ms, required: false };
    // An account that cannot be valued carries no new order; it must not stop the fill of the old one.
    let valuation = margin::value(user, water.cache, MarginKind::Initial, freshness);
    Ok(valuation.is_ok_and(|valuation| valuation.excess_atoms() >= 0))
}
