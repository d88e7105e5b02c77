//! What an account is worth and what it must be worth, in one pass over its own slots.
//!
//! Everything is read from the `RiskCache`: no other account is needed however many positions there are. Positions
//! fold virtually; a snapshot newer than the cached row folds as no change, because a fill in the `Market` may be
//! younger than the row. The quote balance is shown with the interest owed on it, but not written.

use anchor_lang::prelude::*;
use evertide_math::collateral::{
    collateral_value, price_less_confidence, scaled_weight, stale_price, weighted_collateral,
};
use evertide_math::debt::balance_with_interest;
use evertide_math::index::{dropped_value, fold_cached, SideIndex, Snapshot};
use evertide_math::margin::{
    kind_ratio, requirement, weighted_value, MarginKind, MarginTerms, MarginTiers, PositionInput, Tier,
};
use evertide_math::notional::{notional_ceil, position_value, worse_price};
use evertide_math::oracle::{is_allowed, OracleAction, DEFAULT_ACTION_MATRIX, NOT_POSITIVE, TOO_VOLATILE};
use evertide_math::orders::{reach_with_orders, OpenOrders};
use evertide_math::{Atoms, AtomsPerLotTick, Bps, CollateralPriceQ48, Lots, PriceQ32, Ticks};

use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;
use crate::state::{CollateralRow, CollateralSlot, MarketRow, Position, RiskCache, User};

/// Rows must be younger than this for new risk and for withdrawals, ms.
pub const ROW_AGE_MAX_MS: i64 = 10_000;
/// From this age of its price on, a collateral counts at its last TWAP less 10 % where freshness is not demanded, ms.
pub const COLLATERAL_STALE_MS: i64 = 60_000;
/// Validity failures of a print that no account is judged by: where freshness is not demanded, its TWAP stands for it.
pub const WILD_PRINT: u8 = NOT_POSITIVE | TOO_VOLATILE;
/// Atoms of 1,000 dollars.
const ATOMS_PER_THOUSAND_USD: u64 = 1_000_000_000;

/// Which time it is, and whether rows that are read must be fresh and valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Chain time, unix ms.
    pub now_ms: i64,
    /// Refuse rows of 10 s or older, or with an invalid price: new risk and withdrawals.
    pub required: bool,
}

/// What one pass over an account found; all in atoms.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Valuation {
    /// Quote with interest, weighted collateral and weighted position values.
    pub equity_atoms: i64,
    /// What the kind of test demands.
    pub requirement_atoms: i64,
    /// Quote balance with the interest owed on it.
    pub quote_atoms: i64,
    /// Weighted value of the collateral slots, the quote asset not included.
    pub collateral_atoms: i64,
    /// Sum of the position values below zero; never positive.
    pub losses_atoms: i64,
    /// Notional of the positions at mark, each with the orders of its worse side filled.
    pub notional_atoms: i64,
}

impl Valuation {
    /// Equity beyond the requirement, negative when it is missing.
    pub fn excess_atoms(&self) -> i64 {
        self.equity_atoms.saturating_sub(self.requirement_atoms)
    }

    /// Refuses with both numbers when equity is below the requirement.
    pub fn require_met(&self, error: EvertideError) -> Result<()> {
        require_cmp!(self.equity_atoms, >=, self.requirement_atoms, error);
        Ok(())
    }
}

/// Values a user for one kind of test, from cached rows.
pub fn value(user: &User, cache: &RiskCache, kind: MarginKind, freshness: Freshness) -> Result<Valuation> {
    // Two copies of one pass: neither asks at every slot which of the two it is.
    if kind.is_strict() {
        value_as::<true>(user, cache, kind, freshness)
    } else {
        value_as::<false>(user, cache, kind, freshness)
    }
}

#[inline(never)]
fn value_as<const STRICT: bool>(
    user: &User,
    cache: &RiskCache,
    kind: MarginKind,
    freshness: Freshness,
) -> Result<Valuation> {
    let mut sum = Valuation::default();
    let quote_row = &cache.collaterals[0];
    let balance = Atoms::new(user.quote_atoms).or_refuse()?;
    let quote = balance_with_interest(balance, user.debt_index_q48, quote_row.debt_index_q48.max(user.debt_index_q48));
    sum.quote_atoms = quote.or_refuse()?.get();
    sum.equity_atoms = sum.quote_atoms;
    let mut left = user.collateral_count;
    for slot in &user.collaterals {
        if left == 0 {
            break;
        }
        if slot.collateral_index != 0 {
            left = left.saturating_sub(1);
            add_collateral::<STRICT>(&mut sum, slot, cache, freshness)?;
        }
    }
    let mut left = user.position_count;
    for position in &user.positions {
        if left == 0 {
            break;
        }
        if position.market_plus_one != 0 {
            left = left.saturating_sub(1);
            add_position::<STRICT>(&mut sum, position, user.user_ratio_bps, cache, kind, freshness)?;
        }
    }
    Ok(sum)
}

