//! `place_signed_orders`: what an owner signed off chain is placed by anybody, as signed, once. The attacks on the signature
//! itself are in `signatures`.

use evertide_math::signed::{SignedOrder, NONCE_AHEAD_MAX_MS};
use evertide_vm_tests::{
    args::CancelArgs,
    exchange::exchange,
    signed::{ed25519, Signatory, ITSELF},
    state::{permissions, Exchange, OrderKind, TimeInForce, User},
    terms::PRICES,
    tests,
    traders::post_only,
    world::{events, World},
};

tests!(
    places_what_was_signed,
    four_owners_in_one_transaction,
    matches_in_the_same_transaction,
    a_market_order_names_its_worst_price,
    checks_what_place_orders_checks,
    refuses_outside_its_time,
    refuses_wrong_accounts,
    a_delegate_signs_for_one_account_only,
    v27_refuses_a_replay,
    v27_a_closed_account_replays_nothing,
    nonces_come_in_any_order_within_the_window,
);

/// Two owners with real keys, old enough for nonces of now.
pub fn signers() -> (World, Signatory, Signatory) {
    let mut world = World::open();
    let (alice, bob) = (world.signatory("alice", 10_000), world.signatory("bob", 10_000));
    world.pass(6, &PRICES);
    (world, alice, bob)
}

fn places_what_was_signed() {
    let (mut world, alice, _) = signers();
    let signed = SignedOrder {
        taker_phase_s: 12,
        auction_start_ticks: 498_000,
        life_s: 3_600,
        max_slippage_bps: 40,
        self_trade: 2,
        ..world.signed_limit(0, false, 499_000, 30)
    };
    let sequence = world.user(&alice.trader).sequence;
    let event = world.ok(&world.place_signed_orders(&[(&alice, signed)])).event("SignedOrdersPlaced");
    let placement = &event["placements"][0];
    assert_eq!(event["sequence"].as_u64(), Some(sequence));
    assert_eq!(event["keeper"], world.keeper.to_string());
    assert_eq!(placement["user"], alice.trader.user.to_string());
    assert_eq!(placement["signer"], alice.trader.authority.to_string());
    assert_eq!(placement["order"]["auction_start_ticks"].as_u64(), Some(498_000));
    let order = world.order(&alice.trader, 1).expect("placed");
    assert_eq!((order.price_ticks, order.size_lots, order.market_index), (499_000, 30, 0));
    assert_eq!((order.client_order_id, order.placed_ms), (signed.nonce_ms as u64, world.now_ms()));
    assert_eq!((order.expiry_ms, order.taker_phase_s, order.self_trade), (signed.nonce_ms + 3_600_000, 12, 2));
    assert_eq!(world.user(&alice.trader).sequence, sequence + 1);
    assert!(world.orders(&alice.trader).nonce_window.contains(&(signed.nonce_ms as u64)));
    assert_eq!(world.position(&alice.trader, 0).expect("a slot").open_bid_lots, 30);
}

fn four_owners_in_one_transaction() {
    let mut world = World::open();
    let owners: Vec<Signatory> = (0..4).map(|at| world.signatory(&format!("owner {at}"), 1_000)).collect();
    world.pass(6, &PRICES);
    let orders: Vec<(&Signatory, SignedOrder)> =
        owners.iter().map(|owner| (owner, world.signed_limit(0, false, 490_000, 1))).collect();
    let event = world.ok(&world.place_signed_orders(&orders)).event("SignedOrdersPlaced");
    assert_eq!(event["placements"].as_array().map(Vec::len), Some(4));
    // Two of one owner, in two markets, share its accounts.
    let first = world.signed_limit(0, false, 490_000, 1);
    let mut second = world.signed_limit(2, true, 110_000, 1);
    (second.nonce_ms, second.window_s) = (second.nonce_ms + 1, 300);
    let both = [(&owners[0], SignedOrder { nonce_ms: first.nonce_ms + 2, ..first }), (&owners[0], second)];
    world.ok(&world.place_signed_orders(&both));
    assert_eq!(world.orders(&owners[0].trader).order_count, 3);
    let five: Vec<_> = (3..8).map(|at| (&owners[1], SignedOrder { nonce_ms: first.nonce_ms + at, ..first })).collect();
    world.fails(&world.place_signed_orders(&five), "SignedOrderCountOutOfRange");
    let none = world.place_verified(ed25519(&[], ITSELF), &[]);
    world.fails(&none, "SignedOrderCountOutOfRange");
}

/// A signed taker meets what rests in the very transaction that places it, within one packet.
fn matches_in_the_same_transaction() {
    let (mut world, alice, bob) = signers();
    let maker = world.place(&bob.trader, post_only(0, true, 500_100, 20));
    world.advance_slots(1);
    let place = world.place_signed_orders(&[(&alice, world.signed_limit(0, false, 500_200, 20))]);
    let fill = world.match_orders(0, &alice.trader, 1, &[(&bob.trader, maker)]);
    let all = [place.ahead[0].clone(), place.instruction(), fill.instruction()];
    let message = solana_message::Message::new(&all, Some(&world.payer));
    let transaction = solana_transaction::Transaction::new_unsigned(message);
    let bytes = transaction.message.serialize().len() + 1 + 64 * transaction.signatures.len();
    assert!(bytes <= 1_232, "{bytes} bytes");
    let meta = world.send_instructions(&all).expect("both run");
    let names: Vec<String> = events(&meta).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["SignedOrdersPlaced", "OrdersMatched"]);
    assert_eq!(world.position(&alice.trader, 0).map(|position| position.basis_lots), Some(20));
}

