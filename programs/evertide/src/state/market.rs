//! `Market`: configuration and state of one perpetual.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

use super::{Wide, BUILDERS_MAX};

/// Where prices come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OracleKind {
    /// Pyth `PriceUpdateV2`.
    Pyth = 0,
    /// Switchboard On-Demand `PullFeedAccountData`.
    Switchboard = 1,
    /// Arguments signed by the key named in `account`; local exchanges only.
    Local = 2,
}

/// Oracle source and validity limits of one market or collateral. 96 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType, AnchorSerialize, AnchorDeserialize)]
pub struct OracleRules {
    /// Feed account (Switchboard), zero (Pyth: any account with the feed id), or signer (local).
    pub account: Address,
    /// Pyth feed id; zero otherwise.
    pub feed_id: [u8; 32],
    /// `OracleKind`.
    pub kind: u8,
    /// Fewest samples (Switchboard).
    pub samples_min: u8,
    /// Greatest confidence, bps of the price.
    pub confidence_max_bps: u16,
    /// Greatest distance of price and TWAP, bps of the TWAP.
    pub volatility_max_bps: u16,
    /// Greatest move of a TWAP input, bps of the last TWAP.
    pub twap_step_max_bps: u16,
    /// Age from which a price is stale for margin, ms.
    pub stale_margin_ms: u32,
    /// Age from which a price is stale for fills, ms.
    pub stale_fill_ms: u32,
    /// Row a: validity failures that refuse action a (bits as `validity`); actions as evertide_math::oracle.
    pub refused: [u8; 8],
    pub padding: [u8; 8],
}

/// Terms that list_market sets and later only a ParamChange moves.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType, AnchorSerialize, AnchorDeserialize)]
pub struct MarketTerms {
    pub oracle: OracleRules,
    /// Symbol, ASCII, zero-padded, e.g. `BTC-PERP`.
    pub symbol: [u8; 16],
    /// Price step: quote atoms per whole base unit per tick.
    pub tick_size_atoms: u64,
    /// Size step: 1e-9 base units per lot.
    pub lot_size_e9: u64,
    /// Least size of an order, lots.
    pub order_size_min_lots: u64,
    /// Greatest position of one user, lots.
    pub position_max_lots: u64,
    /// Greatest open interest a side, lots.
    pub open_interest_max_lots: u64,
    /// Depth at which impact prices are taken, quote atoms.
    pub impact_notional_atoms: u64,
    /// Insurance that one day may use, atoms; as much again of the exchange-wide tranche.
    pub insurance_day_max_atoms: u64,
    /// Upper notional bounds of the four margin tiers, whole USD.
    pub tier_bound_usd: [u32; 4],
    /// Initial margin ratio at those bounds, bps.
    pub tier_ratio_bps: [u16; 4],
    /// Open interest notional at which the initial ratio starts to rise, whole USD.
    pub open_interest_lower_usd: u32,
    /// Open interest notional at which it is 100 %, whole USD.
    pub open_interest_upper_usd: u32,
    /// Weight of unrealised profit for initial margin, bps.
    pub profit_weight_bps: u16,
    /// Liquidator's base fee, bps.
    pub liquidation_fee_bps: u16,
    /// Insurance fund's liquidation fee, bps.
    pub insurance_fee_bps: u16,
    /// Radius of the mark around the index, bps.
    pub mark_radius_bps: u16,
    /// Fill band around index and TWAP, bps.
    pub band_bps: u16,
    /// Move within `breaker_window_s` that makes the market post-only, bps.
    pub breaker_bps: u16,
    /// Window of the circuit breaker, seconds.
    pub breaker_window_s: u16,
    /// Cool-down after it, seconds.
    pub breaker_cooldown_s: u16,
    /// Interest component of funding, 1e-9 per 8 h.
    pub interest_rate_e9: u32,
    /// Default worst price of a market order, bps from index.
    pub market_slippage_bps: u16,
    /// 1-minute stress move of the solvency envelope, bps.
    pub stress_move_bps: u16,
    /// Bit 0: isolated-only.
    pub flags: u32,
    pub padding: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum MarketStatus {
    Active = 0,
    PostOnly = 1,
    ReduceOnly = 2,
    Halted = 3,
    Settling = 4,
    Closed = 5,
}

/// Best bid or ask shown by update_mark. 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct Evidence {
    /// The Orders account that holds the marginal order.
    pub orders: Address,
    /// Its order id; 0 = no evidence.
    pub order_id: u64,
    /// Best price, ticks.
    pub price_ticks: u64,
    /// Impact price (average over the impact notional), ticks, rounded away from mid.
    pub impact_ticks: u64,
    /// Chain time at which it was shown, unix ms.
    pub shown_ms: i64,
}

/// Seeds: `market, index (u16 LE)`. Written by fills, accruals, settling; terms only by listing and the timelock.
#[account]
pub struct Market {
    pub version: u8,
    pub bump: u8,
    /// `MarketStatus`.
    pub status: u8,
    /// 1 while a bankruptcy is open: reduce-only.
    pub latch: u8,
    /// Market index, also the row of the cache.
    pub index: u16,
    pub padding: u16,
    pub terms: MarketTerms,
    /// Exact quote atoms of one lot at one tick = tick_size_atoms * lot_size_e9 / 1e9.
    pub atoms_per_lot_tick: u64,
    /// Open interest per side (long, short), lots, at the current A.
    pub open_interest_lots: [u64; 2],
    /// Lots of the previous epoch not folded yet, per side.
    pub stale_lots: [u64; 2],
    /// Size factor A per side, 48 fractional bits.
    pub a: [u64; 2],
    /// Cash index J per side.
    pub j: [Wide; 2],
    /// J at the end of the previous epoch, per side.
    pub j_previous: [Wide; 2],
    /// Epoch per side.
    pub epoch: [u32; 2],
    /// Positions open per side in the current epoch.
    pub position_count: [u32; 2],
    /// Positions of the previous epoch not folded yet, per side.
    pub stale_count: [u32; 2],
    /// Lots lost to folding per side, counted.
    pub dust_lots: [u64; 2],

