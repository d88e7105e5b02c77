//! One lazy index per side of a market: a size factor `A` and a cash index `J`.
//!
//! A position stores its signed basis and the `A` and `J` it was last folded at. Whatever happened
//! in between, it is now `basis * A / A_snap` lots and has received `basis * (J - J_snap) / A_snap`
//! atoms. `A` has 48 fractional bits; `J` is in atoms per lot with 48 fractional bits, already
//! multiplied by `A / ONE`, so that the cash formula needs no further scaling.
//!
//! Cost is the same for ten positions or a million. Sizes fold toward zero and cash toward minus
//! infinity. A fraction of a lot that folding drops is closed at the market's price: what is left is dust of the market.

use crate::error::{MathError, MathResult};
use crate::round::{
    mul_div_floor, mul_shift_ceil, mul_shift_floor, wide_div_floor, wide_mul, wide_shift_ceil, wide_shift_floor,
};
use crate::units::{Atoms, Lots, Millis, PriceQ32, RateE9, MAX_MILLIS, MAX_OPEN_INTEREST_LOTS, PRICE_BITS};

/// Fractional bits of `A` and of `J`.
pub const INDEX_BITS: u32 = 48;
/// `A` of a fresh epoch.
pub const INDEX_ONE: u64 = 1 << INDEX_BITS;
/// Fractional bits of the fraction of a lot that a fold drops.
pub const DROPPED_BITS: u32 = 16;
/// Fractional bits of such a fraction times a price.
const DROPPED_PRICE_BITS: u32 = DROPPED_BITS + PRICE_BITS;
/// A side with `A` below this only drains: no new position opens on it until its next epoch.
pub const DRAIN_ONLY_BELOW: u64 = 1 << 24;
/// Largest absolute `J`; `2^40` lots times a difference of `2^86` still fits 127 bits.
pub const MAX_CASH_INDEX: i128 = 1 << 85;
/// `1e9 * 3_600_000 / 2^16`: turns `rate_e9 * price_q32 * ms` into a Q48 charge per lot.
pub const FUNDING_DIVISOR: u64 = 54_931_640_625;
/// Largest absolute charge of one accrual, Q48 atoms per lot; times `A` it still fits 127 bits.
pub const MAX_CHARGE: i128 = 1 << 78;
/// Longest time that one funding accrual covers: about 49 days.
pub const MAX_ACCRUAL_MS: i64 = 1 << 32;

/// The index of one side of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideIndex {
    /// Size factor, 48 fractional bits, at most [`INDEX_ONE`]; it only falls within an epoch.
    pub a: u64,
    /// Cash index, atoms per lot times `A / ONE`, 48 fractional bits.
    pub j: i128,
    /// `J` at the end of the epoch before this one.
    pub j_previous: i128,
    /// Number of the epoch.
    pub epoch: u32,
}

/// What a position remembers of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Signed size at the snapshot, in lots.
    pub basis: Lots,
    /// `A` at the snapshot, not zero unless `basis` is.
    pub a: u64,
    /// `J` at the snapshot.
    pub j: i128,
    /// Epoch of the snapshot.
    pub epoch: u32,
}

/// What folding a position gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Signed size now, in lots.
    pub size: Lots,
    /// Cash received since the snapshot, in atoms, negative when paid.
    pub cash_delta: Atoms,
    /// The fraction of a lot that was dropped, 16 fractional bits: down for a long, up for a short. The caller closes
    /// it at the market's price ([`dropped_value`]); the side's dust counter rises by one lot at most.
    pub dropped_q16: u32,
}

impl SideIndex {
    /// The index of a side that has never been used.
    pub const FRESH: Self = Self { a: INDEX_ONE, j: 0, j_previous: 0, epoch: 0 };

    /// Whether positions on this side may only shrink.
    #[inline]
    pub const fn is_drain_only(&self) -> bool {
        self.a < DRAIN_ONLY_BELOW
    }