/// The row of a market, by its index.
#[inline(always)]
pub fn market_row(cache: &RiskCache, market_index: u16) -> Result<&MarketRow> {
    cache.markets.get(usize::from(market_index)).ok_or_else(|| EvertideError::MarketNotPriced.into())
}

/// The price at which the way down values a position: the mark, or its TWAP while the market's print is a wild one. What
/// one feed says for a moment must not decide over the positions in other markets.
#[inline(never)]
pub fn sober_mark(row: &MarketRow) -> Result<PriceQ32> {
    let wild = row.validity & WILD_PRINT != 0 && row.twap_price_q32 != 0;
    PriceQ32::new(if wild { row.twap_price_q32 } else { row.mark_price_q32 }).or_refuse()
}

/// The side of a market, 0 long and 1 short, that a signed size is on.
#[inline(always)]
pub fn side_of(size_lots: i64) -> usize {
    usize::from(size_lots < 0)
}

#[inline(always)]
fn row_side(row: &MarketRow, side: usize) -> SideIndex {
    SideIndex { a: row.a[side], j: row.j[side].get(), j_previous: row.j_previous[side].get(), epoch: row.epoch[side] }
}

/// Size in lots and cash in atoms of a position, folded virtually against a cached row.
#[inline(always)]
pub fn folded(position: &Position, row: &MarketRow) -> Result<(i64, i64)> {
    if position.basis_lots == 0 {
        return Ok((0, position.cash_atoms));
    }
    let side = side_of(position.basis_lots);
    let snapshot = snapshot(position)?;
    let fold = fold_cached(&snapshot, &row_side(row, side)).or_refuse()?;
    let mut cash = position.cash_atoms.checked_add(fold.cash_delta.get()).or_refuse()?;
    if fold.dropped_q16 != 0 {
        let price = PriceQ32::new(row.mark_price_q32).or_refuse()?;
        cash =
            cash.checked_add(dropped_value(snapshot.basis, fold.dropped_q16, price).or_refuse()?.get()).or_refuse()?;
    }
    Ok((fold.size.get(), cash))
}

/// What a position remembers of its side.
#[inline(always)]
pub fn snapshot(position: &Position) -> Result<Snapshot> {
    Ok(Snapshot {
        basis: Lots::new(position.basis_lots).or_refuse()?,
        a: position.a_snapshot,
        j: position.j_snapshot.get(),
        epoch: position.epoch,
    })
}

/// Weighted value in atoms of all collateral slots, the quote asset not included.
pub fn collateral_total(user: &User, cache: &RiskCache, kind: MarginKind, freshness: Freshness) -> Result<i64> {
    let mut sum = Valuation::default();
    for slot in user.collaterals.iter().filter(|slot| slot.collateral_index != 0) {
        if kind.is_strict() {
            add_collateral::<true>(&mut sum, slot, cache, freshness)?;
        } else {
            add_collateral::<false>(&mut sum, slot, cache, freshness)?;
        }
    }
    Ok(sum.collateral_atoms)
}

fn add_collateral<const STRICT: bool>(
    sum: &mut Valuation,
    slot: &CollateralSlot,
    cache: &RiskCache,
    freshness: Freshness,
) -> Result<()> {
    let row = cache.collaterals.get(usize::from(slot.collateral_index)).ok_or(EvertideError::MarketNotPriced)?;
    let part = collateral_part::<STRICT>(row, slot.amount_atoms, freshness)?;
    sum.collateral_atoms = sum.collateral_atoms.checked_add(part).or_refuse()?;
    sum.equity_atoms = sum.equity_atoms.checked_add(part).or_refuse()?;
    Ok(())
}

