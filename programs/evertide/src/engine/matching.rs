//! Matching one taker order with makers in priority order. The keeper is trusted with nothing.
//!
//! A maker that cannot trade is passed over with a reason; one whose order is dead is taken out. What must not depend
//! on the keeper fails the whole match: a wrong order of makers, a taker that may not take, a fill without margin.

use anchor_lang::prelude::*;
use core::cmp::Ordering;
use evertide_math::bands::{breaker_trips, exceeds_slippage, ramp, scaled_band, taker_limit};
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::priority::{compare, order_hash, OrderRank};
use evertide_math::{AtomsPerLotTick, Bps, Millis, PriceQ32, RateE9, Side, Ticks};

use super::kinds::is_dormant;
use super::oracle::with_staleness;
use super::orders::{is_ask, is_immediate, is_live, is_post_only, is_void};
use super::place::{auction_start_ticks, plain_terms, side, status_now};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::gate::is_closed;
use crate::guards::{Gate, Now};
use crate::state::{Exchange, Market, MarketStatus, Order};

/// The one-minute stress move is this many times the volatility at which the band has its listed width.
const STRESS_TO_REFERENCE: u32 = 8;
/// Rate units (1e-9) of one basis point.
const RATE_E9_PER_BPS: u32 = 100_000;

/// Why a maker was passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SkipReason {
    /// No such order in the account: filled or cancelled before.
    Missing = 1,
    /// Voided by a liquidation or by the dead-man's deadline; taken out.
    Void = 2,
    /// Past its expiry or its deadline; taken out.
    Expired = 3,
    /// Another market or the same side as the taker.
    Mismatch = 4,
    /// Still in its taker phase, immediate, or dormant: it does not rest.
    NotResting = 5,
    /// Placed too late to be maker for this taker.
    Younger = 6,
    /// Its price does not reach the taker's effective limit.
    NotCrossing = 7,
    /// Its price lies outside the fill band or the taker's slippage limit.
    OutsideBand = 8,
    /// Both belong to one authority; the taker's self-trade rule was applied.
    SelfTrade = 9,
    /// Reduce-only without anything to reduce; taken out.
    NothingToReduce = 10,
    /// Its user would be left below the margin it needs.
    Margin = 11,
    /// Its user would pass the market's position limit.
    PositionLimit = 12,
    /// Open interest would pass the market's limit, or its side only drains.
    OpenInterestLimit = 13,
    /// Only reductions are allowed now, and it would increase.
    ReduceOnlyMarket = 14,
    /// Its user is being liquidated.
    InLiquidation = 15,
    /// Open interest of the whole exchange would pass its cap.
    ExchangeNotionalLimit = 16,
    /// Pegged, and the index is not younger than its counterparty, not good enough, or puts it out of range.
    PegNotReady = 17,
}

/// What holds for every fill of one instruction.
pub struct Rules {
    pub now: Now,
    pub tick_value: AtomsPerLotTick,
    pub index: PriceQ32,
    pub twap: PriceQ32,
    /// Half width of the fill band around index and TWAP.
    pub band: Bps,
    /// No party may increase.
    pub reduce_only: bool,
}

impl Rules {
    /// The rules of a market that can match now, or why it cannot.
    pub fn of(market: &Market, exchange: &Exchange, now: Now) -> Result<Self> {
        require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
        let status = status_now(market, now.ms);
        let matches = status == MarketStatus::Active as u8 || status == MarketStatus::ReduceOnly as u8;
        require!(matches, EvertideError::MarketCannotMatch);
        let rules = &market.terms.oracle;
        let bits = with_staleness(market.validity, rules, market.publish_time_ms, now.ms);
        let allowed = is_allowed(&rules.refused, OracleAction::Fill, bits);
        require!(allowed, EvertideError::OracleValidityForbids);
        let reduce_only = status != MarketStatus::Active as u8 || is_closed(exchange, Gate::MatchOrders, now.ms);
        Self::with(market, reduce_only, now)
    }

    /// The rules of a liquidation: neither a breaker's cool-down nor a gate or a pause stops one.
    ///
    /// The band around the TWAP does not hold for it: a fast move would lock liquidations out just when they are due, and
    /// the limit around the index, which is the fee's width, is closer than any band.
    pub fn of_liquidation(market: &Market, now: Now) -> Result<Self> {
        require!(market.status <= MarketStatus::ReduceOnly as u8, EvertideError::MarketCannotMatch);
        let reduce_only = market.latch != 0 || market.status == MarketStatus::ReduceOnly as u8;
        Ok(Self { twap: PriceQ32::ZERO, ..Self::with(market, reduce_only, now)? })
    }

