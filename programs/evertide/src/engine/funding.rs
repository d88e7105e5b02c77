//! Funding: accrued with the stored rate on the stored index up to now, fixed anew at every hour.
//!
//! Whoever is about to change the index, the premium or the rate accrues first. Nothing is ever charged twice: the
//! time of the last accrual moves with each step. Nothing is charged at a later rate: a stretch of time that crosses
//! an hour is cut there, and each part is charged at the rate that was in force.

use anchor_lang::prelude::*;
use evertide_math::funding::{hourly_rate_with, premium, PremiumAverage};
use evertide_math::index::{accrue_funding, MAX_ACCRUAL_MS};
use evertide_math::margin::maintenance_ratio;
use evertide_math::{AtomsPerLotTick, Bps, Millis, PriceQ32, RateE9, Ticks};

use super::place::EVIDENCE_AGE_MAX_MS;
use super::position::market_side;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::HOUR_MS;
use crate::guards::Now;
use crate::state::Market;

/// After so many hours of a catch-up all evidence is long dead and the rate no longer changes.
const HOURS_ONE_BY_ONE: u32 = 3;
/// Hours in the ring of hourly marks.
const RING_HOURS: i64 = 24;

/// Accrues funding and the premium average up to now. The first price of a market starts its clock.
#[inline(never)]
pub fn accrue(market: &mut Market, now: Now) -> Result<()> {
    if market.index_price_q32 == 0 || now.ms <= market.accrued_ms {
        return Ok(());
    }
    roll_hourly_marks(market, now.ms)?;
    let mut hours = 0_u32;
    while market.accrued_ms < now.ms {
        let hour_end_ms = market.funding_hour_ms.checked_add(HOUR_MS).or_refuse()?;
        let whole_hours = now.ms.saturating_sub(market.accrued_ms).checked_div(HOUR_MS).or_refuse()?;
        if hours >= HOURS_ONE_BY_ONE && market.accrued_ms == market.funding_hour_ms && whole_hours > 1 {
            skip_hours(market, whole_hours)?;
            continue;
        }
        let until_ms = now.ms.min(hour_end_ms);
        charge(market, until_ms.checked_sub(market.accrued_ms).or_refuse()?)?;
        average_premium(market, until_ms)?;
        market.accrued_ms = until_ms;
        if until_ms == hour_end_ms {
            fix_rate(market, hour_end_ms)?;
            hours = hours.saturating_add(1);
        }
    }
    Ok(())
}

/// Many hours without any premium: the rate stays what the first of them fixed.
fn skip_hours(market: &mut Market, whole_hours: i64) -> Result<()> {
    let elapsed_ms = whole_hours.checked_mul(HOUR_MS).or_refuse()?;
    charge(market, elapsed_ms.min(MAX_ACCRUAL_MS))?;
    market.accrued_ms = market.accrued_ms.checked_add(elapsed_ms).or_refuse()?;
    market.funding_hour_ms = market.accrued_ms;
    Ok(())
}

/// Charges the stored rate on the stored index for a time: longs pay what shorts receive, or the other way.
fn charge(market: &mut Market, elapsed_ms: i64) -> Result<()> {
    let (long, short) = (market_side(market, 0), market_side(market, 1));
    let remainder = i64::try_from(market.funding_remainder.get()).map_err(|_| EvertideError::Overflow)?;
    let accrued = accrue_funding(
        &long,
        &short,
        RateE9::new(market.funding_rate_e9).or_refuse()?,
        PriceQ32::new(market.index_price_q32).or_refuse()?,
        Millis::new(elapsed_ms).or_refuse()?,
        remainder,
    );
    let accrued = accrued.or_refuse()?;
    let paid = long.j.checked_sub(accrued.long.j).or_refuse()?;
    market.j = [accrued.long.j.into(), accrued.short.j.into()];
    market.funding_remainder = i128::from(accrued.remainder).into();
    market.funding_total = market.funding_total.get().checked_add(paid).or_refuse()?.into();
    Ok(())
}

