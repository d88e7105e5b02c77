//! `create_user`: creates a sub-account and its orders.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Orders, User};

#[event_cpi]
#[derive(Accounts)]
#[instruction(sub_id: u16)]
pub struct CreateUser {
    #[account(mut)]
    pub authority: Signer,
    #[account(init, payer = authority, seeds = [b"user", authority.address().as_ref(), &sub_id.to_le_bytes()], bump)]
    pub user: Account<User>,
    #[account(init, payer = authority, seeds = [b"orders", user.address().as_ref()], bump)]
    pub orders: Account<Orders>,
    pub exchange: Account<Exchange>,
    pub system_program: Program<System>,
}

pub fn create_user(_ctx: &mut Context<CreateUser>, _sub_id: u16) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
