//! Changes of parameters: what is instant, what waits, what ramps; new markets that season.
//!
//! The bug this catches: a parameter that moves before its time, by a key that may not, or past where it was to go.

use solana_address::Address;

use super::{Machine, Rule, PRICES};
use crate::{
    admin::TIMELOCK_S,
    changes::{allowed_by, parameters, Parameter, Subject},
    state::{ChangeClass, ChangeStatus, MarketTerms},
    terms::market_terms,
    world::key,
};

const HOUR_S: i64 = 3_600;
/// A market that has a price and no positions.
const IDLE: Subject = Subject::Market(PRICES.len() as u16 - 1);
/// Share of an asset's deposits that withdrawals leave.
const FLOOR: &str = "withdrawal_floor_bps";
/// What changes.
const SUBJECTS: [Subject; 8] = [
    IDLE,
    IDLE,
    Subject::Market(0),
    Subject::Market(1),
    Subject::Market(0),
    Subject::Exchange,
    Subject::Collateral(1),
    Subject::Collateral(0),
];
/// Parameters of what is traded whose values stay at this or above: below it the local feed's prices, signed with 5 bps of
/// confidence and moved by whole percents, would never be usable again.
const LEAST: [(&str, i64); 7] = [
    ("oracle.confidence_max_bps", 10),
    ("oracle.volatility_max_bps", 1_000),
    ("oracle.twap_step_max_bps", 200),
    ("oracle.stale_margin_ms", 5_000),
    ("oracle.stale_fill_ms", 5_000),
    ("band_bps", 150),
    ("tier_bound_usd.0", 10_000),
];
/// The market that may be listed while the machine runs.
const NEW: u16 = PRICES.len() as u16;

impl Machine {
    /// A key proposes a value; it takes effect as its class says, or is cancelled on the way. Two of three are of markets,
    /// assets or the exchange while positions and orders are open.
    pub(super) fn change(&mut self, dice: [u32; 4]) {
        if dice[1] & 0x700 == 0 {
            return self.season(dice);
        }
        let subject = SUBJECTS[(dice[1] >> 16) as usize % SUBJECTS.len()];
        let known: Vec<Parameter> =
            parameters().into_iter().filter(|known| known.target == subject.name() && moves(subject, known)).collect();
        // Of the exchange's every second is the floor of withdrawals, which nothing else moves.
        let floor = known.iter().find(|known| known.name == FLOOR && dice[3] & 0x30_0000 > 0x10_0000);
        let known = floor.unwrap_or(&known[dice[1] as usize % known.len()]).clone();
        if subject != IDLE {
            self.note("Seen: a change of what is traded proposed");
        }
        let exchange = self.world.exchange();
        let who = [0, 0, 1, 1, 1, 2, 3, 4][dice[0] as usize % 8];
        let signer = exchange.roles.get(who).copied().unwrap_or_else(|| key("stranger"));
        self.pay_rent(signer);
        let before = self.world.parameter_value(subject, &known);
        let value = proposed(subject, &known, before, dice);
        self.acting(Rule::Refresh, |machine| machine.refresh_subject());
        let number = self.world.exchange().next_change;
        let call = self.world.propose_change(signer, subject, known.number, value, [0; 32]);
        if self.attempt(&call).is_none() {
            return;
        }
        assert!(exchange.roles[..2].contains(&signer), "{} was proposed by a key that may not", known.name);
        let change = self.world.change(number);
        let due = match known.class(before, value) {
            // Who cannot add quote cannot save a position: nothing that stops deposits of it is instant.
            "instant" if subject != Subject::Collateral(0) => ChangeClass::Instant,
            "ramped" => ChangeClass::Ramped,
            _ => ChangeClass::Delayed,
        };
        assert_eq!(change.class, due as u8, "the class of {} from {before} to {value}", known.name);
        let now = self.world.parameter_value(subject, &known);
        if due == ChangeClass::Instant {
            assert_eq!((now, change.status), (value, ChangeStatus::Executed as u8), "{} at once", known.name);
            return;
        }
        assert_eq!(now, before, "{} moved before its time", known.name);
        self.wait_for(number, (subject, &known), [before, value], dice[3]);
    }

    fn wait_for(&mut self, number: u64, (subject, known): (Subject, &Parameter), [before, value]: [i64; 2], die: u32) {
        let execute = self.world.execute_change(key("anybody"), number, subject);
        self.attempt(&execute);
        if die.is_multiple_of(5) {
            let guardian = self.world.exchange().roles[2];
            let call = self.world.cancel_change(guardian, number);
            self.attempt(&call);
        }
        self.later(TIMELOCK_S);
        let open = self.world.change(number).status == ChangeStatus::Pending as u8;
        let done = self.attempt(&execute).is_some();
        assert!(open || !done, "a change that was taken back was executed");
        if self.world.change(number).status != ChangeStatus::Ramping as u8 {
            let due = if done { value } else { before };
            assert_eq!(self.world.parameter_value(subject, known), due, "{} after its wait", known.name);
            return;
        }
        let mut last = self.world.parameter_value(subject, known);
        assert_eq!(last, before, "a ramp of {} began with a step", known.name);
        for hours in [1 + i64::from(die >> 8) % 12, 6, 24] {
            self.later(hours * HOUR_S);
            let call = self.world.apply_ramp(number, subject);
            self.attempt(&call);
            let now = self.world.parameter_value(subject, known);
            let onward = if value > before { last..=value } else { value..=last };
            assert!(
                onward.contains(&now),
                "a ramp of {} from {before} to {value} went from {last} to {now}",
                known.name
            );
            last = now;
        }
    }

