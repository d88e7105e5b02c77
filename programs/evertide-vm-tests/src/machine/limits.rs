//! I-26: every accepted call stays below the ceiling of compute, and fits into one transaction.

use super::Machine;
use crate::{
    call::Call,
    hits::WORST_UNITS,
    world::{Outcome, BUDGET_UNITS},
};

/// Compute that a transaction may ask for.
const MOST_UNITS: u64 = 1_400_000;
/// Bytes of a packet.
const MOST_BYTES: usize = 1_232;
/// Signature, version, header, blockhash, and counts of what follows.
const FRAME_BYTES: usize = 1 + 1 + 3 + 32 + 3;
/// An address lookup table: its address and the counts of its rows.
const TABLE_BYTES: usize = 32 + 2;
/// The compute budget's program and instruction.
const BUDGET_BYTES: usize = 32 + 8;
const ADDRESS_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

impl Machine {
    /// Panics where an accepted transaction of these calls is too large in compute or bytes.
    pub fn check_fits(&self, calls: &[Call], outcome: &Outcome) {
        let (units, most) = (outcome.meta.compute_units_consumed, WORST_UNITS * calls.len() as u64 + BUDGET_UNITS);
        let name = &calls[0].name;
        assert!(units <= most.min(MOST_UNITS), "I-26: {name} and {} more took {units} units", calls.len() - 1);
        let bytes = packed_bytes(calls);
        assert!(bytes <= MOST_BYTES, "I-26: {name} and {} more need {bytes} bytes", calls.len() - 1);
    }
}

/// Bytes of the calls in one transaction of version 0 whose accounts that do not sign are in a lookup table.
fn packed_bytes(calls: &[Call]) -> usize {
    let mut signers = Vec::new();
    let mut others = Vec::new();
    let mut programs = Vec::new();
    let mut instructions = 0;
    for call in calls {
        for meta in call.metas.iter().chain(&call.remaining) {
            let list = if meta.is_signer { &mut signers } else { &mut others };
            if !list.contains(&meta.pubkey) {
                list.push(meta.pubkey);
            }
        }
        for ahead in &call.ahead {
            if !programs.contains(&ahead.program_id) {
                programs.push(ahead.program_id);
            }
            instructions += 4 + ahead.accounts.len() + ahead.data.len();
        }
        instructions += 4 + call.metas.len() + call.remaining.len() + call.data.len();
    }
    let fixed = FRAME_BYTES + TABLE_BYTES + BUDGET_BYTES + SIGNATURE_BYTES + 2 * ADDRESS_BYTES;
    let signing = signers.len() * (SIGNATURE_BYTES + ADDRESS_BYTES);
    fixed + signing + programs.len() * ADDRESS_BYTES + others.len() + instructions
}
