//! I-06 and I-16: what one match may do, judged from the orders before it and its event.
//!
//! The bug this catches: a fill worse than a limit, a skipped better maker among those named, a post-only order that
//! takes, lots or money that appear on one side only.

use serde_json::Value;

use super::{
    book::{phase_end_ms, Quote},
    kinds::{auction_start, shown_ticks},
    ladder::folded,
    Machine,
};
use crate::{
    exchange::market,
    state::{order_flags, Market, Order, OrderKind, TimeInForce},
    traders::Trader,
    world::World,
};

pub(super) fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_else(|| panic!("no number {key} in {value}"))
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// Size and cash of a position once it is folded; zeros when there is none.
pub(super) fn holding(world: &World, trader: &Trader, market_index: u16) -> (i64, i64) {
    let market = world.market(market_index);
    world.position(trader, market_index).map_or((0, 0), |position| folded(&position, &market))
}

impl Machine {
    pub(super) fn run_match(&mut self, market_index: u16, taker: &Quote, makers: &[Quote], die: u32) {
        let named: Vec<_> = makers.iter().map(|maker| (&self.traders[maker.owner], maker.order.order_id)).collect();
        let parties: Vec<usize> = makers.iter().map(|maker| maker.owner).chain([taker.owner]).collect();
        let keeper = self.keeper_for(&parties, die);
        let keeper_user = keeper.map(|row| &self.traders[row]);
        let call = self.world.match_orders_for(
            market_index,
            keeper_user,
            &self.traders[taker.owner],
            taker.order.order_id,
            &named,
        );
        let before = self.world.clone();
        if let Some(outcome) = self.attempt(&call) {
            let event = outcome.event("OrdersMatched");
            self.check_match(&before, market_index, taker, &event);
            self.note_fills(&before, Some((taker.owner, taker.order.order_id)), &event);
        }
    }

    /// A keeper's own account now and then.
    pub(super) fn keeper_for(&self, parties: &[usize], die: u32) -> Option<usize> {
        let mut free = self.living().into_iter().filter(|row| !parties.contains(row));
        if die.is_multiple_of(3) {
            free.next()
        } else {
            None
        }
    }

    fn check_match(&self, before: &World, market_index: u16, taker: &Quote, event: &Value) {
        assert!(!taker.is_post_only(), "I-16: a post-only order took: {event}");
        let fills = event["fills"].as_array().expect("fills");
        let self_trade = event["skips"].as_array().is_some_and(|skips| skips.iter().any(|skip| skip["reason"] == 9));
        assert!(!fills.is_empty() || self_trade, "I-16: a match that did nothing succeeded: {event}");
        let tick_value = before.read::<Market>(&market(market_index)).atoms_per_lot_tick as i64;
        let buys = if taker.is_ask() { -1 } else { 1 };
        let (mut lots, mut notional, mut fees) = (0, 0, 0);
        let mut last_rank = None;
        for fill in fills {
            let maker = self.check_fill(before, market_index, taker, fill, tick_value);
            assert!(last_rank <= Some(maker.rank()), "I-16: makers filled out of priority: {event}");
            last_rank = Some(maker.rank());
            lots += number(fill, "size_lots");
            notional += number(fill, "size_lots") * number(fill, "price_ticks") * tick_value;
            fees += number(fill, "taker_fee_atoms");
        }
        let remaining = number(event, "taker_remaining_lots");
        assert!(lots + remaining <= taker.order.size_lots as i64, "I-16: filled more than the size: {event}");
        if taker.order.time_in_force == TimeInForce::FillOrKill as u8 {
            assert_eq!(lots, taker.order.size_lots as i64, "I-16: FOK filled in part: {event}");
        }
        let owner = &self.traders[taker.owner];
        let (size, cash) = holding(before, owner, market_index);
        assert_eq!(size + buys * lots, number(event, "taker_position_lots_after"), "I-06: taker's base: {event}");
        let moved = number(event, "taker_cash_atoms_after") - cash + fees;
        assert_eq!(moved, -buys * notional, "I-06: the taker's quote is not the fills' notional: {event}");
        check_reduce_only(taker, size, buys * lots, event);
        self.check_state_matches(owner, market_index, event);
    }

