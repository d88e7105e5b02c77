//! Directed rounding. The direction is in the name; nobody divides without choosing one.
//!
//! `floor` is toward minus infinity and `ceil` toward plus infinity, for negative values too;
//! `trunc` is toward zero. `mul_shift_*` are for the margin path: one 64 by 64 bit product and a
//! shift. `mul_div_*` go through a 128-bit division only when the product does not fit 64 bits.

use crate::error::{MathError, MathResult};

/// The exact product of two 64-bit values; `(2^64 - 1)^2 < 2^128`, so that it never wraps.
///
/// Four products of half words: the virtual machine multiplies 64 bits in one step and calls a routine for 128. Each sum
/// is at most `(2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1`.
#[inline(always)]
pub const fn wide_mul(left: u64, right: u64) -> u128 {
    let (left_high, left_low) = (left >> 32, left & HALF_WORD);
    let (right_high, right_low) = (right >> 32, right & HALF_WORD);
    let low = left_low.wrapping_mul(right_low);
    let first = left_high.wrapping_mul(right_low).wrapping_add(low >> 32);
    let second = left_low.wrapping_mul(right_high).wrapping_add(first & HALF_WORD);
    let high = left_high.wrapping_mul(right_high).wrapping_add(first >> 32).wrapping_add(second >> 32);
    ((high as u128) << 64) | ((second << 32) | (low & HALF_WORD)) as u128
}

/// The low half of a word.
const HALF_WORD: u64 = 0xFFFF_FFFF;

#[inline]
fn narrow(value: u128) -> MathResult<u64> {
    u64::try_from(value).map_err(|_| MathError::Overflow)
}

/// `floor(left * right / divisor)`.
#[inline]
pub fn mul_div_floor(left: u64, right: u64, divisor: u64) -> MathResult<u64> {
    if let Some(product) = left.checked_mul(right) {
        return product.checked_div(divisor).ok_or(MathError::DivisionByZero);
    }
    let quotient = wide_mul(left, right).checked_div(u128::from(divisor));
    narrow(quotient.ok_or(MathError::DivisionByZero)?)
}

/// `ceil(left * right / divisor)`.
#[inline]
pub fn mul_div_ceil(left: u64, right: u64, divisor: u64) -> MathResult<u64> {
    if divisor == 0 {
        return Err(MathError::DivisionByZero);
    }
    if let Some(product) = left.checked_mul(right) {
        return Ok(product.div_ceil(divisor));
    }
    narrow(wide_mul(left, right).div_ceil(u128::from(divisor)))
}

/// `floor(left * right / 2^32)` and whether a fraction was dropped, for a `left` below 2^32.
///
/// Two 64-bit products of half words replace the 128-bit one: sizes seldom reach 2^32 lots, and this is the inner
/// product of every valuation. `(2^32 - 1)^2 + 2^32 - 1 < 2^64`, so that nothing wraps.
#[inline(always)]
const fn half_word_product(left: u64, right: u64) -> (u64, bool) {
    let high = left.wrapping_mul(right >> 32);
    let low = left.wrapping_mul(right & HALF_WORD);
    (high.wrapping_add(low >> 32), low & HALF_WORD != 0)
}

/// `floor(left * right / 2^bits)`, `bits < 128`.
#[inline]
pub fn mul_shift_floor(left: u64, right: u64, bits: u32) -> MathResult<u64> {
    if (32..64).contains(&bits) && left >> 32 == 0 {
        // A floor of a floor: the bits beyond 32 may go after the others.
        return Ok(half_word_product(left, right).0.wrapping_shr(bits.wrapping_sub(32)));
    }
    narrow(wide_mul(left, right).checked_shr(bits).ok_or(MathError::OutOfRange)?)
}

/// `ceil(left * right / 2^bits)`, `bits < 128`.
#[inline]
pub fn mul_shift_ceil(left: u64, right: u64, bits: u32) -> MathResult<u64> {
    if bits == 32 && left >> 32 == 0 {
        let (floor, inexact) = half_word_product(left, right);
        return floor.checked_add(u64::from(inexact)).ok_or(MathError::Overflow);
    }
    let product = wide_mul(left, right);
    let floor = product.checked_shr(bits).ok_or(MathError::OutOfRange)?;
    // Shifting back loses nothing but the fraction, so that a difference means one existed.
    let exact = floor.wrapping_shl(bits) == product;
    narrow(if exact { floor } else { floor.checked_add(1).ok_or(MathError::Overflow)? })
}

