//! One party of a fill: its position before and after, its open interest, its margin.

use anchor_lang::prelude::*;
use evertide_math::bands::exceeds_slippage;
use evertide_math::margin::MarginKind;
use evertide_math::pnl::{apply_fill, Filled, Holding};
use evertide_math::{Atoms, AtomsPerLotTick, Bps, Lots, PriceQ32, Side, Ticks};

use super::margin::{self, demand_beyond_row, market_row, side_of, Freshness};
use super::position::{add_cash, find, set_size};
use super::row::scaled_ratio_bps;
use super::season::open_interest_limit;
use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{Market, Position, RiskCache, User};

/// Price and size of one fill.
#[derive(Clone, Copy, Debug)]
pub struct FillTerms {
    pub size: Lots,
    pub price: Ticks,
    pub tick_value: AtomsPerLotTick,
}

/// The part of a folded position that fills and transfers change.
pub fn holding(position: &Position) -> Result<Holding> {
    Ok(Holding {
        size: Lots::new(position.basis_lots).or_refuse()?,
        cash: Atoms::new(position.cash_atoms).or_refuse()?,
        entry: Atoms::new(position.entry_atoms).or_refuse()?,
    })
}

/// What a fill would make of a folded position, fees not included.
pub fn preview(position: &Position, side: Side, terms: &FillTerms) -> Result<Filled> {
    apply_fill(holding(position)?, side, terms.size, terms.price, terms.tick_value).or_refuse()
}

/// Writes the holding after a fill, less its fee (a rebate is negative), into a folded position.
pub fn write(position: &mut Position, market: &mut Market, filled: &Filled, fee_atoms: i64) -> Result<()> {
    let holding = &filled.holding;
    let after = holding.cash.get().checked_sub(fee_atoms).or_refuse()?;
    add_cash(position, market, after.checked_sub(position.cash_atoms).or_refuse()?)?;
    position.entry_atoms = holding.entry.get();
    set_size(position, market, holding.size.get());
    Ok(())
}

/// Open interest and position counts of both sides, lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenInterest {
    pub lots: [u64; 2],
    pub count: [u32; 2],
}

impl OpenInterest {
    /// The market's now.
    pub fn of(market: &Market) -> Self {
        Self { lots: market.open_interest_lots, count: market.position_count }
    }

    /// After one position changed its size.
    pub fn moved(mut self, before_lots: i64, after_lots: i64) -> Result<Self> {
        if before_lots != 0 {
            let side = side_of(before_lots);
            // Sizes that fell toward zero in folding stay in the open interest as counted dust, so that this holds.
            self.lots[side] = self.lots[side].checked_sub(before_lots.unsigned_abs()).or_refuse()?;
            self.count[side] = self.count[side].checked_sub(1).or_refuse()?;
        }
        if after_lots != 0 {
            let side = side_of(after_lots);
            self.lots[side] = self.lots[side].checked_add(after_lots.unsigned_abs()).or_refuse()?;
            self.count[side] = self.count[side].checked_add(1).or_refuse()?;
        }
        Ok(self)
    }

    /// Whether a side grew beyond the market's limit.
    pub fn exceeds_limit(&self, market: &Market) -> bool {
        let most = open_interest_limit(market);
        (0..2).any(|side| self.lots[side] > market.open_interest_lots[side] && self.lots[side] > most)
    }

    /// Writes it into the market.
    pub fn store(self, market: &mut Market) {
        market.open_interest_lots = self.lots;
        market.position_count = self.count;
    }
}

/// What the fills of one user in one instruction amount to.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    pub side: Side,
    /// Some lots opened or flipped.
    pub increases: bool,
    /// The worst price of the fills.
    pub worst: Ticks,
}

/// Whether a user stands where a fill may leave it.
///
/// Increasing: initial margin for the taker, half way to maintenance for a maker, on fresh rows. Reducing: maintenance,
/// or a price no worse than the index less the liquidation fee with equity not below zero. Open interest counts as it is in
/// the market now: many accounts that open within the age of one row must not all be judged by what it was before them.
pub fn margin_holds(
    user: &User,
    cache: &RiskCache,
    market: &Market,
    exposure: &Exposure,
    increase_kind: MarginKind,
    now_ms: i64,
) -> Result<MarginOutcome> {
    let kind = if exposure.increases { increase_kind } else { MarginKind::Maintenance };
    let freshness = Freshness { now_ms, required: exposure.increases };
    let valuation = margin::value(user, cache, kind, freshness)?;
    let beyond_row = if exposure.increases { beyond_row(user, cache, market, kind)? } else { 0 };
    let requirement_atoms = valuation.requirement_atoms.checked_add(beyond_row).or_refuse()?;
    let met = valuation.equity_atoms >= requirement_atoms;
    let holds = met || (!exposure.increases && valuation.equity_atoms >= 0 && is_fair(market, exposure)?);
    Ok(MarginOutcome { holds, equity_atoms: valuation.equity_atoms, requirement_atoms })
}

/// What the market's open interest demands of a user beyond its cached row.
fn beyond_row(user: &User, cache: &RiskCache, market: &Market, kind: MarginKind) -> Result<i64> {
    let row = market_row(cache, market.index)?;
    let now_bps = scaled_ratio_bps(market)?;
    match find(user, market.index) {
        Some(slot) if now_bps > row.open_interest_ratio_bps => {
            demand_beyond_row(user, &user.positions[slot], row, kind, now_bps)
        }
        _ => Ok(0),
    }
}

/// The verdict, with both numbers compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginOutcome {
    pub holds: bool,
    pub equity_atoms: i64,
    pub requirement_atoms: i64,
}

impl MarginOutcome {
    /// Refuses with both numbers unless it holds.
    pub fn require(&self, error: EvertideError) -> Result<()> {
        if !self.holds {
            require_cmp!(self.equity_atoms, >=, self.requirement_atoms, error);
        }
        Ok(())
    }
}

fn is_fair(market: &Market, exposure: &Exposure) -> Result<bool> {
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let price = PriceQ32::from_ticks(exposure.worst, tick_value).or_refuse()?;
    let index = PriceQ32::new(market.index_price_q32).or_refuse()?;
    let fee = Bps::new(u32::from(market.terms.liquidation_fee_bps)).or_refuse()?;
    Ok(!exceeds_slippage(exposure.side, price, index, fee).or_refuse()?)
}
