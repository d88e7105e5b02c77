//! Conditional and scheduled orders: `trigger_order`.

use evertide_vm_tests::{
    args::{KindArgs, OrderArgs},
    exchange::{exchange, market},
    kinds::{conditional, pegged, plain, reducing, scheduled, trailing, Wish},
    state::{order_flags, Exchange, Market, OrderKind, TimeInForce, User},
    terms::{PRICES, USD},
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    each_kind_fires_on_its_side_of_the_price,
    a_dormant_order_reserves_nothing_and_never_matches,
    a_triggered_market_order_has_the_worst_price_of_that_time,
    a_triggered_limit_order_is_as_new,
    watches_the_price_that_was_chosen,
    a_keeper_that_comes_twice_is_refused,
    a_keeper_that_comes_late_fires_at_the_price_of_then,
    a_keeper_that_comes_early_is_refused,
    without_margin_it_is_cancelled_and_says_so,
    reduce_only_is_clamped_to_the_position,
    other_limits_cancel_it_too,
    new_risk_waits_for_gate_status_and_oracle,
    a_scheduled_order_starts_when_its_time_has_come,
    each_rule_of_a_kind_has_its_error,
    modify_and_cancel_work_for_dormant_orders,
);

const STOPS: [OrderKind; 2] = [OrderKind::StopMarket, OrderKind::StopLimit];
const PROFITS: [OrderKind; 2] = [OrderKind::TakeProfitMarket, OrderKind::TakeProfitLimit];

/// A dormant order of alice's, and its id.
fn with(wish: Wish) -> (World, Trader, Trader, u64) {
    let (mut world, alice, bob) = stage();
    let id = world.place_wish(&alice, wish);
    (world, alice, bob, id)
}

fn each_kind_fires_on_its_side_of_the_price() {
    // Kinds, side, trigger; a price in dollars that is not there yet, and one that is.
    for (kinds, ask, trigger, early, reached) in [
        (STOPS, true, 495_000, 49_501, 49_500),
        (STOPS, false, 505_000, 50_499, 50_500),
        (PROFITS, true, 505_000, 50_499, 50_500),
        (PROFITS, false, 495_000, 49_501, 49_500),
    ] {
        for kind in kinds {
            let (mut world, alice, _, id) = with(conditional(kind, ask, trigger, 10));
            world.btc_at(early);
            world.fails(&world.trigger_order(0, &alice, id), "TriggerNotReached");
            world.btc_at(reached);
            let event = world.ok(&world.trigger_order(0, &alice, id)).event("OrderTriggered");
            assert_eq!(event["outcome"].as_u64(), Some(0));
            let order = world.order(&alice, id).expect("it is live");
            assert_eq!(order.flags & (order_flags::DORMANT | order_flags::COUNTED), order_flags::COUNTED);
            assert!(order.kind <= OrderKind::Market as u8);
        }
    }
}

fn a_dormant_order_reserves_nothing_and_never_matches() {
    let (mut world, alice, bob, id) = with(conditional(OrderKind::StopLimit, false, 505_000, 10));
    let position = world.position(&alice, 0).expect("a slot");
    assert_eq!((position.open_bid_lots, position.max_bid_ticks, position.open_order_count), (0, 0, 1));
    world.advance_slots(1);
    let other = world.place(&bob, limit(0, true, 505_000, 10));
    world.fails(&world.match_orders(0, &bob, other, &[(&alice, id)]), "NothingFilled");
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, other)]), "TakerNotLive");
}

fn a_triggered_market_order_has_the_worst_price_of_that_time() {
    let (order, kind) = conditional(OrderKind::StopMarket, false, 505_000, 10);
    let (mut world, alice, bob, id) = with((OrderArgs { max_slippage_bps: 50, ..order }, kind));
    let ask = world.place(&bob, post_only(0, true, 510_000, 10));
    world.btc_at(51_000);
    let slot = world.slot();
    world.ok(&world.trigger_order(0, &alice, id));
    let order = world.order(&alice, id).expect("it is live");
    assert_eq!((order.kind, order.price_ticks, order.placed_slot), (OrderKind::Market as u8, 512_550, slot));
    assert_eq!((order.placed_ms, order.size_lots), (world.now_ms(), 10));
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, ask)]));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(10));
}