    fn with(market: &Market, reduce_only: bool, now: Now) -> Result<Self> {
        Ok(Self {
            now,
            tick_value: AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?,
            index: PriceQ32::new(market.index_price_q32).or_refuse()?,
            twap: PriceQ32::new(market.index_twap_q32).or_refuse()?,
            band: band(market)?,
            reduce_only,
        })
    }

    /// Whether a price lies inside the band around the index and around its TWAP, exactly.
    pub fn inside_band(&self, price: Ticks) -> Result<bool> {
        let price = PriceQ32::from_ticks(price, self.tick_value).or_refuse()?;
        if breaker_trips(self.index, price, self.band).or_refuse()? {
            return Ok(false);
        }
        let off_twap = !self.twap.is_zero() && breaker_trips(self.twap, price, self.band).or_refuse()?;
        Ok(!off_twap)
    }
}

/// Half width of the fill band: the listed one, widened or narrowed by the market's own volatility, at most twofold.
fn band(market: &Market) -> Result<Bps> {
    let listed = Bps::new(u32::from(market.terms.band_bps)).or_refuse()?;
    let reference = u32::from(market.terms.stress_move_bps)
        .saturating_mul(RATE_E9_PER_BPS)
        .checked_div(STRESS_TO_REFERENCE)
        .or_refuse()?;
    if market.volatility_e9 == 0 || reference == 0 {
        return Ok(listed);
    }
    let volatility = RateE9::new(i64::try_from(market.volatility_e9).unwrap_or(i64::MAX)).or_refuse()?;
    scaled_band(listed, volatility, RateE9::new(i64::from(reference)).or_refuse()?).or_refuse()
}

/// The taker of one instruction.
pub struct Taker {
    pub side: Side,
    /// Effective limit now.
    pub limit: Ticks,
    /// Only makers of an earlier slot: it is in its taker phase or immediate.
    pub earlier_slot_only: bool,
    pub placed_slot: u64,
    /// Time of its placement, unix ms: a pegged maker's index must be younger. None for a liquidation, which is placed by
    /// whoever sees the index.
    pub placed_ms: Option<i64>,
    pub hash: u64,
    /// Its own limit on slippage against the index, bps; 0 = none.
    pub max_slippage_bps: u16,
}

/// End of an order's taker phase, unix ms.
#[inline(always)]
fn phase_end_ms(order: &Order) -> i64 {
    order.placed_ms.saturating_add(i64::from(order.taker_phase_s).saturating_mul(1_000))
}

/// Whether an order can only take yet: its limit is still on its way from start to end.
#[inline(always)]
pub fn in_taker_phase(order: &Order, now: Now) -> bool {
    now.ms < phase_end_ms(order)
}

/// Whether an order rests in the book now.
pub fn rests(order: &Order, now: Now) -> bool {
    !is_immediate(order) && !is_dormant(order) && (is_post_only(order) || now.ms >= phase_end_ms(order))
}

impl Taker {
    /// The taker that an order is now, or why it cannot take.
    pub fn of(order: &Order, orders_key: &Address, orders_epoch: u64, market: &Market, rules: &Rules) -> Result<Self> {
        let terms = plain_terms(order);
        let live = is_live(order, orders_epoch, rules.now)
            && order.market_index == market.index
            && !is_post_only(order)
            && !is_dormant(order);
        require!(live, EvertideError::TakerNotLive);
        let taker_side = side(is_ask(order));
        let in_phase = in_taker_phase(order, rules.now);
        Ok(Self {
            side: taker_side,
            limit: if in_phase { phase_limit(order, taker_side, rules)? } else { ticks(order.price_ticks)? },
            earlier_slot_only: in_phase || is_immediate(order),
            placed_slot: order.placed_slot,
            placed_ms: Some(order.placed_ms),
            hash: order_hash(order.placed_slot, orders_key.as_array(), order.order_id),
            max_slippage_bps: terms.max_slippage_bps,
        })
    }

    /// A liquidation as taker: meets makers of an earlier slot, down to its limit.
    pub fn of_liquidation(side: Side, limit: Ticks, now: Now) -> Self {
        Self {
            side,
            limit,
            earlier_slot_only: true,
            placed_slot: now.slot,
            placed_ms: None,
            hash: 0,
            max_slippage_bps: 0,
        }
    }

    /// Whether `maker` may be maker for this taker, by age: earlier slot, or the older of two resting orders.
    pub fn is_younger_than(&self, maker: &Order, maker_orders_key: &Address) -> bool {
        if self.earlier_slot_only || maker.placed_slot != self.placed_slot {
            return maker.placed_slot < self.placed_slot;
        }
        order_hash(maker.placed_slot, maker_orders_key.as_array(), maker.order_id) < self.hash
    }

    /// Whether a maker's price satisfies the effective limit.
    pub fn crosses(&self, price: Ticks) -> bool {
        match self.side {
            Side::Bid => price <= self.limit,
            Side::Ask => price >= self.limit,
        }
    }

