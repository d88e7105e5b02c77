//! Checking a new order and putting it into a slot. Margin is checked once per instruction, by its handler.

use anchor_lang::prelude::*;
use evertide_math::bands::{exceeds_slippage, market_order_limit};
use evertide_math::notional::fill_notional;
use evertide_math::units::{MAX_LOTS, TICKS_LIMIT};
use evertide_math::{AtomsPerLotTick, Bps, Lots, PriceQ32, Side, Ticks};

use super::kinds;
use super::orders::{client_id_in_use, free_slot, is_ask, is_post_only, is_reduce_only, live_from_id, next_id, seat};
use super::position::{count_order, slot_for};
use super::rewards::registered;
use crate::error::{EvertideError, OrRefuse};
use crate::events::{CancelledOrder, PlacedOrder};
use crate::guards::Now;
use crate::instructions::{KindArgs, OrderArgs};
use crate::require_cmp;
use crate::state::{
    order_flags, Exchange, Market, MarketStatus, Order, OrderKind, Orders, PlainTerms, Position, SelfTradeRule,
    TimeInForce, User,
};

/// Longest taker phase, seconds.
const TAKER_PHASE_MAX_S: u8 = 60;
/// Greatest builder's fee, tenths of a bp.
const BUILDER_FEE_MAX_TENTH_BPS: u16 = 50;
/// Evidence of a best price counts for this long, ms.
pub const EVIDENCE_AGE_MAX_MS: i64 = 30_000;

/// Side of the book that a flag names.
#[inline(always)]
pub fn side(ask: bool) -> Side {
    if ask {
        Side::Ask
    } else {
        Side::Bid
    }
}

/// The status that holds now: a bankruptcy latches reduce-only, a tripped breaker makes a market post-only.
pub fn status_now(market: &Market, now_ms: i64) -> u8 {
    let listed = market.status;
    if listed <= MarketStatus::ReduceOnly as u8 && market.latch != 0 {
        MarketStatus::ReduceOnly as u8
    } else if listed == MarketStatus::Active as u8 && now_ms < market.cooldown_until_ms {
        MarketStatus::PostOnly as u8
    } else {
        listed
    }
}

/// The live best bid or ask shown by update_mark, ticks.
#[inline(always)]
pub fn best_shown(market: &Market, ask: bool, now_ms: i64) -> Option<u64> {
    let evidence = &market.evidence[usize::from(ask)];
    let live = evidence.order_id != 0 && now_ms.saturating_sub(evidence.shown_ms) <= EVIDENCE_AGE_MAX_MS;
    live.then_some(evidence.price_ticks)
}

/// The order that the arguments describe, checked against the market, without id and time.
///
/// `kind_args`: what only some kinds have; the order names its entry.
pub fn checked_order(
    args: &OrderArgs,
    kind_args: &[KindArgs],
    market: &Market,
    exchange: &Exchange,
    now: Now,
) -> Result<Order> {
    require!(args.kind <= OrderKind::Iceberg as u8, EvertideError::OrderKindUnknown);
    require!(args.time_in_force <= TimeInForce::PostOnlySlide as u8, EvertideError::TimeInForceInvalid);
    require!(args.self_trade <= SelfTradeRule::Decrement as u8, EvertideError::SelfTradeRuleUnknown);
    let mut order = Order {
        client_order_id: args.client_order_id,
        price_ticks: args.price_ticks,
        size_lots: args.size_lots,
        expiry_ms: args.expiry_ms,
        market_index: args.market_index,
        kind: args.kind,
        time_in_force: args.time_in_force,
        flags: flags(args),
        self_trade: args.self_trade,
        taker_phase_s: args.taker_phase_s,
        builder_plus_one: args.builder_plus_one,
        ..Order::default()
    };
    let fits = if kinds::is_market_like(args.kind) { is_tif_immediate(args.time_in_force) } else { true };
    require!(fits, EvertideError::TimeInForceInvalid);
    let phase_max = if is_post_only(&order) { 0 } else { TAKER_PHASE_MAX_S };
    require_cmp!(args.taker_phase_s, <=, phase_max, EvertideError::TakerPhaseInvalid);
    if args.expiry_ms != 0 {
        require_cmp!(args.expiry_ms, >, now.ms, EvertideError::OrderExpired);
    }
    require_status(&order, status_now(market, now.ms))?;
    check_builder(args, exchange)?;
    let least = market.terms.order_size_min_lots.max(1);
    require_cmp!(args.size_lots, >=, least, EvertideError::OrderSizeTooSmall);
    let most = market.terms.position_max_lots.min(MAX_LOTS.unsigned_abs());
    require_cmp!(args.size_lots, <=, most, EvertideError::OrderSizeTooLarge);
    if args.kind <= OrderKind::Market as u8 && args.kind_args_plus_one == 0 {
        set_price(&mut order, args, market, now.ms)?;
        set_terms(&mut order, args)?;
    } else {
        kinds::complete(&mut order, args, kind_args, market, now)?;
    }
    Ok(order)
}

