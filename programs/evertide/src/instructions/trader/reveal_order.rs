//! `reveal_order`: a commitment becomes the order that it is the hash of, with the commitment's id and place in time. Remaining
//! accounts: the `Market`, read-only.

use anchor_lang::prelude::*;

use super::place_orders::{require_initial_margin, require_placer, OrderArgs};
use crate::engine::orders::find_order;
use crate::engine::position::require_isolation;
use crate::engine::{commitment, load, place};
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrderRevealed;
use crate::guards::gate::require_gate;
use crate::guards::{now, Gate};
use crate::require_cmp;
use crate::state::{Exchange, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct RevealOrder {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn reveal_order(ctx: &mut Context<RevealOrder>, order_id: u64, order: OrderArgs, salt: [u8; 32]) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require_placer(&accounts.exchange, &accounts.user, &accounts.orders, accounts.signer.address(), now)?;
    if !order.reduce_only {
        require_gate(&accounts.exchange, Gate::PlaceOrders, now.ms)?;
    }
    let slot = find_order(&accounts.orders, order_id).ok_or(EvertideError::OrderNotFound)?;
    let market = load::market(&remaining, 0)?;
    require_cmp!(market.index, ==, order.market_index, EvertideError::OrderMarketMismatch);
    require_isolation(&accounts.user, &market, &accounts.risk_cache)?;
    let user = *accounts.user.address();
    let terms = (&*market, &*accounts.exchange);
    let slot = commitment::reveal(&mut accounts.user, &user, &mut accounts.orders, slot, &order, &salt, terms, now)?;
    if !order.reduce_only {
        require_initial_margin(&accounts.exchange, &accounts.user, &accounts.risk_cache, now)?;
        accounts.user.last_active_ms = now.ms;
    }
    let order = place::placed(&accounts.orders.orders[slot]);
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    emit_cpi!(OrderRevealed { sequence, user, order });
    Ok(())
}
