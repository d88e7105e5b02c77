//! Compute units of what orders of every kind cost, in typical and worst cases.

use evertide_vm_tests::{
    args::OrderArgs,
    call::Call,
    hits::record_units,
    kinds::{conditional, iceberg, pegged, plain, reducing, trailing, twap, Wish},
    state::{OrderKind, Orders},
    terms::PRICES,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(waiting, matching_kinds, worst_of_a_full_user, worst_brackets);

fn note(world: &mut World, case: &str, call: &Call) {
    let units = world.ok(call).units();
    record_units(&call.name, case, units);
}

fn stop(ask: bool, trigger_ticks: u64, size_lots: u64) -> Wish {
    conditional(OrderKind::StopMarket, ask, trigger_ticks, size_lots)
}

/// A bid with a take-profit and a stop.
fn bracket() -> [Wish; 3] {
    let exit = reducing(plain(post_only(0, true, 510_000, 20)));
    [plain(post_only(0, false, 500_000, 20)), exit, reducing(stop(true, 490_000, 20))]
}

fn waiting() {
    let (mut world, alice, _) = stage();
    let call = world.place_wishes(&alice, &bracket(), 1);
    note(&mut world, "a bracket of 3", &call);
    let fired = world.place_wish(&alice, stop(false, 490_000, 10));
    let trails = world.place_wish(&alice, trailing(true, 100, 10));
    let parent = world.place_wish(&alice, twap(false, 100, 5, 60));
    world.btc_at(50_100);
    for call in [
        world.trigger_order(0, &alice, fired),
        world.update_trailing(0, &alice, trails),
        world.execute_slice(0, &alice, parent),
        world.cancel_all_after(&alice, world.now_ms() + 60_000),
    ] {
        note(&mut world, "typical", &call);
    }
    world.advance_slots(31);
    let call = world.expire_orders(&alice);
    note(&mut world, "2 orders", &call);
    world.advance(60);
    let call = world.cancel_all_after(&alice, 0);
    note(&mut world, "after its deadline, 6 orders", &call);
}

fn matching_kinds() {
    let (mut world, alice, bob) = stage();
    let ids = [
        world.place_wish(&alice, pegged(true, 100, 490_000, 10)),
        world.place_wish(&alice, iceberg(true, 500_100, 25, 10)),
    ];
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 510_000, 20));
    world.pass(1, &PRICES);
    for (id, case) in ids.into_iter().zip(["1 pegged maker", "1 iceberg that refills"]) {
        let call = world.match_orders(0, &bob, taker, &[(&alice, id)]);
        note(&mut world, case, &call);
    }
    let entry = world.place_group(&alice, &bracket(), 1)[0];
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 500_000, 20));
    let call = world.match_orders(0, &bob, taker, &[(&alice, entry)]);
    note(&mut world, "1 entry with 2 exits", &call);
}

fn worst_of_a_full_user() {
    let mut world = World::wide();
    let full = world.full_user("full", 8);
    world.age_indices();
    let fired = world.place_wish(&full, stop(false, 1, 10));
    let parent = world.place_wish(&full, twap(false, 100, 5, 60));
    for call in [world.trigger_order(0, &full, fired), world.execute_slice(0, &full, parent)] {
        note(&mut world, "worst: a full user", &call);
    }
    let mut world = World::wide();
    let crowded = world.full_user("crowded", 0);
    let deadline_ms = world.now_ms() + 1_000;
    world.edit::<Orders>(crowded.orders, |orders| orders.cancel_all_after_ms = deadline_ms);
    world.advance(1);
    let mut swept = world.clone();
    let call = swept.expire_orders(&crowded);
    note(&mut swept, "worst: 32 orders in 12 markets", &call);
    let call = world.cancel_all_after(&crowded, 0);
    note(&mut world, "worst: 32 dead orders in 12 markets", &call);
}

/// Eight makers, each with an entry whose 7 exits all grow: a group is made in one call, of 8 orders at most.
fn worst_brackets() {
    let (mut world, _, bob) = stage();
    let mut makers: Vec<(Trader, u64)> = Vec::new();
    for row in 0..8_u64 {
        let maker = world.funded(&format!("maker {row}"), 10_000);
        let exit = OrderArgs { reduce_only: true, ..post_only(0, true, 510_000, 5) };
        let entry = post_only(0, false, 500_000 - row, 5);
        let mut wishes = vec![plain(entry)];
        wishes.extend((0..7).map(|_| plain(exit.clone())));
        let id = world.place_group(&maker, &wishes, 1)[0];
        makers.push((maker, id));
    }
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 499_000, 40));
    let named: Vec<(&Trader, u64)> = makers.iter().map(|(maker, id)| (maker, *id)).collect();
    let call = world.match_orders(0, &bob, taker, &named);
    note(&mut world, "worst: 8 entries with 7 exits each", &call);
}
