//! `cancel_orders` and `modify_order`.

use evertide_vm_tests::{
    args::{CancelArgs, OrderArgs},
    exchange::{exchange, market},
    state::{Exchange, User},
    terms::PRICES,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

tests!(
    cancels_by_every_selector,
    cancels_while_paused_and_stale,
    refuses_unknown_orders,
    refuses_bad_selectors,
    v01_refuses_strangers,
    modify_keeps_priority_when_it_only_shrinks,
    modify_replaces_otherwise,
    modify_refuses,
);

/// Alice with bids 1, 2 and ask 3 in BTC, bid 4 and ask 5 in ETH; client ids are 100 more.
fn stage() -> (World, Trader) {
    let mut world = World::open();
    let alice = world.funded("alice", 10_000);
    let with_id = |order: OrderArgs, id: u64| OrderArgs { client_order_id: id, ..order };
    let orders = [
        with_id(post_only(0, false, 490_000, 2), 101),
        with_id(post_only(0, false, 480_000, 2), 102),
        with_id(post_only(0, true, 510_000, 2), 103),
        with_id(post_only(1, false, 290_000, 2), 104),
        with_id(post_only(1, true, 310_000, 2), 105),
    ];
    world.ok(&world.place_orders(&alice, &orders));
    (world, alice)
}

fn open_ids(world: &World, trader: &Trader) -> Vec<u64> {
    let mut ids: Vec<u64> =
        world.orders(trader).orders.iter().map(|order| order.order_id).filter(|id| *id != 0).collect();
    ids.sort_unstable();
    ids
}

fn cancels_by_every_selector() {
    let selector =
        |by: u8, market_index: u16, ask: bool, ids: &[u64]| CancelArgs { by, market_index, ask, ids: ids.to_vec() };
    let cases = [
        (selector(0, 0, false, &[1, 3]), vec![2, 4, 5]),
        (selector(1, 0, false, &[102]), vec![1, 3, 4, 5]),
        (selector(2, 1, false, &[]), vec![1, 2, 3]),
        (selector(3, 0, false, &[]), vec![3, 4, 5]),
        (selector(3, 0, true, &[]), vec![1, 2, 4, 5]),
        (selector(4, 0, false, &[]), vec![]),
    ];
    for (selector, left) in cases {
        let (mut world, alice) = stage();
        let outcome = world.ok(&world.cancel_orders(&alice, &selector));
        let event = outcome.event("OrdersCancelled");
        assert_eq!(event["orders"].as_array().map(Vec::len), Some(5 - left.len()));
        assert_eq!(open_ids(&world, &alice), left, "{selector:?}");
        assert_eq!(usize::from(world.orders(&alice).order_count), left.len());
        if left.is_empty() {
            assert_eq!(world.user(&alice).position_count, 0, "empty slots are free again");
        }
    }
}

/// Nothing stops a cancel: neither a pause, nor a dead oracle, nor a halted market.
fn cancels_while_paused_and_stale() {
    let (mut world, alice) = stage();
    let now_ms = world.now_ms();
    world.edit::<Exchange>(exchange(), |state| {
        state.gates_closed = u64::MAX;
        state.pause_start_ms = now_ms;
    });
    world.edit::<User>(alice.user, |user| user.liquidation_start_ms = now_ms);
    world.advance(600);
    world.ok(&world.cancel_all(&alice));
}

fn refuses_unknown_orders() {
    let (mut world, alice) = stage();
    world.fails(&world.cancel_ids(&alice, &[6]), "OrderNotFound");
    world.fails(&world.cancel_ids(&alice, &[0]), "OrderNotFound");
    world.fails(
        &world.cancel_orders(&alice, &CancelArgs { by: 1, ids: vec![999], ..CancelArgs::default() }),
        "OrderNotFound",
    );
    world.ok(&world.cancel_all(&alice));
    world.fails(&world.cancel_all(&alice), "OrderNotFound");
    world.fails(
        &world.cancel_orders(&alice, &CancelArgs { by: 2, market_index: 40, ..CancelArgs::default() }),
        "OrderNotFound",
    );
}

fn refuses_bad_selectors() {
    let (mut world, alice) = stage();
    world.fails(&world.cancel_orders(&alice, &CancelArgs { by: 5, ..CancelArgs::default() }), "CancelSelectorInvalid");
    world.fails(&world.cancel_ids(&alice, &[]), "CancelSelectorInvalid");
    let both = CancelArgs { by: 4, ids: vec![1], ..CancelArgs::default() };
    world.fails(&world.cancel_orders(&alice, &both), "CancelSelectorInvalid");
}

fn v01_refuses_strangers() {
    let (mut world, alice) = stage();
    let bob = world.funded("bob", 100);
    world.fails(&world.cancel_all(&alice).with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&world.cancel_all(&alice).with("orders", bob.orders), "OrdersOfAnotherUser");
    let replacement = post_only(0, false, 490_000, 1);
    let call = world.modify_order(&alice, 1, &replacement);
    world.fails(&call.clone().with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&call.with("orders", bob.orders), "OrdersOfAnotherUser");
}

fn modify_keeps_priority_when_it_only_shrinks() {
    let (mut world, alice) = stage();
    let before = world.order(&alice, 1).expect("the order");
    world.pass(3, &PRICES);
    let smaller = OrderArgs { client_order_id: 101, ..post_only(0, false, 490_000, 1) };
    let outcome = world.ok(&world.modify_order(&alice, 1, &smaller));
    let event = outcome.event("OrderModified");
    assert_eq!((event["kept_priority"].as_bool(), event["order"]["order_id"].as_u64()), (Some(true), Some(1)));
    let after = world.order(&alice, 1).expect("the same order");
    assert_eq!((after.size_lots, after.placed_slot, after.placed_ms), (1, before.placed_slot, before.placed_ms));
    assert_eq!(world.position(&alice, 0).map(|position| position.open_bid_lots), Some(3));
}

fn modify_replaces_otherwise() {
    let (mut world, alice) = stage();
    world.pass(3, &PRICES);
    let dearer = OrderArgs { client_order_id: 101, ..post_only(0, false, 491_000, 1) };
    let outcome = world.ok(&world.modify_order(&alice, 1, &dearer));
    let event = outcome.event("OrderModified");
    assert_eq!((event["kept_priority"].as_bool(), event["cancelled_order_id"].as_u64()), (Some(false), Some(1)));
    assert!(world.order(&alice, 1).is_none());
    let order = world.order(&alice, 6).expect("a new order");
    assert_eq!((order.price_ticks, order.placed_slot), (491_000, world.slot()));
    let position = world.position(&alice, 0).expect("a slot");
    assert_eq!((position.open_bid_lots, position.max_bid_ticks, position.open_order_count), (3, 491_000, 3));
}

fn modify_refuses() {
    let (mut world, alice) = stage();
    let bid = post_only(0, false, 490_000, 5);
    let cases = [
        (1, post_only(0, true, 490_000, 5), "ModifyChangesMarketOrSide"),
        (1, post_only(1, false, 490_000, 5), "ModifyChangesMarketOrSide"),
        (9, bid.clone(), "OrderNotFound"),
        (1, post_only(0, false, 490_000, 60_000), "InitialMarginTooLow"),
        (1, post_only(0, false, 0, 5), "OrderPriceOutOfRange"),
        (1, OrderArgs { client_order_id: 101, ..post_only(0, false, 490_000, 0) }, "OrderSizeTooSmall"),
        (1, OrderArgs { client_order_id: 102, ..bid.clone() }, "ClientOrderIdInUse"),
        (1, OrderArgs { reduce_only: true, ..limit(0, false, 490_000, 5) }, "ReduceOnlyWouldIncrease"),
    ];
    for (order_id, replacement, error) in cases {
        let call = world.modify_order(&alice, order_id, &replacement);
        world.fails(&call, error);
    }
    let mut call = world.modify_order(&alice, 1, &bid);
    call.remaining[0].pubkey = market(1);
    world.fails(&call, "OrderMarketMismatch");
    call.remaining.clear();
    world.fails(&call, "RemainingAccountInvalid");
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 2);
    world.fails(&world.modify_order(&alice, 1, &bid), "GateClosed");
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 0);
    world.edit::<User>(alice.user, |user| user.liquidation_start_ms = 1);
    world.fails(&world.modify_order(&alice, 1, &bid), "UserInLiquidation");
    world.edit::<User>(alice.user, |user| user.liquidation_start_ms = 0);
    world.advance(11);
    world.fails(&world.modify_order(&alice, 1, &bid), "RowTooOld");
}
