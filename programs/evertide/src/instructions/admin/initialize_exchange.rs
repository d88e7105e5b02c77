//! `initialize_exchange`: creates the exchange, its risk cache and its insurance fund, once.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, ExchangeTerms, Insurance, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct InitializeExchange {
    /// The program's upgrade authority.
    #[account(mut)]
    pub authority: Signer,
    #[account(init, payer = authority, seeds = [b"exchange"], bump)]
    pub exchange: Account<Exchange>,
    #[account(init, payer = authority, seeds = [b"risk"], bump)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = authority, seeds = [b"insurance"], bump)]
    pub insurance: Account<Insurance>,
    /// This program.
    pub program_account: UncheckedAccount,
    /// Its program data account, which names the upgrade authority.
    pub program_data: UncheckedAccount,
    pub system_program: Program<System>,
}

pub fn initialize_exchange(_ctx: &mut Context<InitializeExchange>, _local: bool, _terms: ExchangeTerms, _roles: [Address; 4]) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
