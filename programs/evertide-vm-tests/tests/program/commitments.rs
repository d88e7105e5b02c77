//! `commit_order` and `reveal_order`: an order that nobody reads before it is in its place.

use evertide_vm_tests::{
    args::{encoded, OrderArgs},
    call::Call,
    exchange::{exchange, market},
    state::{order_flags, permissions, Exchange, OrderKind, TimeInForce, User},
    terms::PRICES,
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::{key, World},
};
use sha2::{Digest, Sha256};

use crate::match_orders::stage;

tests!(
    a_revealed_order_has_its_commitments_place,
    a_commitment_tells_and_counts_nothing,
    it_dies_after_a_minute,
    refuses_another_order_account_or_salt,
    checks_what_place_orders_checks,
    what_must_match_at_once_keeps_its_deadline,
    a_liquidation_voids_it,
    v01_refuses_strangers,
    v20_a_revealed_order_is_no_evidence,
);

const SALT: [u8; 32] = [42; 32];

/// The hash that commits to an order of an account.
pub fn hash_of(trader: &Trader, order: &OrderArgs, salt: &[u8; 32]) -> [u8; 32] {
    let tag = b"evertide order commit\x01".as_slice();
    Sha256::digest([tag, trader.user.as_ref(), &encoded(order), salt].concat()).into()
}

pub fn commit(world: &World, trader: &Trader, order: &OrderArgs) -> Call {
    world.commit_order(trader, &hash_of(trader, order, &SALT))
}

pub fn reveal(world: &World, trader: &Trader, order_id: u64, order: &OrderArgs) -> Call {
    world.reveal_order(trader, order_id, order, &SALT)
}

/// Commits to an order that must be accepted; its id.
fn committed(world: &mut World, trader: &Trader, order: &OrderArgs) -> u64 {
    let order_id = world.orders(trader).next_order_id;
    let call = commit(world, trader, order);
    let event = world.ok(&call).event("OrderCommitted");
    assert_eq!(event["order_id"].as_u64(), Some(order_id));
    order_id
}

fn a_revealed_order_has_its_commitments_place() {
    let (mut world, alice, bob) = stage();
    let hidden = post_only(0, true, 500_100, 10);
    let id = committed(&mut world, &alice, &hidden);
    let slot = world.slot();
    world.advance_slots(5);
    // Somebody else is at the price meanwhile.
    let carol = world.funded("carol", 10_000);
    let later = world.place(&carol, post_only(0, true, 500_100, 10));
    world.advance(2);
    let sequence = world.user(&alice).sequence;
    let event = world.ok(&reveal(&world, &alice, id, &hidden)).event("OrderRevealed");
    assert_eq!((event["sequence"].as_u64(), world.user(&alice).sequence), (Some(sequence), sequence + 1));
    let order = world.order(&alice, id).expect("revealed");
    assert_eq!((order.placed_slot, order.placed_ms), (slot, world.now_ms()), "its place in time, not its phase");
    assert_eq!((order.price_ticks, order.size_lots, order.kind), (500_100, 10, OrderKind::Limit as u8));
    assert_eq!((world.orders(&alice).order_count, world.orders(&alice).next_order_id), (1, id + 1));
    assert_eq!(world.position(&alice, 0).map(|position| position.open_ask_lots), Some(10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_100, 20));
    let wrong = world.match_orders(0, &bob, taker, &[(&carol, later), (&alice, id)]);
    world.fails(&wrong, "MakerPriorityViolated");
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, id), (&carol, later)]));
    assert!(world.order(&alice, id).is_none());
    assert_eq!(world.position(&alice, 0).map(|position| position.open_order_count), Some(0));
}

fn a_commitment_tells_and_counts_nothing() {
    let (mut world, alice, bob) = stage();
    let hidden = limit(0, true, 500_000, 1_000_000);
    let id = committed(&mut world, &alice, &hidden);
    let order = world.order(&alice, id).expect("a slot");
    assert_eq!((order.kind, order.market_index, order.size_lots), (OrderKind::Commit as u8, u16::MAX, 0));
    assert_eq!(world.user(&alice).position_count, 0);
    // It is neither maker nor taker, nor anything to modify; it can be cancelled like any order.
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_000, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, id)]), "NothingFilled");
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, taker)]), "TakerNotLive");
    world.fails(&world.modify_order(&alice, id, &hidden), "ModifyChangesMarketOrSide");
    world.fails(&reveal(&world, &bob, taker, &hidden), "NotACommitment");
    world.ok(&world.cancel_ids(&alice, &[id]));
    assert_eq!(world.orders(&alice).order_count, 0);
    world.fails(&reveal(&world, &alice, id, &hidden), "OrderNotFound");
}

fn it_dies_after_a_minute() {
    let (mut world, alice, _) = stage();
    let hidden = post_only(0, true, 500_100, 10);
    let id = committed(&mut world, &alice, &hidden);
    world.pass(59, &PRICES);
    world.clone().ok(&reveal(&world, &alice, id, &hidden));
    world.pass(1, &PRICES);
    world.fails(&reveal(&world, &alice, id, &hidden), "CommitmentExpired");
    // Dead ones make room.
    for _ in 1..32 {
        world.ok(&commit(&world, &alice, &hidden));
    }
    let event = world.ok(&commit(&world, &alice, &hidden)).event("OrderCommitted");
    assert_eq!(event["reclaimed"].as_array().map(Vec::len), Some(1));
    world.fails(&commit(&world, &alice, &hidden), "OrderSlotsFull");
}

