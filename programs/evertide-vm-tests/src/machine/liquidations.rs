//! I-11: a liquidation acts only below maintenance, repairs no more than is open, charges no more than the caps and the
//! equity, and leaves the account better off or the position closed. Every number is computed again from the accounts.

use evertide_math::{bands::market_order_limit, AtomsPerLotTick, Bps, PriceQ32, Side};
use serde_json::Value;

use super::{
    book::Quote,
    ladder::{
        ceil, folded_user, notional_down, notional_up, rung_of, sale_price_q48, standing, value_down, Rung, Standing,
    },
    matches::{holding, number, text},
    Machine, TRADERS,
};
use crate::{
    state::{order_flags, Order, TimeInForce, User},
    world::World,
};

/// The account before a step, its position in the step's market folded.
pub(super) struct Case {
    pub user: User,
    pub standing: Standing,
    pub rung: Rung,
    pub mark_q32: u64,
    /// Liquidator's and insurance fee now, bps.
    pub fees_bps: [i128; 2],
    base_bps: i128,
    pub elapsed_ms: i128,
}

impl Case {
    pub(super) fn of(before: &World, user: &User, market_index: u16) -> Self {
        let market = before.market(market_index);
        let user = folded_user(user, &market);
        let elapsed_ms = i128::from(before.now_ms() - user.liquidation_start_ms).max(0);
        let base = i128::from(market.terms.liquidation_fee_bps);
        let risen = base + base * elapsed_ms.min(60_000) / 60_000;
        Self {
            standing: standing(before, &user),
            rung: rung_of(before, &user, market_index),
            mark_q32: before.cache().markets[usize::from(market_index)].mark_price_q32,
            base_bps: base,
            fees_bps: [risen, i128::from(market.terms.insurance_fee_bps)],
            elapsed_ms,
            user,
        }
    }

    /// A backstop that closes against orders pays no fee of a liquidation, whatever its age; its limit is the base fee's.
    fn make_ordinary(&mut self) {
        assert!(self.standing.equity >= 0, "I-11: a backstop closed below zero");
        self.fees_bps = [self.base_bps, 0];
    }

    /// Lots open to liquidation now, by the design's formula.
    fn open_lots(&self) -> i128 {
        let all = i128::from(self.rung.size_lots.unsigned_abs());
        let (missing, repaired) = (self.standing.shortage(), i128::from(self.user.liquidation_freed_atoms));
        let whole = missing + repaired;
        let small = whole < 50_000_000 || self.rung.notional < 100_000_000;
        let open = if small || self.standing.equity < self.standing.backstop {
            missing
        } else {
            let part = 2_000 + 8_000 * self.elapsed_ms.min(60_000) / 60_000;
            (ceil(whole * part, 10_000) - repaired).max(0)
        };
        let net = i128::from(self.rung.maintenance_bps) + 200 - self.fees_bps[0] - self.fees_bps[1];
        if net <= 0 {
            return all;
        }
        ceil((open * 10_000) << 32, i128::from(self.mark_q32) * net).min(all)
    }

    /// How much less than its rates a transfer was charged, because the equity did not reach.
    pub(super) fn saved(&self, event: &Value) -> i128 {
        let notional = notional_up(number(event, "size_lots"), self.mark_q32);
        let due = ceil(notional * (self.fees_bps[0] + self.fees_bps[1]), 10_000);
        due - i128::from(number(event, "liquidator_fee_atoms") + number(event, "insurance_fee_atoms"))
    }

    /// Below maintenance, begun, and not below zero.
    pub(super) fn check_open(&self, event: &Value) {
        let Standing { equity, maintenance, .. } = self.standing;
        assert_eq!(equity, number(event, "equity_atoms").into(), "I-11: equity recomputed: {event}");
        assert_eq!(maintenance, number(event, "requirement_atoms").into(), "I-11: requirement recomputed: {event}");
        assert!(equity < maintenance, "I-11: liquidated at {equity} of {maintenance}: {event}");
        assert!(equity >= 0, "I-11: liquidated below zero: {event}");
        assert_ne!(self.user.liquidation_start_ms, 0, "I-11: liquidated before its orders were void: {event}");
    }

