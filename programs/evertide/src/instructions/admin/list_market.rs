//! `list_market`: lists a market.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Market, MarketTerms, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct ListMarket {
    #[account(mut)]
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = root, seeds = [b"market", &exchange.market_count.to_le_bytes()], bump)]
    pub market: Account<Market>,
    pub system_program: Program<System>,
}

pub fn list_market(_ctx: &mut Context<ListMarket>, _terms: MarketTerms) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
