//! `deposit`: tokens into a sub-account. Anyone may pay in.

use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::TokenAccount;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, User};

#[event_cpi]
#[derive(Accounts)]
pub struct Deposit {
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    #[account(mut)]
    pub source_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

pub fn deposit(_ctx: &mut Context<Deposit>, _amount_atoms: u64) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
