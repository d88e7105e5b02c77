//! I-13 and I-14: the backstop within its means, and each stage of a bankruptcy exhausted before the next one pays.

use serde_json::Value;

use super::{
    is_backstop,
    ladder::{ceil, closing_price, folded_user, notional_up, rung_of, side_of, standing, value_down, Rung, Standing},
    liquidations::Case,
    matches::number,
    Machine, TRADERS,
};
use crate::{
    state::{Bankruptcy, Market},
    world::World,
};

/// What of the fund a market may use now.
fn market_room(world: &World, market: &Market) -> i128 {
    let fund = world.insurance();
    let today = world.now_ms() / 86_400_000 == i64::from(market.insurance_day);
    let used = if today { market.insurance_used_atoms } else { 0 };
    let day = i128::from(market.terms.insurance_day_max_atoms) - i128::from(used);
    (i128::from(fund.balance_atoms) - i128::from(fund.tranche_atoms)).min(day).max(0)
}

/// What a market may use of the tranche now: within its limit of the day once more.
fn tranche_room(world: &World, market: &Market) -> i128 {
    let fund = world.insurance();
    let today = world.now_ms() / 86_400_000 == i64::from(market.insurance_day);
    let used = if today { market.tranche_used_atoms } else { 0 };
    let day = i128::from(market.terms.insurance_day_max_atoms) - i128::from(used);
    i128::from(fund.tranche_atoms.min(fund.balance_atoms)).min(day).max(0)
}

impl Machine {
    /// The world after the market's funding and mark are up to date, as an instruction that renews them first sees it.
    pub(super) fn renewed(&self, market_index: u16) -> World {
        let mut world = self.world.clone();
        let call = world.accrue_market(market_index);
        drop(world.send(&call));
        world
    }

    /// Recomputed where the market was accrued at this very moment: else funding and row move inside the instruction.
    pub(super) fn check_backstop(&mut self, before: &World, row: usize, market_index: u16, event: &Value) {
        let taker = TRADERS + usize::from(market_index);
        assert_eq!(self.row_in(event, "liquidator"), taker, "I-11: not the market's backstop: {event}");
        let market = before.market(market_index);
        let deleveraged = number(event, "deleveraged_lots");
        if deleveraged != 0 {
            self.note("Seen: deleveraged at the backstop");
        }
        if market.accrued_ms != before.now_ms() {
            return;
        }
        let case = Case::of(before, &before.user(&self.traders[row]), market_index);
        case.check_open(event);
        let standing_before = case.standing;
        assert!(standing_before.equity < standing_before.backstop, "I-11: not below backstop margin: {event}");
        self.check_transfer(before, row, taker, &case, deleveraged, event);
        case.check_after(&self.world, &self.user(row), market_index, i128::MAX / 2, event);
        let lots = i128::from(number(event, "size_lots").unsigned_abs());
        let lot = notional_up(1, case.mark_q32);
        let stress = ceil(lot * i128::from(market.terms.stress_move_bps), 10_000).max(1);
        let own = folded_user(&before.user(&self.traders[taker]), &market);
        let stood = rung_of(before, &own, market_index).size_lots;
        let held = i128::from(stood.unsigned_abs());
        // What it takes over may close what it holds.
        let holds = i128::from((stood + number(event, "size_lots")).unsigned_abs());
        let means = (standing(before, &own).equity + market_room(before, &market)).max(0);
        if lots != 0 {
            assert!(
                holds * stress <= means || holds <= held,
                "I-13: the backstop took more than {means} carry: {event}"
            );
        }
        if deleveraged != 0 {
            assert!(standing_before.equity < standing_before.deleverage, "I-14: deleveraged too early: {event}");
            let drains = market.a[side_of(case.rung.size_lots)] < 1 << 24;
            assert!(drains || (held + lots + 1) * stress > means, "I-14: deleveraged before the backstop: {event}");
            self.check_other_side(before, row, market_index, case.rung.size_lots, deleveraged, case.mark_q32, event);
        }
    }