    /// Whether a price respects the order's own limit on slippage.
    pub fn inside_slippage(&self, price: Ticks, rules: &Rules) -> Result<bool> {
        if self.max_slippage_bps == 0 {
            return Ok(true);
        }
        let limit = Bps::new(u32::from(self.max_slippage_bps)).or_refuse()?;
        let price = PriceQ32::from_ticks(price, rules.tick_value).or_refuse()?;
        Ok(!exceeds_slippage(self.side, price, rules.index, limit).or_refuse()?)
    }
}

#[inline(always)]
fn ticks(price_ticks: u64) -> Result<Ticks> {
    Ticks::new(price_ticks).or_refuse()
}

/// Limit inside the taker phase: from index +- 5 bps, or the user's own start, to its own limit.
fn phase_limit(order: &Order, side: Side, rules: &Rules) -> Result<Ticks> {
    let own = ticks(order.price_ticks)?;
    let elapsed = Millis::new(rules.now.ms.saturating_sub(order.placed_ms).max(0)).or_refuse()?;
    let phase = Millis::new(i64::from(order.taker_phase_s).saturating_mul(1_000)).or_refuse()?;
    let start_ticks = auction_start_ticks(order);
    if start_ticks != 0 {
        return ramp(ticks(start_ticks)?, own, elapsed, phase).or_refuse();
    }
    taker_limit(side, rules.index, own, elapsed, phase, rules.tick_value).or_refuse()
}

/// Checks that makers come in priority order: better price, earlier slot, lower hash; none twice.
#[derive(Default)]
pub struct PriorityGuard {
    last: Option<(Ticks, u64, u64, Address)>,
}

impl PriorityGuard {
    /// Refuses a maker that should have come before the one ahead of it.
    pub fn admit(&mut self, maker_side: Side, order: &Order, orders_key: &Address) -> Result<()> {
        let price = ticks(order.price_ticks)?;
        if let Some((last_price, last_slot, last_id, last_key)) = &self.last {
            // Hashes decide only between equals: most pairs never need one.
            let tie = *last_price == price && *last_slot == order.placed_slot;
            let hash = |key: &Address, id: u64| if tie { order_hash(order.placed_slot, key.as_array(), id) } else { 0 };
            let last = OrderRank { price: *last_price, placed_slot: *last_slot, hash: hash(last_key, *last_id) };
            let next = OrderRank { price, placed_slot: order.placed_slot, hash: hash(orders_key, order.order_id) };
            let ordered = compare(maker_side, &last, &next) == Ordering::Less;
            require!(ordered, EvertideError::MakerPriorityViolated);
        }
        self.last = Some((price, order.placed_slot, order.order_id, *orders_key));
        Ok(())
    }
}

/// Why a maker order cannot trade with this taker, before anybody's position is looked at.
pub fn refusal(
    taker: &Taker,
    order: &Order,
    orders_key: &Address,
    orders_epoch: u64,
    market: &Market,
    rules: &Rules,
) -> Result<Option<SkipReason>> {
    let price = ticks(order.price_ticks)?;
    Ok(if is_void(order, orders_epoch) {
        Some(SkipReason::Void)
    } else if !is_live(order, orders_epoch, rules.now) {
        Some(SkipReason::Expired)
    } else if order.market_index != market.index || side(is_ask(order)) == taker.side {
        Some(SkipReason::Mismatch)
    } else if !rests(order, rules.now) {
        Some(SkipReason::NotResting)
    } else if !taker.is_younger_than(order, orders_key) {
        Some(SkipReason::Younger)
    } else if !taker.crosses(price) {
        Some(SkipReason::NotCrossing)
    } else if !rules.inside_band(price)? || !taker.inside_slippage(price, rules)? {
        Some(SkipReason::OutsideBand)
    } else {
        None
    })
}

/// The error of a match in which nothing happened, by the reason of its last maker.
pub fn nothing_filled(reason: Option<SkipReason>) -> EvertideError {
    match reason {
        Some(SkipReason::OutsideBand) => EvertideError::PriceOutsideBand,
        Some(SkipReason::OpenInterestLimit) => EvertideError::OpenInterestLimitExceeded,
        Some(SkipReason::ExchangeNotionalLimit) => EvertideError::ExchangeNotionalExceeded,
        Some(SkipReason::PositionLimit) => EvertideError::PositionLimitExceeded,
        _ => EvertideError::NothingFilled,
    }
}

/// Rolls one fill into the market's hash: anyone who replays the fills can check that none was dropped.
pub fn roll_hash(hash: u64, maker_orders_key: &Address, price_ticks: u64, size_lots: u64) -> u64 {
    order_hash(hash ^ price_ticks.rotate_left(32), maker_orders_key.as_array(), size_lots)
}
