//! Notional of fills and value of positions.

use crate::error::{MathError, MathResult};
use crate::round::{mul_shift_ceil, mul_shift_floor, signed_mul_shift_floor};
use crate::units::{Atoms, AtomsPerLotTick, Lots, PriceQ32, Ticks, MAX_NOTIONAL_ATOMS, PRICE_BITS};

#[inline]
fn guarded(notional_atoms: u64) -> MathResult<Atoms> {
    if notional_atoms > MAX_NOTIONAL_ATOMS.unsigned_abs() {
        return Err(MathError::Overflow);
    }
    Atoms::from_unsigned(notional_atoms)
}

/// `|lots| * ticks * atoms_per_lot_tick`, exact, at most `2^53` atoms.
#[inline]
pub fn fill_notional(size: Lots, price: Ticks, tick_value: AtomsPerLotTick) -> MathResult<Atoms> {
    if size.is_zero() {
        return Ok(Atoms::ZERO);
    }
    let per_lot = price.get().checked_mul(tick_value.get()).ok_or(MathError::Overflow)?;
    guarded(size.magnitude().checked_mul(per_lot).ok_or(MathError::Overflow)?)
}

/// `floor(|lots| * price)` in atoms, at most `2^53`.
#[inline]
pub fn notional_floor(size: Lots, price: PriceQ32) -> MathResult<Atoms> {
    guarded(mul_shift_floor(size.magnitude(), price.get(), PRICE_BITS)?)
}

/// `ceil(|lots| * price)` in atoms, at most `2^53`: for requirements.
#[inline]
pub fn notional_ceil(size: Lots, price: PriceQ32) -> MathResult<Atoms> {
    guarded(mul_shift_ceil(size.magnitude(), price.get(), PRICE_BITS)?)
}

/// `floor(lots * price)` toward minus infinity, signed like the position: against its holder.
#[inline]
pub fn signed_value_floor(size: Lots, price: PriceQ32) -> MathResult<Atoms> {
    let value = signed_mul_shift_floor(size.get(), price.get(), PRICE_BITS)?;
    if value.unsigned_abs() > MAX_NOTIONAL_ATOMS.unsigned_abs() {
        return Err(MathError::Overflow);
    }
    Atoms::new(value)
}

/// Position value: `floor(size * price) + cash`, in atoms.
#[inline]
pub fn position_value(size: Lots, cash: Atoms, price: PriceQ32) -> MathResult<Atoms> {
    signed_value_floor(size, price)?.plus(cash)
}

/// Unrealised profit: `floor(size * price) - entry`, in atoms.
#[inline]
pub fn unrealised(size: Lots, entry: Atoms, price: PriceQ32) -> MathResult<Atoms> {
    signed_value_floor(size, price)?.minus(entry)
}

/// Realised profit not yet settled: `cash + entry`, in atoms.
#[inline]
pub fn realised(cash: Atoms, entry: Atoms) -> MathResult<Atoms> {
    cash.plus(entry)
}

/// The worse of two prices for a position: the lower for a long, the higher for a short.
#[inline]
#[must_use]
pub fn worse_price(size: Lots, mark: PriceQ32, twap: PriceQ32) -> PriceQ32 {
    if size.is_negative() {
        mark.max(twap)
    } else {
        mark.min(twap)
    }
}
