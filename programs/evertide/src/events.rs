//! Every state change, one event per instruction, by self-CPI.
//!
//! The first field is the sequence number of whom the event belongs to, before the instruction raised it: the
//! exchange's, the market's, the user's, the asset's or the insurance fund's. Events carry the values that result, so
//! that replaying them from zero rebuilds every balance. Units as in the state: atoms, lots, ticks, ms, slots.

use anchor_lang::prelude::*;

mod admin;
mod change;
mod kinds;
mod money;
mod signed;
mod users;
mod way_down;

pub use admin::*;
pub use change::*;
pub use kinds::*;
pub use money::*;
pub use signed::*;
pub use users::*;
pub use way_down::*;

use crate::state::{CollateralTerms, ExchangeTerms, MarketTerms};

/// Sequence of the exchange.
#[event]
pub struct ExchangeInitialized {
    pub sequence: u64,
    pub authority: Address,
    pub local: bool,
    pub roles: [Address; 4],
    pub terms: ExchangeTerms,
    pub genesis_hash: [u8; 32],
}

/// Sequence of the exchange.
#[event]
pub struct CollateralListed {
    pub sequence: u64,
    pub collateral_index: u16,
    pub collateral: Address,
    pub mint: Address,
    pub vault: Address,
    pub decimals: u8,
    pub terms: CollateralTerms,
}

/// Sequence of the exchange.
#[event]
pub struct MarketListed {
    pub sequence: u64,
    pub market_index: u16,
    pub market: Address,
    pub atoms_per_lot_tick: u64,
    pub terms: MarketTerms,
}

/// Sequence of the exchange. `upgrade_authority` is zero when the program is final.
#[event]
pub struct ExchangeOpened {
    pub sequence: u64,
    pub opened_ms: i64,
    pub upgrade_authority: Address,
}

/// Sequence of the insurance fund. `balance_atoms` and `tranche_atoms` are after.
#[event]
pub struct InsuranceFunded {
    pub sequence: u64,
    pub funder: Address,
    pub amount_atoms: u64,
    pub balance_atoms: u64,
    pub tranche_atoms: u64,
    /// Shares of the exchange itself, after; without a staker they are counted when one comes.
    pub protocol_shares: u64,
}

/// Sequence of the market. Everything from `pool_atoms` on is after.
#[event]
pub struct FeesCollected {
    pub sequence: u64,
    pub market_index: u16,
    pub treasury_atoms: u64,
    pub insurance_atoms: u64,
    /// Interest on debts that went to the insurance fund.
    pub interest_atoms: u64,
    pub pool_atoms: u64,
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
    pub insurance_balance_atoms: u64,
    /// Waived to repay the recorded deficit, before anything else.
    pub repaid_atoms: u64,
    pub deficit_atoms: u64,
    /// Profit of the market's backstop account that went to the insurance fund.
    pub backstop_atoms: u64,
    pub backstop_sequence: u64,
    /// Quote asset after: sum of positive balances.
    pub total_atoms: u64,
}

/// Sequence of the user. `market_index` 65,535: the limits of the whole account.
#[event]
pub struct LimitsSet {
    pub sequence: u64,
    pub user: Address,
    pub market_index: u16,
    pub market_ratio_bps: u16,
    pub user_ratio_bps: u16,
    pub notional_cap_atoms: u64,
}

/// Sequence of the user. `balance_atoms`, `total_atoms` and `debt_atoms` are after.
#[event]
pub struct Deposited {
    pub sequence: u64,
    pub user: Address,
    pub collateral_index: u16,
    pub amount_atoms: u64,
    /// Quote: signed balance, negative is debt. Others: token atoms.
    pub balance_atoms: i64,
    pub total_atoms: u64,
    /// Quote asset only: debts of all users.
    pub debt_atoms: u64,
    pub from: Address,
}

/// Sequence of the user. `balance_atoms` and `total_atoms` are after.
#[event]
pub struct Withdrawn {
    pub sequence: u64,
    pub user: Address,
    pub collateral_index: u16,
    pub amount_atoms: u64,
    pub balance_atoms: i64,
    pub total_atoms: u64,
    /// Of the amount, taken from the open lane.
    pub lane_atoms: u64,
    pub to: Address,
}

