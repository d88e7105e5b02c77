//! Kinds of orders: what each demands when it is placed, and its terms. Limit and market orders never come here.

use anchor_lang::prelude::*;
use evertide_math::bands::pegged_ticks;
use evertide_math::units::TICKS_LIMIT;
use evertide_math::{AtomsPerLotTick, PriceQ32, Ticks};

use super::dormant::{source_price, trail};
use super::orders::{is_ask, is_post_only};
use super::place::{keep_off_the_book, side};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::{DAY_MS, MS_PER_SECOND};
use crate::guards::Now;
use crate::instructions::{KindArgs, OrderArgs};
use crate::require_cmp;
use crate::state::{
    order_flags, ConditionalTerms, IcebergTerms, Market, Order, OrderKind, PeggedTerms, TimeInForce, TriggerSource,
    TwapTerms,
};

/// Greatest distance of a trailing stop, bps.
pub const TRAIL_MAX_BPS: u16 = 5_000;
/// Fewest and most slices of a TWAP.
pub const SLICES_MIN: u16 = 2;
pub const SLICES_MAX: u16 = 1_000;
/// Longest life of a TWAP, ms.
pub const TWAP_MAX_MS: i64 = 30 * DAY_MS;

/// Stops, take-profits and trailing stops.
#[inline(always)]
pub fn is_conditional(kind: u8) -> bool {
    (OrderKind::StopMarket as u8..=OrderKind::TrailingStop as u8).contains(&kind)
}

/// Market orders, and what becomes one when it fires.
#[inline(always)]
pub fn is_market_like(kind: u8) -> bool {
    kind == OrderKind::Market as u8
        || kind == OrderKind::StopMarket as u8
        || kind == OrderKind::TakeProfitMarket as u8
        || kind == OrderKind::TrailingStop as u8
}

/// Whether an order waits: conditional, scheduled, an exit of an entry that has not filled, or a TWAP parent.
#[inline(always)]
pub fn is_dormant(order: &Order) -> bool {
    order.flags & order_flags::DORMANT != 0
}

/// Number that linked orders share; 0 = none. It lies at the same place in the terms of every kind.
#[inline(always)]
pub fn group_of(order: &Order) -> u32 {
    (order.terms[2] >> 32) as u32
}

/// Links an order to a group.
pub fn set_group(order: &mut Order, group: u32) {
    order.terms[2] = (order.terms[2] & u64::from(u32::MAX)) | (u64::from(group) << 32);
}

/// Maximum slippage in bps and builder's fee in tenths of a bp: they too lie at the same place for every kind.
#[inline(always)]
pub fn slippage_and_fee(order: &Order) -> (u16, u16) {
    (order.terms[2] as u16, (order.terms[2] >> 16) as u16)
}

/// Completes an order that names an entry of `kind_args` or is of a rare kind. `now` sets what may be scheduled.
pub fn complete(order: &mut Order, args: &OrderArgs, kind_args: &[KindArgs], market: &Market, now: Now) -> Result<()> {
    let at = usize::from(args.kind_args_plus_one).checked_sub(1).ok_or(EvertideError::KindArgsMissing)?;
    let given = kind_args.get(at).ok_or(EvertideError::KindArgsMissing)?;
    require!(*given == own_arguments(args.kind, given), EvertideError::KindArgsForeign);
    order.terms = [0, 0, u64::from(args.max_slippage_bps) | (u64::from(args.builder_fee_tenth_bps) << 16)];
    if args.kind <= OrderKind::Market as u8 {
        order.terms[0] = args.auction_start_ticks;
    } else {
        require!(args.auction_start_ticks == 0, EvertideError::AuctionStartInvalid);
    }
    order.placed_ms = given.not_before_ms.max(now.ms);
    if order.expiry_ms != 0 {
        require_cmp!(order.expiry_ms, >, order.placed_ms, EvertideError::OrderExpired);
    }
    if is_conditional(args.kind) {
        conditional(order, given, market)?;
    } else if args.kind == OrderKind::Pegged as u8 {
        pegged(order, given, market, now)?;
    } else if args.kind == OrderKind::Twap as u8 {
        twap(order, given, market)?;
    } else if args.kind == OrderKind::Iceberg as u8 {
        iceberg(order, given, market)?;
    }
    let waits = given.not_before_ms > now.ms;
    if waits || is_conditional(args.kind) || args.kind == OrderKind::Twap as u8 {
        // What waits reserves no margin; it does when it becomes live.
        order.flags = (order.flags & !order_flags::COUNTED) | order_flags::DORMANT;
    }
    check_price(order, market, now)
}

/// The part of the arguments that belongs to a kind: all else must be zero.
fn own_arguments(kind: u8, given: &KindArgs) -> KindArgs {
    let mut own = KindArgs { not_before_ms: given.not_before_ms, ..KindArgs::default() };
    if is_conditional(kind) {
        own.trigger_ticks = given.trigger_ticks;
        own.trigger_source = given.trigger_source;
    }
    if kind == OrderKind::TrailingStop as u8 {
        own.trail_bps = given.trail_bps;
    } else if kind == OrderKind::Pegged as u8 {
        own.peg_offset_ticks = given.peg_offset_ticks;
    } else if kind == OrderKind::Twap as u8 {
        own.slice_count = given.slice_count;
        own.slice_interval_s = given.slice_interval_s;
    } else if kind == OrderKind::Iceberg as u8 {
        own.display_lots = given.display_lots;
    }
    own
}

