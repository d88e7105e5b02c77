//! I-21: from any state with a live oracle everyone cancels, closes, settles, withdraws and leaves.
//!
//! Liquidations under way are ended first, by a buyer with capital of its own; bankruptcies are resolved; backstops are
//! sold out when the price turns against them; positions that nobody is left against close by being touched. Then:
//!
//! * no market has open interest, a position, an open bankruptcy or a claim: its pool and recorded deficit are exactly
//!   pending fees and counted dust. Owners take the part of their profits that a short pool backs and give up the rest
//!   against the deficit, a backstop's profit repays it first, and what fractions of lots lost is borne by fees or
//!   recorded;
//! * every account closes, with all of its balance and collateral taken out;
//! * the SOL vault holds what somebody gave to a backstop, for which nobody can sign, and nothing else;
//! * the quote vault holds the fund, the pools, counted dust and interest.

use super::{is_backstop, Machine, Rule, MARKETS};
use crate::{
    args::OrderArgs,
    call::Call,
    exchange::vault,
    state::TimeInForce,
    terms::{ticks, PRICES},
    traders::{limit, Trader},
    world::{describe, Outcome},
};

impl Machine {
    /// Empties the exchange; the vault is left with the fund, uncollected fees and counted dust.
    pub fn exit(&mut self) {
        self.exiting = true;
        self.acting(Rule::Roles, |machine| machine.open_again(0));
        self.acting(Rule::Change, |machine| machine.drop_floor());
        self.rule = Rule::Refresh;
        self.empty_queues();
        self.open_house();
        // After a gap the fill band follows the TWAP: the index itself is inside it again within minutes.
        self.settle_prices();
        self.wind_down();
        self.end_deadlines();
        let rows = self.living();
        for &row in &rows {
            let call = self.world.set_limits(&self.traders[row], 0, 0, u16::MAX, 0);
            self.must(&call);
            if self.world.orders(&self.traders[row]).order_count != 0 {
                let call = self.world.cancel_all(&self.traders[row]);
                self.must(&call);
            }
        }
        for market_index in 0..MARKETS {
            self.clear_limits(market_index, &rows);
        }
        if let Some(index) = self.settled_at_exit() {
            self.settle_whole_market(index);
        }
        self.close_everything(&rows);
        self.settle_all(false);
        self.cure_debts();
        self.wind_down();
        self.settle_all(false);
        self.refresh_all(1);
        self.collect_all();
        self.settle_all(true);
        self.refresh_all(1);
        self.pay_everybody();
        self.collect_all();
        self.check();
        for &row in &rows {
            self.leave(row);
        }
        self.unstake_all();
        self.check_emptied();
    }

    /// Fees repay what is recorded, and the backstop's own profit goes to the fund.
    fn collect_all(&mut self) {
        for market_index in 0..PRICES.len() as u16 {
            let call = self.fees_call(market_index);
            self.acting(Rule::CollectFees, |machine| machine.attempt(&call));
        }
    }

    /// Until no market has a position: closing may bring somebody below maintenance, and prices move for backstops.
    fn close_everything(&mut self, rows: &[usize]) {
        for _ in 0..10 {
            for market_index in 0..MARKETS {
                self.close_positions(market_index, rows);
                self.touch_all();
                self.close_backstop(market_index);
                self.refresh_all(1);
            }
            self.wind_down();
            self.touch_all();
            let open = |index: u16| self.world.market(index).position_count != [0; 2];
            if !(0..MARKETS).any(open) {
                return;
            }
        }
        panic!("I-21: positions are left");
    }

