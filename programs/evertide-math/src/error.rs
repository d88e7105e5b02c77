//! The one error type of the crate. A caller maps each variant to its own error code.

/// Why a computation was refused. Nothing is ever wrapped, saturated or panicked on instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MathError {
    /// The exact result does not fit the type or the guard of its unit.
    Overflow = 1,
    /// An input lies outside the guard of its unit.
    OutOfRange = 2,
    /// A divisor is zero.
    DivisionByZero = 3,
    /// A price, size or window that must be positive is not.
    NotPositive = 4,
    /// A position's epoch is neither its side's epoch nor the one before.
    EpochMismatch = 5,
    /// A side cannot start a new epoch while positions of the old one are unfolded.
    SideStillHeld = 6,
    /// Parameters that must rise (tier bounds, ratios, volumes) do not.
    NotMonotone = 7,
    /// More lots are to be closed than are open.
    ExceedsOpenInterest = 8,
}

/// Result of every fallible function of the crate.
pub type MathResult<T> = Result<T, MathError>;

impl core::fmt::Display for MathError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Overflow => "the exact result does not fit its unit",
            Self::OutOfRange => "an input lies outside its guard",
            Self::DivisionByZero => "a divisor is zero",
            Self::NotPositive => "a value that must be positive is not",
            Self::EpochMismatch => "the position's epoch is neither the side's nor the one before",
            Self::SideStillHeld => "the side still has unfolded positions of the old epoch",
            Self::NotMonotone => "parameters that must rise do not",
            Self::ExceedsOpenInterest => "more lots are to be closed than are open",
        })
    }
}

impl core::error::Error for MathError {}