    /// The snapshot of a position of `size` lots folded now.
    #[inline]
    pub const fn snapshot(&self, size: Lots) -> Snapshot {
        Snapshot { basis: size, a: self.a, j: self.j, epoch: self.epoch }
    }

    /// Starts the next epoch: refused while any position of this one is unfolded.
    pub fn next_epoch(&self, open_positions: u32) -> MathResult<Self> {
        if open_positions != 0 {
            return Err(MathError::SideStillHeld);
        }
        let epoch = self.epoch.checked_add(1).ok_or(MathError::Overflow)?;
        Ok(Self { a: INDEX_ONE, j: 0, j_previous: self.j, epoch })
    }
}

/// Folds a position against its side in the `Market`.
///
/// A position of the epoch before is size zero: it receives what its `J` had gathered by the end.
pub fn fold(position: &Snapshot, side: &SideIndex) -> MathResult<Folded> {
    if position.basis.is_zero() {
        return Ok(Folded { size: Lots::ZERO, cash_delta: Atoms::ZERO, dropped_q16: 0 });
    }
    let (a_now, j_now) = if position.epoch == side.epoch {
        (side.a, side.j)
    } else if position.epoch.checked_add(1) == Some(side.epoch) {
        (0, side.j_previous)
    } else {
        return Err(MathError::EpochMismatch);
    };
    if position.a == 0 || position.a > INDEX_ONE || a_now > position.a {
        return Err(MathError::OutOfRange);
    }
    let (size, dropped_q16) = fold_size(position.basis, a_now, position.a)?;
    Ok(Folded { size, cash_delta: fold_cash(position.basis, j_now, position.j, position.a)?, dropped_q16 })
}

/// Folds a position against a cached row: a snapshot newer than the row folds as no change.
#[inline]
pub fn fold_cached(position: &Snapshot, row: &SideIndex) -> MathResult<Folded> {
    let newer = position.epoch > row.epoch || (position.epoch == row.epoch && position.a < row.a);
    if newer {
        return Ok(Folded { size: position.basis, cash_delta: Atoms::ZERO, dropped_q16: 0 });
    }
    fold(position, row)
}

/// Value of the fraction of a lot that a fold dropped, in atoms: a long receives `floor(fraction * price)`, a short pays
/// the ceiling. Without it a short would lose its liability, and a long its lot, by truncation alone.
#[inline]
pub fn dropped_value(basis: Lots, dropped_q16: u32, price: PriceQ32) -> MathResult<Atoms> {
    let fraction = u64::from(dropped_q16);
    if basis.is_negative() {
        return Ok(Atoms::from_unsigned(mul_shift_ceil(fraction, price.get(), DROPPED_PRICE_BITS)?)?.negate());
    }
    Atoms::from_unsigned(mul_shift_floor(fraction, price.get(), DROPPED_PRICE_BITS)?)
}

#[inline]
fn fold_size(basis: Lots, a_now: u64, a_snapshot: u64) -> MathResult<(Lots, u32)> {
    if a_now == a_snapshot {
        return Ok((basis, 0));
    }
    let magnitude = basis.magnitude();
    let kept = if a_snapshot == INDEX_ONE {
        mul_shift_floor(magnitude, a_now, INDEX_BITS)?
    } else {
        mul_div_floor(magnitude, a_now, a_snapshot)?
    };
    let rest = wide_mul(magnitude, a_now).checked_sub(wide_mul(kept, a_snapshot)).ok_or(MathError::Overflow)?;
    // The rest is below A, which is at most 2^48: with 16 more bits it still fits a word.
    let scaled = u64::try_from(rest).map_err(|_| MathError::Overflow)?.wrapping_shl(DROPPED_BITS);
    let dropped = if basis.is_negative() {
        scaled.div_ceil(a_snapshot)
    } else {
        scaled.checked_div(a_snapshot).ok_or(MathError::DivisionByZero)?
    };
    let size = Lots::from_order(kept)?;
    let dropped = u32::try_from(dropped).map_err(|_| MathError::Overflow)?;
    Ok((if basis.is_negative() { size.negate() } else { size }, dropped))
}

