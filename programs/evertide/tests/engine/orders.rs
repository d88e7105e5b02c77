//! Order slots and the checks of a new order.

use evertide::engine::orders::{client_id_in_use, find_order, free_slot, is_expired, reduce_size, remove};
use evertide::engine::place::{checked_order, insert, plain_terms, status_now};
use evertide::guards::Now;
use evertide::instructions::OrderArgs;
use evertide::state::{
    Evidence, Market, MarketStatus, OrderKind, Orders, TimeInForce, User, MATCH_DEADLINE_SLOTS, ORDERS_MAX,
};
use evertide::EvertideError;

use crate::common::{exchange, hold, limit, market, orders, refused, user, NOW, USD};

const POST_ONLY: u8 = TimeInForce::PostOnly as u8;
const IOC: u8 = TimeInForce::ImmediateOrCancel as u8;

fn put(user: &mut User, orders: &mut Orders, market: &Market, args: &OrderArgs) -> usize {
    let order = checked_order(args, &[], market, &exchange(), NOW).unwrap();
    insert(user, orders, market, order, NOW, &mut Vec::new()).unwrap()
}

#[test]
fn each_rule_of_a_new_order_has_its_own_error() {
    let mut market = market();
    market.terms.order_size_min_lots = 5;
    market.terms.position_max_lots = 1_000;
    market.evidence[1] = Evidence { order_id: 9, price_ticks: 1_000_500, shown_ms: NOW.ms, ..Evidence::default() };
    let good = limit(false, 1_000_000, 10);
    assert!(checked_order(&good, &[], &market, &exchange(), NOW).is_ok());
    let post_only = OrderArgs { time_in_force: POST_ONLY, ..good };
    for (args, error) in [
        (OrderArgs { kind: 200, ..good }, EvertideError::OrderKindUnknown),
        (OrderArgs { time_in_force: 5, ..good }, EvertideError::TimeInForceInvalid),
        (OrderArgs { kind: OrderKind::Market as u8, ..good }, EvertideError::TimeInForceInvalid),
        (OrderArgs { self_trade: 3, ..good }, EvertideError::SelfTradeRuleUnknown),
        (OrderArgs { taker_phase_s: 61, ..good }, EvertideError::TakerPhaseInvalid),
        (OrderArgs { taker_phase_s: 1, ..post_only }, EvertideError::TakerPhaseInvalid),
        (OrderArgs { expiry_ms: NOW.ms, ..good }, EvertideError::OrderExpired),
        (OrderArgs { size_lots: 4, ..good }, EvertideError::OrderSizeTooSmall),
        (OrderArgs { size_lots: 1_001, ..good }, EvertideError::OrderSizeTooLarge),
        (OrderArgs { price_ticks: 0, ..good }, EvertideError::OrderPriceOutOfRange),
        (OrderArgs { price_ticks: 1 << 40, ..good }, EvertideError::OrderPriceOutOfRange),
        (OrderArgs { auction_start_ticks: 1, ..good }, EvertideError::AuctionStartInvalid),
        (OrderArgs { auction_start_ticks: 1_000_001, taker_phase_s: 5, ..good }, EvertideError::AuctionStartInvalid),
        (OrderArgs { builder_plus_one: 1, ..good }, EvertideError::BuilderInvalid),
        (OrderArgs { builder_fee_tenth_bps: 1, ..good }, EvertideError::BuilderInvalid),
        (OrderArgs { price_ticks: 1_000_500, ..post_only }, EvertideError::PostOnlyWouldCross),
    ] {
        refused(checked_order(&args, &[], &market, &exchange(), NOW), error);
    }
}

#[test]
fn a_market_order_gets_its_worst_price_and_a_sliding_one_stays_off_the_book() {
    let mut market = market();
    let args = OrderArgs { kind: OrderKind::Market as u8, time_in_force: IOC, ..limit(false, 0, 10) };
    assert_eq!(checked_order(&args, &[], &market, &exchange(), NOW).unwrap().price_ticks, 1_010_000);
    let tight = OrderArgs { max_slippage_bps: 10, ..args };
    assert_eq!(checked_order(&tight, &[], &market, &exchange(), NOW).unwrap().price_ticks, 1_001_000);
    let wide = OrderArgs { price_ticks: 1_002_000, ..tight };
    refused(checked_order(&wide, &[], &market, &exchange(), NOW), EvertideError::SlippageLimitExceeded);
    market.evidence[0] = Evidence { order_id: 9, price_ticks: 999_000, shown_ms: NOW.ms, ..Evidence::default() };
    let slide = OrderArgs { time_in_force: TimeInForce::PostOnlySlide as u8, ..limit(true, 998_000, 10) };
    assert_eq!(checked_order(&slide, &[], &market, &exchange(), NOW).unwrap().price_ticks, 999_001);
    market.evidence[0].shown_ms = NOW.ms - 30_001;
    assert_eq!(checked_order(&slide, &[], &market, &exchange(), NOW).unwrap().price_ticks, 998_000);
}

#[test]
fn a_status_takes_only_the_orders_it_should() {
    let mut market = market();
    let any = limit(false, 1_000_000, 10);
    let post_only = OrderArgs { time_in_force: POST_ONLY, ..any };
    let reduce_only = OrderArgs { reduce_only: true, ..any };
    let taken = |market: &Market| {
        [any, post_only, reduce_only].map(|args| checked_order(&args, &[], market, &exchange(), NOW).is_ok())
    };
    assert_eq!(taken(&market), [true, true, true]);
    market.cooldown_until_ms = NOW.ms + 1;
    assert_eq!((status_now(&market, NOW.ms), taken(&market)), (1, [false, true, false]));
    market.latch = 1;
    assert_eq!((status_now(&market, NOW.ms), taken(&market)), (2, [false, false, true]));
    market.status = MarketStatus::Halted as u8;
    assert_eq!(taken(&market), [false, false, false]);
}

