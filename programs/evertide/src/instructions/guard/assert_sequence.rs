//! `assert_sequence`: fails a transaction unless the user is as its signer saw it.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{User};

#[derive(Accounts)]
pub struct AssertSequence {
    pub user: Account<User>,
}

pub fn assert_sequence(_ctx: &mut Context<AssertSequence>, _sequence: u64) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
