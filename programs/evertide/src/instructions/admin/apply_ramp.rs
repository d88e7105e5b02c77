//! `apply_ramp`: moves a parameter along its ramp to where it is now. Anyone.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::change::{ramped, Field, Subject, Value};
use crate::error::{EvertideError, OrRefuse};
use crate::events::RampApplied;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{ChangeStatus, Collateral, Exchange, Market, ParamChange, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct ApplyRamp {
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub change: Account<ParamChange>,
    /// The market or the asset whose field it is.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
}

/// Moves the field to the ramp's value now. A ramp whose field something else has moved is void.
fn apply(accounts: &mut ApplyRamp, now: Now) -> Result<(Field, ChangeStatus, i64)> {
    let local = accounts.exchange.local != 0;
    let (target, mut subject) = Subject::of(&mut accounts.exchange, &mut accounts.market, &mut accounts.collateral)?;
    // exchange, risk_cache: the only ones there are. change: one that ramps. market, collateral: its target.
    let change = &mut accounts.change;
    require!(change.status == ChangeStatus::Ramping as u8, EvertideError::ChangeNotRamping);
    require!(address_eq(&target, &change.target), EvertideError::ChangeTargetWrong);
    let field = Field::of(change.field)?;
    let current = subject.current(&field)?;
    if change.words[1] != u64::from_le_bytes(current.to_le_bytes()) {
        return Ok((field, ChangeStatus::Void, current));
    }
    let value = ramped(change, now.ms)?;
    require_cmp!(value, !=, current, EvertideError::RampUnmoved);
    let moved = Value::number(value);
    subject.check(&field, &moved, local)?;
    subject.require_accrued(&field, now.ms)?;
    subject.set(&field, &moved, &mut accounts.risk_cache)?;
    change.words[1] = u64::from_le_bytes(value.to_le_bytes());
    let done = value == change.new_value;
    Ok((field, if done { ChangeStatus::Executed } else { ChangeStatus::Ramping }, value))
}

pub fn apply_ramp(ctx: &mut Context<ApplyRamp>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let (field, status, value) = apply(accounts, now)?;
    accounts.change.status = status as u8;
    let (market, index, counter) = match (&mut accounts.market, &mut accounts.collateral) {
        (Some(market), _) => (true, market.index, &mut market.sequence),
        (_, Some(asset)) => (false, asset.index, &mut asset.sequence),
        // No field of the exchange ramps.
        _ => return Err(EvertideError::ChangeNotRamping.into()),
    };
    let sequence = *counter;
    *counter = sequence.checked_add(1).or_refuse()?;
    let number = accounts.change.number;
    let event = RampApplied { sequence, market, index, number, field: field.number, status: status as u8, value };
    emit_cpi!(event);
    Ok(())
}
