//! What a reading of a feed does to a market or to the row of a collateral asset.

use anchor_lang::prelude::*;
use evertide_math::bands::{breaker_trips, update_volatility};
use evertide_math::mark::{update_twap, TWAP_WINDOW_MS};
use evertide_math::oracle::{
    collateral_price, is_allowed, price_per_lot, validity, LotSize, OracleAction, OracleReading, Rounding,
    STALE_FOR_FILLS, STALE_FOR_MARGIN,
};
use evertide_math::units::{ATOMS_PER_USD, PRICE_BITS};
use evertide_math::{Bps, MathError, MathResult, Millis, PriceQ32, RateE9};

use super::feed::Reading;
use super::funding::{accrue, refresh_premium};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::HOUR_MS;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{CollateralRow, Market, OracleKind, OracleRules};

/// A publish time may lie so far ahead of the chain's clock, ms: it counts whole seconds and lags.
pub const FUTURE_MAX_MS: i64 = 5_000;
/// A lot is worth at most this when its market is first priced, atoms: $100.
pub const LOT_WORTH_MAX_ATOMS: u64 = 100 * ATOMS_PER_USD;
/// Decimals of `MarketTerms::lot_size_e9`.
const LOT_DECIMALS: u8 = 9;
/// Slots in two seconds: bounds the slot at which a cool-down ends.
const SLOTS_PER_TWO_SECONDS: u64 = 5;

/// A reading in the target's own unit of price.
#[derive(Clone, Copy, Debug)]
struct Priced {
    price: PriceQ32,
    confidence: u64,
    twap: PriceQ32,
    validity: u8,
    /// Since the last reading, by publish time.
    elapsed: Millis,
}

/// Refuses a publish time that goes back or lies in the future. A reading of a feed account may be repeated, to
/// refresh a row; a local price may not.
///
/// A new reading must not be stale when it arrives: after a silence anyone could else bring the price of any moment of it,
/// and have others liquidated on that.
pub fn require_forward(rules: &OracleRules, reading: &Reading, last_ms: i64, now_ms: i64) -> Result<()> {
    let least = if rules.kind == OracleKind::Local as u8 { last_ms.checked_add(1).or_refuse()? } else { last_ms };
    require_cmp!(reading.publish_time_ms, >=, least, EvertideError::OracleNotNewer);
    let latest = now_ms.checked_add(FUTURE_MAX_MS).or_refuse()?;
    require_cmp!(reading.publish_time_ms, <=, latest, EvertideError::OracleFromFuture);
    if reading.publish_time_ms > last_ms {
        let age_ms = now_ms.saturating_sub(reading.publish_time_ms);
        require_cmp!(age_ms, <=, i64::from(rules.stale_margin_ms), EvertideError::OracleTooOld);
    }
    require!(reading.mantissa > 0, EvertideError::OraclePriceNotPositive);
    Ok(())
}

/// Takes a reading into a market: index, confidence, TWAP, validity, volatility, circuit breaker.
pub fn apply_to_market(market: &mut Market, reading: &Reading, now: Now) -> Result<()> {
    let lot = LotSize { units: market.terms.lot_size_e9, decimals: LOT_DECIMALS };
    let price = in_range(price_per_lot(reading.mantissa, reading.exponent, lot, Rounding::Floor))?;
    require!(!price.is_zero(), EvertideError::OraclePriceOutOfRange);
    let confidence = in_range(price_per_lot(reading.confidence, reading.exponent, lot, Rounding::Ceil))?.get();
    // The old index is charged up to now, before the new one can alter what is owed.
    accrue(market, now)?;
    if market.index_price_q32 == 0 {
        require_cmp!(price.get() >> PRICE_BITS, <=, LOT_WORTH_MAX_ATOMS, EvertideError::LotWorthTooMuch);
        start_market(market, price, reading.publish_time_ms, now);
    }
    let twap = PriceQ32::new(market.index_twap_q32).or_refuse()?;
    let priced = judge(&market.terms.oracle, reading, price, confidence, twap, market.publish_time_ms, now.ms)?;
    let volatility = RateE9::new(i64::try_from(market.volatility_e9).map_err(|_| EvertideError::Overflow)?);
    let window = Millis::new(TWAP_WINDOW_MS).or_refuse()?;
    let volatility = update_volatility(volatility.or_refuse()?, price, twap, priced.elapsed, window).or_refuse()?;
    trip_breaker(market, price, now)?;
    market.index_price_q32 = price.get();
    market.confidence_q32 = priced.confidence;
    market.index_twap_q32 = priced.twap.get();
    market.volatility_e9 = volatility.magnitude();
    market.validity = priced.validity;
    market.publish_time_ms = reading.publish_time_ms;
    refresh_premium(market, now.ms)
}

/// The first price starts every average and clock of the market.
fn start_market(market: &mut Market, price: PriceQ32, publish_time_ms: i64, now: Now) {
    market.index_price_q32 = price.get();
    market.index_twap_q32 = price.get();
    market.mark_price_q32 = price.get();
    market.mark_twap_q32 = price.get();
    market.mark_twap_hour_q32 = price.get();
    market.publish_time_ms = publish_time_ms;
    market.breaker_price_q32 = price.get();
    market.breaker_start_ms = now.ms;
    market.mark_ms = now.ms;
    market.accrued_ms = now.ms;
    // Rates are fixed on the hour of the clock, as traders expect; a market's first hour is only the rest of one.
    market.funding_hour_ms = now.ms.saturating_sub(now.ms.rem_euclid(HOUR_MS));
    market.matchable_since_slot = now.slot;
}