    /// Better off or closed, not below zero, not past the target, progress counted, over when it is over. `gained`: what
    /// prices better than mark, and fees below their rates, repaired beside.
    pub(super) fn check_after(&self, world: &World, user: &User, market_index: u16, gained: i128, event: &Value) {
        let after = standing(world, user);
        let left = rung_of(world, user, market_index);
        assert!(after.equity >= 0, "I-11: a liquidation left {} of equity: {event}", after.equity);
        let better = after.excess() > self.standing.excess();
        assert!(left.size_lots == 0 || better, "I-11: health did not improve: {event}");
        if left.size_lots != 0 && left.maintenance_bps == self.rung.maintenance_bps {
            let buffer = ceil(after.notional * 200, 10_000);
            let lot = ceil(i128::from(self.mark_q32) * i128::from(left.maintenance_bps + 200), 10_000 << 32);
            let past = after.excess() - buffer - gained;
            assert!(past <= lot + 3, "I-11: {past} atoms past the target, a lot repairs {lot}: {event}");
        }
        let over = after.equity >= after.maintenance;
        assert_eq!(event["ended"].as_bool(), Some(over), "I-11: the liquidation's end: {event}");
        assert_eq!(user.liquidation_start_ms == 0, over, "I-11: the liquidation's start after its end: {event}");
        let repaired = (self.standing.shortage() - after.shortage()).max(0);
        let counted = if over { 0 } else { i128::from(self.user.liquidation_freed_atoms) + repaired };
        assert_eq!(i128::from(user.liquidation_freed_atoms), counted, "I-11: what was repaired: {event}");
    }
}

impl Machine {
    pub(super) fn check_orders_liquidated(&mut self, before: &World, row: usize, event: &Value) {
        let old = before.user(&self.traders[row]);
        let was = standing(before, &old);
        let user = self.user(row);
        assert_eq!(was.equity, number(event, "equity_atoms").into(), "I-11: equity recomputed: {event}");
        match number(event, "rung") {
            1 => {
                self.note("Seen: rung cancel");
                assert!(was.equity >= was.maintenance && was.equity < was.cancel, "I-11: cancelled too early: {event}");
                assert_eq!(user.liquidation_start_ms, 0, "I-11: cancelling is no liquidation: {event}");
            }
            2 => {
                self.note("Seen: rung void");
                assert!(was.equity < was.maintenance, "I-11: a liquidation began too early: {event}");
                let (cache, now_ms) = (before.cache(), before.now_ms());
                assert!(now_ms - cache.priced_ms <= 3_600_000, "F-10: it began in a silence: {event}");
                let in_grace = cache.resumed_ms != 0 && now_ms < cache.resumed_ms + 120_000;
                assert!(!in_grace || was.equity < was.backstop, "F-10: it began right after a silence: {event}");
                assert_eq!(user.liquidation_start_ms, self.world.now_ms(), "I-11: its start: {event}");
                assert_eq!(user.orders_epoch, self.world.orders(&self.traders[row]).next_order_id);
                let open = user.positions.iter().any(|position| position.open_order_count != 0);
                assert!(!open, "I-11: orders are left after all became void: {event}");
            }
            rung => {
                self.note("Seen: rung end");
                assert_eq!(rung, 3, "an unknown rung: {event}");
                assert!(was.equity >= was.maintenance, "I-11: a liquidation ended too early: {event}");
                assert_eq!(user.liquidation_start_ms, 0, "I-11: it did not end: {event}");
            }
        }
    }

    pub(super) fn check_position_liquidated(&mut self, before: &World, row: usize, liquidator: usize, event: &Value) {
        let market_index = number(event, "market_index") as u16;
        let case = Case::of(before, &before.user(&self.traders[row]), market_index);
        case.check_open(event);
        assert_ne!(self.traders[row].authority, self.traders[liquidator].authority, "I-11: liquidated itself: {event}");
        let lots = number(event, "size_lots");
        assert!(i128::from(lots.unsigned_abs()) <= case.open_lots(), "I-11: more than is open: {event}");
        self.check_transfer(before, row, liquidator, &case, 0, event);
        case.check_after(&self.world, &self.user(row), market_index, case.saved(event), event);
        let mut world = self.world.clone();
        let call = world.assert_health(self.traders[liquidator].user, 0, 0);
        world.ok(&call);
    }

