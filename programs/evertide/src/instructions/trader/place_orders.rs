//! `place_orders`: up to 8 orders with one margin check. Remaining accounts: the `Market` of each distinct market, read-only, in order of first appearance.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Orders, RiskCache, User};

/// One order as its owner asks for it.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct OrderArgs {
    /// Chosen by the client, unique among the user's open orders; 0 = none.
    pub client_order_id: u64,
    /// Market index.
    pub market_index: u16,
    /// `OrderKind`.
    pub kind: u8,
    /// True: ask. False: bid.
    pub ask: bool,
    /// `TimeInForce`.
    pub time_in_force: u8,
    /// May only reduce the position.
    pub reduce_only: bool,
    /// `SelfTradeRule`.
    pub self_trade: u8,
    /// Length of the taker phase, whole seconds, 0-60; 0 for post-only.
    pub taker_phase_s: u8,
    /// Limit price, ticks; for a market order its worst price, 0 = the market's default.
    pub price_ticks: u64,
    /// Size, lots.
    pub size_lots: u64,
    /// Unix ms after which the order is dead; 0 = never.
    pub expiry_ms: i64,
    /// Effective limit at the start of the taker phase, ticks; 0 = index +- 5 bps.
    pub auction_start_ticks: u64,
    /// Maximum slippage against index, bps; 0 = none.
    pub max_slippage_bps: u16,
    /// Builder table index + 1; 0 = none.
    pub builder_plus_one: u8,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
}

#[event_cpi]
#[derive(Accounts)]
pub struct PlaceOrders {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn place_orders(_ctx: &mut Context<PlaceOrders>, _orders: Vec<OrderArgs>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