/// One placed order.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct PlacedOrder {
    pub order_id: u64,
    pub client_order_id: u64,
    pub price_ticks: u64,
    pub size_lots: u64,
    pub placed_slot: u64,
    pub placed_ms: i64,
    pub expiry_ms: i64,
    pub auction_start_ticks: u64,
    pub market_index: u16,
    pub max_slippage_bps: u16,
    pub builder_fee_tenth_bps: u16,
    pub kind: u8,
    pub time_in_force: u8,
    pub flags: u8,
    pub self_trade: u8,
    pub taker_phase_s: u8,
    pub builder_plus_one: u8,
    /// By kind, as in the account.
    pub terms: [u64; 3],
}

/// One cancelled order.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct CancelledOrder {
    pub order_id: u64,
    pub client_order_id: u64,
    pub size_lots: u64,
    pub market_index: u16,
}

/// Sequence of the user. `reclaimed`: dead orders swept because all slots were occupied.
#[event]
pub struct OrdersPlaced {
    pub sequence: u64,
    pub user: Address,
    pub orders: Vec<PlacedOrder>,
    pub reclaimed: Vec<CancelledOrder>,
}

/// Sequence of the user.
#[event]
pub struct OrdersCancelled {
    pub sequence: u64,
    pub user: Address,
    pub orders: Vec<CancelledOrder>,
}

/// Sequence of the user.
#[event]
pub struct OrderModified {
    pub sequence: u64,
    pub user: Address,
    pub cancelled_order_id: u64,
    /// The order only shrank: it keeps its id, time and priority.
    pub kept_priority: bool,
    pub order: PlacedOrder,
    /// Slices of a replaced TWAP.
    pub removed: Vec<CancelledOrder>,
}

/// One fill of a match. Values named `after` are the maker's.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct Fill {
    pub maker: Address,
    pub order_id: u64,
    pub client_order_id: u64,
    pub price_ticks: u64,
    pub size_lots: u64,
    /// Fee of the maker, atoms; negative is a rebate.
    pub maker_fee_atoms: i64,
    /// Fee of the taker for this fill, atoms.
    pub taker_fee_atoms: i64,
    /// Funding folded into the maker's cash before the fill, atoms.
    pub maker_funding_atoms: i64,
    pub maker_position_lots_after: i64,
    pub maker_cash_atoms_after: i64,
    pub maker_remaining_lots: u64,
    /// What the taker got better than its effective limit, atoms.
    pub improvement_atoms: u64,
    /// Sequence of the maker's user.
    pub maker_sequence: u64,
}

/// A maker order that was passed over or taken out, with the reason.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct Skip {
    pub maker: Address,
    pub order_id: u64,
    /// `engine::matching::SkipReason`.
    pub reason: u8,
    /// The order was taken out of its account.
    pub removed: bool,
    /// Funding folded into the maker's cash although it did not trade, atoms.
    pub funding_atoms: i64,
    /// Sequence of the maker's user before; it rises when an order was removed, shrunk or funding folded.
    pub maker_sequence: u64,
}

/// Sequence of the market.
#[event]
pub struct OrdersMatched {
    pub sequence: u64,
    pub market_index: u16,
    pub taker_ask: bool,
    pub taker: Address,
    pub taker_sequence: u64,
    pub taker_order_id: u64,
    pub taker_client_order_id: u64,
    /// The taker's effective limit at this match: inside its taker phase, a point of the ramp.
    pub taker_limit_ticks: u64,
    pub taker_remaining_lots: u64,
    pub taker_funding_atoms: i64,
    pub taker_position_lots_after: i64,
    pub taker_cash_atoms_after: i64,
    pub keeper: Address,
    pub keeper_reward_atoms: u64,
    /// Owed to the taker's referrer from now on.
    pub referrer_reward_atoms: u64,
    /// Owed to the builder from now on.
    pub builder_reward_atoms: u64,
    /// Charged to the taker for the builder, in `taker_fee_atoms` of the fills; the protocol keeps what is not its reward.
    pub builder_fee_atoms: u64,
    /// Code of the builder; 0 = none, or not registered any more.
    pub builder_code: u8,
    pub pending_fees_atoms: u64,
    pub open_interest_lots: [u64; 2],
    pub slot: u64,
    pub time_ms: i64,
    pub event_hash: u64,
    /// The only fill answered the taker with `fill_auction`: its maker had nothing in the book.
    pub auction: bool,
    pub fills: Vec<Fill>,
    pub skips: Vec<Skip>,
    /// Orders that the fills of others moved: brackets, one cancels other, refills, parents of slices.
    pub linked: Vec<LinkedOrder>,
}

