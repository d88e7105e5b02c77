//! What became of every instruction that a thread sent: successes, and refusals by code.

use std::{cell::RefCell, collections::BTreeMap};

use crate::idl::idl;

/// Outcome of one instruction: success, the program's own code, or a refusal by the runtime.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    Success,
    Code(u32),
    Runtime,
}

/// Times by instruction and outcome.
pub type Tally = BTreeMap<(&'static str, Ending), u64>;

thread_local!(static TALLY: RefCell<Tally> = RefCell::default());

/// Notes one outcome of the instruction called `name`.
pub fn record(name: &str, ending: Ending) {
    let name: &'static str = idl().instruction(name).name.as_str();
    TALLY.with_borrow_mut(|tally| *tally.entry((name, ending)).or_default() += 1);
}

/// What this thread noted since the last call.
pub fn take() -> Tally {
    TALLY.take()
}

/// The name of an outcome in a report.
pub fn ending_name(ending: Ending) -> String {
    match ending {
        Ending::Success => "ok".to_string(),
        Ending::Code(code) => format!("{} ({code})", idl().error_name(code)),
        Ending::Runtime => "refused by the runtime".to_string(),
    }
}
