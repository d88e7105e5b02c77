//! `cancel_all_after` and `expire_orders`: dead orders stay dead, whoever looks at them and however late.

use evertide_vm_tests::{
    args::OrderArgs,
    kinds::{conditional, plain, twap},
    state::{permissions, OrderKind},
    terms::PRICES,
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    the_deadline_kills_every_order,
    a_dead_order_never_comes_back,
    a_keeper_that_comes_late_finds_them_dead_and_twice_nothing,
    placing_needs_a_sign_of_life,
    refuses_deadlines_and_strangers,
    expires_what_is_dead_and_nothing_else,
    v23_nobody_expires_a_live_order,
);

fn open_ids(world: &World, trader: &Trader) -> Vec<u64> {
    let mut ids: Vec<u64> = world.orders(trader).orders.iter().map(|order| order.order_id).collect();
    ids.retain(|id| *id != 0);
    ids.sort_unstable();
    ids
}

/// Alice's bid and stop, with a deadline in ten seconds.
fn under_deadline() -> (World, Trader, Trader, i64) {
    let (mut world, alice, bob) = stage();
    world.place(&alice, post_only(0, false, 500_000, 10));
    world.place_wish(&alice, conditional(OrderKind::StopMarket, false, 510_000, 10));
    let deadline = world.now_ms() + 10_000;
    let event = world.ok(&world.cancel_all_after(&alice, deadline)).event("CancelAllAfterSet");
    assert_eq!((event["deadline_ms"].as_i64(), event["orders"].as_array().map(Vec::len)), (Some(deadline), Some(0)));
    (world, alice, bob, deadline)
}

fn the_deadline_kills_every_order() {
    let (mut world, alice, bob, _) = under_deadline();
    world.pass(9, &PRICES);
    let taker = world.place(&bob, limit(0, true, 500_000, 4));
    let mut alive = world.clone();
    alive.ok(&alive.match_orders(0, &bob, taker, &[(&alice, 1)]));
    world.pass(1, &PRICES);
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, 1)]), "NothingFilled");
    world.fails(&world.trigger_order(0, &alice, 2), "OrderNotFound");
    world.fails(&world.modify_order(&alice, 1, &post_only(0, false, 499_000, 5)), "CancelAllAfterReached");
}

fn a_dead_order_never_comes_back() {
    let (mut world, alice, _, deadline) = under_deadline();
    world.pass(10, &PRICES);
    for later in [0, deadline + 60_000] {
        let mut world = world.clone();
        let event = world.ok(&world.cancel_all_after(&alice, later)).event("CancelAllAfterSet");
        assert_eq!(event["orders"].as_array().map(Vec::len), Some(2));
        assert!(open_ids(&world, &alice).is_empty());
        assert_eq!(world.position(&alice, 0).map(|position| position.open_bid_lots), None);
        world.place(&alice, post_only(0, false, 499_000, 5));
    }
}

fn a_keeper_that_comes_late_finds_them_dead_and_twice_nothing() {
    let (mut world, alice, ..) = under_deadline();
    world.fails(&world.expire_orders(&alice), "NothingExpired");
    world.pass(86_400, &PRICES);
    let event = world.ok(&world.expire_orders(&alice)).event("OrdersExpired");
    assert_eq!(event["orders"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.user(&alice).position_count, 0);
    world.fails(&world.expire_orders(&alice), "NothingExpired");
}

fn placing_needs_a_sign_of_life() {
    let (mut world, alice, ..) = under_deadline();
    world.place(&alice, post_only(0, false, 499_000, 5));
    world.pass(10, &PRICES);
    world.fails(&world.place_orders(&alice, &[post_only(0, false, 499_000, 5)]), "CancelAllAfterReached");
    world.ok(&world.cancel_all_after(&alice, 0));
    world.place(&alice, post_only(0, false, 499_000, 5));
}

fn refuses_deadlines_and_strangers() {
    let (mut world, alice, bob, _) = under_deadline();
    let now_ms = world.now_ms();
    for deadline in [now_ms, now_ms - 1, -1] {
        world.fails(&world.cancel_all_after(&alice, deadline), "DeadlineNotInFuture");
    }
    world.fails(&world.cancel_all_after(&alice, 0).with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&world.cancel_all_after(&alice, 0).with("orders", bob.orders), "OrdersOfAnotherUser");
    world.fails(&world.expire_orders(&alice).with("orders", bob.orders), "OrdersOfAnotherUser");
    world.ok(&world.set_delegate(&alice, bob.authority, permissions::PLACE, 0));
    world.fails(&world.cancel_all_after(&alice, 0).with("signer", bob.authority), "DelegateMayNot");
    world.ok(&world.set_delegate(&alice, bob.authority, permissions::CANCEL, 0));
    world.ok(&world.cancel_all_after(&alice, 0).with("signer", bob.authority));
}

fn expires_what_is_dead_and_nothing_else() {
    let (mut world, alice, _) = stage();
    let expiry_ms = world.now_ms() + 5_000;
    world.place(&alice, OrderArgs { expiry_ms, ..post_only(0, false, 499_000, 5) });
    world.place(&alice, market_order(0, false, 5));
    let kept = world.place(&alice, post_only(0, false, 498_000, 5));
    let parent = world.place_wish(&alice, twap(false, 20, 2, 1));
    let entry = plain(OrderArgs { expiry_ms, ..post_only(0, false, 499_000, 5) });
    let exit = conditional(OrderKind::StopMarket, true, 480_000, 5);
    let ids = world.place_group(&alice, &[entry, (OrderArgs { reduce_only: true, ..exit.0 }, exit.1)], 1);
    world.pass(60, &PRICES);
    let event = world.ok(&world.expire_orders(&alice)).event("OrdersExpired");
    let gone: Vec<u64> =
        event["orders"].as_array().expect("orders").iter().filter_map(|order| order["order_id"].as_u64()).collect();
    for id in [1, 2, parent, ids[0], ids[1]] {
        assert!(gone.contains(&id), "{id} stayed: {gone:?}");
    }
    assert_eq!(open_ids(&world, &alice), [kept]);
    assert_eq!(
        world.position(&alice, 0).map(|position| (position.open_order_count, position.open_bid_lots)),
        Some((1, 5))
    );
}

fn v23_nobody_expires_a_live_order() {
    let (mut world, alice, _) = stage();
    world.place(&alice, post_only(0, false, 499_000, 5));
    world.place(&alice, market_order(0, false, 5));
    world.place_wish(&alice, twap(false, 20, 2, 60));
    world.place_wish(&alice, conditional(OrderKind::StopMarket, false, 510_000, 10));
    world.advance_slots(30);
    world.fails(&world.expire_orders(&alice), "NothingExpired");
    world.advance_slots(1);
    world.ok(&world.expire_orders(&alice));
    assert_eq!(open_ids(&world, &alice), [1, 3, 4]);
}