/// Sequence of the market or of the asset. Prices: Q32 per lot for a market, Q48 per token atom for an asset.
#[event]
pub struct OracleUpdated {
    pub sequence: u64,
    pub market: bool,
    pub index: u16,
    pub validity: u8,
    pub price: u64,
    pub confidence: u64,
    pub twap: u64,
    pub publish_time_ms: i64,
    pub cooldown_until_ms: i64,
}

/// Sequence of the market.
#[event]
pub struct MarkUpdated {
    pub sequence: u64,
    pub market_index: u16,
    pub mark_price_q32: u64,
    pub mark_twap_q32: u64,
    pub basis_ema_q32: i64,
    pub bid_ticks: u64,
    pub ask_ticks: u64,
    pub impact_bid_ticks: u64,
    pub impact_ask_ticks: u64,
    pub time_ms: i64,
    pub premium_e9: i64,
}

/// Sequence of the market. `j_long` and `j_short` are words, low and high.
#[event]
pub struct MarketAccrued {
    pub sequence: u64,
    pub market_index: u16,
    pub premium_e9: i64,
    pub funding_rate_e9: i64,
    pub index_price_q32: u64,
    pub mark_price_q32: u64,
    pub mark_twap_q32: u64,
    pub elapsed_ms: i64,
    pub j_long_low: u64,
    pub j_long_high: i64,
    pub j_short_low: u64,
    pub j_short_high: i64,
    pub dust_atoms: i64,
    pub time_ms: i64,
    /// Epoch of each side after: it rises when a side that was deleveraged to nothing starts anew.
    pub epoch: [u32; 2],
    /// Open interest of each side after: folding dust that nobody holds is gone.
    pub open_interest_lots: [u64; 2],
    /// After: what the price took of fractions that the market held is waived here, and recorded beyond.
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
    pub deficit_atoms: u64,
}

/// Sequence of the quote asset.
#[event]
pub struct DebtAccrued {
    pub sequence: u64,
    pub debt_index_q48: u64,
    pub debt_atoms: u64,
    /// Recognised and not yet collected.
    pub interest_atoms: u64,
    pub elapsed_ms: i64,
}

/// Sequence of the market. Everything but `amount_atoms` is after.
#[event]
pub struct PnlSettled {
    pub sequence: u64,
    pub market_index: u16,
    pub user: Address,
    pub user_sequence: u64,
    /// Into the user's quote balance; negative: out of it.
    pub amount_atoms: i64,
    pub quote_atoms: i64,
    pub cash_atoms: i64,
    pub funding_atoms: i64,
    pub pool_atoms: u64,
    /// Claim given up against the recorded deficit by an owner who took the backed part of a profit.
    pub given_up_atoms: u64,
    pub deficit_atoms: u64,
    pub open_interest_lots: [u64; 2],
    pub total_atoms: u64,
    pub debt_atoms: u64,
}

/// Sequence of the market.
#[event]
pub struct PositionTouched {
    pub sequence: u64,
    pub market_index: u16,
    pub user: Address,
    pub user_sequence: u64,
    pub size_lots: i64,
    pub cash_atoms: i64,
    pub funding_atoms: i64,
    pub epoch: u32,
    /// Lots closed at mark TWAP against the market, because the other side holds no position.
    pub closed_lots: u64,
    pub open_interest_lots: [u64; 2],
}
