//! Prices at which a fill may happen: the band, the taker-phase ramp, a market order's worst price.

use crate::error::{MathError, MathResult};
use crate::round::{mul_div_ceil, mul_div_floor};
use crate::units::{AtomsPerLotTick, Bps, Millis, PriceQ32, RateE9, Side, Ticks, MAX_BPS, RATE_ONE_E9, TICKS_LIMIT};

/// Where a taker's effective limit starts: index plus (bid) or minus (ask) this.
pub const TAKER_PHASE_START_BPS: u32 = 5;
/// Default length of the taker phase.
pub const TAKER_PHASE_DEFAULT_MS: i64 = 12_000;
/// Longest taker phase.
pub const TAKER_PHASE_MAX_MS: i64 = 60_000;
/// Default distance of a market order's worst price from the index.
pub const MARKET_ORDER_SLIPPAGE_BPS: u32 = 100;
/// The band is never narrower than base / 2 nor wider than base * 2.
pub const BAND_SCALE_LIMIT: u32 = 2;

/// A market's band terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandTerms {
    /// Half width around the index at reference volatility.
    pub index_band: Bps,
    /// Half width around the 5-minute TWAP at reference volatility.
    pub twap_band: Bps,
    /// Volatility at which the widths hold, positive; same measure as the current one.
    pub reference_volatility: RateE9,
}

/// Inclusive range of prices, in ticks. Empty when `low > high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Lowest price allowed.
    pub low: Ticks,
    /// Highest price allowed.
    pub high: Ticks,
}

impl Band {
    /// Whether a fill at `price` is inside.
    #[inline]
    pub fn contains(&self, price: Ticks) -> bool {
        self.low <= price && price <= self.high
    }
}

/// `floor(base * volatility / reference)`, within `[ceil(base / 2), base * 2]`.
#[inline]
pub fn scaled_band(base: Bps, volatility: RateE9, reference: RateE9) -> MathResult<Bps> {
    if reference.get() <= 0 {
        return Err(MathError::NotPositive);
    }
    if volatility.is_negative() {
        return Err(MathError::OutOfRange);
    }
    let scaled = mul_div_floor(u64::from(base.get()), volatility.magnitude(), reference.magnitude())?;
    let narrowest = base.get().div_ceil(BAND_SCALE_LIMIT);
    let widest = base.get().saturating_mul(BAND_SCALE_LIMIT).min(MAX_BPS);
    Bps::new(u32::try_from(scaled).unwrap_or(u32::MAX).clamp(narrowest, widest))
}

/// The price band: inside both the band around the index and the band around the TWAP.
pub fn price_band(
    index: PriceQ32,
    twap: PriceQ32,
    terms: &BandTerms,
    volatility: RateE9,
    tick_value: AtomsPerLotTick,
) -> MathResult<Band> {
    let by_index = scaled_band(terms.index_band, volatility, terms.reference_volatility)?;
    let by_twap = scaled_band(terms.twap_band, volatility, terms.reference_volatility)?;
    let low = index.positive()?.below_ceil(by_index)?.max(twap.positive()?.below_ceil(by_twap)?);
    let high = index.above_floor(by_index)?.min(twap.above_floor(by_twap)?);
    Ok(Band { low: low.ticks_ceil(tick_value)?, high: high.ticks_floor(tick_value)? })
}

/// Moves a volatility toward `|price - twap| / twap` by `min(dt, window) / window`, toward zero.
pub fn update_volatility(
    volatility: RateE9,
    price: PriceQ32,
    twap: PriceQ32,
    elapsed: Millis,
    window: Millis,
) -> MathResult<RateE9> {
    if elapsed.is_negative() || volatility.is_negative() {
        return Err(MathError::OutOfRange);
    }
    if window.get() <= 0 {
        return Err(MathError::NotPositive);
    }
    let twap = twap.positive()?.get();
    let distance = price.get().abs_diff(twap).min(twap);
    let sample = mul_div_floor(distance, RATE_ONE_E9.unsigned_abs(), twap)?;
    let old = volatility.magnitude();
    let part = elapsed.get().min(window.get()).unsigned_abs();
    let step = mul_div_floor(sample.abs_diff(old), part, window.magnitude())?;
    let moved = if sample >= old { old.checked_add(step) } else { old.checked_sub(step) };
    RateE9::new(i64::try_from(moved.ok_or(MathError::Overflow)?).map_err(|_| MathError::Overflow)?)
}