    /// Whoever proposes pays the rent of the change's account.
    pub(super) fn pay_rent(&mut self, signer: Address) {
        if !self.world.exists(&signer) {
            self.world.fund(signer);
        }
    }

    /// Before everybody leaves at once the floor of withdrawals is taken away, as it is at the end of an exchange.
    pub(super) fn drop_floor(&mut self) {
        if self.world.exchange().terms.withdrawal_floor_bps == 0 {
            return;
        }
        self.note("Seen: a floor of withdrawals");
        let exchange = self.world.exchange();
        self.pay_rent(exchange.roles[0]);
        let call = self.world.propose(exchange.roles[0], Subject::Exchange, FLOOR, 0);
        self.must(&call);
        self.later(TIMELOCK_S);
        let call = self.world.execute_change(key("anybody"), exchange.next_change, Subject::Exchange);
        self.must(&call);
    }

    fn later(&mut self, seconds: i64) {
        self.world.advance(seconds);
        self.acting(Rule::Refresh, |machine| machine.refresh_subject());
    }

    /// As `refresh_all`, with the market whose parameters change.
    fn refresh_subject(&mut self) {
        self.refresh_all(1);
        self.publish(PRICES.len() - 1);
        let call = self.world.accrue_market(PRICES.len() as u16 - 1);
        self.attempt(&call);
    }

    /// A market is listed after opening, and its limit rises by a step a day at most.
    fn season(&mut self, dice: [u32; 4]) {
        if self.world.exchange().market_count == NEW {
            let (open_interest_max_lots, position_max_lots) = (1_000, 1_000);
            let all = market_terms(0, self.world.oracle);
            let terms = MarketTerms { open_interest_max_lots, position_max_lots, ..all };
            let (root, number) = (self.world.exchange().roles[0], self.world.exchange().next_change);
            self.pay_rent(root);
            let call = self.world.propose_market(root, &terms);
            self.attempt(&call);
            let list = allowed_by(self.world.list_market(NEW, &terms).with("root", root), number);
            assert!(self.world.send(&list).is_err(), "a market was listed without a wait");
            self.later(TIMELOCK_S);
            if self.attempt(&list).is_none() {
                return;
            }
        }
        let subject = Subject::Market(NEW);
        self.world.advance((20 + i64::from(dice[2] % 10)) * HOUR_S);
        let call = self.world.update_oracle(crate::exchange::Target::Market(NEW), PRICES[0]);
        self.attempt(&call);
        let call = self.world.accrue_market(NEW);
        self.attempt(&call);
        let before = self.world.market(NEW);
        let call = self.world.advance_season(subject);
        if self.attempt(&call).is_some() {
            let after = self.world.market(NEW);
            assert_eq!(after.season_step, before.season_step + 1, "more than a step of a season");
            let waited = self.world.now_ms() - before.season_ms;
            assert!(waited >= 24 * HOUR_S * 1_000, "a season's step after {waited} ms");
        }
    }
}

/// Whether a subject's parameter is played with: numbers, but for what ends a market, hides its price for good (which SOL
/// as collateral shares) or names another feed.
fn moves(subject: Subject, known: &Parameter) -> bool {
    let named = |names: &[&str]| names.contains(&known.name.as_str());
    let oracle = known.name.starts_with("oracle");
    match subject {
        _ if known.kind == "key" || (subject != Subject::Collateral(1) && named(&["status"])) => false,
        _ if subject == IDLE => !oracle && !named(&["flags"]),
        Subject::Market(_) => !named(&["flags", "order_size_min_lots"]) && (!oracle || limited(known)),
        Subject::Exchange => true,
        Subject::Collateral(0) => known.name.ends_with("cap_atoms"),
        Subject::Collateral(_) => !oracle || limited(known),
    }
}

fn limited(known: &Parameter) -> bool {
    LEAST.iter().any(|(name, _)| *name == known.name)
}

/// A value near the present one, or anywhere in the parameter's range or just beyond it.
fn proposed(subject: Subject, known: &Parameter, before: i64, dice: [u32; 4]) -> i64 {
    let (low, high) = (known.minimum, known.maximum);
    let least = LEAST.iter().find(|(name, _)| *name == known.name).filter(|_| subject != IDLE);
    let floor = least.map_or(low, |(_, least)| *least);
    let near =
        |percent: i64| (before as i128 * i128::from(percent) / 100).clamp(i128::from(floor), i128::from(high)) as i64;
    match dice[2] % 10 {
        0 => before,
        1 => high.saturating_add(1),
        2 => low.saturating_sub(1),
        3 => high,
        4 if before == 0 => high / 4 * i64::from(dice[3] % 4),
        4..=6 => near(80 + i64::from(dice[3] % 20)),
        _ => near(101 + i64::from(dice[3] % 20)),
    }
}
