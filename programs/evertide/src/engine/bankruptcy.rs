//! One market's share of a bankrupt account's deficit, and who pays it: the market's own fees, insurance within its
//! limit, the other side by deleveraging at the bankruptcy price, the exchange-wide tranche within the same limit, and then
//! the record.

use anchor_lang::prelude::*;
use evertide_math::liquidation::{bankruptcy_price, deficit_share};
use evertide_math::{Atoms, Bps, Lots, PriceQ32};

use super::cover::{market_room, pay_market, pay_tranche, tranche_room};
use super::ladder::{Ladder, Rung};
use super::margin::side_of;
use super::position::add_cash;
use super::transfer::close_against_side;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{Bankruptcy, Insurance, Market, Position, User};

/// What `resolve_bankruptcy` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BankruptcyStep {
    /// The account is solvent again: the latch of its market is taken back.
    Closed = 0,
    /// Detected while collateral is left to be sold: its market only reduces until it is resolved.
    Opened = 1,
    /// The market has borne its share.
    Resolved = 2,
}

/// Who paid how much of a share; atoms.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Paid {
    pub share: u64,
    pub fees: u64,
    pub insurance: u64,
    /// By the other side; negative when rounding left it an atom.
    pub deleveraged: i64,
    pub tranche: u64,
    pub recorded: u64,
    /// Signed lots closed, and the price of it.
    pub closed_lots: i64,
    pub price_q32: u64,
}

/// The market that bears what no loss assigns: the lowest of the user's slots that `counts`, or the first of all.
fn lowest_market(user: &User, counts: impl Fn(&Position) -> bool) -> u16 {
    let held = user.positions.iter().filter(|position| position.market_plus_one != 0 && counts(position));
    held.map(|position| position.market_plus_one.saturating_sub(1)).min().unwrap_or(0)
}

/// This market's part of the deficit: by its loss among the losses of markets that have not borne theirs yet.
///
/// When every loss has been borne and the account is still short (a profit that carried it has shrunk), the lowest
/// market with a loss left bears the rest; a debt without any loss falls to the lowest market once no lot is open.
pub fn share_of(user: &User, slot: Option<usize>, market: &Market, ladder: &Ladder, rung: &Rung) -> Result<Atoms> {
    let deficit = Atoms::new(ladder.equity).or_refuse()?.negate();
    let position = slot.map(|slot| &user.positions[slot]);
    let has_lots = position.is_some_and(|position| position.basis_lots != 0);
    if ladder.losses_unresolved != 0 {
        let resolved = position.is_some_and(|position| position.bankruptcy == Bankruptcy::Resolved as u8);
        if rung.worth < 0 && !resolved {
            let loss = Atoms::new(rung.worth).or_refuse()?.negate();
            let losses = Atoms::new(ladder.losses_unresolved).or_refuse()?.negate();
            return deficit_share(deficit, loss, losses).or_refuse();
        }
    } else if ladder.notional == 0 {
        // No lot is open by the folded sizes: what a side's reset closed may still stand in a slot that nobody touched.
        let bearer = lowest_market(user, |position| ladder.losses == 0 || position.cash_atoms < 0);
        require_cmp!(market.index, ==, bearer, EvertideError::BankruptcyMarketWrong);
        return Ok(deficit);
    }
    // A position without a loss closes at mark against the other side and bears nothing.
    require!(has_lots, EvertideError::BankruptcyMarketWrong);
    Ok(Atoms::ZERO)
}

/// Pays a share and closes the folded position. Its cash afterwards is its value before plus the share.
#[inline(never)]
pub fn bear(
    market: &mut Market,
    insurance: &mut Insurance,
    position: &mut Position,
    share: Atoms,
    rung: &Rung,
    mark: PriceQ32,
    now: Now,
) -> Result<Paid> {
    let mut paid = Paid { share: share.magnitude(), price_q32: mark.get(), ..Paid::default() };
    let mut rest = share.magnitude();
    paid.fees = market.pending_fees_atoms.min(rest);
    market.pending_fees_atoms = market.pending_fees_atoms.checked_sub(paid.fees).or_refuse()?;
    market.pending_insurance_atoms = market.pending_insurance_atoms.min(market.pending_fees_atoms);
    rest = rest.checked_sub(paid.fees).or_refuse()?;
    paid.insurance = market_room(insurance, market, now).min(rest);
    pay_market(insurance, market, paid.insurance, now)?;
    rest = rest.checked_sub(paid.insurance).or_refuse()?;
    if position.basis_lots != 0 {
        let wanted = Atoms::from_unsigned(rest).or_refuse()?;
        paid.deleveraged = close_position(market, position, wanted, rung, mark, &mut paid)?;
        let left =
            i64::try_from(rest).map_err(|_| EvertideError::Overflow)?.checked_sub(paid.deleveraged).or_refuse()?;
        rest = left.max(0).unsigned_abs();
    }
    paid.tranche = tranche_room(insurance, market, now).min(rest);
    pay_tranche(insurance, market, paid.tranche, now)?;
    paid.recorded = rest.checked_sub(paid.tranche).or_refuse()?;
    // What nobody paid is a claim on the pool without backing.
    market.deficit_atoms = market.deficit_atoms.checked_add(paid.recorded).or_refuse()?;
    let covered = paid.fees.checked_add(paid.insurance).or_refuse()?;
    let covered = covered.checked_add(paid.tranche).or_refuse()?.checked_add(paid.recorded).or_refuse()?;
    add_cash(position, market, i64::try_from(covered).map_err(|_| EvertideError::Overflow)?)?;
    Ok(paid)
}

/// Closes all lots against the other side at the bankruptcy price of what is left to pay; returns what that paid.
fn close_position(
    market: &mut Market,
    position: &mut Position,
    rest: Atoms,
    rung: &Rung,
    mark: PriceQ32,
    paid: &mut Paid,
) -> Result<i64> {
    let size = Lots::new(position.basis_lots).or_refuse()?;
    let other = 1_usize.saturating_sub(side_of(size.get()));
    let price = if market.position_count[other] == 0 || rest.is_zero() {
        mark
    } else {
        let cap = Bps::new(rung.maintenance_bps).or_refuse()?;
        bankruptcy_price(size, mark, rest, cap).or_refuse()?.price
    };
    close_against_side(market, position, Lots::from_order(size.magnitude()).or_refuse()?, price)?;
    paid.closed_lots = size.get();
    paid.price_q32 = price.get();
    position.cash_atoms.checked_sub(rung.worth).or_refuse()
}

/// Marks a position as open or not, and latches its market while any is.
pub fn set_open(market: &mut Market, position: &mut Position, state: Bankruptcy) -> Result<()> {
    if position.bankruptcy == Bankruptcy::Open as u8 {
        market.bankruptcies_open = market.bankruptcies_open.checked_sub(1).or_refuse()?;
    }
    if state == Bankruptcy::Open {
        market.bankruptcies_open = market.bankruptcies_open.checked_add(1).or_refuse()?;
    }
    position.bankruptcy = state as u8;
    market.latch = u8::from(market.bankruptcies_open != 0);
    Ok(())
}