fn refuses_another_order_account_or_salt() {
    let (mut world, alice, bob) = stage();
    let hidden = post_only(0, true, 500_100, 10);
    let id = committed(&mut world, &alice, &hidden);
    for other in [
        OrderArgs { price_ticks: 500_101, ..hidden.clone() },
        OrderArgs { size_lots: 11, ..hidden.clone() },
        OrderArgs { ask: false, price_ticks: 499_000, ..hidden.clone() },
        OrderArgs { client_order_id: 7, ..hidden.clone() },
        OrderArgs { market_index: 1, ..hidden.clone() },
    ] {
        world.fails(&reveal(&world, &alice, id, &other), "CommitmentMismatch");
    }
    world.fails(&world.reveal_order(&alice, id, &hidden, &[43; 32]), "CommitmentMismatch");
    // Another account that copies the hash cannot use what is revealed.
    let copied = world.orders(&bob).next_order_id;
    world.ok(&world.commit_order(&bob, &hash_of(&alice, &hidden, &SALT)));
    world.fails(&reveal(&world, &bob, copied, &hidden), "CommitmentMismatch");
    let mut call = reveal(&world, &alice, id, &hidden);
    call.remaining[0].pubkey = market(1);
    world.fails(&call, "OrderMarketMismatch");
}

fn checks_what_place_orders_checks() {
    let (mut world, alice, bob) = stage();
    for (hidden, error) in [
        (limit(0, true, 500_100, 0), "OrderSizeTooSmall"),
        (limit(0, true, 500_100, 1_000_000), "InitialMarginTooLow"),
        (OrderArgs { kind: 2, ..limit(0, true, 500_100, 10) }, "OrderKindUnknown"),
        (OrderArgs { group: 1, ..limit(0, true, 500_100, 10) }, "OrderKindUnknown"),
        (OrderArgs { kind_args_plus_one: 1, ..limit(0, true, 500_100, 10) }, "OrderKindUnknown"),
        (OrderArgs { reduce_only: true, ..limit(0, true, 500_100, 10) }, "ReduceOnlyWouldIncrease"),
    ] {
        let id = committed(&mut world, &alice, &hidden);
        world.fails(&reveal(&world, &alice, id, &hidden), error);
    }
    let hidden = post_only(0, true, 500_100, 10);
    let id = committed(&mut world, &alice, &hidden);
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 1 << 1);
    world.fails(&reveal(&world, &alice, id, &hidden), "GateClosed");
    world.fails(&commit(&world, &bob, &hidden), "GateClosed");
}

/// A market order's 30 slots run from the commitment: what is revealed later is dead.
fn what_must_match_at_once_keeps_its_deadline() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&bob, post_only(0, true, 500_100, 10));
    world.advance_slots(1);
    let hidden = OrderArgs { price_ticks: 501_000, ..market_order(0, false, 10) };
    assert_eq!(hidden.time_in_force, TimeInForce::ImmediateOrCancel as u8);
    let id = committed(&mut world, &alice, &hidden);
    world.advance_slots(31);
    world.fails(&reveal(&world, &alice, id, &hidden), "OrderExpired");
    world.set_time(world.now_ms() / 1_000, world.slot() - 1);
    world.ok(&reveal(&world, &alice, id, &hidden));
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, maker)]));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(10));
}

fn a_liquidation_voids_it() {
    let (mut world, alice, _) = stage();
    let hidden = post_only(0, true, 500_100, 10);
    let id = committed(&mut world, &alice, &hidden);
    world.edit::<User>(alice.user, |user| user.orders_epoch = id + 1);
    world.fails(&reveal(&world, &alice, id, &hidden), "CommitmentExpired");
    world.ok(&world.cancel_ids(&alice, &[id]));
    world.edit::<User>(alice.user, |user| user.liquidation_start_ms = 1);
    world.fails(&commit(&world, &alice, &hidden), "UserInLiquidation");
}

fn v01_refuses_strangers() {
    let (mut world, alice, bob) = stage();
    let hidden = post_only(0, true, 500_100, 10);
    let call = commit(&world, &alice, &hidden);
    world.fails(&call.clone().with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&call.with("orders", bob.orders), "OrdersOfAnotherUser");
    let id = committed(&mut world, &alice, &hidden);
    let call = reveal(&world, &alice, id, &hidden);
    world.fails(&call.clone().with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&call.clone().with("orders", bob.orders), "OrdersOfAnotherUser");
    let delegate = key("delegate");
    world.fund(delegate);
    world.edit::<User>(alice.user, |user| {
        user.delegate = delegate;
        user.delegate_permissions = permissions::PLACE;
    });
    world.ok(&call.with("signer", delegate));
}

/// V-20: nobody could have hit it while it was hidden, so that its age proves no price.
fn v20_a_revealed_order_is_no_evidence() {
    let (mut world, alice, _) = stage();
    let hidden = post_only(0, true, 500_100, 100);
    let id = committed(&mut world, &alice, &hidden);
    let plain = world.place(&alice, post_only(0, true, 500_200, 100));
    world.pass(10, &PRICES);
    world.ok(&reveal(&world, &alice, id, &hidden));
    assert_ne!(world.order(&alice, id).expect("revealed").flags & order_flags::REVEALED, 0);
    world.fails(&world.update_mark(0, &[], &[(&alice, id)]), "EvidenceInvalid");
    world.ok(&world.update_mark(0, &[], &[(&alice, plain)]));
}
