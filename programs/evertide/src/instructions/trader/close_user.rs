//! `close_user`: closes an empty sub-account and returns its rent.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct CloseUser {
    #[account(mut)]
    pub authority: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn close_user(_ctx: &mut Context<CloseUser>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
