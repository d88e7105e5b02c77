//! Trailing stops: `update_trailing`.

use evertide_vm_tests::{
    args::KindArgs,
    exchange::market,
    kinds::{conditional, trailing},
    state::{Market, OrderKind},
    tests,
    traders::Trader,
    world::World,
};

use crate::match_orders::stage;

tests!(
    follows_the_price_in_the_orders_favour,
    the_watermark_never_goes_back,
    a_keeper_that_comes_late_or_twice_takes_nothing_away,
    fires_where_it_was_left,
    refuses_other_orders,
);

fn trigger_of(world: &World, trader: &Trader, id: u64) -> u64 {
    world.order(trader, id).expect("it waits").terms[0]
}

fn follows_the_price_in_the_orders_favour() {
    for (ask, first, better, moved) in [(true, 495_000, 51_000, 504_900), (false, 505_000, 49_000, 494_900)] {
        let (mut world, alice, _) = stage();
        let id = world.place_wish(&alice, trailing(ask, 100, 10));
        assert_eq!(trigger_of(&world, &alice, id), first);
        world.fails(&world.update_trailing(0, &alice, id), "TrailingNotMoved");
        world.btc_at(better);
        let event = world.ok(&world.update_trailing(0, &alice, id)).event("TrailingUpdated");
        assert_eq!(event["trigger_ticks"].as_u64(), Some(moved));
        assert_eq!(trigger_of(&world, &alice, id), moved);
    }
}

/// Over any path of prices, with a keeper who calls at any time, the trigger only moves one way and never passes the price.
fn the_watermark_never_goes_back() {
    let mut seed = 7_u64;
    for ask in [true, false] {
        let (mut world, alice, _) = stage();
        let id = world.place_wish(&alice, trailing(ask, 150, 10));
        let mut before = trigger_of(&world, &alice, id);
        for _ in 0..40 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            world.btc_at(49_000 + (seed >> 33) % 2_000);
            if (seed >> 20) & 3 != 0 {
                let _ = world.send(&world.update_trailing(0, &alice, id));
            }
            let now = trigger_of(&world, &alice, id);
            assert!(if ask { now >= before } else { now <= before }, "{before} to {now}");
            before = now;
        }
    }
}

fn a_keeper_that_comes_late_or_twice_takes_nothing_away() {
    let (mut world, alice, _) = stage();
    let id = world.place_wish(&alice, trailing(true, 100, 10));
    world.btc_at(51_000);
    world.ok(&world.update_trailing(0, &alice, id));
    world.fails(&world.update_trailing(0, &alice, id), "TrailingNotMoved");
    world.btc_at(50_600);
    world.fails(&world.update_trailing(0, &alice, id), "TrailingNotMoved");
    assert_eq!(trigger_of(&world, &alice, id), 504_900);
}

fn fires_where_it_was_left() {
    let (mut world, alice, _) = stage();
    let id = world.place_wish(&alice, trailing(true, 100, 10));
    world.btc_at(51_000);
    world.ok(&world.update_trailing(0, &alice, id));
    world.btc_at(50_491);
    world.fails(&world.trigger_order(0, &alice, id), "TriggerNotReached");
    world.btc_at(50_490);
    world.ok(&world.trigger_order(0, &alice, id));
    world.fails(&world.update_trailing(0, &alice, id), "OrderKindMismatch");
}

fn refuses_other_orders() {
    let (mut world, alice, bob) = stage();
    let stop = world.place_wish(&alice, conditional(OrderKind::StopMarket, true, 495_000, 10));
    let (order, kind) = trailing(true, 100, 10);
    let at = world.now_ms() + 60_000;
    let later = world.place_wish(&alice, (order, KindArgs { not_before_ms: at, ..kind }));
    world.btc_at(51_000);
    world.fails(&world.update_trailing(0, &alice, stop), "OrderKindMismatch");
    world.fails(&world.update_trailing(0, &alice, later), "OrderNotDue");
    world.fails(&world.update_trailing(0, &alice, 99), "OrderNotFound");
    world.fails(&world.update_trailing(1, &alice, stop), "OrderMarketMismatch");
    world.fails(&world.update_trailing(0, &alice, stop).with("orders", bob.orders), "OrdersOfAnotherUser");
    let id = world.place_wish(&alice, trailing(true, 100, 10));
    world.btc_at(52_000);
    world.edit::<Market>(market(0), |state| state.validity = 1);
    world.fails(&world.update_trailing(0, &alice, id), "OracleValidityForbids");
}
