//! The mark price: median of basis, book and index, each inside a radius of the index, and its averages.

use anchor_lang::prelude::*;
use evertide_math::mark::{mark_price, midpoint_floor, update_basis, update_twap, MarkInputs, TWAP_WINDOW_MS};
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::{AtomsPerLotTick, Bps, Millis, PriceQ32, Ticks};

use super::oracle::with_staleness;
use super::place::{best_shown, status_now};
use crate::error::OrRefuse;
use crate::guards::clock::HOUR_MS;
use crate::guards::Now;
use crate::state::{Market, MarketStatus};

/// Whether the price is good enough to compute a mark from.
pub fn is_computable(market: &Market, now_ms: i64) -> bool {
    let rules = &market.terms.oracle;
    let bits = with_staleness(market.validity, rules, market.publish_time_ms, now_ms);
    market.index_price_q32 != 0 && is_allowed(&rules.refused, OracleAction::UpdateMark, bits)
}

/// Computes the mark and its averages from the evidence that is alive now.
#[inline(never)]
pub fn refresh(market: &mut Market, now: Now) -> Result<()> {
    let elapsed = Millis::new(now.ms.saturating_sub(market.mark_ms).max(0)).or_refuse()?;
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let price = |ticks: u64| PriceQ32::from_ticks(Ticks::new(ticks)?, tick_value);
    let index = PriceQ32::new(market.index_price_q32).or_refuse()?;
    let best_bid = best_shown(market, false, now.ms).map(price).transpose().or_refuse()?;
    let best_ask = best_shown(market, true, now.ms).map(price).transpose().or_refuse()?;
    let last = match market.last_fill_ticks {
        0 => None,
        ticks => Some(price(ticks).or_refuse()?),
    };
    let mid = match (best_bid, best_ask) {
        (Some(bid), Some(ask)) => Some(midpoint_floor(bid, ask).or_refuse()?),
        _ => None,
    };
    market.basis_ema_q32 = update_basis(market.basis_ema_q32, mid, index, elapsed).or_refuse()?;
    let radius = Bps::new(u32::from(market.terms.mark_radius_bps)).or_refuse()?;
    let inputs = MarkInputs { index, basis_q32: market.basis_ema_q32, best_bid, best_ask, last, radius };
    let mark = mark_price(&inputs).or_refuse()?;
    market.mark_price_q32 = mark.get();
    market.mark_twap_q32 = twap(market, market.mark_twap_q32, mark, elapsed, TWAP_WINDOW_MS)?;
    market.mark_twap_hour_q32 = twap(market, market.mark_twap_hour_q32, mark, elapsed, HOUR_MS)?;
    market.mark_ms = now.ms;
    Ok(())
}

fn twap(market: &Market, old_q32: u64, mark: PriceQ32, elapsed: Millis, window_ms: i64) -> Result<u64> {
    let step = Bps::new(u32::from(market.terms.oracle.twap_step_max_bps)).or_refuse()?;
    let old = PriceQ32::new(old_q32).or_refuse()?;
    Ok(update_twap(old, mark, elapsed, Millis::new(window_ms).or_refuse()?, step).or_refuse()?.get())
}

/// Remembers that the market cannot match at this moment: orders that rest now prove nothing.
pub fn note_matchability(market: &mut Market, now: Now) {
    if status_now(market, now.ms) != MarketStatus::Active as u8 {
        market.matchable_since_slot = market.matchable_since_slot.max(now.slot);
    }
}
