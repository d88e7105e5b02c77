//! What makes waiting orders live and dead ones leave: triggers, slices, trailing triggers, deadlines.
//!
//! The bugs these catch: an order that fires before its price or its time, more of a schedule than is due, a trigger that
//! moves against its owner, and a live order that somebody else takes out.

use serde_json::Value;

use super::{
    kinds::{
        conditional_terms, fires_above, is_ask, is_conditional, is_dormant, is_reached, shown_ticks, slice_due,
        twap_terms,
    },
    matches::number,
    Machine, Rule, MARKETS,
};
use crate::{
    state::{order_flags, Order, OrderKind, Orders, TimeInForce, User, MATCH_DEADLINE_SLOTS},
    terms::{ticks, PRICES},
    world::World,
};

/// Outcome of an order that woke.
const LIVE: i64 = 0;

impl Machine {
    /// Orders that wait, of everybody who is not in liquidation.
    fn dormant(&self, wanted: impl Fn(&Order) -> bool) -> Vec<(usize, Order)> {
        let now_ms = self.world.now_ms();
        let mut all = Vec::new();
        for row in self.living() {
            let (user, orders) = (self.user(row), self.world.orders(&self.traders[row]));
            if user.liquidation_start_ms != 0 || deadline_reached(&orders, now_ms) {
                continue;
            }
            let alive = |order: &Order| order.order_id != 0 && order.order_id >= user.orders_epoch;
            let kept = orders.orders.into_iter().filter(|order| alive(order) && is_dormant(order) && wanted(order));
            all.extend(kept.map(|order| (row, order)));
        }
        all
    }

    /// One that waits; where nobody has one, somebody places one first.
    fn some_dormant(&mut self, dice: [u32; 4], kind: u32, wanted: fn(&Order) -> bool) -> Option<(usize, Order)> {
        if self.dormant(wanted).is_empty() {
            let living = self.living();
            let row = living[dice[0] as usize % living.len()];
            self.freshen();
            self.place_kind(row, kind, dice);
        }
        let all = self.dormant(wanted);
        all.get(dice[2] as usize % all.len().max(1)).copied()
    }

    /// Fires an order that waits, mostly once its price or its time has come and somebody is there to meet it.
    pub(super) fn trigger(&mut self, dice: [u32; 4]) {
        let kind = [0, 1, 2, 3, 4, 13][dice[1] as usize % 6];
        let wanted = |order: &Order| order.kind != OrderKind::Twap as u8 && order.size_lots != 0;
        let Some((row, order)) = self.some_dormant(dice, kind, wanted) else { return };
        if !dice[3].is_multiple_of(6) {
            self.bring_due(&order, dice[3] >> 8);
        }
        if !(dice[3] >> 3).is_multiple_of(4) {
            self.freshen();
            self.offer_to(row, order.market_index, is_ask(&order), order.size_lots, dice[3] >> 12);
        }
        let (order_id, market_index) = self.stray(row, &order, dice[3] >> 16);
        let call = self.world.trigger_order(market_index, &self.traders[row], order_id);
        let before = self.world.clone();
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("OrderTriggered");
        let order = before.order(&self.traders[row], order_id).expect("what fired was there");
        self.check_woken(&before, row, &order, &event);
        if number(&event, "outcome") == LIVE {
            self.world.advance_slots(1);
            self.serve(row, order_id, market_index, dice[2] >> 8);
        }
    }

    /// The order's id and market; now and then another one's.
    fn stray(&self, row: usize, order: &Order, die: u32) -> (u64, u16) {
        let orders = self.world.orders(&self.traders[row]).orders;
        match die % 20 {
            0 => (order.order_id + 1_000_000, order.market_index),
            1 => (order.order_id, (order.market_index + 1) % MARKETS),
            2 => (orders[(die >> 5) as usize % orders.len()].order_id, order.market_index),
            _ => (order.order_id, order.market_index),
        }
    }

