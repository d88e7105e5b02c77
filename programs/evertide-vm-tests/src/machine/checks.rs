//! The invariants that hold after every step.

use std::collections::BTreeSet;

use super::{is_backstop, kinds::is_commitment, ladder::folded, wakes::is_dead, Machine};
use crate::{
    exchange::vault,
    state::{order_flags, Market, Order, Orders, User},
};

/// How far a price's time may lie ahead of the chain's, ms.
const AHEAD_MS: i64 = 5_000;

impl Machine {
    /// All invariants.
    pub(super) fn check(&mut self) {
        let markets = self.markets();
        let users: Vec<(usize, User)> = self.existing().into_iter().map(|row| (row, self.user(row))).collect();
        self.note_drops(&markets);
        self.check_prices(&markets);
        self.check_changes(&markets, &users);
        self.check_conservation(&markets, &users);
        self.check_claims(&markets, &users);
        self.check_extraction(&users);
        self.check_shares();
        self.check_owed(&markets);
        for market in &markets {
            self.check_market(market, &users);
        }
        for (row, user) in &users {
            self.check_aggregates(*row, user);
        }
        self.check_sequences(&markets, &users);
        self.check_books(&markets, &users);
        self.check_shapes();
        self.check_terms(&markets);
        self.check_pause();
        let traders: Vec<_> = users.into_iter().filter(|(row, _)| !is_backstop(*row)).collect();
        self.check_round_trip(&traders);
    }

    /// I-01: each vault holds exactly what its claims add up to. Catches money made or lost anywhere.
    fn check_conservation(&self, markets: &[Market], users: &[(usize, User)]) {
        let quote = self.world.collateral(0);
        let queued = [self.queued(users, 0), self.queued(users, 1)];
        let balances: i128 = users.iter().map(|(_, user)| i128::from(user.quote_atoms)).sum();
        let balances = balances + i128::from(queued[0]);
        let pools: i128 = markets.iter().map(|market| i128::from(market.pool_atoms)).sum();
        let insurance = i128::from(self.world.insurance().balance_atoms);
        let held = i128::from(self.world.tokens(&vault(0)));
        let counted = i128::from(quote.dust_atoms) + i128::from(quote.interest_atoms);
        let claims = balances + pools + insurance + counted;
        assert_eq!(
            held, claims,
            "I-01: quote vault against users {balances} + pools {pools} + fund {insurance} + dust"
        );
        // I-07: totals of balances and debts; interest that a user has not yet met is in neither.
        let credits: u64 = users.iter().map(|(_, user)| user.quote_atoms.max(0).unsigned_abs()).sum();
        let debts: u64 = users.iter().map(|(_, user)| user.quote_atoms.min(0).unsigned_abs()).sum();
        let credits = credits + queued[0];
        assert_eq!((quote.total_atoms, quote.debt_atoms), (credits, debts), "I-07: quote totals against the users");
        let sol: u64 = users.iter().flat_map(|(_, user)| user.collaterals).map(|slot| slot.amount_atoms).sum();
        let sol = sol + queued[1];
        assert_eq!((quote.queued_atoms, self.world.collateral(1).queued_atoms), (queued[0], queued[1]), "I-07: queues");
        assert_eq!(self.world.tokens(&vault(1)), sol, "I-01: SOL vault against the users' slots");
        assert_eq!(self.world.collateral(1).total_atoms, sol, "I-07: the SOL total against the users' slots");
    }

    /// I-02: the vault and what debtors owe it cover every withdrawable balance at once, and debts stay within their cap
    /// and interest. Catches profit paid before losses were.
    fn check_claims(&self, markets: &[Market], users: &[(usize, User)]) {
        let cache = self.world.cache();
        let mut total: i128 = i128::from(self.world.insurance().balance_atoms);
        for (_, user) in users {
            let mut claim = i128::from(user.quote_atoms);
            for position in user.positions.iter().filter(|position| position.market_plus_one != 0) {
                let market = &markets[usize::from(position.market_plus_one - 1)];
                let (size, cash) = folded(position, market);
                let mark = i128::from(cache.markets[usize::from(market.index)].mark_price_q32);
                let value = ((i128::from(size) * mark) >> 32) + i128::from(cash);
                claim += value.min(0);
            }
            let waiting = if user.withdraw_index == 0 { i128::from(user.withdraw_atoms) } else { 0 };
            total += claim.max(0) + waiting;
        }
        let held = i128::from(self.world.tokens(&vault(0)));
        let owed: i128 = users.iter().map(|(_, user)| -i128::from(user.quote_atoms.min(0))).sum();
        assert!(total <= held + owed, "I-02: withdrawable claims {total} exceed the vault {held} and debts {owed}");
    }

