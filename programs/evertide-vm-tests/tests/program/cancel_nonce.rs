//! `cancel_nonce`.

use evertide_vm_tests::{
    state::{permissions, User},
    tests,
    world::key,
};

use crate::place_signed_orders::signers;

tests!(a_cancelled_nonce_places_nothing, v01_refuses_strangers, refuses_what_is_used_or_ahead);

fn a_cancelled_nonce_places_nothing() {
    let (mut world, alice, _) = signers();
    let order = world.signed_limit(0, false, 490_000, 10);
    let sequence = world.user(&alice.trader).sequence;
    let event = world.ok(&world.cancel_nonce(&alice.trader, order.nonce_ms)).event("NonceCancelled");
    assert_eq!(event["nonce_ms"].as_i64(), Some(order.nonce_ms));
    assert_eq!((event["sequence"].as_u64(), world.user(&alice.trader).sequence), (Some(sequence), sequence + 1));
    world.fails(&world.place_signed_orders(&[(&alice, order)]), "NonceUsed");
}

fn v01_refuses_strangers() {
    let (mut world, alice, bob) = signers();
    let call = world.cancel_nonce(&alice.trader, world.now_ms());
    world.fails(&call.clone().with("signer", bob.trader.authority), "NotAuthorityOrDelegate");
    world.fails(&call.clone().with("orders", bob.trader.orders), "OrdersOfAnotherUser");
    let delegate = key("delegate");
    world.fund(delegate);
    world.edit::<User>(alice.trader.user, |user| {
        user.delegate = delegate;
        user.delegate_permissions = permissions::PLACE;
    });
    let call = call.with("signer", delegate);
    world.fails(&call, "DelegateMayNot");
    world.edit::<User>(alice.trader.user, |user| user.delegate_permissions = permissions::CANCEL);
    world.ok(&call);
}

fn refuses_what_is_used_or_ahead() {
    let (mut world, alice, _) = signers();
    let now_ms = world.now_ms();
    for nonce_ms in [0, -1, i64::MIN, world.orders(&alice.trader).nonce_base_ms] {
        world.fails(&world.cancel_nonce(&alice.trader, nonce_ms), "NonceUsed");
    }
    world.fails(&world.cancel_nonce(&alice.trader, now_ms + 5_001), "NonceFromFuture");
    world.ok(&world.cancel_nonce(&alice.trader, now_ms + 5_000));
    world.fails(&world.cancel_nonce(&alice.trader, now_ms + 5_000), "NonceUsed");
}
