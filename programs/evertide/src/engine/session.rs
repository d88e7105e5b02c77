//! One match from its first maker to its last: what `match_orders` does between loading accounts and its event.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;
use evertide_math::PriceQ32;

use super::fees;
use super::fill::{margin_holds, Exposure};
use super::iceberg::hidden_lots;
use super::liquidation::Rates;
use super::load::Pair;
use super::matching::{nothing_filled, refusal, PriorityGuard, Rules, SkipReason, Taker};
use super::orders::{find_order, is_ask, is_reduce_only, live_from_id, reduce_size, remove};
use super::place::side;
use super::position::{find, fold_position};
use super::rewards::{owe, Earners};
use crate::error::{EvertideError, OrRefuse};
use crate::events::{Fill, LinkedOrder, Skip};
use crate::instructions::keeper::match_orders::{MakerRef, OWN_ORDERS};
use crate::require_cmp;
use crate::state::{Exchange, FeeTier, Market, Order, OrderKind, Orders, RiskCache, SelfTradeRule, TimeInForce, User};

/// A match under way.
pub struct Session<'a> {
    pub exchange: &'a Exchange,
    pub cache: &'a RiskCache,
    pub market: &'a mut Market,
    pub taker_user: &'a mut User,
    /// None when the taker is a liquidation: it has no order.
    pub taker_orders: Option<&'a mut Orders>,
    pub taker_user_key: Address,
    pub taker_orders_key: Address,
    /// Whether a keeper's account is there to be credited.
    pub keeper: bool,
    pub rules: Rules,
    pub(super) state: State,
}

/// What the fills so far amount to.
pub(super) struct State {
    pub(super) taker: Taker,
    pub(super) order_slot: usize,
    pub(super) position_slot: usize,
    /// The taker's order as it was at the start.
    pub(super) order: Order,
    pub(super) tier: FeeTier,
    /// Who brought the taker.
    pub(super) earners: Earners,
    pub(super) left_lots: u64,
    pub(super) exposure: Option<Exposure>,
    pub(super) guard: PriorityGuard,
    pub(super) last_reason: Option<SkipReason>,
    /// A self-trade rule took an order out: the match has done something without a fill.
    pub(super) self_trade: bool,
    /// What a liquidation may charge, and what is left of the account's equity.
    pub(super) liquidation: Option<Liquidation>,
    pub(super) outcome: Outcome,
}

/// A taker that is a position in liquidation.
#[derive(Clone, Copy, Debug)]
pub struct Liquidation {
    pub rates: Rates,
    /// Price at which the account is valued.
    pub mark: PriceQ32,
    /// Equity left after the fills so far, atoms.
    pub equity: i64,
    /// Most lots.
    pub lots: u64,
}

/// What the event tells.
#[derive(Default)]
pub struct Outcome {
    pub fills: Vec<Fill>,
    pub skips: Vec<Skip>,
    /// Orders that the fills of others moved.
    pub linked: Vec<LinkedOrder>,
    pub keeper_atoms: u64,
    /// Charged for the builder, of which it gets `builder_atoms`.
    pub builder_fee_atoms: u64,
    pub builder_atoms: u64,
    pub referrer_atoms: u64,
    /// Code of the builder that earns; 0 = none.
    pub builder_code: u8,
    /// Insurance fees of a liquidation.
    pub insurance_atoms: u64,
    pub notional_atoms: u64,
    pub taker_funding_atoms: i64,
    pub taker_position_lots: i64,
    pub taker_cash_atoms: i64,
    pub taker_remaining_lots: u64,
    pub taker_client_order_id: u64,
    pub taker_limit_ticks: u64,
    pub taker_ask: bool,
}

/// Accounts and references that a session needs.
pub struct Parts<'a> {
    pub exchange: &'a Exchange,
    pub cache: &'a RiskCache,
    pub market: &'a mut Market,
    pub taker_user: &'a mut User,
    pub taker_orders: &'a mut Orders,
    pub taker_user_key: Address,
    pub taker_orders_key: Address,
    pub taker_order_id: u64,
    pub keeper: bool,
    pub now: crate::guards::Now,
}

