//! `liquidate_orders`: the first rungs. Cancels what could increase risk, voids everything, or ends a liquidation.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::ladder::Ladder;
use crate::engine::liquidation::{end_if_healthy, LiquidationRung};
use crate::engine::orders::{is_ask, is_void, remove};
use crate::engine::position::{find, release_if_empty};
use crate::engine::silence::require_heard;
use crate::error::{EvertideError, OrRefuse};
use crate::events::{CancelledOrder, OrdersLiquidated};
use crate::guards::now;
use crate::require_cmp;
use crate::state::{order_flags, Order, Orders, RiskCache, User, ORDERS_MAX, POSITIONS_MAX};

#[event_cpi]
#[derive(Accounts)]
pub struct LiquidateOrders {
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn liquidate_orders(ctx: &mut Context<LiquidateOrders>) -> Result<()> {
    // risk_cache: the only one there is. user: any. orders: the user's.
    let accounts = &mut ctx.accounts;
    let now = now()?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    let ladder = Ladder::of(&accounts.user, &accounts.risk_cache, now.ms)?;
    let (user, orders) = (&mut accounts.user, &mut accounts.orders);
    let mut cancelled = Vec::new();
    let rung = if user.liquidation_start_ms != 0 {
        require_cmp!(ladder.equity, >=, ladder.maintenance, EvertideError::LiquidationUnderWay);
        end_if_healthy(user, &ladder);
        LiquidationRung::Ended
    } else if ladder.equity < ladder.maintenance {
        require_heard(&accounts.risk_cache, &ladder, now)?;
        void_all(user, orders.next_order_id)?;
        user.liquidation_start_ms = now.ms;
        user.liquidation_freed_atoms = 0;
        LiquidationRung::Void
    } else {
        require_cmp!(ladder.equity, <, ladder.cancel, EvertideError::AccountHealthy);
        cancelled = cancel_increasing(user, orders)?;
        require!(!cancelled.is_empty(), EvertideError::OrderNotFound);
        LiquidationRung::Cancel
    };
    let sequence = user.sequence;
    user.sequence = sequence.checked_add(1).or_refuse()?;
    let requirement_atoms = if rung == LiquidationRung::Cancel { ladder.cancel } else { ladder.maintenance };
    let event = OrdersLiquidated {
        sequence,
        user: *user.address(),
        rung: rung as u8,
        equity_atoms: ladder.equity,
        requirement_atoms,
        orders_epoch: user.orders_epoch,
        orders: cancelled,
        time_ms: now.ms,
    };
    emit_cpi!(event);
    Ok(())
}

/// Voids every order at once by raising the epoch; the slots are swept when they are needed or looked at.
fn void_all(user: &mut User, next_order_id: u64) -> Result<()> {
    user.orders_epoch = next_order_id;
    for slot in 0..POSITIONS_MAX {
        let position = &mut user.positions[slot];
        if position.market_plus_one == 0 || position.open_order_count == 0 {
            continue;
        }
        position.open_bid_lots = 0;
        position.open_ask_lots = 0;
        position.max_bid_ticks = 0;
        position.min_ask_ticks = 0;
        position.open_order_count = 0;
        position.reduce_only_count = 0;
        release_if_empty(user, slot)?;
    }
    Ok(())
}

/// Takes out counted orders, in the order of their slots, until no side could make its position larger if all of it
/// filled: what then only closes stays.
fn cancel_increasing(user: &mut User, orders: &mut Orders) -> Result<Vec<CancelledOrder>> {
    let mut cancelled = Vec::new();
    for slot in 0..ORDERS_MAX {
        let order = orders.orders[slot];
        if order.order_id != 0 && !is_void(&order, user.orders_epoch) && could_increase(user, &order)? {
            cancelled.push(remove(user, orders, slot)?);
        }
    }
    Ok(cancelled)
}

fn could_increase(user: &User, order: &Order) -> Result<bool> {
    if order.flags & order_flags::COUNTED == 0 {
        return Ok(false);
    }
    let at = find(user, order.market_index).ok_or(EvertideError::UserInvariantViolated)?;
    let position = &user.positions[at];
    let (opposes, side_lots) = if is_ask(order) {
        (position.basis_lots > 0, position.open_ask_lots)
    } else {
        (position.basis_lots < 0, position.open_bid_lots)
    };
    Ok(!opposes || side_lots > position.basis_lots.unsigned_abs())
}
