//! Linked orders: brackets, and one cancels the other. Every fill moves all of them, whoever matches and in what order.

use evertide_vm_tests::{
    args::OrderArgs,
    kinds::{conditional, iceberg, pegged, plain, reducing, trailing, twap, Wish},
    state::{order_flags, OrderKind, TimeInForce},
    terms::PRICES,
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    exits_grow_with_each_fill_of_the_entry,
    exits_die_with_an_unfilled_entry,
    exits_outlive_a_filled_entry_that_expires,
    an_exit_that_fills_ends_the_entry_and_shrinks_the_other,
    a_taking_entry_and_a_taking_exit_move_their_links_too,
    one_cancels_the_other,
    a_stop_that_fires_and_fills_cancels_the_take_profit,
    the_exits_of_an_unfilled_entry_wait,
    a_trailing_exit_trails_from_the_entrys_fill,
    a_liquidation_voids_the_whole_group,
    a_modified_order_keeps_its_link,
    each_rule_of_a_group_has_its_error,
    exits_never_exceed_the_entrys_fills_nor_outlive_it,
);

/// An order at a price that only reduces.
pub fn exit(ask: bool, price_ticks: u64, size_lots: u64) -> Wish {
    reducing(plain(post_only(0, ask, price_ticks, size_lots)))
}

/// A stop that only reduces.
pub fn stop(ask: bool, trigger_ticks: u64, size_lots: u64) -> Wish {
    reducing(conditional(OrderKind::StopMarket, ask, trigger_ticks, size_lots))
}

/// Alice's bracket: a bid of 100 lots at $50,000 with an ask at $51,000 and a stop at $49,000.
fn bracket() -> (World, Trader, Trader, [u64; 3]) {
    let (mut world, alice, bob) = stage();
    let wishes = [plain(post_only(0, false, 500_000, 100)), exit(true, 510_000, 100), stop(true, 490_000, 100)];
    let ids = world.place_group(&alice, &wishes, 7);
    world.advance_slots(1);
    (world, alice, bob, [ids[0], ids[1], ids[2]])
}

fn sizes(world: &World, trader: &Trader, ids: [u64; 3]) -> [Option<u64>; 3] {
    ids.map(|id| world.order(trader, id).map(|order| order.size_lots))
}

/// `trader` sells or buys this much against a resting order of `maker`.
fn hit(world: &mut World, maker: &Trader, id: u64, taker: &Trader, ask: bool, size_lots: u64) -> serde_json::Value {
    world.advance_slots(1);
    let price = world.order(maker, id).expect("it rests").price_ticks;
    let order = world.place(taker, limit(0, ask, price, size_lots));
    let event = world.ok(&world.match_orders(0, taker, order, &[(maker, id)])).event("OrdersMatched");
    assert_eq!(event["taker_remaining_lots"].as_u64(), Some(0));
    event
}

fn exits_grow_with_each_fill_of_the_entry() {
    let (mut world, alice, bob, ids) = bracket();
    assert_eq!(sizes(&world, &alice, ids), [Some(100), Some(0), Some(0)]);
    let event = hit(&mut world, &alice, ids[0], &bob, true, 30);
    assert_eq!(event["linked"].as_array().map(Vec::len), Some(2));
    assert_eq!(sizes(&world, &alice, ids), [Some(70), Some(30), Some(30)]);
    let grown = world.order(&alice, ids[1]).expect("it rests");
    assert_eq!((grown.flags & order_flags::DORMANT, grown.placed_slot), (0, world.slot()));
    hit(&mut world, &alice, ids[0], &bob, true, 70);
    assert_eq!(sizes(&world, &alice, ids), [None, Some(100), Some(100)]);
}

