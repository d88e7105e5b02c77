//! Orders that nobody sees at first or that somebody else sends: auctions, commitments, signatures.

use evertide_math::signed::SignedOrder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    book::{phase_end_ms, Quote},
    kinds::auction_start,
    matches::{holding, number},
    Machine, Rule,
};
use crate::{
    args::{encoded, OrderArgs},
    signed::Signatory,
    state::{OrderKind, TimeInForce},
    terms::ticks,
    traders::Trader,
    world::World,
};

/// Starts what a commitment hashes.
const COMMIT_TAG: &[u8] = b"evertide order commit\x01";
/// Name whose key the last three traders sign with; the others' keys are nobody's.
const SIGNATORY: &str = "machine signatory";

/// The trader that can sign: the owner of two sub-accounts.
pub(super) fn signatory() -> Signatory {
    Signatory::named(SIGNATORY)
}

impl Machine {
    /// A maker answers an order in its taker phase: at a price no worse than its limit now, or at a worse one.
    pub(super) fn auction(&mut self, row: usize, dice: [u32; 4]) {
        let market_index = self.random_order(dice, 2).market_index;
        if self.in_auction(market_index).is_empty() {
            self.freshen();
            self.place_kind(row, 12, dice);
        }
        self.world.advance(1);
        if !dice[3].is_multiple_of(8) {
            self.acting(Rule::Refresh, |machine| machine.publish(usize::from(market_index)));
        }
        let all = self.in_auction(market_index);
        let Some(taker) = all.get(dice[2] as usize % all.len().max(1)).copied() else { return };
        let living = self.living();
        let maker = living[(dice[3] >> 4) as usize % living.len()];
        let center = ticks(usize::from(market_index), self.prices[usize::from(market_index)]);
        let start = if auction_start(&taker.order) == 0 { center } else { auction_start(&taker.order) };
        let fair = if taker.is_ask() { center.max(start) } else { center.min(start) };
        let price = match (dice[3] >> 12) % 10 {
            0 => taker.order.price_ticks,
            1 => 0,
            2 if taker.is_ask() => fair - fair / 100,
            2 => fair + fair / 100,
            _ => fair,
        };
        let lots = if (dice[3] >> 16).is_multiple_of(9) { 0 } else { taker.order.size_lots / 2 + 1 };
        let (owner, answer) = (&self.traders[taker.owner], &self.traders[maker]);
        let call = self.world.fill_auction(market_index, owner, taker.order.order_id, answer, price, lots);
        let before = self.world.clone();
        if let Some(outcome) = self.attempt(&call) {
            let event = outcome.event("OrdersMatched");
            self.check_auction(&before, &taker, maker, price, lots, &event);
            self.note_fills(&before, Some((taker.owner, taker.order.order_id)), &event);
        }
    }

    fn in_auction(&self, market_index: u16) -> Vec<Quote> {
        let now_ms = self.world.now_ms();
        let mut all = self.quotes(market_index);
        all.retain(|quote| !quote.is_post_only() && now_ms < phase_end_ms(&quote.order));
        all
    }

