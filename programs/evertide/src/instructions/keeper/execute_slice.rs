//! `execute_slice`: places the slice of a TWAP that is due. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::dormant::Surroundings;
use crate::engine::orders::live_slot;
use crate::engine::{place, twap};
use crate::error::{EvertideError, OrRefuse};
use crate::events::SliceExecuted;
use crate::guards::gate::require_opened;
use crate::guards::now;
use crate::state::{Exchange, Market, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ExecuteSlice {
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    pub market: Account<Market>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn execute_slice(ctx: &mut Context<ExecuteSlice>, order_id: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // exchange, risk_cache: the only ones there are. user: any that is not in liquidation. orders: those of the user.
    // market: that of the order. The schedule, not the caller, says how much and how often.
    require_opened(&accounts.exchange)?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    require!(accounts.user.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
    let slot = live_slot(&accounts.user, &accounts.orders, &accounts.market, order_id, now)?;
    let around =
        Surroundings { exchange: &accounts.exchange, cache: &accounts.risk_cache, market: &accounts.market, now };
    let slice = twap::execute(&mut accounts.user, &mut accounts.orders, slot, &around)?;
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = SliceExecuted {
        sequence,
        user: *accounts.user.address(),
        parent_order_id: order_id,
        slice_number: slice.number,
        outcome: slice.outcome as u8,
        order: place::placed(&slice.order),
        removed: slice.removed,
    };
    emit_cpi!(event);
    Ok(())
}
