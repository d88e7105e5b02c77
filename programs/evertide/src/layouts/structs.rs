//! Fields of every struct inside accounts, in order.

use anchor_lang::prelude::*;

use super::Layout;
use crate::layout;
use crate::state::{
    Builder, CollateralRow, CollateralSlot, CollateralTerms, ConditionalTerms, Evidence, ExchangeTerms, FeeTier,
    IcebergTerms, MarketRow, MarketTerms, OracleRules, Order, PeggedTerms, PlainTerms, Position, TwapTerms, Wide,
    FEE_TIERS_MAX,
};

/// All structs that accounts hold.
pub fn structs() -> Vec<Layout> {
    vec![
        wide(),
        fee_tier(),
        builder(),
        exchange_terms(),
        oracle_rules(),
        market_terms(),
        evidence(),
        market_row(),
        collateral_row(),
        collateral_terms(),
        collateral_slot(),
        position(),
        order(),
        plain_terms(),
        conditional_terms(),
        pegged_terms(),
        twap_terms(),
        iceberg_terms(),
    ]
}

fn wide() -> Layout {
    layout!(None, Wide { low: u64, high: i64 })
}

fn fee_tier() -> Layout {
    layout!(None, FeeTier { volume_atoms: u64, taker_fee_tenth_bps: u16, maker_fee_tenth_bps: i16, padding: u32 })
}

fn builder() -> Layout {
    layout!(None, Builder { user: Address, unpaid_markets: u64, code: u8, padding: [u8; 7], reserved: [u64; 4] })
}

fn exchange_terms() -> Layout {
    layout!(
        None,
        ExchangeTerms {
            fee_tiers: [FeeTier; FEE_TIERS_MAX],
            fee_tier_count: u16,
            withdrawal_floor_bps: u16,
            lane_share_bps: u16,
            keeper_share_bps: u16,
            referrer_share_bps: u16,
            insurance_share_bps: u16,
            debt_cap_bps: u16,
            debt_interest_bps: u16,
            keeper_reward_min_atoms: u64,
            keeper_reward_max_atoms: u64,
            lane_atoms: u64,
            user_notional_max_atoms: u64,
            exchange_notional_max_atoms: u64,
        }
    )
}

fn oracle_rules() -> Layout {
    layout!(
        None,
        OracleRules {
            account: Address,
            feed_id: [u8; 32],
            kind: u8,
            samples_min: u8,
            confidence_max_bps: u16,
            volatility_max_bps: u16,
            twap_step_max_bps: u16,
            stale_margin_ms: u32,
            stale_fill_ms: u32,
            refused: [u8; 8],
            padding: [u8; 8],
        }
    )
}

fn market_terms() -> Layout {
    layout!(
        None,
        MarketTerms {
            oracle: OracleRules,
            symbol: [u8; 16],
            tick_size_atoms: u64,
            lot_size_e9: u64,
            order_size_min_lots: u64,
            position_max_lots: u64,
            open_interest_max_lots: u64,
            impact_notional_atoms: u64,
            insurance_day_max_atoms: u64,
            tier_bound_usd: [u32; 4],
            tier_ratio_bps: [u16; 4],
            open_interest_lower_usd: u32,
            open_interest_upper_usd: u32,
            profit_weight_bps: u16,
            liquidation_fee_bps: u16,
            insurance_fee_bps: u16,
            mark_radius_bps: u16,
            band_bps: u16,
            breaker_bps: u16,
            breaker_window_s: u16,
            breaker_cooldown_s: u16,
            interest_rate_e9: u32,
            market_slippage_bps: u16,
            stress_move_bps: u16,
            flags: u32,
            padding: u32,
        }
    )
}

fn evidence() -> Layout {
    layout!(None, Evidence { orders: Address, order_id: u64, price_ticks: u64, impact_ticks: u64, shown_ms: i64 })
}

