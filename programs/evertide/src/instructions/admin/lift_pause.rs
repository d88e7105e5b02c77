//! `lift_pause`: ends a pause: the guardian at any time, anyone after its 30 min. A pause is over by then without it.

use anchor_lang::prelude::*;

use crate::engine::admin::take_sequence;
use crate::error::EvertideError;
use crate::events::PauseLifted;
use crate::guards::gate::PAUSE_MS;
use crate::guards::{nonce, now, role};
use crate::require_cmp;
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct LiftPause {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &LiftPause, now_ms: i64) -> Result<()> {
    // exchange: the only one there is. signer: signs; the guardian as long as the pause runs, anyone later.
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let exchange = &accounts.exchange;
    require!(exchange.pause_by != Address::default(), EvertideError::PauseNotSet);
    if !role::holds_any(exchange, accounts.signer.address(), &[Role::Guardian]) {
        let end_ms = exchange.pause_start_ms.saturating_add(PAUSE_MS);
        require_cmp!(now_ms, >=, end_ms, EvertideError::PauseNotOver);
    }
    Ok(())
}

pub fn lift_pause(ctx: &mut Context<LiftPause>) -> Result<()> {
    let now = now()?;
    validate(&ctx.accounts, now.ms)?;
    let by = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    // A pause that is cut short counts as one of 30 min that ends now.
    exchange.pause_start_ms = exchange.pause_start_ms.min(now.ms.saturating_sub(PAUSE_MS));
    exchange.pause_by = Address::default();
    let end_ms = exchange.pause_start_ms.saturating_add(PAUSE_MS);
    let sequence = take_sequence(exchange)?;
    emit_cpi!(PauseLifted { sequence, end_ms, by });
    Ok(())
}
