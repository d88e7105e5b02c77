//! `match_orders`: one taker against up to 8 makers. Remaining accounts: a pair `User`, `Orders`, both writable, for each maker in priority order.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Market, Orders, RiskCache, User};

/// One resting order named by a keeper.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct MakerRef {
    /// Index of the pair `User`, `Orders` among the remaining accounts.
    pub account: u8,
    /// The order's id.
    pub order_id: u64,
}

#[event_cpi]
#[derive(Accounts)]
pub struct MatchOrders {
    pub keeper: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub taker_user: Account<User>,
    #[account(mut)]
    pub taker_orders: Account<Orders>,
    /// Receives the keeper's share; must differ from every party. None: the share stays in the pending fees.
    #[account(mut)]
    pub keeper_user: Option<Account<User>>,
}

pub fn match_orders(_ctx: &mut Context<MatchOrders>, _taker_order_id: u64, _makers: Vec<MakerRef>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
