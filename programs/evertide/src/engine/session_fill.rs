//! One fill inside a match: both holdings, limits, fees, the maker's margin, the market.

use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;
use evertide_math::notional::position_value;
use evertide_math::pnl::Filled;
use evertide_math::{Atoms, Bps, Lots, Side, Ticks};

use super::exposure::exceeds_exchange_cap;
use super::fees::{self, fill_fees, FeeTerms, FillFees};
use super::fill::{self, margin_holds, preview, Exposure, FillTerms, OpenInterest};
use super::iceberg::hidden_lots;
use super::kinds::group_of;
use super::load::Pair;
use super::margin::side_of;
use super::matching::{roll_hash, SkipReason};
use super::orders::{fill_order, is_ask, is_reduce_only, remove};
use super::position::{add_cash, market_side};
use super::session::{opposing_lots, Liquidation, Session};
use super::transfer::keep_insurance_fee;
use crate::error::{EvertideError, OrRefuse};
use crate::events::Fill;
use crate::require_cmp;
use crate::state::FeeTier;

/// Size, price and folded funding of one fill.
pub(super) struct Trade {
    pub(super) lots: u64,
    pub(super) price_ticks: u64,
    pub(super) funding_atoms: i64,
}

impl Session<'_> {
    /// Fills a maker's order as far as both sides reach, or says why it cannot be.
    pub(super) fn fill(
        &mut self,
        pair: &mut Pair,
        slot: usize,
        at: usize,
        funding_atoms: i64,
        price_ticks: u64,
    ) -> Result<Option<SkipReason>> {
        let order = pair.orders.orders[slot];
        let before = pair.user.positions[at];
        let mut lots = self.state.left_lots.min(order.size_lots);
        if is_reduce_only(&order) {
            lots = lots.min(opposing_lots(before.basis_lots, is_ask(&order)));
            if lots == 0 {
                return Ok(Some(SkipReason::NothingToReduce));
            }
        }
        let price = Ticks::new(price_ticks).or_refuse()?;
        let terms = FillTerms { size: Lots::from_order(lots).or_refuse()?, price, tick_value: self.rules.tick_value };
        let taker_side = self.state.taker.side;
        let taker_before = self.taker_user.positions[self.state.position_slot].basis_lots;
        let taken = preview(&self.taker_user.positions[self.state.position_slot], taker_side, &terms)?;
        let made = preview(&before, taker_side.opposite(), &terms)?;
        let interest = OpenInterest::of(self.market)
            .moved(before.basis_lots, made.holding.size.get())?
            .moved(taker_before, taken.holding.size.get())?;
        if let Some(reason) = self.limit(&made, &taken, &interest)? {
            return Ok(Some(reason));
        }
        let maker_tier = *fees::tier_of(self.exchange, &pair.user, self.rules.now.ms)?;
        let Some(charge) = self.charge(&maker_tier, &made, &taken)? else {
            return Ok(Some(SkipReason::Margin));
        };
        fill::write(&mut pair.user.positions[at], self.market, &made, charge.maker_atoms)?;
        fill_order(&mut pair.user, &mut pair.orders, slot, at, lots)?;
        let exposure = Exposure { side: taker_side.opposite(), increases: !made.opened.is_zero(), worst: price };
        let verdict = margin_holds(&pair.user, self.cache, self.market, &exposure, MarginKind::Fill, self.rules.now.ms);
        if !verdict.map(|outcome| outcome.holds).unwrap_or(false) {
            let undone = before.cash_atoms.checked_sub(pair.user.positions[at].cash_atoms).or_refuse()?;
            add_cash(&mut pair.user.positions[at], self.market, undone)?;
            pair.user.positions[at] = before;
            pair.orders.orders[slot] = order;
            return Ok(Some(SkipReason::Margin));
        }
        interest.store(self.market);
        self.take(&taken, &charge, lots, price)?;
        self.record(pair, slot, at, &charge, &Trade { lots, price_ticks, funding_atoms })?;
        Ok(None)
    }

    /// Fees of a fill. `None`: the fill would leave an account in liquidation below zero.
    fn charge(&self, maker_tier: &FeeTier, made: &Filled, taken: &Filled) -> Result<Option<FillFees>> {
        let mut taker_most = None;
        if let Some(liquidation) = &self.state.liquidation {
            let left = self.equity_after(liquidation, taken)?;
            if left < 0 {
                return Ok(None);
            }
            taker_most = Some(Atoms::new(left).or_refuse()?);
        }
        let terms = FeeTerms {
            exchange: self.exchange,
            taker: &self.state.tier,
            maker: maker_tier,
            keeper: self.keeper,
            age_ms: self.rules.now.ms.saturating_sub(self.state.order.placed_ms),
            earners: self.state.earners,
            taker_most,
        };
        let mut charge = fill_fees(&terms, made.notional)?;
        if let (Some(liquidation), Some(most)) = (&self.state.liquidation, taker_most) {
            let rate = if liquidation.rates.ordinary { Bps::ZERO } else { liquidation.rates.insurance };
            let wanted = made.notional.ratio_floor(rate).or_refuse()?.get();
            charge.insurance_atoms = wanted.min(most.get().saturating_sub(charge.taker_atoms));
        }
        Ok(Some(charge))
    }

    /// Equity of the account in liquidation after a fill at its price, before fees.
    fn equity_after(&self, liquidation: &Liquidation, taken: &Filled) -> Result<i64> {
        let before = &self.taker_user.positions[self.state.position_slot];
        let size = Lots::new(before.basis_lots).or_refuse()?;
        let held = position_value(size, Atoms::new(before.cash_atoms).or_refuse()?, liquidation.mark).or_refuse()?;
        let after = position_value(taken.holding.size, taken.holding.cash, liquidation.mark).or_refuse()?;
        liquidation.equity.checked_add(after.minus(held).or_refuse()?.get()).or_refuse()
    }

    /// Limits that a fill must respect: the maker is passed over, the taker's own limit fails the match.
    fn limit(&self, made: &Filled, taken: &Filled, interest: &OpenInterest) -> Result<Option<SkipReason>> {
        let most = self.market.terms.position_max_lots;
        if !taken.opened.is_zero() {
            require!(!self.rules.reduce_only, EvertideError::MarketStatusForbids);
            require_cmp!(taken.holding.size.magnitude(), <=, most, EvertideError::PositionLimitExceeded);
            if self.drains(taken) {
                return Ok(Some(SkipReason::OpenInterestLimit));
            }
        }
        if !made.opened.is_zero() {
            if self.rules.reduce_only {
                return Ok(Some(SkipReason::ReduceOnlyMarket));
            }
            if made.holding.size.magnitude() > most {
                return Ok(Some(SkipReason::PositionLimit));
            }
            if self.drains(made) {
                return Ok(Some(SkipReason::OpenInterestLimit));
            }
        }
        if interest.exceeds_limit(self.market) {
            return Ok(Some(SkipReason::OpenInterestLimit));
        }
        let capped = exceeds_exchange_cap(self.exchange, self.cache, self.market, interest.lots)?;
        Ok(capped.then_some(SkipReason::ExchangeNotionalLimit))
    }

    /// Whether a position grew on a side that only drains.
    fn drains(&self, filled: &Filled) -> bool {
        market_side(self.market, side_of(filled.holding.size.get())).is_drain_only()
    }

    /// Writes the taker's part of a fill.
    fn take(&mut self, taken: &Filled, charge: &FillFees, lots: u64, price: Ticks) -> Result<()> {
        let at = self.state.position_slot;
        let charged = charge.taker_atoms.checked_add(charge.insurance_atoms).or_refuse()?;
        if let Some(mut liquidation) = self.state.liquidation {
            liquidation.equity = self.equity_after(&liquidation, taken)?.checked_sub(charged).or_refuse()?;
            self.state.liquidation = Some(liquidation);
        }
        fill::write(&mut self.taker_user.positions[at], self.market, taken, charged)?;
        if let Some(orders) = self.taker_orders.as_mut() {
            fill_order(self.taker_user, orders, self.state.order_slot, at, lots)?;
            if group_of(&self.state.order) != 0 {
                self.link_taker(lots, price.get())?;
            }
        }
        let insurance = charge.insurance_atoms.unsigned_abs();
        self.state.outcome.insurance_atoms = self.state.outcome.insurance_atoms.checked_add(insurance).or_refuse()?;
        keep_insurance_fee(self.market, insurance)?;
        self.state.left_lots = self.state.left_lots.checked_sub(lots).or_refuse()?;
        self.widen_exposure(price, !taken.opened.is_zero());
        let notional = taken.notional.magnitude();
        self.state.outcome.notional_atoms = self.state.outcome.notional_atoms.checked_add(notional).or_refuse()?;
        self.state.outcome.add_rewards(charge)?;
        fees::keep_protocol_part(self.market, self.exchange, charge.split.protocol.magnitude())
    }

    /// Writes what a fill leaves behind at the maker and in the market, and its line of the event.
    fn record(&mut self, pair: &mut Pair, slot: usize, at: usize, charge: &FillFees, trade: &Trade) -> Result<()> {
        let Trade { lots, price_ticks, funding_atoms } = *trade;
        let order = pair.orders.orders[slot];
        let held = pair.user.positions[at];
        let maker_sequence = pair.user.sequence;
        self.state.outcome.fills.push(Fill {
            maker: *pair.user.address(),
            order_id: order.order_id,
            client_order_id: order.client_order_id,
            price_ticks,
            size_lots: lots,
            maker_fee_atoms: charge.maker_atoms,
            taker_fee_atoms: charge.taker_atoms,
            maker_funding_atoms: funding_atoms,
            maker_position_lots_after: held.basis_lots,
            maker_cash_atoms_after: held.cash_atoms,
            maker_remaining_lots: order.size_lots,
            improvement_atoms: self.improvement(price_ticks, lots),
            maker_sequence,
        });
        let notional = price_ticks.saturating_mul(self.market.atoms_per_lot_tick).saturating_mul(lots);
        fees::add_volume(&mut pair.user, notional, self.rules.now.ms)?;
        pair.user.sequence = maker_sequence.checked_add(1).or_refuse()?;
        let closed = is_reduce_only(&order) && held.basis_lots == 0;
        if group_of(&order) != 0 {
            self.link_maker(pair, slot, trade, closed)?;
        }
        if order.size_lots == 0 || closed {
            if closed || hidden_lots(&order) == 0 {
                remove(&mut pair.user, &mut pair.orders, slot)?;
            } else {
                self.refill_maker(pair, slot, at)?;
            }
        }
        self.market.last_fill_ticks = price_ticks;
        self.market.fill_count = self.market.fill_count.saturating_add(1);
        self.market.event_hash = roll_hash(self.market.event_hash, pair.orders.address(), price_ticks, lots);
        Ok(())
    }

    /// What the taker got better than its effective limit, atoms; a figure of the event, nothing is paid by it.
    fn improvement(&self, price_ticks: u64, lots: u64) -> u64 {
        let better_ticks = self.state.taker.limit.get().abs_diff(price_ticks);
        better_ticks.saturating_mul(self.market.atoms_per_lot_tick).saturating_mul(lots)
    }

    fn widen_exposure(&mut self, price: Ticks, increases: bool) {
        let side = self.state.taker.side;
        let exposure = self.state.exposure.get_or_insert(Exposure { side, increases, worst: price });
        exposure.increases |= increases;
        exposure.worst = match side {
            Side::Bid => exposure.worst.max(price),
            Side::Ask => exposure.worst.min(price),
        };
    }
}
