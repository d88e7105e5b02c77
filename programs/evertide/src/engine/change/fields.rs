//! Every parameter that a change can move: its number, where it lies, how its directions are classed, its bounds.
//!
//! A number never changes its meaning. What is not here never changes: a market's symbol, tick and lot, an asset's mint, the first fee
//! tier's volume of zero.

use core::mem::{offset_of, size_of};

use super::{ChangeTarget, Field, FieldKind, Place};
use crate::state::{ChangeClass, CollateralTerms, ExchangeTerms, FeeTier, MarketTerms};

macro_rules! ex {
    ($($path:tt)*) => { Place::Terms(offset_of!(ExchangeTerms, $($path)*)) };
}
macro_rules! mk {
    ($($path:tt)*) => { Place::Terms(offset_of!(MarketTerms, $($path)*)) };
}
macro_rules! co {
    ($($path:tt)*) => { Place::Terms(offset_of!(CollateralTerms, $($path)*)) };
}
macro_rules! tier {
    ($row:literal, $field:ident) => {
        Place::Terms(offset_of!(ExchangeTerms, fee_tiers) + $row * size_of::<FeeTier>() + offset_of!(FeeTier, $field))
    };
}
/// An element of an array, bytes after its start.
macro_rules! at {
    ($place:expr, $bytes:expr) => {
        match $place {
            Place::Terms(offset) => Place::Terms(offset + $bytes),
            other => other,
        }
    };
}

macro_rules! fields {
    ($(
        $number:literal $target:ident $kind:ident $place:expr,
        $rising:ident $falling:ident, $name:literal, $low:expr, $high:expr;
    )*) => {
        /// The field of a number; none when it means nothing.
        #[allow(
            clippy::arithmetic_side_effects,
            clippy::identity_op,
            clippy::erasing_op,
            reason = "constants: the compiler computes them"
        )]
        pub fn field(number: u32) -> Option<Field> {
            Some(match number {
                $($number => {
                    const PLACE: Place = $place;
                    Field {
                        number: $number,
                        target: ChangeTarget::$target,
                        kind: FieldKind::$kind,
                        place: PLACE,
                        rising: ChangeClass::$rising,
                        falling: ChangeClass::$falling,
                    }
                })*
                _ => return None,
            })
        }

        /// Number, name, least and greatest value of every field, for readers outside Rust.
        #[cfg(test)]
        #[allow(
            clippy::arithmetic_side_effects,
            clippy::identity_op,
            clippy::unnecessary_cast,
            reason = "constants: the compiler computes them"
        )]
        pub fn named() -> Vec<(u32, &'static str, i128, i128)> {
            use crate::guards::bounds::*;
            use crate::instructions::trader::deposit::STATUS_NO_DEPOSITS;
            use crate::state::{MarketStatus, OracleKind, FEE_TIERS_MAX};
            use evertide_math::oracle::ALL_VALIDITY_BITS;
            use evertide_math::units::MAX_LOTS;
            vec![$(($number, $name, ($low) as i128, ($high) as i128)),*]
        }
    };
}

/// Debt interest: what accrued before the change bears the old rate.
pub const DEBT_INTEREST: u32 = 7;
/// Terms by which a market is listed after opening, as their hash.
pub const LIST_MARKET: u32 = 60;
/// Mint and terms by which an asset is listed after opening, as their hash.
pub const LIST_COLLATERAL: u32 = 61;

/// Whether a market's funding up to now depends on the field: the cap by the first tier's ratio, the interest.
pub fn moves_funding(number: u32) -> bool {
    matches!(number, 129 | 143)
}

/// Whether zero means that there is no limit: it ranks above every number.
pub fn zero_is_none(number: u32) -> bool {
    matches!(number, 11 | 12 | 224)
}

