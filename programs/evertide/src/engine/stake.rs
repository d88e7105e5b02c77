//! Shares of the insurance fund. The part of the fund beside the exchange-wide tranche belongs to shares: those of stakers
//! and those of the exchange itself, which stand for what it was given.
//!
//! Every rounding is against whoever stakes or leaves. Virtual shares and atoms stand beside the real ones, so that a
//! first staker who inflates the price by feeding the fund loses half of what it feeds, and those who come after nothing. A claim is worth
//! what its shares are worth when it is paid, at most what they were worth when it was asked for.

use anchor_lang::prelude::*;
use evertide_math::round::{mul_div_ceil, mul_div_floor};

use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::{DAY_MS, HOUR_MS};
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{Insurance, User};

/// Shares that nobody holds and that count beside the real ones: a dollar's worth at the first price.
pub const VIRTUAL_SHARES: u64 = 1_000_000;
/// Atoms that are not there and that count for the virtual shares.
pub const VIRTUAL_ATOMS: u64 = 1_000_000;
/// Least stake, atoms: $1.
pub const STAKE_MIN_ATOMS: u64 = 1_000_000;
/// Time from asking to claiming, ms: 13 days.
pub const UNSTAKE_MS: i64 = 13 * DAY_MS;
/// Time in which a due request may be claimed, ms: 3 days. A request kept open for ever would be a free way out.
pub const UNSTAKE_WINDOW_MS: i64 = 3 * DAY_MS;
/// Longest time for which open bankruptcies hold back their amount, ms: 48 h.
pub const HOLD_BACK_MS: i64 = 48 * HOUR_MS;
/// Shares that have lost all but this part of their first price take no new ones beside them.
const DEPLETED_PART: u64 = 1_000;

/// Atoms that the shares stand for.
pub fn value(insurance: &Insurance) -> u64 {
    insurance.balance_atoms.saturating_sub(insurance.tranche_atoms)
}

fn all_shares(insurance: &Insurance) -> Result<u64> {
    insurance.shares.checked_add(insurance.protocol_shares).or_refuse()
}

/// Whether the shares have lost all but a thousandth of their first price.
fn is_depleted(insurance: &Insurance) -> Result<bool> {
    let (shares, atoms) = with_virtual(insurance)?;
    Ok(atoms < shares.checked_div(DEPLETED_PART).or_refuse()?)
}

/// Shares and atoms with the virtual ones beside them: their ratio is the price.
fn with_virtual(insurance: &Insurance) -> Result<(u64, u64)> {
    let shares = all_shares(insurance)?.checked_add(VIRTUAL_SHARES).or_refuse()?;
    Ok((shares, value(insurance).checked_add(VIRTUAL_ATOMS).or_refuse()?))
}

/// Shares for an amount, rounded down.
pub fn shares_for(insurance: &Insurance, amount_atoms: u64) -> Result<u64> {
    let (shares, atoms) = with_virtual(insurance)?;
    mul_div_floor(amount_atoms, shares, atoms).or_refuse()
}

/// What shares are worth now, rounded down; never more than there is.
pub fn worth_of(insurance: &Insurance, shares: u64) -> Result<u64> {
    let (all, atoms) = with_virtual(insurance)?;
    Ok(mul_div_floor(shares, atoms, all).or_refuse()?.min(value(insurance)))
}

/// Takes a stake in; returns its shares. With no staker there the whole fund is the exchange's, at the first price.
pub fn stake(insurance: &mut Insurance, amount_atoms: u64) -> Result<u64> {
    if insurance.shares == 0 {
        insurance.protocol_shares = value(insurance);
    }
    require!(!is_depleted(insurance)?, EvertideError::InsuranceDepleted);
    let shares = shares_for(insurance, amount_atoms)?;
    require_cmp!(shares, >, 0_u64, EvertideError::StakeTooSmall);
    insurance.shares = insurance.shares.checked_add(shares).or_refuse()?;
    insurance.balance_atoms = insurance.balance_atoms.checked_add(amount_atoms).or_refuse()?;
    Ok(shares)
}

/// Takes a gift beside the tranche in: the exchange's shares grow, rounded up, so that no staker gains by it. To shares
/// that are worth next to nothing it is left whole.
pub fn give(insurance: &mut Insurance, amount_atoms: u64) -> Result<()> {
    if insurance.shares != 0 && !is_depleted(insurance)? {
        let (all, atoms) = with_virtual(insurance)?;
        let shares = mul_div_ceil(amount_atoms, all, atoms).or_refuse()?;
        insurance.protocol_shares = insurance.protocol_shares.checked_add(shares).or_refuse()?;
    }
    insurance.balance_atoms = insurance.balance_atoms.checked_add(amount_atoms).or_refuse()?;
    Ok(())
}

/// Atoms that open bankruptcies hold back now.
pub fn held_back(insurance: &Insurance, now: Now) -> u64 {
    if now.ms < insurance.held_back_until_ms {
        insurance.held_back_atoms
    } else {
        0
    }
}

/// What a claim pays now and the shares that it takes: all of the request, or as much as open bankruptcies leave.
pub fn claim(insurance: &Insurance, shares: u64, most_atoms: u64, now: Now) -> Result<(u64, u64)> {
    let due = worth_of(insurance, shares)?.min(most_atoms);
    let held = held_back(insurance, now);
    let room = value(insurance).saturating_sub(held);
    if due <= room {
        return Ok((due, shares));
    }
    if room == 0 {
        require_cmp!(value(insurance), >, held, EvertideError::InsuranceHeldBack);
    }
    Ok((room, mul_div_ceil(shares, room, due).or_refuse()?))
}

/// Holds back the deficit of an account whose bankruptcy is open. The first of a run of them sets its end for all.
pub fn hold_back(insurance: &mut Insurance, user: &mut User, deficit_atoms: u64, now: Now) -> Result<()> {
    if now.ms >= insurance.held_back_until_ms {
        insurance.held_back_atoms = 0;
        insurance.held_back_until_ms = now.ms.checked_add(HOLD_BACK_MS).or_refuse()?;
    }
    release(insurance, user, 0)?;
    user.held_back_atoms = deficit_atoms;
    user.held_back_until_ms = insurance.held_back_until_ms;
    insurance.held_back_atoms = insurance.held_back_atoms.checked_add(deficit_atoms).or_refuse()?;
    Ok(())
}

/// Lets go of what an account's bankruptcy holds back beyond what is still open of it.
pub fn release(insurance: &mut Insurance, user: &mut User, open_atoms: u64) -> Result<()> {
    let freed = user.held_back_atoms.saturating_sub(open_atoms);
    if freed != 0 && user.held_back_until_ms == insurance.held_back_until_ms {
        insurance.held_back_atoms = insurance.held_back_atoms.checked_sub(freed).or_refuse()?;
    }
    user.held_back_atoms = user.held_back_atoms.checked_sub(freed).or_refuse()?;
    if user.held_back_atoms == 0 {
        user.held_back_until_ms = 0;
    }
    Ok(())
}