fn flags(args: &OrderArgs) -> u8 {
    let ask = if args.ask { order_flags::ASK } else { 0 };
    // Reduce-only orders add no exposure, so that they are not counted.
    ask | if args.reduce_only { order_flags::REDUCE_ONLY } else { order_flags::COUNTED }
}

#[inline(always)]
fn is_tif_immediate(time_in_force: u8) -> bool {
    time_in_force == TimeInForce::ImmediateOrCancel as u8 || time_in_force == TimeInForce::FillOrKill as u8
}

/// Refuses an order that the market does not take in this status.
pub fn require_status(order: &Order, status: u8) -> Result<()> {
    let taken = if status == MarketStatus::Active as u8 {
        true
    } else if status == MarketStatus::PostOnly as u8 {
        is_post_only(order)
    } else {
        status == MarketStatus::ReduceOnly as u8 && is_reduce_only(order)
    };
    require!(taken, EvertideError::MarketStatusForbids);
    Ok(())
}

fn check_builder(args: &OrderArgs, exchange: &Exchange) -> Result<()> {
    if args.builder_plus_one == 0 {
        require!(args.builder_fee_tenth_bps == 0, EvertideError::BuilderInvalid);
        return Ok(());
    }
    require!(registered(exchange, args.builder_plus_one).is_some(), EvertideError::BuilderInvalid);
    require_cmp!(args.builder_fee_tenth_bps, <=, BUILDER_FEE_MAX_TENTH_BPS, EvertideError::BuilderInvalid);
    Ok(())
}

/// Price of the order: its own, the default worst price of a market order, or one tick off the book for a sliding one.
fn set_price(order: &mut Order, args: &OrderArgs, market: &Market, now_ms: i64) -> Result<()> {
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    if args.kind == OrderKind::Market as u8 {
        let index = index_price(market)?;
        let own = args.max_slippage_bps;
        if args.price_ticks == 0 {
            order.price_ticks = worst_ticks(market, args.ask, own)?;
        } else if own != 0 {
            let worst = PriceQ32::from_ticks(Ticks::new(args.price_ticks).or_refuse()?, tick_value).or_refuse()?;
            let limit = Bps::new(u32::from(own)).or_refuse()?;
            let beyond = exceeds_slippage(side(args.ask), worst, index, limit).or_refuse()?;
            require!(!beyond, EvertideError::SlippageLimitExceeded);
        }
    }
    require_cmp!(order.price_ticks, >, 0_u64, EvertideError::OrderPriceOutOfRange);
    require_cmp!(order.price_ticks, <, TICKS_LIMIT, EvertideError::OrderPriceOutOfRange);
    if is_post_only(order) {
        keep_off_the_book(order, market, now_ms)?;
    }
    require_worth(order, market)
}

fn index_price(market: &Market) -> Result<PriceQ32> {
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    PriceQ32::new(market.index_price_q32).or_refuse()
}

/// Worst price of a market order now: its own slippage, or the market's default where that is 0, from index.
pub fn worst_ticks(market: &Market, ask: bool, own_bps: u16) -> Result<u64> {
    let index = index_price(market)?;
    let slippage = if own_bps == 0 { market.terms.market_slippage_bps } else { own_bps };
    let slippage = Bps::new(u32::from(slippage)).or_refuse()?;
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    Ok(market_order_limit(side(ask), index, slippage, tick_value).or_refuse()?.get())
}

/// Price and notional of an order fit their units.
pub fn require_worth(order: &Order, market: &Market) -> Result<()> {
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let price = Ticks::new(order.price_ticks).or_refuse()?;
    PriceQ32::from_ticks(price, tick_value).or_refuse()?;
    fill_notional(Lots::from_order(order.size_lots).or_refuse()?, price, tick_value).or_refuse()?;
    Ok(())
}

/// Refuses a post-only order that crosses the best price shown, or slides it off that price.
pub fn keep_off_the_book(order: &mut Order, market: &Market, now_ms: i64) -> Result<()> {
    let ask = is_ask(order);
    let Some(opposite) = best_shown(market, !ask, now_ms) else {
        return Ok(());
    };
    let crosses = if ask { order.price_ticks <= opposite } else { order.price_ticks >= opposite };
    if !crosses {
        return Ok(());
    }
    let slides = order.time_in_force == TimeInForce::PostOnlySlide as u8;
    let slid = if ask { opposite.saturating_add(1) } else { opposite.saturating_sub(1) };
    if !slides || slid == 0 || slid >= TICKS_LIMIT {
        return Err(crate::guards::refuse(order.price_ticks, opposite, EvertideError::PostOnlyWouldCross));
    }
    order.price_ticks = slid;
    Ok(())
}

