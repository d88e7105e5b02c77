//! Best bid and best ask, shown by a keeper as live orders. Nothing is taken on trust: evidence passes every check that
//! a maker passes at a fill, and has rested where anybody could have traded against it.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;
use evertide_math::{Side, Ticks};

use super::load::Pair;
use super::margin::{self, Freshness};
use super::matching::{rests, PriorityGuard, Rules};
use super::orders::{find_order, is_ask, is_live, is_reduce_only, live_from_id};
use super::place::{side, EVIDENCE_AGE_MAX_MS};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::Now;
use crate::instructions::MakerRef;
use crate::require_cmp;
use crate::state::{order_flags, Evidence, Market, Order, OrderKind, RiskCache};

/// Slots that an order must have rested, in a market that could match throughout.
pub const REST_SLOTS: u64 = 10;
/// Most orders of one side.
pub const EVIDENCE_ORDERS_MAX: usize = 16;

/// Checks shown orders against one market.
pub struct Examiner<'a> {
    pub market: &'a Market,
    pub cache: &'a RiskCache,
    pub pairs: &'a [Pair],
    pub rules: &'a Rules,
    /// Bit per pair: its user stands at the margin of a maker.
    pub solvent: u64,
}

impl Examiner<'_> {
    /// The evidence that one side's orders are, best first: its best price and its impact price.
    pub fn examine(&mut self, wanted: Side, refs: &[MakerRef]) -> Result<Option<Evidence>> {
        let Some(first) = refs.first() else {
            return Ok(None);
        };
        require_cmp!(refs.len(), <=, EVIDENCE_ORDERS_MAX, EvertideError::EvidenceInvalid);
        let mut guard = PriorityGuard::default();
        let mut impact = Impact::new(self.market.terms.impact_notional_atoms, self.market.atoms_per_lot_tick);
        for shown in refs {
            let pair = self.pair(shown.account)?;
            let slot = find_order(&pair.orders, shown.order_id).ok_or(EvertideError::EvidenceInvalid)?;
            let order = &pair.orders.orders[slot];
            self.check_order(order, pair, wanted)?;
            guard.admit(wanted, order, pair.orders.address())?;
            let (price_ticks, size_lots) = (order.price_ticks, order.size_lots);
            self.check_user(shown.account)?;
            impact.add(price_ticks, size_lots)?;
        }
        require_cmp!(impact.reached_atoms, >=, impact.wanted_atoms, EvertideError::EvidenceInsufficient);
        let best = self.pair(first.account)?;
        let slot = find_order(&best.orders, first.order_id).ok_or(EvertideError::EvidenceInvalid)?;
        Ok(Some(Evidence {
            orders: *best.orders.address(),
            order_id: first.order_id,
            price_ticks: best.orders.orders[slot].price_ticks,
            impact_ticks: impact.average_ticks(wanted)?,
            shown_ms: self.rules.now.ms,
        }))
    }

    fn pair(&self, account: u8) -> Result<&Pair> {
        self.pairs.get(usize::from(account)).ok_or_else(|| EvertideError::RemainingAccountInvalid.into())
    }

    fn check_order(&self, order: &Order, pair: &Pair, wanted: Side) -> Result<()> {
        let now = self.rules.now;
        let plain = order.market_index == self.market.index
            && side(is_ask(order)) == wanted
            && order.kind == OrderKind::Limit as u8
            && is_live(order, live_from_id(&pair.user, &pair.orders, now), now)
            && rests(order, now)
            && !is_reduce_only(order)
            && order.flags & order_flags::REVEALED == 0
            && pair.user.liquidation_start_ms == 0;
        require!(plain, EvertideError::EvidenceInvalid);
        let since = order.placed_slot.max(self.market.matchable_since_slot);
        let rested = now.slot.saturating_sub(since);
        require_cmp!(rested, >=, REST_SLOTS, EvertideError::EvidenceInvalid);
        let price = Ticks::new(order.price_ticks).or_refuse()?;
        require!(self.rules.inside_band(price)?, EvertideError::PriceOutsideBand);
        Ok(())
    }

    /// The user could stand a fill of all its orders as a maker: not weaker than the fill of the one shown.
    fn check_user(&mut self, account: u8) -> Result<()> {
        let bit = 1_u64.checked_shl(u32::from(account)).ok_or(EvertideError::RemainingAccountInvalid)?;
        if self.solvent & bit != 0 {
            return Ok(());
        }
        let pair = self.pair(account)?;
        let freshness = Freshness { now_ms: self.rules.now.ms, required: true };
        let valuation = margin::value(&pair.user, self.cache, MarginKind::Fill, freshness)?;
        valuation.require_met(EvertideError::EvidenceInvalid)?;
        self.solvent |= bit;
        Ok(())
    }
}

