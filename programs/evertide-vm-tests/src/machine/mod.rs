//! The state machine: random steps of many traders and keepers, honest and hostile, with every invariant after each.
//!
//! A step is a rule and four dice; the rule reads the dice against the state it finds, so that any list of steps can be
//! run, cut short and thinned out. A failing list is shrunk by prefix, then step by step, and kept in `seeds/`.

mod accounts;
mod allowed;
mod audits;
mod bankruptcies;
mod book;
mod books;
mod books_down;
mod bounds;
mod changes;
mod checks;
mod exit;
mod exit_down;
mod gates;
mod hidden;
mod keys;
mod kinds;
mod ladder;
mod limits;
mod liquidations;
mod mangled;
mod market_checks;
mod matches;
mod placing;
mod prices;
mod reads;
mod rewards;
mod rule;
mod rules;
mod sequence;
mod sequences;
mod settles;
mod shapes;
mod terms;
mod trips;
mod waiting;
mod wakes;
mod way_down;
mod wishes;

pub use kinds::FILLED_KINDS;
pub use rule::{Rule, RULES};
pub use sequence::{run_seed, run_steps, shrink, silence_panics, steps_from_text, steps_to_text, Broken};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use self::{books::Books, bounds::Terms, sequences::Owner, shapes::Shapes};
use crate::{
    call::Call,
    exchange::market,
    state::{Insurance, Market, User},
    terms::{PRICES, SOL, USD},
    traders::Trader,
    way_down::backstop,
    world::{custom_code, describe, Outcome, World},
};

/// Traders of a machine.
pub const TRADERS: usize = 6;
/// Markets that they trade in.
pub const MARKETS: u16 = 2;

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
    /// Collateral bought of others in liquidations, less what was sold so.
    pub bought: i64,
}

/// The state that the last step left, to compare with.
#[derive(Clone)]
pub struct Last {
    pub users: Vec<(usize, User)>,
    pub markets: Vec<Market>,
    pub insurance: Insurance,
}

/// The world with a ledger of what went in and out.
#[derive(Clone)]
pub struct Machine {
    pub world: World,
    /// The traders, then the backstop account of each market, then the account that buys what is left at the exit.
    pub traders: Vec<Trader>,
    pub prices: [u64; 3],
    pub flows: Vec<Flow>,
    last_sequences: BTreeMap<Owner, u64>,
    /// Greatest number of roundings that may have happened since the start.
    pub roundings: u64,
    /// Folds and deleveragings so far that may have left a fraction of a lot with the market, by market.
    pub drops: [u64; PRICES.len()],
    /// Highest price so far, atoms per lot, by market.
    pub highest: [u64; PRICES.len()],
    /// Successful and refused calls by "rule: outcome", for the report.
    pub outcomes: BTreeMap<Arc<str>, u64>,
    /// As what orders were placed, by row and id; plain ones are not in it.
    born: BTreeMap<(usize, u64), &'static str>,
    /// What happened since `last` was taken.
    events: Vec<(String, Value)>,
    /// Users whose owners moved their balances themselves since then.
    movers: BTreeSet<usize>,
    last: Last,
    /// Rows of the traders by their accounts, as events write them.
    rows: Arc<BTreeMap<String, usize>>,
    /// What the events so far add up to.
    books: Books,
    shapes: Shapes,
    terms: Terms,
    /// Beginning of the pause that the last step saw, unix ms.
    last_pause_ms: i64,
    /// The exit has begun: what it reaches is counted apart.
    exiting: bool,
    rule: Rule,
    /// The rule of the running step, and the one by whose calls it is judged.
    running: Rule,
    goal: Rule,
    /// Calls of the running step under its own rule: accepted and refused.
    own: [u64; 2],
    /// What became of the steps.
    pub steps: StepCounts,
}

/// Steps by what became of the calls that they are about; steps that only move the clock are not counted.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct StepCounts {
    /// At least one such call was accepted.
    pub succeeded: u64,
    /// Every such call was refused.
    pub refused: u64,
    /// Nothing was there to act on.
    pub idle: u64,
}

impl Machine {
    /// An open exchange with funded traders, three of them holding SOL and little quote, so that losses become debt.
    /// Insurance may use little in a day, so that losses reach the other side, the tranche and the record. Made once per
    /// thread and cloned.
    pub fn new() -> Self {
        thread_local!(static FUNDED: Machine = Machine::funded());
        FUNDED.with(Clone::clone)
    }

