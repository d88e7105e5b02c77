//! `update_oracle`: takes a price from Pyth, Switchboard or a local signer.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, Market, RiskCache};

/// A price of a local feed; all zero for Pyth and Switchboard.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct LocalPrice {
    /// Quote atoms per whole base unit or whole token (dollars times 1e6).
    pub price: u64,
    /// Same unit.
    pub confidence: u64,
    /// Unix ms.
    pub publish_time_ms: i64,
}

#[event_cpi]
#[derive(Accounts)]
pub struct UpdateOracle {
    /// The feed account, or the signer of a local price.
    pub oracle: UncheckedAccount,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    /// Exactly one of the two targets is given.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
}

pub fn update_oracle(_ctx: &mut Context<UpdateOracle>, _price: LocalPrice) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
