//! Orders that wait: when a conditional one fires, how a trailing trigger follows, and what makes a dormant order live.
//!
//! A dormant order reserves nothing. What makes it live passes every check of placing it now; what does not is cancelled
//! with an outcome, so that it can neither fire again later nor hang in its slot.

use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::round::{mul_div_ceil, mul_div_floor};
use evertide_math::units::{BPS_ONE, TICKS_LIMIT};
use evertide_math::{AtomsPerLotTick, PriceQ32, Ticks};

use super::groups;
use super::kinds::{group_of, is_conditional, is_dormant, is_market_like, slippage_and_fee};
use super::margin::{self, Freshness};
use super::oracle::with_staleness;
use super::orders::{is_ask, is_post_only, is_reduce_only, remove};
use super::place::{keep_off_the_book, require_position_limit, require_status, require_worth, status_now, worst_ticks};
use super::position::{closing_price, count_order, find};
use super::session::opposing_lots;
use crate::error::{EvertideError, OrRefuse};
use crate::events::LinkedOrder;
use crate::guards::gate::{require_gate, Gate};
use crate::guards::Now;
use crate::instructions::trader::place_orders::require_notional_caps;
use crate::require_cmp;
use crate::state::{
    order_flags, ConditionalTerms, Exchange, Market, Order, OrderKind, Orders, PlainTerms, RiskCache, TriggerSource,
    User,
};

/// What became of an order that was to become live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WakeOutcome {
    /// It is live.
    Live = 0,
    /// Cancelled: equity is below the initial margin requirement with it.
    InitialMargin = 1,
    /// Cancelled: it may only reduce, and there is nothing on its side to reduce.
    NothingToReduce = 2,
    /// Cancelled: the position could become larger than the market allows.
    PositionLimit = 3,
    /// Cancelled: the caps on the user's notional.
    NotionalCap = 4,
    /// Cancelled: a post-only order would cross the best price shown.
    PostOnlyWouldCross = 5,
}

/// The price that a conditional order watches, per lot.
pub fn source_price(market: &Market, source: u8) -> Result<PriceQ32> {
    if source == TriggerSource::Last as u8 {
        require!(market.last_fill_ticks != 0, EvertideError::MarketHasNoPrice);
        let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
        return PriceQ32::from_ticks(Ticks::new(market.last_fill_ticks).or_refuse()?, tick_value).or_refuse();
    }
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    if source == TriggerSource::Index as u8 {
        return PriceQ32::new(market.index_price_q32).or_refuse();
    }
    closing_price(market)
}

/// Refuses while the oracle's validity does not allow triggers.
pub fn require_trigger_allowed(market: &Market, now: Now) -> Result<()> {
    let rules = &market.terms.oracle;
    let bits = with_staleness(market.validity, rules, market.publish_time_ms, now.ms);
    require!(is_allowed(&rules.refused, OracleAction::Trigger, bits), EvertideError::OracleValidityForbids);
    Ok(())
}

/// Refuses until the watched price is at the trigger or beyond: a stop fires on an adverse price, a take-profit on a
/// better one. What counts is the price now; a price that came and went unseen does not fire.
pub fn require_reached(order: &Order, market: &Market) -> Result<()> {
    let terms: ConditionalTerms = bytemuck::cast(order.terms);
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let trigger = PriceQ32::from_ticks(Ticks::new(terms.trigger_ticks).or_refuse()?, tick_value).or_refuse()?.get();
    let price = source_price(market, terms.source)?.get();
    let takes_profit =
        order.kind == OrderKind::TakeProfitMarket as u8 || order.kind == OrderKind::TakeProfitLimit as u8;
    if is_ask(order) == takes_profit {
        require_cmp!(price, >=, trigger, EvertideError::TriggerNotReached);
    } else {
        require_cmp!(price, <=, trigger, EvertideError::TriggerNotReached);
    }
    Ok(())
}

/// Trigger of a trailing stop at a price: below it for an ask, rounded down; above it for a bid, rounded up. Rounding
/// away from the price never fires early.
pub fn trail(price: PriceQ32, trail_bps: u16, ask: bool, market: &Market) -> Result<u64> {
    let tick_value = AtomsPerLotTick::new(market.atoms_per_lot_tick).or_refuse()?;
    let ticks = if ask { price.ticks_floor(tick_value) } else { price.ticks_ceil(tick_value) };
    trail_from_ticks(ticks.or_refuse()?.get(), trail_bps, ask)
}

/// [`trail`] from a price in ticks.
pub fn trail_from_ticks(price_ticks: u64, trail_bps: u16, ask: bool) -> Result<u64> {
    let (whole, part) = (u64::from(BPS_ONE), u64::from(trail_bps));
    let ticks = if ask {
        mul_div_floor(price_ticks, whole.saturating_sub(part), whole).or_refuse()?
    } else {
        mul_div_ceil(price_ticks, whole.saturating_add(part), whole).or_refuse()?
    };
    Ok(ticks.clamp(1, TICKS_LIMIT.saturating_sub(1)))
}

