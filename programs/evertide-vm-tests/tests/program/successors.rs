//! `name_successor` and `claim_role`.

use evertide_vm_tests::{
    admin::{role_keys, TIMELOCK_S, WINDOW_S},
    exchange::exchange,
    state::Exchange,
    tests,
    world::{key, World},
};
use solana_address::Address;

tests!(
    a_role_passes_on_after_the_timelock,
    naming_again_starts_again,
    the_guardian_cannot_cancel_its_own_replacement,
    the_guardian_withdraws_every_other,
    a_claim_lapses,
    refuses_who_holds_no_role,
    refuses_unknown_roles_and_nobody,
    v29_one_key_holds_one_role,
);

const GUARDIAN: u8 = 2;

fn a_role_passes_on_after_the_timelock() {
    for role in 0..4u8 {
        let mut world = World::open();
        let before = role_keys(&world)[usize::from(role)];
        let event = world.ok(&world.name_successor(world.root, role, key("heir"))).event("SuccessorNamed");
        assert_eq!(event["claimable_ms"].as_i64(), Some(world.now_ms() + TIMELOCK_S * 1_000));
        world.advance(TIMELOCK_S - 1);
        world.fails(&world.claim_role(key("heir"), role), "TimelockNotOver");
        world.advance(1);
        world.fails(&world.claim_role(before, role), "NotSuccessor");
        let event = world.ok(&world.claim_role(key("heir"), role)).event("RoleClaimed");
        assert_eq!(event["before"].as_str(), Some(before.to_string().as_str()));
        let exchange = world.exchange();
        assert_eq!(exchange.roles[usize::from(role)], key("heir"));
        assert_eq!((exchange.successors, exchange.successor_ms), ([Address::default(); 4], [0; 4]));
        world.fails(&world.claim_role(key("heir"), role), "SuccessorMissing");
    }
}

fn naming_again_starts_again() {
    let mut world = World::open();
    world.ok(&world.name_successor(world.root, 1, key("heir")));
    world.advance(TIMELOCK_S);
    world.ok(&world.name_successor(world.root, 1, key("other")));
    world.fails(&world.claim_role(key("heir"), 1), "NotSuccessor");
    world.fails(&world.claim_role(key("other"), 1), "TimelockNotOver");
}

/// Decision 6: a stolen guardian's key leaves by root's word, whatever it does in the 72 h.
fn the_guardian_cannot_cancel_its_own_replacement() {
    let mut world = World::open();
    let guardian = key("guardian");
    world.ok(&world.name_successor(world.root, GUARDIAN, key("heir")));
    world.fails(&world.name_successor(guardian, GUARDIAN, Address::default()), "RoleForbids");
    world.fails(&world.name_successor(guardian, GUARDIAN, guardian), "RoleForbids");
    world.ok(&world.pause(guardian));
    for gate in 0..4 {
        world.ok(&world.gate_disable(guardian, gate));
    }
    world.advance(TIMELOCK_S);
    world.ok(&world.claim_role(key("heir"), GUARDIAN));
    world.fails(&world.pause(guardian), "RoleForbids");
    world.ok(&world.name_successor(world.root, GUARDIAN, guardian));
    world.ok(&world.name_successor(world.root, GUARDIAN, Address::default()));
}

/// A stolen root's key names itself heirs; the guardian withdraws them.
fn the_guardian_withdraws_every_other() {
    for role in [0, 1, 3] {
        let mut world = World::open();
        world.ok(&world.name_successor(world.root, role, key("thief")));
        world.fails(&world.name_successor(key("guardian"), role, key("heir")), "RoleForbids");
        let event = world.ok(&world.name_successor(key("guardian"), role, Address::default())).event("SuccessorNamed");
        assert_eq!(event["claimable_ms"].as_i64(), Some(0));
        world.advance(TIMELOCK_S);
        world.fails(&world.claim_role(key("thief"), role), "SuccessorMissing");
    }
}

fn a_claim_lapses() {
    let mut world = World::open();
    world.ok(&world.name_successor(world.root, 0, key("heir")));
    world.advance(TIMELOCK_S + WINDOW_S - 1);
    let mut last = world.clone();
    last.ok(&last.claim_role(key("heir"), 0));
    last.fails(&last.name_successor(world.root, 1, key("heir")), "RoleForbids");
    world.advance(1);
    world.fails(&world.claim_role(key("heir"), 0), "TimelockExpired");
}

fn refuses_who_holds_no_role() {
    let mut world = World::open();
    for signer in [key("risk"), key("guardian"), world.treasury, world.upgrade_authority] {
        for role in 0..4 {
            world.fails(&world.name_successor(signer, role, key("heir")), "RoleForbids");
        }
    }
}

fn refuses_unknown_roles_and_nobody() {
    let mut world = World::open();
    for role in [4, 255] {
        world.fails(&world.name_successor(world.root, role, key("heir")), "RoleUnknown");
        world.fails(&world.claim_role(world.root, role), "RoleUnknown");
    }
    world.fails(&world.name_successor(world.root, 0, Address::default()), "SuccessorMissing");
    // The zero address, as which nobody signs, is no successor of a role that has none.
    world.fails(&world.claim_role(Address::default(), 0), "SuccessorMissing");
}

/// V-29: a guardian that is also root guards nothing; only a local exchange may have it.
fn v29_one_key_holds_one_role() {
    for role in 1..4u8 {
        let mut world = World::open();
        world.ok(&world.name_successor(world.root, role, world.root));
        world.advance(TIMELOCK_S);
        let mut local = world.clone();
        local.ok(&local.claim_role(local.root, role));
        world.edit::<Exchange>(exchange(), |state| state.local = 0);
        world.fails(&world.claim_role(world.root, role), "RolesNotSplit");
        // Who holds the role already may be named again.
        let holder = role_keys(&world)[usize::from(role)];
        world.ok(&world.name_successor(world.root, role, holder));
        world.advance(TIMELOCK_S);
        world.ok(&world.claim_role(holder, role));
    }
}