/// Applies a sign to a magnitude; an error when it does not fit `i64`.
#[inline]
pub fn with_sign(negative: bool, magnitude: u64) -> MathResult<i64> {
    let value = i64::try_from(magnitude).map_err(|_| MathError::Overflow)?;
    if negative {
        value.checked_neg().ok_or(MathError::Overflow)
    } else {
        Ok(value)
    }
}

/// `floor(left * right / divisor)` for a signed `left`.
#[inline]
pub fn signed_mul_div_floor(left: i64, right: u64, divisor: u64) -> MathResult<i64> {
    let magnitude = left.unsigned_abs();
    if left < 0 {
        with_sign(true, mul_div_ceil(magnitude, right, divisor)?)
    } else {
        with_sign(false, mul_div_floor(magnitude, right, divisor)?)
    }
}

/// `ceil(left * right / divisor)` for a signed `left`.
#[inline]
pub fn signed_mul_div_ceil(left: i64, right: u64, divisor: u64) -> MathResult<i64> {
    let magnitude = left.unsigned_abs();
    if left < 0 {
        with_sign(true, mul_div_floor(magnitude, right, divisor)?)
    } else {
        with_sign(false, mul_div_ceil(magnitude, right, divisor)?)
    }
}

/// `left * right / divisor` toward zero for a signed `left`.
#[inline]
pub fn signed_mul_div_trunc(left: i64, right: u64, divisor: u64) -> MathResult<i64> {
    with_sign(left < 0, mul_div_floor(left.unsigned_abs(), right, divisor)?)
}

/// `floor(left * right / 2^bits)` for a signed `left`.
#[inline]
pub fn signed_mul_shift_floor(left: i64, right: u64, bits: u32) -> MathResult<i64> {
    let magnitude = left.unsigned_abs();
    if left < 0 {
        with_sign(true, mul_shift_ceil(magnitude, right, bits)?)
    } else {
        with_sign(false, mul_shift_floor(magnitude, right, bits)?)
    }
}

/// `ceil(left * right / 2^bits)` for a signed `left`.
#[inline]
pub fn signed_mul_shift_ceil(left: i64, right: u64, bits: u32) -> MathResult<i64> {
    let magnitude = left.unsigned_abs();
    if left < 0 {
        with_sign(true, mul_shift_floor(magnitude, right, bits)?)
    } else {
        with_sign(false, mul_shift_ceil(magnitude, right, bits)?)
    }
}

/// `floor(value / divisor)`, `divisor > 0`.
#[inline]
pub fn div_floor(value: i64, divisor: i64) -> MathResult<i64> {
    positive(divisor)?;
    value.checked_div_euclid(divisor).ok_or(MathError::Overflow)
}

/// `ceil(value / divisor)`, `divisor > 0`.
#[inline]
pub fn div_ceil(value: i64, divisor: i64) -> MathResult<i64> {
    let floor = div_floor(value, divisor)?;
    let exact = value.checked_rem_euclid(divisor).ok_or(MathError::Overflow)? == 0;
    if exact {
        Ok(floor)
    } else {
        floor.checked_add(1).ok_or(MathError::Overflow)
    }
}

/// `value / divisor` toward zero, `divisor > 0`.
#[inline]
pub fn div_trunc(value: i64, divisor: i64) -> MathResult<i64> {
    positive(divisor)?;
    value.checked_div(divisor).ok_or(MathError::Overflow)
}

#[inline]
fn positive(divisor: i64) -> MathResult<()> {
    match divisor {
        0 => Err(MathError::DivisionByZero),
        1.. => Ok(()),
        _ => Err(MathError::NotPositive),
    }
}

/// `floor(value / divisor)` in 128 bits, `divisor > 0`. Off the margin path only.
#[inline]
pub fn wide_div_floor(value: i128, divisor: u64) -> MathResult<i128> {
    value.checked_div_euclid(i128::from(divisor)).ok_or(MathError::DivisionByZero)
}

/// `floor(value / 2^bits)` in 128 bits, `bits < 128`: an arithmetic shift.
#[inline]
pub fn wide_shift_floor(value: i128, bits: u32) -> MathResult<i128> {
    value.checked_shr(bits).ok_or(MathError::OutOfRange)
}

/// `ceil(value / 2^bits)` in 128 bits, `bits < 127`.
#[inline]
pub fn wide_shift_ceil(value: i128, bits: u32) -> MathResult<i128> {
    let negated = value.checked_neg().ok_or(MathError::Overflow)?;
    wide_shift_floor(negated, bits)?.checked_neg().ok_or(MathError::Overflow)
}