impl<'a> Session<'a> {
    /// Checks the market and the taker, and folds the taker's position.
    pub fn start(parts: Parts<'a>) -> Result<Self> {
        let Parts { exchange, cache, market, taker_user, taker_orders, taker_user_key, taker_orders_key, .. } = parts;
        let rules = Rules::of(market, exchange, parts.now)?;
        require!(taker_user.liquidation_start_ms == 0, EvertideError::UserInLiquidation);
        let order_slot = find_order(taker_orders, parts.taker_order_id).ok_or(EvertideError::OrderNotFound)?;
        let order = taker_orders.orders[order_slot];
        let live_from = live_from_id(taker_user, taker_orders, parts.now);
        let taker = Taker::of(&order, &taker_orders_key, live_from, market, &rules)?;
        let position_slot = find(taker_user, market.index).ok_or(EvertideError::UserInvariantViolated)?;
        let fold = fold_position(&mut taker_user.positions[position_slot], market)?;
        let held = taker_user.positions[position_slot].basis_lots;
        let left_lots = if is_reduce_only(&order) {
            order.size_lots.min(opposing_lots(held, is_ask(&order)))
        } else {
            order.size_lots
        };
        require!(left_lots != 0, EvertideError::ReduceOnlyWouldIncrease);
        let tier = *fees::tier_of(exchange, taker_user, parts.now.ms)?;
        let earners = Earners::of(exchange, taker_user, &order);
        let outcome = Outcome {
            builder_code: if earners.builder.is_some() { order.builder_plus_one } else { 0 },
            taker_funding_atoms: fold.funding_atoms,
            taker_client_order_id: order.client_order_id,
            taker_limit_ticks: taker.limit.get(),
            taker_ask: is_ask(&order),
            ..Outcome::default()
        };
        let state = State {
            taker,
            order_slot,
            position_slot,
            order,
            tier,
            earners,
            left_lots,
            exposure: None,
            guard: PriorityGuard::default(),
            last_reason: None,
            self_trade: false,
            liquidation: None,
            outcome,
        };
        Ok(Self {
            exchange,
            cache,
            market,
            taker_user,
            taker_orders: Some(taker_orders),
            taker_user_key,
            taker_orders_key,
            keeper: parts.keeper,
            rules,
            state,
        })
    }

    /// Offers the named makers in their order until the taker has enough.
    pub fn offer_all(&mut self, pairs: &mut [Pair], makers: &[MakerRef]) -> Result<()> {
        for maker in makers {
            if self.state.left_lots == 0 {
                break;
            }
            if maker.account == OWN_ORDERS {
                self.offer_own(maker.order_id)?;
            } else {
                let pair = pairs.get_mut(usize::from(maker.account)).ok_or(EvertideError::RemainingAccountInvalid)?;
                self.offer(pair, maker.order_id)?;
            }
        }
        Ok(())
    }

    /// Offers one maker's order to the taker: fills it, or passes it over with a reason.
    #[inline(never)]
    fn offer(&mut self, pair: &mut Pair, order_id: u64) -> Result<()> {
        let maker = *pair.user.address();
        let orders_key = *pair.orders.address();
        let Some(slot) = find_order(&pair.orders, order_id) else {
            return self.pass_over(Skip { maker, order_id, ..Skip::default() }, SkipReason::Missing);
        };
        let mut order = pair.orders.orders[slot];
        let mut skip = Skip { maker, order_id, maker_sequence: pair.user.sequence, ..Skip::default() };
        if order.kind == OrderKind::Pegged as u8 && !self.peg(&mut order)? {
            return self.pass_over(skip, SkipReason::PegNotReady);
        }
        let live_from = live_from_id(&pair.user, &pair.orders, self.rules.now);
        let mut reason = self.admit(&order, &orders_key, live_from)?;
        if reason.is_none() && address_eq(&pair.user.authority, &self.taker_user.authority) {
            skip.removed = self.self_trade(Some(pair), slot, &order)?;
            reason = Some(SkipReason::SelfTrade);
        } else if reason.is_none() && pair.user.liquidation_start_ms != 0 {
            reason = Some(SkipReason::InLiquidation);
        } else if reason.is_none() {
            let at = find(&pair.user, self.market.index).ok_or(EvertideError::UserInvariantViolated)?;
            let fold = fold_position(&mut pair.user.positions[at], self.market)?;
            reason = self.fill(pair, slot, at, fold.funding_atoms, order.price_ticks)?;
            skip.funding_atoms = fold.funding_atoms;
        }
        let Some(reason) = reason else {
            return Ok(());
        };
        if matches!(reason, SkipReason::Void | SkipReason::Expired | SkipReason::NothingToReduce) {
            remove(&mut pair.user, &mut pair.orders, slot)?;
            skip.removed = true;
        }
        if skip.removed || skip.funding_atoms != 0 || reason == SkipReason::SelfTrade {
            pair.user.sequence = pair.user.sequence.checked_add(1).or_refuse()?;
        }
        self.pass_over(skip, reason)
    }

    /// Offers the taker an order of its own account: only the self-trade rule can apply.
    #[inline(never)]
    fn offer_own(&mut self, order_id: u64) -> Result<()> {
        let mut skip = Skip { maker: self.taker_user_key, order_id, ..Skip::default() };
        skip.maker_sequence = self.taker_user.sequence;
        let Some(orders) = self.taker_orders.as_ref() else {
            return self.pass_over(skip, SkipReason::SelfTrade);
        };
        let Some(slot) = find_order(orders, order_id) else {
            return self.pass_over(skip, SkipReason::Missing);
        };
        let mut order = orders.orders[slot];
        let live_from = live_from_id(self.taker_user, orders, self.rules.now);
        if order.kind == OrderKind::Pegged as u8 && !self.peg(&mut order)? {
            return self.pass_over(skip, SkipReason::PegNotReady);
        }
        let key = self.taker_orders_key;
        let reason = self.admit(&order, &key, live_from)?;
        if let Some(reason) = reason {
            return self.pass_over(skip, reason);
        }
        skip.removed = self.self_trade(None, slot, &order)?;
        self.pass_over(skip, SkipReason::SelfTrade)
    }

