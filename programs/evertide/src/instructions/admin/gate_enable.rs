//! `gate_enable`: asks for a closed gate to open, and after 72 h, by anyone, opens it.

use anchor_lang::prelude::*;

use crate::engine::admin::take_sequence;
use crate::error::{EvertideError, OrRefuse};
use crate::events::GateEnabled;
use crate::guards::timelock::{require_due, TIMELOCK_MS, TIMELOCK_WINDOW_MS};
use crate::guards::{nonce, now, role, Gate};
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct GateEnable {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

/// Whether the call asks or opens, and the gate.
fn validate(accounts: &GateEnable, number: u8, now_ms: i64) -> Result<(bool, Gate)> {
    // exchange: the only one there is.
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let exchange = &accounts.exchange;
    let gate = Gate::of(number)?;
    require!(exchange.gates_closed & gate.bit() != 0, EvertideError::GateUnchanged);
    let open_ms = exchange.gate_open_ms[gate as usize];
    let asks = open_ms == 0 || now_ms >= open_ms.saturating_add(TIMELOCK_WINDOW_MS);
    if asks {
        // signer: signs and holds a role; to open what was asked for, anyone signs.
        role::require_role(exchange, accounts.signer.address(), &[Role::Root, Role::Risk])?;
    } else {
        require_due(now_ms, open_ms)?;
    }
    Ok((asks, gate))
}

pub fn gate_enable(ctx: &mut Context<GateEnable>, gate: u8) -> Result<()> {
    let now = now()?;
    let (asks, gate) = validate(&ctx.accounts, gate, now.ms)?;
    let by = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    let open_ms = if asks { now.ms.checked_add(TIMELOCK_MS).or_refuse()? } else { 0 };
    exchange.gate_open_ms[gate as usize] = open_ms;
    if !asks {
        exchange.gates_closed &= !gate.bit();
    }
    let (sequence, gates_closed) = (take_sequence(exchange)?, exchange.gates_closed);
    emit_cpi!(GateEnabled { sequence, gate: gate as u8, gates_closed, open_ms, by });
    Ok(())
}
