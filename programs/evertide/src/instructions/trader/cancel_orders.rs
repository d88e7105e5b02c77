//! `cancel_orders`: by order id, client id, market, side of a market, or all. Never gated.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Orders, User};

/// Which orders to cancel.
#[derive(Clone, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct CancelArgs {
    /// 0 order ids, 1 client order ids, 2 market, 3 one side of a market, 4 all.
    pub by: u8,
    /// Market, for 2 and 3.
    pub market_index: u16,
    /// Side, for 3.
    pub ask: bool,
    /// Ids, for 0 and 1.
    pub ids: Vec<u64>,
}

#[event_cpi]
#[derive(Accounts)]
pub struct CancelOrders {
    /// Owner or delegate.
    pub signer: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn cancel_orders(_ctx: &mut Context<CancelOrders>, _selector: CancelArgs) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
