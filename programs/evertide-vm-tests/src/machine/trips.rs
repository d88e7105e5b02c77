//! I-15 and I-19 on clones: round trips gain nothing, the order of folding does not matter, time is charged once.

use super::{
    ladder::{closing_price, folded, value_down},
    Machine,
};
use crate::{
    args::OrderArgs,
    exchange::market,
    state::{Market, User},
    terms::USD,
    traders::{post_only, Trader},
    world::World,
};

/// A step in so many is followed by a round trip.
const TRIP_STEPS: usize = 7;

impl Machine {
    /// I-19: deposit then withdraw gives back the same; place then cancel leaves the user as it was. One of them, of one
    /// user, after every seventh step or so, by turns.
    pub(super) fn check_round_trip(&self, users: &[(usize, User)]) {
        let (turn, count) = (self.roundings as usize, users.len().max(1));
        if !turn.is_multiple_of(TRIP_STEPS) {
            return;
        }
        let turn = turn / TRIP_STEPS;
        let Some((row, before)) = users.get(turn % count) else { return };
        let (trader, mut world) = (&self.traders[*row], self.world.clone());
        if (turn / count).is_multiple_of(2) {
            deposit_and_withdraw(&mut world, trader, before);
        } else {
            place_and_cancel(&mut world, trader, before);
        }
    }

    /// Placing that adds exposure, and withdrawing, leave the user at initial margin (I-10), by the program's own assertion.
    pub(super) fn check_initial_margin(&self, row: usize, placed: Option<&[OrderArgs]>) {
        if placed.is_some_and(|orders| orders.iter().all(|order| order.reduce_only)) {
            return;
        }
        let mut world = self.world.clone();
        let call = world.assert_health(self.traders[row].user, 0, 0);
        world.ok(&call);
    }

    /// I-15: accruing again at the same time charges nothing.
    pub(super) fn check_accrual_once(&self, market_index: u16) {
        let mut world = self.world.clone();
        let before: Market = world.market(market_index);
        let call = world.accrue_market(market_index);
        world.ok(&call);
        let after: Market = world.market(market_index);
        assert_eq!(before.j, after.j, "I-15: the same interval was charged twice");
    }

    /// I-15: the order in which users are folded does not matter. Twice around, because a position that nobody is left
    /// against closes only once the last of the other side has been folded; how often each was touched differs by that.
    ///
    /// Exact while no fold drops a fraction of a lot. Where one does, whole lots of such fractions close on the other
    /// side in between, so that who is folded first may keep a lot more: what everybody is worth at mark stays the same
    /// to the fractions' roundings, and sizes to two lots and the part that the market may hold.
    pub(super) fn check_fold_order(&self, market_index: u16) {
        let rows = self.existing();
        let fold_all = |order: Vec<usize>| -> (World, Vec<User>) {
            let mut world = self.world.clone();
            let holds = |row: &&usize| self.world.position(&self.traders[**row], market_index).is_some();
            for row in order.iter().chain(&order).filter(holds) {
                let call = world.touch_position(market_index, self.traders[*row].user);
                drop(world.send(&call));
            }
            let users = rows.iter().map(|row| User { sequence: 0, ..world.user(&self.traders[*row]) }).collect();
            (world, users)
        };
        let (forward, ahead) = fold_all(rows.clone());
        let (backward, behind) = fold_all(rows.iter().rev().copied().collect());
        let (first, second): (Market, Market) =
            (forward.read(&market(market_index)), backward.read(&market(market_index)));
        let whole = |state: &Market| state.dropped_q16 == [0; 2] && state.a == self.world.market(market_index).a;
        if whole(&first) && whole(&second) {
            assert_eq!(ahead, behind, "I-15: users differ by the order of folding");
            let comparable = |state: Market| Market { event_hash: 0, sequence: 0, ..state };
            assert_eq!(comparable(first), comparable(second), "I-15: the market differs by the order of folding");
            return;
        }
        let mark = closing_price(&first);
        let slack = i128::from(mark >> 46) + 16;
        for ((one, other), row) in ahead.iter().zip(&behind).zip(rows) {
            assert_eq!(
                one.quote_atoms, other.quote_atoms,
                "I-15: the balance of {row} differs by the order of folding"
            );
            let held = |user: &User, state: &Market| {
                let found = user.positions.iter().find(|position| position.market_plus_one == market_index + 1);
                found.map_or((0, 0), |position| folded(position, state))
            };
            let ((size, cash), (other_size, other_cash)) = (held(one, &first), held(other, &second));
            let worth = |size: i64, cash: i64| value_down(size, mark) + i128::from(cash);
            let gap = worth(size, cash) - worth(other_size, other_cash);
            assert!(gap.abs() <= slack, "I-15: {row} is worth {gap} more by the order of folding, at most {slack}");
            let lots = size.abs_diff(other_size);
            assert!(
                lots <= 2 + (size.unsigned_abs() >> 10),
                "I-15: {row} differs by {lots} lots by the order of folding"
            );
        }
    }
}

fn deposit_and_withdraw(world: &mut World, trader: &Trader, before: &User) {
    let held = world.tokens(&trader.tokens[0]);
    let amount = 1_000 * USD + 7;
    let deposit = world.deposit(trader, 0, amount);
    if world.send(&deposit).is_err() {
        return;
    }
    let withdraw = world.withdraw(trader, 0, amount);
    if world.send(&withdraw).is_ok() {
        assert!(world.tokens(&trader.tokens[0]) <= held, "I-19: a deposit and withdrawal gained");
        assert!(world.user(trader).quote_atoms <= before.quote_atoms, "I-19: the balance grew on a round trip");
    }
}

fn place_and_cancel(world: &mut World, trader: &Trader, before: &User) {
    let order_id = world.orders(trader).next_order_id;
    let place = world.place_orders(trader, &[post_only(0, false, 1_000, 1)]);
    if world.send(&place).is_err() {
        return;
    }
    let cancel = world.cancel_ids(trader, &[order_id]);
    world.ok(&cancel);
    let mut after = world.user(trader);
    after.sequence = before.sequence;
    after.last_active_ms = before.last_active_ms;
    // A stale-worse price is allowed until its side empties; placing at 1,000 ticks can never raise it.
    assert_eq!(after, *before, "I-19: placing and cancelling changed the user");
}