    /// Waits for the order's time, and moves the price to its trigger where that is near.
    fn bring_due(&mut self, order: &Order, die: u32) {
        let wait_ms = order.placed_ms - self.world.now_ms();
        if wait_ms > 0 {
            self.world.advance((wait_ms + 999) / 1_000);
        }
        let at = usize::from(order.market_index);
        if !is_conditional(order) {
            return;
        }
        let (trigger, center) = (conditional_terms(order).trigger_ticks, ticks(at, self.prices[at]));
        let beyond = trigger / 10_000 * u64::from(die % 6);
        let wanted = if fires_above(order) { trigger.saturating_add(beyond) } else { trigger.saturating_sub(beyond) };
        if wanted.abs_diff(center) > center / 20 {
            return;
        }
        let tick = self.prices[at] / center.max(1);
        self.prices[at] = (wanted * tick).clamp(PRICES[at] * 30 / 100, PRICES[at] * 3);
        self.acting(Rule::OracleMove, |machine| machine.publish(at));
        self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
    }

    /// It was due, and it is live as if it were placed now, or gone.
    fn check_woken(&mut self, before: &World, row: usize, order: &Order, event: &Value) {
        let market = before.market(order.market_index);
        assert!(order.placed_ms <= before.now_ms(), "woken before its time: {event}");
        assert!(order.size_lots != 0, "an exit woke before its entry: {event}");
        if is_conditional(order) {
            assert!(is_reached(order, &market), "fired before its price, index {}: {event}", market.index_price_q32);
        }
        let outcome = number(event, "outcome");
        self.note(&format!("Seen: woken with outcome {outcome}"));
        let now = self.world.order(&self.traders[row], order.order_id);
        if outcome != LIVE {
            assert_eq!(now, None, "an order that was cancelled as it woke stays: {event}");
            return;
        }
        let now = now.unwrap_or_else(|| panic!("a live order is gone: {event}"));
        assert!(!is_dormant(&now), "it is live and waits: {event}");
        let age = (before.slot(), before.now_ms());
        assert_eq!((now.placed_slot, now.placed_ms), age, "it is as old as its waiting: {event}");
        let reduces = order.flags & order_flags::REDUCE_ONLY != 0;
        assert!(now.size_lots == order.size_lots || (reduces && now.size_lots < order.size_lots), "its size: {event}");
        let counted = now.flags & order_flags::COUNTED != 0;
        assert_eq!(counted, !reduces, "I-08: what is live counts unless it reduces: {event}");
        assert!(now.price_ticks != 0 && shown_ticks(&now, &market) != 0, "live without a price: {event}");
    }

    /// The next slice of a schedule, with somebody to meet it.
    pub(super) fn slice(&mut self, dice: [u32; 4]) {
        let wanted = |order: &Order| order.kind == OrderKind::Twap as u8;
        let Some((row, parent)) = self.some_dormant(dice, 8, wanted) else { return };
        let terms = twap_terms(&parent);
        let now_ms = self.world.now_ms();
        let next_ms = parent.placed_ms + i64::from(terms.slices_done) * 1_000 * i64::from(terms.slice_interval_s);
        if !dice[3].is_multiple_of(6) && next_ms > now_ms {
            self.world.advance((next_ms - now_ms + 999) / 1_000);
        }
        if !(dice[3] >> 3).is_multiple_of(5) {
            self.freshen();
            self.offer_to(row, parent.market_index, is_ask(&parent), parent.size_lots, dice[3] >> 12);
        }
        let (order_id, market_index) = self.stray(row, &parent, dice[3] >> 16);
        let call = self.world.execute_slice(market_index, &self.traders[row], order_id);
        let before = self.world.clone();
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("SliceExecuted");
        let parent = before.order(&self.traders[row], order_id).expect("the parent was there");
        self.check_slice(&before, row, &parent, &event);
        if number(&event, "outcome") == LIVE {
            let slice_id = number(&event["order"], "order_id") as u64;
            self.bear(row, slice_id, &["TWAP slice"]);
            self.world.advance_slots(1);
            self.serve(row, slice_id, market_index, dice[2] >> 8);
        }
    }

