//! Position slots: taken, folded, counted, freed.

use evertide::engine::position::{
    add_cash, count_dust, count_order, find, fold_position, release_if_empty, slot_for, uncount_order,
};
use evertide::state::{order_flags, Order, POSITIONS_MAX};
use evertide::EvertideError;
use evertide_math::index::INDEX_ONE;

use crate::common::{hold, market, refused, user, USD};

#[test]
fn a_slot_is_taken_once_and_freed_when_nothing_is_left() {
    let (mut market, mut user) = (market(), user(0));
    let slot = slot_for(&mut user, &market).unwrap();
    assert_eq!(slot_for(&mut user, &market).unwrap(), slot);
    assert_eq!((user.position_count, user.positions[slot].atoms_per_lot_tick), (1, 1));
    add_cash(&mut user.positions[slot], &mut market, 5).unwrap();
    release_if_empty(&mut user, slot).unwrap();
    assert_eq!(find(&user, 3), Some(slot));
    add_cash(&mut user.positions[slot], &mut market, -5).unwrap();
    user.positions[slot].user_ratio_bps = 1;
    release_if_empty(&mut user, slot).unwrap();
    assert_eq!(find(&user, 3), Some(slot));
    user.positions[slot].user_ratio_bps = 0;
    release_if_empty(&mut user, slot).unwrap();
    assert_eq!((find(&user, 3), user.position_count, market.claims_atoms), (None, 0, 0));
}

#[test]
fn a_thirteenth_market_finds_no_slot() {
    let (mut market, mut user) = (market(), user(0));
    for index in 0..POSITIONS_MAX as u16 {
        market.index = index;
        slot_for(&mut user, &market).unwrap();
    }
    market.index = 40;
    refused(slot_for(&mut user, &market), EvertideError::PositionSlotsFull);
}

#[test]
fn folding_pays_funding_once_on_either_side() {
    for lots in [1_000_i64, -1_000] {
        let (mut market, mut user) = (market(), user(0));
        let slot = hold(&mut user, &mut market, lots);
        let cash = user.positions[slot].cash_atoms;
        let side = usize::from(lots < 0);
        // Minus three atoms for each signed lot, in 48 fractional bits.
        market.j[side] = (-(3_i128 << 48)).into();
        let outcome = fold_position(&mut user.positions[slot], &mut market).unwrap();
        assert_eq!(outcome.funding_atoms, -3 * lots);
        assert_eq!(user.positions[slot].cash_atoms, cash - 3 * lots);
        assert_eq!(market.claims_atoms, user.positions[slot].cash_atoms);
        assert!(!fold_position(&mut user.positions[slot], &mut market).unwrap().changed);
    }
}

#[test]
fn a_deleveraged_position_folds_toward_zero_and_counts_the_dust() {
    let (mut market, mut user) = (market(), user(0));
    let slot = hold(&mut user, &mut market, 1_001);
    market.a[0] = INDEX_ONE / 2;
    fold_position(&mut user.positions[slot], &mut market).unwrap();
    let position = &user.positions[slot];
    assert_eq!((position.basis_lots, market.dust_lots[0]), (500, 1));
    assert_eq!(position.entry_atoms, 500 * USD);
}

#[test]
fn a_position_of_the_epoch_before_folds_to_nothing() {
    let (mut market, mut user) = (market(), user(0));
    let slot = hold(&mut user, &mut market, 10);
    (market.epoch[0], market.position_count[0], market.stale_count[0]) = (1, 0, 1);
    market.j_previous[0] = (2_i128 << 48).into();
    let outcome = fold_position(&mut user.positions[slot], &mut market).unwrap();
    assert_eq!((outcome.funding_atoms, user.positions[slot].basis_lots, market.stale_count[0]), (20, 0, 0));
}

#[test]
fn aggregates_follow_orders_and_forget_prices_when_a_side_empties() {
    let mut user = user(0);
    let position = &mut user.positions[0];
    let order = |ask: bool, price_ticks| Order {
        flags: order_flags::COUNTED | if ask { order_flags::ASK } else { 0 },
        price_ticks,
        ..Order::default()
    };
    for (ask, price, lots) in [(false, 90, 5), (false, 95, 7), (true, 110, 3), (true, 105, 4)] {
        count_order(position, &order(ask, price), lots).unwrap();
    }
    assert_eq!((position.open_bid_lots, position.max_bid_ticks), (12, 95));
    assert_eq!((position.open_ask_lots, position.min_ask_ticks), (7, 105));
    uncount_order(position, &order(false, 95), 7).unwrap();
    assert_eq!((position.open_bid_lots, position.max_bid_ticks), (5, 95));
    uncount_order(position, &order(false, 90), 5).unwrap();
    assert_eq!((position.open_bid_lots, position.max_bid_ticks), (0, 0));
    let reduce_only = Order { flags: order_flags::REDUCE_ONLY, price_ticks: 1, ..Order::default() };
    count_order(position, &reduce_only, 9).unwrap();
    assert_eq!(position.open_bid_lots, 0);
}

#[test]
fn dust_is_what_the_pool_owes_nobody() {
    let mut market = market();
    (market.pool_atoms, market.claims_atoms, market.pending_fees_atoms) = (100, 60, 37);
    count_dust(&mut market).unwrap();
    assert_eq!(market.dust_atoms, 3);
    market.open_interest_lots = [1, 1];
    market.pool_atoms = 200;
    count_dust(&mut market).unwrap();
    assert_eq!(market.dust_atoms, 3);
}
