//! `modify_order`: one atomic cancel-and-replace, which keeps priority when it only reduces size. Remaining accounts: the `Market`, read-only.

use anchor_lang::prelude::*;

use super::place_orders::{require_initial_margin, require_placer, KindArgs, OrderArgs};
use crate::engine::kinds::{group_of, is_dormant};
use crate::engine::orders::{find_order, is_ask, is_live, is_reduce_only, live_from_id, remove};
use crate::engine::{groups, load, place, position};
use crate::error::{EvertideError, OrRefuse};
use crate::events::{CancelledOrder, OrderModified};
use crate::guards::gate::require_gate;
use crate::guards::{now, Gate, Now};
use crate::require_cmp;
use crate::state::{Exchange, Market, Order, OrderKind, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct ModifyOrder {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn modify_order(
    ctx: &mut Context<ModifyOrder>,
    order_id: u64,
    replacement: OrderArgs,
    kind_args: Vec<KindArgs>,
) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require_placer(&accounts.exchange, &accounts.user, &accounts.orders, accounts.signer.address(), now)?;
    let slot = find_order(&accounts.orders, order_id).ok_or(EvertideError::OrderNotFound)?;
    let old = accounts.orders.orders[slot];
    let live_from = live_from_id(&accounts.user, &accounts.orders, now);
    require!(is_live(&old, live_from, now), EvertideError::OrderNotFound);
    // A link is made when orders are placed; a modified order keeps the one it has.
    require!(replacement.group == 0, EvertideError::GroupKindForbidden);
    let same = replacement.market_index == old.market_index && replacement.ask == is_ask(&old);
    require!(same, EvertideError::ModifyChangesMarketOrSide);
    let market = load::market(&remaining, 0)?;
    require_cmp!(market.index, ==, old.market_index, EvertideError::OrderMarketMismatch);
    let kept_priority = only_shrinks(&replacement, &kind_args, &old);
    let mut removed = Vec::new();
    let slot = if kept_priority {
        let least = market.terms.order_size_min_lots.max(1);
        require_cmp!(replacement.size_lots, >=, least, EvertideError::OrderSizeTooSmall);
        shrink(&mut accounts.user, &mut accounts.orders, slot, replacement.size_lots)?;
        slot
    } else {
        replace(accounts, slot, (&replacement, &kind_args), &market, now, &mut removed)?
    };
    let order = place::placed(&accounts.orders.orders[slot]);
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(OrderModified { sequence, user, cancelled_order_id: order_id, kept_priority, order, removed });
    Ok(())
}

/// Everything but a smaller size is as before: time and priority stay. Of an order that waits there is no priority to
/// keep, and a hidden part is behind everybody anyhow.
fn only_shrinks(new: &OrderArgs, kind_args: &[KindArgs], old: &Order) -> bool {
    let terms = place::plain_terms(old);
    let same_kind = if new.kind_args_plus_one == 0 {
        old.kind <= OrderKind::Market as u8
    } else {
        let given = kind_args.get(usize::from(new.kind_args_plus_one).saturating_sub(1)).copied();
        let pegs = KindArgs { peg_offset_ticks: old.terms[0].cast_signed(), ..KindArgs::default() };
        old.kind == OrderKind::Pegged as u8 && given == Some(pegs)
    };
    same_kind
        && !is_dormant(old)
        && new.size_lots < old.size_lots
        && new.price_ticks == old.price_ticks
        && new.client_order_id == old.client_order_id
        && new.kind == old.kind
        && new.time_in_force == old.time_in_force
        && new.reduce_only == is_reduce_only(old)
        && new.self_trade == old.self_trade
        && new.taker_phase_s == old.taker_phase_s
        && new.expiry_ms == old.expiry_ms
        && new.auction_start_ticks == place::auction_start_ticks(old)
        && new.max_slippage_bps == terms.max_slippage_bps
        && new.builder_plus_one == old.builder_plus_one
        && new.builder_fee_tenth_bps == terms.builder_fee_tenth_bps
}

fn shrink(user: &mut User, orders: &mut Orders, slot: usize, size_lots: u64) -> Result<()> {
    let order = &mut orders.orders[slot];
    let at = position::find(user, order.market_index).ok_or(EvertideError::UserInvariantViolated)?;
    let gone = order.size_lots.checked_sub(size_lots).or_refuse()?;
    position::uncount_order(&mut user.positions[at], order, gone)?;
    order.size_lots = size_lots;
    Ok(())
}

fn replace(
    accounts: &mut ModifyOrder,
    slot: usize,
    (replacement, kind_args): (&OrderArgs, &[KindArgs]),
    market: &Market,
    now: Now,
    removed: &mut Vec<CancelledOrder>,
) -> Result<usize> {
    if !replacement.reduce_only {
        require_gate(&accounts.exchange, Gate::PlaceOrders, now.ms)?;
    }
    let mut order = place::checked_order(replacement, kind_args, market, &accounts.exchange, now)?;
    let old = accounts.orders.orders[slot];
    groups::relink(&old, &mut order)?;
    remove(&mut accounts.user, &mut accounts.orders, slot)?;
    if old.kind == OrderKind::Twap as u8 {
        // Slices of the old schedule would fill on top of the new one.
        groups::sweep_orphans(&mut accounts.user, &mut accounts.orders, group_of(&old), now, removed)?;
    }
    let slot = place::insert(&mut accounts.user, &mut accounts.orders, market, order, now, removed)?;
    if !replacement.reduce_only {
        require_initial_margin(&accounts.exchange, &accounts.user, &accounts.risk_cache, now)?;
        accounts.user.last_active_ms = now.ms;
    }
    Ok(slot)
}
