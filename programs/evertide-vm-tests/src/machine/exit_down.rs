//! The way down at the exit: whoever is in trouble is liquidated to the end, by an account that buys what is left.

use super::{
    book::Quote,
    is_backstop,
    ladder::{folded, rung_of, standing},
    Flow, Machine, Rule, MARKETS, TRADERS,
};
use crate::{
    terms::{ticks, PRICES, USD},
    traders::{post_only, Trader},
};

/// What the buyer at the exit brings.
const HOUSE_USD: u64 = 90_000_000;
/// Rounds after which a loop that must end has not.
const ROUNDS: usize = 400;

impl Machine {
    /// Row of the account that buys what is left.
    pub(super) fn house(&self) -> usize {
        TRADERS + PRICES.len()
    }

    pub(super) fn open_house(&mut self) {
        let trader = self.world.trader("machine house");
        self.traders.push(trader);
        self.flows.push(Flow::default());
        self.remember();
        self.acting(Rule::Deposit, |machine| machine.deposit(machine.house(), 0, HOUSE_USD * USD));
    }

    /// Until nobody is below maintenance and no liquidation is under way.
    pub(super) fn wind_down(&mut self) {
        for _ in 0..ROUNDS {
            let Some(row) = self.existing().into_iter().find(|row| self.is_going_down(*row)) else { return };
            self.push_down(row);
            self.check();
        }
        panic!("I-21: liquidations do not end");
    }

    fn is_going_down(&self, row: usize) -> bool {
        let user = self.user(row);
        user.liquidation_start_ms != 0 || standing(&self.world, &user).excess() < 0 || self.opened(row).is_some()
    }

    /// A market in which a bankruptcy of this account was detected and not yet resolved.
    fn opened(&self, row: usize) -> Option<u16> {
        let user = self.user(row);
        let open = user.positions.iter().find(|position| position.bankruptcy == 1);
        open.map(|position| position.market_plus_one - 1)
    }

    /// One step further for an account on its way down.
    fn push_down(&mut self, row: usize) {
        let user = self.user(row);
        let now = standing(&self.world, &user);
        if user.liquidation_start_ms == 0 && now.excess() < 0 {
            // Past the grace of a silence that an earlier step ended in.
            self.refresh_all(121);
            if standing(&self.world, &user).excess() >= 0 {
                return;
            }
            let call = self.world.liquidate_orders(&self.traders[row]);
            self.must(&call);
            return;
        }
        if let (Some(market_index), true) = (self.opened(row), now.equity >= 0) {
            let done = self.acting(Rule::ResolveBankruptcy, |machine| machine.resolve(row, market_index));
            assert!(done, "I-21: the latch of market {market_index} cannot be taken back");
            return;
        }
        if now.excess() >= 0 {
            let call = self.world.liquidate_orders(&self.traders[row]);
            self.must(&call);
            return;
        }
        self.refresh_all(61);
        let now = standing(&self.world, &user);
        if now.excess() >= 0 {
            return;
        }
        if now.equity >= 0 {
            self.hand_over(row);
        } else {
            self.bankrupt(row);
        }
    }

    /// To the buyer, and where its side only drains, to the backstop.
    fn hand_over(&mut self, row: usize) {
        let house = self.house();
        for market_index in 0..MARKETS {
            if rung_of(&self.world, &self.user(row), market_index).size_lots == 0 {
                continue;
            }
            let taken = self
                .acting(Rule::LiquidatePosition, |machine| machine.take_position(row, market_index, house, u64::MAX));
            if taken {
                return;
            }
        }
        for market_index in (0..MARKETS).filter(|_| !is_backstop(row)) {
            if rung_of(&self.world, &self.user(row), market_index).size_lots != 0 {
                let acted =
                    self.acting(Rule::LiquidateToBackstop, |machine| machine.hand_to_backstop(row, market_index, None));
                if acted {
                    return;
                }
            }
        }
        panic!("I-21: nobody can take the positions of {row}");
    }

    /// Collateral first, then market by market.
    fn bankrupt(&mut self, row: usize) {
        let house = self.house();
        if self.user(row).collateral_count != 0 {
            let sold =
                self.acting(Rule::LiquidateCollateral, |machine| machine.buy_collateral(row, house, 1, u64::MAX));
            assert!(sold, "I-21: collateral of a bankrupt account cannot be sold");
            return;
        }
        let done = (0..MARKETS)
            .any(|market_index| self.acting(Rule::ResolveBankruptcy, |machine| machine.resolve(row, market_index)));
        assert!(done, "I-21: a bankruptcy of {row} cannot be resolved: {:?}", standing(&self.world, &self.user(row)));
    }

