//! Small accounts to work on: one dollar a lot, one atom per lot and tick.

use bytemuck::Zeroable;
use evertide::engine::fees::FeeTerms;
use evertide::engine::rewards::Earners;
use evertide::guards::Now;
use evertide::instructions::OrderArgs;
use evertide::state::{Exchange, FeeTier, Market, Orders, RiskCache, User};
use evertide_math::debt::DEBT_INDEX_ONE;
use evertide_math::index::INDEX_ONE;
use evertide_math::oracle::DEFAULT_ACTION_MATRIX;

/// Chain time of every test.
pub const NOW: Now = Now { ms: 1_700_000_000_000, slot: 5_000 };
/// One dollar, atoms; also the index of the market in ticks.
pub const USD: i64 = 1_000_000;
/// The index price of every market here: one dollar a lot.
pub const INDEX_Q32: u64 = 1_000_000 << 32;

pub fn market() -> Box<Market> {
    let mut market: Box<Market> = Box::new(Market::zeroed());
    market.index = 3;
    market.atoms_per_lot_tick = 1;
    market.a = [INDEX_ONE; 2];
    market.index_price_q32 = INDEX_Q32;
    market.index_twap_q32 = INDEX_Q32;
    market.mark_price_q32 = INDEX_Q32;
    market.mark_twap_q32 = INDEX_Q32;
    market.mark_twap_hour_q32 = INDEX_Q32;
    market.publish_time_ms = NOW.ms;
    market.mark_ms = NOW.ms;
    market.accrued_ms = NOW.ms;
    market.funding_hour_ms = NOW.ms;
    let terms = &mut market.terms;
    terms.oracle.refused = DEFAULT_ACTION_MATRIX;
    terms.oracle.stale_fill_ms = 10_000;
    terms.oracle.stale_margin_ms = 30_000;
    terms.oracle.twap_step_max_bps = 500;
    terms.order_size_min_lots = 1;
    terms.position_max_lots = 1 << 30;
    terms.open_interest_max_lots = 1 << 34;
    terms.impact_notional_atoms = 500_000_000;
    terms.tier_bound_usd = [100_000, 1_000_000, 10_000_000, 100_000_000];
    terms.tier_ratio_bps = [1_000, 1_500, 2_500, 5_000];
    terms.open_interest_lower_usd = 50_000_000;
    terms.open_interest_upper_usd = 500_000_000;
    terms.profit_weight_bps = 5_000;
    terms.liquidation_fee_bps = 100;
    terms.mark_radius_bps = 100;
    terms.band_bps = 500;
    terms.interest_rate_e9 = 100_000;
    terms.market_slippage_bps = 100;
    terms.stress_move_bps = 200;
    market
}

/// A cache whose row 3 shows `market`, row 4 the same as another market.
pub fn cache(market: &Market) -> Box<RiskCache> {
    let mut cache: Box<RiskCache> = Box::new(RiskCache::zeroed());
    cache.collaterals[0].debt_index_q48 = DEBT_INDEX_ONE;
    for index in [3_u16, 4] {
        let row = &mut cache.markets[usize::from(index)];
        row.index_price_q32 = market.index_price_q32;
        row.mark_price_q32 = market.mark_price_q32;
        row.twap_price_q32 = market.mark_twap_q32;
        row.publish_time_ms = NOW.ms;
        row.updated_ms = NOW.ms;
        row.a = market.a;
        row.j = market.j;
        row.epoch = market.epoch;
        row.tier_bound_usd = market.terms.tier_bound_usd;
        row.tier_ratio_bps = market.terms.tier_ratio_bps;
        row.profit_weight_bps = market.terms.profit_weight_bps;
        row.market_plus_one = index + 1;
    }
    cache
}

pub fn user(quote_atoms: i64) -> Box<User> {
    let mut user: Box<User> = Box::new(User::zeroed());
    user.quote_atoms = quote_atoms;
    user.debt_index_q48 = DEBT_INDEX_ONE;
    user
}

pub fn orders() -> Box<Orders> {
    let mut orders: Box<Orders> = Box::new(Orders::zeroed());
    orders.next_order_id = 1;
    orders
}

pub fn exchange() -> Box<Exchange> {
    let mut exchange: Box<Exchange> = Box::new(Exchange::zeroed());
    exchange.opened = 1;
    exchange.terms.fee_tier_count = 2;
    exchange.terms.debt_cap_bps = 1_000;
    exchange.terms.keeper_share_bps = 1_000;
    exchange.terms.keeper_reward_max_atoms = 1_000_000;
    exchange.terms.fee_tiers[0] = FeeTier { taker_fee_tenth_bps: 50, maker_fee_tenth_bps: -10, ..FeeTier::default() };
    exchange.terms.fee_tiers[1] = FeeTier {
        volume_atoms: 1_000_000_000_000,
        taker_fee_tenth_bps: 40,
        maker_fee_tenth_bps: 10,
        ..FeeTier::default()
    };
    exchange
}

/// A limit order at the index.
pub fn limit(ask: bool, price_ticks: u64, size_lots: u64) -> OrderArgs {
    OrderArgs { market_index: 3, ask, price_ticks, size_lots, ..OrderArgs::default() }
}

/// Opens a position of signed `lots` at the index price, with its entry, as a fill would leave it.
pub fn hold(user: &mut User, market: &mut Market, lots: i64) -> usize {
    let slot = evertide::engine::position::slot_for(user, market).unwrap();
    let cost = lots * USD;
    let position = &mut user.positions[slot];
    evertide::engine::position::add_cash(position, market, -cost).unwrap();
    position.entry_atoms = cost;
    evertide::engine::position::set_size(position, market, lots);
    let side = usize::from(lots < 0);
    market.open_interest_lots[side] += lots.unsigned_abs();
    market.position_count[side] += 1;
    slot
}

/// Asserts that a result is the program's error `expected`.
pub fn refused<T>(result: anchor_lang::Result<T>, expected: evertide::EvertideError) {
    let wanted: anchor_lang::prelude::ProgramError = expected.into();
    match result {
        Ok(_) => panic!("succeeded where {wanted:?} was due"),
        Err(error) => assert_eq!(error, wanted),
    }
}

/// A fill of an old order of the first tier by a keeper.
pub fn fee_terms(exchange: &Exchange, earners: Earners) -> FeeTerms<'_> {
    let tiers = &exchange.terms.fee_tiers;
    FeeTerms { exchange, taker: &tiers[0], maker: &tiers[0], keeper: true, age_ms: 0, earners, taker_most: None }
}