    pub(super) fn check_fill(
        &self,
        before: &World,
        market_index: u16,
        taker: &Quote,
        fill: &Value,
        tick_value: i64,
    ) -> Quote {
        let owner = self.row_of(text(fill, "maker"));
        assert_ne!(owner, taker.owner, "I-16: a user traded with itself: {fill}");
        let trader = &self.traders[owner];
        let order_id = number(fill, "order_id") as u64;
        let order = before.order(trader, order_id).unwrap_or_else(|| panic!("I-16: maker order was not open: {fill}"));
        let market_before = before.market(market_index);
        let pegged = order.kind == OrderKind::Pegged as u8;
        let younger = taker.order.order_id != 0 && market_before.publish_time_ms > taker.order.placed_ms;
        assert!(!pegged || younger, "I-16: a pegged order filled at an index that its taker knew: {fill}");
        let order = Order { price_ticks: shown_ticks(&order, &market_before), ..order };
        let maker = Quote {
            owner,
            order,
            hash: evertide_math::priority::order_hash(order.placed_slot, &trader.orders.to_bytes(), order_id),
        };
        let price = number(fill, "price_ticks") as u64;
        let size = number(fill, "size_lots");
        assert_eq!(order.market_index, market_index, "I-16: maker of another market: {fill}");
        assert!(maker.is_ask() != taker.is_ask(), "I-16: maker on the taker's side: {fill}");
        assert!(maker.may_rest(), "I-16: an order that only takes was maker: {fill}");
        assert!(order.expiry_ms == 0 || order.expiry_ms > before.now_ms(), "I-16: expired maker filled: {fill}");
        assert_eq!(price, order.price_ticks, "I-16: not at the maker's price: {fill}");
        let within = super::book::crosses(taker, price);
        assert!(within || taker.order.price_ticks == 0, "I-16: worse than the taker's limit: {fill}");
        assert!(size > 0 && size as u64 <= order.size_lots, "I-16: more than the maker's size: {fill}");
        check_age(taker, &maker, before.now_ms(), fill);
        let state: Market = before.read(&market(market_index));
        check_phase_and_band(taker, price, &state, before.now_ms(), fill);
        let sells = if maker.is_ask() { -1 } else { 1 };
        let (held, cash) = holding(before, trader, market_index);
        let earlier = self.earlier_fills(market_index, trader, before);
        if earlier == 1 {
            let after = number(fill, "maker_position_lots_after");
            assert_eq!(held + sells * size, after, "I-06: maker's base: {fill}");
            let moved = number(fill, "maker_cash_atoms_after") - cash + number(fill, "maker_fee_atoms");
            assert_eq!(moved, -sells * size * price as i64 * tick_value, "I-06: maker's quote: {fill}");
            check_reduce_only(&maker, held, sells * size, fill);
        }
        maker
    }

    /// How many orders of this trader the match changed: with one, its event's values can be compared one to one.
    fn earlier_fills(&self, market_index: u16, trader: &Trader, before: &World) -> usize {
        let old = before.orders(trader).orders;
        let now = self.world.orders(trader).orders;
        let changed = |order: &&crate::state::Order| {
            order.market_index == market_index
                && order.order_id != 0
                && now.iter().find(|other| other.order_id == order.order_id) != Some(*order)
        };
        old.iter().filter(changed).count()
    }

    fn check_state_matches(&self, taker: &Trader, market_index: u16, event: &Value) {
        let (size, cash) = holding(&self.world, taker, market_index);
        assert_eq!(size, number(event, "taker_position_lots_after"), "the event's position is not the state's");
        assert_eq!(cash, number(event, "taker_cash_atoms_after"), "the event's cash is not the state's");
        let stored = self.world.market(market_index);
        assert_eq!(stored.pending_fees_atoms as i64, number(event, "pending_fees_atoms"));
        for side in 0..2 {
            assert_eq!(Some(stored.open_interest_lots[side]), event["open_interest_lots"][side].as_u64());
        }
    }
}

/// I-16: an order that must take now meets only orders of an earlier slot; of two that rest, the older is maker.
fn check_age(taker: &Quote, maker: &Quote, now_ms: i64, fill: &Value) {
    let taker_rests = taker.may_rest() && now_ms >= phase_end_ms(&taker.order);
    let age = |quote: &Quote| (quote.order.placed_slot, if taker_rests { quote.hash } else { 0 });
    assert!(age(maker) < age(taker), "I-16: the maker is not older: {fill}");
    let maker_rests = maker.is_post_only() || now_ms >= phase_end_ms(&maker.order);
    assert!(maker_rests, "I-16: a maker in its taker phase: {fill}");
}

/// I-16: in its phase a taker's limit runs from index +- 5 bps to its own; no fill is beyond twice the listed band.
pub(super) fn check_phase_and_band(taker: &Quote, price: u64, state: &Market, now_ms: i64, fill: &Value) {
    let index = ((state.index_price_q32 >> 32) / state.atoms_per_lot_tick) as i64;
    let (price, own) = (price as i64, taker.order.price_ticks as i64);
    let sign = if taker.is_ask() { -1 } else { 1 };
    let widest = index * 2 * i64::from(state.terms.band_bps) / 10_000 + 1;
    assert!((price - index).abs() <= widest, "I-16: {price} is outside the band around {index}: {fill}");
    let (elapsed, phase) = (now_ms - taker.order.placed_ms, i64::from(taker.order.taker_phase_s) * 1_000);
    if elapsed < phase && taker.order.kind != OrderKind::Market as u8 {
        let set = auction_start(&taker.order) as i64;
        let start = if set == 0 { index + sign * (index * 5 / 10_000 + 1) } else { set };
        let reach = (sign * (own - start)).max(0) * elapsed / phase + 1;
        let most = start + sign * reach;
        assert!(sign * (price - most) <= 0, "I-16: {price} is beyond the ramp at {most}: {fill}");
    }
}

fn check_reduce_only(quote: &Quote, held: i64, change: i64, event: &Value) {
    if quote.order.flags & order_flags::REDUCE_ONLY != 0 {
        let after = held + change;
        assert!(
            after.abs() <= held.abs() && (after == 0 || after.signum() == held.signum()),
            "I-10: reduce-only: {event}"
        );
    }
}