fn a_market_order_names_its_worst_price() {
    let (mut world, alice, _) = signers();
    let market = SignedOrder {
        kind: OrderKind::Market as u8,
        time_in_force: TimeInForce::ImmediateOrCancel as u8,
        ..world.signed_limit(0, false, 0, 10)
    };
    world.fails(&world.place_signed_orders(&[(&alice, market)]), "SignedMarketPriceMissing");
    let long = SignedOrder { price_ticks: 501_000, window_s: 61, ..market };
    world.fails(&world.place_signed_orders(&[(&alice, long)]), "SignedWindowInvalid");
    let priced = SignedOrder { price_ticks: 501_000, ..market };
    world.ok(&world.place_signed_orders(&[(&alice, priced)]));
    assert_eq!(world.order(&alice.trader, 1).map(|order| order.price_ticks), Some(501_000));
}

fn checks_what_place_orders_checks() {
    let (mut world, alice, _) = signers();
    let good = world.signed_limit(0, false, 490_000, 10);
    for (order, error) in [
        (SignedOrder { size_lots: 0, ..good }, "OrderSizeTooSmall"),
        (SignedOrder { price_ticks: 0, ..good }, "OrderPriceOutOfRange"),
        (SignedOrder { time_in_force: 9, ..good }, "TimeInForceInvalid"),
        (SignedOrder { builder_plus_one: 3, ..good }, "BuilderInvalid"),
        (SignedOrder { reduce_only: true, ..good }, "ReduceOnlyWouldIncrease"),
        (SignedOrder { size_lots: 100_000, ..good }, "InitialMarginTooLow"),
    ] {
        world.fails(&world.place_signed_orders(&[(&alice, order)]), error);
    }
    let call = world.place_signed_orders(&[(&alice, good)]);
    let mut gated = world.clone();
    gated.edit::<Exchange>(exchange(), |state| state.gates_closed = 1 << 1);
    gated.fails(&call, "GateClosed");
    let mut falling = world.clone();
    falling.edit::<User>(alice.trader.user, |user| user.liquidation_start_ms = 1);
    falling.fails(&call, "UserInLiquidation");
    let mut stale = world.clone();
    stale.advance(11);
    stale.fails(&call, "RowTooOld");
    world.ok(&call);
}

fn refuses_outside_its_time() {
    let (mut world, alice, _) = signers();
    let good = world.signed_limit(0, false, 490_000, 10);
    for (order, error) in [
        (SignedOrder { window_s: 0, ..good }, "SignedWindowInvalid"),
        (SignedOrder { window_s: 301, ..good }, "SignedWindowInvalid"),
        (SignedOrder { nonce_ms: good.nonce_ms + NONCE_AHEAD_MAX_MS + 1, ..good }, "NonceFromFuture"),
        (SignedOrder { nonce_ms: i64::MAX, ..good }, "NonceFromFuture"),
        (SignedOrder { nonce_ms: good.nonce_ms - 60_000, ..good }, "SignedOrderExpired"),
        (SignedOrder { nonce_ms: i64::MIN, ..good }, "SignedOrderExpired"),
    ] {
        world.fails(&world.place_signed_orders(&[(&alice, order)]), error);
    }
    let call = world.place_signed_orders(&[(&alice, SignedOrder { window_s: 300, ..good })]);
    world.pass(299, &PRICES);
    world.clone().ok(&call);
    world.pass(1, &PRICES);
    world.fails(&call, "SignedOrderExpired");
    // One whose own life is over is dead before it is placed.
    let brief = SignedOrder { life_s: 5, nonce_ms: world.now_ms() - 5_000, ..good };
    world.fails(&world.place_signed_orders(&[(&alice, brief)]), "OrderExpired");
}

fn refuses_wrong_accounts() {
    let (mut world, alice, bob) = signers();
    let good = world.signed_limit(0, false, 490_000, 10);
    let ahead = ed25519(&[alice.row(alice.message(&good))], ITSELF);
    world.fails(&world.place_verified(ahead.clone(), &[(&alice.trader, 1)]), "OrderMarketMismatch");
    let mut call = world.place_verified(ahead.clone(), &[(&alice.trader, 0)]);
    call.remaining[1].pubkey = bob.trader.orders;
    world.fails(&call, "OrdersOfAnotherUser");
    let mut call = world.place_verified(ahead.clone(), &[(&alice.trader, 0)]);
    call.remaining[0].is_writable = false;
    world.fails(&call, "RemainingAccountInvalid");
    let mut call = world.place_verified(ahead, &[(&alice.trader, 0)]);
    call.remaining.pop();
    world.fails(&call, "RemainingAccountInvalid");
}

