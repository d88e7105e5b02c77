//! What admin instructions share.

use anchor_lang::prelude::*;

use crate::error::OrRefuse;
use crate::guards::{nonce, role};
use crate::state::{Exchange, Role};

/// Refuses a durable nonce, and anybody who holds none of these roles.
pub fn require_admin(
    exchange: &Exchange,
    signer: &Address,
    roles: &[Role],
    instructions: &Sysvar<SysvarInstructions>,
) -> Result<()> {
    nonce::require_no_durable_nonce(instructions)?;
    role::require_role(exchange, signer, roles)
}

/// The sequence number of the exchange's next event; raises it.
pub fn take_sequence(exchange: &mut Exchange) -> Result<u64> {
    let sequence = exchange.sequence;
    exchange.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(sequence)
}
