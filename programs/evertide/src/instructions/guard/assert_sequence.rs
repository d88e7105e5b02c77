//! `assert_sequence`: fails a transaction unless the user is as its signer saw it.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::require_cmp;
use crate::state::User;

#[derive(Accounts)]
pub struct AssertSequence {
    pub user: Account<User>,
}

pub fn assert_sequence(ctx: &mut Context<AssertSequence>, sequence: u64) -> Result<()> {
    // user: any; anyone may ask.
    require_cmp!(ctx.accounts.user.sequence, ==, sequence, EvertideError::SequenceAssertionFailed);
    Ok(())
}
