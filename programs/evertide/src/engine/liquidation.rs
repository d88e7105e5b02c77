//! Steps that all liquidations share: when one may act, how much of a position is open to it, what it costs, and when
//! the liquidation is over.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::liquidation::{aged_fee, amount, LiquidationInput};
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::{Atoms, Bps, Lots, Millis, PriceQ32};

use super::ladder::{Ladder, Rung};
use super::margin::market_row;
use super::oracle::with_staleness;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::role::require_permission;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{permissions, Bankruptcy, Market, MarketStatus, RiskCache, User};

/// What `liquidate_orders` did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LiquidationRung {
    /// Below cancel margin: orders that could increase risk were taken out.
    Cancel = 1,
    /// Below maintenance margin: all orders are void, the liquidation began.
    Void = 2,
    /// At maintenance margin again: the liquidation ended.
    Ended = 3,
}

/// Refuses unless the market's price is good enough to liquidate on, and the market is not settling or closed.
#[inline(never)]
pub fn require_liquidatable(market: &Market, now: Now) -> Result<()> {
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    require!(market.status <= MarketStatus::Halted as u8, EvertideError::MarketStatusForbids);
    let rules = &market.terms.oracle;
    let bits = with_staleness(market.validity, rules, market.publish_time_ms, now.ms);
    require!(is_allowed(&rules.refused, OracleAction::Liquidate, bits), EvertideError::OracleValidityForbids);
    Ok(())
}

/// As [`require_liquidatable`] for resolving a bankruptcy, which needs no price any more once the market is settled.
pub fn require_resolvable(market: &Market, now: Now) -> Result<()> {
    if market.settlement_price_q32 != 0 {
        return Ok(());
    }
    require_liquidatable(market, now)
}

/// Refuses unless the signer trades for a liquidator of another authority that is not in liquidation itself, and asks for
/// more than nothing.
pub fn require_liquidator(user: &User, liquidator: &User, signer: &Address, most: u64, now: Now) -> Result<()> {
    require_permission(liquidator, signer, permissions::LIQUIDATE, now.ms)?;
    require!(!address_eq(&user.authority, &liquidator.authority), EvertideError::SelfLiquidation);
    require!(liquidator.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
    require!(most > 0, EvertideError::AmountZero);
    Ok(())
}

/// Refuses unless the account's orders are void and its equity lies in `[0, requirement)`.
pub fn require_below(user: &User, ladder: &Ladder, requirement_atoms: i64) -> Result<()> {
    require!(user.liquidation_start_ms != 0, EvertideError::LiquidationNotStarted);
    require_cmp!(ladder.equity, <, requirement_atoms, EvertideError::AccountHealthy);
    require_cmp!(ladder.equity, >=, 0_i64, EvertideError::UserBankrupt);
    Ok(())
}

/// Time since the liquidation began.
pub fn elapsed(user: &User, now: Now) -> Result<Millis> {
    Millis::new(now.ms.saturating_sub(user.liquidation_start_ms).max(0)).or_refuse()
}

/// The fees of a liquidation now.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// To the liquidator, risen with the age of the liquidation.
    pub liquidator: Bps,
    /// To the market's insurance.
    pub insurance: Bps,
    /// The account pays the taker fee of its tier instead: a backstop that closes against orders.
    pub ordinary: bool,
}

impl Rates {
    /// Those of a market for a liquidation of this age.
    pub fn of(market: &Market, elapsed: Millis) -> Result<Self> {
        let base = Bps::new(u32::from(market.terms.liquidation_fee_bps)).or_refuse()?;
        Ok(Self {
            liquidator: aged_fee(base, elapsed).or_refuse()?,
            insurance: Bps::new(u32::from(market.terms.insurance_fee_bps)).or_refuse()?,
            ordinary: false,
        })
    }
}

/// The mark of a market's row: positions are valued and moved at the same price.
pub fn row_mark(cache: &RiskCache, market: &Market) -> Result<PriceQ32> {
    let row = market_row(cache, market.index)?;
    require!(row.mark_price_q32 != 0, EvertideError::MarketNotPriced);
    PriceQ32::new(row.mark_price_q32).or_refuse()
}

/// Lots of a folded position that may be liquidated now, at most `most_lots`; none is an error.
#[inline(never)]
pub fn open_lots(
    user: &User,
    slot: usize,
    ladder: &Ladder,
    rung: &Rung,
    rates: &Rates,
    mark: PriceQ32,
    now: Now,
) -> Result<Lots> {
    let input = LiquidationInput {
        size: Lots::new(user.positions[slot].basis_lots).or_refuse()?,
        price: mark,
        shortage: ladder.shortage()?,
        repaired: Atoms::from_unsigned(user.liquidation_freed_atoms).or_refuse()?,
        elapsed: elapsed(user, now)?,
        maintenance: Bps::new(rung.maintenance_bps).or_refuse()?,
        liquidator_fee: rates.liquidator,
        insurance_fee: rates.insurance,
        below_backstop: ladder.equity < ladder.backstop,
    };
    let lots = amount(&input).or_refuse()?;
    require!(!lots.is_zero(), EvertideError::NothingToLiquidate);
    Ok(lots)
}

/// Counts what a step repaired and ends the liquidation at maintenance margin. Returns whether it ended. A backstop that
/// closes without being in liquidation has none to end.
#[inline(never)]
pub fn close_step(user: &mut User, before: &Ladder, after: &Ladder) -> Result<bool> {
    if user.liquidation_start_ms == 0 {
        return Ok(false);
    }
    let repaired = before.shortage()?.minus(after.shortage()?).or_refuse()?.max(Atoms::ZERO);
    user.liquidation_freed_atoms = user.liquidation_freed_atoms.checked_add(repaired.magnitude()).or_refuse()?;
    Ok(end_if_healthy(user, after))
}

/// Ends the liquidation when equity is at maintenance margin. Returns whether it ended.
pub fn end_if_healthy(user: &mut User, ladder: &Ladder) -> bool {
    if ladder.equity < ladder.maintenance {
        return false;
    }
    user.liquidation_start_ms = 0;
    user.liquidation_freed_atoms = 0;
    for position in &mut user.positions {
        if position.bankruptcy == Bankruptcy::Resolved as u8 {
            position.bankruptcy = Bankruptcy::None as u8;
        }
    }
    true
}

/// Refuses a step after which the account stands no better, unless the position is gone.
pub fn require_improved(before: &Ladder, after: &Ladder, left_lots: i64) -> Result<()> {
    if left_lots != 0 {
        require_cmp!(after.excess(), >, before.excess(), EvertideError::HealthNotImproved);
    }
    Ok(())
}
