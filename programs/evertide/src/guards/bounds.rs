//! Compile-time bounds of every parameter: whoever holds a key, nothing outside them can be set.

use anchor_lang::prelude::*;
use evertide_math::margin::{maintenance_ratio, solvency_envelope_holds, MarginTiers, Tier};
use evertide_math::oracle::ALL_VALIDITY_BITS;
use evertide_math::units::{ATOMS_PER_USD, MAX_ATOMS_PER_LOT_TICK, MAX_LOTS};
use evertide_math::Bps;

use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{CollateralTerms, ExchangeTerms, MarketTerms, OracleKind, OracleRules, FEE_TIERS_MAX};

/// Ten thousandths of a whole.
pub const WHOLE_BPS: u16 = 10_000;
/// Greatest taker fee and greatest maker fee or rebate, tenths of a bp: 20 bps.
pub const FEE_MAX_TENTH_BPS: u16 = 200;
/// Greatest sum of the keeper's and the referrer's share of a taker fee.
pub const FEE_SHARES_MAX_BPS: u16 = 9_000;
/// Greatest withdrawal floor.
pub const WITHDRAWAL_FLOOR_MAX_BPS: u16 = 9_500;
/// Greatest open lane of all users together, share of deposits a day.
pub const LANE_SHARE_MAX_BPS: u16 = 100;
/// Greatest open lane of one user a day, atoms: $10,000.
pub const LANE_MAX_ATOMS: u64 = 10_000 * ATOMS_PER_USD;
/// Greatest cap of debt, share of the quote vault.
pub const DEBT_CAP_MAX_BPS: u16 = 1_000;
/// Greatest interest on debt, a year.
pub const DEBT_INTEREST_MAX_BPS: u16 = 5_000;
/// Greatest keeper reward of a fill, atoms: $10.
pub const KEEPER_REWARD_MAX_ATOMS: u64 = 10 * ATOMS_PER_USD;
/// Greatest discount of liquidate_collateral.
pub const DISCOUNT_MAX_BPS: u16 = 300;
/// Greatest weight of a collateral asset.
pub const COLLATERAL_WEIGHT_MAX_BPS: u16 = 9_800;
/// Least and greatest ages from which a price is stale, ms.
pub const STALE_MIN_MS: u32 = 1_000;
pub const STALE_MAX_MS: u32 = 600_000;
/// Greatest confidence that rules may accept.
pub const CONFIDENCE_MAX_BPS: u16 = 1_000;
/// Least and greatest initial margin ratios of a market: at most 50 times leverage.
pub const INITIAL_RATIO_MIN_BPS: u16 = 200;
/// Bits of `MarketTerms::flags` that mean something.
pub const MARKET_FLAGS: u32 = 1;
/// Depth at which impact prices are taken, atoms.
pub const IMPACT_NOTIONAL_RANGE_ATOMS: [u64; 2] = [ATOMS_PER_USD, 1_000_000 * ATOMS_PER_USD];
/// Liquidator's base fee.
pub const LIQUIDATION_FEE_RANGE_BPS: [u16; 2] = [25, 350];
/// Insurance fund's liquidation fee.
pub const INSURANCE_FEE_RANGE_BPS: [u16; 2] = [0, 100];
/// One-minute stress move: no maintenance margin, at most half of a whole, would cover more.
pub const STRESS_MOVE_RANGE_BPS: [u16; 2] = [10, 4_900];
/// Radius of the mark around the index.
pub const MARK_RADIUS_RANGE_BPS: [u16; 2] = [10, 500];
/// Fill band around index and TWAP.
pub const BAND_RANGE_BPS: [u16; 2] = [10, 2_000];
/// Move that trips the circuit breaker.
pub const BREAKER_RANGE_BPS: [u16; 2] = [10, 5_000];
/// Window of the circuit breaker, and its cool-down, s.
pub const BREAKER_TIME_RANGE_S: [u16; 2] = [1, 3_600];
/// Interest component of funding, 1e-9 per 8 h.
pub const INTEREST_RATE_RANGE_E9: [u32; 2] = [0, 1_000_000];
/// Default worst price of a market order from index.
pub const MARKET_SLIPPAGE_RANGE_BPS: [u16; 2] = [1, 1_000];

macro_rules! within {
    ($value:expr, $range:expr, $error:expr) => {
        within!($value, $range[0], $range[1], $error)
    };
    ($value:expr, $low:expr, $high:expr, $error:expr) => {
        require_cmp!($value, >=, $low, $error);
        require_cmp!($value, <=, $high, $error);
    };
}

