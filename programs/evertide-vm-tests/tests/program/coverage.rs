//! What can be judged only after all tests ran.

use std::collections::BTreeSet;

use evertide_vm_tests::{hits, idl::idl, tests};

tests!(the_errors_hit_equal_the_idls);

/// First code of the program; Anchor's own and other programs' lie below.
const FIRST_CODE: u32 = 6_000;

fn the_errors_hit_equal_the_idls() {
    let hit: BTreeSet<u32> = hits::errors().into_iter().filter(|code| *code >= FIRST_CODE).collect();
    let known: BTreeSet<u32> = idl().errors.values().copied().collect();
    let missing: Vec<String> =
        known.difference(&hit).map(|code| format!("{} {code}", idl().error_name(*code))).collect();
    assert!(missing.is_empty(), "{} errors that no test hit: {}", missing.len(), missing.join(", "));
    assert_eq!(hit, known, "a code that the IDL does not know");
}