    /// Folds everybody, and again where that closed somebody, so that whoever nobody is left against closes too.
    pub(super) fn touch_all(&mut self) {
        let counts = |machine: &Self| machine.markets().iter().map(|market| market.position_count).collect::<Vec<_>>();
        for _ in 0..2 {
            let before = counts(self);
            for row in self.existing() {
                for market_index in 0..MARKETS {
                    if self.world.position(&self.traders[row], market_index).is_some() {
                        self.acting(Rule::Touch, |machine| machine.fold(row, market_index));
                    }
                }
            }
            if counts(self) == before {
                break;
            }
        }
        self.check();
    }

    /// A backstop closes against orders at any health: the buyer offers all of it at the index.
    pub(super) fn close_backstop(&mut self, market_index: u16) {
        let (row, house) = (TRADERS + usize::from(market_index), self.house());
        for _ in 0..ROUNDS {
            let size = self.size_of(row, market_index);
            if size == 0 {
                return;
            }
            self.refresh_all(1);
            let at = usize::from(market_index);
            let price_ticks = ticks(at, self.prices[at]);
            let order = post_only(market_index, size < 0, price_ticks, size.unsigned_abs());
            let call = self.world.place_orders(&self.traders[house], &[order]);
            self.must(&call);
            self.world.advance_slots(1);
            let makers: Vec<Quote> =
                self.quotes(market_index).into_iter().filter(|quote| quote.owner == house).collect();
            self.acting(Rule::LiquidateWithOrders, |machine| {
                machine.close_with_orders(row, market_index, &makers, u64::MAX, 1);
            });
            let call = self.world.cancel_all(&self.traders[house]);
            drop(self.world.send(&call));
            self.check();
            self.wind_down();
        }
        panic!("I-21: the backstop of market {market_index} did not close");
    }

    /// Publishes until the averages have followed the prices.
    pub(super) fn settle_prices(&mut self) {
        for _ in 0..100 {
            self.world.advance(300);
            let restless: Vec<u16> = (0..PRICES.len() as u16).filter(|index| !self.is_calm(*index)).collect();
            let calls = self.price_calls(|index| restless.contains(&index));
            self.attempt_together(&calls);
            if (0..PRICES.len() as u16).all(|index| self.is_calm(index)) {
                self.refresh_all(1);
                return;
            }
        }
        let stuck = (0..PRICES.len() as u16).map(|index| {
            let market = self.world.market(index);
            (market.index_price_q32 >> 32, market.index_twap_q32 >> 32, market.cooldown_until_ms - self.world.now_ms())
        });
        panic!("I-21: averages do not follow the prices: {:?}", stuck.collect::<Vec<_>>());
    }

    /// Whether the average of a market's prices has come near its last one, and no breaker is open.
    fn is_calm(&self, index: u16) -> bool {
        let market = self.world.market(index);
        let (price, average) = (market.index_price_q32, market.index_twap_q32);
        let fresh = price != 0 && market.publish_time_ms + 3_600_000 > self.world.now_ms();
        fresh && price.abs_diff(average) <= price / 100 && market.cooldown_until_ms <= self.world.now_ms()
    }

    pub(super) fn size_of(&self, row: usize, market_index: u16) -> i64 {
        let market = self.world.market(market_index);
        let position = self.world.position(&self.traders[row], market_index);
        position.map_or(0, |position| folded(&position, &market).0)
    }

    /// Debtors: every second one is sold out after the hour of grace, the others bring what they owe. So does everybody
    /// with a loss that no debt room was left for. What a backstop with given collateral lacks, the buyer gives it.
    pub(super) fn cure_debts(&mut self) {
        let (house, rows) = (self.house(), self.existing());
        if rows.iter().any(|row| self.user(*row).quote_atoms < 0) {
            self.world.advance(2 * 3_600);
            self.settle_prices();
        }
        for row in rows {
            if row % 2 == 0 && self.user(row).quote_atoms < 0 && self.user(row).collateral_count != 0 {
                self.acting(Rule::LiquidateCollateral, |machine| machine.buy_collateral(row, house, 1, u64::MAX));
            }
            let user = self.user(row);
            let cash: i64 = user.positions.iter().map(|position| position.cash_atoms.min(0)).sum();
            let missing = -(standing(&self.world, &user).quote + i128::from(cash));
            if missing > 0 && is_backstop(row) {
                self.acting(Rule::Donate, |machine| machine.give(house, row, 0, missing as u64 + 1));
            } else if missing > 0 {
                self.acting(Rule::Deposit, |machine| machine.bring(row, missing as u64 + 1));
            }
        }
    }

    fn bring(&mut self, row: usize, amount_atoms: u64) {
        let trader: Trader = self.traders[row].clone();
        let held = self.world.tokens(&trader.tokens[1]);
        self.world.give_tokens(&trader, 100_000_000 * USD, held);
        self.deposit(row, 0, amount_atoms);
    }
}