    /// I-06 and I-16 for the one fill of an auction.
    fn check_auction(&self, before: &World, taker: &Quote, maker: usize, price: u64, most: u64, event: &Value) {
        let market_index = taker.order.market_index;
        assert_eq!(event["auction"].as_bool(), Some(true), "an auction says so: {event}");
        assert_ne!(self.traders[maker].authority, self.traders[taker.owner].authority, "answered itself: {event}");
        assert!(before.now_ms() < phase_end_ms(&taker.order), "I-16: answered after its phase: {event}");
        let fills = event["fills"].as_array().expect("fills");
        let [fill] = fills.as_slice() else { panic!("one fill an answer: {event}") };
        let lots = number(fill, "size_lots");
        assert_eq!(number(fill, "price_ticks") as u64, price, "I-16: the answer's price: {event}");
        assert!(lots as u64 <= most.min(taker.order.size_lots), "I-16: more than was asked or offered: {event}");
        let limit = number(event, "taker_limit_ticks") as u64;
        let fair = if taker.is_ask() { price >= limit } else { price <= limit };
        assert!(fair, "I-16: {price} is worse than the limit {limit}: {event}");
        super::matches::check_phase_and_band(taker, price, &before.market(market_index), before.now_ms(), fill);
        let sign = if taker.is_ask() { -1 } else { 1 };
        let notional = lots * price as i64 * before.market(market_index).atoms_per_lot_tick as i64;
        for (row, sign, fee) in [(taker.owner, sign, "taker_fee_atoms"), (maker, -sign, "maker_fee_atoms")] {
            let (held, cash) = holding(before, &self.traders[row], market_index);
            let now = holding(&self.world, &self.traders[row], market_index);
            let due = (held + sign * lots, cash - sign * notional - number(fill, fee));
            assert_eq!(now, due, "I-06: lots and quote of {row}: {event}");
        }
        let orders = |world: &World| world.orders(&self.traders[maker]).order_count;
        assert_eq!(orders(before), orders(&self.world), "an answer left an order: {event}");
    }

    /// A hidden order from its hash to its match, with everything that can go wrong on the way.
    pub(super) fn commit(&mut self, row: usize, dice: [u32; 4]) {
        self.freshen();
        let mut order = self.random_order(dice, 1);
        order.time_in_force =
            [TimeInForce::GoodTillCancelled, TimeInForce::ImmediateOrCancel][dice[1] as usize % 2] as u8;
        (order.expiry_ms, order.taker_phase_s) = (0, 0);
        if order.kind == OrderKind::Market as u8 {
            order.time_in_force = TimeInForce::ImmediateOrCancel as u8;
        } else {
            let at = usize::from(order.market_index);
            order.price_ticks = ticks(at, self.prices[at]) * if order.ask { 997 } else { 1_003 } / 1_000;
        }
        if !(dice[3] >> 3).is_multiple_of(4) {
            self.offer_to(row, order.market_index, order.ask, order.size_lots, dice[3] >> 12);
        }
        let salt = [dice[2] as u8; 32];
        let trader = self.traders[row].clone();
        let order_id = self.world.orders(&trader).next_order_id.max(self.user(row).orders_epoch).max(1);
        let call = self.world.commit_order(&trader, &hash_of(&trader, &order, &salt));
        if self.attempt(&call).is_none() {
            return;
        }
        self.check();
        match dice[3] % 12 {
            0 => self.world.advance(61),
            1 => self.world.advance_slots(40),
            _ => self.world.advance_slots(1 + u64::from(dice[3] >> 8) % 3),
        }
        let (mut said, mut salt, mut said_id) = (order.clone(), salt, order_id);
        match (dice[3] >> 20) % 12 {
            0 => said.size_lots += 1,
            1 => salt[31] ^= 1,
            2 => said_id = order_id.saturating_sub(1),
            _ => {}
        }
        self.bear(row, order_id, &["revealed"]);
        let call = self.world.reveal_order(&trader, said_id, &said, &salt);
        if self.attempt(&call).is_none() {
            return;
        }
        assert_eq!((&said, said_id), (&order, order_id), "what was revealed is not what was committed to");
        self.check_initial_margin(row, Some(&[said]));
        let placed = self.world.order(&trader, order_id).expect("a revealed order");
        assert_eq!(
            (placed.size_lots, placed.market_index),
            (order.size_lots, order.market_index),
            "the order revealed"
        );
        self.serve(row, order_id, order.market_index, dice[2] >> 8);
    }

