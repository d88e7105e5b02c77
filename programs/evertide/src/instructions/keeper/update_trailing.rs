//! `update_trailing`: moves a trailing stop's trigger after the price, only in its order's favour. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::dormant::{require_trigger_allowed, source_price, trail};
use crate::engine::orders::{is_ask, live_slot};
use crate::error::{EvertideError, OrRefuse};
use crate::events::TrailingUpdated;
use crate::guards::now;
use crate::require_cmp;
use crate::state::{ConditionalTerms, Market, OrderKind, Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct UpdateTrailing {
    pub market: Account<Market>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn update_trailing(ctx: &mut Context<UpdateTrailing>, order_id: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // user: any. orders: those of the user. market: that of the order.
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    let slot = live_slot(&accounts.user, &accounts.orders, &accounts.market, order_id, now)?;
    let order = accounts.orders.orders[slot];
    require!(order.kind == OrderKind::TrailingStop as u8, EvertideError::OrderKindMismatch);
    require!(order.size_lots != 0, EvertideError::ExitWaitsForEntry);
    require_cmp!(now.ms, >=, order.placed_ms, EvertideError::OrderNotDue);
    require_trigger_allowed(&accounts.market, now)?;
    let mut terms: ConditionalTerms = bytemuck::cast(order.terms);
    let (ask, before) = (is_ask(&order), terms.trigger_ticks);
    let price = source_price(&accounts.market, terms.source)?;
    let trigger_ticks = trail(price, terms.trail_bps, ask, &accounts.market)?;
    if ask {
        require_cmp!(trigger_ticks, >, before, EvertideError::TrailingNotMoved);
    } else {
        require_cmp!(trigger_ticks, <, before, EvertideError::TrailingNotMoved);
    }
    terms.trigger_ticks = trigger_ticks;
    accounts.orders.orders[slot].terms = bytemuck::cast(terms);
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(TrailingUpdated { sequence, user, order_id, trigger_ticks });
    Ok(())
}
