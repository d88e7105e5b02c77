//! `fill_auction`: a maker answers an order in its taker phase at the order's effective limit or better, with nothing of its own in the
//! book. Remaining accounts: the maker's `User` and `Orders`, both writable.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use super::match_orders::matched;
use crate::engine::load;
use crate::engine::session::{Parts, Session};
use crate::error::EvertideError;
use crate::guards::gate::require_opened;
use crate::guards::now;
use crate::guards::role::require_trader;
use crate::instructions::trader::place_orders::require_initial_margin;
use crate::state::{Exchange, Market, Orders, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct FillAuction {
    /// Owner of the maker's account, or its delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub taker_user: Account<User>,
    #[account(mut)]
    pub taker_orders: Account<Orders>,
}

pub fn fill_auction(
    ctx: &mut Context<FillAuction>,
    taker_order_id: u64,
    price_ticks: u64,
    size_max_lots: u64,
) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require_opened(&accounts.exchange)?;
    let taker_user_key = *accounts.taker_user.address();
    require!(address_eq(&accounts.taker_orders.user, &taker_user_key), EvertideError::OrdersOfAnotherUser);
    require!(remaining.len() == 2, EvertideError::RemainingAccountInvalid);
    let mut pair = load::pair_mut(&remaining, 0)?;
    require_trader(&pair.user, accounts.signer.address(), now.ms)?;
    require!(pair.user.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
    let own = address_eq(&pair.user.authority, &accounts.taker_user.authority);
    require!(!own, EvertideError::AuctionOfOneself);
    let mut session = Session::start(Parts {
        exchange: &accounts.exchange,
        cache: &accounts.risk_cache,
        market: &mut accounts.market,
        taker_orders_key: *accounts.taker_orders.address(),
        taker_user: &mut accounts.taker_user,
        taker_orders: &mut accounts.taker_orders,
        taker_user_key,
        taker_order_id,
        // The maker is its own keeper: nobody else is paid for bringing the two together.
        keeper: false,
        now,
    })?;
    let increases = session.answer(&mut pair, price_ticks, size_max_lots)?;
    let outcome = session.finish()?;
    if increases {
        // Nothing of it was reserved beforehand, as it is for an order that rests.
        require_initial_margin(&accounts.exchange, &pair.user, &accounts.risk_cache, now)?;
        pair.user.last_active_ms = now.ms;
    }
    let (market, taker) = (&mut accounts.market, &mut accounts.taker_user);
    let mut event = matched(market, taker, taker_order_id, outcome, now)?;
    event.auction = true;
    emit_cpi!(event);
    Ok(())
}
