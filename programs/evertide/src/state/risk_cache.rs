//! `RiskCache`: everything that valuing any position or collateral needs, packed and read-only on the trade path.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

use super::Wide;

/// Markets that one exchange can hold. One row each in the cache.
pub const MARKETS_MAX: usize = 48;
/// Collateral assets that one exchange can hold; row 0 is the quote asset.
pub const COLLATERALS_MAX: usize = 16;

/// What valuing a position of one market needs. Row number = market index. 168 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct MarketRow {
    /// Index price: quote atoms per lot, 32 fractional bits. 0 = never priced.
    pub index_price_q32: u64,
    /// Mark price: quote atoms per lot, 32 fractional bits.
    pub mark_price_q32: u64,
    /// 5-minute TWAP of the mark price, same unit.
    pub twap_price_q32: u64,
    /// Publish time of the index price, unix ms.
    pub publish_time_ms: i64,
    /// Chain time of the last accrual or oracle update that wrote this row, unix ms.
    pub updated_ms: i64,
    /// Size factor A per side (long, short), 48 fractional bits.
    pub a: [u64; 2],
    /// Cash index J per side (long, short): quote atoms per lot, 48 fractional bits, times A.
    pub j: [Wide; 2],
    /// J per side at the end of the previous epoch.
    pub j_previous: [Wide; 2],
    /// Epoch per side.
    pub epoch: [u32; 2],
    /// Upper notional bounds of the four margin tiers, whole USD.
    pub tier_bound_usd: [u32; 4],
    /// Initial margin ratio at those bounds, bps.
    pub tier_ratio_bps: [u16; 4],
    /// Initial ratio that the open interest scale demands now, bps.
    pub open_interest_ratio_bps: u16,
    /// Weight of unrealised profit for initial margin while the pool backs as much of the claims as now, bps.
    pub profit_weight_bps: u16,
    /// Liquidator's base fee, bps.
    pub liquidation_fee_bps: u16,
    /// Market status (`MarketStatus`).
    pub status: u8,
    /// Bit set of `evertide_math::oracle` validity failures; 0 = valid.
    pub validity: u8,
    /// Market index + 1; 0 = row not in use.
    pub market_plus_one: u16,
    /// Bit 0: isolated-only market.
    pub flags: u16,
    /// Low 32 bits of the slot of the last write.
    pub updated_slot: u32,
}

/// What valuing one collateral asset needs. Row number = collateral index. 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct CollateralRow {
    /// Quote atoms per token atom, 48 fractional bits. For the quote asset exactly 2^48.
    pub price_q48: u64,
    /// Confidence of the price, same unit.
    pub confidence_q48: u64,
    /// 5-minute TWAP of the price, same unit.
    pub twap_q48: u64,
    /// Publish time of the price, unix ms.
    pub publish_time_ms: i64,
    /// Chain time of the last write, unix ms.
    pub updated_ms: i64,
    /// Debt-interest index of the quote asset, 2^48 = 1 at the start; 0 in other rows.
    pub debt_index_q48: u64,
    /// Weight for initial margin, bps.
    pub weight_initial_bps: u16,
    /// Weight for maintenance margin, bps.
    pub weight_maintenance_bps: u16,
    /// Own balance value at which the weight is halved, thousands of USD; 0 = no scaling.
    pub scale_thousand_usd: u16,
    /// Bit set of oracle validity failures; 0 = valid.
    pub validity: u8,
    /// Collateral index + 1; 0 = row not in use.
    pub collateral_plus_one: u8,
    /// Reserved, zero.
    pub reserved: [u8; 8],
}

/// Seeds: `risk`. Written by update_oracle, update_mark, accrue_market, accrue_debt and resolve_bankruptcy.
#[account]
pub struct RiskCache {
    /// Layout version, 1.
    pub version: u8,
    /// Bump of this address.
    pub bump: u8,
    pub padding: [u8; 6],
    /// Number of listed markets.
    pub market_count: u16,
    /// Number of listed collaterals, the quote asset included.
    pub collateral_count: u16,
    pub padding1: [u8; 4],
    /// Open interest of all markets at index as last accrued, thousands of dollars, each rounded up.
    pub open_interest_thousand_usd: u64,
    /// Chain time at which a new price of any market or asset came last, unix ms.
    pub priced_ms: i64,
    /// Chain time of the first price after the last silence of the whole exchange, unix ms; 0 = there was none.
    pub resumed_ms: i64,
    pub reserved: [u64; 2],
    pub markets: [MarketRow; MARKETS_MAX],
    pub collaterals: [CollateralRow; COLLATERALS_MAX],
}

const _: () = assert!(core::mem::size_of::<MarketRow>() == 168);
const _: () = assert!(core::mem::size_of::<CollateralRow>() == 64);
const _: () = assert!(core::mem::size_of::<RiskCache>() + 8 == 9_152);