fn set_terms(order: &mut Order, args: &OrderArgs) -> Result<()> {
    let start = args.auction_start_ticks;
    if start != 0 {
        require!(args.taker_phase_s != 0, EvertideError::AuctionStartInvalid);
        if args.ask {
            require_cmp!(start, >=, order.price_ticks, EvertideError::AuctionStartInvalid);
            require_cmp!(start, <, TICKS_LIMIT, EvertideError::AuctionStartInvalid);
        } else {
            require_cmp!(start, <=, order.price_ticks, EvertideError::AuctionStartInvalid);
        }
    }
    order.terms = bytemuck::cast(PlainTerms {
        auction_start_ticks: start,
        reserved: 0,
        max_slippage_bps: args.max_slippage_bps,
        builder_fee_tenth_bps: args.builder_fee_tenth_bps,
        group: 0,
    });
    Ok(())
}

/// Terms of a limit or market order.
#[inline(always)]
pub fn plain_terms(order: &Order) -> PlainTerms {
    bytemuck::cast(order.terms)
}

/// Start of the taker phase's ramp, ticks; 0 = index +- 5 bps. Only plain orders set one.
#[inline(always)]
pub fn auction_start_ticks(order: &Order) -> u64 {
    if order.kind <= OrderKind::Market as u8 {
        order.terms[0]
    } else {
        0
    }
}

/// Puts a checked order into a free slot: id, time, aggregates. Returns the slot.
pub fn insert(
    user: &mut User,
    orders: &mut Orders,
    market: &Market,
    mut order: Order,
    now: Now,
    reclaimed: &mut Vec<CancelledOrder>,
) -> Result<usize> {
    if order.client_order_id != 0 {
        let used = client_id_in_use(orders, order.client_order_id, live_from_id(user, orders, now), now);
        require!(!used, EvertideError::ClientOrderIdInUse);
    }
    let slot = free_slot(user, orders, now, reclaimed)?;
    let at = slot_for(user, market)?;
    let position = &mut user.positions[at];
    if is_reduce_only(&order) {
        // What waits is judged when it becomes live: an exit comes before the position that it closes.
        if !kinds::is_dormant(&order) {
            require_opposes(position, is_ask(&order))?;
        }
    } else {
        count_order(position, &order, order.size_lots)?;
        require_position_limit(position, market, is_ask(&order))?;
    }
    enter(position, orders, slot, &mut order, now)?;
    Ok(slot)
}

/// Writes an order that is counted already into a free slot, with its id and time.
pub fn enter(position: &mut Position, orders: &mut Orders, slot: usize, order: &mut Order, now: Now) -> Result<()> {
    order.order_id = next_id(orders);
    order.placed_slot = now.slot;
    // A scheduled order knows its time already.
    order.placed_ms = order.placed_ms.max(now.ms);
    position.open_order_count = position.open_order_count.checked_add(1).or_refuse()?;
    if is_reduce_only(order) {
        position.reduce_only_count = position.reduce_only_count.checked_add(1).or_refuse()?;
    }
    if order.kind == OrderKind::Twap as u8 {
        let group = u32::try_from(order.order_id).map_err(|_| EvertideError::Overflow)?;
        kinds::set_group(order, group);
    }
    seat(orders, slot, order)
}

fn require_opposes(position: &Position, ask: bool) -> Result<()> {
    let opposes = if ask { position.basis_lots > 0 } else { position.basis_lots < 0 };
    require!(opposes, EvertideError::ReduceOnlyWouldIncrease);
    Ok(())
}

/// The size that a user reaches when all orders of one side fill stays within the market's limit.
pub fn require_position_limit(position: &Position, market: &Market, ask: bool) -> Result<()> {
    let (held, open) = if ask {
        (position.basis_lots.checked_neg().or_refuse()?, position.open_ask_lots)
    } else {
        (position.basis_lots, position.open_bid_lots)
    };
    let reach = held.checked_add_unsigned(open).or_refuse()?;
    let most = i64::try_from(market.terms.position_max_lots).unwrap_or(i64::MAX);
    require_cmp!(reach, <=, most, EvertideError::PositionLimitExceeded);
    Ok(())
}

/// What the event tells about an order.
pub fn placed(order: &Order) -> PlacedOrder {
    let terms = plain_terms(order);
    PlacedOrder {
        order_id: order.order_id,
        client_order_id: order.client_order_id,
        price_ticks: order.price_ticks,
        size_lots: order.size_lots,
        placed_slot: order.placed_slot,
        placed_ms: order.placed_ms,
        expiry_ms: order.expiry_ms,
        auction_start_ticks: auction_start_ticks(order),
        market_index: order.market_index,
        max_slippage_bps: terms.max_slippage_bps,
        builder_fee_tenth_bps: terms.builder_fee_tenth_bps,
        kind: order.kind,
        time_in_force: order.time_in_force,
        flags: order.flags,
        self_trade: order.self_trade,
        taker_phase_s: order.taker_phase_s,
        builder_plus_one: order.builder_plus_one,
        terms: order.terms,
    }
}
