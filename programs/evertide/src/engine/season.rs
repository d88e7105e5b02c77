//! Seasoning of what is listed after opening: it starts small and doubles at most once a day.
//!
//! A market's open interest limit is 1 % of its target at step 0 and doubles to the whole of it at step 7. An asset begins
//! with a cap of $100,000 and no weight at step 1; the cap doubles with every step, and the weights grow by a seventh.

use anchor_lang::prelude::*;
use evertide_math::round::mul_div_floor;
use evertide_math::units::{ATOMS_PER_USD, COLLATERAL_PRICE_BITS};

use super::margin::require_fresh;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::DAY_MS;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{Collateral, CollateralRow, Market, MarketStatus};

/// Steps from 1 % to the whole of a market's open interest limit, and from no weight of an asset to its whole.
pub const SEASON_STEPS: u32 = 7;
/// Least time between two steps, ms.
pub const SEASON_STEP_MS: i64 = DAY_MS;
/// Cap of all deposits of an asset at its first step, atoms of quote.
pub const SEASON_CAP_ATOMS: u64 = 100_000 * ATOMS_PER_USD;

/// Greatest open interest a side of the market now, lots.
#[inline(always)]
pub fn open_interest_limit(market: &Market) -> u64 {
    let target = market.terms.open_interest_max_lots;
    if market.season_step >= SEASON_STEPS {
        return target;
    }
    // At most 2^40 lots times 64; floor.
    target.checked_shl(market.season_step).and_then(|scaled| scaled.checked_div(100)).unwrap_or(0)
}

/// An asset's weight in its present step, rounded down.
pub fn weight_bps(collateral: &Collateral, whole_bps: u16) -> u16 {
    if collateral.season_step > SEASON_STEPS {
        return whole_bps;
    }
    let part = u32::from(whole_bps).saturating_mul(collateral.season_step.saturating_sub(1));
    u16::try_from(part.checked_div(SEASON_STEPS).unwrap_or(0)).unwrap_or(0)
}

/// Cap of all deposits of an asset now, token atoms.
pub fn deposit_cap_atoms(collateral: &Collateral) -> u64 {
    collateral.terms.deposit_cap_atoms.min(collateral.season_cap_atoms)
}

/// Takes a market one step further: a day after the last one, and only while it is active and owes nothing.
pub fn advance_market(market: &mut Market, now: Now) -> Result<()> {
    require_cmp!(market.season_step, <, SEASON_STEPS, EvertideError::SeasonOver);
    require_cmp!(now.ms, >=, market.season_ms.saturating_add(SEASON_STEP_MS), EvertideError::SeasonNotDue);
    let sound = market.status == MarketStatus::Active as u8
        && market.latch == 0
        && market.bankruptcies_open == 0
        && market.deficit_atoms == 0
        && market.index_price_q32 != 0;
    require!(sound, EvertideError::SeasonUnsound);
    market.season_step = market.season_step.checked_add(1).or_refuse()?;
    market.season_ms = now.ms;
    Ok(())
}

/// Takes an asset one step further: at its listing or a day after the last one, and only on a fresh and valid price.
pub fn advance_collateral(collateral: &mut Collateral, row: &CollateralRow, now: Now) -> Result<()> {
    let whole = collateral.season_cap_atoms >= collateral.terms.deposit_cap_atoms;
    require!(collateral.season_step <= SEASON_STEPS || !whole, EvertideError::SeasonOver);
    let wait_ms = if collateral.season_step == 0 { 0 } else { SEASON_STEP_MS };
    require_cmp!(now.ms, >=, collateral.season_ms.saturating_add(wait_ms), EvertideError::SeasonNotDue);
    require_fresh(row.updated_ms, row.validity, now.ms)?;
    // The dearer of price and TWAP gives the smaller cap; floor.
    let price = row.price_q48.max(row.twap_q48);
    require!(price != 0 && collateral.status == 0, EvertideError::SeasonUnsound);
    collateral.season_cap_atoms = if collateral.season_step == 0 {
        mul_div_floor(SEASON_CAP_ATOMS, 1 << COLLATERAL_PRICE_BITS, price).or_refuse()?
    } else {
        collateral.season_cap_atoms.saturating_mul(2)
    };
    collateral.season_step = collateral.season_step.checked_add(1).or_refuse()?;
    collateral.season_ms = now.ms;
    Ok(())
}
