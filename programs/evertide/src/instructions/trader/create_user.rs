//! `create_user`: creates a sub-account and its orders.

// The derive decodes `sub_id` a second time, where no seed reads it.
#![allow(unused_variables)]

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::debt::DEBT_INDEX_ONE;

use crate::engine::signed::first_base_ms;
use crate::error::EvertideError;
use crate::events::UserCreated;
use crate::guards::gate::{require_gate, Gate};
use crate::guards::{now, Now};
use crate::state::{Exchange, Orders, User, LAYOUT_VERSION};

#[event_cpi]
#[derive(Accounts)]
#[instruction(sub_id: u16)]
pub struct CreateUser {
    /// Owner of the new sub-account; pays its rent.
    #[account(mut)]
    pub authority: Signer,
    #[account(init, payer = authority, seeds = [b"user", authority.address().as_ref(), &sub_id.to_le_bytes()], bump)]
    pub user: Account<User>,
    #[account(init, payer = authority, seeds = [b"orders", user.address().as_ref()], bump)]
    pub orders: Account<Orders>,
    pub exchange: Account<Exchange>,
    /// Who is paid a share of the fees of what the new sub-account takes, for as long as it exists. None: nobody.
    pub referrer: Option<Account<User>>,
    pub system_program: Program<System>,
}

pub fn create_user(ctx: &mut Context<CreateUser>, sub_id: u16) -> Result<()> {
    let now = now()?;
    // exchange: the only one there is. user, orders: created here at addresses of this authority alone.
    require_gate(&ctx.accounts.exchange, Gate::CreateUser, now.ms)?;
    let address = *ctx.accounts.user.address();
    let authority = *ctx.accounts.authority.address();
    let mut referrer = Address::default();
    if let Some(account) = &ctx.accounts.referrer {
        require!(!address_eq(&account.authority, &authority), EvertideError::ReferrerIsOneself);
        referrer = *account.address();
    }
    initialize_user(&mut ctx.accounts.user, authority, sub_id, ctx.bumps.user, now);
    ctx.accounts.user.referrer = referrer;
    initialize_orders(&mut ctx.accounts.orders, address, ctx.bumps.orders, now);
    emit_cpi!(UserCreated { sequence: 0, user: address, authority, sub_id, created_ms: now.ms, referrer });
    Ok(())
}

/// Fills a new sub-account.
pub fn initialize_user(user: &mut User, authority: Address, sub_id: u16, bump: u8, now: Now) {
    user.version = LAYOUT_VERSION;
    user.bump = bump;
    user.sub_id = sub_id;
    user.authority = authority;
    user.debt_index_q48 = DEBT_INDEX_ONE;
    user.created_ms = now.ms;
    user.volume_updated_ms = now.ms;
    user.sequence = 1;
}

/// Fills a new orders account.
pub fn initialize_orders(orders: &mut Orders, user: Address, bump: u8, now: Now) {
    orders.version = LAYOUT_VERSION;
    orders.bump = bump;
    orders.user = user;
    orders.next_order_id = 1;
    // No signed order from before the account existed can be replayed on it.
    orders.nonce_base_ms = first_base_ms(now);
}
