//! Oracle prices into units, and what may be done on a price of doubtful quality.

use crate::error::{MathError, MathResult};
use crate::round::mul_div_ceil;
use crate::units::{Bps, CollateralPriceQ48, Millis, PriceQ32, BPS_ONE, COLLATERAL_PRICE_BITS, PRICE_BITS};

/// Decimals of the quote asset (USDC).
pub const QUOTE_DECIMALS: i32 = 6;
/// Powers of ten beyond this are refused: `5^54 < 2^127`.
pub const MAX_POWER_OF_TEN: i32 = 54;

/// `5^0` to `5^54`: a table, since a power by squaring costs a program more than all the rest.
const POWERS_OF_FIVE: [u128; 55] = powers_of_five();

const fn powers_of_five() -> [u128; 55] {
    let mut powers = [1_u128; 55];
    let mut at = 1_usize;
    while at < powers.len() {
        powers[at] = powers[at.wrapping_sub(1)].wrapping_mul(5);
        at = at.wrapping_add(1);
    }
    powers
}

/// Direction of a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Toward zero: prices.
    Floor,
    /// Away from zero: confidences.
    Ceil,
}

/// `mantissa * factor * 10^power * 2^bits`, rounded, as an unsigned integer.
///
/// Powers of two in `10^power` cancel against `bits` first, which keeps real feeds inside 127 bits.
/// `NotPositive` for a negative mantissa, `Overflow` when an intermediate or the result does not fit.
pub fn normalise(mantissa: i128, factor: u64, power: i32, bits: u32, rounding: Rounding) -> MathResult<u64> {
    if !(-MAX_POWER_OF_TEN..=MAX_POWER_OF_TEN).contains(&power) || bits > 64 {
        return Err(MathError::OutOfRange);
    }
    let mantissa = u128::try_from(mantissa).map_err(|_| MathError::NotPositive)?;
    let scaled = mantissa.checked_mul(u128::from(factor)).ok_or(MathError::Overflow)?;
    let fives = usize::try_from(power.unsigned_abs()).ok().and_then(|power| POWERS_OF_FIVE.get(power)).copied();
    let fives = fives.ok_or(MathError::OutOfRange)?;
    let signed_bits = i32::try_from(bits).map_err(|_| MathError::OutOfRange)?;
    let shift = signed_bits.checked_add(power).ok_or(MathError::Overflow)?;
    let (numerator, divisor) =
        if power >= 0 { (scaled.checked_mul(fives).ok_or(MathError::Overflow)?, 1) } else { (scaled, fives) };
    let two = 1u128.checked_shl(shift.unsigned_abs()).ok_or(MathError::Overflow)?;
    let (numerator, divisor) = if shift >= 0 {
        (numerator.checked_mul(two).ok_or(MathError::Overflow)?, divisor)
    } else {
        (numerator, divisor.checked_mul(two).ok_or(MathError::Overflow)?)
    };
    let value = match rounding {
        Rounding::Floor => numerator.checked_div(divisor).ok_or(MathError::DivisionByZero)?,
        Rounding::Ceil => numerator.div_ceil(divisor),
    };
    u64::try_from(value).map_err(|_| MathError::Overflow)
}

/// How much base a lot of a market is: `units * 10^-decimals` of the base asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotSize {
    /// Units of the base asset in a lot, positive.
    pub units: u64,
    /// Decimals of such a unit.
    pub decimals: u8,
}

/// A feed's `mantissa * 10^exponent` dollars per base asset as quote atoms per lot, Q32.
pub fn price_per_lot(mantissa: i128, exponent: i32, lot: LotSize, rounding: Rounding) -> MathResult<PriceQ32> {
    let power = exponent
        .checked_add(QUOTE_DECIMALS)
        .and_then(|power| power.checked_sub(i32::from(lot.decimals)))
        .ok_or(MathError::OutOfRange)?;
    let price = normalise(mantissa, lot.units, power, PRICE_BITS, rounding)?;
    PriceQ32::new(price).map_err(|_| MathError::Overflow)
}

/// A feed's `mantissa * 10^exponent` dollars per token as quote atoms per token atom, Q48.
pub fn collateral_price(
    mantissa: i128,
    exponent: i32,
    token_decimals: u8,
    rounding: Rounding,
) -> MathResult<CollateralPriceQ48> {
    let power = exponent
        .checked_add(QUOTE_DECIMALS)
        .and_then(|power| power.checked_sub(i32::from(token_decimals)))
        .ok_or(MathError::OutOfRange)?;
    CollateralPriceQ48::new(normalise(mantissa, 1, power, COLLATERAL_PRICE_BITS, rounding)?)
}

/// The price is zero or negative.
pub const NOT_POSITIVE: u8 = 1 << 0;
/// The price is further from its TWAP than the market's divergence limit.
pub const TOO_VOLATILE: u8 = 1 << 1;
/// The confidence interval is wider than the market's limit.
pub const TOO_UNCERTAIN: u8 = 1 << 2;
/// Published too long ago to value an account with.
pub const STALE_FOR_MARGIN: u8 = 1 << 3;
/// The feed had fewer samples or publishers than the market asks for.
pub const FEW_SAMPLES: u8 = 1 << 4;
/// Published too long ago to fill orders against.
pub const STALE_FOR_FILLS: u8 = 1 << 5;
/// Every validity bit.
pub const ALL_VALIDITY_BITS: u8 =
    NOT_POSITIVE | TOO_VOLATILE | TOO_UNCERTAIN | STALE_FOR_MARGIN | FEW_SAMPLES | STALE_FOR_FILLS;

