//! Pegged orders and icebergs as makers of `match_orders`.

use evertide_vm_tests::{
    args::{KindArgs, OrderArgs},
    exchange::market,
    kinds::{iceberg, pegged, reducing},
    state::{Market, OrderKind},
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    a_pegged_order_fills_at_index_plus_offset,
    a_pegged_price_never_passes_its_limit,
    v24_a_pegged_order_is_not_picked_off_at_an_old_index,
    pegged_orders_rank_by_their_price_of_now,
    pegged_orders_respect_validity_and_evidence,
    an_iceberg_shows_a_part_and_refills_behind_the_others,
    a_taking_iceberg_refills_too,
    an_iceberg_whose_next_part_has_no_margin_is_cancelled,
    an_iceberg_that_closes_its_position_ends,
    each_rule_of_these_kinds_has_its_error,
);

/// Bob takes after the price was published anew, as a pegged maker demands.
fn take(world: &mut World, taker: &Trader, ask: bool, price: u64, lots: u64, usd: u64) -> u64 {
    world.advance_slots(1);
    let id = world.place(taker, limit(0, ask, price, lots));
    world.btc_at(usd);
    id
}

fn a_pegged_order_fills_at_index_plus_offset() {
    for (ask, offset, limit_ticks, price) in [(true, 100, 495_000, 505_100), (false, -100, 510_000, 504_900)] {
        let (mut world, alice, bob) = stage();
        let id = world.place_wish(&alice, pegged(ask, offset, limit_ticks, 10));
        let taker = take(&mut world, &bob, !ask, if ask { 520_000 } else { 490_000 }, 4, 50_500);
        let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, id)])).event("OrdersMatched");
        assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(price));
        assert_eq!(world.market(0).last_fill_ticks, price);
        let order = world.order(&alice, id).expect("it rests");
        assert_eq!((order.price_ticks, order.size_lots), (limit_ticks, 6), "aggregates count at the limit");
    }
}

fn a_pegged_price_never_passes_its_limit() {
    let (mut world, alice, bob) = stage();
    let id = world.place_wish(&alice, pegged(false, -10, 500_000, 10));
    let taker = take(&mut world, &bob, true, 490_000, 4, 50_900);
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, id)])).event("OrdersMatched");
    assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(500_000));
}

fn v24_a_pegged_order_is_not_picked_off_at_an_old_index() {
    let (mut world, alice, bob) = stage();
    let id = world.place_wish(&alice, pegged(true, 10, 490_000, 10));
    world.pass(5, &PRICES);
    // The taker knows a newer price than the chain: it waits for one, and so does the fill.
    let taker = world.place(&bob, limit(0, false, 510_000, 4));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, id)]), "NothingFilled");
    world.btc_at(50_800);
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, id)])).event("OrdersMatched");
    assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(508_010));
}

fn pegged_orders_rank_by_their_price_of_now() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10_000);
    let peg = world.place_wish(&alice, pegged(true, 100, 490_000, 10));
    let plain = world.place(&carol, post_only(0, true, 502_000, 10));
    let taker = take(&mut world, &bob, false, 510_000, 20, 50_300);
    let wrong: [(&Trader, u64); 2] = [(&alice, peg), (&carol, plain)];
    world.fails(&world.match_orders(0, &bob, taker, &wrong), "MakerPriorityViolated");
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&carol, plain), (&alice, peg)])).event("OrdersMatched");
    assert_eq!(event["fills"][1]["price_ticks"].as_u64(), Some(503_100));
}

fn pegged_orders_respect_validity_and_evidence() {
    let (mut world, alice, bob) = stage();
    let id = world.place_wish(&alice, pegged(true, 100, 490_000, 200));
    let bid = world.place(&bob, post_only(0, false, 499_000, 200));
    let mut shown = world.clone();
    shown.pass(5, &PRICES);
    shown.fails(&shown.update_mark(0, &[(&bob, bid)], &[(&alice, id)]), "EvidenceInvalid");
    let taker = take(&mut world, &bob, false, 510_000, 4, 50_000);
    world.edit::<Market>(market(0), |state| state.terms.oracle.refused[2] = 255);
    world.edit::<Market>(market(0), |state| state.validity = 16);
    world.edit::<Market>(market(0), |state| state.terms.oracle.refused[0] = 0);
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, id)]), "NothingFilled");
}

