//! TWAP orders: `execute_slice`.

use evertide_vm_tests::{
    args::{KindArgs, OrderArgs},
    exchange::market,
    kinds::{conditional, reducing, scheduled, twap},
    state::{order_flags, Market, OrderKind},
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    a_slice_is_an_immediate_order_of_its_parent,
    the_parent_counts_what_its_slices_fill_and_ends,
    a_keeper_that_comes_twice_is_refused,
    a_keeper_that_comes_late_catches_up_to_three_slices,
    a_keeper_that_comes_after_the_end_places_nothing,
    an_unfilled_slice_is_replaced_not_added_to,
    without_margin_parent_and_slice_are_cancelled,
    slices_of_a_reducing_parent_never_flip,
    cancelling_and_modifying_the_parent_takes_its_slice_with_it,
    the_schedule_is_conserved,
    each_rule_of_a_twap_has_its_error,
);

/// Alice buys 100 lots in 5 slices a minute apart; bob offers plenty.
fn under_way() -> (World, Trader, Trader, u64, u64) {
    let (mut world, alice, bob) = stage();
    let ask = world.place(&bob, post_only(0, true, 500_100, 1_000));
    world.advance_slots(1);
    let parent = world.place_wish(&alice, twap(false, 100, 5, 60));
    (world, alice, bob, parent, ask)
}

fn slice(world: &mut World, trader: &Trader, parent: u64) -> (u64, u64) {
    let event = world.ok(&world.execute_slice(0, trader, parent)).event("SliceExecuted");
    assert_eq!(event["outcome"].as_u64(), Some(0), "{event}");
    (event["order"]["order_id"].as_u64().expect("an id"), event["order"]["size_lots"].as_u64().expect("lots"))
}

fn a_slice_is_an_immediate_order_of_its_parent() {
    let (mut world, alice, _, parent, _) = under_way();
    assert_eq!(world.position(&alice, 0).expect("a slot").open_bid_lots, 0);
    let (id, lots) = slice(&mut world, &alice, parent);
    assert_eq!(lots, 20);
    let order = world.order(&alice, id).expect("live");
    assert_eq!((order.kind, order.time_in_force, order.price_ticks), (0, 1, 505_000));
    assert_ne!(order.flags & order_flags::SLICE, 0);
    assert_eq!(world.position(&alice, 0).expect("a slot").open_bid_lots, 20);
    world.fails(&world.trigger_order(0, &alice, parent), "OrderKindMismatch");
}

fn the_parent_counts_what_its_slices_fill_and_ends() {
    let (mut world, alice, bob, parent, ask) = under_way();
    for number in 1..=5 {
        let (id, lots) = slice(&mut world, &alice, parent);
        let event = world.ok(&world.match_orders(0, &alice, id, &[(&bob, ask)])).event("OrdersMatched");
        assert_eq!((lots, event["linked"][0]["change"].as_u64()), (20, Some(5)));
        let left = world.order(&alice, parent).map(|order| (order.size_lots, order.filled_lots));
        assert_eq!(left, (number < 5).then_some((100 - 20 * number, 20 * number)));
        world.pass(60, &PRICES);
    }
    assert_eq!((world.orders(&alice).order_count, world.position(&alice, 0).expect("long").basis_lots), (0, 100));
}

fn a_keeper_that_comes_twice_is_refused() {
    let (mut world, alice, bob, parent, ask) = under_way();
    let (id, _) = slice(&mut world, &alice, parent);
    world.fails(&world.execute_slice(0, &alice, parent), "SliceNotDue");
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, ask)]));
    world.fails(&world.execute_slice(0, &alice, parent), "SliceNotDue");
    world.pass(59, &PRICES);
    world.fails(&world.execute_slice(0, &alice, parent), "SliceNotDue");
    world.pass(1, &PRICES);
    slice(&mut world, &alice, parent);
}

fn a_keeper_that_comes_late_catches_up_to_three_slices() {
    let (mut world, alice, bob, parent, ask) = under_way();
    world.pass(239, &PRICES);
    let (id, lots) = slice(&mut world, &alice, parent);
    assert_eq!(lots, 60, "four are due, three at once");
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, ask)]));
    world.pass(1, &PRICES);
    assert_eq!(slice(&mut world, &alice, parent).1, 40);
}

fn a_keeper_that_comes_after_the_end_places_nothing() {
    let (mut world, alice, _, parent, _) = under_way();
    world.pass(300, &PRICES);
    world.fails(&world.execute_slice(0, &alice, parent), "SliceNotDue");
    world.ok(&world.expire_orders(&alice));
    world.fails(&world.execute_slice(0, &alice, parent), "OrderNotFound");
    assert_eq!(world.user(&alice).position_count, 0);
}

fn an_unfilled_slice_is_replaced_not_added_to() {
    let (mut world, alice, _, parent, _) = under_way();
    let (first, _) = slice(&mut world, &alice, parent);
    world.pass(60, &PRICES);
    let (second, lots) = slice(&mut world, &alice, parent);
    assert_eq!((lots, world.order(&alice, first)), (40, None));
    assert_eq!(world.position(&alice, 0).expect("a slot").open_bid_lots, 40);
    assert!(world.order(&alice, second).is_some());
}

fn without_margin_parent_and_slice_are_cancelled() {
    let (mut world, alice, _) = stage();
    let parent = world.place_wish(&alice, twap(false, 20_000, 2, 60));
    world.ok(&world.withdraw(&alice, 0, 9_900 * USD));
    let mut old = world.clone();
    old.advance(10);
    old.fails(&old.execute_slice(0, &alice, parent), "RowTooOld");
    let event = world.ok(&world.execute_slice(0, &alice, parent)).event("SliceExecuted");
    assert_eq!((event["outcome"].as_u64(), event["removed"][0]["order_id"].as_u64()), (Some(1), Some(parent)));
    assert_eq!((world.orders(&alice).order_count, world.user(&alice).position_count), (0, 0));
}