/// A delegate of two owners signs for one of them: the other's account does not take it.
fn a_delegate_signs_for_one_account_only() {
    let (mut world, alice, bob) = signers();
    let delegate = world.signatory("delegate", 10);
    world.pass(6, &PRICES);
    let good = world.signed_limit(0, false, 490_000, 10);
    let for_alice = ed25519(&[delegate.row(alice.message(&good))], ITSELF);
    world.fails(&world.place_verified(for_alice.clone(), &[(&alice.trader, 0)]), "NotAuthorityOrDelegate");
    let end_ms = world.now_ms() + 10_000;
    for owner in [&alice, &bob] {
        world.edit::<User>(owner.trader.user, |user| {
            user.delegate = delegate.trader.authority;
            user.delegate_expiry_ms = end_ms;
            user.delegate_permissions = permissions::PLACE;
        });
    }
    world.fails(&world.place_verified(for_alice.clone(), &[(&bob.trader, 0)]), "SignedForAnother");
    let mut late = world.clone();
    late.pass(10, &PRICES);
    late.fails(&late.place_verified(for_alice.clone(), &[(&alice.trader, 0)]), "NotAuthorityOrDelegate");
    world.ok(&world.place_verified(for_alice, &[(&alice.trader, 0)]));
}

/// V-27: the same message again, after its order was cancelled, after it was filled, and at any time later.
fn v27_refuses_a_replay() {
    let (mut world, alice, bob) = signers();
    let call = world
        .place_signed_orders(&[(&alice, SignedOrder { window_s: 300, ..world.signed_limit(0, false, 500_000, 10) })]);
    world.ok(&call);
    world.fails(&call, "NonceUsed");
    let mut cancelled = world.clone();
    cancelled.ok(&cancelled.cancel_orders(&alice.trader, &CancelArgs { by: 4, ..CancelArgs::default() }));
    cancelled.fails(&call, "NonceUsed");
    world.advance_slots(1);
    let taker = world.place(&bob.trader, evertide_vm_tests::traders::limit(0, true, 500_000, 10));
    world.ok(&world.match_orders(0, &bob.trader, taker, &[(&alice.trader, 1)]));
    world.fails(&call, "NonceUsed");
    world.pass(200, &PRICES);
    world.fails(&call, "NonceUsed");
    // Behind a full window of later nonces too: what the window forgot, its base refuses.
    for _ in 0..17 {
        world.pass(1, &PRICES);
        world.ok(&world.cancel_nonce(&alice.trader, world.now_ms()));
    }
    assert!(!world.orders(&alice.trader).nonce_window.contains(&call_nonce(&call)));
    world.fails(&call, "NonceUsed");
}

/// The nonce inside the message of a call with one order.
fn call_nonce(call: &evertide_vm_tests::call::Call) -> u64 {
    let data = &call.ahead[0].data;
    let at = data.len() - 56 + 12;
    u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"))
}

/// V-27: closing the account and creating it again replays nothing, not even a nonce as far ahead as it may lie.
fn v27_a_closed_account_replays_nothing() {
    for ahead_ms in [0, 1, NONCE_AHEAD_MAX_MS] {
        let (mut world, alice, _) = signers();
        let good = world.signed_limit(0, false, 490_000, 10);
        let signed = SignedOrder { nonce_ms: good.nonce_ms + ahead_ms, window_s: 300, ..good };
        let call = world.place_signed_orders(&[(&alice, signed)]);
        world.ok(&call);
        world.ok(&world.cancel_all(&alice.trader));
        let rest = world.user(&alice.trader).quote_atoms as u64;
        world.ok(&world.withdraw(&alice.trader, 0, rest));
        world.ok(&world.close_user(&alice.trader));
        world.ok(&world.create_user(&alice.trader));
        world.ok(&world.deposit(&alice.trader, 0, rest));
        world.fails(&call, "NonceUsed");
        world.pass(30, &PRICES);
        world.fails(&call, "NonceUsed");
        let fresh = world.signed_limit(0, false, 490_000, 10);
        world.ok(&world.place_signed_orders(&[(&alice, fresh)]));
    }
}

fn nonces_come_in_any_order_within_the_window() {
    let (mut world, alice, _) = signers();
    let good = SignedOrder { window_s: 300, ..world.signed_limit(0, false, 490_000, 1) };
    world.pass(60, &PRICES);
    let place = |world: &World, offset: i64| {
        world.place_signed_orders(&[(&alice, SignedOrder { nonce_ms: good.nonce_ms + offset, ..good })])
    };
    for offset in (0..16).rev() {
        world.ok(&place(&world, 2 * offset));
    }
    // The seventeenth pushes the least out: up to there all count as used, above it gaps are still free.
    world.ok(&place(&world, 100));
    assert_eq!(world.orders(&alice.trader).nonce_base_ms, good.nonce_ms);
    world.fails(&place(&world, 0), "NonceUsed");
    world.fails(&place(&world, -1), "NonceUsed");
    world.fails(&place(&world, 4), "NonceUsed");
    world.ok(&place(&world, 3));
    assert_eq!(world.orders(&alice.trader).nonce_base_ms, good.nonce_ms + 2);
}