#[rustfmt::skip]
fields! {
    0 Exchange U16 ex!(fee_tier_count), Delayed Delayed, "fee_tier_count", 1, FEE_TIERS_MAX;
    1 Exchange U16 ex!(withdrawal_floor_bps), Delayed Delayed, "withdrawal_floor_bps", 0, WITHDRAWAL_FLOOR_MAX_BPS;
    2 Exchange U16 ex!(lane_share_bps), Delayed Delayed, "lane_share_bps", 0, LANE_SHARE_MAX_BPS;
    3 Exchange U16 ex!(keeper_share_bps), Delayed Delayed, "keeper_share_bps", 0, FEE_SHARES_MAX_BPS;
    4 Exchange U16 ex!(referrer_share_bps), Delayed Delayed, "referrer_share_bps", 0, FEE_SHARES_MAX_BPS;
    5 Exchange U16 ex!(insurance_share_bps), Delayed Delayed, "insurance_share_bps", 0, WHOLE_BPS;
    6 Exchange U16 ex!(debt_cap_bps), Delayed Delayed, "debt_cap_bps", 0, DEBT_CAP_MAX_BPS;
    7 Exchange U16 ex!(debt_interest_bps), Delayed Delayed, "debt_interest_bps", 0, DEBT_INTEREST_MAX_BPS;
    8 Exchange U64 ex!(keeper_reward_min_atoms), Delayed Delayed, "keeper_reward_min_atoms", 0, KEEPER_REWARD_MAX_ATOMS;
    9 Exchange U64 ex!(keeper_reward_max_atoms), Delayed Delayed, "keeper_reward_max_atoms", 0, KEEPER_REWARD_MAX_ATOMS;
    10 Exchange U64 ex!(lane_atoms), Delayed Delayed, "lane_atoms", 0, LANE_MAX_ATOMS;
    11 Exchange U64 ex!(user_notional_max_atoms), Delayed Instant, "user_notional_max_atoms", 0, i64::MAX;
    12 Exchange U64 ex!(exchange_notional_max_atoms), Delayed Instant, "exchange_notional_max_atoms", 0, i64::MAX;
    21 Exchange U16 tier!(0, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.0.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    22 Exchange I16 tier!(0, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.0.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    24 Exchange U64 tier!(1, volume_atoms), Delayed Delayed, "fee_tiers.1.volume_atoms", 1, i64::MAX;
    25 Exchange U16 tier!(1, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.1.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    26 Exchange I16 tier!(1, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.1.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    28 Exchange U64 tier!(2, volume_atoms), Delayed Delayed, "fee_tiers.2.volume_atoms", 2, i64::MAX;
    29 Exchange U16 tier!(2, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.2.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    30 Exchange I16 tier!(2, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.2.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    32 Exchange U64 tier!(3, volume_atoms), Delayed Delayed, "fee_tiers.3.volume_atoms", 3, i64::MAX;
    33 Exchange U16 tier!(3, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.3.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    34 Exchange I16 tier!(3, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.3.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    36 Exchange U64 tier!(4, volume_atoms), Delayed Delayed, "fee_tiers.4.volume_atoms", 4, i64::MAX;
    37 Exchange U16 tier!(4, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.4.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    38 Exchange I16 tier!(4, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.4.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    40 Exchange U64 tier!(5, volume_atoms), Delayed Delayed, "fee_tiers.5.volume_atoms", 5, i64::MAX;
    41 Exchange U16 tier!(5, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.5.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    42 Exchange I16 tier!(5, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.5.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    44 Exchange U64 tier!(6, volume_atoms), Delayed Delayed, "fee_tiers.6.volume_atoms", 6, i64::MAX;
    45 Exchange U16 tier!(6, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.6.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    46 Exchange I16 tier!(6, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.6.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    48 Exchange U64 tier!(7, volume_atoms), Delayed Delayed, "fee_tiers.7.volume_atoms", 7, i64::MAX;
    49 Exchange U16 tier!(7, taker_fee_tenth_bps), Delayed Delayed, "fee_tiers.7.taker_fee_tenth_bps", 0, FEE_MAX_TENTH_BPS;
    50 Exchange I16 tier!(7, maker_fee_tenth_bps), Delayed Delayed, "fee_tiers.7.maker_fee_tenth_bps", -i128::from(FEE_MAX_TENTH_BPS), FEE_MAX_TENTH_BPS;
    60 Exchange Key Place::Listing, Delayed Delayed, "list_market", 0, 0;
    61 Exchange Key Place::Listing, Delayed Delayed, "list_collateral", 0, 0;
    70 Exchange Key Place::Builder(0), Instant Instant, "builders.0", 0, 0;
    71 Exchange Key Place::Builder(1), Instant Instant, "builders.1", 0, 0;
    72 Exchange Key Place::Builder(2), Instant Instant, "builders.2", 0, 0;
    73 Exchange Key Place::Builder(3), Instant Instant, "builders.3", 0, 0;
    74 Exchange Key Place::Builder(4), Instant Instant, "builders.4", 0, 0;
    75 Exchange Key Place::Builder(5), Instant Instant, "builders.5", 0, 0;
    76 Exchange Key Place::Builder(6), Instant Instant, "builders.6", 0, 0;
    77 Exchange Key Place::Builder(7), Instant Instant, "builders.7", 0, 0;
    100 Market Key mk!(oracle.account), Delayed Delayed, "oracle.account", 0, 0;
    101 Market Key mk!(oracle.feed_id), Delayed Delayed, "oracle.feed_id", 0, 0;
    102 Market U8 mk!(oracle.kind), Delayed Delayed, "oracle.kind", 0, OracleKind::Local as u8;
    103 Market U8 mk!(oracle.samples_min), Delayed Delayed, "oracle.samples_min", 0, u8::MAX;
    104 Market U16 mk!(oracle.confidence_max_bps), Delayed Delayed, "oracle.confidence_max_bps", 1, CONFIDENCE_MAX_BPS;
    105 Market U16 mk!(oracle.volatility_max_bps), Delayed Delayed, "oracle.volatility_max_bps", 1, WHOLE_BPS;
    106 Market U16 mk!(oracle.twap_step_max_bps), Delayed Delayed, "oracle.twap_step_max_bps", 1, WHOLE_BPS;
    107 Market U32 mk!(oracle.stale_margin_ms), Delayed Delayed, "oracle.stale_margin_ms", STALE_MIN_MS, STALE_MAX_MS;
    108 Market U32 mk!(oracle.stale_fill_ms), Delayed Delayed, "oracle.stale_fill_ms", STALE_MIN_MS, STALE_MAX_MS;
    110 Market U8 at!(mk!(oracle.refused), 0), Delayed Delayed, "oracle.refused.0", 0, ALL_VALIDITY_BITS;
    111 Market U8 at!(mk!(oracle.refused), 1), Delayed Delayed, "oracle.refused.1", 0, ALL_VALIDITY_BITS;
    112 Market U8 at!(mk!(oracle.refused), 2), Delayed Delayed, "oracle.refused.2", 0, ALL_VALIDITY_BITS;
    113 Market U8 at!(mk!(oracle.refused), 3), Delayed Delayed, "oracle.refused.3", 0, ALL_VALIDITY_BITS;
    114 Market U8 at!(mk!(oracle.refused), 4), Delayed Delayed, "oracle.refused.4", 0, ALL_VALIDITY_BITS;
    115 Market U8 at!(mk!(oracle.refused), 5), Delayed Delayed, "oracle.refused.5", 0, ALL_VALIDITY_BITS;
    116 Market U8 at!(mk!(oracle.refused), 6), Delayed Delayed, "oracle.refused.6", 0, ALL_VALIDITY_BITS;
    117 Market U8 at!(mk!(oracle.refused), 7), Delayed Delayed, "oracle.refused.7", 0, ALL_VALIDITY_BITS;
    120 Market U64 mk!(order_size_min_lots), Delayed Delayed, "order_size_min_lots", 1, MAX_LOTS;
    121 Market U64 mk!(position_max_lots), Delayed Delayed, "position_max_lots", 1, MAX_LOTS;
    122 Market U64 mk!(open_interest_max_lots), Delayed Instant, "open_interest_max_lots", 1, MAX_LOTS;
    123 Market U64 mk!(impact_notional_atoms), Delayed Delayed, "impact_notional_atoms", IMPACT_NOTIONAL_RANGE_ATOMS[0], IMPACT_NOTIONAL_RANGE_ATOMS[1];
    124 Market U64 mk!(insurance_day_max_atoms), Delayed Delayed, "insurance_day_max_atoms", 0, i64::MAX;
    125 Market U32 at!(mk!(tier_bound_usd), 4 * 0), Delayed Ramped, "tier_bound_usd.0", 1, u32::MAX - 3;
    126 Market U32 at!(mk!(tier_bound_usd), 4 * 1), Delayed Ramped, "tier_bound_usd.1", 2, u32::MAX - 2;
    127 Market U32 at!(mk!(tier_bound_usd), 4 * 2), Delayed Ramped, "tier_bound_usd.2", 3, u32::MAX - 1;
    128 Market U32 at!(mk!(tier_bound_usd), 4 * 3), Delayed Ramped, "tier_bound_usd.3", 4, u32::MAX - 0;
    129 Market U16 at!(mk!(tier_ratio_bps), 2 * 0), Ramped Delayed, "tier_ratio_bps.0", INITIAL_RATIO_MIN_BPS, WHOLE_BPS;
    130 Market U16 at!(mk!(tier_ratio_bps), 2 * 1), Ramped Delayed, "tier_ratio_bps.1", INITIAL_RATIO_MIN_BPS, WHOLE_BPS;
    131 Market U16 at!(mk!(tier_ratio_bps), 2 * 2), Ramped Delayed, "tier_ratio_bps.2", INITIAL_RATIO_MIN_BPS, WHOLE_BPS;
    132 Market U16 at!(mk!(tier_ratio_bps), 2 * 3), Ramped Delayed, "tier_ratio_bps.3", INITIAL_RATIO_MIN_BPS, WHOLE_BPS;
    133 Market U32 mk!(open_interest_lower_usd), Delayed Delayed, "open_interest_lower_usd", 1, u32::MAX - 1;
    134 Market U32 mk!(open_interest_upper_usd), Delayed Delayed, "open_interest_upper_usd", 2, u32::MAX;
    135 Market U16 mk!(profit_weight_bps), Delayed Instant, "profit_weight_bps", 0, WHOLE_BPS;
    136 Market U16 mk!(liquidation_fee_bps), Delayed Delayed, "liquidation_fee_bps", LIQUIDATION_FEE_RANGE_BPS[0], LIQUIDATION_FEE_RANGE_BPS[1];
    137 Market U16 mk!(insurance_fee_bps), Delayed Delayed, "insurance_fee_bps", INSURANCE_FEE_RANGE_BPS[0], INSURANCE_FEE_RANGE_BPS[1];
    138 Market U16 mk!(mark_radius_bps), Delayed Delayed, "mark_radius_bps", MARK_RADIUS_RANGE_BPS[0], MARK_RADIUS_RANGE_BPS[1];
    139 Market U16 mk!(band_bps), Delayed Delayed, "band_bps", BAND_RANGE_BPS[0], BAND_RANGE_BPS[1];
    140 Market U16 mk!(breaker_bps), Delayed Delayed, "breaker_bps", BREAKER_RANGE_BPS[0], BREAKER_RANGE_BPS[1];
    141 Market U16 mk!(breaker_window_s), Delayed Delayed, "breaker_window_s", BREAKER_TIME_RANGE_S[0], BREAKER_TIME_RANGE_S[1];
    142 Market U16 mk!(breaker_cooldown_s), Delayed Delayed, "breaker_cooldown_s", BREAKER_TIME_RANGE_S[0], BREAKER_TIME_RANGE_S[1];
    143 Market U32 mk!(interest_rate_e9), Delayed Delayed, "interest_rate_e9", INTEREST_RATE_RANGE_E9[0], INTEREST_RATE_RANGE_E9[1];
    144 Market U16 mk!(market_slippage_bps), Delayed Delayed, "market_slippage_bps", MARKET_SLIPPAGE_RANGE_BPS[0], MARKET_SLIPPAGE_RANGE_BPS[1];
    145 Market U16 mk!(stress_move_bps), Delayed Delayed, "stress_move_bps", STRESS_MOVE_RANGE_BPS[0], STRESS_MOVE_RANGE_BPS[1];
    146 Market U32 mk!(flags), Delayed Delayed, "flags", 0, MARKET_FLAGS;
    147 Market U8 Place::Status, Delayed Delayed, "status", 0, MarketStatus::Settling as u8;
    200 Collateral Key co!(oracle.account), Delayed Delayed, "oracle.account", 0, 0;
    201 Collateral Key co!(oracle.feed_id), Delayed Delayed, "oracle.feed_id", 0, 0;
    202 Collateral U8 co!(oracle.kind), Delayed Delayed, "oracle.kind", 0, OracleKind::Local as u8;
    203 Collateral U8 co!(oracle.samples_min), Delayed Delayed, "oracle.samples_min", 0, u8::MAX;
    204 Collateral U16 co!(oracle.confidence_max_bps), Delayed Delayed, "oracle.confidence_max_bps", 1, CONFIDENCE_MAX_BPS;
    205 Collateral U16 co!(oracle.volatility_max_bps), Delayed Delayed, "oracle.volatility_max_bps", 1, WHOLE_BPS;
    206 Collateral U16 co!(oracle.twap_step_max_bps), Delayed Delayed, "oracle.twap_step_max_bps", 1, WHOLE_BPS;
    207 Collateral U32 co!(oracle.stale_margin_ms), Delayed Delayed, "oracle.stale_margin_ms", STALE_MIN_MS, STALE_MAX_MS;
    208 Collateral U32 co!(oracle.stale_fill_ms), Delayed Delayed, "oracle.stale_fill_ms", STALE_MIN_MS, STALE_MAX_MS;
    210 Collateral U8 at!(co!(oracle.refused), 0), Delayed Delayed, "oracle.refused.0", 0, ALL_VALIDITY_BITS;
    211 Collateral U8 at!(co!(oracle.refused), 1), Delayed Delayed, "oracle.refused.1", 0, ALL_VALIDITY_BITS;
    212 Collateral U8 at!(co!(oracle.refused), 2), Delayed Delayed, "oracle.refused.2", 0, ALL_VALIDITY_BITS;
    213 Collateral U8 at!(co!(oracle.refused), 3), Delayed Delayed, "oracle.refused.3", 0, ALL_VALIDITY_BITS;
    214 Collateral U8 at!(co!(oracle.refused), 4), Delayed Delayed, "oracle.refused.4", 0, ALL_VALIDITY_BITS;
    215 Collateral U8 at!(co!(oracle.refused), 5), Delayed Delayed, "oracle.refused.5", 0, ALL_VALIDITY_BITS;
    216 Collateral U8 at!(co!(oracle.refused), 6), Delayed Delayed, "oracle.refused.6", 0, ALL_VALIDITY_BITS;
    217 Collateral U8 at!(co!(oracle.refused), 7), Delayed Delayed, "oracle.refused.7", 0, ALL_VALIDITY_BITS;
    220 Collateral U64 co!(deposit_cap_atoms), Delayed Instant, "deposit_cap_atoms", 0, i64::MAX;
    221 Collateral U64 co!(user_cap_atoms), Delayed Instant, "user_cap_atoms", 0, i64::MAX;
    222 Collateral U16 co!(weight_initial_bps), Delayed Delayed, "weight_initial_bps", 0, COLLATERAL_WEIGHT_MAX_BPS;
    223 Collateral U16 co!(weight_maintenance_bps), Delayed Ramped, "weight_maintenance_bps", 0, COLLATERAL_WEIGHT_MAX_BPS;
    224 Collateral U16 co!(scale_thousand_usd), Delayed Ramped, "scale_thousand_usd", 0, u16::MAX;
    225 Collateral U16 co!(liquidation_discount_bps), Delayed Delayed, "liquidation_discount_bps", 0, DISCOUNT_MAX_BPS;
    226 Collateral U8 Place::Status, Instant Delayed, "status", 0, STATUS_NO_DEPOSITS;
}