fn an_iceberg_shows_a_part_and_refills_behind_the_others() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10_000);
    let berg = world.place_wish(&alice, iceberg(true, 500_100, 25, 10));
    world.advance_slots(1);
    let other = world.place(&carol, post_only(0, true, 500_100, 10));
    let position = world.position(&alice, 0).expect("a slot");
    assert_eq!(position.open_ask_lots, 10, "what is hidden reserves nothing");
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_100, 10));
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, berg)])).event("OrdersMatched");
    assert_eq!((event["fills"][0]["size_lots"].as_u64(), event["linked"][0]["change"].as_u64()), (Some(10), Some(3)));
    let order = world.order(&alice, berg).expect("it rests");
    assert_eq!((order.size_lots, order.terms[1], order.placed_slot), (10, 5, world.slot()));
    assert_eq!(world.position(&alice, 0).expect("short").open_ask_lots, 10);
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_100, 40));
    let early: [(&Trader, u64); 2] = [(&alice, berg), (&carol, other)];
    world.fails(&world.match_orders(0, &bob, taker, &early), "MakerPriorityViolated");
    world.ok(&world.match_orders(0, &bob, taker, &[(&carol, other), (&alice, berg)]));
    assert_eq!(world.order(&alice, berg).map(|order| (order.size_lots, order.terms[1])), Some((5, 0)));
    // The last part came after the taker was placed: it is the younger of the two now, and takes in its turn.
    world.ok(&world.match_orders(0, &alice, berg, &[(&bob, taker)]));
    assert_eq!(world.order(&alice, berg), None);
    assert_eq!(world.position(&alice, 0).map(|position| (position.basis_lots, position.open_ask_lots)), Some((-25, 0)));
}

fn a_taking_iceberg_refills_too() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&bob, post_only(0, true, 500_100, 100));
    world.advance_slots(1);
    let berg = world.place_wish(&alice, iceberg(false, 500_100, 25, 10));
    for (left, hidden) in [(10, 5), (5, 0)] {
        world.ok(&world.match_orders(0, &alice, berg, &[(&bob, maker)]));
        assert_eq!(world.order(&alice, berg).map(|order| (order.size_lots, order.terms[1])), Some((left, hidden)));
        world.advance_slots(1);
    }
    world.ok(&world.match_orders(0, &alice, berg, &[(&bob, maker)]));
    assert_eq!(world.order(&alice, berg), None);
}

fn an_iceberg_whose_next_part_has_no_margin_is_cancelled() {
    let (mut world, alice, bob) = stage();
    let berg = world.place_wish(&alice, iceberg(true, 500_000, 30_000, 10));
    let (order, kind) = iceberg(true, 500_000, 30_000, 10_000);
    let large = world.place_wish(&alice, (order, kind));
    world.ok(&world.withdraw(&alice, 0, 4_500 * USD));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_000, 10_010));
    world.pass(1, &PRICES);
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, large)])).event("OrdersMatched");
    assert_eq!((event["linked"][0]["change"].as_u64(), event["linked"][0]["size_lots"].as_u64()), (Some(4), Some(0)));
    assert_eq!(world.order(&alice, large), None);
    assert_eq!(world.position(&alice, 0).expect("short").open_ask_lots, 10);
    assert!(world.order(&alice, berg).is_some());
}

fn an_iceberg_that_closes_its_position_ends() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 15);
    let berg = world.place_wish(&alice, reducing(iceberg(true, 500_100, 25, 10)));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_100, 10));
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, berg)]));
    assert_eq!(world.order(&alice, berg).map(|order| order.size_lots), Some(10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_100, 5));
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, berg)]));
    assert_eq!(world.order(&alice, berg), None, "nothing is left to reduce, hidden or not");
}

fn each_rule_of_these_kinds_has_its_error() {
    let (mut world, alice, _) = stage();
    let (berg, kind) = iceberg(true, 500_100, 25, 10);
    let (peg, offset) = pegged(false, -100, 510_000, 10);
    let far = KindArgs { peg_offset_ticks: -500_000, ..offset.clone() };
    for (order, kind, error) in [
        (berg.clone(), KindArgs { display_lots: 0, ..kind.clone() }, "IcebergDisplayInvalid"),
        (berg.clone(), KindArgs { display_lots: 25, ..kind.clone() }, "IcebergDisplayInvalid"),
        (OrderArgs { time_in_force: 1, ..berg.clone() }, kind.clone(), "TimeInForceInvalid"),
        (OrderArgs { price_ticks: 0, ..berg }, kind, "OrderPriceOutOfRange"),
        (OrderArgs { price_ticks: 0, ..peg.clone() }, offset.clone(), "OrderPriceOutOfRange"),
        (peg.clone(), far, "OrderPriceOutOfRange"),
        (OrderArgs { time_in_force: 4, ..peg.clone() }, offset.clone(), "TimeInForceInvalid"),
    ] {
        let order = OrderArgs { kind_args_plus_one: 1, ..order };
        world.fails(&world.place_kinds(&alice, &[order], &[kind]), error);
    }
    let shown_ms = world.now_ms();
    world.edit::<Market>(market(0), |state| {
        (state.evidence[1].order_id, state.evidence[1].price_ticks, state.evidence[1].shown_ms) =
            (1, 499_900, shown_ms);
    });
    let order = OrderArgs { kind_args_plus_one: 1, kind: OrderKind::Pegged as u8, ..peg };
    world.fails(&world.place_kinds(&alice, &[order], &[offset]), "PostOnlyWouldCross");
}