#[inline]
fn fold_cash(basis: Lots, j_now: i128, j_snapshot: i128, a_snapshot: u64) -> MathResult<Atoms> {
    if j_now == j_snapshot {
        return Ok(Atoms::ZERO);
    }
    guard_cash_index(j_now)?;
    guard_cash_index(j_snapshot)?;
    let difference = j_now.checked_sub(j_snapshot).ok_or(MathError::Overflow)?;
    if a_snapshot == INDEX_ONE {
        if let (Ok(narrow), Ok(small)) = (i64::try_from(difference), i32::try_from(basis.get())) {
            return Atoms::new(fold_small_cash(small, narrow)).map_err(|_| MathError::Overflow);
        }
    }
    let product = match i64::try_from(difference) {
        // 2^63 * 2^63 fits 127 bits: the usual difference needs one multiplication and no check.
        Ok(narrow) => i128::from(basis.get()).wrapping_mul(i128::from(narrow)),
        Err(_) => i128::from(basis.get()).checked_mul(difference).ok_or(MathError::Overflow)?,
    };
    let cash = if a_snapshot == INDEX_ONE {
        wide_shift_floor(product, INDEX_BITS)?
    } else {
        wide_div_floor(product, a_snapshot)?
    };
    let cash = i64::try_from(cash).map_err(|_| MathError::Overflow)?;
    Atoms::new(cash).map_err(|_| MathError::Overflow)
}

/// `floor(basis * difference / 2^48)` in 64 bits: the usual fold of a valuation.
///
/// The high product is at most 2^62 and the low one below 2^63 in size. `floor(floor(x / 2^32) / 2^16)` is
/// `floor(x / 2^48)`, and the high product is a multiple of 2^32 in `x`, so that both shifts are exact floors.
#[inline(always)]
const fn fold_small_cash(basis: i32, difference: i64) -> i64 {
    let basis = basis as i64;
    let high = basis.wrapping_mul(difference >> 32);
    let low = basis.wrapping_mul(difference & 0xFFFF_FFFF);
    high.wrapping_add(low >> 32) >> 16
}

#[inline]
fn guard_cash_index(j: i128) -> MathResult<i128> {
    if !(-MAX_CASH_INDEX..=MAX_CASH_INDEX).contains(&j) {
        return Err(MathError::OutOfRange);
    }
    Ok(j)
}

#[inline]
fn moved(j: i128, change: i128) -> MathResult<i128> {
    let sum = j.checked_add(change).ok_or(MathError::Overflow)?;
    guard_cash_index(sum).map_err(|_| MathError::Overflow)
}

/// Result of one funding accrual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accrued {
    /// The long side after it.
    pub long: SideIndex,
    /// The short side after it.
    pub short: SideIndex,
    /// Remainder to carry: in Q48 atoms per lot divided by [`FUNDING_DIVISOR`], `0 <= r < divisor`.
    pub remainder: i64,
}