    fn check_slice(&mut self, before: &World, row: usize, parent: &Order, event: &Value) {
        let (interval, due) = slice_due(parent, before.now_ms());
        assert_eq!(number(event, "slice_number") as u64, interval, "the interval: {event}");
        assert!(interval > u64::from(twap_terms(parent).slices_done), "two slices in an interval: {event}");
        let lots = number(&event["order"], "size_lots") as u64;
        let reduces = parent.flags & order_flags::REDUCE_ONLY != 0;
        assert!(lots == due || (reduces && lots < due), "{lots} lots of {due} due: {event}");
        let outcome = number(event, "outcome");
        self.note(&format!("Seen: a slice with outcome {outcome}"));
        let orders = self.world.orders(&self.traders[row]).orders;
        let of_parent = |order: &&Order| super::kinds::twap_terms(order).group == parent.order_id as u32;
        let slices = orders.iter().filter(|order| order.flags & order_flags::SLICE != 0).filter(of_parent).count();
        assert_eq!(slices, usize::from(outcome == LIVE), "slices of a parent at once: {event}");
        let parent = orders.iter().any(|order| order.order_id == parent.order_id);
        assert_eq!(parent, outcome == LIVE, "a parent lives as long as its slices: {event}");
    }

    /// A trailing stop follows a price that moved its owner's way.
    pub(super) fn trail(&mut self, dice: [u32; 4]) {
        let wanted = |order: &Order| order.kind == OrderKind::TrailingStop as u8;
        let Some((row, order)) = self.some_dormant(dice, 4, wanted) else { return };
        let at = usize::from(order.market_index);
        if !dice[3].is_multiple_of(5) {
            let step = self.prices[at] / 1_000 * (1 + u64::from(dice[3] >> 8) % 9);
            let moved = if is_ask(&order) { self.prices[at] + step } else { self.prices[at] - step };
            self.prices[at] = moved.clamp(PRICES[at] * 30 / 100, PRICES[at] * 3);
            self.acting(Rule::OracleMove, |machine| machine.publish(at));
            self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        }
        let (order_id, market_index) = self.stray(row, &order, dice[3] >> 16);
        let call = self.world.update_trailing(market_index, &self.traders[row], order_id);
        let before = self.world.order(&self.traders[row], order_id);
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("TrailingUpdated");
        let order = before.expect("what trailed was there");
        let (old, new) = (conditional_terms(&order), number(&event, "trigger_ticks") as u64);
        let market = self.world.market(order.market_index);
        let favour = if is_ask(&order) { new > old.trigger_ticks } else { new < old.trigger_ticks };
        assert!(favour, "a trigger of {} moved against its owner: {event}", old.trigger_ticks);
        if old.source == 1 {
            // Away from the price, so that it never fires early: an ask's down, a bid's up, in ticks and then in bps.
            let per_tick = u128::from(market.atoms_per_lot_tick) << 32;
            let (index, bps) = (u128::from(market.index_price_q32), u128::from(old.trail_bps));
            let due = if is_ask(&order) {
                index / per_tick * (10_000 - bps) / 10_000
            } else {
                (index.div_ceil(per_tick) * (10_000 + bps)).div_ceil(10_000)
            };
            assert_eq!(u128::from(new), due, "a trigger {bps} bps off {index}: {event}");
        }
    }

