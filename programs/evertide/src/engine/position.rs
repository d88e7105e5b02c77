//! One position slot: finding and freeing it, folding it against its market, and counting the orders behind it.

use anchor_lang::prelude::*;
use evertide_math::index::{dropped_value, fold, SideIndex};
use evertide_math::pnl::remaining_entry;
use evertide_math::{Atoms, Lots, PriceQ32};

use super::margin::{side_of, snapshot};
use super::rewards::owed_by_pool;
use super::row::{clamped_mark, FLAG_ISOLATED_ONLY};
use crate::error::{EvertideError, OrRefuse};
use crate::state::{order_flags, Bankruptcy, Market, Order, Position, RiskCache, User};

/// Slot number of a market's position, if the user has one.
#[inline(always)]
pub fn find(user: &User, market_index: u16) -> Option<usize> {
    let wanted = market_index.wrapping_add(1);
    user.positions.iter().position(|position| position.market_plus_one == wanted)
}

/// Slot number of a market's position; takes a free slot when the user has none.
#[inline(never)]
pub fn slot_for(user: &mut User, market: &Market) -> Result<usize> {
    let tick_value = u32::try_from(market.atoms_per_lot_tick).map_err(|_| EvertideError::OutOfRange)?;
    if let Some(slot) = find(user, market.index) {
        // A slot that only held a limit of the user's own does not know it yet.
        user.positions[slot].atoms_per_lot_tick = tick_value;
        return Ok(slot);
    }
    let free = user.positions.iter().position(|position| position.market_plus_one == 0);
    let slot = free.ok_or(EvertideError::PositionSlotsFull)?;
    let position = &mut user.positions[slot];
    position.market_plus_one = market.index.checked_add(1).or_refuse()?;
    position.atoms_per_lot_tick = tick_value;
    user.position_count = user.position_count.checked_add(1).or_refuse()?;
    Ok(slot)
}

/// An isolated-only market shares a sub-account with no other market. To be called before a slot is taken.
pub fn require_isolation(user: &User, market: &Market, cache: &RiskCache) -> Result<()> {
    if user.position_count == 0 || find(user, market.index).is_some() {
        return Ok(());
    }
    let isolated = market.terms.flags & u32::from(FLAG_ISOLATED_ONLY) != 0
        || user.positions.iter().any(|position| {
            let row = cache.markets.get(usize::from(position.market_plus_one.wrapping_sub(1)));
            row.is_some_and(|row| row.flags & FLAG_ISOLATED_ONLY != 0)
        });
    require!(!isolated, EvertideError::IsolatedMarketShared);
    Ok(())
}

/// Frees a slot that holds no size, no cash, no order and no limit of the user's own.
#[inline(never)]
pub fn release_if_empty(user: &mut User, slot: usize) -> Result<()> {
    let position = &user.positions[slot];
    let used = position.basis_lots != 0
        || position.cash_atoms != 0
        || position.open_order_count != 0
        || position.user_ratio_bps != 0
        || position.bankruptcy == Bankruptcy::Open as u8
        || position.market_plus_one == 0;
    if !used {
        user.positions[slot] = bytemuck::Zeroable::zeroed();
        user.position_count = user.position_count.checked_sub(1).or_refuse()?;
    }
    Ok(())
}

/// One side of a market, 0 long and 1 short.
#[inline(always)]
pub fn market_side(market: &Market, side: usize) -> SideIndex {
    SideIndex {
        a: market.a[side],
        j: market.j[side].get(),
        j_previous: market.j_previous[side].get(),
        epoch: market.epoch[side],
    }
}

/// The price at which lots without a counterparty close against their market: the mark inside its radius.
pub fn closing_price(market: &Market) -> Result<PriceQ32> {
    PriceQ32::new(clamped_mark(market)?).or_refuse()
}

/// What folding did to a position.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct FoldOutcome {
    /// Cash received since the last fold, atoms; negative when paid: funding, and what deleveraging paid for lots.
    pub funding_atoms: i64,
    /// Anything about the position changed.
    pub changed: bool,
}

