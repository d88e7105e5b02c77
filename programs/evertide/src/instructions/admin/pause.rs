//! `pause`: stops new risk for 30 min; three times in any 24 h at most.

use anchor_lang::prelude::*;

use crate::engine::admin::{require_admin, take_sequence};
use crate::error::EvertideError;
use crate::events::ExchangePaused;
use crate::guards::clock::DAY_MS;
use crate::guards::gate::PAUSE_MS;
use crate::guards::now;
use crate::require_cmp;
use crate::state::{Exchange, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct Pause {
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &Pause, now_ms: i64) -> Result<()> {
    // signer: signs and holds a role. exchange: the only one there is.
    let exchange = &accounts.exchange;
    let roles = [Role::Root, Role::Risk, Role::Guardian];
    require_admin(exchange, accounts.signer.address(), &roles, &accounts.instructions)?;
    let end_ms = exchange.pause_start_ms.saturating_add(PAUSE_MS);
    require_cmp!(now_ms, >=, end_ms, EvertideError::PauseRunning);
    // The fourth starts when the first has been over for a day: no window of 24 h then holds parts of more than three.
    let first_ms = exchange.pause_earlier_ms[1];
    if first_ms != 0 {
        let free_ms = first_ms.saturating_add(PAUSE_MS).saturating_add(DAY_MS);
        require_cmp!(now_ms, >=, free_ms, EvertideError::PauseUsedUp);
    }
    Ok(())
}

pub fn pause(ctx: &mut Context<Pause>) -> Result<()> {
    let now = now()?;
    validate(&ctx.accounts, now.ms)?;
    let by = *ctx.accounts.signer.address();
    let exchange = &mut ctx.accounts.exchange;
    exchange.pause_earlier_ms = [exchange.pause_start_ms, exchange.pause_earlier_ms[0]];
    exchange.pause_start_ms = now.ms;
    exchange.pause_by = by;
    let sequence = take_sequence(exchange)?;
    let event = ExchangePaused { sequence, start_ms: now.ms, end_ms: now.ms.saturating_add(PAUSE_MS), by };
    emit_cpi!(event);
    Ok(())
}