    fn funded() -> Self {
        let mut world = World::open();
        for (index, day_usd) in [30_000, 2_000].into_iter().enumerate() {
            let limit = |state: &mut Market| state.terms.insurance_day_max_atoms = day_usd * USD;
            world.edit(market(index as u16), limit);
        }
        let mut traders: Vec<Trader> = (2..TRADERS).map(|row| world.trader(&format!("machine {}", row - 2))).collect();
        // The last two are sub-accounts of one owner, whose key can sign.
        let owner = hidden::signatory().trader;
        world.introduce(&owner);
        traders.push(owner);
        traders.push(world.sub_account(&traders[TRADERS - 2], 1));
        rewards::introduce(&mut world, &traders);
        traders.extend((0..PRICES.len() as u16).map(backstop));
        let last = Last { users: Vec::new(), markets: Vec::new(), insurance: world.insurance() };
        let mut machine = Self {
            world,
            flows: vec![Flow::default(); traders.len()],
            traders,
            prices: PRICES,
            last_sequences: BTreeMap::new(),
            roundings: 0,
            drops: [0; PRICES.len()],
            highest: [0; PRICES.len()],
            outcomes: BTreeMap::new(),
            born: BTreeMap::new(),
            events: Vec::new(),
            movers: BTreeSet::new(),
            last,
            rows: Arc::default(),
            books: Books::default(),
            shapes: Shapes::default(),
            terms: Terms::default(),
            last_pause_ms: 0,
            exiting: false,
            rule: Rule::Deposit,
            running: Rule::Deposit,
            goal: Rule::Deposit,
            own: [0; 2],
            steps: StepCounts::default(),
        };
        machine.remember();
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
        (self.rule, self.running) = (step.rule, step.rule);
        // What a whale is about is the match of its two orders.
        self.goal = if step.rule == Rule::Whale { Rule::Match } else { step.rule };
        self.own = [0; 2];
        self.apply(step);
        self.count_step();
        self.check();
        self.note_what_was_reached();
    }

    fn count_step(&mut self) {
        let (counter, ending) = match self.own {
            _ if self.running == Rule::TimeWarp => return,
            [0, 0] => (&mut self.steps.idle, "found nothing to act on"),
            [0, _] => (&mut self.steps.refused, "refused"),
            _ => (&mut self.steps.succeeded, "succeeded"),
        };
        *counter += 1;
        self.note(&format!("Step {:?}: {ending}", self.running));
    }

    /// Whether the last step did what it is about; one that only moves the clock did.
    pub fn has_succeeded(&self) -> bool {
        self.own[0] != 0 || self.running == Rule::TimeWarp
    }

    /// Whether any step so far resolved a bankruptcy.
    pub fn has_resolved(&self) -> bool {
        self.outcomes.contains_key("Seen: a bankruptcy resolved")
    }

    /// Counts steps that ended in states which the invariants are about, so that a run that never reaches them is seen.
    fn note_what_was_reached(&mut self) {
        let users: Vec<_> = self.existing().iter().map(|row| self.user(*row)).collect();
        let markets = self.markets();
        let drained = |market: &Market| market.a.iter().any(|a| *a < 1 << 48);
        let reached = [
            ("Seen: a latch", markets.iter().any(|market| market.latch != 0)),
            ("Seen: a recorded deficit", markets.iter().any(|market| market.deficit_atoms != 0)),
            ("Seen: a later epoch", markets.iter().any(|market| market.epoch != [0; 2])),
            ("Seen: deleveraged", markets.iter().any(drained)),
            ("Seen: folding dust", markets.iter().any(|market| market.dust_lots != [0; 2])),
            ("Seen: a liquidation", users.iter().any(|user| user.liquidation_start_ms != 0)),
            ("Seen: a debt", users.iter().any(|user| user.quote_atoms < 0)),
            ("Seen: open interest", markets.iter().any(|market| market.open_interest_lots[0] != 0)),
            ("Seen: funding", markets.iter().any(|market| market.j.iter().any(|j| j.get() != 0))),
            ("Seen: 10 orders of one user", users.iter().any(|user| self.open_orders(user) >= 10)),
        ];
        for (name, _) in reached.into_iter().filter(|(_, reached)| *reached) {
            self.note(name);
        }
    }

    fn note(&mut self, name: &str) {
        let name = if self.exiting { &format!("At the exit: {name}") } else { name };
        match self.outcomes.get_mut(name) {
            Some(times) => *times += 1,
            None => drop(self.outcomes.insert(name.into(), 1)),
        }
    }