/// Bounds of the exchange's terms.
pub fn check_exchange_terms(terms: &ExchangeTerms, local: bool) -> Result<()> {
    let out = EvertideError::ExchangeTermsOutOfBounds;
    check_fee_tiers(terms)?;
    let shares = terms.keeper_share_bps.checked_add(terms.referrer_share_bps).or_refuse()?;
    require_cmp!(shares, <=, FEE_SHARES_MAX_BPS, EvertideError::FeeSharesTooLarge);
    require_cmp!(terms.withdrawal_floor_bps, <=, WITHDRAWAL_FLOOR_MAX_BPS, out);
    if !local {
        require_cmp!(terms.withdrawal_floor_bps, >=, 1_u16, EvertideError::WithdrawalFloorTooLow);
    }
    require_cmp!(terms.lane_share_bps, <=, LANE_SHARE_MAX_BPS, out);
    require_cmp!(terms.lane_atoms, <=, LANE_MAX_ATOMS, out);
    require_cmp!(terms.insurance_share_bps, <=, WHOLE_BPS, out);
    require_cmp!(terms.debt_cap_bps, <=, DEBT_CAP_MAX_BPS, out);
    require_cmp!(terms.debt_interest_bps, <=, DEBT_INTEREST_MAX_BPS, out);
    require_cmp!(terms.keeper_reward_max_atoms, <=, KEEPER_REWARD_MAX_ATOMS, out);
    require_cmp!(terms.keeper_reward_min_atoms, <=, terms.keeper_reward_max_atoms, out);
    Ok(())
}

fn check_fee_tiers(terms: &ExchangeTerms) -> Result<()> {
    let count = usize::from(terms.fee_tier_count);
    within!(count, 1_usize, FEE_TIERS_MAX, EvertideError::ExchangeTermsOutOfBounds);
    let unordered = EvertideError::FeeTiersNotMonotone;
    let mut last = None;
    for tier in terms.fee_tiers.iter().take(count) {
        require_cmp!(tier.taker_fee_tenth_bps, <=, FEE_MAX_TENTH_BPS, EvertideError::ExchangeTermsOutOfBounds);
        let maker = tier.maker_fee_tenth_bps.unsigned_abs();
        require_cmp!(maker, <=, tier.taker_fee_tenth_bps, unordered);
        match last {
            None => require_cmp!(tier.volume_atoms, <=, 0_u64, unordered),
            Some((volume, taker, maker)) => {
                require_cmp!(tier.volume_atoms, >, volume, unordered);
                require_cmp!(tier.taker_fee_tenth_bps, <=, taker, unordered);
                require_cmp!(tier.maker_fee_tenth_bps, <=, maker, unordered);
            }
        }
        last = Some((tier.volume_atoms, tier.taker_fee_tenth_bps, tier.maker_fee_tenth_bps));
    }
    Ok(())
}

/// Bounds of oracle rules. Local feeds exist on local exchanges only.
pub fn check_oracle_rules(rules: &OracleRules, local: bool) -> Result<()> {
    let out = EvertideError::OracleRulesOutOfBounds;
    require_cmp!(rules.kind, <=, OracleKind::Local as u8, out);
    if rules.kind == OracleKind::Local as u8 {
        require!(local, EvertideError::LocalOracleForbidden);
    }
    // Only Pyth is found by its feed id; the others by their account.
    let named = if rules.kind == OracleKind::Pyth as u8 {
        rules.feed_id != [0; 32]
    } else {
        rules.account != Address::default()
    };
    require!(named, EvertideError::OracleRulesOutOfBounds);
    within!(rules.confidence_max_bps, 1, CONFIDENCE_MAX_BPS, out);
    within!(rules.volatility_max_bps, 1, WHOLE_BPS, out);
    within!(rules.twap_step_max_bps, 1, WHOLE_BPS, out);
    within!(rules.stale_margin_ms, STALE_MIN_MS, STALE_MAX_MS, out);
    within!(rules.stale_fill_ms, STALE_MIN_MS, rules.stale_margin_ms, out);
    for refused in &rules.refused {
        require_cmp!(*refused, <=, ALL_VALIDITY_BITS, out);
    }
    Ok(())
}

/// Bounds of a collateral asset's terms; the quote asset counts whole and has no oracle.
pub fn check_collateral_terms(terms: &CollateralTerms, quote: bool, local: bool) -> Result<()> {
    let out = EvertideError::CollateralTermsOutOfBounds;
    if quote {
        within!(terms.weight_initial_bps, WHOLE_BPS, WHOLE_BPS, out);
        within!(terms.weight_maintenance_bps, WHOLE_BPS, WHOLE_BPS, out);
        require_cmp!(terms.scale_thousand_usd, <=, 0_u16, out);
    } else {
        check_oracle_rules(&terms.oracle, local)?;
        require_cmp!(terms.weight_maintenance_bps, <=, COLLATERAL_WEIGHT_MAX_BPS, out);
        require_cmp!(terms.weight_initial_bps, <=, terms.weight_maintenance_bps, out);
    }
    require_cmp!(terms.user_cap_atoms, <=, terms.deposit_cap_atoms, out);
    require_cmp!(terms.liquidation_discount_bps, <=, DISCOUNT_MAX_BPS, out);
    if !quote {
        // A sale at the whole discount must not lower equity: it brings at least what the collateral counted.
        let room = WHOLE_BPS.saturating_sub(terms.weight_maintenance_bps);
        require_cmp!(terms.liquidation_discount_bps, <=, room, out);
    }
    Ok(())
}

