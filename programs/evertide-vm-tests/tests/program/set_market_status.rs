//! `set_market_status`.

use evertide_vm_tests::{
    admin::role_keys,
    exchange::market,
    state::{Market, MarketStatus},
    tests,
    traders::{limit, post_only},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    makes_a_market_reduce_only_at_once,
    positions_still_close,
    refuses_every_other_status,
    refuses_who_holds_no_role,
    keeps_the_age_of_the_row,
);

const REDUCE_ONLY: u8 = MarketStatus::ReduceOnly as u8;

fn makes_a_market_reduce_only_at_once() {
    for signer in &role_keys(&World::open())[..3] {
        let mut world = World::open();
        let event = world.ok(&world.set_market_status(*signer, 0, REDUCE_ONLY)).event("MarketStatusSet");
        assert_eq!((event["market_index"].as_u64(), event["status"].as_u64()), (Some(0), Some(2)));
        assert_eq!((world.market(0).status, world.cache().markets[0].status), (REDUCE_ONLY, REDUCE_ONLY));
    }
}

fn positions_still_close() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    world.ok(&world.set_market_status(key("guardian"), 0, REDUCE_ONLY));
    let call = world.place_orders(&alice, &[post_only(0, false, 490_000, 1)]);
    world.fails(&call, "MarketStatusForbids");
    let reduce = |ask: bool| {
        let mut order = limit(0, ask, 500_000, 10);
        order.reduce_only = true;
        order
    };
    let maker = world.place(&alice, reduce(true));
    world.advance_slots(1);
    let taker = world.place(&bob, reduce(false));
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
}

/// Decision 6: what would stop reductions or liquidations is not to be had at once, and nothing goes back.
fn refuses_every_other_status() {
    let mut world = World::open();
    for status in [0, 1, 3, 4, 5, 6, 255] {
        world.fails(&world.set_market_status(world.root, 0, status), "StatusNeedsTimelock");
    }
    for status in 2..=5 {
        world.edit::<Market>(market(0), |state| state.status = status);
        world.fails(&world.set_market_status(world.root, 0, REDUCE_ONLY), "StatusNotTighter");
    }
    world.edit::<Market>(market(0), |state| state.status = MarketStatus::PostOnly as u8);
    world.ok(&world.set_market_status(world.root, 0, REDUCE_ONLY));
}

fn refuses_who_holds_no_role() {
    let mut world = World::open();
    for signer in [world.treasury, world.oracle, world.upgrade_authority, world.keeper] {
        world.fails(&world.set_market_status(signer, 0, REDUCE_ONLY), "RoleForbids");
    }
}

/// A status is no price: a row does not become fresh by it.
fn keeps_the_age_of_the_row() {
    let mut world = World::open();
    let before = world.cache().markets[0];
    world.advance(60);
    world.ok(&world.set_market_status(world.root, 0, REDUCE_ONLY));
    let mut after = world.cache().markets[0];
    after.status = before.status;
    assert_eq!(after, before);
}
