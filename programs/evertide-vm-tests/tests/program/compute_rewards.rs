//! Compute units of builders' fees and referrers' shares, for `docs/compute-units.md`.

use evertide_vm_tests::{
    call::Call,
    hits::record_units,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::builders::{branded, owing, staged, ENTRY};

tests!(charging_rewards, paying_rewards);

fn note(world: &mut World, case: &str, call: &Call) {
    let units = world.ok(call).units();
    record_units(&call.name, case, units);
}

fn charging_rewards() {
    let (mut world, alice, bob, _) = staged();
    let carol = Trader::named("carol");
    world.fund(carol.authority);
    let call = world.create_referred(&carol, alice.user);
    note(&mut world, "with a referrer", &call);
    world.trade(0, &alice, &bob, 500_000, 100);
    world.trade(0, &bob, &alice, 500_000, 50);
    let maker = world.place(&alice, post_only(0, false, 500_000, 10));
    world.advance_slots(1);
    let call = world.place_orders(&bob, &[branded(limit(0, true, 500_000, 10))]);
    note(&mut world, "1 order, 1 position, a builder", &call);
    let taker = world.orders(&bob).next_order_id - 1;
    let call = world.match_orders(0, &bob, taker, &[(&alice, maker)]);
    note(&mut world, "1 maker, a builder and a referrer", &call);
}

fn paying_rewards() {
    let (mut world, _, bob, _) = owing();
    let call = world.pay_referrer(0, &bob);
    note(&mut world, "typical", &call);
    let call = world.pay_builder(0, ENTRY);
    note(&mut world.clone(), "typical", &call);
    world.ok(&world.retire_builder(ENTRY));
    for index in 1..world.exchange().market_count {
        world.ok(&world.pay_builder(index, ENTRY));
    }
    note(&mut world, "frees the entry", &call);
}
