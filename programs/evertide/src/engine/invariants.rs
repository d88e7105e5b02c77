//! What must hold of a market, an asset and the insurance fund whatever happened, checked from their own totals.

use anchor_lang::prelude::*;
use evertide_math::index::{DROPPED_BITS, INDEX_ONE};

use super::quote::QUOTE_INDEX;
use super::rewards::owed_by_pool;
use crate::error::OrRefuse;
use crate::state::{Collateral, Insurance, Market};

/// Roundings of an atom that one event of a market can leave: nine parties fold, each is charged or paid.
const ATOMS_AN_EVENT: u64 = 32;
/// The market holds at most one part in this of a side without its counterpart, as a power of two.
const FRACTION_BITS: u32 = 12;

/// Which of them is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Invariant {
    /// Both sides hold the same open interest.
    OpenInterest = 1,
    /// No more fractions of lots were dropped on a side than it holds; no size factor has grown.
    Fractions = 2,
    /// While nothing is open, pool and recorded deficit cover all claims and fees, up to counted roundings.
    Books = 3,
    /// The insurance fund's part of the fees is a part of them.
    Fees = 4,
    /// The market is latched while a bankruptcy is open, and only then.
    Latch = 5,
    /// The vault holds what is owed out of it.
    Vault = 6,
    /// What waits in the queue is among the deposits.
    Queue = 7,
    /// The tranche is a part of the insurance fund.
    Tranche = 8,
}

/// A broken invariant with the two numbers that it compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    pub invariant: Invariant,
    pub found: u64,
    pub bound: u64,
}

fn broken(invariant: Invariant, found: u64, bound: u64, holds: bool) -> Option<Broken> {
    (!holds).then_some(Broken { invariant, found, bound })
}

/// The first invariant of a market that does not hold.
pub fn of_market(market: &Market) -> Result<Option<Broken>> {
    let [long, short] = market.open_interest_lots;
    let mut found = broken(Invariant::OpenInterest, long, short, long == short);
    for side in 0..2 {
        let dropped = market.dropped_q16[side] >> DROPPED_BITS;
        let open = market.open_interest_lots[side];
        found = found.or(broken(Invariant::Fractions, dropped, open, dropped <= open));
        found = found.or(broken(Invariant::Fractions, market.a[side], INDEX_ONE, market.a[side] <= INDEX_ONE));
    }
    let (meant, fees) = (market.pending_insurance_atoms, market.pending_fees_atoms);
    found = found.or(broken(Invariant::Fees, meant, fees, meant <= fees));
    let (latch, open) = (market.latch != 0, market.bankruptcies_open);
    found = found.or(broken(Invariant::Latch, u64::from(market.latch), u64::from(open), latch == (open != 0)));
    Ok(match found {
        Some(found) => Some(found),
        None => books(market)?,
    })
}

/// With nothing open every claim is stored. What misses of the pool is at most the roundings of all events so far and,
/// once a side was deleveraged, what the price did to the fractions of lots that the market held.
fn books(market: &Market) -> Result<Option<Broken>> {
    let held = market.open_interest_lots != [0; 2] || market.position_count != [0; 2] || market.stale_count != [0; 2];
    if held {
        return Ok(None);
    }
    let owed = owed_by_pool(market)?.max(0).unsigned_abs();
    let backed = market.pool_atoms.checked_add(market.deficit_atoms).or_refuse()?;
    let whole = market.a == [INDEX_ONE; 2] && market.epoch == [0; 2];
    let fractions = if whole { 0 } else { market.volume_atoms >> FRACTION_BITS };
    let tolerance = market.sequence.saturating_mul(ATOMS_AN_EVENT).saturating_add(fractions);
    let bound = backed.saturating_add(tolerance);
    Ok(broken(Invariant::Books, owed, bound, owed <= bound))
}

/// The first invariant of an asset and the fund that does not hold. Pools of other markets only add to what the quote
/// vault holds.
pub fn of_vault(
    collateral: &Collateral,
    insurance: &Insurance,
    market: &Market,
    vault_atoms: u64,
) -> Result<Option<Broken>> {
    let (queued, total) = (collateral.queued_atoms, collateral.total_atoms);
    let (tranche, fund) = (insurance.tranche_atoms, insurance.balance_atoms);
    let mut owed = total;
    if collateral.index == QUOTE_INDEX {
        let beside =
            fund.checked_add(market.pool_atoms).or_refuse()?.checked_add(collateral.interest_atoms).or_refuse()?;
        owed = owed.checked_add(beside).or_refuse()?.checked_add(collateral.dust_atoms).or_refuse()?;
        owed = owed.saturating_sub(collateral.debt_atoms);
    }
    let found = broken(Invariant::Vault, vault_atoms, owed, vault_atoms >= owed);
    let found = found.or(broken(Invariant::Queue, queued, total, queued <= total));
    Ok(found.or(broken(Invariant::Tranche, tranche, fund, tranche <= fund)))
}