#[test]
fn ids_rise_client_ids_are_unique_and_slots_return() {
    let (market, mut user, mut orders) = (market(), user(0), orders());
    let args = OrderArgs { client_order_id: 77, ..limit(false, 1_000_000, 10) };
    let first = put(&mut user, &mut orders, &market, &args);
    let order = checked_order(&args, &[], &market, &exchange(), NOW).unwrap();
    let again = insert(&mut user, &mut orders, &market, order, NOW, &mut Vec::new());
    refused(again, EvertideError::ClientOrderIdInUse);
    remove(&mut user, &mut orders, first).unwrap();
    assert_eq!((user.position_count, orders.order_count), (0, 0));
    let second = put(&mut user, &mut orders, &market, &args);
    assert_eq!((second, orders.orders[second].order_id), (first, 2));
    assert_eq!(find_order(&orders, 1), None);
}

#[test]
fn full_slots_give_up_only_dead_orders() {
    let (market, mut user, mut orders) = (market(), user(0), orders());
    for number in 0..ORDERS_MAX as i64 {
        let expiry_ms = if number < 2 { NOW.ms + 1_000 } else { 0 };
        put(&mut user, &mut orders, &market, &OrderArgs { expiry_ms, ..limit(false, 1_000_000, 10) });
    }
    let mut reclaimed = Vec::new();
    refused(free_slot(&mut user, &mut orders, NOW, &mut reclaimed), EvertideError::OrderSlotsFull);
    let later = Now { ms: NOW.ms + 1_000, slot: NOW.slot };
    free_slot(&mut user, &mut orders, later, &mut reclaimed).unwrap();
    assert_eq!(reclaimed.iter().map(|order| order.order_id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((orders.order_count, user.positions[0].open_bid_lots), (30, 300));
}

#[test]
fn immediate_orders_die_after_their_slots_and_client_ids_of_the_dead_are_free() {
    let (market, mut user, mut orders) = (market(), user(0), orders());
    let args = OrderArgs { time_in_force: IOC, client_order_id: 5, ..limit(false, 1_000_000, 10) };
    let slot = put(&mut user, &mut orders, &market, &args);
    let at = |slots| Now { ms: NOW.ms, slot: NOW.slot + slots };
    assert!(!is_expired(&orders.orders[slot], at(MATCH_DEADLINE_SLOTS)));
    assert!(is_expired(&orders.orders[slot], at(MATCH_DEADLINE_SLOTS + 1)));
    assert!(client_id_in_use(&orders, 5, 0, NOW));
    assert!(!client_id_in_use(&orders, 5, 0, at(MATCH_DEADLINE_SLOTS + 1)));
}

#[test]
fn void_orders_leave_without_touching_the_aggregates() {
    let (market, mut user, mut orders) = (market(), user(0), orders());
    let slot = put(&mut user, &mut orders, &market, &limit(false, 1_000_000, 10));
    user.orders_epoch = 2;
    user.positions[0].open_bid_lots = 0;
    user.positions[0].open_order_count = 0;
    remove(&mut user, &mut orders, slot).unwrap();
    assert_eq!(orders.order_count, 0);
    let next = put(&mut user, &mut orders, &market, &limit(false, 1_000_000, 10));
    assert_eq!(orders.orders[next].order_id, 2);
}

#[test]
fn reduce_only_needs_a_position_and_adds_no_exposure() {
    let (mut market, mut user, mut orders) = (market(), user(1_000 * USD), orders());
    let args = OrderArgs { reduce_only: true, ..limit(true, 1_000_000, 10) };
    let order = checked_order(&args, &[], &market, &exchange(), NOW).unwrap();
    let refusal = insert(&mut user, &mut orders, &market, order, NOW, &mut Vec::new());
    refused(refusal, EvertideError::ReduceOnlyWouldIncrease);
    let (mut user, mut orders) = (crate::common::user(1_000 * USD), crate::common::orders());
    let slot = hold(&mut user, &mut market, 10);
    put(&mut user, &mut orders, &market, &args);
    let position = &user.positions[slot];
    assert_eq!((position.open_ask_lots, position.open_order_count, position.reduce_only_count), (0, 1, 1));
}

#[test]
fn orders_of_one_side_stay_within_the_position_limit() {
    let (mut market, mut user, mut orders) = (market(), user(0), orders());
    market.terms.position_max_lots = 100;
    hold(&mut user, &mut market, 60);
    put(&mut user, &mut orders, &market, &limit(false, 1_000_000, 40));
    let order = checked_order(&limit(false, 1_000_000, 1), &[], &market, &exchange(), NOW).unwrap();
    let refusal = insert(&mut user, &mut orders, &market, order, NOW, &mut Vec::new());
    refused(refusal, EvertideError::PositionLimitExceeded);
    put(&mut user, &mut crate::common::orders(), &market, &limit(true, 1_000_000, 100));
}

#[test]
fn reducing_an_order_to_nothing_takes_it_out() {
    let (market, mut user, mut orders) = (market(), user(0), orders());
    let args = OrderArgs { taker_phase_s: 5, auction_start_ticks: 999_000, ..limit(false, 1_000_000, 10) };
    let slot = put(&mut user, &mut orders, &market, &args);
    assert_eq!(plain_terms(&orders.orders[slot]).auction_start_ticks, 999_000);
    reduce_size(&mut user, &mut orders, slot, 4).unwrap();
    assert_eq!((orders.orders[slot].size_lots, user.positions[0].open_bid_lots), (6, 6));
    reduce_size(&mut user, &mut orders, slot, 6).unwrap();
    assert_eq!((orders.order_count, user.position_count), (0, 0));
}