fn a_triggered_limit_order_is_as_new() {
    let (order, kind) = conditional(OrderKind::StopLimit, false, 505_000, 10);
    let (mut world, alice, bob, id) = with((OrderArgs { price_ticks: 506_000, taker_phase_s: 12, ..order }, kind));
    world.btc_at(50_500);
    let maker = world.place(&bob, post_only(0, true, 505_900, 10));
    world.ok(&world.trigger_order(0, &alice, id));
    // It asks for a taker phase, which starts now: it meets makers of earlier slots only, inside its ramp.
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, maker)]), "NothingFilled");
    world.btc_at(50_500);
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, maker)]), "NothingFilled");
    for _ in 0..12 {
        world.btc_at(50_500);
    }
    world.ok(&world.match_orders(0, &alice, id, &[(&bob, maker)]));
}

fn watches_the_price_that_was_chosen() {
    let (mut world, alice, bob) = stage();
    let (order, kind) = conditional(OrderKind::StopMarket, true, 495_000, 10);
    let by = |source: u8| (order.clone(), KindArgs { trigger_source: source, ..kind.clone() });
    let mut ids = Vec::new();
    for source in [0, 1, 2] {
        ids.push(world.place_wish(&alice, by(source)));
    }
    world.fails(&world.trigger_order(0, &alice, ids[2]), "MarketHasNoPrice");
    world.trade(0, &alice, &bob, 495_000, 1);
    world.fails(&world.trigger_order(0, &alice, ids[0]), "TriggerNotReached");
    world.fails(&world.trigger_order(0, &alice, ids[1]), "TriggerNotReached");
    world.ok(&world.trigger_order(0, &alice, ids[2]));
    let tick_value = world.market(0).atoms_per_lot_tick;
    world.edit::<Market>(market(0), |state| state.mark_price_q32 = (495_000 * tick_value) << 32);
    world.ok(&world.trigger_order(0, &alice, ids[0]));
    world.fails(&world.trigger_order(0, &alice, ids[1]), "TriggerNotReached");
}

fn a_keeper_that_comes_twice_is_refused() {
    let (mut world, alice, _, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 10));
    world.btc_at(50_500);
    world.ok(&world.trigger_order(0, &alice, id));
    world.fails(&world.trigger_order(0, &alice, id), "OrderKindMismatch");
    world.advance_slots(31);
    world.ok(&world.expire_orders(&alice));
    world.fails(&world.trigger_order(0, &alice, id), "OrderNotFound");
}

fn a_keeper_that_comes_late_fires_at_the_price_of_then() {
    let (mut world, alice, _, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 10));
    world.btc_at(50_600);
    world.btc_at(50_000);
    // The price came and went unseen: nothing is bought at a price that is no more.
    world.fails(&world.trigger_order(0, &alice, id), "TriggerNotReached");
    world.btc_at(51_000);
    world.pass(3_600, &[51_000 * USD, PRICES[1], PRICES[2]]);
    world.ok(&world.trigger_order(0, &alice, id));
    assert_eq!(world.order(&alice, id).expect("live").price_ticks, 515_100);
}

fn a_keeper_that_comes_early_is_refused() {
    let (mut world, alice, _) = stage();
    let at = world.now_ms() + 60_000;
    let id = world.place_wish(&alice, scheduled(conditional(OrderKind::StopMarket, false, 505_000, 10), at));
    world.btc_at(50_500);
    world.fails(&world.trigger_order(0, &alice, id), "OrderNotDue");
    for _ in 0..60 {
        world.btc_at(50_500);
    }
    world.ok(&world.trigger_order(0, &alice, id));
}

fn without_margin_it_is_cancelled_and_says_so() {
    let (mut world, alice, _, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 10_000));
    world.ok(&world.withdraw(&alice, 0, 9_000 * USD));
    world.btc_at(50_500);
    let mut old = world.clone();
    old.advance(10);
    old.fails(&old.trigger_order(0, &alice, id), "RowTooOld");
    let event = world.ok(&world.trigger_order(0, &alice, id)).event("OrderTriggered");
    assert_eq!(event["outcome"].as_u64(), Some(1));
    assert_eq!(world.order(&alice, id), None);
    assert_eq!((world.user(&alice).position_count, world.orders(&alice).order_count), (0, 0));
}

