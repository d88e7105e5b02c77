//! A long run of the state machine that can be stopped and taken up again: what it did so far, and its report.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex,
    },
    thread,
    time::Instant,
};

use serde_json::{json, Value};

use crate::{
    idl::idl,
    machine::{run_seed, Broken, StepCounts, FILLED_KINDS},
    tally::{self, ending_name, Ending},
};

/// Sequences between two savings: a run that is killed loses no more than these.
pub const BATCH: u64 = 64;
/// Least share of the steps that succeed, percent.
const SUCCESS_PERCENT: u64 = 60;
/// Least share of the sequences that resolve a bankruptcy before the exit, percent.
const BANKRUPT_PERCENT: u64 = 1;
/// Runs of fewer sequences are not judged by shares.
const FEWEST: u64 = 500;

/// Instructions that every state of the machine refuses: no account is of a layout before today's.
const REFUSED: &[&str] = &["extend_account"];

/// What a run did so far.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Campaign {
    /// The first seed that was not run yet.
    pub next: u64,
    pub sequences: u64,
    pub bankrupt: u64,
    pub seconds: f64,
    pub succeeded: u64,
    pub refused: u64,
    pub idle: u64,
    /// Seeds that broke an invariant, with what they broke.
    pub failed: BTreeMap<u64, String>,
    /// Calls by "rule: outcome", and states that were reached.
    pub outcomes: BTreeMap<String, u64>,
    /// Calls by instruction and outcome.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Campaign {
    /// A run that starts at this seed.
    pub fn from_seed(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Runs the next `count` sequences on `jobs` threads. Returns the failures with their seeds.
    pub fn run(&mut self, count: u64, length: usize, jobs: usize) -> Vec<(u64, Broken)> {
        let (first, begun) = (self.next, Instant::now());
        let at = AtomicU64::new(0);
        let found = Mutex::new(Vec::new());
        let all = Mutex::new(std::mem::take(self));
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| loop {
                    let offset = at.fetch_add(1, Ordering::Relaxed);
                    if offset >= count {
                        break;
                    }
                    if let Err(broken) = one(first + offset, length, &all) {
                        found.lock().expect("no panic inside").push((first + offset, broken));
                    }
                });
            }
        });
        *self = all.into_inner().expect("no panic inside");
        let found = found.into_inner().expect("no panic inside");
        self.failed.extend(found.iter().map(|(seed, broken)| (*seed, summary(&broken.message))));
        self.next = first + count;
        self.seconds += begun.elapsed().as_secs_f64();
        found
    }

    fn count(&mut self, steps: StepCounts, outcomes: &BTreeMap<Arc<str>, u64>) {
        self.sequences += 1;
        self.succeeded += steps.succeeded;
        self.refused += steps.refused;
        self.idle += steps.idle;
        self.bankrupt += u64::from(outcomes.contains_key("Sequences: with a resolved bankruptcy"));
        for (name, times) in outcomes {
            *self.outcomes.entry(name.to_string()).or_default() += times;
        }
    }

    fn count_calls(&mut self, tally: tally::Tally) {
        for ((name, ending), times) in tally {
            let endings = self.calls.entry(name.to_string()).or_default();
            *endings.entry(ending_name(ending)).or_default() += times;
        }
    }

    /// Steps that were judged.
    pub fn steps(&self) -> u64 {
        self.succeeded + self.refused + self.idle
    }

    /// Reads what `save` wrote.
    pub fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let number = |key: &str| value[key].as_u64().unwrap_or_else(|| panic!("{}: no {key}", path.display()));
        let failed = value["failed"].as_object().expect("failed seeds");
        let failed = failed
            .iter()
            .map(|(seed, message)| (seed.parse().expect("a seed"), message.as_str().expect("a message").to_string()));
        let calls = value["calls"].as_object().expect("calls by instruction");
        Self {
            next: number("next"),
            sequences: number("sequences"),
            bankrupt: number("bankrupt"),
            seconds: value["seconds"].as_f64().expect("seconds"),
            succeeded: number("succeeded"),
            refused: number("refused"),
            idle: number("idle"),
            failed: failed.collect(),
            outcomes: counts(&value["outcomes"]),
            calls: calls.iter().map(|(name, endings)| (name.clone(), counts(endings))).collect(),
        }
    }

    /// Writes the whole state, so that a reader never meets half of it.
    pub fn save(&self, path: &Path) {
        let failed: BTreeMap<String, &String> =
            self.failed.iter().map(|(seed, message)| (seed.to_string(), message)).collect();
        let value = json!({
            "next": self.next, "sequences": self.sequences, "bankrupt": self.bankrupt, "seconds": self.seconds,
            "succeeded": self.succeeded, "refused": self.refused, "idle": self.idle, "failed": failed,
            "outcomes": self.outcomes, "calls": self.calls,
        });
        let half = path.with_extension("half");
        fs::write(&half, value.to_string()).unwrap_or_else(|error| panic!("{}: {error}", half.display()));
        fs::rename(&half, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// What the run should have reached and did not.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut missing: Vec<String> =
            self.failed.iter().map(|(seed, message)| format!("seed {seed} broke {message}")).collect();
        if self.sequences < FEWEST {
            return missing;
        }
        let (steps, succeeded) = (self.steps(), self.succeeded);
        if succeeded * 100 < steps * SUCCESS_PERCENT {
            missing.push(format!("{succeeded} of {steps} steps succeeded, {SUCCESS_PERCENT} % are due"));
        }
        if self.bankrupt * 100 < self.sequences * BANKRUPT_PERCENT {
            let (bankrupt, sequences) = (self.bankrupt, self.sequences);
            missing
                .push(format!("{bankrupt} of {sequences} sequences reached bankruptcy, {BANKRUPT_PERCENT} % are due"));
        }
        let ok = ending_name(Ending::Success);
        for name in idl().instructions.keys() {
            let called = self.calls.get(name);
            let succeeded = called.is_some_and(|endings| endings.contains_key(&ok));
            match (succeeded, REFUSED.contains(&name.as_str())) {
                (false, false) => missing.push(format!("{name} never succeeded")),
                (true, true) => missing.push(format!("{name} succeeded and is listed as always refused")),
                (false, true) if called.is_none() => missing.push(format!("{name} was never called")),
                _ => {}
            }
        }
        let unfilled = FILLED_KINDS.iter().filter(|kind| !self.outcomes.contains_key(&format!("Fills: {kind}")));
        missing.extend(unfilled.map(|kind| format!("no order of the kind {kind} was filled")));
        missing
    }

    /// Every refusal that was met, one "instruction: error" a line.
    pub fn refusals(&self) -> String {
        let ok = ending_name(Ending::Success);
        let head = format!(
            "# What {} sequences of the state machine met; scripts/fuzz --refusals writes it.\n",
            self.sequences
        );
        let pairs = self.calls.iter().flat_map(|(name, endings)| endings.keys().map(move |ending| (name, ending)));
        let met = pairs.filter(|(_, ending)| **ending != ok).map(|(name, ending)| format!("{name}: {ending}\n"));
        [head].into_iter().chain(met).collect()
    }

    /// Instruction by outcome, states that were reached, shares and speed.
    pub fn report(&self) -> String {
        let mut lines = vec!["Calls by instruction and outcome:".to_string()];
        for (name, endings) in &self.calls {
            lines.extend(endings.iter().map(|(ending, times)| format!("{times:>12}  {name}: {ending}")));
        }
        lines.push("Reached, and what became of the steps:".to_string());
        let told =
            |name: &str| ["Seen: ", "Fills: "].iter().any(|word| name.contains(word)) || name.starts_with("Step ");
        let reached = self.outcomes.iter().filter(|(name, _)| told(name));
        lines.extend(reached.map(|(name, times)| format!("{times:>12}  {name}")));
        let refusals: BTreeSet<&String> = self.calls.values().flat_map(BTreeMap::keys).collect();
        let share = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
        let (steps, refused, idle) = (self.steps(), self.refused, self.idle);
        lines.push(format!("{} sequences in {:.0} s, next seed {}", self.sequences, self.seconds, self.next));
        lines.push(format!("{:.0} steps per second", steps as f64 / self.seconds.max(0.001)));
        lines.push(format!(
            "{:.1} % of {steps} steps succeeded, {:.1} % were refused, {:.1} % found nothing to act on",
            share(self.succeeded, steps),
            share(refused, steps),
            share(idle, steps)
        ));
        lines.push(format!("{:.2} % of the sequences reached bankruptcy", share(self.bankrupt, self.sequences)));
        let (known, met) = (idl().errors.len(), refusals.len().saturating_sub(1));
        lines.push(format!("{} of {} instructions called", self.calls.len(), idl().instructions.len()));
        lines.push(format!("{met} kinds of refusal met; the program has {known} errors"));
        lines.join("\n")
    }
}

fn counts(value: &Value) -> BTreeMap<String, u64> {
    let all = value.as_object().expect("counts by name");
    all.iter().map(|(name, times)| (name.clone(), times.as_u64().expect("a count"))).collect()
}

/// The first line of a message, without the event that it tells.
pub fn summary(message: &str) -> String {
    message.lines().next().unwrap_or("").split(": {").next().unwrap_or("").to_string()
}

fn one(seed: u64, length: usize, all: &Mutex<Campaign>) -> Result<(), Broken> {
    let ended = run_seed(seed, length);
    let calls = tally::take();
    let mut all = all.lock().expect("no panic inside");
    all.count_calls(calls);
    ended.map(|machine| all.count(machine.steps, &machine.outcomes))
}
