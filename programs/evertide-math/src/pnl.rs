//! How a fill changes a position that has been folded to the current index.

use crate::error::{MathError, MathResult};
use crate::notional::fill_notional;
use crate::round::signed_mul_div_floor;
use crate::units::{Atoms, AtomsPerLotTick, Lots, Side, Ticks};

/// The part of a position that fills change. `cash` is the signed sum of what trades, fees, funding
/// and settlements moved; `entry` is the signed cost of the open size (negative for a short), so
/// that `cash + entry` is the realised profit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Signed size, in lots.
    pub size: Lots,
    /// Signed cash, in atoms.
    pub cash: Atoms,
    /// Signed cost of the open size, in atoms.
    pub entry: Atoms,
}

/// What a fill did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The holding after the fill, fees not included.
    pub holding: Holding,
    /// Exact notional of the fill, in atoms, not negative.
    pub notional: Atoms,
    /// Lots by which the absolute size shrank before it grew (closed part), not negative.
    pub closed: Lots,
    /// Lots opened by this fill (increase, or the part beyond a flip), not negative.
    pub opened: Lots,
    /// Change of the realised profit, in atoms.
    pub realised: Atoms,
}

/// The entry that stays with `remaining` of `size` lots: `floor(entry * |remaining| / |size|)`.
///
/// Toward minus infinity, so that the realised profit `cash + entry` is never overstated; the
/// unrealised profit gains the same fraction of an atom and their sum does not change.
#[inline]
pub fn remaining_entry(entry: Atoms, remaining: Lots, size: Lots) -> MathResult<Atoms> {
    if remaining.is_zero() || entry.is_zero() {
        return Ok(Atoms::ZERO);
    }
    if remaining == size {
        return Ok(entry);
    }
    if remaining.magnitude() > size.magnitude() {
        return Err(MathError::OutOfRange);
    }
    Atoms::new(signed_mul_div_floor(entry.get(), remaining.magnitude(), size.magnitude())?)
}

/// Applies one fill of `size > 0` lots at `price` to a holding: open, increase, reduce or flip.
pub fn apply_fill(
    before: Holding,
    side: Side,
    size: Lots,
    price: Ticks,
    tick_value: AtomsPerLotTick,
) -> MathResult<Filled> {
    if size.get() <= 0 || price.is_zero() {
        return Err(MathError::NotPositive);
    }
    let notional = fill_notional(size, price, tick_value)?;
    let (change, paid) = match side {
        Side::Bid => (size, notional),
        Side::Ask => (size.negate(), notional.negate()),
    };
    // A flip closes everything; only the rest, at this fill's own price, is open.
    apply(before, change, paid, |opened| fill_notional(opened, price, tick_value))
}

/// Applies a transfer of `change` signed lots for `paid` signed atoms (a buy pays, a sale is paid) at any price.
///
/// As [`apply_fill`]; the entry of what a flip opens is its part of what was paid, toward minus infinity.
pub fn apply_transfer(before: Holding, change: Lots, paid: Atoms) -> MathResult<Filled> {
    if change.is_zero() {
        return Err(MathError::NotPositive);
    }
    if !paid.is_zero() && paid.is_negative() != change.is_negative() {
        return Err(MathError::OutOfRange);
    }
    let lots = change.magnitude();
    apply(before, change, paid, |opened| {
        let rest = signed_mul_div_floor(paid.get(), opened.magnitude(), lots)?;
        Atoms::from_unsigned(rest.unsigned_abs())
    })
}

/// `rest` gives the notional of the part beyond a flip, not negative.
fn apply(before: Holding, change: Lots, paid: Atoms, rest: impl Fn(Lots) -> MathResult<Atoms>) -> MathResult<Filled> {
    let size = Lots::from_order(change.magnitude())?;
    let notional = Atoms::from_unsigned(paid.magnitude())?;
    let after_size = before.size.plus(change)?;
    let same_direction = before.size.is_zero() || before.size.is_negative() == change.is_negative();
    let closed =
        if same_direction { Lots::ZERO } else { Lots::from_order(before.size.magnitude().min(size.magnitude()))? };
    let opened = size.minus(closed)?;
    let entry = if same_direction {
        before.entry.plus(paid)?
    } else if opened.is_zero() {
        remaining_entry(before.entry, after_size, before.size)?
    } else {
        let rest = rest(opened)?;
        if change.is_negative() {
            rest.negate()
        } else {
            rest
        }
    };
    let cash = before.cash.minus(paid)?;
    let realised = entry.minus(before.entry)?.minus(paid)?;
    Ok(Filled { holding: Holding { size: after_size, cash, entry }, notional, closed, opened, realised })
}

/// The realised profit an entry adjustment leaves: used after a fold shrank a position.
#[inline]
pub fn reduce_entry(holding: Holding, new_size: Lots) -> MathResult<Holding> {
    let entry = remaining_entry(holding.entry, new_size, holding.size)?;
    Ok(Holding { size: new_size, cash: holding.cash, entry })
}