    /// I-03: no coalition takes out more than it brought, what others lost, and what the fund paid. Singles and pairs.
    fn check_extraction(&self, users: &[(usize, User)]) {
        let net = |row: usize, asset: usize| {
            i128::from(self.flows[row].withdrawn[asset]) - i128::from(self.flows[row].deposited[asset])
        };
        let balance = |row: usize| {
            users.iter().find(|(other, _)| *other == row).map_or(0, |(_, user)| {
                let waiting = if user.withdraw_index == 0 { user.withdraw_atoms } else { 0 };
                i128::from(user.quote_atoms) + i128::from(waiting)
            })
        };
        let rows = 0..self.traders.len();
        for first in rows.clone() {
            let bought = i128::from(self.flows[first].bought);
            assert!(net(first, 1) <= bought, "I-03: {first} took out more SOL than it brought and bought");
            for second in first..self.traders.len() {
                let inside = |row: &usize| *row == first || *row == second;
                let taken: i128 = rows.clone().filter(inside).map(|row| net(row, 0)).sum();
                let lost: i128 = rows.clone().filter(|row| !inside(row)).map(|row| -net(row, 0) - balance(row)).sum();
                let fund = i128::from(self.world.insurance().paid_atoms);
                let kept: i128 = rows.clone().filter(inside).map(|row| balance(row).min(0)).sum();
                assert!(
                    taken + kept <= lost.max(0) + fund,
                    "I-03: {first} and {second} took {taken}, others lost {lost}"
                );
            }
        }
    }

    /// I-07, I-08: a user's counts and aggregates equal its order slots.
    fn check_aggregates(&self, row: usize, user: &User) {
        let orders = self.world.orders(&self.traders[row]);
        self.check_client_ids(row, user, &orders);
        let held = orders.orders.iter().filter(|order| order.order_id != 0);
        assert_eq!(usize::from(orders.order_count), held.clone().count(), "I-07: order count of {row}");
        // A liquidation voids orders by raising the epoch: they wait in their slots and count nowhere.
        let counts = |order: &&Order| order.order_id >= user.orders_epoch && !is_commitment(order);
        let open: Vec<_> = held.filter(counts).collect();
        let positions: Vec<_> = user.positions.iter().filter(|position| position.market_plus_one != 0).collect();
        assert_eq!(usize::from(user.position_count), positions.len(), "I-07: position count of {row}");
        let slots = user.collaterals.iter().filter(|slot| slot.collateral_index != 0).count();
        assert_eq!(usize::from(user.collateral_count), slots, "I-07: collateral count of {row}");
        for order in &open {
            let found = positions.iter().any(|position| position.market_plus_one == order.market_index + 1);
            assert!(found, "I-08: {row} has an order in market {} without a slot", order.market_index);
        }
        let counting = user.liquidation_start_ms != 0 || user.liquidation_freed_atoms == 0;
        assert!(counting, "I-11: {row} counts repairs without a liquidation");
        for position in positions {
            let here = open.iter().filter(|order| order.market_index + 1 == position.market_plus_one);
            let reduce_only = here.clone().filter(|order| order.flags & order_flags::REDUCE_ONLY != 0).count();
            assert_eq!(usize::from(position.open_order_count), here.clone().count(), "I-08: open orders of {row}");
            assert_eq!(usize::from(position.reduce_only_count), reduce_only, "I-08: reduce-only orders of {row}");
            let counted = |ask: bool| {
                let wanted = order_flags::COUNTED | if ask { order_flags::ASK } else { 0 };
                here.clone().filter(move |order| order.flags & (order_flags::COUNTED | order_flags::ASK) == wanted)
            };
            let lots = |ask: bool| counted(ask).map(|order| order.size_lots).sum::<u64>();
            assert_eq!(position.open_bid_lots, lots(false), "I-08: bid lots of {row}");
            assert_eq!(position.open_ask_lots, lots(true), "I-08: ask lots of {row}");
            let best_bid = counted(false).map(|order| order.price_ticks).max().unwrap_or(0);
            let best_ask = counted(true).map(|order| order.price_ticks).min().unwrap_or(0);
            assert!(position.max_bid_ticks >= best_bid, "I-08: highest bid of {row}");
            assert!(best_ask == 0 || (1..=best_ask).contains(&position.min_ask_ticks), "I-08: lowest ask of {row}");
            assert!(lots(false) != 0 || position.max_bid_ticks == 0, "I-08: an empty bid side keeps a price");
            assert!(lots(true) != 0 || position.min_ask_ticks == 0, "I-08: an empty ask side keeps a price");
        }
    }

    /// I-23: the time of a price never goes back and is not of the future.
    fn check_prices(&self, markets: &[Market]) {
        let latest_ms = self.world.now_ms() + AHEAD_MS;
        for (before, market) in self.last.markets.iter().zip(markets) {
            let range = before.publish_time_ms..=latest_ms;
            let time_ms = market.publish_time_ms;
            assert!(range.contains(&time_ms), "I-23: market {}: {time_ms} of {range:?}", market.index);
        }
    }

    /// I-17: a client's order id names one open order.
    fn check_client_ids(&self, row: usize, user: &User, orders: &Orders) {
        let (now_ms, slot) = (self.world.now_ms(), self.world.slot());
        let named = orders.orders.iter().filter(|order| order.client_order_id != 0);
        let mut seen = BTreeSet::new();
        for order in named.filter(|order| !is_dead(user, orders, order, now_ms, slot)) {
            let fresh = seen.insert(order.client_order_id);
            assert!(fresh, "I-17: two open orders of {row} have the client's id {}", order.client_order_id);
        }
    }
}
