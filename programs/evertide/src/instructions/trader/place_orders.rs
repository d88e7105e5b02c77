//! `place_orders`: up to 8 orders with one margin check. Remaining accounts: the `Market` of each distinct market, read-only, in order of first appearance.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;

use crate::engine::groups;
use crate::engine::load;
use crate::engine::margin::{self, Freshness, Valuation};
use crate::engine::orders::next_id;
use crate::engine::place::{self, checked_order, insert};
use crate::engine::position::require_isolation;
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrdersPlaced;
use crate::guards::gate::{require_gate, require_opened};
use crate::guards::role::require_trader;
use crate::guards::{now, Gate, Now};
use crate::require_cmp;
use crate::state::{Exchange, Market, Orders, RiskCache, User};

/// Most orders of one instruction.
pub const PLACED_MAX: usize = 8;

/// One order as its owner asks for it.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct OrderArgs {
    /// Chosen by the client, unique among the user's open orders; 0 = none.
    pub client_order_id: u64,
    /// Market index.
    pub market_index: u16,
    /// `OrderKind`.
    pub kind: u8,
    /// True: ask. False: bid.
    pub ask: bool,
    /// `TimeInForce`.
    pub time_in_force: u8,
    /// May only reduce the position.
    pub reduce_only: bool,
    /// `SelfTradeRule`.
    pub self_trade: u8,
    /// Length of the taker phase, whole seconds, 0-60; 0 for post-only.
    pub taker_phase_s: u8,
    /// Limit price, ticks; for a market order its worst price, 0 = the market's default.
    pub price_ticks: u64,
    /// Size, lots.
    pub size_lots: u64,
    /// Unix ms after which the order is dead; 0 = never.
    pub expiry_ms: i64,
    /// Effective limit at the start of the taker phase, ticks; 0 = index +- 5 bps.
    pub auction_start_ticks: u64,
    /// Maximum slippage against index, bps; 0 = none.
    pub max_slippage_bps: u16,
    /// Builder table index + 1; 0 = none.
    pub builder_plus_one: u8,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// Orders of one `place_orders` with the same number are linked; 0 = none. The first not reduce-only: it is the
    /// entry and the others its exits. Otherwise one cancels the other.
    pub group: u8,
    /// Entry + 1 of the list of `KindArgs` beside the orders: what only some kinds have, or a time before which the
    /// order does nothing. 0 = none.
    pub kind_args_plus_one: u8,
}

/// The part of an order that limit and market orders do without.
#[derive(Clone, Copy, Default, PartialEq, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct KindArgs {
    /// Unix ms before which the order does nothing; 0 = at once. Any kind.
    pub not_before_ms: i64,
    /// Conditional orders: the price at which it fires, ticks. Trailing stop: 0 = `trail_bps` from the price now.
    pub trigger_ticks: u64,
    /// Conditional orders: `TriggerSource`.
    pub trigger_source: u8,
    /// Trailing stop: distance of its trigger from the best price seen, bps.
    pub trail_bps: u16,
    /// Pegged order: signed distance from the index, ticks.
    pub peg_offset_ticks: i64,
    /// Iceberg: lots displayed at a time.
    pub display_lots: u64,
    /// TWAP: slices in all.
    pub slice_count: u16,
    /// TWAP: time from one slice to the next, seconds.
    pub slice_interval_s: u32,
}

#[event_cpi]
#[derive(Accounts)]
pub struct PlaceOrders {
    /// Owner or delegate.
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
}

pub fn place_orders(ctx: &mut Context<PlaceOrders>, orders: Vec<OrderArgs>, kind_args: Vec<KindArgs>) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require_placer(&accounts.exchange, &accounts.user, &accounts.orders, accounts.signer.address(), now)?;
    require!(orders.len() <= PLACED_MAX && !orders.is_empty(), EvertideError::OrderCountOutOfRange);
    let increasing = orders.iter().any(|order| !order.reduce_only);
    if increasing {
        require_gate(&accounts.exchange, Gate::PlaceOrders, now.ms)?;
    }
    let mut placed = Vec::with_capacity(orders.len());
    let mut reclaimed = Vec::new();
    let mut links = Vec::new();
    let mut markets: Vec<Account<Market>> = Vec::with_capacity(1);
    for args in &orders {
        let at = match markets.iter().position(|market| market.index == args.market_index) {
            Some(at) => at,
            None => {
                let market = load::market(&remaining, markets.len())?;
                require_cmp!(market.index, ==, args.market_index, EvertideError::OrderMarketMismatch);
                markets.push(market);
                markets.len().saturating_sub(1)
            }
        };
        let market = &markets[at];
        let mut order = checked_order(args, &kind_args, market, &accounts.exchange, now)?;
        if args.group != 0 {
            groups::join(&mut links, args, &mut order, next_id(&accounts.orders))?;
        }
        require_isolation(&accounts.user, market, &accounts.risk_cache)?;
        let slot = insert(&mut accounts.user, &mut accounts.orders, market, order, now, &mut reclaimed)?;
        placed.push(place::placed(&accounts.orders.orders[slot]));
    }
    groups::require_whole(&links)?;
    if increasing {
        require_initial_margin(&accounts.exchange, &accounts.user, &accounts.risk_cache, now)?;
        accounts.user.last_active_ms = now.ms;
    }
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let user = *accounts.user.address();
    emit_cpi!(OrdersPlaced { sequence, user, orders: placed, reclaimed });
    Ok(())
}

/// The signer may trade for this user now, and the orders are the user's.
pub fn require_placer(
    exchange: &Exchange,
    user: &Account<User>,
    orders: &Orders,
    signer: &Address,
    now: Now,
) -> Result<()> {
    require_opened(exchange)?;
    require_trader(user, signer, now.ms)?;
    require!(address_eq(&orders.user, user.address()), EvertideError::OrdersOfAnotherUser);
    require!(user.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
    // An order placed now would be dead at once: its owner says first that it is alive.
    let deadline_ms = orders.cancel_all_after_ms;
    if deadline_ms != 0 {
        require_cmp!(now.ms, <, deadline_ms, EvertideError::CancelAllAfterReached);
    }
    Ok(())
}

/// One margin check for all new orders: initial margin on fresh rows, and the caps on notional.
pub fn require_initial_margin(exchange: &Exchange, user: &User, cache: &RiskCache, now: Now) -> Result<()> {
    let freshness = Freshness { now_ms: now.ms, required: true };
    let valuation = margin::value(user, cache, MarginKind::Initial, freshness)?;
    valuation.require_met(EvertideError::InitialMarginTooLow)?;
    require_notional_caps(exchange, user, &valuation)
}

/// The caps on a user's total notional: its own and the exchange's.
pub fn require_notional_caps(exchange: &Exchange, user: &User, valuation: &Valuation) -> Result<()> {
    let notional = valuation.notional_atoms.unsigned_abs();
    if user.notional_cap_atoms != 0 {
        require_cmp!(notional, <=, user.notional_cap_atoms, EvertideError::UserNotionalCapExceeded);
    }
    let most = exchange.terms.user_notional_max_atoms;
    if most != 0 {
        require_cmp!(notional, <=, most, EvertideError::ExchangeUserNotionalExceeded);
    }
    Ok(())
}
