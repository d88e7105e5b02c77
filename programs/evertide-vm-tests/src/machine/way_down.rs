//! The rules of the way down: leverage, crashes, and keepers of every kind who act against accounts in trouble.

use super::{
    book::Quote,
    ladder::{rung_of, standing, Rung},
    Machine, Rule, MARKETS, TRADERS,
};
use crate::{
    state::{OrderKind, TimeInForce},
    terms::{ticks, PRICES, USD},
    traders::{limit, post_only},
};

/// One die in `of` parts, none of which depends on the parts that others take.
pub(super) fn one_in(die: u32, shift: u32, of: u32) -> bool {
    (die >> shift).is_multiple_of(of)
}

impl Machine {
    /// Two traders open as much as the poorer one's margin carries, now and then after bringing more.
    pub(super) fn whale(&mut self, row: usize, dice: [u32; 4]) {
        let others: Vec<usize> = self.living().into_iter().filter(|other| *other != row).collect();
        let Some(&other) = others.get(dice[1] as usize % others.len().max(1)) else { return };
        let brought = [0, 0, 0, 5_000, 30_000, 150_000][(dice[2] >> 4) as usize % 6] * USD;
        if brought != 0 {
            self.acting(Rule::Deposit, |machine| machine.deposit(row, 0, brought));
            self.acting(Rule::Deposit, |machine| machine.deposit(other, 0, brought * 3 / 2));
        }
        self.freshen();
        let market_index = ((dice[1] >> 8) % u32::from(MARKETS)) as u16;
        let part = 60 + u64::from(dice[3] % 36);
        let lots = self.lots_within_margin(row, market_index, part);
        let lots = lots.min(self.lots_within_margin(other, market_index, 95));
        if lots == 0 {
            return;
        }
        let at = usize::from(market_index);
        let price_ticks = ticks(at, self.prices[at]);
        let buys = one_in(dice[2], 0, 2);
        let maker_id = self.world.orders(&self.traders[other]).next_order_id;
        let call = self.world.place_orders(&self.traders[other], &[post_only(market_index, buys, price_ticks, lots)]);
        if self.acting(Rule::Place, |machine| machine.attempt(&call)).is_none() {
            return;
        }
        self.world.advance_slots(1);
        let mut order = limit(market_index, !buys, price_ticks, lots);
        order.time_in_force = TimeInForce::ImmediateOrCancel as u8;
        let taker_id = self.world.orders(&self.traders[row]).next_order_id;
        let call = self.world.place_orders(&self.traders[row], &[order]);
        if self.acting(Rule::Place, |machine| machine.attempt(&call)).is_none() {
            return;
        }
        self.world.advance_slots(1);
        let quotes = self.quotes(market_index);
        let find = |owner: usize, id: u64| {
            quotes.iter().find(|quote| quote.owner == owner && quote.order.order_id == id).copied()
        };
        if let (Some(taker), Some(maker)) = (find(row, taker_id), find(other, maker_id)) {
            self.acting(Rule::Match, |machine| machine.run_match(market_index, &taker, &[maker], dice[3]));
            self.note("Seen: a whale's orders");
        }
    }

    /// Lots that a part (percent) of the account's equity opens at the initial ratio of all of it.
    fn lots_within_margin(&self, row: usize, market_index: u16, percent: u64) -> u64 {
        let user = self.user(row);
        let standing = standing(&self.world, &user);
        let free = (standing.equity - 2 * standing.maintenance).max(0) as u64 / 100 * percent;
        let row = self.world.cache().markets[usize::from(market_index)];
        let lot_atoms = (row.mark_price_q32 >> 32).max(1);
        let notional_usd = free / USD * 10;
        let ratio = |usd: u64| {
            let at = row.tier_bound_usd.iter().position(|bound| usd <= u64::from(*bound)).unwrap_or(3);
            u64::from(row.tier_ratio_bps[at])
        };
        free / ratio(notional_usd) * 10_000 / lot_atoms
    }

    /// Somebody to act against: one of the two worst off, by equity to maintenance margin, or anybody.
    pub(super) fn target(&self, die: u32) -> usize {
        let all = self.existing();
        let health = |row: &usize| {
            let user = self.user(*row);
            let now = standing(&self.world, &user);
            let at_stake = now.maintenance != 0 || now.equity < 0 || user.liquidation_start_ms != 0;
            at_stake.then(|| (now.equity * 10_000 / now.maintenance.max(1), *row))
        };
        let mut worst: Vec<(i128, usize)> = all.iter().filter_map(health).collect();
        worst.sort_unstable();
        worst.truncate(2);
        if worst.is_empty() || one_in(die, 4, 8) {
            return all[die as usize % all.len()];
        }
        worst[die as usize % worst.len()].1
    }

