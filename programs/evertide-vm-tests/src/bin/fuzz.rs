//! The state machine for hours: `scripts/fuzz` builds and calls this.
//!
//!     fuzz --hours H [--sequences N] [--steps 50] [--jobs J] [--first SEED] [--state FILE] [--seeds DIR] [--refusals FILE]
//!         [--stop-early]
//!
//! Runs every `*.steps` file of DIR first, then sequences until H hours of this call are over or N sequences are done in
//! all. FILE keeps what was done; a run that finds it goes on from there. A failing sequence is shrunk and written to
//! DIR. `--refusals` writes which instruction met which error. With `--stop-early` the first failure ends the run, and nothing is shrunk or written. Exit code 1 when anything
//! failed or the run fell short of what is due.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use evertide_vm_tests::{
    campaign::{summary, Campaign, BATCH},
    idl::workspace,
    machine::{run_steps, shrink, silence_panics, steps_from_text, steps_to_text, Broken},
};

/// A sequence clones worlds by the hundred: the system's allocator takes a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Failures after which a run ends: more of them tell nothing new.
const MOST_FAILURES: usize = 5;
/// Seconds between two lines of progress.
const PROGRESS_S: u64 = 60;

struct Settings {
    time: Duration,
    sequences: u64,
    steps: usize,
    jobs: usize,
    first: u64,
    state: Option<PathBuf>,
    seeds: PathBuf,
    refusals: Option<PathBuf>,
    stop_early: bool,
}

fn usage(problem: &str) -> ! {
    eprintln!("{problem}");
    std::process::exit(2);
}

impl Settings {
    fn read() -> Self {
        let mut words = std::env::args().skip(1);
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let mut settings = Self {
            time: Duration::MAX,
            sequences: u64::MAX,
            steps: 50,
            jobs,
            first: 1,
            state: None,
            seeds: workspace().join("seeds"),
            refusals: None,
            stop_early: false,
        };
        while let Some(word) = words.next() {
            if word == "--stop-early" {
                settings.stop_early = true;
                continue;
            }
            let value = words.next().unwrap_or_else(|| usage(&format!("{word} needs a value")));
            let number = || value.parse::<u64>().unwrap_or_else(|_| usage(&format!("{word}: not a number: {value}")));
            match word.as_str() {
                "--hours" => {
                    let hours: f64 =
                        value.parse().unwrap_or_else(|_| usage(&format!("--hours: not a number: {value}")));
                    settings.time = Duration::from_secs_f64(hours * 3_600.0);
                }
                "--sequences" => settings.sequences = number(),
                "--steps" => settings.steps = number() as usize,
                "--jobs" => settings.jobs = number().max(1) as usize,
                "--first" => settings.first = number(),
                "--state" => settings.state = Some(value.into()),
                "--seeds" => settings.seeds = value.into(),
                "--refusals" => settings.refusals = Some(value.into()),
                _ => usage(&format!("unknown option {word}")),
            }
        }
        if settings.time == Duration::MAX && settings.sequences == u64::MAX {
            usage("give --hours or --sequences");
        }
        settings
    }
}

/// Runs the kept seeds. Returns those that fail, with their messages.
fn kept_seeds(folder: &Path, stop_early: bool) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| usage(&format!("{}: {error}", folder.display())));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "steps"));
    files.sort();
    let mut failures = Vec::new();
    for file in &files {
        let steps = steps_from_text(&fs::read_to_string(file).expect("a readable seed"));
        if let Err((taken, message)) = run_steps(&steps) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            println!("{name} fails after {taken} steps: {message}");
            failures.push(format!("{name} broke {}", summary(&message)));
            if stop_early {
                break;
            }
        }
    }
    println!("{} kept seeds run, {} failed", files.len(), failures.len());
    failures
}

fn keep(settings: &Settings, seed: u64, broken: &Broken) {
    println!("seed {seed} fails after {} steps: {}", broken.steps.len(), broken.message);
    if settings.stop_early {
        return;
    }
    let (short, why) = shrink(&broken.steps);
    let file = settings.seeds.join(format!("seed_{seed}.steps"));
    let text = format!("# Found as seed {seed}: {}\n{}", summary(&why), steps_to_text(&short));
    fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    println!("shrunk to {} steps, kept in {}: {why}", short.len(), file.display());
}

fn main() -> ExitCode {
    let settings = Settings::read();
    silence_panics();
    let mut shortcomings = kept_seeds(&settings.seeds, settings.stop_early);
    let mut campaign = match &settings.state {
        Some(path) if path.exists() => Campaign::load(path),
        _ => Campaign::from_seed(settings.first),
    };
    if campaign.sequences > 0 {
        println!("going on after {} sequences", campaign.sequences);
    }
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut found = 0;
    let done = |campaign: &Campaign| begun.elapsed() >= settings.time || campaign.sequences >= settings.sequences;
    let go_on = shortcomings.is_empty() || !settings.stop_early;
    while go_on && !done(&campaign) && found < MOST_FAILURES {
        let left = settings.sequences - campaign.sequences;
        let failures = campaign.run(left.min(BATCH), settings.steps, settings.jobs);
        if let Some(path) = &settings.state {
            campaign.save(path);
        }
        found += failures.len();
        for (seed, broken) in &failures {
            keep(&settings, *seed, broken);
        }
        if settings.stop_early && found > 0 {
            break;
        }
        if told.elapsed().as_secs() >= PROGRESS_S {
            told = Instant::now();
            println!("{} sequences, {} failed", campaign.sequences, campaign.failed.len());
        }
    }
    println!("{}", campaign.report());
    if let Some(path) = &settings.refusals {
        fs::write(path, campaign.refusals()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    shortcomings.extend(campaign.shortcomings());
    shortcomings.iter().for_each(|shortcoming| println!("short: {shortcoming}"));
    ExitCode::from(u8::from(!shortcomings.is_empty()))
}
