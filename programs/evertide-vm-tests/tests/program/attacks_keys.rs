//! Attacks by whoever holds keys: roles, the upgrade authority's proposer, approvals that were kept for later.

use std::collections::BTreeSet;

use evertide_vm_tests::{idl::idl, tests};

use crate::{open_exchange::refuse_behind_nonce, specimens::specimens};

tests!(v28_no_instruction_of_a_role_runs_behind_a_durable_nonce);

/// Instructions that read the transaction's other instructions for another reason than its first.
const OTHER_READERS: [&str; 1] = ["place_signed_orders"];

/// V-28: what was signed for a durable nonce may be weeks old.
fn v28_no_instruction_of_a_role_runs_behind_a_durable_nonce() {
    let mut tried = BTreeSet::new();
    for specimen in specimens() {
        let reads = specimen.call.names.iter().any(|name| name == "instructions");
        if reads && !OTHER_READERS.contains(&specimen.call.name.as_str()) {
            refuse_behind_nonce(specimen.world, &specimen.call);
            tried.insert(specimen.call.name);
        }
    }
    // Whatever takes the exchange writable or names a role is an instruction of a role.
    let of_roles = idl().instructions.values().filter(|spec| {
        let writes = spec.accounts.iter().any(|account| account.name == "exchange" && account.writable);
        writes && spec.accounts.iter().any(|account| account.signer)
    });
    for spec in of_roles {
        assert!(tried.contains(&spec.name), "{} is not refused behind a durable nonce", spec.name);
    }
}
