//! `fill_auction`: makers answer an order in its taker phase.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{exchange, market},
    state::{Exchange, Market, Orders, TimeInForce, User},
    terms::PRICES,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    a_maker_answers_with_nothing_in_the_book,
    the_ramp_sets_the_price_and_the_event_tells_the_improvement,
    several_makers_share_one_order,
    an_answer_reduces_and_turns,
    refuses_a_price_that_is_worse,
    refuses_after_the_phase,
    refuses_oneself_and_strangers,
    refuses_beyond_margin_and_limits,
    refuses_in_a_market_that_only_reduces,
    a_book_order_stays_allowed,
    v33_refuses_wrong_pairs,
);

/// A bid of 100 lots to 500,500 whose auction starts at 499,500 and lasts 10 s.
fn auction(world: &mut World, taker: &Trader) -> u64 {
    let order = OrderArgs { taker_phase_s: 10, auction_start_ticks: 499_500, ..limit(0, false, 500_500, 100) };
    world.place(taker, order)
}

fn a_maker_answers_with_nothing_in_the_book() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    let sequence = world.user(&bob).sequence;
    let event = world.ok(&world.fill_auction(0, &alice, order, &bob, 499_500, 40)).event("OrdersMatched");
    assert_eq!(event["auction"], true);
    assert_eq!(event["keeper"], "11111111111111111111111111111111");
    assert_eq!(event["fills"][0]["maker"], bob.user.to_string());
    assert_eq!(event["fills"][0]["maker_remaining_lots"].as_u64(), Some(0));
    let (long, short) = (world.position(&alice, 0).expect("long"), world.position(&bob, 0).expect("short"));
    assert_eq!((long.basis_lots, short.basis_lots), (40, -40));
    assert_eq!((short.open_order_count, short.open_ask_lots, short.min_ask_ticks), (0, 0, 0));
    let orders = world.orders(&bob);
    assert_eq!((orders.order_count, orders.next_order_id), (0, 2), "the answer used an id and left no order");
    assert_eq!(world.user(&bob).sequence, sequence + 1);
    assert_eq!(world.order(&alice, order).map(|order| (order.size_lots, order.filled_lots)), Some((60, 40)));
    assert_eq!(world.market(0).open_interest_lots, [40, 40]);
}

fn the_ramp_sets_the_price_and_the_event_tells_the_improvement() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    for (seconds, limit_ticks) in [(0, 499_500u64), (1, 499_600), (4, 500_000), (4, 500_400)] {
        if seconds != 0 {
            world.pass(seconds, &PRICES);
        }
        world.fails(&world.fill_auction(0, &alice, order, &bob, limit_ticks + 1, 1), "AuctionPriceWorse");
        let event = world.ok(&world.fill_auction(0, &alice, order, &bob, limit_ticks - 7, 3)).event("OrdersMatched");
        assert_eq!(event["taker_limit_ticks"].as_u64(), Some(limit_ticks));
        assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(limit_ticks - 7));
        let tick_value = world.market(0).atoms_per_lot_tick;
        assert_eq!(event["fills"][0]["improvement_atoms"].as_u64(), Some(7 * 3 * tick_value));
    }
    // An ask's ramp falls.
    let ask = OrderArgs { taker_phase_s: 10, auction_start_ticks: 500_500, ..limit(0, true, 499_500, 10) };
    let order = world.place(&bob, ask);
    world.pass(1, &PRICES);
    world.fails(&world.fill_auction(0, &bob, order, &alice, 500_399, 1), "AuctionPriceWorse");
    world.ok(&world.fill_auction(0, &bob, order, &alice, 500_400, 1));
}

fn several_makers_share_one_order() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10_000);
    let order = auction(&mut world, &alice);
    world.ok(&world.fill_auction(0, &alice, order, &bob, 499_400, 70));
    // Who asks for more than is left gets what is left.
    let event = world.ok(&world.fill_auction(0, &alice, order, &carol, 499_500, u64::MAX)).event("OrdersMatched");
    assert_eq!(event["fills"][0]["size_lots"].as_u64(), Some(30));
    assert!(world.order(&alice, order).is_none());
    world.fails(&world.fill_auction(0, &alice, order, &carol, 499_500, 1), "OrderNotFound");
}

fn an_answer_reduces_and_turns() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &bob, &alice, 500_000, 30);
    let order = auction(&mut world, &alice);
    // A reduction needs no fresh rows.
    let mut stale = world.clone();
    stale.edit::<Market>(market(0), |state| state.terms.oracle.stale_fill_ms = 60_000);
    stale.advance(9);
    stale.advance_slots(1);
    stale.ok(&stale.fill_auction(0, &alice, order, &bob, 499_500, 20));
    assert_eq!(stale.position(&bob, 0).map(|position| position.basis_lots), Some(10));
    world.ok(&world.fill_auction(0, &alice, order, &bob, 499_500, 100));
    assert_eq!(world.position(&bob, 0).map(|position| position.basis_lots), Some(-70));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(70));
}

fn refuses_a_price_that_is_worse() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    for (price, error) in [
        (0, "OrderPriceOutOfRange"),
        (1 << 40, "OrderPriceOutOfRange"),
        (u64::MAX, "OrderPriceOutOfRange"),
        (499_501, "AuctionPriceWorse"),
        (400_000, "PriceOutsideBand"),
    ] {
        world.fails(&world.fill_auction(0, &alice, order, &bob, price, 1), error);
    }
    world.fails(&world.fill_auction(0, &alice, order, &bob, 499_500, 0), "OrderSizeTooSmall");
    let careful = OrderArgs {
        taker_phase_s: 10,
        auction_start_ticks: 505_000,
        max_slippage_bps: 10,
        ..limit(0, false, 506_000, 9)
    };
    let order = world.place(&alice, careful);
    world.fails(&world.fill_auction(0, &alice, order, &bob, 501_000, 1), "SlippageLimitExceeded");
    world.ok(&world.fill_auction(0, &alice, order, &bob, 500_400, 1));
}