/// The price of an asset where freshness is not demanded: the last print, or its TWAP while that is a wild one. A dead feed
/// must neither shield its holder nor be worth more than it last was.
#[inline(never)]
fn way_down_price(row: &CollateralRow, now_ms: i64) -> Result<CollateralPriceQ48> {
    let wild = row.validity & WILD_PRINT != 0 && row.twap_q48 != 0;
    let price = CollateralPriceQ48::new(if wild { row.twap_q48 } else { row.price_q48 }).or_refuse()?;
    if now_ms.saturating_sub(row.publish_time_ms) < COLLATERAL_STALE_MS {
        return Ok(price);
    }
    Ok(price.min(stale_price(CollateralPriceQ48::new(row.twap_q48).or_refuse()?).or_refuse()?))
}

/// Weighted value in atoms of an amount of one collateral.
pub fn collateral_part<const STRICT: bool>(
    row: &CollateralRow,
    amount_atoms: u64,
    freshness: Freshness,
) -> Result<i64> {
    if freshness.required {
        require_fresh(row.updated_ms, row.validity, freshness.now_ms)?;
    }
    let price = CollateralPriceQ48::new(row.price_q48).or_refuse()?;
    let price = if STRICT {
        price_less_confidence(price, CollateralPriceQ48::new(row.confidence_q48).or_refuse()?).or_refuse()?
    } else if row.validity & WILD_PRINT != 0
        || freshness.now_ms.saturating_sub(row.publish_time_ms) >= COLLATERAL_STALE_MS
    {
        way_down_price(row, freshness.now_ms)?
    } else {
        price
    };
    let worth = collateral_value(amount_atoms, price).or_refuse()?;
    let full = if STRICT { row.weight_initial_bps } else { row.weight_maintenance_bps };
    let full = Bps::new(u32::from(full)).or_refuse()?;
    let weight = if row.scale_thousand_usd == 0 {
        full
    } else {
        // Halved where the balance reaches the scale, linear before, flat after.
        let least = Bps::new(full.get() >> 1).or_refuse()?;
        let scale = u64::from(row.scale_thousand_usd).saturating_mul(ATOMS_PER_THOUSAND_USD);
        scaled_weight(full, least, worth.magnitude(), scale).or_refuse()?
    };
    Ok(weighted_collateral(worth, weight).or_refuse()?.get())
}

fn add_position<const STRICT: bool>(
    sum: &mut Valuation,
    position: &Position,
    user_ratio_bps: u16,
    cache: &RiskCache,
    kind: MarginKind,
    freshness: Freshness,
) -> Result<()> {
    let row = market_row(cache, position.market_plus_one.wrapping_sub(1))?;
    let has_orders = kind.counts_orders() && (position.open_bid_lots != 0 || position.open_ask_lots != 0);
    if position.basis_lots == 0 && !has_orders {
        // Only cash: it reads no price and demands nothing, but profit is weighted all the same.
        return add_worth(sum, Atoms::new(position.cash_atoms).or_refuse()?, kind, row);
    }
    if freshness.required {
        require_fresh(row.updated_ms, row.validity, freshness.now_ms)?;
    }
    require!(row.mark_price_q32 != 0, EvertideError::MarketNotPriced);
    let (size_lots, cash_atoms) = folded(position, row)?;
    let size = Lots::new(size_lots).or_refuse()?;
    let mut mark = PriceQ32::new(row.mark_price_q32).or_refuse()?;
    let price = if STRICT {
        match row.twap_price_q32 {
            0 => mark,
            twap => worse_price(size, mark, PriceQ32::new(twap).or_refuse()?),
        }
    } else {
        if row.validity & WILD_PRINT != 0 {
            mark = sober_mark(row)?;
        }
        mark
    };
    let worth = position_value(size, Atoms::new(cash_atoms).or_refuse()?, price).or_refuse()?;
    add_worth(sum, worth, kind, row)?;
    let user_ratio_bps = user_ratio_bps.max(position.user_ratio_bps);
    let (notional, demanded) = if has_orders {
        with_orders(position, size, mark, &margin_terms(row, user_ratio_bps)?, kind)?
    } else {
        let notional = notional_ceil(size, mark).or_refuse()?;
        (notional, requirement(notional, ratio_of(row, user_ratio_bps, kind, notional)?).or_refuse()?)
    };
    sum.notional_atoms = sum.notional_atoms.checked_add(notional.get()).or_refuse()?;
    sum.requirement_atoms = sum.requirement_atoms.checked_add(demanded.get()).or_refuse()?;
    Ok(())
}