    /// Index price, quote atoms per lot, 32 fractional bits; 0 = never.
    pub index_price_q32: u64,
    /// Its confidence, same unit.
    pub confidence_q32: u64,
    /// Publish time of the index price, unix ms; only moves forward.
    pub publish_time_ms: i64,
    /// 5-minute TWAP of the index, same unit.
    pub index_twap_q32: u64,
    /// Index price at the start of the breaker's window.
    pub breaker_price_q32: u64,
    /// Start of the breaker's window, unix ms.
    pub breaker_start_ms: i64,
    /// End of a circuit-breaker cool-down, unix ms; 0 = none.
    pub cooldown_until_ms: i64,
    /// Realised volatility: EMA of the distance of index and its TWAP, 1e-9 of the TWAP.
    pub volatility_e9: u64,
    /// Bit set of oracle validity failures.
    pub validity: u8,
    pub padding1: [u8; 7],

    /// Mark price, quote atoms per lot, 32 fractional bits.
    pub mark_price_q32: u64,
    /// 5-minute TWAP of the mark, same unit.
    pub mark_twap_q32: u64,
    /// 1-hour TWAP of the mark, same unit.
    pub mark_twap_hour_q32: u64,
    /// 150 s EMA of book mid - index, same unit, signed.
    pub basis_ema_q32: i64,
    /// Time of the last mark computation, unix ms.
    pub mark_ms: i64,
    /// Best bid and best ask shown in the last 30 s.
    pub evidence: [Evidence; 2],
    /// Price of the last fill, ticks; 0 = none.
    pub last_fill_ticks: u64,
    /// Time of the last fill, unix ms.
    pub last_fill_ms: i64,
    /// Slot since which this market could match throughout.
    pub matchable_since_slot: u64,

    /// Premium accumulator of the running hour: e9 * ms.
    pub premium_sum: Wide,
    /// Milliseconds accumulated in it.
    pub premium_ms: i64,
    /// Current premium, 1e-9.
    pub premium_e9: i64,
    /// Funding rate in force, 1e-9 per hour.
    pub funding_rate_e9: i64,
    /// Start of the hour in force, unix ms.
    pub funding_hour_ms: i64,
    /// Time of the last accrual, unix ms.
    pub accrued_ms: i64,
    /// Remainder of the last accrual's division.
    pub funding_remainder: Wide,
    /// Lifetime funding per lot of a long at A = 1, Q48 atoms; statistics.
    pub funding_total: Wide,

    /// Atoms that losers paid in and winners may take.
    pub pool_atoms: u64,
    /// Fees charged and not yet collected, atoms: a claim on the pool.
    pub pending_fees_atoms: u64,
    /// Of these, meant for insurance, atoms.
    pub pending_insurance_atoms: u64,
    /// Funding and folding dust owed to nobody, counted, atoms.
    pub dust_atoms: i64,
    /// Insurance beside the exchange-wide tranche that was used on `insurance_day`, atoms.
    pub insurance_used_atoms: u64,
    /// Day number of that use.
    pub insurance_day: u32,
    /// Open bankruptcies.
    pub bankruptcies_open: u32,
    /// Deficit recorded after the whole waterfall, atoms.
    pub deficit_atoms: u64,
    /// Lifetime volume, atoms.
    pub volume_atoms: u64,
    /// Lifetime fills.
    pub fill_count: u64,
    /// Price 24 h ago (rolled hourly), quote atoms per lot, 32 fractional bits: 24 hourly marks.
    pub hourly_mark_q32: [u64; 24],
    /// Next sequence number of this market's events.
    pub sequence: u64,
    /// Rolling hash of the fills: anyone can check that no event was dropped.
    pub event_hash: u64,
    /// Seasoning: step reached; the open interest limit is 1 % of its target at 0, all of it at `SEASON_STEPS`.
    pub season_step: u32,
    /// Open interest that the risk cache counts of this market, thousands of dollars.
    pub counted_thousand_usd: u32,
    /// Start of that step, unix ms.
    pub season_ms: i64,
    /// Sum of all positions' `cash_atoms` as stored: `pool + deficit = claims + pending fees + dust` when nothing is open.
    pub claims_atoms: i64,
    /// Fractions of lots that folding dropped per side and that are still open on the other, 16 fractional bits.
    pub dropped_q16: [u64; 2],
    /// Owed to the referrers of takers, atoms: a claim on the pool, like the fees that it was a part of. All markets
    /// together owe what all `Orders::referral_owed_atoms` say.
    pub referral_owed_atoms: u64,
    /// Of the exchange-wide tranche used on `insurance_day`, atoms.
    pub tranche_used_atoms: u64,
    pub reserved: [u64; 2],
    /// Price at which the market was settled, quote atoms per lot, 32 fractional bits; 0 = it was not.
    pub settlement_price_q32: u64,
    /// Owed to each entry of the builder table, atoms: a claim on the pool.
    pub builder_owed_atoms: [u64; BUILDERS_MAX],
}

const _: () = assert!(core::mem::size_of::<OracleRules>() == 96);
const _: () = assert!(core::mem::size_of::<Evidence>() == 64);
