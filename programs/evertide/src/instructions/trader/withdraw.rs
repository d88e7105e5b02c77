//! `withdraw`: tokens out of a sub-account, by its owner alone.

use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::TokenAccount;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct Withdraw {
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    #[account(mut)]
    pub destination_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

pub fn withdraw(_ctx: &mut Context<Withdraw>, _amount_atoms: u64) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
