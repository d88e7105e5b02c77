//! Units as types. A value exists only inside the guard of its unit, so that the products written
//! elsewhere cannot overflow, and only products that mean something are offered.

use crate::error::{MathError, MathResult};

/// Largest absolute number of lots of one position, order or fill.
pub const MAX_LOTS: i64 = 1 << 40;
/// Largest open interest of one side of a market, in lots.
pub const MAX_OPEN_INTEREST_LOTS: i64 = 1 << 48;
/// Order prices are below this many ticks.
pub const TICKS_LIMIT: u64 = 1 << 40;
/// Largest absolute quote balance, in atoms.
pub const MAX_ATOMS: i64 = 1 << 60;
/// Largest notional of one position or fill, in atoms (about $9.0e9).
pub const MAX_NOTIONAL_ATOMS: i64 = 1 << 53;
/// Prices are below this, in Q32 atoms per lot (about $1,073 a lot).
pub const PRICE_LIMIT_Q32: u64 = 1 << 62;
/// Largest value of one tick for one lot, in atoms.
pub const MAX_ATOMS_PER_LOT_TICK: u64 = 1 << 30;
/// Fractional bits of [`PriceQ32`].
pub const PRICE_BITS: u32 = 32;
/// Fractional bits of [`CollateralPriceQ48`].
pub const COLLATERAL_PRICE_BITS: u32 = 48;
/// Basis points of a whole.
pub const BPS_ONE: u32 = 10_000;
/// [`BPS_ONE`] for 64-bit products.
pub const BPS_ONE_WIDE: u64 = 10_000;
/// Largest ratio, in basis points (ten wholes).
pub const MAX_BPS: u32 = 100_000;
/// One whole in units of [`RateE9`].
pub const RATE_ONE_E9: i64 = 1_000_000_000;
/// Largest absolute rate per hour: 100 %.
pub const MAX_RATE_E9: i64 = RATE_ONE_E9;
/// Largest time or duration, in milliseconds (about 139 years).
pub const MAX_MILLIS: i64 = 1 << 42;
/// Quote atoms of one US dollar.
pub const ATOMS_PER_USD: u64 = 1_000_000;

