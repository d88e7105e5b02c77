//! `trigger_order`: makes an order live whose time has come or whose trigger price is reached. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::dormant::{wake, Surroundings};
use crate::engine::orders::live_slot;
use crate::engine::place;
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrderTriggered;
use crate::guards::gate::require_opened;
use crate::guards::now;
use crate::state::{Exchange, Market, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct TriggerOrder {
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    pub market: Account<Market>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn trigger_order(ctx: &mut Context<TriggerOrder>, order_id: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // exchange, risk_cache: the only ones there are. user: any that is not in liquidation. orders: those of the user.
    // market: that of the order. Whoever calls chooses only when, and the price then must be at the trigger.
    require_opened(&accounts.exchange)?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    require!(accounts.user.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
    let slot = live_slot(&accounts.user, &accounts.orders, &accounts.market, order_id, now)?;
    let user = *accounts.user.address();
    let around =
        Surroundings { exchange: &accounts.exchange, cache: &accounts.risk_cache, market: &accounts.market, now };
    let mut linked = Vec::new();
    let (outcome, order) = wake(user, &mut accounts.user, &mut accounts.orders, slot, &around, &mut linked)?;
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    emit_cpi!(OrderTriggered { sequence, user, outcome: outcome as u8, order: place::placed(&order), linked });
    Ok(())
}