fn slices_of_a_reducing_parent_never_flip() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 15);
    let parent = world.place_wish(&alice, reducing(twap(true, 100, 5, 60)));
    let (id, lots) = slice(&mut world, &alice, parent);
    assert_eq!(lots, 15);
    let bid = world.place(&bob, post_only(0, false, 499_900, 100));
    world.pass(60, &PRICES);
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, bid)]), "TakerNotLive");
    let (id, _) = slice(&mut world, &alice, parent);
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, bid)]));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(0));
    world.pass(60, &PRICES);
    let event = world.ok(&world.execute_slice(0, &alice, parent)).event("SliceExecuted");
    assert_eq!(event["outcome"].as_u64(), Some(2));
    assert_eq!(world.orders(&alice).order_count, 0);
}

fn cancelling_and_modifying_the_parent_takes_its_slice_with_it() {
    let (mut world, alice, _, parent, _) = under_way();
    let (id, _) = slice(&mut world, &alice, parent);
    let mut cancelled = world.clone();
    cancelled.ok(&cancelled.cancel_ids(&alice, &[parent]));
    assert_eq!(cancelled.orders(&alice).order_count, 0);
    let (order, kind) = twap(false, 200, 10, 30);
    let replacement = OrderArgs { kind_args_plus_one: 1, ..order };
    let event = world.ok(&world.modify_kind(&alice, parent, &replacement, &[kind])).event("OrderModified");
    assert_eq!(event["removed"][0]["order_id"].as_u64(), Some(id));
    assert_eq!((world.orders(&alice).order_count, world.position(&alice, 0).expect("a slot").open_bid_lots), (1, 0));
}

/// Over any times of calls and fills: parent and fills add up, one slice is open at most, and no time has more filled or
/// open than the schedule wants of it.
fn the_schedule_is_conserved() {
    let mut seed = 3_u64;
    for _ in 0..6 {
        let (mut world, alice, bob, parent, ask) = under_way();
        let start = world.now_ms();
        for _ in 0..14 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            world.pass(1 + (seed >> 33) as i64 % 50, &PRICES);
            let _ = world.send(&world.execute_slice(0, &alice, parent));
            let all = world.orders(&alice).orders;
            let slices: Vec<_> = all.iter().filter(|order| order.flags & order_flags::SLICE != 0).collect();
            assert!(slices.len() <= 1);
            if (seed >> 20) & 1 == 0 {
                for open in &slices {
                    let _ = world.send(&world.match_orders(0, &alice, open.order_id, &[(&bob, ask)]));
                }
            }
            let held = world.position(&alice, 0).map_or(0, |position| position.basis_lots) as u64;
            let open: u64 = world.position(&alice, 0).map_or(0, |position| position.open_bid_lots);
            let due = (100 * (1 + (world.now_ms() - start) as u64 / 60_000) / 5).min(100);
            assert!(held + open <= due, "{held} + {open} of {due}");
            if let Some(order) = world.order(&alice, parent) {
                assert_eq!((order.size_lots + order.filled_lots, order.filled_lots), (100, held));
            }
        }
    }
}

fn each_rule_of_a_twap_has_its_error() {
    let (mut world, alice, bob) = stage();
    let (order, kind) = twap(false, 100, 5, 60);
    for (order, kind, error) in [
        (order.clone(), KindArgs { slice_count: 1, ..kind.clone() }, "TwapScheduleInvalid"),
        (order.clone(), KindArgs { slice_count: 1_001, ..kind.clone() }, "TwapScheduleInvalid"),
        (order.clone(), KindArgs { slice_interval_s: 0, ..kind.clone() }, "TwapScheduleInvalid"),
        (order.clone(), KindArgs { slice_interval_s: 518_401, ..kind.clone() }, "TwapScheduleInvalid"),
        (order.clone(), KindArgs { slice_count: 101, ..kind.clone() }, "OrderSizeTooSmall"),
        (OrderArgs { time_in_force: 0, ..order.clone() }, kind.clone(), "TimeInForceInvalid"),
    ] {
        let order = OrderArgs { kind_args_plus_one: 1, ..order };
        world.fails(&world.place_kinds(&alice, &[order], &[kind]), error);
    }
    let at = world.now_ms() + 60_000;
    let parent = world.place_wish(&alice, scheduled((order, kind), at));
    let stop = world.place_wish(&alice, conditional(OrderKind::StopMarket, false, 505_000, 10));
    world.fails(&world.execute_slice(0, &alice, parent), "SliceNotDue");
    world.fails(&world.execute_slice(0, &alice, stop), "OrderKindMismatch");
    world.fails(&world.execute_slice(0, &alice, 99), "OrderNotFound");
    world.fails(&world.execute_slice(1, &alice, parent), "OrderMarketMismatch");
    world.fails(&world.execute_slice(0, &alice, parent).with("orders", bob.orders), "OrdersOfAnotherUser");
    let taker = world.place(&bob, limit(0, true, 500_000, 4));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, parent)]), "NothingFilled");
    world.pass(60, &PRICES);
    slice(&mut world, &alice, parent);
    world.edit::<Market>(market(0), |state| state.status = 1);
    world.pass(60, &PRICES);
    world.fails(&world.execute_slice(0, &alice, parent), "MarketStatusForbids");
}
