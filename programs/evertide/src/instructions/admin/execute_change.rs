//! `execute_change`: a change takes effect, or begins its ramp, from 72 h after its proposal and for 7 days. Anyone.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::admin::take_sequence;
use crate::engine::change::fields::DEBT_INTEREST;
use crate::engine::change::{require_executable, Field, Place, Subject, Value};
use crate::engine::quote::require_quote;
use crate::error::EvertideError;
use crate::events::ChangeExecuted;
use crate::guards::{nonce, now, Now};
use crate::require_cmp;
use crate::state::{ChangeClass, ChangeStatus, Collateral, Exchange, Market, ParamChange, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct ExecuteChange {
    /// Anyone.
    pub signer: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub change: Account<ParamChange>,
    /// The market or the asset whose field it is; neither for a field of the exchange.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
    /// The quote asset, accrued up to now: for the debt interest alone.
    pub quote: Option<Account<Collateral>>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &ExecuteChange, now: Now) -> Result<Field> {
    // signer: anyone. exchange, risk_cache: the only ones there are. change: due. market, collateral: its target, below.
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let change = &accounts.change;
    require_executable(change, &accounts.exchange, now.ms)?;
    let field = Field::of(change.field)?;
    require!(field.place != Place::Listing, EvertideError::ChangeIsListing);
    if field.number == DEBT_INTEREST {
        let quote = accounts.quote.as_ref().ok_or(EvertideError::NotAccrued)?;
        require_quote(quote)?;
        require_cmp!(quote.debt_accrued_ms, ==, now.ms, EvertideError::NotAccrued);
    }
    Ok(field)
}

/// Moves the field, or begins its ramp. A change whose field holds another value than at its proposal is void.
fn execute(accounts: &mut ExecuteChange, field: &Field, now: Now) -> Result<(ChangeStatus, i64)> {
    let local = accounts.exchange.local != 0;
    let (target, mut subject) = Subject::of(&mut accounts.exchange, &mut accounts.market, &mut accounts.collateral)?;
    let change = &mut accounts.change;
    require!(address_eq(&target, &change.target), EvertideError::ChangeTargetWrong);
    let current = subject.current(field)?;
    if current != change.old_value {
        return Ok((ChangeStatus::Void, current));
    }
    let value = Value::of(change);
    if change.class == ChangeClass::Ramped as u8 {
        // The whole way is checked now; each step of it is again.
        subject.check(field, &value, local)?;
        change.words[0] = now.ms.unsigned_abs();
        change.words[1] = u64::from_le_bytes(current.to_le_bytes());
        return Ok((ChangeStatus::Ramping, current));
    }
    subject.check(field, &value, local)?;
    subject.require_accrued(field, now.ms)?;
    subject.set(field, &value, &mut accounts.risk_cache)?;
    Ok((ChangeStatus::Executed, subject.current(field)?))
}

pub fn execute_change(ctx: &mut Context<ExecuteChange>) -> Result<()> {
    let now = now()?;
    let field = validate(&ctx.accounts, now)?;
    let (status, value) = execute(&mut ctx.accounts, &field, now)?;
    let sequence = take_sequence(&mut ctx.accounts.exchange)?;
    let change = &mut ctx.accounts.change;
    change.status = status as u8;
    let (number, target) = (change.number, change.target);
    let event = ChangeExecuted { sequence, number, field: field.number, status: status as u8, target, value };
    emit_cpi!(event);
    Ok(())
}
