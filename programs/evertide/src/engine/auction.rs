//! Answering an order in its taker phase: a fill against somebody who had nothing in the book.

use anchor_lang::prelude::*;
use evertide_math::units::TICKS_LIMIT;
use evertide_math::{Side, Ticks};

use super::load::Pair;
use super::matching::{in_taker_phase, nothing_filled, SkipReason};
use super::orders::{free_place, next_id, seat};
use super::position::{fold_position, require_isolation, slot_for};
use super::session::Session;
use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{order_flags, Order, OrderKind, TimeInForce};

impl Session<'_> {
    /// Fills the taker with the answering maker, up to `size_max_lots`. Returns whether the maker's position grew or turned.
    ///
    /// The maker's side is an order that lives for this fill alone: it takes a free slot and an id, as the event tells,
    /// and never counts in the aggregates.
    #[inline(never)]
    pub fn answer(&mut self, pair: &mut Pair, price_ticks: u64, size_max_lots: u64) -> Result<bool> {
        let now = self.rules.now;
        require!(in_taker_phase(&self.state.order, now), EvertideError::AuctionOver);
        self.require_answer(price_ticks)?;
        require_cmp!(size_max_lots, >, 0_u64, EvertideError::OrderSizeTooSmall);
        require_isolation(&pair.user, self.market, self.cache)?;
        let slot = free_place(&pair.orders).ok_or(EvertideError::OrderSlotsFull)?;
        let at = slot_for(&mut pair.user, self.market)?;
        let fold = fold_position(&mut pair.user.positions[at], self.market)?;
        let held_lots = pair.user.positions[at].basis_lots;
        let answer = Order {
            order_id: next_id(&pair.orders),
            price_ticks,
            size_lots: size_max_lots.min(self.state.left_lots),
            placed_slot: now.slot,
            placed_ms: now.ms,
            market_index: self.market.index,
            kind: OrderKind::Limit as u8,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            flags: if self.state.taker.side == Side::Bid { order_flags::ASK } else { 0 },
            ..Order::default()
        };
        seat(&mut pair.orders, slot, &answer)?;
        let position = &mut pair.user.positions[at];
        position.open_order_count = position.open_order_count.checked_add(1).or_refuse()?;
        match self.fill(pair, slot, at, fold.funding_atoms, price_ticks)? {
            None => {}
            Some(SkipReason::Margin) => return Err(EvertideError::AuctionMarginTooLow.into()),
            Some(SkipReason::ReduceOnlyMarket) => return Err(EvertideError::MarketStatusForbids.into()),
            Some(reason) => return Err(nothing_filled(Some(reason)).into()),
        }
        let lots = pair.user.positions[at].basis_lots;
        let turned = (held_lots < 0) != (lots < 0);
        Ok(lots != 0 && (turned || lots.unsigned_abs() > held_lots.unsigned_abs()))
    }

    /// The price is as good for the taker as its effective limit, and one at which this market fills.
    fn require_answer(&self, price_ticks: u64) -> Result<()> {
        require_cmp!(price_ticks, >, 0_u64, EvertideError::OrderPriceOutOfRange);
        require_cmp!(price_ticks, <, TICKS_LIMIT, EvertideError::OrderPriceOutOfRange);
        let limit_ticks = self.state.taker.limit.get();
        match self.state.taker.side {
            Side::Bid => require_cmp!(price_ticks, <=, limit_ticks, EvertideError::AuctionPriceWorse),
            Side::Ask => require_cmp!(price_ticks, >=, limit_ticks, EvertideError::AuctionPriceWorse),
        }
        let price = Ticks::new(price_ticks).or_refuse()?;
        require!(self.rules.inside_band(price)?, EvertideError::PriceOutsideBand);
        let inside = self.state.taker.inside_slippage(price, &self.rules)?;
        require!(inside, EvertideError::SlippageLimitExceeded);
        Ok(())
    }
}