/// Average price of the best orders up to the impact notional.
struct Impact {
    wanted_atoms: u64,
    reached_atoms: u64,
    atoms_per_lot_tick: u64,
    lots: u64,
    lot_ticks: u128,
}

impl Impact {
    fn new(wanted_atoms: u64, atoms_per_lot_tick: u64) -> Self {
        Self { wanted_atoms, reached_atoms: 0, atoms_per_lot_tick, lots: 0, lot_ticks: 0 }
    }

    fn add(&mut self, price_ticks: u64, size_lots: u64) -> Result<()> {
        let missing = self.wanted_atoms.saturating_sub(self.reached_atoms);
        let atoms_per_lot = price_ticks.checked_mul(self.atoms_per_lot_tick).or_refuse()?;
        let needed = if atoms_per_lot == 0 { 0 } else { missing.div_ceil(atoms_per_lot) };
        let taken = size_lots.min(needed);
        self.reached_atoms =
            taken.checked_mul(atoms_per_lot).and_then(|a| a.checked_add(self.reached_atoms)).or_refuse()?;
        self.lots = self.lots.checked_add(taken).or_refuse()?;
        let part = u128::from(taken).checked_mul(u128::from(price_ticks)).or_refuse()?;
        self.lot_ticks = self.lot_ticks.checked_add(part).or_refuse()?;
        Ok(())
    }

    /// Rounded away from the mid: a bid down, an ask up, so that rounding never makes a premium.
    fn average_ticks(&self, side: Side) -> Result<u64> {
        let lots = u128::from(self.lots);
        require!(lots != 0, EvertideError::EvidenceInsufficient);
        let average = match side {
            Side::Bid => self.lot_ticks.checked_div(lots).or_refuse()?,
            Side::Ask => self.lot_ticks.div_ceil(lots),
        };
        u64::try_from(average).map_err(|_| EvertideError::Overflow.into())
    }
}

/// Drops stored evidence that has aged, or whose order is shown to be gone among the given accounts.
pub fn drop_dead(market: &mut Market, pairs: &[Pair], now: Now) {
    for evidence in &mut market.evidence {
        if evidence.order_id == 0 {
            continue;
        }
        let aged = now.ms.saturating_sub(evidence.shown_ms) > EVIDENCE_AGE_MAX_MS;
        let pair = pairs.iter().find(|pair| address_eq(pair.orders.address(), &evidence.orders));
        let gone = pair.is_some_and(|pair| match find_order(&pair.orders, evidence.order_id) {
            Some(slot) => !is_live(&pair.orders.orders[slot], live_from_id(&pair.user, &pair.orders, now), now),
            None => true,
        });
        if aged || gone {
            *evidence = Evidence::default();
        }
    }
}

/// Keeps the better of stored and shown; the same order again is refreshed.
pub fn keep_best(stored: &mut Evidence, shown: Evidence, wanted: Side) {
    let same = stored.order_id == shown.order_id && address_eq(&stored.orders, &shown.orders);
    let better = match wanted {
        Side::Bid => shown.price_ticks >= stored.price_ticks,
        Side::Ask => shown.price_ticks <= stored.price_ticks,
    };
    if stored.order_id == 0 || same || better {
        *stored = shown;
    }
}

/// Valid evidence that crosses contradicts itself: both sides drop.
pub fn drop_crossed(market: &mut Market) {
    let [bid, ask] = &market.evidence;
    if bid.order_id != 0 && ask.order_id != 0 && bid.price_ticks >= ask.price_ticks {
        market.evidence = [Evidence::default(); 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impact_averages_up_to_the_notional_and_rounds_away_from_the_mid() {
        let mut impact = Impact::new(1_000, 1);
        impact.add(10, 50).unwrap();
        impact.add(9, 1_000).unwrap();
        // 50 lots at 10, then ceil(500 / 9) = 56 lots at 9.
        assert_eq!((impact.lots, impact.reached_atoms), (106, 1_004));
        assert_eq!(impact.average_ticks(Side::Bid).unwrap(), (500 + 504) / 106);
        assert_eq!(impact.average_ticks(Side::Ask).unwrap(), (500 + 504) / 106 + 1);
    }

    #[test]
    fn the_better_price_stays_and_a_repeated_order_is_refreshed() {
        let evidence =
            |order_id, price_ticks, shown_ms| Evidence { order_id, price_ticks, shown_ms, ..Evidence::default() };
        let mut stored = evidence(1, 100, 5);
        keep_best(&mut stored, evidence(2, 99, 9), Side::Bid);
        assert_eq!((stored.order_id, stored.shown_ms), (1, 5));
        keep_best(&mut stored, evidence(1, 98, 9), Side::Bid);
        assert_eq!((stored.price_ticks, stored.shown_ms), (98, 9));
        keep_best(&mut stored, evidence(2, 99, 10), Side::Ask);
        assert_eq!(stored.order_id, 1);
    }
}