/// Bounds of a market's terms and its solvency envelope. Returns the atoms of one lot at one tick.
pub fn check_market_terms(terms: &MarketTerms, local: bool) -> Result<u64> {
    let out = EvertideError::MarketTermsOutOfBounds;
    check_oracle_rules(&terms.oracle, local)?;
    check_symbol(&terms.symbol)?;
    let atoms_per_lot_tick = check_units(terms)?;
    check_margin(terms)?;
    within!(terms.order_size_min_lots, 1, terms.position_max_lots, out);
    within!(terms.position_max_lots, 1, MAX_LOTS.unsigned_abs(), out);
    within!(terms.open_interest_max_lots, terms.position_max_lots, MAX_LOTS.unsigned_abs(), out);
    within!(terms.impact_notional_atoms, IMPACT_NOTIONAL_RANGE_ATOMS, out);
    within!(terms.profit_weight_bps, 0, WHOLE_BPS, out);
    within!(terms.mark_radius_bps, MARK_RADIUS_RANGE_BPS, out);
    within!(terms.band_bps, BAND_RANGE_BPS, out);
    within!(terms.breaker_bps, BREAKER_RANGE_BPS, out);
    within!(terms.breaker_window_s, BREAKER_TIME_RANGE_S, out);
    within!(terms.breaker_cooldown_s, BREAKER_TIME_RANGE_S, out);
    within!(terms.interest_rate_e9, INTEREST_RATE_RANGE_E9, out);
    within!(terms.market_slippage_bps, MARKET_SLIPPAGE_RANGE_BPS, out);
    require_cmp!(terms.flags, <=, MARKET_FLAGS, out);
    Ok(atoms_per_lot_tick)
}

fn check_symbol(symbol: &[u8; 16]) -> Result<()> {
    let length = symbol.iter().position(|byte| *byte == 0).unwrap_or(symbol.len());
    let (name, rest) = symbol.split_at(length);
    let printable = name.iter().all(|byte| byte.is_ascii_graphic()) && rest.iter().all(|byte| *byte == 0);
    require!(length > 0 && printable, EvertideError::SymbolInvalid);
    Ok(())
}

/// `tick_size_atoms * lot_size_e9 / 1e9` must be whole: notional is then an exact integer.
fn check_units(terms: &MarketTerms) -> Result<u64> {
    let product = terms.tick_size_atoms.checked_mul(terms.lot_size_e9).or_refuse()?;
    let remainder = product.checked_rem(1_000_000_000).or_refuse()?;
    require_cmp!(remainder, ==, 0_u64, EvertideError::TickLotNotExact);
    let atoms = product.checked_div(1_000_000_000).or_refuse()?;
    within!(atoms, 1, MAX_ATOMS_PER_LOT_TICK, EvertideError::MarketTermsOutOfBounds);
    Ok(atoms)
}

fn check_margin(terms: &MarketTerms) -> Result<()> {
    let out = EvertideError::MarketTermsOutOfBounds;
    let tier = |at: usize| Tier { bound_usd: terms.tier_bound_usd[at], ratio_bps: terms.tier_ratio_bps[at] };
    let tiers = MarginTiers([tier(0), tier(1), tier(2), tier(3)]);
    tiers.validate().map_err(|_| EvertideError::MarginTiersNotMonotone)?;
    require_cmp!(terms.tier_ratio_bps[0], >=, INITIAL_RATIO_MIN_BPS, out);
    require_cmp!(terms.open_interest_lower_usd, >=, 1_u32, out);
    require_cmp!(terms.open_interest_upper_usd, >, terms.open_interest_lower_usd, out);
    within!(terms.liquidation_fee_bps, LIQUIDATION_FEE_RANGE_BPS, out);
    within!(terms.insurance_fee_bps, INSURANCE_FEE_RANGE_BPS, out);
    within!(terms.stress_move_bps, STRESS_MOVE_RANGE_BPS, out);
    let initial = Bps::new(u32::from(terms.tier_ratio_bps[0])).or_refuse()?;
    let maintenance = maintenance_ratio(initial).or_refuse()?;
    let [stress, liquidation, insurance] = [terms.stress_move_bps, terms.liquidation_fee_bps, terms.insurance_fee_bps];
    let bps = |value: u16| Bps::new(u32::from(value)).or_refuse();
    let holds = solvency_envelope_holds(initial, maintenance, bps(stress)?, bps(liquidation)?, bps(insurance)?);
    if !holds.or_refuse()? {
        // A bps is the message's grain: the hourly funding cap / 60 adds a fraction of one.
        let needed = u32::from(stress).saturating_add(u32::from(liquidation)).saturating_add(u32::from(insurance));
        let error = EvertideError::SolvencyEnvelopeViolated;
        return Err(super::refuse(maintenance.get(), needed.saturating_add(1), error));
    }
    // A step at the oldest fee must still free more than it takes.
    let oldest = u32::from(liquidation).saturating_mul(2).saturating_add(u32::from(insurance));
    require_cmp!(maintenance.get(), >=, oldest, EvertideError::SolvencyEnvelopeViolated);
    Ok(())
}
