//! `list_collateral`: lists a deposit asset; the first is the quote asset.

use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{self, TokenAccount};

use crate::error::EvertideError;
use crate::state::{Collateral, CollateralTerms, Exchange, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct ListCollateral {
    #[account(mut)]
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = root, seeds = [b"collateral", &exchange.collateral_count.to_le_bytes()], bump)]
    pub collateral: Account<Collateral>,
    pub mint: Account<Mint>,
    #[account(init, payer = root, seeds = [b"vault", &exchange.collateral_count.to_le_bytes()], bump, token::mint = mint, token::authority = exchange)]
    pub vault: Account<TokenAccount>,
    pub token_program: Program<Token>,
    pub system_program: Program<System>,
}

pub fn list_collateral(_ctx: &mut Context<ListCollateral>, _terms: CollateralTerms) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
