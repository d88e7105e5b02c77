//! The deposit-only collateral slots of a user.

use anchor_lang::prelude::*;

use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{CollateralSlot, User};

/// What the user holds of an asset that is not the quote asset, token atoms.
pub fn collateral_atoms(user: &User, collateral_index: u16) -> u64 {
    let slot = user.collaterals.iter().find(|slot| slot.collateral_index == collateral_index);
    slot.map_or(0, |slot| slot.amount_atoms)
}

/// Adds to the asset's slot, taking a free one when there is none yet.
pub fn add_collateral(user: &mut User, collateral_index: u16, amount_atoms: u64) -> Result<()> {
    let held = user.collaterals.iter().position(|slot| slot.collateral_index == collateral_index);
    let free = || user.collaterals.iter().position(|slot| slot.collateral_index == 0);
    let at = held.or_else(free).ok_or(EvertideError::CollateralSlotsFull)?;
    if held.is_none() {
        user.collateral_count = user.collateral_count.checked_add(1).or_refuse()?;
    }
    let slot = &mut user.collaterals[at];
    slot.collateral_index = collateral_index;
    slot.amount_atoms = slot.amount_atoms.checked_add(amount_atoms).or_refuse()?;
    Ok(())
}

/// Takes from the asset's slot; an empty slot becomes free. Returns what is left, token atoms.
pub fn take_collateral(user: &mut User, collateral_index: u16, amount_atoms: u64) -> Result<u64> {
    require_cmp!(amount_atoms, <=, collateral_atoms(user, collateral_index), EvertideError::InsufficientBalance);
    let slot = user.collaterals.iter_mut().find(|slot| slot.collateral_index == collateral_index);
    let slot = slot.ok_or(EvertideError::InsufficientBalance)?;
    let left = slot.amount_atoms.checked_sub(amount_atoms).or_refuse()?;
    slot.amount_atoms = left;
    if left == 0 {
        *slot = CollateralSlot::default();
        user.collateral_count = user.collateral_count.checked_sub(1).or_refuse()?;
    }
    Ok(left)
}
