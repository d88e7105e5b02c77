//! What the tests saw, over all threads: error codes hit and compute units spent.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

/// Every case of every instruction stays below this, whatever it holds.
pub const WORST_UNITS: u64 = 400_000;

static ERRORS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static UNITS: Mutex<BTreeMap<(String, String), u64>> = Mutex::new(BTreeMap::new());

/// Notes that a test saw `code` while every account stayed unchanged.
pub fn record_error(code: u32) {
    ERRORS.lock().expect("no test panics inside").insert(code);
}

/// All codes seen so far.
pub fn errors() -> BTreeSet<u32> {
    ERRORS.lock().expect("no test panics inside").clone()
}

/// Notes the compute units of `instruction` in `case`; the greatest counts.
pub fn record_units(instruction: &str, case: &str, units: u64) {
    let mut all = UNITS.lock().expect("no test panics inside");
    let entry = all.entry((instruction.to_string(), case.to_string())).or_default();
    *entry = (*entry).max(units);
}

/// All compute units noted so far.
pub fn units() -> BTreeMap<(String, String), u64> {
    UNITS.lock().expect("no test panics inside").clone()
}