    fn open_orders(&self, user: &User) -> u32 {
        user.positions.iter().map(|position| u32::from(position.open_order_count)).sum()
    }

    /// Sends a call that may be refused with the errors that the running rule allows; a refusal changes nothing (I-18).
    fn attempt(&mut self, call: &Call) -> Option<Outcome> {
        let before = self.world.snapshot();
        let rule = self.rule;
        let result = self.world.send(call);
        self.own[usize::from(result.is_err())] += u64::from(rule == self.goal);
        match result {
            Ok(meta) => {
                self.roundings += 2 + call.remaining.len() as u64;
                self.note(&format!("{rule:?}: ok"));
                let outcome = Outcome { meta };
                self.check_fits(std::slice::from_ref(call), &outcome);
                self.take_in(&outcome);
                Some(outcome)
            }
            Err(failed) => {
                let name = describe(&failed);
                let known = custom_code(&failed).is_some_and(|code| allowed::is_allowed(rule, code));
                assert!(known, "{rule:?}: {} was refused with {name}\n{}", call.name, failed.meta.logs.join("\n"));
                self.check_gate_refusal(call, &failed);
                self.world.assert_unchanged(&before, &call.name);
                self.note(&format!("{rule:?}: {name}"));
                None
            }
        }
    }

    /// Sends calls that name no other accounts in one transaction; each by itself, to be judged, where one is refused.
    fn attempt_together(&mut self, calls: &[Call]) {
        let Some(outcome) = self.world.send_together(calls) else {
            return calls.iter().for_each(|call| drop(self.attempt(call)));
        };
        let rule = self.rule;
        let count = calls.len() as u64;
        self.own[0] += if rule == self.goal { count } else { 0 };
        self.roundings += 2 * count;
        (0..count).for_each(|_| self.note(&format!("{rule:?}: ok")));
        self.check_fits(calls, &outcome);
        self.take_in(&outcome);
    }

    /// Events of an accepted transaction.
    fn take_in(&mut self, outcome: &Outcome) {
        let events = outcome.events();
        self.check_event_sequences(&events);
        self.keep_books(&events);
        self.check_floors(&events);
        self.events.extend(events);
    }

    /// Acts under another rule's list of refusals.
    fn acting<T>(&mut self, rule: Rule, action: impl FnOnce(&mut Self) -> T) -> T {
        let running = std::mem::replace(&mut self.rule, rule);
        let result = action(self);
        self.rule = running;
        result
    }

    fn deposit(&mut self, row: usize, asset: u16, amount_atoms: u64) {
        let call = self.world.deposit(&self.traders[row], asset, amount_atoms);
        if self.attempt(&call).is_some() {
            self.flows[row].deposited[usize::from(asset)] += amount_atoms;
            self.movers.insert(row);
        }
    }

    fn withdraw(&mut self, row: usize, asset: u16, amount_atoms: u64) -> bool {
        let call = self.world.withdraw(&self.traders[row], asset, amount_atoms);
        let done = self.attempt(&call).is_some();
        if done {
            self.flows[row].withdrawn[usize::from(asset)] += amount_atoms;
            self.movers.insert(row);
        }
        done
    }

    /// Traders whose accounts exist.
    fn living(&self) -> Vec<usize> {
        self.existing().into_iter().filter(|row| !is_backstop(*row)).collect()
    }

    /// Somebody else whose account exists, or this one where nobody is.
    fn another(&self, row: usize) -> usize {
        self.living().into_iter().find(|other| *other != row).unwrap_or(row)
    }

    /// Traders and backstops whose accounts exist.
    fn existing(&self) -> Vec<usize> {
        (0..self.traders.len()).filter(|&row| self.world.exists(&self.traders[row].user)).collect()
    }

    fn user(&self, row: usize) -> User {
        self.world.user(&self.traders[row])
    }

    /// Row of the trader that holds this user account.
    fn row_of(&self, user: &str) -> usize {
        *self.rows.get(user).unwrap_or_else(|| panic!("event names an unknown user {user}"))
    }

    fn markets(&self) -> Vec<Market> {
        (0..PRICES.len() as u16).map(|index| self.world.market(index)).collect()
    }
}

/// Row of a market's backstop account.
fn backstop_row(market_index: usize) -> usize {
    TRADERS + market_index
}

/// Whether a row is a market's backstop account, for which nobody can sign.
pub fn is_backstop(row: usize) -> bool {
    (TRADERS..TRADERS + PRICES.len()).contains(&row)
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