fn market_row() -> Layout {
    layout!(
        None,
        MarketRow {
            index_price_q32: u64,
            mark_price_q32: u64,
            twap_price_q32: u64,
            publish_time_ms: i64,
            updated_ms: i64,
            a: [u64; 2],
            j: [Wide; 2],
            j_previous: [Wide; 2],
            epoch: [u32; 2],
            tier_bound_usd: [u32; 4],
            tier_ratio_bps: [u16; 4],
            open_interest_ratio_bps: u16,
            profit_weight_bps: u16,
            liquidation_fee_bps: u16,
            status: u8,
            validity: u8,
            market_plus_one: u16,
            flags: u16,
            updated_slot: u32,
        }
    )
}

fn collateral_row() -> Layout {
    layout!(
        None,
        CollateralRow {
            price_q48: u64,
            confidence_q48: u64,
            twap_q48: u64,
            publish_time_ms: i64,
            updated_ms: i64,
            debt_index_q48: u64,
            weight_initial_bps: u16,
            weight_maintenance_bps: u16,
            scale_thousand_usd: u16,
            validity: u8,
            collateral_plus_one: u8,
            reserved: [u8; 8],
        }
    )
}

fn collateral_terms() -> Layout {
    layout!(
        None,
        CollateralTerms {
            oracle: OracleRules,
            deposit_cap_atoms: u64,
            user_cap_atoms: u64,
            weight_initial_bps: u16,
            weight_maintenance_bps: u16,
            scale_thousand_usd: u16,
            liquidation_discount_bps: u16,
        }
    )
}

fn collateral_slot() -> Layout {
    layout!(None, CollateralSlot { amount_atoms: u64, collateral_index: u16, padding: [u8; 6] })
}

fn position() -> Layout {
    layout!(
        None,
        Position {
            basis_lots: i64,
            a_snapshot: u64,
            j_snapshot: Wide,
            cash_atoms: i64,
            entry_atoms: i64,
            funding_atoms: i64,
            open_bid_lots: u64,
            open_ask_lots: u64,
            max_bid_ticks: u64,
            min_ask_ticks: u64,
            epoch: u32,
            open_order_count: u8,
            reduce_only_count: u8,
            market_plus_one: u16,
            user_ratio_bps: u16,
            bankruptcy: u8,
            padding: u8,
            atoms_per_lot_tick: u32,
        }
    )
}

fn order() -> Layout {
    layout!(
        None,
        Order {
            order_id: u64,
            client_order_id: u64,
            price_ticks: u64,
            size_lots: u64,
            filled_lots: u64,
            placed_slot: u64,
            placed_ms: i64,
            expiry_ms: i64,
            market_index: u16,
            kind: u8,
            time_in_force: u8,
            flags: u8,
            self_trade: u8,
            taker_phase_s: u8,
            builder_plus_one: u8,
            terms: [u64; 3],
        }
    )
}

fn plain_terms() -> Layout {
    layout!(
        None,
        PlainTerms {
            auction_start_ticks: u64,
            reserved: u64,
            max_slippage_bps: u16,
            builder_fee_tenth_bps: u16,
            group: u32,
        }
    )
}

fn conditional_terms() -> Layout {
    layout!(
        None,
        ConditionalTerms {
            trigger_ticks: u64,
            trail_bps: u16,
            source: u8,
            padding: [u8; 5],
            max_slippage_bps: u16,
            builder_fee_tenth_bps: u16,
            group: u32,
        }
    )
}

fn pegged_terms() -> Layout {
    layout!(
        None,
        PeggedTerms { offset_ticks: i64, reserved: u64, max_slippage_bps: u16, builder_fee_tenth_bps: u16, group: u32 }
    )
}

fn twap_terms() -> Layout {
    layout!(
        None,
        TwapTerms {
            slice_count: u16,
            slices_done: u16,
            slice_interval_s: u32,
            reserved: u64,
            max_slippage_bps: u16,
            builder_fee_tenth_bps: u16,
            group: u32,
        }
    )
}

fn iceberg_terms() -> Layout {
    layout!(
        None,
        IcebergTerms {
            display_lots: u64,
            hidden_lots: u64,
            max_slippage_bps: u16,
            builder_fee_tenth_bps: u16,
            group: u32,
        }
    )
}
