//! `set_limits`, `assert_health`, `assert_sequence`, `view_health`, `view_market`.

use evertide_vm_tests::{
    args::OrderArgs,
    call::program_id,
    state::User,
    terms::{PRICES, USD},
    tests,
    traders::limit,
};

use crate::match_orders::stage;

tests!(
    limits_bind_their_owner,
    limits_refuse,
    a_limit_first_leaves_margin_whole,
    health_is_asserted,
    sequence_is_asserted,
    views_return_data,
    v24_limits_without_slots_refuse,
);

fn limits_bind_their_owner() {
    let (mut world, alice, _) = stage();
    world.ok(&world.set_limits(&alice, 5_000, 0, u16::MAX, 0));
    let call = world.place_orders(&alice, &[limit(0, false, 500_000, 5_000)]);
    world.fails(&call, "InitialMarginTooLow");
    world.ok(&world.set_limits(&alice, 0, 0, u16::MAX, 0));
    world.ok(&world.set_limits(&alice, 0, 0, 1, 10_000));
    assert_eq!(world.position(&alice, 1).map(|position| position.user_ratio_bps), Some(10_000));
    let call = world.place_orders(&alice, &[limit(1, false, 300_000, 3_400)]);
    world.fails(&call, "InitialMarginTooLow");
    world.ok(&world.place_orders(&alice, &[limit(0, false, 500_000, 5_000)]));
    let event = world.ok(&world.set_limits(&alice, 0, 0, 1, 0)).event("LimitsSet");
    assert_eq!(event["market_index"].as_u64(), Some(1));
    assert!(world.position(&alice, 1).is_none(), "a slot that held only a limit is free again");
}

fn limits_refuse() {
    let (mut world, alice, bob) = stage();
    world.fails(&world.set_limits(&alice, 10_001, 0, u16::MAX, 0), "UserRatioOutOfRange");
    world.fails(&world.set_limits(&alice, 0, 0, 0, 10_001), "UserRatioOutOfRange");
    world.fails(&world.set_limits(&alice, 0, 0, 3, 100), "MarketUnknown");
    world.fails(&world.set_limits(&alice, 0, 0, 0, 100).with("authority", bob.authority), "NotAuthority");
}

/// V-16: a slot that a limit opened values its orders like any other.
fn a_limit_first_leaves_margin_whole() {
    let (mut world, alice, _) = stage();
    world.ok(&world.set_limits(&alice, 0, 0, 0, 100));
    let call = world.place_orders(&alice, &[limit(0, false, 500_000, 30_000)]);
    world.fails(&call, "InitialMarginTooLow");
}

fn health_is_asserted() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    // $50,000 long: $5,000 initial, $2,500 maintenance; equity $10,000 plus a rebate of $5.
    world.ok(&world.assert_health(alice.user, 5_000_000_000, 0));
    world.fails(&world.assert_health(alice.user, 5_010_000_000, 0), "HealthAssertionFailed");
    world.ok(&world.assert_health(alice.user, 7_500_000_000, 1));
    world.fails(&world.assert_health(alice.user, 7_510_000_000, 1), "HealthAssertionFailed");
    world.fails(&world.assert_health(alice.user, 0, 2), "HealthKindUnknown");
}

/// V-27: a signer can pin the state that it saw.
fn sequence_is_asserted() {
    let (mut world, alice, _) = stage();
    let sequence = world.user(&alice).sequence;
    world.ok(&world.assert_sequence(alice.user, sequence));
    world.fails(&world.assert_sequence(alice.user, sequence + 1), "SequenceAssertionFailed");
    world.ok(&world.deposit(&alice, 0, USD));
    world.fails(&world.assert_sequence(alice.user, sequence), "SequenceAssertionFailed");
}

fn number(data: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"))
}

fn views_return_data() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    let outcome = world.ok(&world.view_health(alice.user));
    assert_eq!(outcome.meta.return_data.program_id, program_id());
    let data = &outcome.meta.return_data.data;
    assert_eq!((number(data, 0), number(data, 8)), (10_002_500_000, 5_000_000_000), "half of the $5 rebate counts");
    assert_eq!((number(data, 16), number(data, 24)), (10_005_000_000, 2_500_000_000));
    assert_eq!(number(data, 32), 5_002_500_000);
    assert_eq!(data[40..46], [1, 0, 0, 0, 0, 0], "one position, market 0");
    let liquidation_q32 = number(data, 46);
    assert!(liquidation_q32 > 0 && liquidation_q32 < 5_000_000 << 32);
    let outcome = world.ok(&world.view_market(0));
    let data = &outcome.meta.return_data.data;
    assert_eq!(number(data, 0), 5_000_000 << 32);
    assert_eq!((number(data, 44), number(data, 52)), (10_000, 10_000), "open interest");
    assert_eq!(data.len(), 76);
}

fn v24_limits_without_slots_refuse() {
    let (mut world, alice, _) = stage();
    world.edit::<User>(alice.user, |user| {
        for (row, position) in user.positions.iter_mut().enumerate() {
            position.market_plus_one = row as u16 + 20;
            position.user_ratio_bps = 1;
        }
        user.position_count = 12;
    });
    world.fails(&world.set_limits(&alice, 0, 0, 0, 100), "PositionSlotsFull");
    world.pass(1, &PRICES);
    let call = world.place_orders(&alice, &[OrderArgs { client_order_id: 1, ..limit(0, false, 500_000, 1) }]);
    world.fails(&call, "PositionSlotsFull");
}
