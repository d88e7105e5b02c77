//! Equity and requirements on the way down, computed again from the accounts alone with the pure crate.

use evertide_math::{
    collateral::{collateral_value, scaled_weight, stale_price, weighted_collateral},
    debt::balance_with_interest,
    index::{dropped_value, fold, fold_cached, Folded, SideIndex, Snapshot},
    margin::{ladder_ratio, MarginTiers, Tier},
    mark::clamp_to_radius,
    oracle::{is_allowed, OracleAction, DEFAULT_ACTION_MATRIX, STALE_FOR_FILLS, STALE_FOR_MARGIN},
    Atoms, Bps, CollateralPriceQ48, Lots, PriceQ32,
};

use crate::{
    state::{CollateralRow, Market, MarketRow, Position, User},
    world::World,
};

/// Age from which a collateral counts at its TWAP less 10 %, ms.
const STALE_MS: i64 = 60_000;

/// What one position adds; atoms, but for the ratio and the lots.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Rung {
    pub size_lots: i64,
    pub worth: i128,
    pub notional: i128,
    pub maintenance: i128,
    pub maintenance_bps: u32,
}

/// An account against its ladder; atoms.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Standing {
    pub equity: i128,
    pub quote: i128,
    pub notional: i128,
    pub cancel: i128,
    pub maintenance: i128,
    pub backstop: i128,
    pub deleverage: i128,
    /// Sum of the position values below zero, and of these in markets that have not borne their share yet.
    pub losses: i128,
    pub losses_unresolved: i128,
}

impl Standing {
    pub fn excess(&self) -> i128 {
        self.equity - self.maintenance
    }

    /// Missing to maintenance and the buffer of 2 %, not below zero.
    pub fn shortage(&self) -> i128 {
        (self.maintenance + ceil(self.notional * 200, 10_000) - self.equity).max(0)
    }
}

/// `ceil(value / divisor)` of a value that is not negative.
pub fn ceil(value: i128, divisor: i128) -> i128 {
    (value + divisor - 1) / divisor
}

/// Notional of lots at a price, rounded up.
pub fn notional_up(lots: i64, price_q32: u64) -> i128 {
    ceil(i128::from(lots.unsigned_abs()) * i128::from(price_q32), 1 << 32)
}

/// Notional of lots at a price, rounded down.
pub fn notional_down(lots: i64, price_q32: u64) -> i128 {
    (i128::from(lots.unsigned_abs()) * i128::from(price_q32)) >> 32
}

/// Signed value of lots at a price, rounded toward minus infinity.
pub fn value_down(lots: i64, price_q32: u64) -> i128 {
    (i128::from(lots) * i128::from(price_q32)) >> 32
}

/// One side of a market as the pure crate folds against it.
pub fn side_index(market: &Market, side: usize) -> SideIndex {
    SideIndex {
        a: market.a[side],
        j: market.j[side].get(),
        j_previous: market.j_previous[side].get(),
        epoch: market.epoch[side],
    }
}

pub fn side_of(lots: i64) -> usize {
    usize::from(lots < 0)
}

fn snapshot(position: &Position) -> Snapshot {
    Snapshot {
        basis: Lots::new(position.basis_lots).expect("lots within the guard"),
        a: position.a_snapshot,
        j: position.j_snapshot.get(),
        epoch: position.epoch,
    }
}

/// Size and cash after a fold whose dropped fraction closes at this price.
fn with_dropped(position: &Position, result: &Folded, price_q32: u64) -> (i64, i64) {
    let basis = Lots::new(position.basis_lots).expect("lots within the guard");
    let price = PriceQ32::new(price_q32).expect("a price within the guard");
    let dropped = if result.dropped_q16 == 0 { 0 } else { dropped(basis, result.dropped_q16, price) };
    (result.size.get(), position.cash_atoms + result.cash_delta.get() + dropped)
}