/// Brings a position to the market's indices: size, cash, entry and snapshot.
#[inline(never)]
pub fn fold_position(position: &mut Position, market: &mut Market) -> Result<FoldOutcome> {
    if position.basis_lots == 0 {
        return Ok(FoldOutcome::default());
    }
    let side = side_of(position.basis_lots);
    let index = market_side(market, side);
    if position.epoch == index.epoch && position.a_snapshot == index.a && position.j_snapshot == market.j[side] {
        return Ok(FoldOutcome::default());
    }
    let before = Lots::new(position.basis_lots).or_refuse()?;
    let folded = fold(&snapshot(position)?, &index).or_refuse()?;
    let mut funding_atoms = folded.cash_delta.get();
    if folded.dropped_q16 != 0 {
        let part = dropped_value(before, folded.dropped_q16, closing_price(market)?).or_refuse()?;
        funding_atoms = funding_atoms.checked_add(part.get()).or_refuse()?;
    }
    add_cash(position, market, funding_atoms)?;
    if folded.size == before {
        position.funding_atoms = position.funding_atoms.checked_add(funding_atoms).or_refuse()?;
    } else {
        let entry = Atoms::new(position.entry_atoms).or_refuse()?;
        position.entry_atoms = remaining_entry(entry, folded.size, before).or_refuse()?.get();
    }
    if folded.dropped_q16 != 0 {
        // A short's fraction was rounded up: the sum must not pass what the side's open interest holds in excess.
        let exact = folded.dropped_q16.saturating_sub(u32::from(side == 1));
        market.dropped_q16[side] = market.dropped_q16[side].checked_add(u64::from(exact)).or_refuse()?;
        market.dust_lots[side] = market.dust_lots[side].checked_add(1).or_refuse()?;
    }
    if position.epoch != index.epoch {
        market.stale_count[side] = market.stale_count[side].checked_sub(1).or_refuse()?;
    } else if folded.size.is_zero() {
        market.position_count[side] = market.position_count[side].checked_sub(1).or_refuse()?;
    }
    set_size(position, market, folded.size.get());
    Ok(FoldOutcome { funding_atoms, changed: true })
}

/// Moves a position's cash, and with it the sum of all claims on the market's pool.
#[inline(always)]
pub fn add_cash(position: &mut Position, market: &mut Market, amount_atoms: i64) -> Result<()> {
    position.cash_atoms = position.cash_atoms.checked_add(amount_atoms).or_refuse()?;
    market.claims_atoms = market.claims_atoms.checked_add(amount_atoms).or_refuse()?;
    Ok(())
}

/// What of the pool belongs to nobody, atoms. Exact while no position is open: claims are stored, not folded.
///
/// It is below zero when the price moved against fractions of lots that the market held: fees not yet collected bear
/// that, and a recorded deficit what they cannot.
#[inline(never)]
pub fn count_dust(market: &mut Market) -> Result<()> {
    if market.open_interest_lots != [0; 2] || market.position_count != [0; 2] || market.stale_count != [0; 2] {
        return Ok(());
    }
    let owed = owed_by_pool(market)?;
    let backed = market.pool_atoms.checked_add(market.deficit_atoms).or_refuse()?;
    let backed = i64::try_from(backed).map_err(|_| EvertideError::Overflow)?;
    let dust = backed.checked_sub(owed).or_refuse()?;
    market.dust_atoms = dust.max(0);
    let missing = dust.min(0).unsigned_abs();
    let waived = missing.min(market.pending_fees_atoms);
    market.pending_fees_atoms = market.pending_fees_atoms.checked_sub(waived).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.min(market.pending_fees_atoms);
    let rest = missing.checked_sub(waived).or_refuse()?;
    market.deficit_atoms = market.deficit_atoms.checked_add(rest).or_refuse()?;
    Ok(())
}

/// Writes a size with the snapshot of the side that it is on.
#[inline(always)]
pub fn set_size(position: &mut Position, market: &Market, size_lots: i64) {
    position.basis_lots = size_lots;
    if size_lots == 0 {
        position.a_snapshot = 0;
        position.j_snapshot = Default::default();
        position.epoch = 0;
        position.funding_atoms = 0;
        return;
    }
    let side = side_of(size_lots);
    position.a_snapshot = market.a[side];
    position.j_snapshot = market.j[side];
    position.epoch = market.epoch[side];
}

/// Counts a new or grown order of `lots` in the aggregates. Reduce-only orders add no exposure, only a count.
pub fn count_order(position: &mut Position, order: &Order, lots: u64) -> Result<()> {
    if order.flags & order_flags::COUNTED == 0 {
        return Ok(());
    }
    if order.flags & order_flags::ASK != 0 {
        position.open_ask_lots = position.open_ask_lots.checked_add(lots).or_refuse()?;
        if position.min_ask_ticks == 0 || order.price_ticks < position.min_ask_ticks {
            position.min_ask_ticks = order.price_ticks;
        }
    } else {
        position.open_bid_lots = position.open_bid_lots.checked_add(lots).or_refuse()?;
        position.max_bid_ticks = position.max_bid_ticks.max(order.price_ticks);
    }
    Ok(())
}

/// Takes `lots` of an order out of the aggregates; a side that empties forgets its price.
pub fn uncount_order(position: &mut Position, order: &Order, lots: u64) -> Result<()> {
    if order.flags & order_flags::COUNTED == 0 {
        return Ok(());
    }
    if order.flags & order_flags::ASK != 0 {
        position.open_ask_lots = position.open_ask_lots.checked_sub(lots).or_refuse()?;
        if position.open_ask_lots == 0 {
            position.min_ask_ticks = 0;
        }
    } else {
        position.open_bid_lots = position.open_bid_lots.checked_sub(lots).or_refuse()?;
        if position.open_bid_lots == 0 {
            position.max_bid_ticks = 0;
        }
    }
    Ok(())
}
