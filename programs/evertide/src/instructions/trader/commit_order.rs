//! `commit_order`: the hash of an order takes a slot, and with it a place in time.

use anchor_lang::prelude::*;

use super::place_orders::require_placer;
use crate::engine::commitment;
use crate::error::OrRefuse;
use crate::events::OrderCommitted;
use crate::guards::gate::require_gate;
use crate::guards::{now, Gate};
use crate::state::{Exchange, Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct CommitOrder {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn commit_order(ctx: &mut Context<CommitOrder>, hash: [u8; 32]) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    require_placer(&accounts.exchange, &accounts.user, &accounts.orders, accounts.signer.address(), now)?;
    require_gate(&accounts.exchange, Gate::PlaceOrders, now.ms)?;
    let mut reclaimed = Vec::new();
    let slot = commitment::commit(&mut accounts.user, &mut accounts.orders, &hash, now, &mut reclaimed)?;
    let order = accounts.orders.orders[slot];
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    let (order_id, placed_slot, expiry_ms) = (order.order_id, order.placed_slot, order.expiry_ms);
    emit_cpi!(OrderCommitted { sequence, user, order_id, hash, placed_slot, expiry_ms, reclaimed });
    Ok(())
}