    pub(super) fn check_bankruptcy(&mut self, before: &World, row: usize, event: &Value) {
        let market_index = number(event, "market_index") as u16;
        let market = before.market(market_index);
        let user = folded_user(&before.user(&self.traders[row]), &market);
        let was = standing(before, &user);
        let position = user.positions.iter().find(|position| position.market_plus_one == market_index + 1);
        let state = position.map_or(0, |position| position.bankruptcy);
        if number(event, "step") == 0 {
            self.note("Seen: a latch taken back");
            assert!(
                was.equity >= 0 && state == Bankruptcy::Open as u8,
                "a bankruptcy closed at {}: {event}",
                was.equity
            );
            return;
        }
        assert!(was.equity < 0, "I-13: a bankruptcy at equity {}: {event}", was.equity);
        assert_eq!(-was.equity, number(event, "deficit_atoms").into(), "I-13: the deficit recomputed: {event}");
        let tokens: u64 = user.collaterals.iter().map(|slot| slot.amount_atoms).sum();
        if number(event, "step") == 1 {
            self.note("Seen: a bankruptcy opened");
            assert!(tokens != 0, "opened without collateral left: {event}");
            return;
        }
        assert_eq!(tokens, 0, "I-13: resolved with collateral left: {event}");
        let rung = rung_of(before, &user, market_index);
        check_share(&was, &rung, state, event);
        self.check_waterfall(before, &market, &rung, event);
        let closed = number(event, "closed_lots");
        assert_eq!(closed, rung.size_lots, "I-14: the position did not close whole: {event}");
        if closed != 0 {
            let price = number(event, "price_q32") as u64;
            self.check_other_side(before, row, market_index, closed, closed.abs(), price, event);
        }
        let paid: i128 = ["fees_atoms", "insurance_atoms", "deleveraged_atoms", "tranche_atoms", "recorded_atoms"]
            .iter()
            .map(|key| i128::from(number(event, key)))
            .sum();
        let now = standing(&self.world, &self.user(row));
        assert_eq!(now.equity, was.equity + paid, "I-14: equity after what was paid: {event}");
        self.note("Seen: a bankruptcy resolved");
        if is_backstop(row) {
            self.note("Seen: a backstop's bankruptcy");
        }
        if number(event, "deleveraged_atoms") > 0 {
            self.note("Seen: deleveraged at a bankruptcy price");
        }
        if number(event, "insurance_atoms") > 0 {
            self.note("Seen: insurance paid");
        }
        if number(event, "tranche_atoms") > 0 {
            self.note("Seen: the tranche paid");
        }
    }

    /// Fees, then insurance within its room, then the other side within its cap, then the tranche, then the record.
    fn check_waterfall(&self, before: &World, market: &Market, rung: &Rung, event: &Value) {
        let part = |key: &str| i128::from(number(event, key));
        let mut rest = part("share_atoms");
        assert_eq!(part("fees_atoms"), rest.min(market.pending_fees_atoms.into()), "I-14: fees first: {event}");
        rest -= part("fees_atoms");
        assert_eq!(part("insurance_atoms"), rest.min(market_room(before, market)), "I-14: then insurance: {event}");
        rest -= part("insurance_atoms");
        let mark = before.cache().markets[usize::from(market.index)].mark_price_q32;
        let shift = i128::from(number(event, "price_q32")) - i128::from(mark);
        let cap = i128::from(mark) * i128::from(rung.maintenance_bps) / 10_000;
        let alone = market.position_count[1 - side_of(rung.size_lots)] == 0;
        assert!(shift.abs() <= cap, "I-14: beyond the maintenance ratio of the mark: {event}");
        if rung.size_lots == 0 || rest == 0 || alone {
            assert_eq!(shift, 0, "I-14: deleveraged without need: {event}");
        } else {
            let wanted = ceil(rest << 32, i128::from(rung.size_lots.unsigned_abs())).min(cap);
            assert_eq!(shift, wanted * i128::from(rung.size_lots.signum()), "I-14: the bankruptcy price: {event}");
        }
        rest = (rest - part("deleveraged_atoms")).max(0);
        assert_eq!(part("tranche_atoms"), rest.min(tranche_room(before, market)), "I-14: then the tranche: {event}");
        rest -= part("tranche_atoms");
        assert_eq!(part("recorded_atoms"), rest, "I-14: then the record: {event}");
        let after = self.world.market(market.index);
        let fees = i128::from(market.pending_fees_atoms) - part("fees_atoms");
        let left = i128::from(after.pending_fees_atoms);
        // Once nothing is open, fees bear what fractions of lots lost.
        let closed = after.open_interest_lots == [0; 2];
        assert!(left == fees || (closed && left < fees), "I-14: pending fees after, {fees} due: {event}");
        let insured = i128::from(market.pending_insurance_atoms).min(left);
        assert_eq!(i128::from(after.pending_insurance_atoms), insured, "I-14: their part for insurance: {event}");
    }

