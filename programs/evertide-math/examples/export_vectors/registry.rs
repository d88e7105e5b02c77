//! What a vector function is, and how raw integers become units.

use evertide_math::{
    Atoms, AtomsPerLotTick, Bps, CollateralPriceQ48, Lots, MathError, MathResult, Millis, Ppm, PriceQ32, RateE9, Side,
    Ticks,
};

use crate::generate::Random;

/// What an input is; decides its strata.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    U64,
    I64,
    Divisor,
    SignedDivisor,
    Shift,
    Lots,
    Size,
    OpenInterest,
    Ticks,
    TickValue,
    Atoms,
    Amount,
    Price,
    OptionalPrice,
    Basis,
    CollateralPrice,
    Bps,
    Rate,
    Ppm,
    Millis,
    SizeFactor,
    CashIndex,
    Epoch,
    Remainder,
    DebtIndex,
    Usd,
    Ratio16,
    Mantissa,
    Exponent,
    Decimals,
    Below(i128),
}

/// One function under test, on raw integers.
pub struct Function {
    pub name: &'static str,
    pub inputs: &'static [Kind],
    pub outputs: usize,
    pub run: fn(&[i128]) -> MathResult<Vec<i128>>,
    pub shape: fn(&mut [i128], &mut Random),
}

/// Leaves independent inputs as they are.
pub fn unshaped(_: &mut [i128], _: &mut Random) {}

/// Every function, in the order of its id.
pub fn functions() -> Vec<Function> {
    let mut all = crate::group_rounding::functions();
    all.extend(crate::group_trade::functions());
    all.extend(crate::group_fee::functions());
    all.extend(crate::group_index::functions());
    all.extend(crate::group_market::functions());
    all.extend(crate::group_account::functions());
    all
}

pub fn narrow<T: TryFrom<i128>>(value: i128) -> MathResult<T> {
    T::try_from(value).map_err(|_| MathError::OutOfRange)
}

pub fn lots(value: i128) -> MathResult<Lots> {
    Lots::new(narrow(value)?)
}

pub fn ticks(value: i128) -> MathResult<Ticks> {
    Ticks::new(narrow(value)?)
}

pub fn tick_value(value: i128) -> MathResult<AtomsPerLotTick> {
    AtomsPerLotTick::new(narrow(value)?)
}

pub fn atoms(value: i128) -> MathResult<Atoms> {
    Atoms::new(narrow(value)?)
}

pub fn price(value: i128) -> MathResult<PriceQ32> {
    PriceQ32::new(narrow(value)?)
}

pub fn optional_price(value: i128) -> MathResult<Option<PriceQ32>> {
    if value == -1 {
        return Ok(None);
    }
    price(value).map(Some)
}

pub fn collateral_price(value: i128) -> MathResult<CollateralPriceQ48> {
    CollateralPriceQ48::new(narrow(value)?)
}

pub fn bps(value: i128) -> MathResult<Bps> {
    Bps::new(narrow(value)?)
}

pub fn rate(value: i128) -> MathResult<RateE9> {
    RateE9::new(narrow(value)?)
}

pub fn ppm(value: i128) -> MathResult<Ppm> {
    Ppm::new(narrow(value)?)
}

pub fn millis(value: i128) -> MathResult<Millis> {
    Millis::new(narrow(value)?)
}

pub fn side(value: i128) -> MathResult<Side> {
    match value {
        0 => Ok(Side::Bid),
        1 => Ok(Side::Ask),
        _ => Err(MathError::OutOfRange),
    }
}
