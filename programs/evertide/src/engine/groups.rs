//! Linked orders of one account. A bracket: an entry and its exits, which grow with each of its fills. Otherwise one
//! cancels the other: what one fills, the others lose.
//!
//! Nothing here depends on who calls when: a link is the same number in every order, and each fill moves all of them in
//! the same step. Exits only reduce, so that no aggregate changes with their size.

use anchor_lang::prelude::*;

use super::dormant::trail_from_ticks;
use super::kinds::{group_of, is_conditional, is_dormant, set_group};
use super::orders::{is_ask, is_immediate, is_live, is_reduce_only, is_void, live_from_id, remove};
use crate::error::{EvertideError, OrRefuse};
use crate::events::{CancelledOrder, LinkedOrder};
use crate::guards::clock::MS_PER_SECOND;
use crate::guards::Now;
use crate::instructions::OrderArgs;
use crate::require_cmp;
use crate::state::{order_flags, ConditionalTerms, Order, OrderKind, Orders, TwapTerms, User, ORDERS_MAX};

/// What happened to a linked order when another one filled or fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LinkedChange {
    /// An exit grew with a fill of its entry.
    Grown = 0,
    /// It shrank by what another order of its group filled.
    Shrunk = 1,
    /// It was cancelled: another one filled whole, fired, or closed the position.
    Cancelled = 2,
    /// An iceberg displays its next part, behind all others at its price.
    Refilled = 3,
    /// An iceberg's next part did not pass the checks of a new order: its rest is cancelled.
    RefillFailed = 4,
    /// The parent of a slice counted its fill.
    ParentFilled = 5,
}

/// A group under way in one `place_orders`.
pub struct Link {
    number: u8,
    group: u32,
    bracket: bool,
    market_index: u16,
    ask: bool,
    size_lots: u64,
    members: u32,
}

/// Puts an order into the group that its arguments name; the first one that names it decides what the group is.
#[inline(never)]
pub fn join(links: &mut Vec<Link>, args: &OrderArgs, order: &mut Order, next_id: u64) -> Result<()> {
    require!(order.kind != OrderKind::Twap as u8, EvertideError::GroupKindForbidden);
    let exit = is_reduce_only(order);
    let Some(link) = links.iter_mut().find(|link| link.number == args.group) else {
        let group = u32::try_from(next_id).map_err(|_| EvertideError::Overflow)?;
        if exit {
            require_exit_kind(order)?;
        }
        set_group(order, group);
        links.push(Link {
            number: args.group,
            group,
            bracket: !exit,
            market_index: order.market_index,
            ask: is_ask(order),
            size_lots: args.size_lots,
            members: 1,
        });
        return Ok(());
    };
    let opposite = link.ask != is_ask(order);
    let beside = link.market_index == order.market_index && opposite == link.bracket;
    require!(beside, EvertideError::GroupMarketDiffers);
    require!(exit, EvertideError::GroupExitInvalid);
    require_exit_kind(order)?;
    link.members = link.members.saturating_add(1);
    set_group(order, link.group);
    if link.bracket {
        require_cmp!(order.size_lots, ==, link.size_lots, EvertideError::GroupExitInvalid);
        order.size_lots = 0;
        order.flags |= order_flags::DORMANT;
    }
    Ok(())
}

/// An exit waits for its entry or for another exit: it must not run out of time by itself, nor hide a part of its size.
pub fn require_exit_kind(order: &Order) -> Result<()> {
    let hurried = is_immediate(order) && !is_conditional(order.kind);
    require!(!hurried && order.kind != OrderKind::Iceberg as u8, EvertideError::GroupKindForbidden);
    Ok(())
}

/// Refuses a group of one.
pub fn require_whole(links: &[Link]) -> Result<()> {
    for link in links {
        require_cmp!(link.members, >=, 2_u32, EvertideError::GroupTooSmall);
    }
    Ok(())
}

/// One fill of a linked order.
pub struct GroupFill {
    /// Whose order it is.
    pub user: Address,
    /// Slot of the order that filled.
    pub slot: usize,
    pub lots: u64,
    pub price_ticks: u64,
    /// Nothing is left of it, or of the position that it closes.
    pub whole: bool,
}