fn exits_die_with_an_unfilled_entry() {
    let (mut world, alice, _, ids) = bracket();
    let mut cancelled = world.clone();
    let event = cancelled.ok(&cancelled.cancel_ids(&alice, &[ids[0]])).event("OrdersCancelled");
    assert_eq!(event["orders"].as_array().map(Vec::len), Some(3));
    assert_eq!((cancelled.orders(&alice).order_count, cancelled.user(&alice).position_count), (0, 0));
    // Cancelling an exit leaves the others.
    world.ok(&world.cancel_ids(&alice, &[ids[1]]));
    assert_eq!(sizes(&world, &alice, ids), [Some(100), None, Some(0)]);
}

fn exits_outlive_a_filled_entry_that_expires() {
    let (mut world, alice, bob) = stage();
    let expiry_ms = world.now_ms() + 30_000;
    let entry = plain(OrderArgs { expiry_ms, ..post_only(0, false, 500_000, 100) });
    let filled = world.place_group(&alice, &[entry.clone(), exit(true, 510_000, 100)], 1);
    let unfilled = world.place_group(&alice, &[entry, exit(true, 510_000, 100)], 1);
    hit(&mut world, &alice, filled[0], &bob, true, 40);
    world.pass(60, &PRICES);
    world.ok(&world.expire_orders(&alice));
    let left: Vec<u64> = world.orders(&alice).orders.iter().map(|order| order.order_id).filter(|id| *id != 0).collect();
    assert_eq!(left, [filled[1]], "{unfilled:?} are gone");
    assert_eq!(world.order(&alice, filled[1]).map(|order| order.size_lots), Some(40));
    hit(&mut world, &alice, filled[1], &bob, false, 40);
    assert_eq!(world.user(&alice).positions.iter().map(|position| position.basis_lots).sum::<i64>(), 0);
}

fn an_exit_that_fills_ends_the_entry_and_shrinks_the_other() {
    let (mut world, alice, bob, ids) = bracket();
    hit(&mut world, &alice, ids[0], &bob, true, 60);
    hit(&mut world, &alice, ids[1], &bob, false, 25);
    assert_eq!(sizes(&world, &alice, ids), [None, Some(35), Some(35)]);
    let position = world.position(&alice, 0).expect("long");
    assert_eq!((position.basis_lots, position.open_bid_lots, position.open_order_count), (35, 0, 2));
    hit(&mut world, &alice, ids[1], &bob, false, 35);
    assert_eq!(sizes(&world, &alice, ids), [None, None, None]);
}

fn a_taking_entry_and_a_taking_exit_move_their_links_too() {
    let (mut world, alice, bob) = stage();
    let ask = world.place(&bob, post_only(0, true, 500_100, 200));
    let bid = world.place(&bob, post_only(0, false, 489_000, 200));
    world.advance_slots(1);
    let wishes = [plain(market_order(0, false, 100)), exit(true, 510_000, 100), stop(true, 490_000, 100)];
    let ids = world.place_group(&alice, &wishes, 1);
    world.ok(&world.match_orders(0, &alice, ids[0], &[(&bob, ask)]));
    assert_eq!(sizes(&world, &alice, [ids[0], ids[1], ids[2]]), [None, Some(100), Some(100)]);
    world.btc_at(49_000);
    world.ok(&world.trigger_order(0, &alice, ids[2]));
    world.ok(&world.match_orders(0, &alice, ids[2], &[(&bob, bid)]));
    assert_eq!(
        (world.orders(&alice).order_count, world.position(&alice, 0).map(|position| position.basis_lots)),
        (0, Some(0))
    );
}

fn one_cancels_the_other() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 100);
    let ids = world.place_group(&alice, &[exit(true, 510_000, 100), stop(true, 490_000, 100)], 255);
    hit(&mut world, &alice, ids[0], &bob, false, 40);
    assert_eq!(world.order(&alice, ids[1]).map(|order| order.size_lots), Some(60));
    let event = hit(&mut world, &alice, ids[0], &bob, false, 60);
    assert_eq!(event["linked"][0]["change"].as_u64(), Some(2));
    assert_eq!(world.orders(&alice).order_count, 0);
}

