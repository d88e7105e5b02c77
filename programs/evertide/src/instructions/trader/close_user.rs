//! `close_user`: closes an empty sub-account and returns its rent.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::events::UserClosed;
use crate::guards::role;
use crate::require_cmp;
use crate::state::{Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct CloseUser {
    /// Owner; receives the rent.
    #[account(mut)]
    pub authority: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

fn validate(accounts: &CloseUser) -> Result<()> {
    let (user, orders) = (&accounts.user, &accounts.orders);
    role::require_authority(user, accounts.authority.address())?;
    require!(address_eq(&orders.user, user.address()), EvertideError::OrdersOfAnotherUser);
    let empty = user.quote_atoms == 0
        && user.collateral_count == 0
        && user.position_count == 0
        && user.liquidation_start_ms == 0
        && user.withdraw_atoms == 0
        && orders.order_count == 0;
    require!(empty, EvertideError::UserNotEmpty);
    require_cmp!(orders.referral_owed_atoms, ==, 0_u64, EvertideError::ReferralUnpaid);
    Ok(())
}

pub fn close_user(ctx: &mut Context<CloseUser>) -> Result<()> {
    validate(&ctx.accounts)?;
    let user = &ctx.accounts.user;
    let event =
        UserClosed { sequence: user.sequence, user: *user.address(), authority: user.authority, sub_id: user.sub_id };
    let rent_to = *ctx.accounts.authority.account();
    ctx.accounts.user.close(rent_to)?;
    ctx.accounts.orders.close(rent_to)?;
    emit_cpi!(event);
    Ok(())
}
