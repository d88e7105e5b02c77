//! Stratified inputs: values near both guards, powers of two, every magnitude, and ordinary ones.

use crate::registry::{Function, Kind};

/// splitmix64: small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }

    /// Uniform in `low..=high` for a range below 2^96; `low` for an empty one.
    pub fn between(&mut self, low: i128, high: i128) -> i128 {
        if high <= low {
            return low;
        }
        let wide = (u128::from(self.word()) << 32) ^ u128::from(self.word());
        low + (wide % ((high - low) as u128 + 1)) as i128
    }

    pub fn one_in(&mut self, chance: u64) -> bool {
        self.word().is_multiple_of(chance)
    }
}

/// Guard of a kind, and the range in which real values lie.
fn ranges(kind: Kind) -> ((i128, i128), (i128, i128)) {
    let real_price = (1i128 << 45, 1i128 << 58);
    match kind {
        Kind::U64 => ((0, u64::MAX as i128), (0, 1 << 40)),
        Kind::I64 => ((i64::MIN as i128, i64::MAX as i128), (-(1 << 40), 1 << 40)),
        Kind::Divisor => ((0, u64::MAX as i128), (1, 1 << 32)),
        Kind::SignedDivisor => ((-4, i64::MAX as i128), (1, 1 << 32)),
        Kind::Shift => ((0, 127), (16, 64)),
        Kind::Lots => ((-(1 << 40), 1 << 40), (-1_000_000, 1_000_000)),
        Kind::Size => ((0, 1 << 40), (1, 1_000_000)),
        Kind::OpenInterest => ((0, 1 << 48), (1, 1 << 36)),
        Kind::Ticks => ((0, (1 << 40) - 1), (1, 2_000_000)),
        Kind::TickValue => ((0, 1 << 30), (1, 1_000)),
        Kind::Atoms => ((-(1 << 60), 1 << 60), (-1_000_000_000_000, 1_000_000_000_000)),
        Kind::Amount => ((0, 1 << 60), (0, 1_000_000_000_000)),
        Kind::Price => ((0, (1 << 62) - 1), real_price),
        Kind::OptionalPrice => ((-1, (1 << 62) - 1), real_price),
        Kind::Basis => ((1 - (1 << 62), (1 << 62) - 1), (-(1 << 50), 1 << 50)),
        Kind::CollateralPrice => ((0, u64::MAX as i128), (1 << 40, 1 << 50)),
        Kind::Bps => ((0, 100_000), (0, 10_000)),
        Kind::Rate => ((-1_000_000_000, 1_000_000_000), (-1_000_000, 1_000_000)),
        Kind::Ppm => ((-1_000_000, 1_000_000), (-100, 1_000)),
        Kind::Millis => ((-(1 << 42), 1 << 42), (0, 4_000_000)),
        Kind::SizeFactor => ((0, 1 << 48), (1 << 40, 1 << 48)),
        Kind::CashIndex => ((-(1 << 85), 1 << 85), (-(1 << 76), 1 << 76)),
        Kind::Epoch => ((0, u32::MAX as i128), (0, 5)),
        Kind::Remainder => ((0, 54_931_640_624), (0, 54_931_640_624)),
        Kind::DebtIndex => ((1 << 48, 1 << 60), (1 << 48, 1 << 50)),
        Kind::Usd => ((0, u32::MAX as i128), (1, 100_000_000)),
        Kind::Ratio16 => ((0, 65_535), (100, 5_000)),
        Kind::Mantissa => ((-(1 << 100), 1 << 100), (1, 1 << 70)),
        Kind::Exponent => ((-40, 20), (-18, -4)),
        Kind::Decimals => ((0, 255), (0, 9)),
        Kind::Below(limit) => ((0, limit - 1), (0, limit - 1)),
    }
}

/// One value of a kind; about one in 300 lies just outside its guard.
pub fn value(kind: Kind, random: &mut Random) -> i128 {
    let ((low, high), (real_low, real_high)) = ranges(kind);
    match random.word() % 16 {
        0 => match random.word() % 20 {
            0 if !matches!(kind, Kind::Below(_)) => low - 1,
            1 if !matches!(kind, Kind::Below(_)) => high + 1,
            2..=5 => low,
            6..=9 => high,
            10 | 11 => (low + 1).min(high),
            12 | 13 => high - 1,
            14..=16 => 0i128.clamp(low, high),
            _ => 1i128.clamp(low, high),
        },
        1 => {
            let power = 1i128 << random.between(0, 127 - i128::from(high.leading_zeros())) as u32;
            let shifted = power + random.between(-2, 2);
            (if low < 0 && random.one_in(2) { -shifted } else { shifted }).clamp(low, high)
        }
        2..=6 => {
            let bits = random.between(1, 128 - i128::from(high.leading_zeros())) as u32;
            let magnitude = random.between(0, (1i128 << bits.min(90)) - 1);
            (if low < 0 && random.one_in(2) { -magnitude } else { magnitude }).clamp(low, high)
        }
        _ => random.between(real_low, real_high),
    }
}

/// The inputs of one vector.
pub fn inputs(function: &Function, random: &mut Random) -> Vec<i128> {
    let mut values: Vec<i128> = function.inputs.iter().map(|kind| value(*kind, random)).collect();
    if !random.one_in(6) {
        (function.shape)(&mut values, random);
    }
    values
}

/// A value within two parts in a hundred of another, so that two prices belong together.
pub fn near(center: i128, random: &mut Random) -> i128 {
    center + center / 1_000 * random.between(-20, 20) + random.between(-3, 3)
}