fn a_stop_that_fires_and_fills_cancels_the_take_profit() {
    let (mut world, alice, bob, ids) = bracket();
    hit(&mut world, &alice, ids[0], &bob, true, 60);
    let bid = world.place(&bob, post_only(0, false, 489_900, 200));
    world.btc_at(49_000);
    let event = world.ok(&world.trigger_order(0, &alice, ids[2])).event("OrderTriggered");
    assert_eq!(
        (event["linked"][0]["order_id"].as_u64(), event["linked"][0]["size_lots"].as_u64()),
        (Some(ids[0]), Some(0))
    );
    assert_eq!(sizes(&world, &alice, ids), [None, Some(60), Some(60)]);
    world.ok(&world.match_orders(0, &alice, ids[2], &[(&bob, bid)]));
    assert_eq!(sizes(&world, &alice, ids), [None, None, None]);
}

/// A keeper in the wrong order: what waits can be neither triggered nor matched nor expired before its entry fills.
fn the_exits_of_an_unfilled_entry_wait() {
    let (mut world, alice, bob, ids) = bracket();
    world.btc_at(48_900);
    world.fails(&world.trigger_order(0, &alice, ids[1]), "ExitWaitsForEntry");
    world.fails(&world.trigger_order(0, &alice, ids[2]), "ExitWaitsForEntry");
    world.fails(&world.expire_orders(&alice), "NothingExpired");
    let taker = world.place(&bob, limit(0, false, 510_000, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, ids[1])]), "NothingFilled");
    assert_eq!(sizes(&world, &alice, ids), [Some(100), Some(0), Some(0)]);
}

fn a_trailing_exit_trails_from_the_entrys_fill() {
    let (mut world, alice, bob) = stage();
    let entry = plain(post_only(0, false, 490_000, 100));
    let ids = world.place_group(&alice, &[entry, reducing(trailing(true, 100, 100))], 1);
    world.fails(&world.update_trailing(0, &alice, ids[1]), "ExitWaitsForEntry");
    world.btc_at(49_000);
    hit(&mut world, &alice, ids[0], &bob, true, 100);
    assert_eq!(world.order(&alice, ids[1]).expect("it waits").terms[0], 485_100);
    world.fails(&world.trigger_order(0, &alice, ids[1]), "TriggerNotReached");
}

fn a_liquidation_voids_the_whole_group() {
    let (mut world, alice, bob, ids) = bracket();
    hit(&mut world, &alice, ids[0], &bob, true, 60);
    let next = world.orders(&alice).next_order_id;
    world.edit::<evertide_vm_tests::state::User>(alice.user, |user| {
        user.orders_epoch = next;
        let position = user.positions.iter_mut().find(|position| position.market_plus_one == 1).expect("long");
        (position.open_bid_lots, position.max_bid_ticks, position.open_order_count, position.reduce_only_count) =
            (0, 0, 0, 0);
    });
    world.btc_at(49_000);
    world.fails(&world.trigger_order(0, &alice, ids[2]), "OrderNotFound");
    world.ok(&world.expire_orders(&alice));
    assert_eq!(world.orders(&alice).order_count, 0);
}

