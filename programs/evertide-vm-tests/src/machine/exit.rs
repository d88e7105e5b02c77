//! I-21: from any state with a live oracle everyone cancels, closes, settles, withdraws and leaves.

use super::{checks::folded, Machine, Rule, MARKETS};
use crate::{
    args::OrderArgs,
    call::Call,
    exchange::vault,
    state::TimeInForce,
    terms::{ticks, SOL, USD},
    traders::{limit, Trader},
    world::{describe, Outcome},
};

impl Machine {
    /// Empties the exchange; the vault is left with the fund, uncollected fees and counted dust.
    pub fn exit(&mut self) {
        self.rule = Rule::Refresh;
        // After a gap the fill band follows the TWAP: the index itself is inside it again within minutes.
        for _ in 0..10 {
            self.refresh_all(60);
        }
        let rows = self.living();
        for &row in &rows {
            let call = self.world.set_limits(&self.traders[row], 0, 0, u16::MAX, 0);
            self.must(&call);
            if self.world.orders(&self.traders[row]).order_count != 0 {
                let call = self.world.cancel_all(&self.traders[row]);
                self.must(&call);
            }
            self.rescue(row);
        }
        for market_index in 0..MARKETS {
            self.clear_limits(market_index, &rows);
            self.close_positions(market_index, &rows);
            self.refresh_all(1);
        }
        self.settle_all(&rows);
        for &row in &rows {
            self.leave(row);
        }
        self.check_emptied();
    }

    /// Sends a call that nothing may stop.
    fn must(&mut self, call: &Call) {
        match self.world.send(call) {
            Ok(meta) => {
                self.roundings += 2 + call.remaining.len() as u64;
                self.check_event_sequences(&Outcome { meta });
            }
            Err(failed) => {
                panic!("I-21: {} was refused with {}\n{}", call.name, describe(&failed), failed.meta.logs.join("\n"))
            }
        }
    }

    fn place_one(&mut self, trader: &Trader, order: OrderArgs) -> u64 {
        let order_id = self.world.orders(trader).next_order_id;
        let call = self.world.place_orders(trader, &[order]);
        self.must(&call);
        order_id
    }

    fn clear_limits(&mut self, market_index: u16, rows: &[usize]) {
        for &row in rows {
            if self
                .world
                .position(&self.traders[row], market_index)
                .is_some_and(|position| position.user_ratio_bps != 0)
            {
                let call = self.world.set_limits(&self.traders[row], 0, 0, market_index, 0);
                self.must(&call);
            }
        }
    }

    /// An owner brings what its losses need: this machine has no liquidation that would.
    fn rescue(&mut self, row: usize) {
        let trader = self.traders[row].clone();
        self.world.give_tokens(&trader, 100_000_000 * USD, 100_000 * SOL);
        self.deposit(row, 0, 1_000_000 * USD);
    }

    fn sizes(&self, market_index: u16, rows: &[usize]) -> Vec<(usize, i64)> {
        let market = self.world.market(market_index);
        let size = |row: &usize| {
            let position = self.world.position(&self.traders[*row], market_index);
            (*row, position.map_or(0, |position| folded(&position, &market).0))
        };
        rows.iter().map(size).filter(|(_, size)| *size != 0).collect()
    }

    fn close_positions(&mut self, market_index: u16, rows: &[usize]) {
        let price_ticks = ticks(usize::from(market_index), self.prices[usize::from(market_index)]);
        for _ in 0..rows.len() * rows.len() {
            let sizes = self.sizes(market_index, rows);
            let long = sizes.iter().find(|(_, size)| *size > 0);
            let short = sizes.iter().find(|(_, size)| *size < 0);
            let (Some(&(long, owned)), Some(&(short, owed))) = (long, short) else { break };
            let lots = owned.min(-owed) as u64;
            let (seller, buyer): (Trader, Trader) = (self.traders[long].clone(), self.traders[short].clone());
            let reduce = |ask: bool, time_in_force: TimeInForce| {
                let mut order = limit(market_index, ask, price_ticks, lots);
                order.reduce_only = true;
                order.time_in_force = time_in_force as u8;
                order
            };
            let maker = self.place_one(&seller, reduce(true, TimeInForce::GoodTillCancelled));
            self.refresh_all(1);
            let taker = self.place_one(&buyer, reduce(false, TimeInForce::ImmediateOrCancel));
            let call = self.world.match_orders(market_index, &buyer, taker, &[(&seller, maker)]);
            self.must(&call);
        }
        let left = self.sizes(market_index, rows);
        assert!(left.is_empty(), "I-21: positions of market {market_index} did not close: {left:?}");
    }

    /// Losers first, then winners, then once more for those whom the pool could not pay in full.
    fn settle_all(&mut self, rows: &[usize]) {
        for _ in 0..3 {
            for market_index in 0..MARKETS {
                let cash = |row: &usize| {
                    self.world.position(&self.traders[*row], market_index).map_or(0, |position| position.cash_atoms)
                };
                let mut order: Vec<(i64, usize)> = rows.iter().map(|row| (cash(row), *row)).collect();
                order.sort_unstable();
                for (_, row) in order.into_iter().filter(|(cash, _)| *cash != 0) {
                    let call = self.world.settle_pnl(market_index, self.traders[row].user);
                    self.must(&call);
                }
            }
        }
    }

    fn leave(&mut self, row: usize) {
        let trader = self.traders[row].clone();
        for index in 0..MARKETS {
            let cash = self.world.position(&trader, index).map_or(0, |position| position.cash_atoms);
            assert_eq!(cash, 0, "I-21: {row} keeps unsettled cash in market {index}");
        }
        let user = self.world.user(&trader);
        assert!(user.quote_atoms >= 0, "I-21: {row} leaves with a debt of {}", user.quote_atoms);
        if user.quote_atoms > 0 {
            assert!(self.withdraw(row, 0, user.quote_atoms as u64), "I-21: {row} cannot withdraw its quote balance");
        }
        let sol: u64 = user.collaterals.iter().map(|slot| slot.amount_atoms).sum();
        if sol > 0 {
            assert!(self.withdraw(row, 1, sol), "I-21: {row} cannot withdraw its SOL");
        }
        let call = self.world.close_user(&trader);
        self.must(&call);
    }

    fn check_emptied(&mut self) {
        assert_eq!(self.world.tokens(&vault(1)), 0, "I-21: SOL is left in its vault");
        let insurance = self.world.insurance().balance_atoms;
        let quote = self.world.collateral(0);
        let dust = quote.dust_atoms + quote.interest_atoms;
        let (mut pools, mut fees) = (0, 0);
        for market in self.markets() {
            assert_eq!(market.open_interest_lots, [0, 0], "I-21: open interest is left");
            pools += market.pool_atoms;
            fees += market.pending_fees_atoms;
            let rest = market.pool_atoms as i64 - market.pending_fees_atoms as i64;
            assert_eq!(market.claims_atoms, 0, "I-21: claims on the pool of market {} are left", market.index);
            assert_eq!(market.dust_atoms, rest, "I-21: the dust of market {} is not counted", market.index);
        }
        let held = self.world.tokens(&vault(0));
        assert_eq!(held, insurance + pools + dust, "I-21: the vault against fund, pools and dust");
        assert!(pools >= fees, "I-15: pools of {pools} owe fees of {fees}");
        let folding = pools - fees;
        assert!(folding <= self.roundings, "I-21: {folding} atoms of dust from at most {} roundings", self.roundings);
    }
}