/// What a position, folded against its market, demands beyond its row when open interest is at this ratio: the row may be
/// older than the last fills.
#[inline(never)]
pub fn demand_beyond_row(
    user: &User,
    position: &Position,
    row: &MarketRow,
    kind: MarginKind,
    open_interest_bps: u16,
) -> Result<i64> {
    let size = Lots::new(position.basis_lots).or_refuse()?;
    let mark = PriceQ32::new(row.mark_price_q32).or_refuse()?;
    let mut terms = margin_terms(row, user.user_ratio_bps.max(position.user_ratio_bps))?;
    let of_row = with_orders(position, size, mark, &terms, kind)?.1;
    terms.open_interest_ratio = Bps::new(u32::from(open_interest_bps)).or_refuse()?;
    let now = with_orders(position, size, mark, &terms, kind)?.1;
    Ok(now.get().saturating_sub(of_row.get()).max(0))
}

#[inline(always)]
fn add_worth(sum: &mut Valuation, worth: Atoms, kind: MarginKind, row: &MarketRow) -> Result<()> {
    let weight = if worth.get() > 0 {
        kind.profit_weight(Bps::new(u32::from(row.profit_weight_bps)).or_refuse()?)
    } else {
        sum.losses_atoms = sum.losses_atoms.checked_add(worth.get()).or_refuse()?;
        Bps::ZERO
    };
    let part = weighted_value(worth, weight).or_refuse()?;
    sum.equity_atoms = sum.equity_atoms.checked_add(part.get()).or_refuse()?;
    Ok(())
}

/// Notional with the orders of the worse side filled, and the requirement, for a position with orders.
#[inline(never)]
fn with_orders(
    position: &Position,
    size: Lots,
    mark: PriceQ32,
    terms: &MarginTerms,
    kind: MarginKind,
) -> Result<(Atoms, Atoms)> {
    let orders = OpenOrders {
        bid_lots: Lots::from_order(position.open_bid_lots).or_refuse()?,
        ask_lots: Lots::from_order(position.open_ask_lots).or_refuse()?,
        max_bid: Ticks::new(position.max_bid_ticks).or_refuse()?,
        min_ask: Ticks::new(position.min_ask_ticks).or_refuse()?,
    };
    let tick_value = AtomsPerLotTick::new(u64::from(position.atoms_per_lot_tick)).or_refuse()?;
    let input = PositionInput { size, cash: Atoms::ZERO, orders, mark, twap: mark, tick_value, terms: *terms };
    let reach = reach_with_orders(kind, &input).or_refuse()?;
    Ok((reach.notional, reach.requirement))
}

/// The ratio that `kind` demands of a notional; most are in the first tier, and need none of the others.
#[inline(always)]
fn ratio_of(row: &MarketRow, user_ratio_bps: u16, kind: MarginKind, notional: Atoms) -> Result<Bps> {
    if notional.usd_ceil() > u64::from(row.tier_bound_usd[0]) {
        return margin_terms(row, user_ratio_bps)?.ratio(kind, notional).or_refuse();
    }
    let bps = |value: u16| Bps::new(u32::from(value)).or_refuse();
    let (size, user) = (row.tier_ratio_bps[0], user_ratio_bps);
    kind_ratio(kind, bps(size)?, bps(size.max(row.open_interest_ratio_bps).max(user))?).or_refuse()
}

/// What a market's row demands of this user.
#[inline(always)]
pub fn margin_terms(row: &MarketRow, user_ratio_bps: u16) -> Result<MarginTerms> {
    let tier = |at: usize| Tier { bound_usd: row.tier_bound_usd[at], ratio_bps: row.tier_ratio_bps[at] };
    Ok(MarginTerms {
        tiers: MarginTiers([tier(0), tier(1), tier(2), tier(3)]),
        open_interest_ratio: Bps::new(u32::from(row.open_interest_ratio_bps)).or_refuse()?,
        user_ratio: Bps::new(u32::from(user_ratio_bps)).or_refuse()?,
        profit_weight: Bps::new(u32::from(row.profit_weight_bps)).or_refuse()?,
    })
}

/// Refuses a row that is 10 s old or whose price is not good enough to value an account for new risk.
#[inline(always)]
pub fn require_fresh(updated_ms: i64, validity: u8, now_ms: i64) -> Result<()> {
    require_cmp!(now_ms.saturating_sub(updated_ms), <, ROW_AGE_MAX_MS, EvertideError::RowTooOld);
    let allowed = is_allowed(&DEFAULT_ACTION_MATRIX, OracleAction::Margin, validity);
    require!(allowed, EvertideError::OracleValidityForbids);
    Ok(())
}
