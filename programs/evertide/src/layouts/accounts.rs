//! Fields of every account, in order.

use anchor_lang::prelude::*;

use super::Layout;
use crate::layout;
use crate::state::{
    Builder, Collateral, CollateralRow, CollateralSlot, CollateralTerms, Evidence, Exchange, ExchangeTerms, Insurance,
    InsuranceStake, Market, MarketRow, MarketTerms, Order, Orders, ParamChange, Position, RiskCache, User, Wide,
    BUILDERS_MAX, COLLATERALS_MAX, GATES, MARKETS_MAX, ORDERS_MAX, POSITIONS_MAX, ROLES, USER_COLLATERALS_MAX,
};

/// All accounts.
pub fn accounts() -> Vec<Layout> {
    vec![
        exchange(),
        market(),
        risk_cache(),
        collateral(),
        user(),
        orders(),
        insurance(),
        insurance_stake(),
        param_change(),
    ]
}

fn exchange() -> Layout {
    layout!(
        Some(Exchange::DISCRIMINATOR),
        Exchange {
            version: u8,
            bump: u8,
            local: u8,
            opened: u8,
            padding: [u8; 4],
            roles: [Address; ROLES],
            successors: [Address; ROLES],
            quote_mint: Address,
            quote_vault: Address,
            gates_closed: u64,
            pause_start_ms: i64,
            pause_earlier_ms: [i64; 2],
            pause_by: Address,
            terms: ExchangeTerms,
            debt_atoms: u64,
            market_count: u16,
            collateral_count: u16,
            padding1: u32,
            next_change: u64,
            opened_ms: i64,
            sequence: u64,
            genesis_hash: [u8; 32],
            first_change: u64,
            successor_ms: [i64; ROLES],
            gate_open_ms: [i64; GATES],
            reserved1: [u64; 3],
            builders: [Builder; BUILDERS_MAX],
        }
    )
}

// Fields that belong together share a line.
#[rustfmt::skip]
fn market() -> Layout {
    layout!(
        Some(Market::DISCRIMINATOR),
        Market {
            version: u8,
            bump: u8,
            status: u8,
            latch: u8,
            index: u16,
            padding: u16,
            terms: MarketTerms,
            atoms_per_lot_tick: u64,
            open_interest_lots: [u64; 2],
            stale_lots: [u64; 2],
            a: [u64; 2],
            j: [Wide; 2],
            j_previous: [Wide; 2],
            epoch: [u32; 2],
            position_count: [u32; 2],
            stale_count: [u32; 2],
            dust_lots: [u64; 2],
            index_price_q32: u64,
            confidence_q32: u64,
            publish_time_ms: i64,
            index_twap_q32: u64,
            breaker_price_q32: u64,
            breaker_start_ms: i64,
            cooldown_until_ms: i64,
            volatility_e9: u64,
            validity: u8,
            padding1: [u8; 7],
            mark_price_q32: u64,
            mark_twap_q32: u64,
            mark_twap_hour_q32: u64,
            basis_ema_q32: i64,
            mark_ms: i64,
            evidence: [Evidence; 2],
            last_fill_ticks: u64,
            last_fill_ms: i64,
            matchable_since_slot: u64,
            premium_sum: Wide,
            premium_ms: i64,
            premium_e9: i64,
            funding_rate_e9: i64,
            funding_hour_ms: i64,
            accrued_ms: i64,
            funding_remainder: Wide,
            funding_total: Wide,
            pool_atoms: u64,
            pending_fees_atoms: u64,
            pending_insurance_atoms: u64,
            dust_atoms: i64,
            insurance_used_atoms: u64,
            insurance_day: u32,
            bankruptcies_open: u32,
            deficit_atoms: u64,
            volume_atoms: u64,
            fill_count: u64,
            hourly_mark_q32: [u64; 24],
            sequence: u64,
            event_hash: u64,
            season_step: u32, counted_thousand_usd: u32, season_ms: i64,
            claims_atoms: i64,
            dropped_q16: [u64; 2],
            referral_owed_atoms: u64, tranche_used_atoms: u64, reserved: [u64; 2], settlement_price_q32: u64,
            builder_owed_atoms: [u64; BUILDERS_MAX],
        }
    )
}