fn a_modified_order_keeps_its_link() {
    let (mut world, alice, bob, ids) = bracket();
    world.ok(&world.modify_order(&alice, ids[0], &post_only(0, false, 499_000, 80)));
    let entry = world.orders(&alice).next_order_id - 1;
    hit(&mut world, &alice, entry, &bob, true, 50);
    assert_eq!(sizes(&world, &alice, [entry, ids[1], ids[2]]), [Some(30), Some(50), Some(50)]);
    // An exit never grows by it beyond its entry's fills.
    let (order, kind) = exit(true, 511_000, 100);
    world.ok(&world.modify_kind(&alice, ids[1], &order, &[]));
    assert_eq!(kind, Default::default());
    let moved = world.orders(&alice).next_order_id - 1;
    assert_eq!(sizes(&world, &alice, [entry, moved, ids[2]]), [Some(30), Some(50), Some(50)]);
    world.fails(
        &world.modify_order(&alice, entry, &OrderArgs { group: 1, ..post_only(0, false, 499_000, 60) }),
        "GroupKindForbidden",
    );
    world.fails(&world.modify_order(&alice, moved, &post_only(0, true, 511_000, 60)), "GroupExitInvalid");
    hit(&mut world, &alice, moved, &bob, false, 50);
    assert_eq!(sizes(&world, &alice, [entry, moved, ids[2]]), [None, None, None]);
}

fn each_rule_of_a_group_has_its_error() {
    let (mut world, alice, _) = stage();
    let entry = plain(post_only(0, false, 500_000, 100));
    let other_market = {
        let (order, kind) = exit(true, 510_000, 100);
        (OrderArgs { market_index: 1, price_ticks: 310_000, ..order }, kind)
    };
    let ioc = |wish: Wish| (OrderArgs { time_in_force: TimeInForce::ImmediateOrCancel as u8, ..wish.0 }, wish.1);
    for (wishes, error) in [
        (vec![entry.clone()], "GroupTooSmall"),
        (vec![entry.clone(), other_market], "GroupMarketDiffers"),
        (vec![entry.clone(), exit(false, 490_000, 100)], "GroupMarketDiffers"),
        (vec![stop(true, 490_000, 5), stop(false, 510_000, 5)], "GroupMarketDiffers"),
        (vec![entry.clone(), plain(post_only(0, true, 510_000, 100))], "GroupExitInvalid"),
        (vec![entry.clone(), exit(true, 510_000, 99)], "GroupExitInvalid"),
        (vec![entry.clone(), ioc(exit(true, 510_000, 100))], "GroupKindForbidden"),
        (vec![entry.clone(), reducing(iceberg(true, 510_000, 100, 10))], "GroupKindForbidden"),
        (vec![twap(false, 100, 2, 60), exit(true, 510_000, 100)], "GroupKindForbidden"),
    ] {
        world.fails(&world.place_wishes(&alice, &wishes, 1), error);
    }
    world.place_group(&alice, &[entry, reducing(pegged(true, 500, 505_000, 100))], 1);
}

/// Over any order of partial fills of entry and exits, expiry and sweeping: what the exits fill is never more than what the
/// entry filled, and with the entry gone unfilled none is left.
fn exits_never_exceed_the_entrys_fills_nor_outlive_it() {
    let mut seed = 11_u64;
    for _ in 0..12 {
        let (mut world, alice, bob, ids) = bracket();
        let (mut bought, mut sold) = (0, 0);
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let which = if (seed >> 40) & 3 == 0 { 1 } else { 0 };
            let Some(order) = world.order(&alice, ids[which]) else { continue };
            let lots = (1 + (seed >> 33) % 40).min(order.size_lots);
            if lots == 0 || (seed >> 50) & 7 == 0 {
                let _ = world.send(&world.expire_orders(&alice));
                continue;
            }
            hit(&mut world, &alice, ids[which], &bob, which == 0, lots);
            if which == 0 {
                bought += lots
            } else {
                sold += lots
            }
            let held = bought - sold;
            assert!(sold <= bought);
            for id in [ids[1], ids[2]] {
                let size = world.order(&alice, id).map_or(held, |order| order.size_lots);
                assert_eq!(size, held, "an exit covers what is held, or is gone with it");
            }
        }
        if bought == 0 {
            world.ok(&world.cancel_ids(&alice, &[ids[0]]));
        }
        if bought == sold {
            assert!(world.order(&alice, ids[1]).is_none() || world.order(&alice, ids[0]).is_some());
        }
    }
}