/// A move beyond the limit within the window makes the market post-only for the cool-down.
fn trip_breaker(market: &mut Market, price: PriceQ32, now: Now) -> Result<()> {
    let window_ms = i64::from(market.terms.breaker_window_s).saturating_mul(1_000);
    if now.ms.saturating_sub(market.breaker_start_ms) >= window_ms {
        // The new window starts from the last price of the old one: a jump between them counts.
        market.breaker_price_q32 = market.index_price_q32;
        market.breaker_start_ms = now.ms;
    }
    let reference = PriceQ32::new(market.breaker_price_q32).or_refuse()?;
    let limit = Bps::new(u32::from(market.terms.breaker_bps)).or_refuse()?;
    if breaker_trips(reference, price, limit).or_refuse()? {
        let cooldown_s = u64::from(market.terms.breaker_cooldown_s);
        let cooldown_ms = i64::from(market.terms.breaker_cooldown_s).saturating_mul(1_000);
        let slots = cooldown_s.saturating_mul(SLOTS_PER_TWO_SECONDS).div_ceil(2);
        market.cooldown_until_ms = now.ms.saturating_add(cooldown_ms);
        market.matchable_since_slot = now.slot.saturating_add(slots);
        market.breaker_price_q32 = price.get();
        market.breaker_start_ms = now.ms;
    }
    Ok(())
}

/// Takes a reading into the row of a collateral asset: price, confidence, TWAP, validity.
pub fn apply_to_collateral(
    row: &mut CollateralRow,
    rules: &OracleRules,
    decimals: u8,
    reading: &Reading,
    now: Now,
) -> Result<()> {
    let scaled = |mantissa, rounding| collateral_price(mantissa, reading.exponent, decimals, rounding);
    let price = in_range(scaled(reading.mantissa, Rounding::Floor))?.get();
    let confidence = in_range(scaled(reading.confidence, Rounding::Ceil))?.get();
    // Averages are free of units: the guard of market prices serves here too (16,384 quote atoms per token atom).
    let price = in_range(PriceQ32::new(price))?;
    require!(!price.is_zero(), EvertideError::OraclePriceOutOfRange);
    let twap = PriceQ32::new(row.twap_q48).or_refuse()?;
    let priced = judge(rules, reading, price, confidence, twap, row.publish_time_ms, now.ms)?;
    row.price_q48 = priced.price.get();
    row.confidence_q48 = priced.confidence;
    row.twap_q48 = priced.twap.get();
    row.validity = priced.validity;
    row.publish_time_ms = reading.publish_time_ms;
    row.updated_ms = now.ms;
    Ok(())
}

/// Validity against the TWAP before this reading, and the TWAP after it.
fn judge(
    rules: &OracleRules,
    reading: &Reading,
    price: PriceQ32,
    confidence: u64,
    twap: PriceQ32,
    last_publish_ms: i64,
    now_ms: i64,
) -> Result<Priced> {
    let elapsed = Millis::new(reading.publish_time_ms.saturating_sub(last_publish_ms).clamp(0, TWAP_WINDOW_MS));
    let elapsed = elapsed.or_refuse()?;
    let age = Millis::new(now_ms.saturating_sub(reading.publish_time_ms).max(0)).or_refuse()?;
    let asked = reading.samples_min.max(u32::from(rules.samples_min));
    let observed = OracleReading { price: price.get(), confidence, twap: twap.get(), age, samples: reading.samples };
    let bits = validity(&observed, &limits(rules, asked)?).or_refuse()?;
    let twap = if is_allowed(&rules.refused, OracleAction::UpdateTwap, bits) {
        let window = Millis::new(TWAP_WINDOW_MS).or_refuse()?;
        let step = Bps::new(u32::from(rules.twap_step_max_bps)).or_refuse()?;
        update_twap(twap, price, elapsed, window, step).or_refuse()?
    } else {
        twap
    };
    Ok(Priced { price, confidence, twap, validity: bits, elapsed })
}

fn limits(rules: &OracleRules, min_samples: u32) -> Result<evertide_math::oracle::OracleRules> {
    Ok(evertide_math::oracle::OracleRules {
        max_confidence: Bps::new(u32::from(rules.confidence_max_bps)).or_refuse()?,
        max_divergence: Bps::new(u32::from(rules.volatility_max_bps)).or_refuse()?,
        stale_for_margin: Millis::new(i64::from(rules.stale_margin_ms)).or_refuse()?,
        stale_for_fills: Millis::new(i64::from(rules.stale_fill_ms)).or_refuse()?,
        min_samples,
    })
}

/// Validity bits with those of staleness as they are now: time passes without any reading.
pub fn with_staleness(bits: u8, rules: &OracleRules, publish_time_ms: i64, now_ms: i64) -> u8 {
    let age_ms = now_ms.saturating_sub(publish_time_ms);
    let mut bits = bits & !(STALE_FOR_MARGIN | STALE_FOR_FILLS);
    if age_ms > i64::from(rules.stale_margin_ms) {
        bits |= STALE_FOR_MARGIN;
    }
    if age_ms > i64::from(rules.stale_fill_ms) {
        bits |= STALE_FOR_FILLS;
    }
    bits
}

/// A price that does not fit its unit is the feed's fault, and has its own code.
fn in_range<T>(result: MathResult<T>) -> Result<T> {
    result.map_err(|error| match error {
        MathError::Overflow | MathError::OutOfRange => EvertideError::OraclePriceOutOfRange.into(),
        other => EvertideError::from(other).into(),
    })
}