    /// A market to act in: that of the greatest position, or any.
    pub(super) fn market_of(&self, row: usize, die: u32) -> u16 {
        let user = self.user(row);
        let rungs = (0..MARKETS).map(|index| (rung_of(&self.world, &user, index).notional, index));
        match rungs.max() {
            Some((notional, index)) if notional != 0 && !one_in(die, 12, 5) => index,
            _ => (die % u32::from(MARKETS)) as u16,
        }
    }

    /// The price turns against somebody who is well, to where 2 to 98 % of the maintenance requirement is left, after the
    /// averages have come near enough for a liquidation to be allowed.
    fn trouble(&mut self, row: usize, market_index: u16, die: u32) {
        let user = self.user(row);
        let (now, rung) = (standing(&self.world, &user), rung_of(&self.world, &user, market_index));
        if now.excess() < 0 || rung.size_lots == 0 || one_in(die, 24, 3) {
            return;
        }
        self.acting(Rule::Refresh, |machine| machine.let_averages_follow(2));
        let at = usize::from(market_index);
        let price = i128::from(self.prices[at]);
        let kept = now.maintenance * i128::from(2 + die % 97) / 100;
        let notional = rung.notional.max(1) * i128::from(rung.size_lots.signum());
        let moved = (price - (now.equity - kept) * price / notional).clamp(price * 82 / 100, price * 118 / 100);
        self.prices[at] = (moved as u64).clamp(PRICES[at] * 30 / 100, PRICES[at] * 3);
        self.acting(Rule::Crash, |machine| machine.publish(at));
    }

    /// Fresh prices now and then a minute later, and the liquidation begun, as an honest keeper would.
    fn prepare(&mut self, row: usize, die: u32) {
        if !one_in(die, 16, 4) {
            let seconds = [1, 1, 5, 20, 65][(die >> 18) as usize % 5];
            self.acting(Rule::Refresh, |machine| machine.refresh_all(seconds));
        }
        if !one_in(die, 20, 5) && self.user(row).liquidation_start_ms == 0 {
            self.acting(Rule::LiquidateOrders, |machine| machine.void_orders(row));
        }
    }

    pub(super) fn liquidate_orders(&mut self, dice: [u32; 4]) {
        let row = self.target(dice[0]);
        self.void_orders(row);
    }

    pub(super) fn void_orders(&mut self, row: usize) {
        let before = self.world.clone();
        let call = self.world.liquidate_orders(&self.traders[row]);
        if let Some(outcome) = self.attempt(&call) {
            self.check_orders_liquidated(&before, row, &outcome.event("OrdersLiquidated"));
        }
    }

    /// Another trader takes over: all that is open, or a piece; sometimes it is the owner itself, or wants nothing.
    pub(super) fn liquidate_position(&mut self, dice: [u32; 4]) {
        let row = self.target(dice[0]);
        let market_index = self.market_of(row, dice[1]);
        self.trouble(row, market_index, dice[2]);
        self.prepare(row, dice[2]);
        let mut others = self.living();
        if !one_in(dice[3], 0, 12) {
            others.retain(|other| *other != row);
        }
        let Some(&liquidator) = others.get((dice[3] >> 4) as usize % others.len().max(1)) else { return };
        let lots = match (dice[3] >> 12) % 8 {
            0 => 0,
            1 | 2 => 1 + u64::from(dice[3] >> 16) % 500,
            _ => u64::MAX,
        };
        self.take_position(row, market_index, liquidator, lots);
    }

    pub(super) fn take_position(&mut self, row: usize, market_index: u16, liquidator: usize, lots: u64) -> bool {
        let before = self.world.clone();
        let (user, taker) = (&self.traders[row], &self.traders[liquidator]);
        let call = self.world.liquidate_position(market_index, user, taker, lots);
        let outcome = self.attempt(&call);
        if let Some(outcome) = &outcome {
            self.check_position_liquidated(&before, row, liquidator, &outcome.event("PositionLiquidated"));
        }
        outcome.is_some()
    }

