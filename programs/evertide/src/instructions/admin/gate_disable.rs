//! `gate_disable`: closes a gate at once: gates stop new risk only.

use anchor_lang::prelude::*;

use crate::engine::admin::{require_admin, take_sequence};
use crate::error::EvertideError;
use crate::events::GateDisabled;
use crate::guards::Gate;
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct GateDisable {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

/// Returns the gate that the number names.
fn validate(accounts: &GateDisable, number: u8) -> Result<Gate> {
    // signer: signs and holds a role. exchange: the only one there is.
    let exchange = &accounts.exchange;
    let roles = [Role::Root, Role::Risk, Role::Guardian];
    require_admin(exchange, accounts.signer.address(), &roles, &accounts.instructions)?;
    let gate = Gate::of(number)?;
    let asked = exchange.gate_open_ms[gate as usize] != 0;
    require!(asked || exchange.gates_closed & gate.bit() == 0, EvertideError::GateUnchanged);
    Ok(gate)
}

pub fn gate_disable(ctx: &mut Context<GateDisable>, gate: u8) -> Result<()> {
    let gate = validate(&ctx.accounts, gate)?;
    let by = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    exchange.gates_closed |= gate.bit();
    // Whoever asked for the gate to open has to ask again.
    exchange.gate_open_ms[gate as usize] = 0;
    let (sequence, gates_closed) = (take_sequence(exchange)?, exchange.gates_closed);
    emit_cpi!(GateDisabled { sequence, gate: gate as u8, gates_closed, by });
    Ok(())
}