    /// Orders that the owner of two sub-accounts signed: placed by anybody, once, within their window.
    pub(super) fn signed(&mut self, dice: [u32; 4]) {
        let signer = signatory();
        let own = |row: &usize| self.traders[*row].authority == signer.trader.authority;
        let rows: Vec<usize> = self.living().into_iter().filter(own).collect();
        let Some(&row) = rows.get(dice[0] as usize % rows.len().max(1)) else { return };
        let traders = self.traders.clone();
        let voice = |row: usize| Signatory { trader: traders[row].clone(), secret: signer.secret.clone() };
        if dice[1].is_multiple_of(5) {
            let nonce_ms = self.world.now_ms() + [0, 60_000, -5_000][(dice[1] >> 4) as usize % 3];
            let call = self.world.cancel_nonce(&self.traders[row], nonce_ms);
            if self.attempt(&call).is_some() && nonce_ms > self.world.orders(&self.traders[row]).nonce_base_ms {
                let used = self.world.orders(&self.traders[row]).nonce_window.contains(&(nonce_ms as u64));
                assert!(used, "a cancelled nonce of {row} is not used");
            }
            return;
        }
        self.freshen();
        let mut orders = vec![(voice(row), self.signed_order(dice, 0))];
        if rows.len() > 1 && (dice[1] >> 4).is_multiple_of(3) {
            let other = rows[(dice[0] as usize + 1) % rows.len()];
            orders.push((voice(other), self.signed_order(dice, 1)));
        }
        let (first, said) = (&orders[0].0, orders[0].1);
        if !(dice[3] >> 3).is_multiple_of(4) {
            self.offer_to(row, said.market_index, said.ask, said.size_lots, dice[3] >> 12);
        }
        let named: Vec<(&Signatory, SignedOrder)> = orders.iter().map(|(voice, order)| (voice, *order)).collect();
        let mut call = self.world.place_signed_orders(&named);
        if (dice[3] >> 20).is_multiple_of(10) {
            // Somebody else's account in the place of the one that was signed for.
            let other = self.another(row);
            let other = &self.traders[other];
            let verified = crate::signed::ed25519(&[first.row(first.message(&said))], crate::signed::ITSELF);
            call = self.world.place_verified(verified, &[(other, said.market_index)]);
        }
        let ids: Vec<u64> = orders.iter().map(|(voice, _)| self.world.orders(&voice.trader).next_order_id).collect();
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("SignedOrdersPlaced");
        let (order_id, at) = (ids[0], said.market_index);
        for ((voice, order), order_id) in orders.iter().zip(ids) {
            let placed = self.world.order(&voice.trader, order_id).unwrap_or_else(|| panic!("not placed: {event}"));
            assert_eq!((placed.size_lots, placed.market_index), (order.size_lots, order.market_index), "{event}");
            let row = self.row_of(&voice.trader.user.to_string());
            self.bear(row, order_id, &["signed"]);
            let window = self.world.orders(&voice.trader);
            let used = window.nonce_window.contains(&(order.nonce_ms as u64)) || order.nonce_ms <= window.nonce_base_ms;
            assert!(used, "the nonce of a placed order is not used: {event}");
        }
        let again = self.world.send(&call).is_err();
        assert!(again, "a signed order was placed twice: {event}");
        self.world.advance_slots(1);
        self.serve(row, order_id, at, dice[2] >> 8);
    }

    fn signed_order(&self, dice: [u32; 4], at: u32) -> SignedOrder {
        let plain = self.random_order(dice, at + 3);
        let center = ticks(usize::from(plain.market_index), self.prices[usize::from(plain.market_index)]);
        let price_ticks = center * if plain.ask { 998 } else { 1_002 } / 1_000;
        let size_lots = plain.size_lots;
        let mut order = self.world.signed_limit(plain.market_index, plain.ask, price_ticks, size_lots);
        order.nonce_ms -= i64::from(dice[2] >> at & 0x3ff);
        match (dice[3] >> 24) % 16 {
            0 => order.nonce_ms -= 120_000,
            1 => order.nonce_ms += 60_000,
            2 => order.window_s = [0, 301][(dice[3] >> 28) as usize % 2],
            3 => (order.kind, order.price_ticks) = (OrderKind::Market as u8, 0),
            4 => order.size_lots = 1 << 45,
            _ => {}
        }
        order
    }
}

/// What commit_order takes: the hash of an order for this account with its salt.
fn hash_of(trader: &Trader, order: &OrderArgs, salt: &[u8; 32]) -> [u8; 32] {
    let bytes = [COMMIT_TAG, trader.user.as_ref(), &encoded(order), salt].concat();
    Sha256::digest(bytes).into()
}
