//! Funding rate: impact premium, its time average, the hourly rate.

use crate::error::{MathError, MathResult};
use crate::round::{div_trunc, mul_div_floor, with_sign};
use crate::units::{Bps, Millis, PriceQ32, RateE9, MAX_RATE_E9, RATE_ONE_E9};

/// Interest per 8 hours: 0.01 %.
pub const INTEREST_RATE_E9: i64 = 100_000;
/// Largest pull of interest away from the premium per 8 hours: 0.05 %.
pub const INTEREST_CLAMP_E9: i64 = 500_000;
/// The rate per 8 hours is at most this many times (initial - maintenance ratio).
pub const RATE_CAP_FACTOR: i64 = 6;
/// Hours over which a rate per 8 hours is paid.
pub const FUNDING_PERIOD_HOURS: i64 = 8;
/// Rate units (1e-9) of one basis point.
pub const RATE_E9_PER_BPS: i64 = 100_000;
/// Longest time one average covers, in milliseconds.
pub const MAX_AVERAGE_MS: i64 = 1 << 32;

/// `(max(bid - index, 0) - max(index - ask, 0)) / index`, toward zero, clamped to a whole.
///
/// `bid` and `ask` are impact prices. An empty or one-sided book has premium 0, so that pulling one
/// side never moves funding.
pub fn premium(bid: Option<PriceQ32>, ask: Option<PriceQ32>, index: PriceQ32) -> MathResult<RateE9> {
    let index = index.positive()?.get();
    let (Some(bid), Some(ask)) = (bid, ask) else {
        return Ok(RateE9::ZERO);
    };
    let above = bid.get().saturating_sub(index);
    let below = index.saturating_sub(ask.get());
    let negative = below > above;
    let distance = above.abs_diff(below).min(index);
    let rate = mul_div_floor(distance, RATE_ONE_E9.unsigned_abs(), index)?;
    RateE9::new(with_sign(negative, rate)?)
}

/// A time-weighted sum of premiums since the hour began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PremiumAverage {
    /// Sum of premium times milliseconds, in 1e-9 ms.
    pub sum_e9_ms: i64,
    /// Milliseconds summed.
    pub elapsed_ms: i64,
}

impl PremiumAverage {
    /// Adds a premium that held for `elapsed`.
    pub fn accumulate(self, premium: RateE9, elapsed: Millis) -> MathResult<Self> {
        if elapsed.is_negative() || self.elapsed_ms < 0 {
            return Err(MathError::OutOfRange);
        }
        let elapsed_ms = self.elapsed_ms.checked_add(elapsed.get()).ok_or(MathError::Overflow)?;
        if elapsed_ms > MAX_AVERAGE_MS {
            return Err(MathError::OutOfRange);
        }
        let weighted = premium.get().checked_mul(elapsed.get()).ok_or(MathError::Overflow)?;
        let sum_e9_ms = self.sum_e9_ms.checked_add(weighted).ok_or(MathError::Overflow)?;
        Ok(Self { sum_e9_ms, elapsed_ms })
    }

    /// The average premium, toward zero; 0 when no time has passed.
    pub fn average(self) -> MathResult<RateE9> {
        if self.elapsed_ms == 0 {
            return Ok(RateE9::ZERO);
        }
        RateE9::new(div_trunc(self.sum_e9_ms, self.elapsed_ms)?)
    }
}

/// Hourly rate of an average premium, toward zero.
///
/// Per 8 hours: `premium + clamp(interest - premium, +-0.05 %)`, clamped to `+-6 (IM - MM)`; an eighth of
/// it per hour.
pub fn hourly_rate(average_premium: RateE9, initial: Bps, maintenance: Bps) -> MathResult<RateE9> {
    hourly_rate_with(average_premium, RateE9::new(INTEREST_RATE_E9)?, initial, maintenance)
}

/// [`hourly_rate`] with a market's own interest per 8 hours.
pub fn hourly_rate_with(
    average_premium: RateE9,
    interest: RateE9,
    initial: Bps,
    maintenance: Bps,
) -> MathResult<RateE9> {
    let margin_gap = initial.get().checked_sub(maintenance.get()).ok_or(MathError::NotMonotone)?;
    let cap = i64::from(margin_gap).checked_mul(RATE_E9_PER_BPS.saturating_mul(RATE_CAP_FACTOR));
    let cap = cap.ok_or(MathError::Overflow)?;
    let pull = interest.get().checked_sub(average_premium.get()).ok_or(MathError::Overflow)?;
    let pull = pull.clamp(INTEREST_CLAMP_E9.saturating_neg(), INTEREST_CLAMP_E9);
    let eight_hours = average_premium.get().checked_add(pull).ok_or(MathError::Overflow)?;
    let capped = eight_hours.clamp(cap.saturating_neg(), cap);
    let hourly = div_trunc(capped, FUNDING_PERIOD_HOURS)?;
    RateE9::new(hourly.clamp(MAX_RATE_E9.saturating_neg(), MAX_RATE_E9))
}
