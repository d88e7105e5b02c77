//! How results of `evertide-math` and missing values become the program's errors.

use anchor_lang::prelude::*;
use evertide_math::error::MathError;

use super::EvertideError;

impl From<MathError> for EvertideError {
    fn from(error: MathError) -> Self {
        match error {
            MathError::Overflow => Self::Overflow,
            MathError::EpochMismatch => Self::EpochMismatch,
            // The others name inputs that checks before have already refused; they stand for a state gone wrong.
            _ => Self::OutOfRange,
        }
    }
}

/// Turns a refusal of `evertide-math` or a missing value into the program's error.
pub trait OrRefuse<T> {
    /// The value, or the mapped error.
    fn or_refuse(self) -> Result<T>;
}

impl<T> OrRefuse<T> for core::result::Result<T, MathError> {
    #[inline(always)]
    fn or_refuse(self) -> Result<T> {
        self.map_err(|error| EvertideError::from(error).into())
    }
}

impl<T> OrRefuse<T> for Option<T> {
    /// `None` is what checked integer arithmetic returns on overflow.
    #[inline(always)]
    fn or_refuse(self) -> Result<T> {
        self.ok_or_else(|| EvertideError::Overflow.into())
    }
}