/// A price is there for every kind but those whose worst price is set when they fire or place a slice.
fn check_price(order: &mut Order, market: &Market, now: Now) -> Result<()> {
    let later = is_dormant(order) && (is_market_like(order.kind) || order.kind == OrderKind::Twap as u8);
    if order.price_ticks == 0 && later {
        return Ok(());
    }
    require_cmp!(order.price_ticks, >, 0_u64, EvertideError::OrderPriceOutOfRange);
    require_cmp!(order.price_ticks, <, TICKS_LIMIT, EvertideError::OrderPriceOutOfRange);
    if is_post_only(order) && !is_dormant(order) && order.kind != OrderKind::Pegged as u8 {
        keep_off_the_book(order, market, now.ms)?;
    }
    super::place::require_worth(order, market)
}

fn conditional(order: &mut Order, given: &KindArgs, market: &Market) -> Result<()> {
    require_cmp!(given.trigger_source, <=, TriggerSource::Last as u8, EvertideError::TriggerSourceUnknown);
    let mut terms: ConditionalTerms = bytemuck::cast(order.terms);
    terms.source = given.trigger_source;
    terms.trigger_ticks = given.trigger_ticks;
    if order.kind == OrderKind::TrailingStop as u8 {
        require_cmp!(given.trail_bps, >=, 1_u16, EvertideError::TrailOutOfRange);
        require_cmp!(given.trail_bps, <=, TRAIL_MAX_BPS, EvertideError::TrailOutOfRange);
        terms.trail_bps = given.trail_bps;
        if terms.trigger_ticks == 0 {
            terms.trigger_ticks = trail(source_price(market, terms.source)?, terms.trail_bps, is_ask(order), market)?;
        }
    }
    require_cmp!(terms.trigger_ticks, >, 0_u64, EvertideError::TriggerPriceOutOfRange);
    require_cmp!(terms.trigger_ticks, <, TICKS_LIMIT, EvertideError::TriggerPriceOutOfRange);
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    PriceQ32::from_ticks(Ticks::new(terms.trigger_ticks).or_refuse()?, tick_value).or_refuse()?;
    order.terms = bytemuck::cast(terms);
    Ok(())
}

/// A pegged order is maker only: a price that moves by itself must never take.
fn pegged(order: &mut Order, given: &KindArgs, market: &Market, now: Now) -> Result<()> {
    require!(order.time_in_force == TimeInForce::PostOnly as u8, EvertideError::TimeInForceInvalid);
    let mut terms: PeggedTerms = bytemuck::cast(order.terms);
    terms.offset_ticks = given.peg_offset_ticks;
    order.terms = bytemuck::cast(terms);
    if given.not_before_ms > now.ms {
        return Ok(());
    }
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    // The checks of a post-only order are those of the price at which it rests now.
    let mut shown = *order;
    shown.price_ticks = effective_ticks(order, market)?.ok_or(EvertideError::OrderPriceOutOfRange)?;
    keep_off_the_book(&mut shown, market, now.ms)
}

/// Price of a pegged order now: index plus offset, a bid rounded down and an ask up, never beyond its limit. `None`: out
/// of the range of prices.
pub fn effective_ticks(order: &Order, market: &Market) -> Result<Option<u64>> {
    let terms: PeggedTerms = bytemuck::cast(order.terms);
    let index = PriceQ32::new(market.index_price_q32).or_refuse()?;
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let ask = is_ask(order);
    let Ok(pegged) = pegged_ticks(side(ask), index, terms.offset_ticks, tick_value) else {
        return Ok(None);
    };
    let limit = order.price_ticks;
    Ok(Some(if ask { pegged.get().max(limit) } else { pegged.get().min(limit) }))
}

fn twap(order: &mut Order, given: &KindArgs, market: &Market) -> Result<()> {
    require!(order.time_in_force == TimeInForce::ImmediateOrCancel as u8, EvertideError::TimeInForceInvalid);
    require_cmp!(given.slice_count, >=, SLICES_MIN, EvertideError::TwapScheduleInvalid);
    require_cmp!(given.slice_count, <=, SLICES_MAX, EvertideError::TwapScheduleInvalid);
    require_cmp!(given.slice_interval_s, >=, 1_u32, EvertideError::TwapScheduleInvalid);
    let interval_ms = i64::from(given.slice_interval_s).saturating_mul(MS_PER_SECOND);
    let life_ms = interval_ms.saturating_mul(i64::from(given.slice_count));
    require_cmp!(life_ms, <=, TWAP_MAX_MS, EvertideError::TwapScheduleInvalid);
    let slice_lots = order.size_lots.checked_div(u64::from(given.slice_count)).or_refuse()?;
    require_cmp!(slice_lots, >=, market.terms.order_size_min_lots.max(1), EvertideError::OrderSizeTooSmall);
    let mut terms: TwapTerms = bytemuck::cast(order.terms);
    terms.slice_count = given.slice_count;
    terms.slice_interval_s = given.slice_interval_s;
    order.terms = bytemuck::cast(terms);
    Ok(())
}

fn iceberg(order: &mut Order, given: &KindArgs, market: &Market) -> Result<()> {
    let immediate = order.time_in_force == TimeInForce::ImmediateOrCancel as u8
        || order.time_in_force == TimeInForce::FillOrKill as u8;
    require!(!immediate, EvertideError::TimeInForceInvalid);
    let least = market.terms.order_size_min_lots.max(1);
    require_cmp!(given.display_lots, >=, least, EvertideError::IcebergDisplayInvalid);
    require_cmp!(given.display_lots, <, order.size_lots, EvertideError::IcebergDisplayInvalid);
    let mut terms: IcebergTerms = bytemuck::cast(order.terms);
    terms.display_lots = given.display_lots;
    terms.hidden_lots = order.size_lots.checked_sub(given.display_lots).or_refuse()?;
    order.size_lots = given.display_lots;
    order.terms = bytemuck::cast(terms);
    Ok(())
}