fn reduce_only_is_clamped_to_the_position() {
    let (mut world, alice, bob) = stage();
    // Placed before there is anything to reduce: what counts is the position when it fires.
    let id = world.place_wish(&alice, reducing(conditional(OrderKind::StopMarket, true, 495_000, 50)));
    let late = world.place_wish(&alice, reducing(conditional(OrderKind::StopMarket, true, 495_000, 50)));
    world.trade(0, &alice, &bob, 500_000, 20);
    world.btc_at(49_500);
    world.ok(&world.trigger_order(0, &alice, id));
    assert_eq!(world.order(&alice, id).expect("live").size_lots, 20);
    let bid = world.place(&bob, post_only(0, false, 494_900, 100));
    world.advance_slots(1);
    world.fails(&world.match_orders(0, &alice, id, &[(&bob, bid)]), "NothingFilled");
    world.ok(&world.cancel_ids(&alice, &[id]));
    let out = world.place(&alice, market_order(0, true, 20));
    world.ok(&world.match_orders(0, &alice, out, &[(&bob, bid)]));
    let event = world.ok(&world.trigger_order(0, &alice, late)).event("OrderTriggered");
    assert_eq!(event["outcome"].as_u64(), Some(2));
    assert_eq!(world.order(&alice, late), None);
}

fn other_limits_cancel_it_too() {
    let (world, alice, _, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 100));
    let outcome = |mut world: World, id: u64| {
        world.btc_at(50_500);
        let event = world.ok(&world.trigger_order(0, &alice, id)).event("OrderTriggered");
        assert_eq!(world.order(&alice, id), None);
        event["outcome"].as_u64()
    };
    let mut narrow = world.clone();
    narrow.edit::<Market>(market(0), |state| state.terms.position_max_lots = 99);
    assert_eq!(outcome(narrow, id), Some(3));
    let mut capped = world.clone();
    capped.ok(&capped.set_limits(&alice, 0, USD, u16::MAX, 0));
    assert_eq!(outcome(capped, id), Some(4));
    let mut crossing = world.clone();
    let (order, kind) = conditional(OrderKind::StopLimit, false, 505_000, 100);
    let time_in_force = TimeInForce::PostOnly as u8;
    let late = crossing.place_wish(&alice, (OrderArgs { time_in_force, ..order }, kind));
    let shown_ms = crossing.now_ms() + 1_000;
    crossing.edit::<Market>(market(0), |state| {
        (state.evidence[1].order_id, state.evidence[1].price_ticks, state.evidence[1].shown_ms) =
            (1, 505_000, shown_ms);
    });
    assert_eq!(outcome(crossing, late), Some(5));
}

fn new_risk_waits_for_gate_status_and_oracle() {
    let (mut world, alice, bob, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 10));
    world.btc_at(50_500);
    let refuses = |change: &dyn Fn(&mut World), error: &str| {
        let mut world = world.clone();
        change(&mut world);
        world.fails(&world.trigger_order(0, &alice, id), error);
        assert!(world.order(&alice, id).is_some(), "it waits");
    };
    refuses(&|world| world.edit::<Exchange>(exchange(), |state| state.gates_closed = 2), "GateClosed");
    refuses(&|world| world.edit::<Market>(market(0), |state| state.status = 2), "MarketStatusForbids");
    refuses(&|world| world.edit::<Market>(market(0), |state| state.validity = 1), "OracleValidityForbids");
    refuses(&|world| world.edit::<User>(alice.user, |user| user.liquidation_start_ms = 1), "UserInLiquidation");
    refuses(&|world| world.edit::<Exchange>(exchange(), |state| state.opened = 0), "ExchangeNotOpen");
    world.fails(&world.trigger_order(1, &alice, id), "OrderMarketMismatch");
    world.fails(&world.trigger_order(0, &alice, id).with("orders", bob.orders), "OrdersOfAnotherUser");
}

fn a_scheduled_order_starts_when_its_time_has_come() {
    let (mut world, alice, bob) = stage();
    let at = world.now_ms() + 60_000;
    let order = OrderArgs { taker_phase_s: 12, ..limit(0, false, 500_500, 10) };
    let ids = [
        world.place_wish(&alice, scheduled(plain(order), at)),
        world.place_wish(&alice, scheduled(plain(market_order(0, false, 10)), at)),
        world.place_wish(&alice, scheduled(pegged(false, -100, 500_000, 10), at)),
    ];
    assert_eq!(world.position(&alice, 0).map(|position| position.open_bid_lots), Some(0));
    let ask = world.place(&bob, post_only(0, true, 500_100, 100));
    world.pass(59, &PRICES);
    for id in ids {
        world.fails(&world.trigger_order(0, &alice, id), "OrderNotDue");
        world.fails(&world.match_orders(0, &alice, id, &[(&bob, ask)]), "TakerNotLive");
    }
    world.pass(60, &PRICES);
    for id in ids {
        world.ok(&world.trigger_order(0, &alice, id));
        let order = world.order(&alice, id).expect("live");
        assert_eq!(
            (order.placed_ms, order.placed_slot, order.flags & order_flags::DORMANT),
            (world.now_ms(), world.slot(), 0)
        );
    }
    // A minute late, and yet each has all of its phase or its deadline before it, behind the maker of before.
    world.ok(&world.match_orders(0, &alice, ids[0], &[(&bob, ask)]));
    world.ok(&world.match_orders(0, &alice, ids[1], &[(&bob, ask)]));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(20));
}