    /// Anybody takes dead orders out, and only dead ones.
    pub(super) fn expire(&mut self, row: usize, dice: [u32; 4]) {
        let now_ms = self.world.now_ms();
        let rows = self.living();
        let dead = rows.into_iter().find(|row| {
            let (user, orders) = (self.user(*row), self.world.orders(&self.traders[*row]));
            orders.orders.iter().any(|order| is_dead(&user, &orders, order, now_ms, self.world.slot()))
        });
        let row = dead.filter(|_| !dice[1].is_multiple_of(5)).unwrap_or(row);
        let (user, orders) = (self.user(row), self.world.orders(&self.traders[row]));
        let call = self.world.expire_orders(&self.traders[row]);
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("OrdersExpired");
        self.check_removed(&user, &orders, &event);
    }

    /// What was taken out was dead, or only there for one that was, and nothing dead by itself is left.
    fn check_removed(&mut self, user: &User, orders: &Orders, event: &Value) {
        let (now_ms, slot) = (self.world.now_ms(), self.world.slot());
        for removed in event["orders"].as_array().expect("orders") {
            let order_id = number(removed, "order_id") as u64;
            let order = orders.orders.iter().find(|order| order.order_id == order_id).expect("it was there");
            let linked = super::kinds::twap_terms(order).group != 0;
            assert!(linked || is_dead(user, orders, order, now_ms, slot), "{order_id} was alive: {event}");
        }
        let row = self.row_in(event, "user");
        let left = self.world.orders(&self.traders[row]);
        let dead = left.orders.iter().find(|order| is_dead(user, orders, order, now_ms, slot));
        assert_eq!(dead, None, "a dead order is left: {event}");
    }

    /// An owner sets its dead-man's deadline, moves it, or ends it.
    pub(super) fn dead_man(&mut self, row: usize, dice: [u32; 4]) {
        let now_ms = self.world.now_ms();
        let deadline_ms = match dice[1] % 6 {
            0 => now_ms,
            1 | 2 => 0,
            3 => now_ms + 3_000,
            _ => now_ms + 1_000 * i64::from(1 + dice[2] % 600),
        };
        let (user, orders) = (self.user(row), self.world.orders(&self.traders[row]));
        let call = self.world.cancel_all_after(&self.traders[row], deadline_ms);
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("CancelAllAfterSet");
        let after = self.world.orders(&self.traders[row]);
        assert_eq!(after.cancel_all_after_ms, deadline_ms, "the deadline: {event}");
        if deadline_reached(&orders, now_ms) {
            self.note("Seen: a dead-man's deadline that had passed");
            assert_eq!(after.order_count, 0, "what the deadline killed is left: {event}");
        }
        if event["orders"].as_array().is_some_and(|removed| !removed.is_empty()) {
            self.check_removed(&user, &orders, &event);
        }
    }

    /// Whoever let its dead-man's deadline pass says that it is alive.
    pub(super) fn end_deadlines(&mut self) {
        for row in self.living() {
            if self.world.orders(&self.traders[row]).cancel_all_after_ms != 0 {
                let call = self.world.cancel_all_after(&self.traders[row], 0);
                self.must(&call);
            }
        }
    }
}

/// Whether the dead-man's deadline of these orders has come.
pub fn deadline_reached(orders: &Orders, now_ms: i64) -> bool {
    orders.cancel_all_after_ms != 0 && now_ms >= orders.cancel_all_after_ms
}

/// Whether an order can do nothing any more, whatever happens to those that it is linked with.
pub(super) fn is_dead(user: &User, orders: &Orders, order: &Order, now_ms: i64, slot: u64) -> bool {
    if order.order_id == 0 {
        return false;
    }
    let immediate = order.kind == OrderKind::Market as u8
        || [TimeInForce::ImmediateOrCancel as u8, TimeInForce::FillOrKill as u8].contains(&order.time_in_force);
    let late = immediate && !is_dormant(order) && slot > order.placed_slot + MATCH_DEADLINE_SLOTS;
    let expired = order.expiry_ms != 0 && now_ms >= order.expiry_ms;
    late || expired || order.order_id < user.orders_epoch || deadline_reached(orders, now_ms)
}
