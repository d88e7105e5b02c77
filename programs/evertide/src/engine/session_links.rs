//! What a fill does beyond its two orders: linked orders, icebergs, and the price of a pegged one.

use anchor_lang::prelude::*;
use evertide_math::oracle::{is_allowed, OracleAction};

use super::groups::{after_fill, GroupFill};
use super::iceberg::{refill, Water};
use super::kinds::effective_ticks;
use super::load::Pair;
use super::oracle::with_staleness;
use super::orders::is_reduce_only;
use super::session::Session;
use super::session_fill::Trade;
use crate::state::Order;

impl Session<'_> {
    /// Gives a pegged order its price of now. False: the index is not younger than the counterparty, so that nobody picks
    /// a stale one off, or the validity rules refuse pegged orders.
    pub(super) fn peg(&self, order: &mut Order) -> Result<bool> {
        let younger = self.state.taker.placed_ms.is_some_and(|placed_ms| self.market.publish_time_ms > placed_ms);
        let rules = &self.market.terms.oracle;
        let now_ms = self.rules.now.ms;
        let bits = with_staleness(self.market.validity, rules, self.market.publish_time_ms, now_ms);
        if !younger || !is_allowed(&rules.refused, OracleAction::PeggedOrder, bits) {
            return Ok(false);
        }
        let Some(price_ticks) = effective_ticks(order, self.market)? else {
            return Ok(false);
        };
        order.price_ticks = price_ticks;
        Ok(true)
    }

    /// Moves the orders that are linked with a maker's.
    pub(super) fn link_maker(&mut self, pair: &mut Pair, slot: usize, trade: &Trade, closed: bool) -> Result<()> {
        let fill = GroupFill {
            user: *pair.user.address(),
            slot,
            lots: trade.lots,
            price_ticks: trade.price_ticks,
            whole: closed || pair.orders.orders[slot].size_lots == 0,
        };
        after_fill(&mut pair.user, &mut pair.orders, &fill, self.rules.now, &mut self.state.outcome.linked)
    }

    /// Moves the orders that are linked with the taker's.
    pub(super) fn link_taker(&mut self, lots: u64, price_ticks: u64) -> Result<()> {
        let Some(orders) = self.taker_orders.as_mut() else {
            return Ok(());
        };
        let slot = self.state.order_slot;
        let order = &orders.orders[slot];
        let held_lots = self.taker_user.positions[self.state.position_slot].basis_lots;
        let whole = order.size_lots == 0 || (is_reduce_only(order) && held_lots == 0);
        let fill = GroupFill { user: self.taker_user_key, slot, lots, price_ticks, whole };
        after_fill(self.taker_user, orders, &fill, self.rules.now, &mut self.state.outcome.linked)
    }

    /// Displays the next part of a maker's iceberg.
    pub(super) fn refill_maker(&mut self, pair: &mut Pair, slot: usize, at: usize) -> Result<()> {
        let user = *pair.user.address();
        let water = Water { market: self.market, cache: self.cache, now: self.rules.now, position: at, user };
        refill(&mut pair.user, &mut pair.orders, slot, &water, &mut self.state.outcome.linked)
    }

    /// Displays the next part of the taker's iceberg.
    pub(super) fn refill_taker(&mut self) -> Result<()> {
        let Some(orders) = self.taker_orders.as_mut() else {
            return Ok(());
        };
        let water = Water {
            market: self.market,
            cache: self.cache,
            now: self.rules.now,
            position: self.state.position_slot,
            user: self.taker_user_key,
        };
        refill(self.taker_user, orders, self.state.order_slot, &water, &mut self.state.outcome.linked)
    }
}