/// What waking an order reads beside its user.
pub struct Surroundings<'a> {
    pub exchange: &'a Exchange,
    pub cache: &'a RiskCache,
    pub market: &'a Market,
    pub now: Now,
}

impl Surroundings<'_> {
    /// New risk passes its gate, and the market must take the order in its present status: both only postpone it.
    pub fn require_open(&self, order: &Order) -> Result<()> {
        if !is_reduce_only(order) {
            require_gate(self.exchange, Gate::PlaceOrders, self.now.ms)?;
        }
        require_status(order, status_now(self.market, self.now.ms))
    }

    /// Worst price of a market order now: its slippage, or the market's default, from index.
    pub fn worst_ticks(&self, order: &Order) -> Result<u64> {
        let (own_bps, _) = slippage_and_fee(order);
        worst_ticks(self.market, is_ask(order), own_bps)
    }

    /// Counts an order that becomes live, and checks it as a new one. Rows must be fresh for new risk.
    pub fn reserve(&self, user: &mut User, order: &mut Order) -> Result<WakeOutcome> {
        let at = find(user, order.market_index).ok_or(EvertideError::UserInvariantViolated)?;
        if is_reduce_only(order) {
            order.size_lots = order.size_lots.min(opposing_lots(user.positions[at].basis_lots, is_ask(order)));
            return Ok(if order.size_lots == 0 { WakeOutcome::NothingToReduce } else { WakeOutcome::Live });
        }
        order.flags |= order_flags::COUNTED;
        count_order(&mut user.positions[at], order, order.size_lots)?;
        if require_position_limit(&user.positions[at], self.market, is_ask(order)).is_err() {
            return Ok(WakeOutcome::PositionLimit);
        }
        let freshness = Freshness { now_ms: self.now.ms, required: true };
        let valuation = margin::value(user, self.cache, MarginKind::Initial, freshness)?;
        if valuation.excess_atoms() < 0 {
            return Ok(WakeOutcome::InitialMargin);
        }
        if require_notional_caps(self.exchange, user, &valuation).is_err() {
            return Ok(WakeOutcome::NotionalCap);
        }
        Ok(WakeOutcome::Live)
    }
}

/// Makes a dormant order live, as if it were placed now; or cancels it and says why. Returns it as it was last.
#[inline(never)]
pub fn wake(
    key: Address,
    user: &mut User,
    orders: &mut Orders,
    slot: usize,
    around: &Surroundings,
    linked: &mut Vec<LinkedOrder>,
) -> Result<(WakeOutcome, Order)> {
    let mut order = orders.orders[slot];
    require!(is_dormant(&order) && order.kind != OrderKind::Twap as u8, EvertideError::OrderKindMismatch);
    require!(order.size_lots != 0, EvertideError::ExitWaitsForEntry);
    require_cmp!(around.now.ms, >=, order.placed_ms, EvertideError::OrderNotDue);
    if is_conditional(order.kind) {
        require_trigger_allowed(around.market, around.now)?;
        require_reached(&order, around.market)?;
        make_plain(&mut order);
    }
    around.require_open(&order)?;
    if is_market_like(order.kind) && order.price_ticks == 0 {
        order.price_ticks = around.worst_ticks(&order)?;
        require_worth(&order, around.market)?;
    }
    order.flags &= !order_flags::DORMANT;
    order.placed_slot = around.now.slot;
    order.placed_ms = around.now.ms;
    let crosses = is_post_only(&order)
        && order.kind != OrderKind::Pegged as u8
        && keep_off_the_book(&mut order, around.market, around.now.ms).is_err();
    let outcome = if crosses { WakeOutcome::PostOnlyWouldCross } else { around.reserve(user, &mut order)? };
    orders.orders[slot] = order;
    if is_reduce_only(&order) && group_of(&order) != 0 {
        groups::end_entry(key, user, orders, &order, linked)?;
    }
    if outcome != WakeOutcome::Live {
        remove(user, orders, slot)?;
    }
    Ok((outcome, order))
}

/// A conditional order that fires is the limit or market order that it stood for.
fn make_plain(order: &mut Order) {
    let terms: ConditionalTerms = bytemuck::cast(order.terms);
    order.kind = if is_market_like(order.kind) { OrderKind::Market as u8 } else { OrderKind::Limit as u8 };
    order.terms = bytemuck::cast(PlainTerms {
        max_slippage_bps: terms.max_slippage_bps,
        builder_fee_tenth_bps: terms.builder_fee_tenth_bps,
        group: terms.group,
        ..PlainTerms::default()
    });
}