/// Moves the orders that are linked with one that filled. They are of one market, and of this account.
#[inline(never)]
pub fn after_fill(
    user: &mut User,
    orders: &mut Orders,
    fill: &GroupFill,
    now: Now,
    linked: &mut Vec<LinkedOrder>,
) -> Result<()> {
    let filled = orders.orders[fill.slot];
    let (group, exit) = (group_of(&filled), is_reduce_only(&filled));
    let slice = filled.flags & order_flags::SLICE != 0;
    for at in 0..ORDERS_MAX {
        let other = orders.orders[at];
        let member = at != fill.slot && other.order_id != 0 && group_of(&other) == group;
        if !member || is_void(&other, user.orders_epoch) {
            continue;
        }
        let change = if slice {
            count_slice(user, orders, at, fill.lots)?
        } else if !is_reduce_only(&other) {
            // The exit of a bracket fills: the idea is over, and what more the entry bought would have no exit.
            exit.then_some(LinkedChange::Cancelled)
        } else if exit {
            Some(shrink(user, orders, at, if fill.whole { u64::MAX } else { fill.lots })?)
        } else {
            Some(grow(&mut orders.orders[at], fill, now)?)
        };
        if change == Some(LinkedChange::Cancelled) && orders.orders[at].order_id != 0 {
            remove(user, orders, at)?;
        }
        if let Some(change) = change {
            linked.push(line(fill.user, &other, orders.orders[at].size_lots, change));
        }
    }
    Ok(())
}

/// A line of the event. `size_lots` is after; 0: the order left its slot.
pub fn line(user: Address, order: &Order, size_lots: u64, change: LinkedChange) -> LinkedOrder {
    LinkedOrder { user, order_id: order.order_id, size_lots, change: change as u8 }
}

/// An order whose live lots reach zero leaves its slot.
fn shrink(user: &mut User, orders: &mut Orders, slot: usize, lots: u64) -> Result<LinkedChange> {
    let order = &mut orders.orders[slot];
    order.size_lots = order.size_lots.saturating_sub(lots);
    if order.size_lots != 0 {
        return Ok(LinkedChange::Shrunk);
    }
    remove(user, orders, slot)?;
    Ok(LinkedChange::Cancelled)
}

/// The first lots bring an exit to life: it is as old as they are. A trailing stop trails from the entry's price.
fn grow(order: &mut Order, fill: &GroupFill, now: Now) -> Result<LinkedChange> {
    let first = order.size_lots == 0;
    order.size_lots = order.size_lots.checked_add(fill.lots).or_refuse()?;
    if first && order.kind == OrderKind::TrailingStop as u8 {
        let mut terms: ConditionalTerms = bytemuck::cast(order.terms);
        terms.trigger_ticks = trail_from_ticks(fill.price_ticks, terms.trail_bps, is_ask(order))?;
        order.terms = bytemuck::cast(terms);
    }
    let scheduled = order.placed_ms > now.ms;
    if first && !is_conditional(order.kind) && !scheduled {
        order.flags &= !order_flags::DORMANT;
        order.placed_slot = now.slot;
        order.placed_ms = now.ms;
    }
    Ok(LinkedChange::Grown)
}

/// A parent counts what its slice filled, and ends with the last lot.
fn count_slice(user: &mut User, orders: &mut Orders, slot: usize, lots: u64) -> Result<Option<LinkedChange>> {
    let parent = &mut orders.orders[slot];
    if parent.kind != OrderKind::Twap as u8 {
        return Ok(None);
    }
    parent.size_lots = parent.size_lots.checked_sub(lots).or_refuse()?;
    parent.filled_lots = parent.filled_lots.checked_add(lots).or_refuse()?;
    if parent.size_lots == 0 {
        remove(user, orders, slot)?;
    }
    Ok(Some(LinkedChange::ParentFilled))
}

