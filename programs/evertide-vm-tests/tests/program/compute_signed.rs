//! Compute units of orders that were signed off chain.

use evertide_vm_tests::{
    args::OrderArgs, call::Call, hits::record_units, signed::Signatory, tests, traders::limit, world::World,
};

use crate::{
    commitments::{commit, reveal},
    place_signed_orders::signers,
};

tests!(signing, answering, hiding);

fn note(world: &mut World, case: &str, call: &Call) {
    let units = world.ok(call).units();
    record_units(&call.name, case, units);
}

fn signing() {
    let (mut world, alice, bob) = signers();
    world.trade(0, &alice.trader, &bob.trader, 500_000, 100);
    let call = world.place_signed_orders(&[(&alice, world.signed_limit(0, false, 499_000, 10))]);
    note(&mut world, "1 order, 1 position", &call);
    let call = world.cancel_nonce(&alice.trader, world.now_ms() + 1);
    note(&mut world, "typical", &call);
    for at in 2..20 {
        world.ok(&world.cancel_nonce(&alice.trader, world.now_ms() + at));
    }
    let call = world.cancel_nonce(&alice.trader, world.now_ms() + 20);
    note(&mut world, "worst: a full window", &call);
    let mut world = World::wide();
    let owners: Vec<Signatory> = (0..4).map(|at| world.signatory(&format!("owner {at}"), 1_000_000)).collect();
    for owner in &owners {
        world.fill_user(&owner.trader, 31);
    }
    world.advance(6);
    world.refresh_wide();
    let orders: Vec<_> = owners.iter().map(|owner| (owner, world.signed_limit(3, false, 270_000, 1))).collect();
    let call = world.place_signed_orders(&orders);
    note(&mut world, "worst: 4 owners with 12 positions, 8 assets", &call);
}

fn answering() {
    let (mut world, alice, bob) = signers();
    let (alice, bob) = (alice.trader, bob.trader);
    world.trade(0, &alice, &bob, 500_000, 100);
    let auction =
        |price_ticks: u64, index: u16| OrderArgs { taker_phase_s: 60, ..limit(index, false, price_ticks, 10) };
    let order = world.place(&alice, auction(500_000, 0));
    let call = world.fill_auction(0, &alice, order, &bob, 499_700, 10);
    note(&mut world, "1 position each", &call);
    let mut world = World::wide();
    let (taker, maker) = (world.full_user("full", 8), world.full_user("other", 8));
    world.age_indices();
    let order = world.place(&taker, auction(300_000, 0));
    let call = world.fill_auction(0, &taker, order, &maker, 299_800, 10);
    note(&mut world, "worst: both with 12 positions, 8 assets", &call);
}

fn hiding() {
    let (mut world, alice, bob) = signers();
    let (alice, bob) = (alice.trader, bob.trader);
    world.trade(0, &alice, &bob, 500_000, 100);
    let hidden = limit(0, false, 499_000, 10);
    let id = world.orders(&alice).next_order_id;
    let call = commit(&world, &alice, &hidden);
    note(&mut world, "typical", &call);
    let call = reveal(&world, &alice, id, &hidden);
    note(&mut world, "1 position", &call);
    let mut world = World::wide();
    let full = world.full_user("full", 8);
    let hidden = limit(3, false, 270_000, 1);
    let id = world.orders(&full).next_order_id;
    world.ok(&commit(&world, &full, &hidden));
    let call = reveal(&world, &full, id, &hidden);
    note(&mut world, "worst: 12 positions, 8 assets", &call);
}
