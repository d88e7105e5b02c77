//! `propose_change`: what only stops new risk takes effect at once, everything else waits 72 h.

use anchor_lang::prelude::*;

use crate::engine::admin::{require_admin, take_sequence};
use crate::engine::change::{ChangeTarget, Field, FieldKind, Subject, Value};
use crate::error::{EvertideError, OrRefuse};
use crate::events::ChangeProposed;
use crate::guards::timelock::{TIMELOCK_MS, TIMELOCK_WINDOW_MS};
use crate::guards::{now, Now};
use crate::state::{
    ChangeClass, ChangeStatus, Collateral, Exchange, Market, ParamChange, RiskCache, Role, LAYOUT_VERSION,
};

#[event_cpi]
#[derive(Accounts)]
pub struct ProposeChange {
    #[account(mut)]
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = signer, seeds = [b"change", &exchange.next_change.to_le_bytes()], bump)]
    pub change: Account<ParamChange>,
    /// The market or the asset whose field it is; neither for a field of the exchange.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
    pub system_program: Program<System>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &ProposeChange, number: u32) -> Result<Field> {
    // exchange, risk_cache: the only ones there are. change: created here at the next number. market, collateral: any, of
    // which the change then takes the address. signer: signs and holds a role.
    let field = Field::of(number)?;
    let roles: &[Role] = if field.target == ChangeTarget::Exchange { &[Role::Root] } else { &[Role::Root, Role::Risk] };
    require_admin(&accounts.exchange, accounts.signer.address(), roles, &accounts.instructions)?;
    Ok(field)
}

/// Checks the change against what is there, and lets it take effect if it is instant. Returns what waits.
fn propose(
    accounts: &mut ProposeChange,
    field: &Field,
    value: &Value,
    now: Now,
) -> Result<(Address, i64, ChangeClass)> {
    let local = accounts.exchange.local != 0;
    let (target, mut subject) = Subject::of(&mut accounts.exchange, &mut accounts.market, &mut accounts.collateral)?;
    subject.require_holds(field)?;
    let old_value = subject.current(field)?;
    let same = match field.kind {
        // Two keys that differ in their last 24 bytes alone: a proposal of no consequence, which is void when it is due.
        FieldKind::Key => old_value.to_le_bytes() == value.key[..8],
        _ => old_value == value.number,
    };
    require!(!same, EvertideError::ChangeUnchanged);
    subject.check(field, value, local)?;
    let class = field.class(&subject, old_value, value.number);
    if class == ChangeClass::Instant {
        subject.require_accrued(field, now.ms)?;
        subject.set(field, value, &mut accounts.risk_cache)?;
    }
    Ok((target, old_value, class))
}

pub fn propose_change(ctx: &mut Context<ProposeChange>, field: u32, value: i64, key: [u8; 32]) -> Result<()> {
    let field = validate(&ctx.accounts, field)?;
    let now = now()?;
    let value = Value { number: value, key };
    let (target, old_value, class) = propose(&mut ctx.accounts, &field, &value, now)?;
    let instant = class == ChangeClass::Instant;
    let proposer = *ctx.accounts.signer.address();
    let number = ctx.accounts.exchange.next_change;
    ctx.accounts.exchange.next_change = number.checked_add(1).or_refuse()?;
    let sequence = take_sequence(&mut ctx.accounts.exchange)?;
    let change = &mut ctx.accounts.change;
    change.version = LAYOUT_VERSION;
    change.bump = ctx.bumps.change;
    change.class = class as u8;
    change.status = if instant { ChangeStatus::Executed } else { ChangeStatus::Pending } as u8;
    change.field = field.number;
    change.target = target;
    change.proposer = proposer;
    change.old_value = old_value;
    change.new_value = value.number;
    change.earliest_ms = if instant { now.ms } else { now.ms.checked_add(TIMELOCK_MS).or_refuse()? };
    change.expiry_ms = change.earliest_ms.checked_add(TIMELOCK_WINDOW_MS).or_refuse()?;
    change.number = number;
    bytemuck::bytes_of_mut(&mut change.words).copy_from_slice(&value.key);
    let event = ChangeProposed {
        sequence,
        number,
        field: field.number,
        class: change.class,
        status: change.status,
        target,
        proposer,
        old_value,
        new_value: value.number,
        key,
        earliest_ms: change.earliest_ms,
        expiry_ms: change.expiry_ms,
    };
    emit_cpi!(event);
    Ok(())
}
