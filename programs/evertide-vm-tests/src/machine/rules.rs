//! What each rule does with its dice.

use super::{book::Quote, is_backstop, ladder::folded, Machine, Rule, Step, MARKETS};
use crate::{
    state::{OrderKind, TimeInForce},
    terms::{PRICES, SOL, USD},
};

impl Machine {
    pub(super) fn apply(&mut self, step: Step) {
        let dice = step.dice;
        let living = self.living();
        if living.is_empty() {
            return self.create_user(dice);
        }
        let row = living[dice[0] as usize % living.len()];
        match step.rule {
            Rule::Deposit => self.deposit(row, (dice[1] % 2) as u16, amount(dice)),
            Rule::Withdraw => {
                if self.withdraw(row, (dice[1] % 2) as u16, amount(dice)) {
                    self.check_initial_margin(row, None);
                }
            }
            Rule::Place => self.place(row, dice),
            Rule::Cancel => self.cancel(row, dice),
            Rule::Modify => self.modify(row, dice),
            Rule::Match => self.honest_match(dice),
            Rule::HostileMatch => self.hostile_match(dice),
            Rule::OracleMove => self.move_price(dice, 200),
            Rule::OracleGap => self.move_price(dice, 400),
            Rule::Refresh => self.refresh_all(i64::from(dice[0] % 3)),
            Rule::TimeWarp => self.world.advance([1, 5, 30, 120, 600, 3_600][dice[0] as usize % 6]),
            Rule::UpdateMark => self.show_evidence(dice),
            Rule::Accrue => self.accrue(dice),
            Rule::Settle => self.settle(row, dice),
            Rule::Touch => self.touch(row, dice),
            Rule::Limits => self.limits(row, dice),
            Rule::CollectFees => self.collect(dice),
            Rule::CloseUser => self.close(row),
            Rule::CreateUser => self.create_user(dice),
            Rule::Whale => self.whale(row, dice),
            Rule::Crash => self.crash(dice),
            Rule::LiquidateOrders => self.liquidate_orders(dice),
            Rule::LiquidatePosition => self.liquidate_position(dice),
            Rule::LiquidateWithOrders => self.liquidate_with_orders(dice),
            Rule::LiquidateCollateral => self.liquidate_collateral(dice),
            Rule::LiquidateToBackstop => self.liquidate_to_backstop(dice),
            Rule::ResolveBankruptcy => self.resolve_bankruptcy(dice),
            Rule::Donate => self.donate(row, dice),
            Rule::Read => self.read(row, dice),
            Rule::Fund => self.fund(row, dice),
            Rule::Transfer => self.transfer(row, dice),
            Rule::Delegate => self.delegate(row, dice),
            Rule::Steal => self.steal(row, dice),
            Rule::Roles => self.roles(dice),
            Rule::Stake => self.stake(row, dice),
            Rule::Unstake => self.unstake(row, dice),
            Rule::Queue => self.queue(row, dice),
            Rule::Change => self.change(dice),
            Rule::Reward => self.reward(row, dice),
            Rule::PlaceKind => self.place_wished(row, dice),
            Rule::Trigger => self.trigger(dice),
            Rule::Slice => self.slice(dice),
            Rule::Trail => self.trail(dice),
            Rule::Expire => self.expire(row, dice),
            Rule::DeadMan => self.dead_man(row, dice),
            Rule::Auction => self.auction(row, dice),
            Rule::Commit => self.commit(row, dice),
            Rule::Signed => self.signed(dice),
            Rule::Audit => self.audit(row, dice),
            Rule::Mangle => self.mangle(row, dice),
        }
    }

    /// Anybody may deposit for anybody, backstops included: what is given counts as lost.
    fn donate(&mut self, row: usize, dice: [u32; 4]) {
        let all = self.existing();
        let other = all[dice[1] as usize % all.len()];
        let (asset, given) = ((dice[2] % 2) as u16, 1 + u64::from(dice[3] % 2_000_000));
        self.give(row, other, asset, given);
    }

    pub(super) fn give(&mut self, row: usize, other: usize, asset: u16, given: u64) {
        let call = self.world.deposit(&self.traders[row], asset, given).with("user", self.traders[other].user);
        if self.attempt(&call).is_some() {
            self.flows[row].deposited[usize::from(asset)] += given;
            self.movers.extend([row, other]);
            if asset == 1 {
                self.flows[other].bought += given as i64;
                self.flows[row].bought -= given as i64;
            }
        }
    }