    /// Sends a call that nothing may stop.
    pub(super) fn must(&mut self, call: &Call) {
        match self.world.send(call) {
            Ok(meta) => {
                self.roundings += 2 + call.remaining.len() as u64;
                let outcome = Outcome { meta };
                self.check_fits(std::slice::from_ref(call), &outcome);
                self.take_in(&outcome);
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

    fn sizes(&self, market_index: u16, rows: &[usize]) -> Vec<(usize, i64)> {
        rows.iter().map(|row| (*row, self.size_of(*row, market_index))).filter(|(_, size)| *size != 0).collect()
    }

    fn close_positions(&mut self, market_index: u16, rows: &[usize]) {
        let price_ticks = ticks(usize::from(market_index), self.prices[usize::from(market_index)]);
        for _ in 0..2 * rows.len() * rows.len() {
            let sizes = self.sizes(market_index, rows);
            let Some(((long, owned), (short, owed))) = self.closing_pair(&sizes) else { break };
            let lots = owned.min(-owed) as u64;
            let (seller, buyer): (Trader, Trader) = (self.traders[long].clone(), self.traders[short].clone());
            let goes_between = owned == i64::MAX;
            let reduce = |ask: bool, time_in_force: TimeInForce| {
                let mut order = limit(market_index, ask, price_ticks, lots);
                order.reduce_only = !(ask && goes_between);
                order.time_in_force = time_in_force as u8;
                order
            };
            let maker = self.place_one(&seller, reduce(true, TimeInForce::GoodTillCancelled));
            self.freshen();
            // An accrual may have closed lots of a side against fractions that folding dropped on the other.
            let short_of = !goes_between && self.size_of(long, market_index) < lots as i64;
            if short_of || self.size_of(short, market_index) > -(lots as i64) {
                let call = self.world.cancel_all(&seller);
                self.must(&call);
                continue;
            }
            let taker = self.place_one(&buyer, reduce(false, TimeInForce::ImmediateOrCancel));
            let call = self.world.match_orders(market_index, &buyer, taker, &[(&seller, maker)]);
            self.must(&call);
        }
    }

    /// A long and a short of different owners, who trade with each other. Where one owner holds all that is left, the buyer
    /// of the exit goes between: it sells to the short now, and buys from the long next.
    fn closing_pair(&self, sizes: &[(usize, i64)]) -> Option<((usize, i64), (usize, i64))> {
        let side = |long: bool| sizes.iter().copied().filter(move |(_, size)| *size != 0 && (*size > 0) == long);
        let owner = |row: usize| self.traders[row].authority;
        let pairs = side(true).flat_map(|held| side(false).map(move |owed| (held, owed)));
        let found = pairs.clone().find(|(held, owed)| owner(held.0) != owner(owed.0));
        found.or_else(|| pairs.clone().next().map(|(_, owed)| ((self.house(), i64::MAX), owed)))
    }

    /// Losers first, then winners, then once more for those whom the pool could not pay in full.
    fn settle_all(&mut self, by_owners: bool) {
        let rows = self.existing();
        for _ in 0..3 {
            for market_index in 0..MARKETS {
                let cash = |row: &usize| {
                    self.world.position(&self.traders[*row], market_index).map_or(0, |position| position.cash_atoms)
                };
                let mut order: Vec<(i64, usize)> = rows.iter().map(|row| (cash(row), *row)).collect();
                order.sort_unstable();
                for (_, row) in order.into_iter().filter(|(cash, _)| *cash != 0) {
                    let call = if by_owners && !is_backstop(row) {
                        self.world.settle_own_pnl(&self.traders[row], market_index)
                    } else {
                        self.world.settle_pnl(market_index, self.traders[row].user)
                    };
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
            assert!(self.take_out(row, 0, user.quote_atoms as u64), "I-21: {row} cannot withdraw its quote balance");
        }
        let sol: u64 = user.collaterals.iter().map(|slot| slot.amount_atoms).sum();
        if sol > 0 {
            assert!(self.take_out(row, 1, sol), "I-21: {row} cannot withdraw its SOL");
        }
        let call = self.world.close_user(&trader);
        self.must(&call);
    }

    fn take_out(&mut self, row: usize, asset: u16, amount_atoms: u64) -> bool {
        self.acting(Rule::Withdraw, |machine| machine.withdraw(row, asset, amount_atoms))
    }

    fn check_emptied(&mut self) {
        let given = self.existing().into_iter().flat_map(|row| self.user(row).collaterals);
        let given: u64 = given.map(|slot| slot.amount_atoms).sum();
        assert_eq!(
            self.world.tokens(&vault(1)),
            given,
            "I-21: SOL is left in its vault beside what backstops were given"
        );
        let insurance = self.world.insurance().balance_atoms;
        let quote = self.world.collateral(0);
        let dust = quote.dust_atoms + quote.interest_atoms;
        let mut pools = 0;
        for market in self.markets() {
            let index = market.index;
            assert_eq!(market.open_interest_lots, [0, 0], "I-21: open interest of market {index} is left");
            assert_eq!((market.position_count, market.stale_count), ([0; 2], [0; 2]), "I-21: positions are left");
            assert_eq!((market.bankruptcies_open, market.latch), (0, 0), "I-21: market {index} stays latched");
            pools += market.pool_atoms;
            let backed = market.pool_atoms as i64 + market.deficit_atoms as i64;
            let rest = backed - market.pending_fees_atoms as i64 - market.claims_atoms;
            assert_eq!(market.claims_atoms, 0, "I-21: claims on the pool of market {index} are left");
            assert_eq!(market.dust_atoms, rest, "I-21: the dust of market {index} is not counted");
            let lots = (self.drops[usize::from(index)] * self.highest[usize::from(index)]) as i64;
            let most = self.roundings as i64 + lots;
            assert!(
                (0..=most + lots).contains(&rest),
                "I-21: dust of {rest} in market {index}, at most {most} + {lots}"
            );
        }
        let users: i64 = self.existing().iter().map(|row| self.user(*row).quote_atoms).sum();
        let held = self.world.tokens(&vault(0)) as i64;
        assert_eq!(users, 0, "I-21: a backstop keeps its balance");
        assert_eq!(held, (insurance + pools + dust) as i64, "I-21: the vault against fund, pools and dust");
    }
}
