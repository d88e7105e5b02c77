//! `touch_position`: folds one position against its market. Permissionless.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Market, User};

#[event_cpi]
#[derive(Accounts)]
pub struct TouchPosition {
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub user: Account<User>,
}

pub fn touch_position(_ctx: &mut Context<TouchPosition>) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