/// Time until which the stored premium holds: both sides' evidence lives so long; afterwards the premium is 0.
fn premium_until_ms(market: &Market) -> i64 {
    let [bid, ask] = &market.evidence;
    if bid.order_id == 0 || ask.order_id == 0 {
        return 0;
    }
    bid.shown_ms.min(ask.shown_ms).saturating_add(EVIDENCE_AGE_MAX_MS)
}

fn average_premium(market: &mut Market, until_ms: i64) -> Result<()> {
    let held_until_ms = premium_until_ms(market).clamp(market.accrued_ms, until_ms);
    let held_ms = held_until_ms.checked_sub(market.accrued_ms).or_refuse()?;
    let empty_ms = until_ms.checked_sub(held_until_ms).or_refuse()?;
    let rate = RateE9::new(market.premium_e9).or_refuse()?;
    let average = running_average(market)?
        .accumulate(rate, Millis::new(held_ms).or_refuse()?)
        .and_then(|average| average.accumulate(RateE9::ZERO, Millis::new(empty_ms)?))
        .or_refuse()?;
    market.premium_sum = i128::from(average.sum_e9_ms).into();
    market.premium_ms = average.elapsed_ms;
    Ok(())
}

fn running_average(market: &Market) -> Result<PremiumAverage> {
    let sum_e9_ms = i64::try_from(market.premium_sum.get()).map_err(|_| EvertideError::Overflow)?;
    Ok(PremiumAverage { sum_e9_ms, elapsed_ms: market.premium_ms })
}

/// The rate per hour that the premium averaged so far would fix, 1e-9.
pub fn next_rate_e9(market: &Market) -> Result<i64> {
    let average = running_average(market)?.average().or_refuse()?;
    let initial = Bps::new(u32::from(market.terms.tier_ratio_bps[0])).or_refuse()?;
    let maintenance = maintenance_ratio(initial).or_refuse()?;
    let interest = RateE9::new(i64::from(market.terms.interest_rate_e9)).or_refuse()?;
    Ok(hourly_rate_with(average, interest, initial, maintenance).or_refuse()?.get())
}

fn fix_rate(market: &mut Market, hour_end_ms: i64) -> Result<()> {
    market.funding_rate_e9 = next_rate_e9(market)?;
    market.funding_hour_ms = hour_end_ms;
    market.premium_sum = Default::default();
    market.premium_ms = 0;
    Ok(())
}

/// The premium of the impact prices shown, against the present index; 0 unless both sides are shown.
#[inline(never)]
pub fn refresh_premium(market: &mut Market, now_ms: i64) -> Result<()> {
    if market.index_price_q32 == 0 {
        return Ok(());
    }
    let live = now_ms < premium_until_ms(market);
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let price = |side: usize| -> Result<Option<PriceQ32>> {
        if !live {
            return Ok(None);
        }
        let ticks = Ticks::new(market.evidence[side].impact_ticks).or_refuse()?;
        Ok(Some(PriceQ32::from_ticks(ticks, tick_value).or_refuse()?))
    };
    let index = PriceQ32::new(market.index_price_q32).or_refuse()?;
    market.premium_e9 = premium(price(0)?, price(1)?, index).or_refuse()?.get();
    Ok(())
}

/// Stores the mark for every hour of the day that began since the last accrual.
fn roll_hourly_marks(market: &mut Market, now_ms: i64) -> Result<()> {
    let hour = now_ms.checked_div(HOUR_MS).or_refuse()?;
    let last = market.accrued_ms.checked_div(HOUR_MS).or_refuse()?;
    let missed = hour.saturating_sub(last).clamp(0, RING_HOURS);
    for back in 0..missed {
        let slot = hour.saturating_sub(back).rem_euclid(RING_HOURS);
        let slot = usize::try_from(slot).map_err(|_| EvertideError::OutOfRange)?;
        market.hourly_mark_q32[slot] = market.mark_price_q32;
    }
    Ok(())
}
