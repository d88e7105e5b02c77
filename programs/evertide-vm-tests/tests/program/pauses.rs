//! `pause` and `lift_pause`.

use evertide_vm_tests::{
    admin::{role_keys, PAUSE_S},
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    a_pause_ends_by_itself,
    stops_new_risk_and_nothing_else,
    anyone_lifts_it_after_its_end,
    the_guardian_lifts_it_before,
    three_pauses_in_any_day_and_no_more,
    a_pause_cut_short_counts,
    refuses_who_holds_no_role,
);

const DAY_S: i64 = 86_400;

fn a_pause_ends_by_itself() {
    for signer in &role_keys(&World::open())[..3] {
        let (mut world, alice, _) = stage();
        let event = world.ok(&world.pause(*signer)).event("ExchangePaused");
        assert_eq!(event["end_ms"].as_i64(), Some(world.now_ms() + PAUSE_S * 1_000));
        world.pass(PAUSE_S - 1, &PRICES);
        let order = world.place_orders(&alice, &[limit(0, false, 490_000, 1)]);
        world.fails(&order, "GateClosed");
        world.pass(1, &PRICES);
        world.ok(&order);
    }
}

fn stops_new_risk_and_nothing_else() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    let resting = world.place(&alice, post_only(0, false, 480_000, 1));
    world.ok(&world.pause(key("guardian")));
    world.pass(1, &PRICES);
    let order = world.place_orders(&alice, &[post_only(0, false, 490_000, 1)]);
    world.fails(&order, "GateClosed");
    world.ok(&world.deposit(&alice, 0, USD));
    world.ok(&world.withdraw(&bob, 0, 1_000 * USD));
    let mut reduce = limit(0, true, 500_000, 10);
    reduce.reduce_only = true;
    let maker = world.place(&alice, reduce.clone());
    world.advance_slots(1);
    reduce.ask = false;
    let taker = world.place(&bob, reduce);
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    world.ok(&world.settle_pnl(0, alice.user));
    assert!(world.order(&alice, resting).is_some());
    world.ok(&world.cancel_all(&alice));
}

fn anyone_lifts_it_after_its_end() {
    let mut world = World::open();
    world.fails(&world.lift_pause(key("anyone")), "PauseNotSet");
    world.ok(&world.pause(key("guardian")));
    world.advance(PAUSE_S - 1);
    for signer in [key("anyone"), world.root, key("risk"), world.treasury] {
        world.fails(&world.lift_pause(signer), "PauseNotOver");
    }
    world.advance(1);
    let event = world.ok(&world.lift_pause(key("anyone"))).event("PauseLifted");
    assert_eq!(event["end_ms"].as_i64(), Some(world.now_ms()));
    world.fails(&world.lift_pause(key("anyone")), "PauseNotSet");
}

fn the_guardian_lifts_it_before() {
    let (mut world, alice, _) = stage();
    world.ok(&world.pause(world.root));
    world.advance(60);
    let event = world.ok(&world.lift_pause(key("guardian"))).event("PauseLifted");
    assert_eq!(event["end_ms"].as_i64(), Some(world.now_ms()));
    world.refresh(&PRICES);
    world.ok(&world.place_orders(&alice, &[limit(0, false, 490_000, 1)]));
}

/// Whatever the pattern, no 24 h hold more than 90 min of pauses.
fn three_pauses_in_any_day_and_no_more() {
    let mut world = World::open();
    let start_s = world.now_ms() / 1_000;
    let mut starts = Vec::new();
    // A guardian that pauses whenever it can, tried every ten minutes of three days.
    for _ in 0..3 * 144 {
        if world.send(&world.pause(key("guardian"))).is_ok() {
            starts.push(world.now_ms() / 1_000 - start_s);
        }
        world.advance(600);
    }
    assert_eq!(starts[..4], [0, 1_800, 3_600, DAY_S + 1_800]);
    for from in (0..3 * DAY_S).step_by(300) {
        let inside = |at: &i64| (at + PAUSE_S).min(from + DAY_S).saturating_sub((*at).max(from)).max(0);
        let paused: i64 = starts.iter().map(inside).sum();
        assert!(paused <= 90 * 60, "{paused} s of pauses in the day from {from}");
    }
    let mut world = World::open();
    world.ok(&world.pause(key("guardian")));
    world.advance(PAUSE_S - 1);
    world.fails(&world.pause(world.root), "PauseRunning");
    for _ in 0..2 {
        world.advance(PAUSE_S);
        world.ok(&world.pause(world.root));
    }
    world.advance(PAUSE_S);
    world.fails(&world.pause(key("risk")), "PauseUsedUp");
}

fn a_pause_cut_short_counts() {
    let mut world = World::open();
    for _ in 0..3 {
        world.ok(&world.pause(key("guardian")));
        world.advance(1);
        world.ok(&world.lift_pause(key("guardian")));
    }
    world.fails(&world.pause(key("guardian")), "PauseUsedUp");
    world.advance(DAY_S);
    world.ok(&world.pause(key("guardian")));
}

fn refuses_who_holds_no_role() {
    let mut world = World::open();
    for signer in [world.treasury, world.oracle, world.upgrade_authority, world.keeper] {
        world.fails(&world.pause(signer), "RoleForbids");
    }
}