/// Whether the price moved from `reference` by more than `limit` (circuit breaker), exactly.
#[inline]
pub fn breaker_trips(reference: PriceQ32, price: PriceQ32, limit: Bps) -> MathResult<bool> {
    let reference = reference.positive()?.get();
    let moved = crate::round::wide_mul(price.get().abs_diff(reference), u64::from(crate::units::BPS_ONE));
    Ok(moved > crate::round::wide_mul(reference, u64::from(limit.get())))
}

/// Price at `elapsed` of `duration` on the line from `start` to `end`, rounded toward `start`.
///
/// Rounding toward the start never concedes more than the line does.
#[inline]
pub fn ramp(start: Ticks, end: Ticks, elapsed: Millis, duration: Millis) -> MathResult<Ticks> {
    if elapsed.is_negative() || duration.is_negative() {
        return Err(MathError::OutOfRange);
    }
    if elapsed >= duration {
        return Ok(end);
    }
    let distance = start.get().abs_diff(end.get());
    let gone = mul_div_floor(distance, elapsed.magnitude(), duration.magnitude())?;
    let price = if end >= start { start.get().checked_add(gone) } else { start.get().checked_sub(gone) };
    Ticks::new(price.ok_or(MathError::Overflow)?)
}

/// A taker's effective limit in its taker phase: from index +- 5 bps to its own limit.
///
/// The start is rounded away from the taker's cost (down for a bid, up for an ask). An own limit more
/// passive than the start holds throughout: a taker never pays beyond its limit.
pub fn taker_limit(
    side: Side,
    index: PriceQ32,
    own_limit: Ticks,
    elapsed: Millis,
    phase: Millis,
    tick_value: AtomsPerLotTick,
) -> MathResult<Ticks> {
    if phase.get() > TAKER_PHASE_MAX_MS {
        return Err(MathError::OutOfRange);
    }
    let offset = Bps::new(TAKER_PHASE_START_BPS)?;
    let start = offset_ticks(side, index.positive()?, offset, tick_value)?;
    let beyond = match side {
        Side::Bid => own_limit <= start,
        Side::Ask => own_limit >= start,
    };
    if beyond {
        return Ok(own_limit);
    }
    ramp(start, own_limit, elapsed, phase)
}

/// Worst price of a market order: index plus (bid, floor) or minus (ask, ceil) the slippage.
pub fn market_order_limit(
    side: Side,
    index: PriceQ32,
    slippage: Bps,
    tick_value: AtomsPerLotTick,
) -> MathResult<Ticks> {
    offset_ticks(side, index.positive()?, slippage, tick_value)
}

#[inline]
fn offset_ticks(side: Side, index: PriceQ32, offset: Bps, tick_value: AtomsPerLotTick) -> MathResult<Ticks> {
    match side {
        Side::Bid => index.above_floor(offset)?.ticks_floor(tick_value),
        Side::Ask => index.below_ceil(offset)?.ticks_ceil(tick_value),
    }
}

/// A price as a signed distance in ticks from the index (pegged orders), clamped into the ticks' range.
pub fn pegged_ticks(side: Side, index: PriceQ32, offset_ticks: i64, tick_value: AtomsPerLotTick) -> MathResult<Ticks> {
    let base = match side {
        Side::Bid => index.positive()?.ticks_floor(tick_value)?,
        Side::Ask => index.positive()?.ticks_ceil(tick_value)?,
    };
    let moved = base.get().checked_add_signed(offset_ticks).ok_or(MathError::OutOfRange)?;
    if moved == 0 || moved >= TICKS_LIMIT {
        return Err(MathError::OutOfRange);
    }
    Ticks::new(moved)
}

/// Slippage of a fill against the index, exactly compared: whether `price` is worse by more than `limit`.
pub fn exceeds_slippage(side: Side, price: PriceQ32, index: PriceQ32, limit: Bps) -> MathResult<bool> {
    let index = index.positive()?.get();
    let worse = match side {
        Side::Bid => price.get().saturating_sub(index),
        Side::Ask => index.saturating_sub(price.get()),
    };
    let scaled = crate::round::wide_mul(worse, u64::from(crate::units::BPS_ONE));
    Ok(scaled > crate::round::wide_mul(index, u64::from(limit.get())))
}

/// `ceil(distance * 10_000 / index)`: slippage for messages, in basis points.
pub fn slippage_bps_ceil(price: PriceQ32, index: PriceQ32) -> MathResult<u64> {
    mul_div_ceil(price.get().abs_diff(index.get()), u64::from(crate::units::BPS_ONE), index.get())
}