    /// Lots and quote move one to one at mark, with fees within their rates and the equity.
    pub(super) fn check_transfer(
        &self,
        before: &World,
        row: usize,
        taker: usize,
        case: &Case,
        deleveraged: i64,
        event: &Value,
    ) {
        let market_index = number(event, "market_index") as u16;
        let (lots, price) = (number(event, "size_lots"), number(event, "price_q32") as u64);
        assert_eq!(price, case.mark_q32, "I-11: not at mark: {event}");
        assert!(lots == 0 || lots.signum() == case.rung.size_lots.signum(), "I-11: the wrong side moved: {event}");
        let sign = i128::from(case.rung.size_lots.signum());
        let worth = |lots: i64| if sign > 0 { notional_down(lots, price) } else { -notional_up(lots, price) };
        let plain = notional_down(lots, price);
        let [fee, insurance] =
            ["liquidator_fee_atoms", "insurance_fee_atoms"].map(|key| i128::from(number(event, key)));
        // What is left of the equity once the lots are gone: two floors may be an atom less than one.
        let (whole, kept) = (case.rung.size_lots, case.rung.size_lots - lots);
        let split = value_down(whole, price) - value_down(kept, price) - worth(lots);
        let equity = case.standing.equity - split;
        let most = (plain * case.fees_bps[0] / 10_000).min(equity);
        // Where there is no equity at all, whoever takes the lots pays the atom.
        assert_eq!(fee, most, "I-11: the liquidator's fee: {event}");
        let rest = (plain * case.fees_bps[1] / 10_000).min(equity.max(0) - fee.max(0));
        assert_eq!(insurance, rest, "I-11: the insurance fee: {event}");
        let (size, cash) = holding(&self.world, &self.traders[row], market_index);
        let (had, held) = (case.rung.size_lots, holding(before, &self.traders[row], market_index).1);
        let closed = lots + deleveraged * had.signum();
        assert_eq!(size, had - closed, "I-11: the user's lots: {event}");
        let paid = i128::from(cash - held) + fee + insurance;
        let due = worth(lots) + worth(deleveraged);
        assert!((paid - due).abs() <= i128::from(deleveraged != 0), "I-11: the user was paid {paid} of {due}: {event}");
        let (was, had) = holding(before, &self.traders[taker], market_index);
        let (now, has) = holding(&self.world, &self.traders[taker], market_index);
        // Deleveraging the other side may reach the taker too, if it stood there.
        if deleveraged == 0 {
            assert_eq!(now, was + lots, "I-11: the taker's lots: {event}");
            assert_eq!(i128::from(has - had), fee - worth(lots), "I-11: the taker's quote: {event}");
        }
    }

    pub(super) fn check_liquidation_matched(&mut self, before: &World, row: usize, event: &Value) {
        let market_index = number(event, "market_index") as u16;
        let mut case = Case::of(before, &before.user(&self.traders[row]), market_index);
        let ordinary = row == TRADERS + usize::from(market_index);
        if ordinary {
            self.note("Seen: a backstop closed against orders");
            case.make_ordinary();
        } else {
            case.check_open(event);
        }
        let market = before.market(market_index);
        let ask = case.rung.size_lots > 0;
        assert_eq!(event["ask"].as_bool(), Some(ask), "I-11: closed the wrong way: {event}");
        let taker = self.forced_taker(before, row, market_index, &case);
        let tick_value = market.atoms_per_lot_tick as i64;
        let (mut lots, mut notional, mut fees, mut last_rank) = (0, 0, 0, None);
        let tiers = before.exchange().terms;
        let tiers = &tiers.fee_tiers[..usize::from(tiers.fee_tier_count)];
        let taker_tenth_bps = tiers.iter().map(|tier| i128::from(tier.taker_fee_tenth_bps)).max().unwrap_or(0);
        for fill in event["fills"].as_array().expect("fills") {
            let maker = self.check_fill(before, market_index, &taker, fill, tick_value);
            let authority = self.traders[maker.owner].authority;
            assert_ne!(authority, self.traders[row].authority, "I-11: closed against itself: {event}");
            assert!(last_rank <= Some(maker.rank()), "I-16: makers filled out of priority: {event}");
            last_rank = Some(maker.rank());
            let part = number(fill, "size_lots") * number(fill, "price_ticks") * tick_value;
            let fee = number(fill, "taker_fee_atoms");
            let rate = if ordinary { taker_tenth_bps } else { case.fees_bps[0] * 10 };
            assert!(i128::from(fee) <= i128::from(part) * rate / 100_000 + 1, "I-11: the fee: {event}");
            lots += number(fill, "size_lots");
            notional += part;
            fees += fee;
        }
        let open = if ordinary { case.rung.size_lots.unsigned_abs().into() } else { case.open_lots() };
        assert!(i128::from(lots) <= open, "I-11: more than is open: {event}");
        let insurance = number(event, "insurance_fee_atoms");
        let most = i128::from(notional) * case.fees_bps[1] / 10_000;
        assert!(i128::from(insurance) <= most, "I-11: the insurance fee: {event}");
        let held = holding(before, &self.traders[row], market_index).1;
        let sign = if ask { 1 } else { -1 };
        let after = (number(event, "user_position_lots_after"), number(event, "user_cash_atoms_after"));
        let due = (case.rung.size_lots - sign * lots, held + sign * notional - fees - insurance);
        assert_eq!(after, due, "I-06: lots and quote of the closed position: {event}");
        assert_eq!(holding(&self.world, &self.traders[row], market_index), due, "the event is not the state: {event}");
        let at_mark = notional_down(lots, case.mark_q32);
        let better = i128::from(sign) * (i128::from(notional) - at_mark);
        let saved = at_mark * (case.fees_bps[0] + case.fees_bps[1]) / 10_000 - i128::from(fees + insurance);
        if ordinary {
            assert!(standing(&self.world, &self.user(row)).equity >= 0, "I-11: a backstop closed below zero: {event}");
            return;
        }
        case.check_after(&self.world, &self.user(row), market_index, better + saved + 2, event);
    }