    /// Against resting orders: the best ones, or whatever a hostile keeper names.
    pub(super) fn liquidate_with_orders(&mut self, dice: [u32; 4]) {
        let row = self.target(dice[0]);
        let market_index = self.market_of(row, dice[1]);
        self.trouble(row, market_index, dice[2]);
        let size = rung_of(&self.world, &self.user(row), market_index).size_lots;
        if !one_in(dice[3], 0, 4) && size != 0 {
            self.quote_for(row, market_index, size, dice);
        }
        self.prepare(row, dice[2]);
        self.world.advance_slots(1);
        let mut makers = self.quotes(market_index);
        let hostile = one_in(dice[3], 2, 4);
        if hostile {
            let turn = dice[3] as usize % makers.len().max(1);
            makers.rotate_left(turn);
            makers.truncate((dice[3] >> 8) as usize % 9);
        } else {
            let now_ms = self.world.now_ms();
            makers.retain(|maker| maker.owner != row && maker.is_ask() != (size > 0) && maker.may_rest());
            makers.retain(|maker| maker.is_post_only() || now_ms >= super::book::phase_end_ms(&maker.order));
            makers.sort_by_key(Quote::rank);
            makers.truncate(8);
            if makers.is_empty() {
                return;
            }
        }
        let lots = if one_in(dice[3], 14, 8) { u64::from(dice[3] >> 17) % 300 } else { u64::MAX };
        self.close_with_orders(row, market_index, &makers, lots, dice[3] >> 20);
    }

    /// Somebody offers to take the other side within the liquidation's limit.
    fn quote_for(&mut self, row: usize, market_index: u16, size: i64, dice: [u32; 4]) {
        let others: Vec<usize> = self.living().into_iter().filter(|other| *other != row).collect();
        let Some(&maker) = others.get((dice[3] >> 4) as usize % others.len().max(1)) else { return };
        let mut order = self.random_order(dice, 0);
        let at = usize::from(market_index);
        let center = ticks(at, self.prices[at]);
        let off = center * u64::from(dice[2] % 130) / 10_000;
        (order.market_index, order.ask, order.reduce_only) = (market_index, size < 0, false);
        (order.kind, order.client_order_id, order.taker_phase_s) = (OrderKind::Limit as u8, 0, 0);
        (order.time_in_force, order.expiry_ms) = (TimeInForce::PostOnly as u8, 0);
        order.price_ticks = if size > 0 { center - off } else { center + off };
        order.size_lots = order.size_lots.max(size.unsigned_abs() / 3).max(1);
        self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        let call = self.world.place_orders(&self.traders[maker], &[order]);
        self.acting(Rule::Place, |machine| machine.attempt(&call));
    }

    pub(super) fn close_with_orders(&mut self, row: usize, market_index: u16, makers: &[Quote], lots: u64, die: u32) {
        let parties: Vec<usize> = makers.iter().map(|maker| maker.owner).chain([row]).collect();
        let keeper = self.keeper_for(&parties, die);
        let named: Vec<_> = makers.iter().map(|maker| (&self.traders[maker.owner], maker.order.order_id)).collect();
        let keeper_user = keeper.map(|row| &self.traders[row]);
        let user = &self.traders[row];
        let call = self.world.liquidate_with_orders_for(market_index, keeper_user, user, lots, &named);
        let before = self.world.clone();
        if let Some(outcome) = self.attempt(&call) {
            let event = outcome.event("LiquidationMatched");
            self.check_liquidation_matched(&before, row, &event);
            self.note_fills(&before, None, &event);
        }
    }

    pub(super) fn liquidate_collateral(&mut self, dice: [u32; 4]) {
        let mut row = self.target(dice[0]);
        let debtors: Vec<usize> = self.living().into_iter().filter(|row| self.user(*row).quote_atoms < 0).collect();
        if one_in(dice[1], 0, 2) && !debtors.is_empty() {
            row = debtors[dice[0] as usize % debtors.len()];
            if one_in(dice[1], 4, 2) {
                // Past the hour of grace, and into the rise of the discount.
                self.world.advance(3_600 + i64::from(dice[1] >> 8) % 4_000);
                self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
            }
        }
        self.prepare(row, dice[2]);
        let mut others = self.living();
        if !one_in(dice[3], 0, 12) {
            others.retain(|other| *other != row);
        }
        let Some(&liquidator) = others.get((dice[3] >> 4) as usize % others.len().max(1)) else { return };
        let most = match (dice[3] >> 12) % 8 {
            0 => 0,
            1 | 2 => u64::from(dice[3]),
            _ => u64::MAX,
        };
        let asset = u16::from(!one_in(dice[3], 24, 16));
        self.buy_collateral(row, liquidator, asset, most);
    }