/// Accrues funding at `rate` per hour on the index price over `elapsed`; positive: longs pay.
///
/// Charge per lot in Q48 = `(rate * index * ms + remainder) / (1e9 * 3.6e6 / 2^16)`, floored with the
/// remainder carried. Both sides' `J` falls by the charge times `A / ONE`: since the basis is signed, longs
/// lose and shorts gain. The payer's change is rounded up and the receiver's down, so that nobody receives
/// more than the other side pays.
pub fn accrue_funding(
    long: &SideIndex,
    short: &SideIndex,
    rate: RateE9,
    index_price: PriceQ32,
    elapsed: Millis,
    remainder: i64,
) -> MathResult<Accrued> {
    let divisor_range = 0..i64::try_from(FUNDING_DIVISOR).map_err(|_| MathError::Overflow)?;
    if !(0..=MAX_ACCRUAL_MS.min(MAX_MILLIS)).contains(&elapsed.get()) || !divisor_range.contains(&remainder) {
        return Err(MathError::OutOfRange);
    }
    if long.a > INDEX_ONE || short.a > INDEX_ONE {
        return Err(MathError::OutOfRange);
    }
    // 2^30 * 2^32 < 2^63 and 2^62 * 2^62 < 2^124: neither product can overflow.
    let rate_time = rate.get().checked_mul(elapsed.get()).ok_or(MathError::Overflow)?;
    let product = i128::from(rate_time).checked_mul(i128::from(index_price.get())).ok_or(MathError::Overflow)?;
    let total = product.checked_add(i128::from(remainder)).ok_or(MathError::Overflow)?;
    let charge = wide_div_floor(total, FUNDING_DIVISOR)?;
    if !(-MAX_CHARGE..=MAX_CHARGE).contains(&charge) {
        return Err(MathError::Overflow);
    }
    let whole = charge.checked_mul(i128::from(FUNDING_DIVISOR)).ok_or(MathError::Overflow)?;
    let rest = total.checked_sub(whole).ok_or(MathError::Overflow)?;
    // The basis is signed, so that one sign moves both sides: what lowers a long's cash raises a short's.
    let long_change = scale_ceil(charge, long.a)?.checked_neg().ok_or(MathError::Overflow)?;
    let short_change = scale_floor(charge, short.a)?.checked_neg().ok_or(MathError::Overflow)?;
    Ok(Accrued {
        long: SideIndex { j: moved(long.j, long_change)?, ..*long },
        short: SideIndex { j: moved(short.j, short_change)?, ..*short },
        remainder: i64::try_from(rest).map_err(|_| MathError::Overflow)?,
    })
}

fn scale_floor(charge: i128, a: u64) -> MathResult<i128> {
    if a == INDEX_ONE {
        return Ok(charge);
    }
    wide_shift_floor(charge.checked_mul(i128::from(a)).ok_or(MathError::Overflow)?, INDEX_BITS)
}

fn scale_ceil(charge: i128, a: u64) -> MathResult<i128> {
    if a == INDEX_ONE {
        return Ok(charge);
    }
    wide_shift_ceil(charge.checked_mul(i128::from(a)).ok_or(MathError::Overflow)?, INDEX_BITS)
}

/// Deleverages `closed` of a side's `open_interest` lots at `price`: `A' = floor(A (OI - closed) / OI)`.
///
/// `J' = J + (A - A') price` on either side: the basis is signed, so that a long is paid the price for each
/// lot closed (rounded down) and a short pays it (rounded up). `A'` may close up to a fraction of a lot more than asked in all; that is counted dust. Open interest is in bare lots, at most `2^48`.
pub fn deleverage(
    side: &SideIndex,
    is_long: bool,
    open_interest_lots: u64,
    closed_lots: u64,
    price: PriceQ32,
) -> MathResult<SideIndex> {
    if open_interest_lots == 0 {
        return Err(MathError::DivisionByZero);
    }
    if open_interest_lots > MAX_OPEN_INTEREST_LOTS.unsigned_abs() || side.a > INDEX_ONE {
        return Err(MathError::OutOfRange);
    }
    let kept = open_interest_lots.checked_sub(closed_lots).ok_or(MathError::ExceedsOpenInterest)?;
    let a = mul_div_floor(side.a, kept, open_interest_lots)?;
    let dropped = side.a.checked_sub(a).ok_or(MathError::Overflow)?;
    // 2^48 * 2^62 = 2^110: the product fits.
    let product = wide_mul(dropped, price.get()).cast_signed();
    let change = if is_long { wide_shift_floor(product, PRICE_BITS)? } else { wide_shift_ceil(product, PRICE_BITS)? };
    Ok(SideIndex { a, j: moved(side.j, change)?, ..*side })
}
