//! `modify_order`: one atomic cancel-and-replace, which keeps priority when it only reduces size. Remaining accounts: the `Market`, read-only.

use anchor_lang::prelude::*;

use super::place_orders::OrderArgs;
use crate::error::EvertideError;
use crate::state::{Exchange, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ModifyOrder {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn modify_order(_ctx: &mut Context<ModifyOrder>, _order_id: u64, _replacement: OrderArgs) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
