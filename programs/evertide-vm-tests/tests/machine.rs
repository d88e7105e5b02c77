//! The state machine over seeds that once failed and over fresh sequences.
//!
//! `EVERTIDE_SEQUENCES` sets how many fresh sequences are run (default: as many as fit into 60 s, and 150 at least),
//! `EVERTIDE_SEED` where they start, `EVERTIDE_STEPS` how long each is.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Mutex,
    },
    time::{Duration, Instant},
};

use evertide_vm_tests::{
    exchange::{collateral, exchange, market},
    idl::workspace,
    machine::{
        run_seed, run_steps, shrink, silence_panics, steps_from_text, steps_to_text, Broken, Machine, Rule, Step,
    },
    state::{Collateral, Exchange, Market},
};

/// As in `scripts/fuzz`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEFAULT_STEPS: usize = 120;
const DEFAULT_TIME: Duration = Duration::from_secs(60);

/// Fewest sequences of a run whose length is not given; runs shorter than this are not judged by what they reach.
const FEWEST: u64 = 150;
/// Of a thousand sequences at least so many resolve a bankruptcy before the exit; a quarter of them does.
const BANKRUPTCIES_PER_MILLE: u64 = 50;

/// What every run of some length reaches, or the machine has gone blind.
const NEEDED: [&str; 43] = [
    "Auction: ok",
    "Commit: ok",
    "DeadMan: ok",
    "Expire: ok",
    "Fills: TWAP slice",
    "Fills: auction",
    "Fills: bracket entry",
    "Fills: iceberg",
    "Fills: revealed",
    "Fills: signed",
    "Fills: trailing stop",
    "LiquidateCollateral: ok",
    "LiquidateOrders: ok",
    "LiquidatePosition: ok",
    "LiquidateToBackstop: ok",
    "LiquidateWithOrders: ok",
    "Match: ok",
    "Modify: ok",
    "Place: InitialMarginTooLow (6300)",
    "ResolveBankruptcy: ok",
    "ResolveBankruptcy: UserSolvent (6806)",
    "Signed: ok",
    "Slice: ok",
    "Trail: ok",
    "Trigger: ok",
    "Seen: a bankruptcy opened",
    "Seen: a change of what is traded proposed",
    "Seen: a bankruptcy resolved",
    "Seen: a debt",
    "Seen: a latch",
    "Seen: a later epoch",
    "Seen: a recorded deficit",
    "Seen: deleveraged at a bankruptcy price",
    "Seen: folding dust",
    "Seen: funding",
    "Seen: insurance paid",
    "Seen: the tranche paid",
    "Seen: ways out behind a gate",
    "Reward: ok",
    "Settle: ok",
    "Touch: ok",
    "UpdateMark: ok",
    "Withdraw: ok",
];

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

fn seeds_folder() -> PathBuf {
    workspace().join("seeds")
}

/// Every list of steps that failed once is run first.
#[test]
fn seeds_that_failed_once_pass() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(seeds_folder()).expect("the seeds folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "steps")) {
        let steps = steps_from_text(&fs::read_to_string(file).expect("a readable seed"));
        if let Err((taken, message)) = run_steps(&steps) {
            panic!("{} fails again after {taken} steps: {message}", file.display());
        }
    }
}

