//! `cancel_orders`: by order id, client id, market, side of a market, or all. Never gated.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::groups::sweep_orphans;
use crate::engine::kinds::group_of;
use crate::engine::orders::{is_ask, remove};
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrdersCancelled;
use crate::guards::now;
use crate::guards::role::require_permission;
use crate::require_cmp;
use crate::state::{permissions, Order, Orders, User, ORDERS_MAX};

/// `CancelArgs::by`: the ids are order ids.
pub const BY_ORDER_ID: u8 = 0;
/// The ids are client order ids.
pub const BY_CLIENT_ID: u8 = 1;
/// All orders of a market.
pub const BY_MARKET: u8 = 2;
/// One side of a market.
pub const BY_SIDE: u8 = 3;
/// All orders.
pub const BY_ALL: u8 = 4;

/// Which orders to cancel.
#[derive(Clone, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct CancelArgs {
    /// 0 order ids, 1 client order ids, 2 market, 3 one side of a market, 4 all.
    pub by: u8,
    /// Market, for 2 and 3.
    pub market_index: u16,
    /// Side, for 3.
    pub ask: bool,
    /// Ids, for 0 and 1.
    pub ids: Vec<u64>,
}

#[event_cpi]
#[derive(Accounts)]
pub struct CancelOrders {
    /// Owner or delegate.
    pub signer: Signer,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn cancel_orders(ctx: &mut Context<CancelOrders>, selector: CancelArgs) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    require_permission(&accounts.user, accounts.signer.address(), permissions::CANCEL, now.ms)?;
    require!(address_eq(&accounts.orders.user, accounts.user.address()), EvertideError::OrdersOfAnotherUser);
    let by_id = selector.by <= BY_CLIENT_ID;
    require!(selector.by <= BY_ALL && by_id != selector.ids.is_empty(), EvertideError::CancelSelectorInvalid);
    require_cmp!(selector.ids.len(), <=, ORDERS_MAX, EvertideError::CancelSelectorInvalid);
    let mut cancelled = Vec::with_capacity(1);
    for slot in 0..ORDERS_MAX {
        let order = &accounts.orders.orders[slot];
        if order.order_id != 0 && selects(&selector, order) {
            let group = group_of(order);
            cancelled.push(remove(&mut accounts.user, &mut accounts.orders, slot)?);
            if group != 0 {
                // Exits of an unfilled entry and slices of a parent go with it.
                sweep_orphans(&mut accounts.user, &mut accounts.orders, group, now, &mut cancelled)?;
            }
        }
    }
    require!(!cancelled.is_empty(), EvertideError::OrderNotFound);
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(OrdersCancelled { sequence, user, orders: cancelled });
    Ok(())
}

fn selects(selector: &CancelArgs, order: &Order) -> bool {
    match selector.by {
        BY_ORDER_ID => selector.ids.contains(&order.order_id),
        BY_CLIENT_ID => order.client_order_id != 0 && selector.ids.contains(&order.client_order_id),
        BY_MARKET => order.market_index == selector.market_index,
        BY_SIDE => order.market_index == selector.market_index && is_ask(order) == selector.ask,
        _ => true,
    }
}