/// Ends the entry of an exit that fires: what more it bought would have no exit.
pub fn end_entry(
    key: Address,
    user: &mut User,
    orders: &mut Orders,
    exit: &Order,
    linked: &mut Vec<LinkedOrder>,
) -> Result<()> {
    for at in 0..ORDERS_MAX {
        let other = orders.orders[at];
        let entry = other.order_id != 0 && group_of(&other) == group_of(exit) && !is_reduce_only(&other);
        if entry && !is_void(&other, user.orders_epoch) {
            remove(user, orders, at)?;
            linked.push(line(key, &other, 0, LinkedChange::Cancelled));
        }
    }
    Ok(())
}

/// Whether an order can never do anything again: void, expired, its parent gone, its entry gone unfilled, its schedule
/// over without a slice under way.
#[inline(never)]
pub fn is_dead(user: &User, orders: &Orders, order: &Order, now: Now) -> bool {
    let live_from = live_from_id(user, orders, now);
    if !is_live(order, live_from, now) {
        return true;
    }
    let group = group_of(order);
    if group == 0 {
        return false;
    }
    let any = |wanted: &dyn Fn(&Order) -> bool| {
        let mut members = orders.orders.iter().filter(|other| other.order_id != order.order_id);
        members.any(|other| group_of(other) == group && is_live(other, live_from, now) && wanted(other))
    };
    if order.flags & order_flags::SLICE != 0 {
        !any(&|other| other.kind == OrderKind::Twap as u8)
    } else if order.kind == OrderKind::Twap as u8 {
        now.ms >= twap_end_ms(order) && !any(&|other| other.flags & order_flags::SLICE != 0)
    } else {
        is_reduce_only(order) && order.size_lots == 0 && !any(&|other| !is_reduce_only(other))
    }
}

/// End of a TWAP's last interval, unix ms.
pub fn twap_end_ms(order: &Order) -> i64 {
    let terms: TwapTerms = bytemuck::cast(order.terms);
    let life_s = i64::from(terms.slice_interval_s).saturating_mul(i64::from(terms.slice_count));
    order.placed_ms.saturating_add(life_s.saturating_mul(MS_PER_SECOND))
}

/// Takes out every dead order, in the order of their slots; those that only lived for another one go with it.
#[inline(never)]
pub fn sweep(user: &mut User, orders: &mut Orders, now: Now, removed: &mut Vec<CancelledOrder>) -> Result<()> {
    // An orphan may lie before the order that makes it one: the second round finds it.
    for _ in 0..2 {
        for slot in 0..ORDERS_MAX {
            let order = orders.orders[slot];
            if order.order_id != 0 && is_dead(user, orders, &order, now) {
                removed.push(remove(user, orders, slot)?);
            }
        }
    }
    Ok(())
}

/// Takes out what has no purpose after an order of this group was cancelled: exits of an unfilled entry, slices.
pub fn sweep_orphans(
    user: &mut User,
    orders: &mut Orders,
    group: u32,
    now: Now,
    removed: &mut Vec<CancelledOrder>,
) -> Result<()> {
    for slot in 0..ORDERS_MAX {
        let order = orders.orders[slot];
        if order.order_id != 0 && group_of(&order) == group && is_dead(user, orders, &order, now) {
            removed.push(remove(user, orders, slot)?);
        }
    }
    Ok(())
}

/// Keeps the link of an order that is modified. An exit never grows by it: its lots are its entry's fills.
pub fn relink(old: &Order, new: &mut Order) -> Result<()> {
    let group = group_of(old);
    if group == 0 || old.kind == OrderKind::Twap as u8 {
        return Ok(());
    }
    require!(is_reduce_only(new) == is_reduce_only(old), EvertideError::GroupExitInvalid);
    require!(new.kind != OrderKind::Twap as u8, EvertideError::GroupKindForbidden);
    set_group(new, group);
    if is_reduce_only(old) {
        require_exit_kind(new)?;
        new.size_lots = new.size_lots.min(old.size_lots);
        if new.size_lots == 0 || is_dormant(new) {
            new.flags |= order_flags::DORMANT;
        }
    }
    Ok(())
}