fn risk_cache() -> Layout {
    layout!(
        Some(RiskCache::DISCRIMINATOR),
        RiskCache {
            version: u8,
            bump: u8,
            padding: [u8; 6],
            market_count: u16,
            collateral_count: u16,
            padding1: [u8; 4],
            open_interest_thousand_usd: u64,
            priced_ms: i64,
            resumed_ms: i64,
            reserved: [u64; 2],
            markets: [MarketRow; MARKETS_MAX],
            collaterals: [CollateralRow; COLLATERALS_MAX],
        }
    )
}

fn collateral() -> Layout {
    layout!(
        Some(Collateral::DISCRIMINATOR),
        Collateral {
            version: u8,
            bump: u8,
            decimals: u8,
            vault_bump: u8,
            index: u16,
            status: u8,
            padding: u8,
            mint: Address,
            vault: Address,
            terms: CollateralTerms,
            total_atoms: u64,
            debt_atoms: u64,
            debt_index_q48: u64,
            debt_accrued_ms: i64,
            interest_atoms: u64,
            average_atoms: u64,
            average_ms: i64,
            lane_day: u32,
            season_step: u32,
            lane_used_atoms: u64,
            season_ms: i64,
            dust_atoms: u64,
            sequence: u64,
            season_cap_atoms: u64,
            queued_atoms: u64,
            queue_head: u64,
            queue_tail: u64,
            reserved: [u64; 8],
        }
    )
}

fn user() -> Layout {
    layout!(
        Some(User::DISCRIMINATOR),
        User {
            version: u8,
            bump: u8,
            sub_id: u16,
            flags: u32,
            authority: Address,
            delegate: Address,
            referrer: Address,
            delegate_permissions: u32,
            padding: u32,
            delegate_expiry_ms: i64,
            quote_atoms: i64,
            debt_index_q48: u64,
            debt_since_ms: i64,
            orders_epoch: u64,
            sequence: u64,
            created_ms: i64,
            liquidation_start_ms: i64,
            liquidation_freed_atoms: u64,
            volume_30d_atoms: u64,
            volume_updated_ms: i64,
            rewards_atoms: u64,
            lane_day: u32,
            user_ratio_bps: u16,
            position_count: u8,
            collateral_count: u8,
            lane_used_atoms: u64,
            last_active_ms: i64,
            notional_cap_atoms: u64,
            held_back_atoms: u64,
            held_back_until_ms: i64,
            withdraw_ticket: u64,
            withdraw_atoms: u64,
            withdraw_index: u16,
            padding1: [u8; 6],
            collaterals: [CollateralSlot; USER_COLLATERALS_MAX],
            positions: [Position; POSITIONS_MAX],
        }
    )
}

fn orders() -> Layout {
    layout!(
        Some(Orders::DISCRIMINATOR),
        Orders {
            version: u8,
            bump: u8,
            order_count: u8,
            padding: [u8; 5],
            user: Address,
            next_order_id: u64,
            cancel_all_after_ms: i64,
            nonce_base_ms: i64,
            nonce_window: [u64; 16],
            referral_owed_atoms: u64,
            reserved: [u64; 3],
            orders: [Order; ORDERS_MAX],
        }
    )
}

fn insurance() -> Layout {
    layout!(
        Some(Insurance::DISCRIMINATOR),
        Insurance {
            version: u8,
            bump: u8,
            padding: [u8; 6],
            balance_atoms: u64,
            tranche_atoms: u64,
            shares: u64,
            unstaking_shares: u64,
            held_back_atoms: u64,
            held_back_until_ms: i64,
            paid_atoms: u64,
            funded_atoms: u64,
            sequence: u64,
            protocol_shares: u64,
            reserved: [u64; 7],
        }
    )
}

fn insurance_stake() -> Layout {
    layout!(
        Some(InsuranceStake::DISCRIMINATOR),
        InsuranceStake {
            version: u8,
            bump: u8,
            padding: [u8; 6],
            authority: Address,
            shares: u64,
            requested_shares: u64,
            requested_atoms: u64,
            claimable_ms: i64,
            reserved: [u64; 4],
        }
    )
}

fn param_change() -> Layout {
    layout!(
        Some(ParamChange::DISCRIMINATOR),
        ParamChange {
            version: u8,
            bump: u8,
            class: u8,
            status: u8,
            field: u32,
            target: Address,
            proposer: Address,
            old_value: i64,
            new_value: i64,
            earliest_ms: i64,
            expiry_ms: i64,
            number: u64,
            words: [u64; 4],
        }
    )
}