    /// Deleveraging takes of everybody on the other side by size, at the price, and nobody else is touched.
    #[allow(clippy::too_many_arguments)]
    fn check_other_side(
        &self,
        before: &World,
        row: usize,
        market_index: u16,
        closed_side: i64,
        lots: i64,
        price_q32: u64,
        event: &Value,
    ) {
        let (old, new) = (before.market(market_index), self.world.market(market_index));
        let side = 1 - side_of(closed_side);
        let against = i128::from(old.open_interest_lots[side]);
        let mark = before.cache().markets[usize::from(market_index)].mark_price_q32;
        let sign = -i128::from(closed_side.signum());
        // A fraction of a lot, in parts of 2^16, closes at the mark, and the rest at the price.
        let away = |price: u64| (i128::from(price) - i128::from(mark)).abs() >> 32;
        let slack = away(closing_price(&old)) + away(price_q32) + i128::from(mark >> 47) + 4;
        for other in self.existing().into_iter().filter(|other| *other != row && !is_backstop(*other)) {
            let Some((had, was)) = held_worth(before, other, self, &old, mark) else { continue };
            let (has, is) = held_worth(&self.world, other, self, &new, mark).unwrap_or((0, 0));
            // By what is stored: less than a lot of it may be left, and that closes at the price too.
            let stored = before.position(&self.traders[other], market_index).map_or(0, |position| position.basis_lots);
            if stored == 0 || side_of(stored) != side {
                assert_eq!((had, was), (has, is), "I-14: deleveraging reached {other} on its own side: {event}");
                continue;
            }
            let taken = i128::from(had.abs() - has.abs());
            let part = i128::from(had.abs()) * i128::from(lots) / against;
            assert!((part - 1..=part + 2).contains(&taken), "I-14: {other} lost {taken} lots of {part} due: {event}");
            let due = (sign * taken * (i128::from(price_q32) - i128::from(mark))) >> 32;
            let gained = is - was;
            assert!((gained - due).abs() <= slack, "I-14: {other} gained {gained} where {due} is due: {event}");
        }
    }
}

/// A share by its part of the losses; several of them cover the deficit. Once every loss was borne and no lot is open, by
/// folded sizes, what is still missing is one market's.
fn check_share(was: &Standing, rung: &Rung, state: u8, event: &Value) {
    let (share, deficit) = (i128::from(number(event, "share_atoms")), -was.equity);
    let resolved = state == Bankruptcy::Resolved as u8;
    let due = if was.losses_unresolved != 0 && rung.worth < 0 && !resolved {
        ceil(deficit * -rung.worth, -was.losses_unresolved).min(deficit)
    } else if was.losses_unresolved != 0 || was.notional != 0 {
        0
    } else {
        deficit
    };
    assert_eq!(share, due, "I-14: the share of the deficit: {event}");
}

/// Size and value at `mark` of a party's position, folded; none without one.
fn held_worth(world: &World, row: usize, machine: &Machine, market: &Market, mark: u64) -> Option<(i64, i128)> {
    let position = world.position(&machine.traders[row], market.index)?;
    let (size, cash) = super::ladder::folded(&position, market);
    Some((size, value_down(size, mark) + i128::from(cash)))
}
