//! Prices: small moves, crashes, and the keepers that publish and accrue.

use super::{
    ladder::{rung_of, standing},
    way_down::one_in,
    Machine, Rule, MARKETS,
};
use crate::{call::Call, exchange::Target, terms::PRICES};

/// Rows of this age serve every instruction for the seconds that a step takes, ms.
const FRESH_MS: i64 = 4_000;

impl Machine {
    pub(super) fn move_price(&mut self, dice: [u32; 4], most_bps: u64) {
        let index = dice[0] as usize % PRICES.len();
        let step = self.prices[index] * (u64::from(dice[1]) % (most_bps + 1)) / 10_000;
        let moved = if dice[2].is_multiple_of(2) { self.prices[index] + step } else { self.prices[index] - step };
        // Only a crash leaves this corridor, and then the price moves on from where it is.
        let (low, high) = (PRICES[index] * 85 / 100, PRICES[index] * 115 / 100);
        self.prices[index] = moved.clamp(low.min(self.prices[index]), high.max(self.prices[index]));
        self.publish(index);
    }

    /// Publishes the price of a market, SOL's as collateral too.
    pub(super) fn publish(&mut self, index: usize) {
        self.world.advance(1);
        let call = self.world.update_oracle(Target::Market(index as u16), self.prices[index]);
        self.attempt(&call);
        if index == 2 {
            let call = self.world.update_oracle(Target::Collateral(1), self.prices[index]);
            self.attempt(&call);
        }
    }

    /// Publishes and accrues what is traded and what is collateral after some seconds, as honest keepers do.
    pub(super) fn refresh_all(&mut self, seconds: i64) {
        self.world.advance(seconds.max(1));
        let mut calls = self.price_calls(|index| index < MARKETS);
        calls.extend((0..MARKETS).map(|index| self.world.accrue_market(index)));
        calls.push(self.world.accrue_debt());
        self.attempt_together(&calls);
    }

    /// As an honest keeper just before it needs the rows: publishes and accrues what is older than some seconds.
    pub(super) fn freshen(&mut self) {
        self.world.advance(1);
        let oldest_ms = self.world.now_ms() - FRESH_MS;
        let cache = self.world.cache();
        let fresh = |index: u16| {
            let market = self.world.market(index);
            market.publish_time_ms.min(market.accrued_ms) >= oldest_ms
        };
        if !(0..MARKETS).all(fresh) || cache.collaterals[1].publish_time_ms < oldest_ms {
            self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        }
    }

    /// Publishes the prices of what is traded and of what is collateral.
    pub(super) fn publish_all(&mut self) {
        let calls = self.price_calls(|index| index < MARKETS);
        self.attempt_together(&calls);
    }

    /// Prices of these markets, and SOL's as collateral.
    pub(super) fn price_calls(&self, wanted: impl Fn(u16) -> bool) -> Vec<Call> {
        let markets = (0..PRICES.len() as u16).filter(|index| wanted(*index));
        let markets = markets.map(|index| (Target::Market(index), self.prices[usize::from(index)]));
        let all = markets.chain([(Target::Collateral(1), self.prices[2])]);
        all.map(|(target, price)| self.world.update_oracle(target, price)).collect()
    }

    /// The price jumps: by 5 to 30 %, more often down, or to where the worst account is somewhere below maintenance.
    pub(super) fn crash(&mut self, dice: [u32; 4]) {
        let index = dice[0] as usize % PRICES.len();
        let step = self.prices[index] * (500 + u64::from(dice[1] % 2_501)) / 10_000;
        let moved = if dice[2].is_multiple_of(3) { self.prices[index] + step } else { self.prices[index] - step };
        let squeezed = if one_in(dice[2], 8, 3) { None } else { self.squeeze(dice[0], dice[1]) };
        let (index, moved) = squeezed.unwrap_or((index, moved));
        self.prices[index] = moved.clamp(PRICES[index] * 30 / 100, PRICES[index] * 3);
        self.publish(index);
        if !dice[3].is_multiple_of(4) {
            // Most crashes last: averages follow, and with them what a price that is too volatile forbids.
            let seconds = if one_in(dice[3], 8, 2) { 20 } else { 300 };
            for _ in 0..dice[3] % 4 {
                self.world.advance(seconds);
                self.publish_all();
            }
            self.refresh_all(seconds);
        }
    }

    /// Prices stay for so many times 300 s, and are accrued in the end.
    pub(super) fn let_averages_follow(&mut self, times: u32) {
        for _ in 0..times {
            self.world.advance(300);
            self.publish_all();
        }
        self.refresh_all(300);
    }

    /// Market and price, at most 30 % away, at which an account keeps a part of its maintenance requirement, or is below
    /// zero by up to three times as much.
    fn squeeze(&self, die: u32, level: u32) -> Option<(usize, u64)> {
        let row = self.target((die & !0xf0) | 0x10);
        let market_index = self.market_of(row, 1 << 13);
        let user = self.user(row);
        let (now, rung) = (standing(&self.world, &user), rung_of(&self.world, &user, market_index));
        if rung.size_lots == 0 {
            return None;
        }
        let at = usize::from(market_index);
        let part = i128::from(level % 100);
        let kept = now.maintenance * if one_in(level, 8, 2) { part } else { -3 * part } / 100;
        let price = i128::from(self.prices[at]);
        let notional = rung.notional.max(1) * i128::from(rung.size_lots.signum());
        let moved = price - (now.equity - kept) * price / notional;
        Some((at, moved.clamp(price * 70 / 100, price * 130 / 100) as u64))
    }
}
