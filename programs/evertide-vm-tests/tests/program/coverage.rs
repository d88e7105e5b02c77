//! What can be judged only after all tests ran.

use std::collections::BTreeSet;

use evertide_vm_tests::{hits, idl::idl, tests};

tests!(every_error_of_the_idl_was_hit);

fn every_error_of_the_idl_was_hit() {
    let hit = hits::errors();
    let known: BTreeSet<u32> = idl().errors.values().copied().collect();
    let missing: Vec<String> = known.difference(&hit).map(|code| format!("{} {code}", idl().error_name(*code))).collect();
    assert!(missing.is_empty(), "{} errors that no test hit: {}", missing.len(), missing.join(", "));
}
