//! The insurance fund: what of it a market may use now, and taking it out.

use anchor_lang::prelude::*;

use crate::error::OrRefuse;
use crate::guards::Now;
use crate::state::{Insurance, Market};

/// What a use of the fund has left of the market's limit for the day, atoms.
fn day_room(market: &Market, used_atoms: u64, now: Now) -> u64 {
    let used = if market.insurance_day == now.day() { used_atoms } else { 0 };
    market.terms.insurance_day_max_atoms.saturating_sub(used)
}

/// Atoms of the fund that a market may use now: beside the exchange-wide tranche, within its own limit for the day.
pub fn market_room(insurance: &Insurance, market: &Market, now: Now) -> u64 {
    let day = day_room(market, market.insurance_used_atoms, now);
    insurance.balance_atoms.saturating_sub(insurance.tranche_atoms).min(day)
}

/// Atoms of the exchange-wide tranche that a market may use now: once more what it may use of the rest in a day, so that
/// no thin market empties what stands behind all of them.
pub fn tranche_room(insurance: &Insurance, market: &Market, now: Now) -> u64 {
    let day = day_room(market, market.tranche_used_atoms, now);
    insurance.tranche_atoms.min(insurance.balance_atoms).min(day)
}

/// Both uses of a day count from nothing on the next one.
fn begin_day(market: &mut Market, now: Now) {
    if market.insurance_day != now.day() {
        market.insurance_day = now.day();
        (market.insurance_used_atoms, market.tranche_used_atoms) = (0, 0);
    }
}

/// Pays out of the fund into a market's pool within its limit of the day.
pub fn pay_market(insurance: &mut Insurance, market: &mut Market, amount_atoms: u64, now: Now) -> Result<()> {
    begin_day(market, now);
    market.insurance_used_atoms = market.insurance_used_atoms.checked_add(amount_atoms).or_refuse()?;
    pay(insurance, market, amount_atoms)
}

/// Pays out of the exchange-wide tranche into a market's pool within its limit of the day.
pub fn pay_tranche(insurance: &mut Insurance, market: &mut Market, amount_atoms: u64, now: Now) -> Result<()> {
    begin_day(market, now);
    market.tranche_used_atoms = market.tranche_used_atoms.checked_add(amount_atoms).or_refuse()?;
    insurance.tranche_atoms = insurance.tranche_atoms.checked_sub(amount_atoms).or_refuse()?;
    pay(insurance, market, amount_atoms)
}

fn pay(insurance: &mut Insurance, market: &mut Market, amount_atoms: u64) -> Result<()> {
    insurance.balance_atoms = insurance.balance_atoms.checked_sub(amount_atoms).or_refuse()?;
    insurance.paid_atoms = insurance.paid_atoms.checked_add(amount_atoms).or_refuse()?;
    market.pool_atoms = market.pool_atoms.checked_add(amount_atoms).or_refuse()?;
    Ok(())
}
