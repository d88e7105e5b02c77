//! `fund_insurance`: pays quote into the insurance fund. Anyone may.

use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;

use crate::error::EvertideError;
use crate::state::{Collateral, Exchange, Insurance};

#[event_cpi]
#[derive(Accounts)]
pub struct FundInsurance {
    #[account(mut)]
    pub funder: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub insurance: Account<Insurance>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    #[account(mut)]
    pub quote_vault: Account<TokenAccount>,
    #[account(mut)]
    pub funder_token: Account<TokenAccount>,
    pub token_program: Program<Token>,
}

pub fn fund_insurance(_ctx: &mut Context<FundInsurance>, _amount_atoms: u64, _tranche_atoms: u64) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