fn dropped(basis: Lots, fraction_q16: u32, price: PriceQ32) -> i64 {
    dropped_value(basis, fraction_q16, price).expect("a fraction of a lot has a value").get()
}

/// What folding a position against its market gives.
pub fn fold_result(position: &Position, market: &Market) -> Folded {
    fold(&snapshot(position), &side_index(market, side_of(position.basis_lots))).expect("every stored position folds")
}

/// Price at which lots close that have nobody against them: the mark inside its radius around the index.
pub fn closing_price(market: &Market) -> u64 {
    if market.mark_price_q32 == 0 || market.index_price_q32 == 0 {
        return market.index_price_q32;
    }
    let price = |value: u64| PriceQ32::new(value).expect("a price within the guard");
    let radius = Bps::new(u32::from(market.terms.mark_radius_bps)).expect("a radius");
    let clamped = clamp_to_radius(price(market.mark_price_q32), price(market.index_price_q32), radius);
    clamped.expect("a price inside the radius").get()
}

/// Size and cash of a position after folding against its market.
pub fn folded(position: &Position, market: &Market) -> (i64, i64) {
    with_dropped(position, &fold_result(position, market), closing_price(market))
}

/// A user whose position in this market is folded against it, as an instruction with that market sees it.
pub fn folded_user(user: &User, market: &Market) -> User {
    let mut folded_user = *user;
    let wanted = market.index + 1;
    let Some(position) = folded_user.positions.iter_mut().find(|position| position.market_plus_one == wanted) else {
        return folded_user;
    };
    if position.basis_lots == 0 {
        return folded_user;
    }
    let side = side_of(position.basis_lots);
    let (size, cash) = folded(position, market);
    (position.basis_lots, position.cash_atoms) = (size, cash);
    (position.a_snapshot, position.j_snapshot, position.epoch) = (market.a[side], market.j[side], market.epoch[side]);
    folded_user
}

/// Value and maintenance requirement of a position against its cached row.
pub fn rung(position: &Position, row: &MarketRow) -> (Rung, MarginTiers) {
    let tiers = MarginTiers(std::array::from_fn(|at| Tier {
        bound_usd: row.tier_bound_usd[at],
        ratio_bps: row.tier_ratio_bps[at],
    }));
    if position.basis_lots == 0 {
        return (Rung { worth: position.cash_atoms.into(), ..Rung::default() }, tiers);
    }
    let side = side_of(position.basis_lots);
    let (a, epoch) = (row.a[side], row.epoch[side]);
    let index = SideIndex { a, j: row.j[side].get(), j_previous: row.j_previous[side].get(), epoch };
    let result = fold_cached(&snapshot(position), &index).expect("every stored position folds against its row");
    let (size_lots, cash) = with_dropped(position, &result, row.mark_price_q32);
    let price = sober_mark_q32(row);
    let notional = notional_up(size_lots, price);
    let ratio = ladder_ratio(size_ratio(&tiers, notional), 5_000).expect("a ratio").get();
    let part = Rung {
        size_lots,
        worth: value_down(size_lots, price) + i128::from(cash),
        notional,
        maintenance: ceil(notional * i128::from(ratio), 10_000),
        maintenance_bps: ratio,
    };
    (part, tiers)
}

/// Not positive, or too far from its TWAP: a print that no account is judged by.
const WILD_PRINT: u8 = 1 | 2;

/// Price at which the way down values a position.
pub fn sober_mark_q32(row: &MarketRow) -> u64 {
    let wild = row.validity & WILD_PRINT != 0 && row.twap_price_q32 != 0;
    if wild {
        row.twap_price_q32
    } else {
        row.mark_price_q32
    }
}

pub fn size_ratio(tiers: &MarginTiers, notional: i128) -> Bps {
    tiers.ratio(Atoms::new(notional as i64).expect("a notional")).expect("a ratio of every notional")
}