    pub(super) fn buy_collateral(&mut self, row: usize, liquidator: usize, asset: u16, most: u64) -> bool {
        let before = self.world.clone();
        let (user, buyer) = (&self.traders[row], &self.traders[liquidator]);
        let call = self.world.liquidate_collateral(asset, user, buyer, most);
        let outcome = self.attempt(&call);
        if let Some(outcome) = &outcome {
            self.movers.insert(liquidator);
            let event = outcome.event("CollateralLiquidated");
            let amount = event["amount_atoms"].as_i64().expect("an amount");
            self.flows[liquidator].bought += amount;
            self.flows[row].bought -= amount;
            self.check_collateral_liquidated(&before, row, liquidator, &event);
        }
        outcome.is_some()
    }

    pub(super) fn liquidate_to_backstop(&mut self, dice: [u32; 4]) {
        let row = self.target(dice[0]);
        let market_index = self.market_of(row, dice[1]);
        self.trouble(row, market_index, dice[2]);
        self.prepare(row, dice[2]);
        let other = (market_index + 1) % MARKETS;
        let wrong = one_in(dice[3], 0, 10).then(|| self.traders[TRADERS + usize::from(other)].user);
        self.hand_to_backstop(row, market_index, wrong);
    }

    pub(super) fn hand_to_backstop(
        &mut self,
        row: usize,
        market_index: u16,
        wrong: Option<solana_address::Address>,
    ) -> bool {
        let mut call = self.world.liquidate_to_backstop(market_index, &self.traders[row]);
        if let Some(address) = wrong {
            call = call.with("backstop", address);
        }
        let before = self.world.clone();
        let outcome = self.attempt(&call);
        if let Some(outcome) = &outcome {
            assert!(wrong.is_none(), "another market's backstop took a position");
            self.check_backstop(&before, row, market_index, &outcome.event("PositionLiquidated"));
        }
        outcome.is_some()
    }

    /// An honest keeper sells what collateral there is and resolves market by market; others try anything, twice.
    pub(super) fn resolve_bankruptcy(&mut self, dice: [u32; 4]) {
        let mut row = self.target(dice[0]);
        let below = |row: &usize| standing(&self.world, &self.user(*row)).equity < 0;
        if let (Some(found), false) = (self.existing().into_iter().find(below), one_in(dice[0], 8, 4)) {
            row = found;
        }
        self.prepare(row, dice[2]);
        if one_in(dice[1], 0, 4) {
            let market_index = (dice[1] >> 4) % (u32::from(MARKETS) + 1);
            for _ in 0..1 + dice[3] % 2 {
                self.resolve(row, market_index as u16);
            }
            return;
        }
        if one_in(dice[3], 0, 3) {
            // Latched before the collateral is sold.
            let market_index = self.market_of(row, dice[1]);
            self.resolve(row, market_index);
        }
        let buyers: Vec<usize> = self.living().into_iter().filter(|other| *other != row).collect();
        let user = self.user(row);
        if user.collateral_count != 0 && standing(&self.world, &user).equity < 0 && !buyers.is_empty() {
            let buyer = buyers[(dice[3] >> 4) as usize % buyers.len()];
            self.acting(Rule::LiquidateCollateral, |machine| machine.buy_collateral(row, buyer, 1, u64::MAX));
        }
        for market_index in 0..MARKETS {
            let part: Rung = rung_of(&self.world, &self.user(row), market_index);
            if part.size_lots != 0 || part.worth != 0 {
                self.resolve(row, market_index);
            }
        }
    }

    pub(super) fn resolve(&mut self, row: usize, market_index: u16) -> bool {
        let renewed = self.renewed(market_index);
        let call = self.world.resolve_bankruptcy(market_index, &self.traders[row]);
        let outcome = self.attempt(&call);
        if let Some(outcome) = &outcome {
            self.check_bankruptcy(&renewed, row, &outcome.event("BankruptcyResolved"));
        }
        outcome.is_some()
    }
}