    fn honest_match(&mut self, dice: [u32; 4]) {
        let market_index = (dice[1] % u32::from(MARKETS)) as u16;
        self.world.advance_slots(1);
        if dice[3] & 0x3000 != 0 {
            self.cross(market_index, dice);
        }
        let quotes = self.quotes(market_index);
        let crossing: Vec<(Quote, Vec<Quote>)> = quotes
            .iter()
            .filter(|taker| !taker.is_post_only())
            .map(|taker| (*taker, self.makers_for(&quotes, taker)))
            .filter(|(_, makers)| !makers.is_empty())
            .collect();
        if let Some((taker, makers)) = crossing.get(dice[2] as usize % crossing.len().max(1)) {
            self.run_match(market_index, taker, makers, dice[3]);
        }
    }

    /// Some trader places an order that reaches a resting one of somebody else.
    fn cross(&mut self, market_index: u16, dice: [u32; 4]) {
        let mut resting = self.quotes(market_index);
        resting.retain(Quote::may_rest);
        let Some(maker) = resting.get(dice[2] as usize % resting.len().max(1)) else { return };
        let others: Vec<usize> = self.living().into_iter().filter(|row| *row != maker.owner).collect();
        let Some(&row) = others.get(dice[0] as usize % others.len().max(1)) else { return };
        let mut order = self.random_order(dice, 0);
        order.market_index = market_index;
        order.ask = !maker.is_ask();
        order.kind = OrderKind::Limit as u8;
        order.price_ticks = maker.order.price_ticks;
        order.client_order_id = 0;
        order.reduce_only = false;
        if order.time_in_force != TimeInForce::FillOrKill as u8 {
            order.time_in_force = TimeInForce::ImmediateOrCancel as u8;
            (order.taker_phase_s, order.expiry_ms) = (0, 0);
        }
        self.rule = Rule::Place;
        let call = self.world.place_orders(&self.traders[row], &[order]);
        self.attempt(&call);
        self.rule = Rule::Match;
        self.world.advance_slots(1);
    }

    /// Any taker against any makers: wrong side, wrong order, own orders, repeated orders, other markets.
    fn hostile_match(&mut self, dice: [u32; 4]) {
        let market_index = (dice[1] % u32::from(MARKETS)) as u16;
        let other = if dice[1] & 0x700 == 0 { (market_index + 1) % MARKETS } else { market_index };
        let (takers, mut makers) = (self.quotes(market_index), self.quotes(other));
        if takers.is_empty() || makers.is_empty() {
            return;
        }
        let taker = takers[dice[2] as usize % takers.len()];
        let turn = dice[3] as usize % makers.len();
        makers.rotate_left(turn);
        if dice[3] & 0x1000 != 0 {
            makers.sort_by_key(|maker| std::cmp::Reverse(maker.rank()));
        }
        if dice[3] & 0x2000 != 0 {
            makers.retain(|maker| maker.owner != taker.owner && maker.is_ask() != taker.is_ask());
        }
        if dice[3] & 0x4000 != 0 {
            makers = makers.iter().flat_map(|maker| [*maker, *maker]).collect();
        }
        makers.truncate(1 + dice[3] as usize % 9);
        self.run_match(market_index, &taker, &makers, dice[3]);
    }

    fn show_evidence(&mut self, dice: [u32; 4]) {
        let market_index = (dice[1] % u32::from(MARKETS)) as u16;
        if !dice[2].is_multiple_of(4) {
            self.world.advance_slots(10);
        }
        let mut quotes = self.quotes(market_index);
        quotes.retain(Quote::may_rest);
        quotes.sort_by_key(Quote::rank);
        let side = |ask: bool| -> Vec<_> {
            let side = quotes.iter().filter(|quote| quote.is_ask() == ask).take(4);
            side.map(|quote| (&self.traders[quote.owner], quote.order.order_id)).collect()
        };
        let bids = if dice[3].is_multiple_of(5) { Vec::new() } else { side(false) };
        let asks = if dice[3].is_multiple_of(7) { Vec::new() } else { side(true) };
        let call = self.world.update_mark(market_index, &bids, &asks);
        self.attempt(&call);
    }

    fn accrue(&mut self, dice: [u32; 4]) {
        let market_index = (dice[0] % PRICES.len() as u32) as u16;
        let call = self.world.accrue_market(market_index);
        if self.attempt(&call).is_some() {
            self.check_accrual_once(market_index);
        }
        let call = self.world.accrue_debt();
        self.attempt(&call);
    }