fn each_rule_of_a_kind_has_its_error() {
    let (mut world, alice, _) = stage();
    let (order, kind) = conditional(OrderKind::StopLimit, false, 505_000, 10);
    let (trail_order, trail) = trailing(true, 100, 10);
    let at = |change: KindArgs| (order.clone(), change);
    let now_ms = world.now_ms();
    for ((order, kind), error) in [
        (at(KindArgs { trigger_ticks: 0, ..kind.clone() }), "TriggerPriceOutOfRange"),
        (at(KindArgs { trigger_ticks: 1 << 40, ..kind.clone() }), "TriggerPriceOutOfRange"),
        (at(KindArgs { trigger_source: 3, ..kind.clone() }), "TriggerSourceUnknown"),
        (at(KindArgs { trail_bps: 1, ..kind.clone() }), "KindArgsForeign"),
        (at(KindArgs { peg_offset_ticks: 1, ..kind.clone() }), "KindArgsForeign"),
        (at(KindArgs { display_lots: 1, ..kind.clone() }), "KindArgsForeign"),
        (at(KindArgs { slice_count: 1, ..kind.clone() }), "KindArgsForeign"),
        ((OrderArgs { price_ticks: 0, ..order.clone() }, kind.clone()), "OrderPriceOutOfRange"),
        (
            (OrderArgs { auction_start_ticks: 1, taker_phase_s: 5, ..order.clone() }, kind.clone()),
            "AuctionStartInvalid",
        ),
        (
            (
                OrderArgs { expiry_ms: now_ms + 5, ..order.clone() },
                KindArgs { not_before_ms: now_ms + 5, ..kind.clone() },
            ),
            "OrderExpired",
        ),
        ((trail_order.clone(), KindArgs { trail_bps: 0, ..trail.clone() }), "TrailOutOfRange"),
        ((trail_order.clone(), KindArgs { trail_bps: 5_001, ..trail.clone() }), "TrailOutOfRange"),
        ((OrderArgs { time_in_force: 0, ..trail_order }, trail), "TimeInForceInvalid"),
        (
            (
                OrderArgs { time_in_force: 0, ..pegged(false, 0, 1, 1).0 },
                KindArgs { peg_offset_ticks: 1, ..KindArgs::default() },
            ),
            "TimeInForceInvalid",
        ),
    ] {
        let order = OrderArgs { kind_args_plus_one: 1, ..order };
        world.fails(&world.place_kinds(&alice, &[order], &[kind]), error);
    }
    for plus_one in [0, 2] {
        let order = OrderArgs { kind_args_plus_one: plus_one, ..order.clone() };
        world.fails(&world.place_kinds(&alice, &[order], std::slice::from_ref(&kind)), "KindArgsMissing");
    }
}

fn modify_and_cancel_work_for_dormant_orders() {
    let (mut world, alice, _, id) = with(conditional(OrderKind::StopMarket, false, 505_000, 10));
    let (order, kind) = conditional(OrderKind::StopLimit, false, 510_000, 7);
    let replacement = OrderArgs { kind_args_plus_one: 1, ..order };
    let event = world.ok(&world.modify_kind(&alice, id, &replacement, &[kind])).event("OrderModified");
    assert_eq!(event["kept_priority"].as_bool(), Some(false));
    let changed = world.order(&alice, id + 1).expect("replaced");
    assert_eq!((changed.kind, changed.size_lots, changed.terms[0]), (OrderKind::StopLimit as u8, 7, 510_000));
    world.ok(&world.cancel_ids(&alice, &[id + 1]));
    assert_eq!((world.user(&alice).position_count, world.orders(&alice).order_count), (0, 0));
}