/// The rung of a user's position in a market; zeros when there is none.
pub fn rung_of(world: &World, user: &User, market_index: u16) -> Rung {
    let position = user.positions.iter().find(|position| position.market_plus_one == market_index + 1);
    position.map_or_else(Rung::default, |position| rung(position, &world.cache().markets[usize::from(market_index)]).0)
}

/// The account against its ladder, from the cached rows.
pub fn standing(world: &World, user: &User) -> Standing {
    let cache = world.cache();
    let balance = Atoms::new(user.quote_atoms).expect("a balance");
    let debt_index = cache.collaterals[0].debt_index_q48.max(user.debt_index_q48);
    let quote = balance_with_interest(balance, user.debt_index_q48, debt_index).expect("interest").get();
    let slots = user.collaterals.iter().filter(|slot| slot.collateral_index != 0);
    let tokens: i128 = slots
        .map(|slot| {
            collateral_worth(&cache.collaterals[usize::from(slot.collateral_index)], slot.amount_atoms, world.now_ms())
        })
        .sum();
    let quote = i128::from(quote);
    let mut sum = Standing { equity: quote + tokens, quote, ..Standing::default() };
    for position in user.positions.iter().filter(|position| position.market_plus_one != 0) {
        let (part, tiers) = rung(position, &cache.markets[usize::from(position.market_plus_one - 1)]);
        sum.equity += part.worth;
        sum.losses += part.worth.min(0);
        if position.bankruptcy != 2 {
            sum.losses_unresolved += part.worth.min(0);
        }
        if part.notional != 0 {
            let size = size_ratio(&tiers, part.notional);
            let demand =
                |bps: u32| ceil(part.notional * i128::from(ladder_ratio(size, bps).expect("a ratio").get()), 10_000);
            sum.notional += part.notional;
            sum.cancel += demand(7_500);
            sum.maintenance += part.maintenance;
            sum.backstop += demand(2_500);
            sum.deleverage += demand(1_000);
        }
    }
    sum
}

/// Price at which a collateral counts for maintenance and is sold in liquidation.
pub fn collateral_price_q48(row: &CollateralRow, now_ms: i64) -> u64 {
    let wild = row.validity & WILD_PRINT != 0 && row.twap_q48 != 0;
    let price = if wild { row.twap_q48 } else { row.price_q48 };
    if now_ms - row.publish_time_ms < STALE_MS {
        return price;
    }
    let stale = stale_price(CollateralPriceQ48::new(row.twap_q48).expect("a price")).expect("nine tenths of it");
    price.min(stale.get())
}

/// Price at which collateral of an account in liquidation is sold. A wild print that was the last one of a dead feed is
/// left out: the average less 10 % stands alone.
pub fn sale_price_q48(row: &CollateralRow, now_ms: i64) -> u64 {
    let lasting = row.validity & !(STALE_FOR_MARGIN | STALE_FOR_FILLS);
    let sound = is_allowed(&DEFAULT_ACTION_MATRIX, OracleAction::Liquidate, lasting);
    if sound || now_ms - row.publish_time_ms < STALE_MS {
        return collateral_price_q48(row, now_ms);
    }
    stale_price(CollateralPriceQ48::new(row.twap_q48).expect("a price")).expect("nine tenths of it").get()
}

fn collateral_worth(row: &CollateralRow, amount_atoms: u64, now_ms: i64) -> i128 {
    let price = CollateralPriceQ48::new(collateral_price_q48(row, now_ms)).expect("a price");
    let worth = collateral_value(amount_atoms, price).expect("a value");
    let full = Bps::new(u32::from(row.weight_maintenance_bps)).expect("a weight");
    let least = Bps::new(full.get() / 2).expect("half of it");
    let scale = u64::from(row.scale_thousand_usd) * 1_000_000_000;
    let weight =
        if scale == 0 { full } else { scaled_weight(full, least, worth.magnitude(), scale).expect("a weight between") };
    weighted_collateral(worth, weight).expect("a weighted value").get().into()
}