/// Fresh sequences; a failure is shrunk and written to the seeds folder.
#[test]
fn fresh_sequences_keep_every_invariant() {
    let first = setting("EVERTIDE_SEED").unwrap_or(1);
    let count = setting("EVERTIDE_SEQUENCES");
    let length = setting("EVERTIDE_STEPS").map_or(DEFAULT_STEPS, |steps| steps as usize);
    let (next, finished, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let outcomes: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let start = Instant::now();
    let loud = std::panic::take_hook();
    silence_panics();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let done = count.map_or(at >= FEWEST && start.elapsed() > DEFAULT_TIME, |count| at >= count);
                if done || failed.load(Ordering::Relaxed) {
                    break;
                }
                match run_seed(first + at, length) {
                    Ok(machine) => {
                        finished.fetch_add(1, Ordering::Relaxed);
                        let mut all = outcomes.lock().expect("no panic inside");
                        machine
                            .outcomes
                            .iter()
                            .for_each(|(name, times)| *all.entry(name.to_string()).or_default() += times);
                    }
                    Err(broken) => {
                        failed.store(true, Ordering::Relaxed);
                        report(first + at, &broken);
                    }
                }
            });
        }
    });
    std::panic::set_hook(loud);
    let sequences = finished.load(Ordering::Relaxed);
    println!("{sequences} sequences of {length} steps in {:.1} s", start.elapsed().as_secs_f64());
    let outcomes = outcomes.into_inner().expect("no panic inside");
    outcomes.iter().for_each(|(name, times)| println!("{times:>9}  {name}"));
    assert!(!failed.load(Ordering::Relaxed), "a sequence failed; see above");
    let bankrupt = outcomes.get("Sequences: with a resolved bankruptcy").copied().unwrap_or(0);
    println!("{bankrupt} of {sequences} sequences resolved a bankruptcy before the exit");
    if sequences >= FEWEST {
        for needed in NEEDED {
            assert!(outcomes.contains_key(needed), "no sequence reached {needed}");
        }
        let due = sequences * BANKRUPTCIES_PER_MILLE / 1_000;
        assert!(bankrupt >= due, "{bankrupt} of {sequences} sequences resolved a bankruptcy, {due} are due");
    }
}

/// What a bug would leave behind is seen by the check that is there for it: each of these states passes every other one.
#[test]
fn planted_states_are_seen() {
    type Plant = fn(&mut Machine);
    let plants: [(&str, Plant); 8] = [
        ("I-22: a pause begins", |machine| {
            let later_ms = machine.world.now_ms() + 60_000;
            machine.world.edit(exchange(), |state: &mut Exchange| state.pause_start_ms = later_ms);
        }),
        ("I-24: band_bps of Market(0)", |machine| {
            machine.world.edit(market(0), |state: &mut Market| state.terms.band_bps = 5);
        }),
        ("I-24: debt_cap_bps of Exchange", |machine| {
            machine.world.edit(exchange(), |state: &mut Exchange| state.terms.debt_cap_bps = 1_001);
        }),
        ("I-24: weight_initial_bps of Collateral(1)", |machine| {
            machine.world.edit(collateral(1), |state: &mut Collateral| state.terms.weight_initial_bps = 9_801);
        }),
        ("I-26: ", |machine| {
            let call = machine.world.accrue_market(0);
            let mut outcome = machine.world.ok(&call);
            outcome.meta.compute_units_consumed = 400_151;
            machine.check_fits(&[call], &outcome);
        }),
        ("I-26: ", |machine| {
            let mut call = machine.world.accrue_market(0);
            let outcome = machine.world.ok(&call);
            call.data.resize(1_100, 0);
            machine.check_fits(&[call], &outcome);
        }),
        ("I-27: ", |machine| machine.world.forge(market(0), |data| data.push(0))),
        ("I-28: market ", |machine| {
            let fees = |machine: &Machine, index: u16| machine.world.market(index).pending_fees_atoms;
            for die in 0..64 {
                machine.step(Step { rule: Rule::Whale, dice: [3, die, die, die] });
            }
            let traded = (0..2).find(|index| fees(machine, *index) > 0).expect("a whale traded");
            machine.world.edit(market(traded), |state: &mut Market| state.pending_fees_atoms -= 1);
        }),
    ];
    for (due, plant) in plants {
        let mut machine = Machine::new();
        let step = Step { rule: Rule::TimeWarp, dice: [0; 4] };
        machine.step(step);
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            plant(&mut machine);
            machine.step(step);
        }));
        let cause = seen.expect_err(&format!("nothing saw what {due} is there for"));
        let message = cause.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(message.contains(due), "{due} is due, not: {message}");
    }
}

fn report(seed: u64, broken: &Broken) {
    eprintln!("seed {seed} fails after {} steps: {}", broken.steps.len(), broken.message);
    let (short, why) = shrink(&broken.steps);
    let file = seeds_folder().join(format!("seed_{seed}.steps"));
    let summary = why.lines().next().unwrap_or("").split(": {").next().unwrap_or("");
    let text = format!("# Found as seed {seed}: {summary}\n{}", steps_to_text(&short));
    fs::write(&file, text).expect("the seeds folder is writable");
    eprintln!("shrunk to {} steps, kept in {}: {why}", short.len(), file.display());
}
