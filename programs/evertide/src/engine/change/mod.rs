//! Changes of parameters: what can change, which way is instant, which waits, which ramps.
//!
//! Whatever loosens risk, and whatever lowers an existing account's maintenance health or its ability to withdraw, waits 72 h;
//! what lowers maintenance health then ramps over 24 h. Only what stops new risk is instant.

pub mod fields;
mod subject;
mod values;

use anchor_lang::prelude::*;
use evertide_math::round::mul_div_floor;

pub use fields::field;
pub use subject::Subject;
pub use values::Value;

use super::quote::QUOTE_INDEX;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::timelock::require_due;
use crate::state::{ChangeClass, ChangeStatus, Exchange, ParamChange};

/// How long a ramp takes, ms.
pub const CHANGE_RAMP_MS: i64 = 24 * 3_600_000;
/// Where a ramp starts from no scaling of weights, thousands of USD.
const SCALE_START: i64 = u16::MAX as i64;

/// Which account holds a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ChangeTarget {
    Exchange = 0,
    Market = 1,
    Collateral = 2,
}

/// Type of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FieldKind {
    U8 = 0,
    U16 = 1,
    U32 = 2,
    U64 = 3,
    I16 = 4,
    /// 32 bytes.
    Key = 5,
}

/// Where a field lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Bytes from the start of the account's terms.
    Terms(usize),
    /// The account's status byte.
    Status,
    /// Nowhere: what it allows is a listing.
    Listing,
    /// An entry of the builder table.
    Builder(usize),
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub number: u32,
    pub target: ChangeTarget,
    pub kind: FieldKind,
    pub place: Place,
    pub rising: ChangeClass,
    pub falling: ChangeClass,
}

impl Field {
    /// The field of a number.
    pub fn of(number: u32) -> Result<Self> {
        field(number).ok_or_else(|| EvertideError::ChangeFieldUnknown.into())
    }

    /// How a change from one value to another takes effect.
    pub fn class(&self, subject: &Subject, old: i64, new: i64) -> ChangeClass {
        let rank = |value: i64| if fields::zero_is_none(self.number) && value == 0 { i64::MAX } else { value };
        let class = if rank(new) > rank(old) { self.rising } else { self.falling };
        // Who cannot add quote cannot save a position: nothing that stops deposits of it is instant.
        match subject {
            Subject::Collateral(asset) if asset.index == QUOTE_INDEX && class == ChangeClass::Instant => {
                ChangeClass::Delayed
            }
            _ => class,
        }
    }
}

/// Refuses a change that is not pending, that the opening voided, or whose time is not now.
pub fn require_executable(change: &ParamChange, exchange: &Exchange, now_ms: i64) -> Result<()> {
    require!(change.status == ChangeStatus::Pending as u8, EvertideError::ChangeNotPending);
    require!(change.number >= exchange.first_change, EvertideError::ChangeVoidedByOpening);
    require_due(now_ms, change.earliest_ms)
}

/// Executes a listing: refuses a change that is not due or was proposed for something else.
pub fn take_listing(
    change: Option<&mut ParamChange>,
    exchange: &Exchange,
    number: u32,
    key: [u8; 32],
    now_ms: i64,
) -> Result<u64> {
    let change = change.ok_or(EvertideError::ExchangeAlreadyOpen)?;
    require_executable(change, exchange, now_ms)?;
    let proposed = change.field == number && Value::of(change).key == key;
    require!(proposed, EvertideError::ChangeTargetWrong);
    change.status = ChangeStatus::Executed as u8;
    Ok(change.number)
}

/// Value of a ramp at a time: linear over 24 h, rounded toward the old value.
pub fn ramped(change: &ParamChange, now_ms: i64) -> Result<i64> {
    let start_ms = i64::try_from(change.words[0]).map_err(|_| EvertideError::OutOfRange)?;
    let elapsed = now_ms.saturating_sub(start_ms).clamp(0, CHANGE_RAMP_MS).unsigned_abs();
    if elapsed == CHANGE_RAMP_MS.unsigned_abs() {
        return Ok(change.new_value);
    }
    let none = change.old_value == 0 && fields::zero_is_none(change.field);
    let from = if none { SCALE_START } else { change.old_value };
    let whole = change.new_value.abs_diff(from);
    let step = mul_div_floor(whole, elapsed, CHANGE_RAMP_MS.unsigned_abs()).or_refuse()?;
    let moved =
        if change.new_value >= from { from.checked_add_unsigned(step) } else { from.checked_sub_unsigned(step) };
    moved.or_refuse()
}
