//! `open_exchange`: ends the bootstrap for good.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange};

#[event_cpi]
#[derive(Accounts)]
pub struct OpenExchange {
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The program data account, which names the upgrade authority.
    pub program_data: UncheckedAccount,
    /// The timelock that holds the upgrade authority; this program when there is none.
    pub timelock: UncheckedAccount,
}

pub fn open_exchange(_ctx: &mut Context<OpenExchange>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
