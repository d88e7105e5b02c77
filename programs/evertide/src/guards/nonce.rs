//! Admin instructions are signed for now, not for later.

use anchor_lang::prelude::*;

use crate::error::EvertideError;

/// `SystemInstruction::AdvanceNonceAccount` as it starts the instruction's data.
const ADVANCE_NONCE: [u8; 4] = 4_u32.to_le_bytes();

/// Refuses a transaction that starts with AdvanceNonceAccount: it may have been signed weeks ago, for a state of the
/// exchange that its signer no longer means.
pub fn require_no_durable_nonce(instructions: &Sysvar<SysvarInstructions>) -> Result<()> {
    let first = instructions.load_instruction_at(0)?;
    let nonce = anchor_lang::address_eq(first.get_program_id(), &System::id())
        && first.get_instruction_data().starts_with(&ADVANCE_NONCE);
    require!(!nonce, EvertideError::DurableNonceRefused);
    Ok(())
}