fn refuses_after_the_phase() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    let plain = world.place(&alice, limit(0, false, 500_500, 10));
    world.fails(&world.fill_auction(0, &alice, plain, &bob, 500_000, 1), "AuctionOver");
    let resting = world.place(&alice, post_only(0, false, 499_000, 10));
    world.fails(&world.fill_auction(0, &alice, resting, &bob, 499_000, 1), "TakerNotLive");
    world.pass(10, &PRICES);
    world.fails(&world.fill_auction(0, &alice, order, &bob, 500_000, 1), "AuctionOver");
}

fn refuses_oneself_and_strangers() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    let second = world.sub_account(&alice, 1);
    world.fails(&world.fill_auction(0, &alice, order, &second, 499_500, 1), "AuctionOfOneself");
    let call = world.fill_auction(0, &alice, order, &bob, 499_500, 1);
    world.fails(&call.clone().with("signer", alice.authority), "NotAuthorityOrDelegate");
    world.edit::<User>(bob.user, |user| user.liquidation_start_ms = 1);
    world.fails(&call, "UserInLiquidation");
}

fn refuses_beyond_margin_and_limits() {
    let (mut world, alice, bob) = stage();
    let order = auction(&mut world, &alice);
    let poor = world.funded("poor", 20);
    // 100 lots are $500 at 10 %: what is missing to the initial margin is refused with both numbers.
    world.fails(&world.fill_auction(0, &alice, order, &poor, 499_500, 45), "InitialMarginTooLow");
    world.fails(&world.fill_auction(0, &alice, order, &poor, 499_500, 100), "AuctionMarginTooLow");
    world.ok(&world.fill_auction(0, &alice, order, &poor, 499_500, 30));
    let mut capped = world.clone();
    capped.edit::<User>(bob.user, |user| user.notional_cap_atoms = 1);
    capped.fails(&capped.fill_auction(0, &alice, order, &bob, 499_500, 10), "UserNotionalCapExceeded");
    let mut full = world.clone();
    full.edit::<Market>(market(0), |state| state.terms.open_interest_max_lots = 35);
    full.fails(&full.fill_auction(0, &alice, order, &bob, 499_500, 10), "OpenInterestLimitExceeded");
    let mut crowded = world.clone();
    crowded.edit::<Orders>(bob.orders, |state| {
        state.orders.iter_mut().for_each(|order| order.order_id = 900);
        state.order_count = 32;
    });
    crowded.fails(&crowded.fill_auction(0, &alice, order, &bob, 499_500, 10), "OrderSlotsFull");
}

/// Behind a closed gate the taker cannot grow, and a maker that would is refused by its own code.
fn refuses_in_a_market_that_only_reduces() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10_000);
    world.trade(0, &carol, &alice, 500_000, 30);
    let reduce = OrderArgs { reduce_only: true, ..limit(0, false, 500_500, 30) };
    let order = world.place(&alice, OrderArgs { taker_phase_s: 10, auction_start_ticks: 499_500, ..reduce });
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 1 << 2);
    world.fails(&world.fill_auction(0, &alice, order, &bob, 499_500, 10), "MarketStatusForbids");
    world.ok(&world.fill_auction(0, &alice, order, &carol, 499_500, 10));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(-20));
}

/// match_orders stays allowed: a resting order that is better than any answer is met as before.
fn a_book_order_stays_allowed() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&bob, post_only(0, true, 499_450, 50));
    world.advance_slots(1);
    let order = auction(&mut world, &alice);
    let event = world.ok(&world.match_orders(0, &alice, order, &[(&bob, maker)])).event("OrdersMatched");
    assert_eq!((event["auction"].as_bool(), event["taker_limit_ticks"].as_u64()), (Some(false), Some(499_500)));
    let tick_value = world.market(0).atoms_per_lot_tick;
    assert_eq!(event["fills"][0]["improvement_atoms"].as_u64(), Some(50 * 50 * tick_value));
    // All or nothing holds for an answer as well.
    let whole = OrderArgs {
        taker_phase_s: 10,
        auction_start_ticks: 499_500,
        time_in_force: TimeInForce::FillOrKill as u8,
        ..limit(0, false, 500_500, 20)
    };
    let order = world.place(&alice, whole);
    world.fails(&world.fill_auction(0, &alice, order, &bob, 499_500, 19), "FillOrKillNotFilled");
    world.ok(&world.fill_auction(0, &alice, order, &bob, 499_500, 20));
}

fn v33_refuses_wrong_pairs() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10_000);
    let order = auction(&mut world, &alice);
    let call = world.fill_auction(0, &alice, order, &bob, 499_500, 1);
    let mut foreign = call.clone();
    foreign.remaining[1].pubkey = carol.orders;
    world.fails(&foreign, "OrdersOfAnotherUser");
    let mut short = call.clone();
    short.remaining.pop();
    world.fails(&short, "RemainingAccountInvalid");
    let mut long = call.clone();
    long.remaining.push(long.remaining[0].clone());
    world.fails(&long, "RemainingAccountInvalid");
    let mut fixed = call.clone();
    fixed.remaining[0].is_writable = false;
    world.fails(&fixed, "RemainingAccountInvalid");
    world.fails(&call.with("taker_orders", carol.orders), "OrdersOfAnotherUser");
}
