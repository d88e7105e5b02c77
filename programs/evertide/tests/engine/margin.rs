//! Valuation: what counts, at which price, and which rows must be fresh.

use evertide::engine::margin::{value, Freshness};
use evertide::state::{CollateralSlot, User};
use evertide::EvertideError;
use evertide_math::margin::MarginKind;

use crate::common::{cache, hold, market, refused, user, INDEX_Q32, NOW, USD};

const FRESH: Freshness = Freshness { now_ms: NOW.ms, required: true };

fn with_sol(user: &mut User, amount_atoms: u64) {
    user.collaterals[0] = CollateralSlot { amount_atoms, collateral_index: 1, ..CollateralSlot::default() };
    user.collateral_count = 1;
}

#[test]
fn an_empty_user_is_worth_its_quote_balance_and_demands_nothing() {
    let market = market();
    let valuation = value(&user(7 * USD), &cache(&market), MarginKind::Initial, FRESH).unwrap();
    assert_eq!((valuation.equity_atoms, valuation.requirement_atoms), (7 * USD, 0));
}

#[test]
fn a_long_is_valued_at_the_lower_of_mark_and_twap_only_where_strict() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].twap_price_q32 = INDEX_Q32 / 100 * 90;
    let initial = value(&user, &cache, MarginKind::Initial, FRESH).unwrap();
    let maintenance = value(&user, &cache, MarginKind::Maintenance, FRESH).unwrap();
    assert_eq!((initial.equity_atoms, initial.losses_atoms), (900 * USD, -100 * USD));
    assert_eq!((initial.requirement_atoms, maintenance.requirement_atoms), (100 * USD, 50 * USD));
    assert_eq!((maintenance.equity_atoms, maintenance.losses_atoms), (1_000 * USD, 0));
}

#[test]
fn profit_counts_by_half_for_new_risk_and_never_for_a_withdrawal() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].mark_price_q32 = INDEX_Q32 / 10 * 12;
    cache.markets[3].twap_price_q32 = INDEX_Q32 / 10 * 12;
    let equity = |kind| value(&user, &cache, kind, FRESH).unwrap().equity_atoms;
    assert_eq!(equity(MarginKind::Maintenance), 1_200 * USD);
    assert_eq!(equity(MarginKind::Initial), 1_100 * USD);
    assert_eq!(equity(MarginKind::Withdrawal), 1_000 * USD);
}

#[test]
fn open_orders_count_by_their_worse_side_with_the_loss_of_a_bad_fill() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    let slot = hold(&mut user, &mut market, 1_000);
    let position = &mut user.positions[slot];
    position.open_bid_lots = 500;
    position.max_bid_ticks = 1_010_000;
    position.open_ask_lots = 1_000;
    position.min_ask_ticks = 990_000;
    let initial = value(&user, &cache(&market), MarginKind::Initial, FRESH).unwrap();
    // Bids: 1,500 lots at 10 % plus 500 lots that lose 1 cent each; asks only close.
    assert_eq!(initial.requirement_atoms, 150 * USD + 5 * USD);
    assert_eq!(initial.notional_atoms, 1_500 * USD);
    let maintenance = value(&user, &cache(&market), MarginKind::Maintenance, FRESH).unwrap();
    assert_eq!(maintenance.requirement_atoms, 50 * USD);
}

#[test]
fn the_users_own_ratio_raises_only_the_initial_requirement() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    let slot = hold(&mut user, &mut market, -1_000);
    user.positions[slot].user_ratio_bps = 3_000;
    let demanded = |kind| value(&user, &cache(&market), kind, FRESH).unwrap().requirement_atoms;
    assert_eq!(demanded(MarginKind::Initial), 300 * USD);
    assert_eq!(demanded(MarginKind::Fill), 175 * USD);
    assert_eq!(demanded(MarginKind::Maintenance), 50 * USD);
}

#[test]
fn collateral_counts_less_its_confidence_by_weight_and_a_dead_feed_at_its_twap_less_a_tenth() {
    let market = market();
    let mut cache = cache(&market);
    let row = &mut cache.collaterals[1];
    (row.price_q48, row.confidence_q48, row.twap_q48) = (100 << 48, 2 << 48, 80 << 48);
    (row.weight_initial_bps, row.weight_maintenance_bps) = (8_000, 9_000);
    (row.publish_time_ms, row.updated_ms) = (NOW.ms, NOW.ms);
    let mut user = user(0);
    with_sol(&mut user, 1_000);
    let equity = |cache: &_, kind, required| {
        value(&user, cache, kind, Freshness { now_ms: NOW.ms, required }).unwrap().equity_atoms
    };
    assert_eq!(equity(&cache, MarginKind::Initial, true), 98_000 * 8 / 10);
    assert_eq!(equity(&cache, MarginKind::Maintenance, true), 100_000 * 9 / 10);
    cache.collaterals[1].publish_time_ms = NOW.ms - 60_000;
    assert_eq!(equity(&cache, MarginKind::Maintenance, false), 72_000 * 9 / 10);
}

#[test]
fn a_row_of_ten_seconds_is_too_old_for_new_risk_and_good_enough_to_reduce() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].updated_ms = NOW.ms - 9_999;
    assert!(value(&user, &cache, MarginKind::Initial, FRESH).is_ok());
    cache.markets[3].updated_ms = NOW.ms - 10_000;
    refused(value(&user, &cache, MarginKind::Initial, FRESH), EvertideError::RowTooOld);
    let relaxed = Freshness { now_ms: NOW.ms, required: false };
    assert!(value(&user, &cache, MarginKind::Maintenance, relaxed).is_ok());
    cache.markets[3].updated_ms = NOW.ms;
    cache.markets[3].validity = evertide_math::oracle::TOO_UNCERTAIN;
    refused(value(&user, &cache, MarginKind::Initial, FRESH), EvertideError::OracleValidityForbids);
}

#[test]
fn interest_on_a_debt_counts_without_being_written() {
    let market = market();
    let mut cache = cache(&market);
    cache.collaterals[0].debt_index_q48 += cache.collaterals[0].debt_index_q48 / 10;
    let valuation = value(&user(-1_000 * USD), &cache, MarginKind::Maintenance, FRESH).unwrap();
    assert!((-1_100 * USD - 1..=-1_100 * USD).contains(&valuation.quote_atoms), "{}", valuation.quote_atoms);
}

#[test]
fn a_snapshot_newer_than_the_row_folds_as_nothing() {
    let mut market = market();
    let mut user = user(1_000 * USD);
    let slot = hold(&mut user, &mut market, 1_000);
    let cache = cache(&market);
    user.positions[slot].a_snapshot /= 2;
    user.positions[slot].j_snapshot = (1_i128 << 60).into();
    let valuation = value(&user, &cache, MarginKind::Maintenance, FRESH).unwrap();
    assert_eq!(valuation.equity_atoms, 1_000 * USD);
}