    /// Any position, or every second time the one with the greatest loss.
    fn settle(&mut self, row: usize, dice: [u32; 4]) {
        let loser = if dice[2] & 1 == 0 { None } else { self.greatest_loser() };
        let (row, market_index) = loser.unwrap_or((row, (dice[1] % u32::from(MARKETS)) as u16));
        let trader = &self.traders[row];
        // The owner signs now and then: while a deficit is open, only so is a profit paid.
        let signed = (dice[2] >> 4).is_multiple_of(3) && !is_backstop(row);
        let call = if signed {
            self.world.settle_own_pnl(trader, market_index)
        } else {
            self.world.settle_pnl(market_index, trader.user)
        };
        let before = self.world.clone();
        if let Some(outcome) = self.attempt(&call) {
            self.check_settlement(&before, row, market_index, signed, &outcome);
        }
    }

    fn greatest_loser(&self) -> Option<(usize, u16)> {
        let cache = self.world.cache();
        let value = |row: usize, market_index: u16| {
            let position = self.world.position(&self.traders[row], market_index)?;
            let (size, cash) = folded(&position, &self.world.market(market_index));
            let mark = i128::from(cache.markets[usize::from(market_index)].mark_price_q32);
            Some((((i128::from(size) * mark) >> 32) + i128::from(cash), row, market_index))
        };
        let rows = self.living().into_iter();
        let all = rows.flat_map(|row| (0..MARKETS).filter_map(move |market_index| value(row, market_index)));
        all.min().map(|(_, row, market_index)| (row, market_index))
    }

    fn touch(&mut self, row: usize, dice: [u32; 4]) {
        let market_index = (dice[1] % u32::from(MARKETS)) as u16;
        self.check_fold_order(market_index);
        self.fold(row, market_index);
    }

    /// Folding gives what the accounts say, unless the position closes because nobody is left against it.
    pub(super) fn fold(&mut self, row: usize, market_index: u16) {
        let trader = self.traders[row].clone();
        let before = self.world.position(&trader, market_index);
        let market = self.world.market(market_index);
        let call = self.world.touch_position(market_index, trader.user);
        if let (Some(outcome), Some(before)) = (self.attempt(&call), before) {
            let event = outcome.event("PositionTouched");
            let closed = event["closed_lots"].as_u64().expect("lots");
            let (size, cash) = folded(&before, &market);
            if closed == 0 {
                let after = (event["size_lots"].as_i64(), event["cash_atoms"].as_i64());
                assert_eq!(after, (Some(size), Some(cash)), "a fold is not what the accounts say: {event}");
            } else {
                self.note("Seen: a stranded position closed");
                let value = super::ladder::value_down(size, super::ladder::closing_price(&market)) as i64;
                assert_eq!(closed, size.unsigned_abs(), "closed otherwise than whole: {event}");
                assert_eq!(event["cash_atoms"].as_i64(), Some(cash + value), "not closed at the mark: {event}");
            }
        }
    }

    fn limits(&mut self, row: usize, dice: [u32; 4]) {
        let market_index = if dice[1].is_multiple_of(2) { u16::MAX } else { (dice[1] % u32::from(MARKETS)) as u16 };
        let ratio = |die: u32| [0, 0, 500, 2_000, 12_000][die as usize % 5];
        let cap = if dice[2].is_multiple_of(4) { 1_000_000 * USD } else { 0 };
        let call = self.world.set_limits(&self.traders[row], ratio(dice[2]), cap, market_index, ratio(dice[3]));
        self.attempt(&call);
    }

    fn collect(&mut self, dice: [u32; 4]) {
        let call = self.fees_call((dice[1] % u32::from(MARKETS)) as u16);
        self.attempt(&call);
    }

    fn close(&mut self, row: usize) {
        let trader = self.traders[row].clone();
        let call = self.world.close_user(&trader);
        if self.attempt(&call).is_some() {
            self.last_sequences.retain(|owner, _| !owner.belongs_to(row));
            self.born.retain(|(owner, _), _| *owner != row);
        }
    }
}

fn amount(dice: [u32; 4]) -> u64 {
    let unit = if dice[1].is_multiple_of(2) { USD } else { SOL / 10 };
    match dice[2] % 8 {
        0 => 0,
        1 => 1,
        2 => u64::from(dice[3]),
        3 => u64::MAX - u64::from(dice[3]),
        _ => u64::from(dice[3] % 5_000) * unit + u64::from(dice[2] % 1_000),
    }
}