    /// The order that a liquidation against the book would be.
    fn forced_taker(&self, before: &World, row: usize, market_index: u16, case: &Case) -> Quote {
        let market = before.market(market_index);
        let ask = case.rung.size_lots > 0;
        let side = if ask { Side::Ask } else { Side::Bid };
        let index = PriceQ32::new(market.index_price_q32).expect("a price");
        let fee = Bps::new(case.fees_bps[0] as u32).expect("a rate");
        let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).expect("a tick value");
        let limit = market_order_limit(side, index, fee, tick_value).expect("a limit");
        let order = Order {
            price_ticks: limit.get(),
            size_lots: case.rung.size_lots.unsigned_abs(),
            placed_slot: before.slot(),
            placed_ms: case.user.liquidation_start_ms,
            market_index,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            flags: order_flags::REDUCE_ONLY | if ask { order_flags::ASK } else { 0 },
            ..Order::default()
        };
        Quote { owner: row, order, hash: 0 }
    }

    /// Collateral of an account in liquidation, or of a debt older than an hour, for no more quote than it needs.
    pub(super) fn check_collateral_liquidated(&self, before: &World, row: usize, buyer: usize, event: &Value) {
        let old = before.user(&self.traders[row]);
        let was = standing(before, &old);
        assert_eq!(was.equity, number(event, "equity_atoms").into(), "I-11: equity recomputed: {event}");
        let forced = old.liquidation_start_ms != 0 && was.equity < was.maintenance;
        let cache_row = before.cache().collaterals[1];
        let age = before.now_ms() - old.debt_since_ms;
        let discount_bps = i128::from(before.collateral(1).terms.liquidation_discount_bps);
        let (need, most_bps, price) = if forced {
            let elapsed = i128::from(before.now_ms() - old.liquidation_start_ms).clamp(0, 60_000);
            (-(was.quote + was.losses), discount_bps * elapsed / 60_000, sale_price_q48(&cache_row, before.now_ms()))
        } else {
            assert!(old.quote_atoms < 0 && age >= 3_600_000, "I-11: collateral sold without a cause: {event}");
            (-was.quote, discount_bps * i128::from(age - 3_600_000).min(3_600_000) / 3_600_000, cache_row.price_q48)
        };
        let (amount, paid) = (i128::from(number(event, "amount_atoms")), i128::from(number(event, "paid_atoms")));
        assert_eq!(number(event, "discount_bps") as i128, most_bps, "I-11: the discount: {event}");
        assert_eq!(number(event, "price_q48") as u64, price, "I-11: the price of collateral: {event}");
        let cut = i128::from(price) * (10_000 - most_bps) / 10_000;
        assert_eq!(paid, ceil(amount * cut, 1 << 48), "I-11: collateral paid otherwise than at its price: {event}");
        assert!(((amount - 1) * cut) >> 48 < need, "I-11: more collateral sold than cures {need}: {event}");
        let (now, tokens) = (self.user(row), |user: &User| -> i128 {
            user.collaterals.iter().map(|slot| i128::from(slot.amount_atoms)).sum()
        });
        assert_eq!(i128::from(now.quote_atoms), was.quote + paid, "I-11: the seller's quote: {event}");
        assert_eq!(tokens(&old) - tokens(&now), amount, "I-11: the seller's tokens: {event}");
        let (had, has) = (before.user(&self.traders[buyer]), self.user(buyer));
        assert_eq!(
            i128::from(has.quote_atoms),
            standing(before, &had).quote - paid,
            "I-11: the buyer's quote: {event}"
        );
        assert_eq!(tokens(&has) - tokens(&had), amount, "I-11: the buyer's tokens: {event}");
        assert!(has.quote_atoms >= 0, "I-11: the buyer owes: {event}");
        let after = standing(&self.world, &now);
        assert!(
            after.equity >= was.equity,
            "I-11: a sale lowered equity from {} to {}: {event}",
            was.equity,
            after.equity
        );
    }

    /// The account that an event names.
    pub(super) fn row_in(&self, event: &Value, key: &str) -> usize {
        self.row_of(text(event, key))
    }
}
