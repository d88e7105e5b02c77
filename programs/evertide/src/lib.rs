//! Evertide.
use anchor_lang::prelude::*;
use solana_compiler_builtins as _;

pub mod state;

declare_id!("33482aS1pZC5YetQmAV25wGs6FXmgwXtxLJ5MCqSrjfF");

#[derive(Accounts)]
pub struct Ping {
    pub exchange: Account<state::Exchange>,
    pub market: Account<state::Market>,
    pub user: Account<state::User>,
    pub orders: Account<state::Orders>,
    pub risk_cache: Account<state::RiskCache>,
}

#[program]
pub mod evertide {
    use super::*;
    pub fn ping(_ctx: &mut Context<Ping>, _terms: state::MarketTerms) -> Result<()> {
        Ok(())
    }
}
