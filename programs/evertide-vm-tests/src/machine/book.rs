//! The book as an honest keeper sees it, from the Orders accounts alone.

use evertide_math::priority::order_hash;

use super::{
    kinds::{is_dormant, shown_ticks},
    wakes::deadline_reached,
    Machine,
};
use crate::state::{order_flags, Order, OrderKind, TimeInForce, MATCH_DEADLINE_SLOTS};

/// An order with its owner's row.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    pub owner: usize,
    pub order: Order,
    /// Priority hash among orders of one price and slot.
    pub hash: u64,
}

impl Quote {
    pub fn is_ask(&self) -> bool {
        self.order.flags & order_flags::ASK != 0
    }

    /// Sort key of a maker: better price, earlier slot, lower hash.
    pub fn rank(&self) -> (u64, u64, u64) {
        let price = self.order.price_ticks;
        (if self.is_ask() { price } else { u64::MAX - price }, self.order.placed_slot, self.hash)
    }

    pub fn is_post_only(&self) -> bool {
        let kind = self.order.time_in_force;
        kind == TimeInForce::PostOnly as u8 || kind == TimeInForce::PostOnlySlide as u8
    }

    /// Good-till-cancelled or post-only limit: may rest as maker after its taker phase.
    pub fn may_rest(&self) -> bool {
        let good = self.order.time_in_force == TimeInForce::GoodTillCancelled as u8;
        let kinds = [OrderKind::Limit as u8, OrderKind::Pegged as u8, OrderKind::Iceberg as u8];
        kinds.contains(&self.order.kind) && !is_dormant(&self.order) && (good || self.is_post_only())
    }
}

impl Machine {
    /// Every order of a market that is alive and does not wait, whoever may match it, at the price that it shows now.
    pub fn quotes(&self, market_index: u16) -> Vec<Quote> {
        let (now_ms, slot) = (self.world.now_ms(), self.world.slot());
        let mut all = Vec::new();
        let market = self.world.market(market_index);
        for owner in self.living() {
            let trader = &self.traders[owner];
            let (epoch, orders) = (self.world.user(trader).orders_epoch, self.world.orders(trader));
            if deadline_reached(&orders, now_ms) {
                continue;
            }
            for order in orders.orders {
                let expired = order.expiry_ms != 0 && order.expiry_ms <= now_ms;
                let alive = order.order_id != 0 && order.order_id >= epoch && order.market_index == market_index;
                if !alive || expired || is_dormant(&order) {
                    continue;
                }
                let order = Order { price_ticks: shown_ticks(&order, &market), ..order };
                let hash = order_hash(order.placed_slot, &trader.orders.to_bytes(), order.order_id);
                let quote = Quote { owner, order, hash };
                if quote.may_rest() || slot <= order.placed_slot + MATCH_DEADLINE_SLOTS {
                    all.push(quote);
                }
            }
        }
        all
    }

    /// Makers that an honest keeper would name for this taker, in priority order, at most 8.
    pub fn makers_for(&self, quotes: &[Quote], taker: &Quote) -> Vec<Quote> {
        let now_ms = self.world.now_ms();
        let mut makers: Vec<Quote> = quotes
            .iter()
            .filter(|maker| maker.owner != taker.owner && maker.is_ask() != taker.is_ask() && maker.may_rest())
            .filter(|maker| maker.is_post_only() || now_ms >= phase_end_ms(&maker.order))
            .filter(|maker| maker.order.placed_slot < taker.order.placed_slot)
            .filter(|maker| crosses(taker, maker.order.price_ticks))
            .copied()
            .collect();
        makers.sort_by_key(Quote::rank);
        makers.truncate(8);
        makers
    }
}

/// End of an order's taker phase, unix ms.
pub fn phase_end_ms(order: &Order) -> i64 {
    order.placed_ms + i64::from(order.taker_phase_s) * 1_000
}

/// Whether the taker's own limit reaches this price.
pub fn crosses(taker: &Quote, price_ticks: u64) -> bool {
    if taker.is_ask() {
        price_ticks >= taker.order.price_ticks
    } else {
        price_ticks <= taker.order.price_ticks
    }
}
