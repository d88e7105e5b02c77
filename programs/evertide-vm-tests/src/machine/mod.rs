//! The state machine: random steps of many traders and keepers, honest and hostile, with every invariant after each.
//!
//! A step is a rule and four dice; the rule reads the dice against the state it finds, so that any list of steps can be
//! run, cut short and thinned out. A failing list is shrunk by prefix, then step by step, and kept in `seeds/`.

mod allowed;
mod book;
mod checks;
mod exit;
mod matches;
mod rules;
mod sequence;
mod settles;
mod trips;

pub use sequence::{run_steps, sequence_of, shrink, silence_panics, steps_from_text, steps_to_text};

use std::collections::BTreeMap;

use crate::{
    call::Call,
    state::{Market, User},
    terms::{PRICES, SOL, USD},
    traders::Trader,
    world::{custom_code, describe, Outcome, World},
};

/// Traders of a machine.
pub const TRADERS: usize = 6;
/// Markets that they trade in.
pub const MARKETS: u16 = 2;

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Rule {
    Deposit,
    Withdraw,
    Place,
    Cancel,
    Modify,
    Match,
    HostileMatch,
    OracleMove,
    OracleGap,
    Refresh,
    TimeWarp,
    UpdateMark,
    Accrue,
    Settle,
    Touch,
    Limits,
    CollectFees,
    CloseUser,
    CreateUser,
}

/// Every rule with its name in seed files and its weight.
pub const RULES: [(Rule, &str, u32); 19] = [
    (Rule::Deposit, "deposit", 6),
    (Rule::Withdraw, "withdraw", 6),
    (Rule::Place, "place", 30),
    (Rule::Cancel, "cancel", 6),
    (Rule::Modify, "modify", 6),
    (Rule::Match, "match", 30),
    (Rule::HostileMatch, "hostile_match", 10),
    (Rule::OracleMove, "oracle_move", 8),
    (Rule::OracleGap, "oracle_gap", 1),
    (Rule::Refresh, "refresh", 12),
    (Rule::TimeWarp, "time_warp", 6),
    (Rule::UpdateMark, "update_mark", 6),
    (Rule::Accrue, "accrue", 6),
    (Rule::Settle, "settle", 16),
    (Rule::Touch, "touch", 4),
    (Rule::Limits, "limits", 2),
    (Rule::CollectFees, "collect_fees", 2),
    (Rule::CloseUser, "close_user", 1),
    (Rule::CreateUser, "create_user", 2),
];

/// One step: a rule and the dice that choose everything else.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step {
    pub rule: Rule,
    pub dice: [u32; 4],
}

/// What a trader brought in and took out, atoms by asset.
#[derive(Clone, Copy, Default)]
pub struct Flow {
    pub deposited: [u64; 2],
    pub withdrawn: [u64; 2],
}

/// The world with a ledger of what went in and out.
pub struct Machine {
    pub world: World,
    pub traders: Vec<Trader>,
    pub prices: [u64; 3],
    pub flows: Vec<Flow>,
    pub last_sequences: BTreeMap<String, u64>,
    /// Greatest number of roundings that may have happened since the start.
    pub roundings: u64,
    /// Successful and refused calls by "rule: outcome", for the report.
    pub outcomes: BTreeMap<String, u64>,
    rule: Rule,
}

impl Machine {
    /// An open exchange with funded traders, three of them holding SOL and little quote, so that losses become debt.
    pub fn new() -> Self {
        let mut world = World::open();
        let traders: Vec<Trader> = (0..TRADERS).map(|row| world.trader(&format!("machine {row}"))).collect();
        let mut machine = Self {
            world,
            flows: vec![Flow::default(); traders.len()],
            traders,
            prices: PRICES,
            last_sequences: BTreeMap::new(),
            roundings: 0,
            outcomes: BTreeMap::new(),
            rule: Rule::Deposit,
        };
        for row in 0..TRADERS {
            let quote_usd = if row < 3 { 50 } else { 20_000 };
            machine.deposit(row, 0, quote_usd * USD);
        }
        for row in 0..3 {
            machine.deposit(row, 1, 20 * SOL);
        }
        machine
    }

    /// Runs one step and checks every invariant.
    pub fn step(&mut self, step: Step) {
        self.rule = step.rule;
        self.apply(step);
        self.check();
        self.note_what_was_reached();
    }

    /// Counts steps that ended in states which the invariants are about, so that a run that never reaches them is seen.
    fn note_what_was_reached(&mut self) {
        let users: Vec<_> = self.living().iter().map(|row| self.world.user(&self.traders[*row])).collect();
        let markets = self.markets();
        let reached = [
            ("Seen: a debt", users.iter().any(|user| user.quote_atoms < 0)),
            ("Seen: open interest", markets.iter().any(|market| market.open_interest_lots[0] != 0)),
            ("Seen: funding", markets.iter().any(|market| market.j.iter().any(|j| j.get() != 0))),
            ("Seen: 10 orders of one user", users.iter().any(|user| self.open_orders(user) >= 10)),
        ];
        for (name, _) in reached.into_iter().filter(|(_, reached)| *reached) {
            *self.outcomes.entry(name.to_string()).or_default() += 1;
        }
    }

    fn open_orders(&self, user: &User) -> u32 {
        user.positions.iter().map(|position| u32::from(position.open_order_count)).sum()
    }

    /// Sends a call that may be refused with the errors that the running rule allows; a refusal changes nothing (I-18).
    fn attempt(&mut self, call: &Call) -> Option<Outcome> {
        let before = self.world.snapshot();
        let rule = self.rule;
        match self.world.send(call) {
            Ok(meta) => {
                self.roundings += 2 + call.remaining.len() as u64;
                *self.outcomes.entry(format!("{rule:?}: ok")).or_default() += 1;
                let outcome = Outcome { meta };
                self.check_event_sequences(&outcome);
                Some(outcome)
            }
            Err(failed) => {
                let name = describe(&failed);
                let known = custom_code(&failed).is_some_and(|code| allowed::is_allowed(rule, code));
                assert!(known, "{rule:?}: {} was refused with {name}\n{}", call.name, failed.meta.logs.join("\n"));
                self.world.assert_unchanged(&before, &call.name);
                *self.outcomes.entry(format!("{rule:?}: {name}")).or_default() += 1;
                None
            }
        }
    }

    fn deposit(&mut self, row: usize, asset: u16, amount_atoms: u64) {
        let call = self.world.deposit(&self.traders[row], asset, amount_atoms);
        if self.attempt(&call).is_some() {
            self.flows[row].deposited[usize::from(asset)] += amount_atoms;
        }
    }

    fn withdraw(&mut self, row: usize, asset: u16, amount_atoms: u64) -> bool {
        let call = self.world.withdraw(&self.traders[row], asset, amount_atoms);
        let done = self.attempt(&call).is_some();
        if done {
            self.flows[row].withdrawn[usize::from(asset)] += amount_atoms;
        }
        done
    }

    /// Traders whose accounts exist.
    fn living(&self) -> Vec<usize> {
        (0..self.traders.len()).filter(|&row| self.world.exists(&self.traders[row].user)).collect()
    }

    /// Row of the trader that holds this user account.
    fn row_of(&self, user: &str) -> usize {
        let found = self.traders.iter().position(|trader| trader.user.to_string() == user);
        found.unwrap_or_else(|| panic!("event names an unknown user {user}"))
    }

    fn markets(&self) -> Vec<Market> {
        (0..PRICES.len() as u16).map(|index| self.world.market(index)).collect()
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
