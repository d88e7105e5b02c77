//! The ladder of an account that is going down: its equity against the margins at which orders are cancelled, positions
//! liquidated, moved to the backstop and deleveraged. One pass over its own slots, from cached rows of any age.

use anchor_lang::prelude::*;
use evertide_math::debt::balance_with_interest;
use evertide_math::liquidation::shortage;
use evertide_math::margin::{
    ladder_ratio, maintenance_ratio, requirement, MarginKind, AUTO_DELEVERAGE_FRACTION_BPS, BACKSTOP_FRACTION_BPS,
    CANCEL_FRACTION_BPS,
};
use evertide_math::notional::{notional_ceil, position_value};
use evertide_math::{Atoms, Bps, Lots};

use super::margin::{collateral_total, folded, margin_terms, market_row, sober_mark, Freshness};
use crate::error::{EvertideError, OrRefuse};
use crate::state::{Bankruptcy, Position, RiskCache, User, POSITIONS_MAX};

/// What one position adds; all in atoms but the ratio.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Value at mark with its cash; at the mark's TWAP while the market's print is a wild one.
    pub worth: i64,
    pub notional: i64,
    pub cancel: i64,
    pub maintenance: i64,
    pub backstop: i64,
    pub auto_deleverage: i64,
    /// Ratio that its maintenance requirement is made of, bps.
    pub maintenance_bps: u32,
}

/// Equity and requirements of an account; all in atoms.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Quote with interest, collateral at maintenance weight, positions at mark, profits in full.
    pub equity: i64,
    /// Quote balance with interest.
    pub quote: i64,
    pub notional: i64,
    pub cancel: i64,
    pub maintenance: i64,
    pub backstop: i64,
    pub auto_deleverage: i64,
    /// Sum of the position values below zero, never positive.
    pub losses: i64,
    /// Of these, in markets that have not borne their share of a bankruptcy yet.
    pub losses_unresolved: i64,
}

impl Ladder {
    /// The ladder of a user now. Liquidations need no fresh rows: a dead feed must not shield anybody.
    #[inline(never)]
    pub fn of(user: &User, cache: &RiskCache, now_ms: i64) -> Result<Self> {
        let index = cache.collaterals[0].debt_index_q48.max(user.debt_index_q48);
        let balance = Atoms::new(user.quote_atoms).or_refuse()?;
        let quote = balance_with_interest(balance, user.debt_index_q48, index).or_refuse()?.get();
        let freshness = Freshness { now_ms, required: false };
        let collateral = collateral_total(user, cache, MarginKind::Maintenance, freshness)?;
        let mut sum = Self { equity: quote.checked_add(collateral).or_refuse()?, quote, ..Self::default() };
        let mut left = usize::from(user.position_count).min(POSITIONS_MAX);
        for position in &user.positions {
            if left == 0 {
                break;
            }
            if position.market_plus_one != 0 {
                left = left.saturating_sub(1);
                sum.add(&Rung::of(position, cache)?, position.bankruptcy)?;
            }
        }
        Ok(sum)
    }

    fn add(&mut self, rung: &Rung, bankruptcy: u8) -> Result<()> {
        self.equity = self.equity.checked_add(rung.worth).or_refuse()?;
        self.notional = self.notional.checked_add(rung.notional).or_refuse()?;
        self.cancel = self.cancel.checked_add(rung.cancel).or_refuse()?;
        self.maintenance = self.maintenance.checked_add(rung.maintenance).or_refuse()?;
        self.backstop = self.backstop.checked_add(rung.backstop).or_refuse()?;
        self.auto_deleverage = self.auto_deleverage.checked_add(rung.auto_deleverage).or_refuse()?;
        let loss = rung.worth.min(0);
        self.losses = self.losses.checked_add(loss).or_refuse()?;
        if bankruptcy != Bankruptcy::Resolved as u8 {
            self.losses_unresolved = self.losses_unresolved.checked_add(loss).or_refuse()?;
        }
        Ok(())
    }

    /// The ladder after one position changed from `before` to `after`.
    #[inline(never)]
    pub fn replaced(&self, before: &Rung, after: &Rung) -> Result<Self> {
        let swap =
            |sum: i64, old: i64, new: i64| sum.checked_sub(old).and_then(|rest| rest.checked_add(new)).or_refuse();
        Ok(Self {
            equity: swap(self.equity, before.worth, after.worth)?,
            quote: self.quote,
            notional: swap(self.notional, before.notional, after.notional)?,
            cancel: swap(self.cancel, before.cancel, after.cancel)?,
            maintenance: swap(self.maintenance, before.maintenance, after.maintenance)?,
            backstop: swap(self.backstop, before.backstop, after.backstop)?,
            auto_deleverage: swap(self.auto_deleverage, before.auto_deleverage, after.auto_deleverage)?,
            losses: swap(self.losses, before.worth.min(0), after.worth.min(0))?,
            losses_unresolved: swap(self.losses_unresolved, before.worth.min(0), after.worth.min(0))?,
        })
    }

    /// Equity beyond the maintenance requirement, negative when it is missing.
    pub fn excess(&self) -> i64 {
        self.equity.saturating_sub(self.maintenance)
    }

    /// Missing to maintenance plus the buffer that a liquidation restores.
    #[inline(never)]
    pub fn shortage(&self) -> Result<Atoms> {
        let atoms = |value: i64| Atoms::new(value).or_refuse();
        shortage(atoms(self.equity)?, atoms(self.maintenance)?, atoms(self.notional)?).or_refuse()
    }
}

impl Rung {
    /// What a position adds now, folded virtually against its row.
    #[inline(never)]
    pub fn of(position: &Position, cache: &RiskCache) -> Result<Self> {
        if position.basis_lots == 0 {
            return Ok(Self { worth: position.cash_atoms, ..Self::default() });
        }
        let row = market_row(cache, position.market_plus_one.wrapping_sub(1))?;
        require!(row.mark_price_q32 != 0, EvertideError::MarketNotPriced);
        let (size_lots, cash_atoms) = folded(position, row)?;
        let size = Lots::new(size_lots).or_refuse()?;
        let mark = sober_mark(row)?;
        let worth = position_value(size, Atoms::new(cash_atoms).or_refuse()?, mark).or_refuse()?;
        let notional = notional_ceil(size, mark).or_refuse()?;
        let tiers = margin_terms(row, 0)?.tiers;
        let size_ratio = tiers.ratio(notional).or_refuse()?;
        let maintenance = maintenance_ratio(size_ratio).or_refuse()?;
        let demand = |ratio: Bps| requirement(notional, ratio).map(Atoms::get).or_refuse();
        let fraction = |bps: u32| demand(ladder_ratio(size_ratio, bps).or_refuse()?);
        Ok(Self {
            worth: worth.get(),
            notional: notional.get(),
            cancel: fraction(CANCEL_FRACTION_BPS)?,
            maintenance: demand(maintenance)?,
            backstop: fraction(BACKSTOP_FRACTION_BPS)?,
            auto_deleverage: fraction(AUTO_DELEVERAGE_FRACTION_BPS)?,
            maintenance_bps: maintenance.get(),
        })
    }
}
