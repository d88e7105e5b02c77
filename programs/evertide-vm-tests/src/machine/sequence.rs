//! Lists of steps: from a seed, to and from text, run, and shrunk.

use std::panic::{catch_unwind, AssertUnwindSafe};

use super::{Machine, Step, RULES};

/// splitmix64, the generator of every sequence.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Tries that a step of a fresh sequence gets; a try that comes to nothing is taken back, but for one in four.
const TRIES: usize = 8;

impl Dice {
    fn step(&mut self) -> Step {
        let total: u32 = RULES.iter().map(|(_, _, weight)| weight).sum();
        let mut mark = (self.roll() % u64::from(total)) as u32;
        let found = RULES.iter().find(|(_, _, weight)| {
            let hit = mark < *weight;
            mark = mark.wrapping_sub(*weight);
            hit
        });
        let (rule, _, _) = found.expect("the mark is below the total weight");
        Step { rule: *rule, dice: std::array::from_fn(|_| self.roll() as u32) }
    }
}

/// What a fresh sequence broke: its steps so far, and the violation.
pub struct Broken {
    pub steps: Vec<Step>,
    pub message: String,
}

/// Runs a fresh sequence of `length` steps, then the exit.
///
/// The seed gives the steps together with the states they meet: a step whose own calls were all refused, or that found
/// nothing to act on, is taken back three times of four and another one is drawn. Its refusals were checked all the same.
pub fn run_seed(seed: u64, length: usize) -> Result<Machine, Broken> {
    let (mut dice, mut machine) = (Dice(seed), Machine::new());
    let mut steps = Vec::with_capacity(length);
    for _ in 0..length {
        for attempt in 1..=TRIES {
            let (step, kept) = (dice.step(), dice.roll().is_multiple_of(4) || attempt == TRIES);
            let before = (!kept).then(|| machine.clone());
            steps.push(step);
            if let Err(message) = guarded(|| machine.step(step)) {
                return Err(Broken { steps, message });
            }
            match before {
                Some(before) if !machine.has_succeeded() => {
                    machine = before;
                    steps.pop();
                }
                _ => break,
            }
        }
    }
    end(&mut machine).map_err(|message| Broken { steps, message })?;
    Ok(machine)
}

/// The exit, after counting whether a bankruptcy was reached: what the exit itself resolves does not count.
fn end(machine: &mut Machine) -> Result<(), String> {
    if machine.has_resolved() {
        machine.note("Sequences: with a resolved bankruptcy");
    }
    guarded(|| machine.exit())
}

/// One line a step: the rule's name and four numbers.
pub fn steps_to_text(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let (_, name, _) = RULES.iter().find(|(rule, _, _)| *rule == step.rule).expect("every rule has a name");
        let [a, b, c, d] = step.dice;
        format!("{name} {a} {b} {c} {d}\n")
    };
    steps.iter().map(line).collect()
}

/// Reads what `steps_to_text` wrote; lines that start with # are comments.
pub fn steps_from_text(text: &str) -> Vec<Step> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).map(step_from_line).collect()
}

fn step_from_line(line: &str) -> Step {
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words.len(), 5, "a step is a rule and four numbers: {line}");
    let found = RULES.iter().find(|(_, name, _)| *name == words[0]);
    let (rule, _, _) = found.unwrap_or_else(|| panic!("no rule is called {}", words[0]));
    let die = |row: usize| words[row].parse().unwrap_or_else(|_| panic!("not a number in: {line}"));
    Step { rule: *rule, dice: [die(1), die(2), die(3), die(4)] }
}

/// Violations are told by whoever runs the steps, once they are shrunk.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Runs the steps, then the exit. On a violation: how many steps were taken, and what was violated.
pub fn run_steps(steps: &[Step]) -> Result<Machine, (usize, String)> {
    let mut machine = Machine::new();
    for (taken, step) in steps.iter().enumerate() {
        guarded(|| machine.step(*step)).map_err(|message| (taken + 1, message))?;
    }
    end(&mut machine).map_err(|message| (steps.len(), message))?;
    Ok(machine)
}

fn guarded(action: impl FnOnce()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(action)).map_err(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        text.or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "a panic".to_string())
    })
}

/// The shortest failing list found: the failing prefix, then without each step that is not needed.
pub fn shrink(steps: &[Step]) -> (Vec<Step>, String) {
    let mut best = steps.to_vec();
    let mut message = String::new();
    while let Err((taken, why)) = run_steps(&best) {
        message = why;
        if taken >= best.len() {
            break;
        }
        best.truncate(taken);
    }
    let mut chunk = (best.len() / 2).max(1);
    loop {
        let mut at = 0;
        while at < best.len() {
            let mut shorter = best.clone();
            shorter.drain(at..(at + chunk).min(best.len()));
            match run_steps(&shorter) {
                Err((taken, why)) => {
                    shorter.truncate(taken);
                    best = shorter;
                    message = why;
                }
                Ok(_) => at += chunk,
            }
        }
        if chunk == 1 {
            return (best, message);
        }
        chunk /= 2;
    }
}