    fn admit(&mut self, order: &Order, orders_key: &Address, epoch: u64) -> Result<Option<SkipReason>> {
        let maker_side = self.state.taker.side.opposite();
        if order.market_index != self.market.index || side(is_ask(order)) != maker_side {
            return Ok(Some(SkipReason::Mismatch));
        }
        self.state.guard.admit(maker_side, order, orders_key)?;
        refusal(&self.state.taker, order, orders_key, epoch, self.market, &self.rules)
    }

    fn pass_over(&mut self, mut skip: Skip, reason: SkipReason) -> Result<()> {
        skip.reason = reason as u8;
        self.state.last_reason = Some(reason);
        self.state.outcome.skips.push(skip);
        Ok(())
    }

    /// Applies the taker's self-trade rule to two orders of one authority. Returns whether the maker's was taken out.
    /// A liquidation has no rule: it passes the maker over.
    fn self_trade(&mut self, pair: Option<&mut Pair>, slot: usize, maker: &Order) -> Result<bool> {
        let Some(taker_orders) = self.taker_orders.as_mut() else {
            return Ok(false);
        };
        self.state.self_trade = true;
        let rule = self.state.order.self_trade;
        let shared = self.state.left_lots.min(maker.size_lots);
        let (from_taker, from_maker) = if rule == SelfTradeRule::CancelNewest as u8 {
            // The maker is always the older of the two.
            (taker_orders.orders[self.state.order_slot].size_lots, 0)
        } else if rule == SelfTradeRule::CancelOldest as u8 {
            (0, maker.size_lots)
        } else {
            (shared, shared)
        };
        match pair {
            Some(pair) => reduce_size(&mut pair.user, &mut pair.orders, slot, from_maker)?,
            None => reduce_size(self.taker_user, taker_orders, slot, from_maker)?,
        }
        if from_taker != 0 {
            reduce_size(self.taker_user, taker_orders, self.state.order_slot, from_taker)?;
            self.state.left_lots = self.state.left_lots.saturating_sub(from_taker);
        }
        Ok(from_maker == maker.size_lots)
    }

    /// Ends the match: the taker's margin, its order, the market's counters. A match that did nothing fails.
    #[inline(never)]
    pub fn finish(mut self) -> Result<Outcome> {
        let filled = !self.state.outcome.fills.is_empty();
        if !filled && !self.state.self_trade {
            return Err(nothing_filled(self.state.last_reason).into());
        }
        let position = &self.taker_user.positions[self.state.position_slot];
        self.state.outcome.taker_position_lots = position.basis_lots;
        self.state.outcome.taker_cash_atoms = position.cash_atoms;
        if self.state.liquidation.is_none() {
            self.finish_order()?;
        }
        if filled {
            owe(self.market, self.taker_orders.as_deref_mut(), &self.state.earners, &self.state.outcome)?;
            let notional = self.state.outcome.notional_atoms;
            fees::add_volume(self.taker_user, notional, self.rules.now.ms)?;
            self.market.volume_atoms = self.market.volume_atoms.saturating_add(notional);
            self.market.last_fill_ms = self.rules.now.ms;
        }
        Ok(self.state.outcome)
    }

    /// What holds for a taker with an order: all or nothing, margin after the fills, a finished order leaves its slot.
    fn finish_order(&mut self) -> Result<()> {
        let slot = self.state.order_slot;
        let Some(orders) = self.taker_orders.as_mut() else {
            return Ok(());
        };
        let order = orders.orders[slot];
        if self.state.order.time_in_force == TimeInForce::FillOrKill as u8 {
            let done = order.filled_lots.saturating_sub(self.state.order.filled_lots);
            require_cmp!(done, ==, self.state.order.size_lots, EvertideError::FillOrKillNotFilled);
        }
        if let Some(exposure) = &self.state.exposure {
            let kind = MarginKind::Initial;
            let now_ms = self.rules.now.ms;
            let verdict = margin_holds(self.taker_user, self.cache, self.market, exposure, kind, now_ms)?;
            verdict.require(EvertideError::TakerMarginTooLow)?;
        }
        self.state.outcome.taker_remaining_lots = order.size_lots;
        let held_lots = self.state.outcome.taker_position_lots;
        let closed = is_reduce_only(&order) && held_lots == 0;
        if order.order_id != 0 && (order.size_lots == 0 || closed) {
            if closed || hidden_lots(&order) == 0 {
                remove(self.taker_user, orders, slot)?;
            } else {
                self.refill_taker()?;
            }
        }
        Ok(())
    }
}

/// Lots that a reduce-only order can close of what is held.
pub(super) fn opposing_lots(held_lots: i64, ask: bool) -> u64 {
    if (ask && held_lots > 0) || (!ask && held_lots < 0) {
        held_lots.unsigned_abs()
    } else {
        0
    }
}