/// A market's limits for its oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleRules {
    /// Largest confidence as a ratio of the price.
    pub max_confidence: Bps,
    /// Largest distance from the TWAP as a ratio of it.
    pub max_divergence: Bps,
    /// Age beyond which accounts are not valued for new risk.
    pub stale_for_margin: Millis,
    /// Age beyond which orders are not filled.
    pub stale_for_fills: Millis,
    /// Fewest samples.
    pub min_samples: u32,
}

/// One reading of an oracle; prices in any one unit, the same for all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleReading {
    /// Price, zero when the feed's was not positive.
    pub price: u64,
    /// Confidence, rounded up.
    pub confidence: u64,
    /// Short TWAP before this reading; zero when there is no history.
    pub twap: u64,
    /// Now minus publish time; a negative age (publisher ahead of the chain) counts as zero.
    pub age: Millis,
    /// Samples or publishers behind it.
    pub samples: u32,
}

/// The validity bits of a reading: 0 is a good price.
pub fn validity(reading: &OracleReading, rules: &OracleRules) -> MathResult<u8> {
    let mut bits = 0u8;
    if reading.price == 0 {
        bits |= NOT_POSITIVE;
    }
    if reading.twap != 0 && exceeds(reading.price.abs_diff(reading.twap), reading.twap, rules.max_divergence)? {
        bits |= TOO_VOLATILE;
    }
    if exceeds(reading.confidence, reading.price, rules.max_confidence)? {
        bits |= TOO_UNCERTAIN;
    }
    if reading.age > rules.stale_for_margin {
        bits |= STALE_FOR_MARGIN;
    }
    if reading.samples < rules.min_samples {
        bits |= FEW_SAMPLES;
    }
    if reading.age > rules.stale_for_fills {
        bits |= STALE_FOR_FILLS;
    }
    Ok(bits)
}

/// Whether `part / whole > limit`, exactly: `ceil(part * 10_000 / limit)` never enters, products do.
#[inline]
fn exceeds(part: u64, whole: u64, limit: Bps) -> MathResult<bool> {
    let left = crate::round::wide_mul(part, u64::from(BPS_ONE));
    Ok(left > crate::round::wide_mul(whole, u64::from(limit.get())))
}

/// `ceil(confidence * 10_000 / price)`, for messages; `DivisionByZero` for a price of zero.
pub fn confidence_ratio_ceil(confidence: u64, price: u64) -> MathResult<u64> {
    mul_div_ceil(confidence, u64::from(BPS_ONE), price)
}

/// What somebody wants to do with an oracle price. The value is the row of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OracleAction {
    /// Match a taker with makers, or fill an auction.
    Fill = 0,
    /// Value an account for new risk or a withdrawal.
    Margin = 1,
    /// Price an oracle-pegged order.
    PeggedOrder = 2,
    /// Update the funding rate, or settle profit and loss.
    FundingOrSettle = 3,
    /// Fire a trigger order.
    Trigger = 4,
    /// Liquidate, cancel orders below the ladder, resolve a bankruptcy.
    Liquidate = 5,
    /// Feed the TWAPs.
    UpdateTwap = 6,
    /// Update the mark.
    UpdateMark = 7,
}

/// Rows of an [`ActionMatrix`].
pub const ORACLE_ACTIONS: usize = 8;

/// Per action the validity bits that refuse it.
pub type ActionMatrix = [u8; ORACLE_ACTIONS];

/// The default matrix, after Drift's ladder; a market stores its own copy as data.
pub const DEFAULT_ACTION_MATRIX: ActionMatrix = [
    NOT_POSITIVE | TOO_VOLATILE | TOO_UNCERTAIN | STALE_FOR_MARGIN | STALE_FOR_FILLS,
    NOT_POSITIVE | TOO_VOLATILE | TOO_UNCERTAIN | STALE_FOR_MARGIN,
    NOT_POSITIVE | TOO_VOLATILE | TOO_UNCERTAIN | STALE_FOR_MARGIN | STALE_FOR_FILLS,
    NOT_POSITIVE | TOO_VOLATILE | TOO_UNCERTAIN,
    NOT_POSITIVE | TOO_VOLATILE,
    NOT_POSITIVE | TOO_VOLATILE,
    NOT_POSITIVE,
    NOT_POSITIVE | TOO_UNCERTAIN,
];

/// Whether the matrix allows an action on a price with these validity bits.
#[inline]
pub fn is_allowed(matrix: &ActionMatrix, action: OracleAction, validity_bits: u8) -> bool {
    // An unknown bit is never good news: it refuses every action.
    let refused = matrix.get(action as usize).copied().unwrap_or(u8::MAX);
    validity_bits & (refused | !ALL_VALIDITY_BITS) == 0
}
