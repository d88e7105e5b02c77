//! Orders beyond plain limit and market ones, as the machine sees them: what they show, when they fire, what a schedule
//! wants, and as what each one was placed, so that the fills of every kind are counted.

use evertide_math::{bands::pegged_ticks, AtomsPerLotTick, PriceQ32, Side};
use serde_json::Value;

use super::{
    ladder::closing_price,
    matches::{number, text},
    Machine,
};
use crate::{
    state::{
        order_flags, ConditionalTerms, Market, Order, OrderKind, PeggedTerms, PlainTerms, TriggerSource, TwapTerms,
    },
    world::World,
};

/// Every name under which `Machine::born` may know an order: a long run fills each of them.
pub const FILLED_KINDS: [&str; 16] = [
    "auction",
    "bracket entry",
    "bracket exit",
    "iceberg",
    "limit",
    "market",
    "one cancels the other",
    "pegged",
    "revealed",
    "scheduled",
    "signed",
    "stop-limit",
    "stop-market",
    "take-profit",
    "trailing stop",
    "TWAP slice",
];

pub fn is_ask(order: &Order) -> bool {
    order.flags & order_flags::ASK != 0
}

pub fn is_dormant(order: &Order) -> bool {
    order.flags & order_flags::DORMANT != 0
}

pub fn is_conditional(order: &Order) -> bool {
    (OrderKind::StopMarket as u8..=OrderKind::TrailingStop as u8).contains(&order.kind)
}

pub fn is_commitment(order: &Order) -> bool {
    order.kind == OrderKind::Commit as u8
}

pub fn conditional_terms(order: &Order) -> ConditionalTerms {
    bytemuck::cast(order.terms)
}

pub fn twap_terms(order: &Order) -> TwapTerms {
    bytemuck::cast(order.terms)
}

/// Start of a taker phase that the owner set, ticks; 0 = index +- 5 bps.
pub fn auction_start(order: &Order) -> u64 {
    if order.kind <= OrderKind::Market as u8 {
        bytemuck::cast::<_, PlainTerms>(order.terms).auction_start_ticks
    } else {
        0
    }
}

/// Price that an order shows now, ticks: of a pegged one the index, a bid's rounded down and an ask's up, plus its offset,
/// and never beyond its limit. 0: nothing that can be shown.
pub fn shown_ticks(order: &Order, market: &Market) -> u64 {
    if order.kind != OrderKind::Pegged as u8 {
        return order.price_ticks;
    }
    let terms: PeggedTerms = bytemuck::cast(order.terms);
    let (ask, limit) = (is_ask(order), order.price_ticks);
    let side = if ask { Side::Ask } else { Side::Bid };
    let index = PriceQ32::new(market.index_price_q32).expect("a price");
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).expect("a tick value");
    let Ok(ticks) = pegged_ticks(side, index, terms.offset_ticks, tick_value) else { return 0 };
    if ask {
        ticks.get().max(limit)
    } else {
        ticks.get().min(limit)
    }
}

/// Whether what a conditional order watches is at its trigger or beyond.
pub fn is_reached(order: &Order, market: &Market) -> bool {
    let terms = conditional_terms(order);
    let per_tick = u128::from(market.atoms_per_lot_tick) << 32;
    let trigger = u128::from(terms.trigger_ticks) * per_tick;
    let watched = if terms.source == TriggerSource::Last as u8 {
        u128::from(market.last_fill_ticks) * per_tick
    } else if terms.source == TriggerSource::Index as u8 {
        u128::from(market.index_price_q32)
    } else {
        u128::from(closing_price(market))
    };
    if fires_above(order) {
        watched >= trigger
    } else {
        watched <= trigger
    }
}

/// A take-profit that sells and a stop that buys wait for a rise.
pub fn fires_above(order: &Order) -> bool {
    let takes_profit = [OrderKind::TakeProfitMarket as u8, OrderKind::TakeProfitLimit as u8].contains(&order.kind);
    takes_profit == is_ask(order)
}

/// Interval of a parent now, from 1, and the lots that its schedule wants by then beyond what it filled.
pub fn slice_due(parent: &Order, now_ms: i64) -> (u64, u64) {
    let terms = twap_terms(parent);
    let count = u64::from(terms.slice_count);
    let gone = (now_ms - parent.placed_ms) as u64 / (1_000 * u64::from(terms.slice_interval_s));
    let number = (gone + 1).min(count);
    let total = parent.size_lots + parent.filled_lots;
    let wanted = (u128::from(total) * u128::from(number) / u128::from(count)) as u64;
    let due = wanted.saturating_sub(parent.filled_lots).min(3 * total.div_ceil(count)).min(parent.size_lots);
    (number, due)
}

impl Machine {
    /// Remembers as what orders were placed whose ids begin here.
    pub(super) fn bear(&mut self, row: usize, first: u64, labels: &[&'static str]) {
        for (order_id, label) in (first.max(1)..).zip(labels) {
            self.born.insert((row, order_id), label);
        }
    }

    /// As what an order was placed.
    fn label(&self, row: usize, order_id: u64, kind: u8) -> &'static str {
        let plain = if kind == OrderKind::Market as u8 { "market" } else { "limit" };
        self.born.get(&(row, order_id)).copied().unwrap_or(plain)
    }

    /// Counts what kinds of orders a match filled, makers and taker.
    pub(super) fn note_fills(&mut self, before: &World, taker: Option<(usize, u64)>, event: &Value) {
        let fills = event["fills"].as_array().expect("fills");
        let mut parties: Vec<(usize, u64)> =
            fills.iter().map(|fill| (self.row_of(text(fill, "maker")), number(fill, "order_id") as u64)).collect();
        parties.extend(taker.filter(|_| !fills.is_empty()));
        for (row, order_id) in parties {
            let kind = before.order(&self.traders[row], order_id).map_or(0, |order| order.kind);
            let label = self.label(row, order_id, kind);
            self.note(&format!("Fills: {label}"));
        }
    }
}
