//! `expire_orders`: takes dead orders of a user out of their slots. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::groups::sweep;
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrdersExpired;
use crate::guards::now;
use crate::state::{Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ExpireOrders {
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn expire_orders(ctx: &mut Context<ExpireOrders>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // user: any. orders: those of the user. A dead order can do nothing: whoever takes it out changes nobody's prospects.
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    let mut removed = Vec::new();
    sweep(&mut accounts.user, &mut accounts.orders, now, &mut removed)?;
    require!(!removed.is_empty(), EvertideError::NothingExpired);
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(OrdersExpired { sequence, user, orders: removed });
    Ok(())
}
