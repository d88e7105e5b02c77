//! `collect_fees`: pays a market's pending fees out of its pool to insurance and treasury. Permissionless.

use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, Insurance, Market};

#[event_cpi]
#[derive(Accounts)]
pub struct CollectFees {
    #[account(mut)]
    pub market: Account<Market>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub treasury_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
}

pub fn collect_fees(_ctx: &mut Context<CollectFees>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