macro_rules! signed_unit {
    ($(#[$doc:meta])* $name:ident, $limit:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The value inside its guard, or `OutOfRange`.
            #[inline]
            pub const fn new(value: i64) -> MathResult<Self> {
                if value > $limit || value < -$limit {
                    return Err(MathError::OutOfRange);
                }
                Ok(Self(value))
            }
            /// The bare integer.
            #[inline]
            pub const fn get(self) -> i64 {
                self.0
            }
            /// Sum, or `Overflow` when it leaves the guard.
            #[inline]
            pub fn plus(self, other: Self) -> MathResult<Self> {
                let sum = self.0.checked_add(other.0).ok_or(MathError::Overflow)?;
                Self::new(sum).map_err(|_| MathError::Overflow)
            }
            /// Difference, or `Overflow` when it leaves the guard.
            #[inline]
            pub fn minus(self, other: Self) -> MathResult<Self> {
                let difference = self.0.checked_sub(other.0).ok_or(MathError::Overflow)?;
                Self::new(difference).map_err(|_| MathError::Overflow)
            }
            /// The opposite sign; the guard is symmetric, so that this cannot fail.
            #[inline]
            #[must_use]
            pub const fn negate(self) -> Self {
                Self(self.0.wrapping_neg())
            }
            /// Absolute value as a bare integer.
            #[inline]
            pub const fn magnitude(self) -> u64 {
                self.0.unsigned_abs()
            }
            /// Below zero.
            #[inline]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
            /// Exactly zero.
            #[inline]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

macro_rules! unsigned_unit {
    ($(#[$doc:meta])* $name:ident, $kind:ty, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name($kind);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The value inside its guard, or `OutOfRange`.
            #[inline]
            pub const fn new(value: $kind) -> MathResult<Self> {
                if value > $max {
                    return Err(MathError::OutOfRange);
                }
                Ok(Self(value))
            }
            /// The bare integer.
            #[inline]
            pub const fn get(self) -> $kind {
                self.0
            }
            /// Exactly zero.
            #[inline]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

signed_unit!(
    /// Base quantity in lots; long or bought positive, short or sold negative. `|lots| <= 2^40`.
    Lots, MAX_LOTS
);
signed_unit!(
    /// Quote in atoms of 1e-6 dollars. `|atoms| <= 2^60`.
    Atoms, MAX_ATOMS
);
signed_unit!(
    /// A rate or premium in 1e-9, per hour unless a name says otherwise. `|rate| <= 1e9`.
    RateE9, MAX_RATE_E9
);
signed_unit!(
    /// A time or duration in milliseconds. `|ms| <= 2^42`.
    Millis, MAX_MILLIS
);
signed_unit!(
    /// A fee rate in 1e-6 of the notional (100 is one basis point); negative is a rebate.
    Ppm, 1_000_000
);
unsigned_unit!(
    /// Order price in ticks, below `2^40`.
    Ticks, u64, TICKS_LIMIT - 1
);
unsigned_unit!(
    /// Price in quote atoms per lot with 32 fractional bits, below `2^62`.
    PriceQ32, u64, PRICE_LIMIT_Q32 - 1
);
unsigned_unit!(
    /// Price in quote atoms per atom of a collateral token with 48 fractional bits.
    CollateralPriceQ48, u64, u64::MAX
);
unsigned_unit!(
    /// Ratio in basis points, at most 100,000.
    Bps, u32, MAX_BPS
);
unsigned_unit!(
    /// Value of one tick for one lot, in atoms: `notional = lots * ticks * atoms_per_lot_tick`.
    AtomsPerLotTick, u64, MAX_ATOMS_PER_LOT_TICK
);

impl Lots {
    /// Lots from an unsigned order size.
    #[inline]
    pub fn from_order(size_lots: u64) -> MathResult<Self> {
        Self::new(i64::try_from(size_lots).map_err(|_| MathError::OutOfRange)?)
    }
}

impl Atoms {
    /// Atoms from an unsigned amount.
    #[inline]
    pub fn from_unsigned(amount_atoms: u64) -> MathResult<Self> {
        Self::new(i64::try_from(amount_atoms).map_err(|_| MathError::Overflow)?).map_err(|_| MathError::Overflow)
    }

    /// Whole dollars, rounded up; a value not above zero is none.
    #[inline]
    pub fn usd_ceil(self) -> u64 {
        if self.0 <= 0 {
            0
        } else {
            self.0.unsigned_abs().div_ceil(ATOMS_PER_USD)
        }
    }

    /// `floor(self * ratio)`, toward minus infinity.
    #[inline]
    pub fn ratio_floor(self, ratio: Bps) -> MathResult<Self> {
        Self::new(crate::round::signed_mul_div_floor(self.0, u64::from(ratio.get()), BPS_ONE_WIDE)?)
            .map_err(|_| MathError::Overflow)
    }

    /// `ceil(self * ratio)`, toward plus infinity.
    #[inline]
    pub fn ratio_ceil(self, ratio: Bps) -> MathResult<Self> {
        Self::new(crate::round::signed_mul_div_ceil(self.0, u64::from(ratio.get()), BPS_ONE_WIDE)?)
            .map_err(|_| MathError::Overflow)
    }
}

impl PriceQ32 {
    /// A price that must be positive, or `NotPositive`.
    #[inline]
    pub const fn positive(self) -> MathResult<Self> {
        if self.0 == 0 {
            return Err(MathError::NotPositive);
        }
        Ok(self)
    }

    /// The exact price of a number of ticks.
    #[inline]
    pub fn from_ticks(price: Ticks, tick_value: AtomsPerLotTick) -> MathResult<Self> {
        let atoms = price.get().checked_mul(tick_value.get()).ok_or(MathError::Overflow)?;
        if atoms >= PRICE_LIMIT_Q32 >> PRICE_BITS {
            return Err(MathError::Overflow);
        }
        Self::new(atoms << PRICE_BITS)
    }

    /// The highest number of ticks not above this price.
    #[inline]
    pub fn ticks_floor(self, tick_value: AtomsPerLotTick) -> MathResult<Ticks> {
        let ticks = (self.0 >> PRICE_BITS).checked_div(tick_value.get());
        Ticks::new(ticks.ok_or(MathError::DivisionByZero)?)
    }

    /// The lowest number of ticks not below this price.
    #[inline]
    pub fn ticks_ceil(self, tick_value: AtomsPerLotTick) -> MathResult<Ticks> {
        if tick_value.is_zero() {
            return Err(MathError::DivisionByZero);
        }
        // ceil(ceil(x) / n) = ceil(x / n) for an integer n, so that two steps lose nothing.
        Ticks::new(self.0.div_ceil(1 << PRICE_BITS).div_ceil(tick_value.get()))
    }

    /// `floor(self * (10_000 - ratio) / 10_000)`; zero when the ratio is a whole or more.
    #[inline]
    pub fn below_floor(self, ratio: Bps) -> MathResult<Self> {
        let kept = u64::from(BPS_ONE.saturating_sub(ratio.get()));
        Self::new(crate::round::mul_div_floor(self.0, kept, BPS_ONE_WIDE)?)
    }

    /// `ceil(self * (10_000 - ratio) / 10_000)`; zero when the ratio is a whole or more.
    #[inline]
    pub fn below_ceil(self, ratio: Bps) -> MathResult<Self> {
        let kept = u64::from(BPS_ONE.saturating_sub(ratio.get()));
        Self::new(crate::round::mul_div_ceil(self.0, kept, BPS_ONE_WIDE)?)
    }

    /// `floor(self * (10_000 + ratio) / 10_000)`, or `Overflow`.
    #[inline]
    pub fn above_floor(self, ratio: Bps) -> MathResult<Self> {
        let scaled = u64::from(BPS_ONE.saturating_add(ratio.get()));
        Self::new(crate::round::mul_div_floor(self.0, scaled, BPS_ONE_WIDE)?).map_err(|_| MathError::Overflow)
    }
}

/// Which side of the book an order is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Buys.
    Bid = 0,
    /// Sells.
    Ask = 1,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}
