//! `gate_disable` and `gate_enable`.

use evertide_vm_tests::{
    admin::{role_keys, TIMELOCK_S, WINDOW_S},
    state::GATES,
    tests,
    traders::{limit, Trader},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    closes_at_once_and_opens_after_the_timelock,
    each_gate_is_its_own,
    closing_again_takes_the_request_back,
    a_request_lapses,
    refuses_what_is_unknown_or_unchanged,
    refuses_who_holds_no_role,
);

const PLACE_ORDERS: u8 = 1;

fn closes_at_once_and_opens_after_the_timelock() {
    let (mut world, alice, bob) = stage();
    let event = world.ok(&world.gate_disable(key("guardian"), PLACE_ORDERS)).event("GateDisabled");
    assert_eq!(event["gates_closed"].as_u64(), Some(2));
    let order = world.place_orders(&alice, &[limit(0, false, 490_000, 1)]);
    world.fails(&order, "GateClosed");
    let asked = world.ok(&world.gate_enable(key("risk"), PLACE_ORDERS)).event("GateEnabled");
    assert_eq!(asked["open_ms"].as_i64(), Some(world.now_ms() + TIMELOCK_S * 1_000));
    assert_eq!(asked["gates_closed"].as_u64(), Some(2));
    world.advance(TIMELOCK_S - 1);
    world.fails(&world.gate_enable(world.root, PLACE_ORDERS), "TimelockNotOver");
    world.advance(1);
    // Anyone opens it.
    let opened = world.ok(&world.gate_enable(bob.authority, PLACE_ORDERS)).event("GateEnabled");
    assert_eq!((opened["open_ms"].as_i64(), opened["gates_closed"].as_u64()), (Some(0), Some(0)));
    world.refresh(&evertide_vm_tests::terms::PRICES);
    world.ok(&world.place_orders(&alice, &[limit(0, false, 490_000, 1)]));
}

fn each_gate_is_its_own() {
    let mut world = World::open();
    for gate in 0..GATES as u8 {
        world.ok(&world.gate_disable(world.root, gate));
        assert_eq!(world.exchange().gates_closed, (2 << gate) - 1);
    }
    world.ok(&world.gate_enable(world.root, 2));
    world.advance(TIMELOCK_S);
    world.ok(&world.gate_enable(world.root, 2));
    assert_eq!(world.exchange().gates_closed, 0b1011);
}

fn closing_again_takes_the_request_back() {
    let mut world = World::open();
    world.ok(&world.gate_disable(world.root, 0));
    world.ok(&world.gate_enable(world.root, 0));
    world.advance(TIMELOCK_S);
    world.ok(&world.gate_disable(key("guardian"), 0));
    let stranger = Trader::named("stranger").authority;
    world.fails(&world.gate_enable(stranger, 0), "RoleForbids");
    world.ok(&world.gate_enable(world.root, 0));
    world.fails(&world.gate_enable(world.root, 0), "TimelockNotOver");
}

fn a_request_lapses() {
    let mut world = World::open();
    world.ok(&world.gate_disable(world.root, 0));
    world.ok(&world.gate_enable(world.root, 0));
    world.advance(TIMELOCK_S + WINDOW_S - 1);
    let mut last = world.clone();
    last.ok(&last.gate_enable(key("stranger"), 0));
    assert_eq!(last.exchange().gates_closed, 0);
    world.advance(1);
    world.fails(&world.gate_enable(key("stranger"), 0), "RoleForbids");
    // Root asks again, and waits again.
    world.ok(&world.gate_enable(world.root, 0));
    assert_eq!(world.exchange().gates_closed, 1);
}

fn refuses_what_is_unknown_or_unchanged() {
    let mut world = World::open();
    for gate in [GATES as u8, 63, 64, 255] {
        world.fails(&world.gate_disable(world.root, gate), "GateUnknown");
        world.fails(&world.gate_enable(world.root, gate), "GateUnknown");
    }
    world.fails(&world.gate_enable(world.root, 0), "GateUnchanged");
    world.ok(&world.gate_disable(world.root, 0));
    world.fails(&world.gate_disable(world.root, 0), "GateUnchanged");
}

fn refuses_who_holds_no_role() {
    let mut world = World::open();
    let [root, _, guardian, treasury] = role_keys(&world);
    for signer in [treasury, world.upgrade_authority, world.keeper] {
        world.fails(&world.gate_disable(signer, 0), "RoleForbids");
    }
    world.ok(&world.gate_disable(root, 0));
    for signer in [guardian, treasury, world.upgrade_authority, world.keeper] {
        world.fails(&world.gate_enable(signer, 0), "RoleForbids");
    }
}
