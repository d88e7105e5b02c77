//! Standard terms: USDC and SOL as collateral, BTC, ETH and SOL markets, priced by a local feed.

use evertide_math::oracle::DEFAULT_ACTION_MATRIX;
use solana_address::Address;

use crate::state::{CollateralTerms, ExchangeTerms, FeeTier, MarketTerms, OracleKind, OracleRules};

/// Whole dollars in quote atoms.
pub const USD: u64 = 1_000_000;
/// One SOL in lamports.
pub const SOL: u64 = 1_000_000_000;

/// Opening prices of the three markets, quote atoms per whole base unit.
pub const PRICES: [u64; 3] = [50_000 * USD, 3_000 * USD, 100 * USD];

/// Rules of a feed signed by `signer`.
pub fn local_rules(signer: Address) -> OracleRules {
    OracleRules {
        account: signer,
        kind: OracleKind::Local as u8,
        samples_min: 1,
        confidence_max_bps: 200,
        volatility_max_bps: 2_000,
        twap_step_max_bps: 500,
        stale_margin_ms: 30_000,
        stale_fill_ms: 10_000,
        refused: DEFAULT_ACTION_MATRIX,
        ..OracleRules::default()
    }
}

/// Terms of a local exchange: 3.5 bps taker, 1 bps rebate in the first tier.
pub fn exchange_terms() -> ExchangeTerms {
    let mut terms = ExchangeTerms {
        fee_tier_count: 2,
        keeper_share_bps: 1_000,
        referrer_share_bps: 500,
        insurance_share_bps: 2_000,
        debt_cap_bps: 1_000,
        debt_interest_bps: 1_000,
        keeper_reward_min_atoms: 1_000,
        keeper_reward_max_atoms: 10 * USD,
        lane_share_bps: 100,
        lane_atoms: 10_000 * USD,
        ..ExchangeTerms::default()
    };
    terms.fee_tiers[0] = FeeTier { taker_fee_tenth_bps: 35, maker_fee_tenth_bps: -10, ..FeeTier::default() };
    terms.fee_tiers[1] = FeeTier {
        volume_atoms: 10_000_000 * USD,
        taker_fee_tenth_bps: 30,
        maker_fee_tenth_bps: -10,
        ..FeeTier::default()
    };
    terms
}

/// Terms of the quote asset.
pub fn quote_terms() -> CollateralTerms {
    CollateralTerms {
        deposit_cap_atoms: 1_000_000_000 * USD,
        user_cap_atoms: 500_000_000 * USD,
        weight_initial_bps: 10_000,
        weight_maintenance_bps: 10_000,
        ..CollateralTerms::default()
    }
}

/// Terms of SOL as collateral.
pub fn sol_terms(signer: Address) -> CollateralTerms {
    CollateralTerms {
        oracle: local_rules(signer),
        deposit_cap_atoms: 1_000_000 * SOL,
        user_cap_atoms: 500_000 * SOL,
        weight_initial_bps: 8_000,
        weight_maintenance_bps: 9_000,
        scale_thousand_usd: 10_000,
        liquidation_discount_bps: 300,
    }
}

/// Terms of market `index` of `PRICES`.
pub fn market_terms(index: usize, signer: Address) -> MarketTerms {
    let (symbol, tick_size_atoms, lot_size_e9): (&[u8], u64, u64) = match index {
        0 => (b"BTC-PERP", 100_000, 100_000),
        1 => (b"ETH-PERP", 10_000, 1_000_000),
        _ => (b"SOL-PERP", 1_000, 10_000_000),
    };
    let mut name = [0; 16];
    name[..symbol.len()].copy_from_slice(symbol);
    MarketTerms {
        oracle: local_rules(signer),
        symbol: name,
        tick_size_atoms,
        lot_size_e9,
        order_size_min_lots: 1,
        position_max_lots: 1 << 30,
        open_interest_max_lots: 1 << 34,
        impact_notional_atoms: 500 * USD,
        insurance_day_max_atoms: 100_000 * USD,
        tier_bound_usd: [100_000, 1_000_000, 10_000_000, 100_000_000],
        tier_ratio_bps: [1_000, 1_500, 2_500, 5_000],
        open_interest_lower_usd: 50_000_000,
        open_interest_upper_usd: 500_000_000,
        profit_weight_bps: 5_000,
        liquidation_fee_bps: 100,
        insurance_fee_bps: 50,
        mark_radius_bps: 100,
        band_bps: 500,
        breaker_bps: 2_000,
        breaker_window_s: 300,
        breaker_cooldown_s: 60,
        interest_rate_e9: 100_000,
        market_slippage_bps: 100,
        stress_move_bps: 200,
        ..MarketTerms::default()
    }
}

/// Quote atoms of one lot at one tick in market `index`.
pub fn atoms_per_lot_tick(index: usize) -> u64 {
    let terms = market_terms(index, Address::default());
    terms.tick_size_atoms * terms.lot_size_e9 / 1_000_000_000
}

/// Ticks nearest below a price in quote atoms per whole base unit.
pub fn ticks(index: usize, price_atoms: u64) -> u64 {
    price_atoms / market_terms(index, Address::default()).tick_size_atoms
}
