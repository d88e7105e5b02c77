//! Chain time, read once per instruction.

use anchor_lang::prelude::*;

use crate::error::{EvertideError, OrRefuse};

/// Milliseconds of a day: lanes and averages count days.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of a second: chain time has whole seconds.
pub const MS_PER_SECOND: i64 = 1_000;
/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// Time of the block that runs this instruction.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Unix time, ms: the clock's whole seconds times 1,000.
    pub ms: i64,
    /// Slot.
    pub slot: u64,
}

impl Now {
    /// Day number: unix ms / 86,400,000, floor.
    pub fn day(self) -> u32 {
        u32::try_from(self.ms.checked_div(DAY_MS).unwrap_or(0)).unwrap_or(0)
    }
}

/// Reads the clock sysvar.
pub fn now() -> Result<Now> {
    let clock = Clock::get()?;
    let ms = clock.unix_timestamp.checked_mul(MS_PER_SECOND).or_refuse()?;
    if ms <= 0 {
        return Err(EvertideError::OutOfRange.into());
    }
    Ok(Now { ms, slot: clock.slot })
}
