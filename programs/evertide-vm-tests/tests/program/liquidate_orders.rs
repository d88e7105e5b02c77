//! `liquidate_orders`: the first rungs of the ladder.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{collateral, market},
    state::{Collateral, Market, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::{limit, post_only},
    world::World,
};

use crate::downfall::{held, mirrored, number, prices, BANKRUPT, BELOW_CANCEL, BELOW_MAINTENANCE, LOTS};

tests!(
    cancels_what_could_increase_risk,
    cancels_a_side_that_would_flip,
    voids_all_orders_and_begins,
    voids_for_a_short,
    the_owner_neither_places_nor_modifies,
    ends_at_maintenance_margin,
    a_debt_alone_begins_a_liquidation,
    a_dead_feed_of_collateral_shields_nobody,
    refusals,
);

fn reduce_only(ask: bool, ticks: u64, lots: u64) -> OrderArgs {
    OrderArgs { reduce_only: true, ..limit(0, ask, ticks, lots) }
}

/// Cancel margin is 7.5 %: the bid and the order in another market go, the closing asks stay.
fn cancels_what_could_increase_risk() {
    let mut down = held(LOTS);
    down.world.ok(&down.world.deposit(&down.alice, 0, 500 * USD));
    let bid = down.world.place(&down.alice, post_only(0, false, 470_000, 50));
    let ask = down.world.place(&down.alice, post_only(0, true, 520_000, 1_000));
    let elsewhere = down.world.place(&down.alice, post_only(1, false, 290_000, 50));
    let closing = down.world.place(&down.alice, reduce_only(true, 521_000, 1_900));
    down.price(BELOW_CANCEL);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "AccountHealthy");
    down.price(45_500);
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!(number(&event, "rung"), 1);
    let gone: Vec<u64> =
        event["orders"].as_array().expect("orders").iter().filter_map(|o| o["order_id"].as_u64()).collect();
    assert_eq!(gone, [bid, elsewhere]);
    assert_eq!(number(&event, "equity_atoms"), down.world.equity(&down.alice));
    // 1,900 lots at $4.55 and 7.5 %.
    assert_eq!(number(&event, "requirement_atoms"), 1_900 * 4_550_000 * 75 / 1_000);
    assert!(down.world.order(&down.alice, ask).is_some() && down.world.order(&down.alice, closing).is_some());
    assert_eq!(down.world.user(&down.alice).liquidation_start_ms, 0);
    assert!(down.world.position(&down.alice, 1).is_none(), "a slot that held only orders is freed");
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
}

/// 2,000 asks against a long of 1,900 could turn it into a short: one goes, and what is left only closes.
fn cancels_a_side_that_would_flip() {
    let mut down = held(LOTS);
    let first = down.world.place(&down.alice, post_only(0, true, 520_000, 1_800));
    down.price(BELOW_CANCEL);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    let mut down = held(LOTS);
    assert_eq!(down.world.place(&down.alice, post_only(0, true, 520_000, 1_800)), first);
    down.world.place(&down.alice, post_only(0, true, 530_000, 200));
    down.price(BELOW_CANCEL);
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!(event["orders"].as_array().map(Vec::len), Some(1));
    assert_eq!(event["orders"][0]["order_id"].as_u64(), Some(first));
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
}

fn voids_all_orders_and_begins() {
    let mut down = held(LOTS);
    let bid = down.world.place(&down.alice, post_only(0, false, 450_000, 10));
    down.world.place(&down.alice, reduce_only(true, 520_000, 100));
    down.world.place(&down.alice, post_only(1, false, 290_000, 1));
    down.price(BELOW_MAINTENANCE);
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!((number(&event, "rung"), event["orders"].as_array().map(Vec::len)), (2, Some(0)));
    assert_eq!(number(&event, "requirement_atoms"), 1_900 * 4_700_000 / 20);
    let user = down.world.user(&down.alice);
    assert_eq!((user.orders_epoch, user.liquidation_start_ms), (5, down.world.now_ms()));
    assert_eq!((user.position_count, user.positions[0].open_order_count, user.positions[0].open_bid_lots), (1, 0, 0));
    // Whoever meets a void order takes it out.
    let taker = down.world.place(&down.bob, limit(0, true, 450_000, 10));
    down.world.advance_slots(1);
    down.world.fails(&down.world.match_orders(0, &down.bob, taker, &[(&down.alice, bid)]), "NothingFilled");
    down.world.fails(&down.world.liquidate_orders(&down.alice), "LiquidationUnderWay");
    let swept = down.world.ok(&down.world.cancel_all(&down.alice)).event("OrdersCancelled");
    assert_eq!(swept["orders"].as_array().map(Vec::len), Some(3));
    down.world.assert_sound();
}

fn voids_for_a_short() {
    let mut down = held(-LOTS);
    down.world.place(&down.alice, post_only(0, false, 480_000, 10));
    down.price(mirrored(BELOW_CANCEL));
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    down.price(mirrored(BELOW_MAINTENANCE));
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!(number(&event, "rung"), 2);
    assert_eq!(number(&event, "equity_atoms"), down.world.equity(&down.alice));
}

fn the_owner_neither_places_nor_modifies() {
    let mut down = held(LOTS);
    let bid = down.world.place(&down.alice, post_only(0, false, 450_000, 10));
    down.begin(BELOW_MAINTENANCE);
    for order in [limit(0, false, 450_000, 1), reduce_only(true, 480_000, 1)] {
        down.world.fails(&down.world.place_orders(&down.alice, &[order]), "UserInLiquidation");
    }
    let call = down.world.modify_order(&down.alice, bid, &post_only(0, false, 450_000, 5));
    down.world.fails(&call, "UserInLiquidation");
    down.world.fails(&down.world.withdraw(&down.alice, 0, USD), "InitialMarginTooLow");
}

/// By a deposit, or by the price.
fn ends_at_maintenance_margin() {
    for paid in [true, false] {
        let mut down = held(LOTS);
        down.begin(BELOW_MAINTENANCE);
        down.world.fails(&down.world.liquidate_orders(&down.alice), "LiquidationUnderWay");
        if paid {
            down.world.ok(&down.world.deposit(&down.alice, 0, 100 * USD));
        } else {
            down.price(BELOW_CANCEL);
        }
        down.world.fails(&down.world.place_orders(&down.alice, &[limit(0, true, 500_000, 1)]), "UserInLiquidation");
        let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
        assert_eq!(number(&event, "rung"), 3);
        assert_eq!(down.world.user(&down.alice).liquidation_start_ms, 0);
        down.world.place(&down.alice, reduce_only(true, 500_000, 1));
        down.world.assert_sound();
    }
}

/// A debt beyond the collateral's weighted value, and no position: below zero, so below maintenance margin.
fn a_debt_alone_begins_a_liquidation() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, SOL));
    let now_ms = world.now_ms();
    world.edit::<User>(alice.user, |user| (user.quote_atoms, user.debt_since_ms) = (-80_000_000, now_ms));
    world.edit::<Collateral>(collateral(0), |quote| quote.debt_atoms = 80_000_000);
    world.fails(&world.liquidate_orders(&alice), "AccountHealthy");
    // $100 of SOL at 90 %: $90; at $80, a little less than $72.
    world.pass(1, &[PRICES[0], PRICES[1], 80 * USD]);
    let event = world.ok(&world.liquidate_orders(&alice)).event("OrdersLiquidated");
    assert_eq!((number(&event, "rung"), number(&event, "requirement_atoms")), (2, 0));
    // The weight falls a basis point with the balance, and a second of interest is owed.
    assert_eq!(number(&event, "equity_atoms"), 71_992_000 - 80_000_000 - 2);
}

/// Collateral without a price for a minute counts at its TWAP less a tenth, in the ladder too.
fn a_dead_feed_of_collateral_shields_nobody() {
    let mut down = held(LOTS);
    down.world.ok(&down.world.deposit(&down.alice, 1, SOL));
    // $90 of weighted SOL carry the account here.
    down.price(46_620);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    for _ in 0..13 {
        down.world.advance(5);
        let call = down.world.update_oracle(evertide_vm_tests::exchange::Target::Market(0), prices(46_620)[0]);
        down.world.ok(&call);
        down.world.ok(&down.world.accrue_market(0));
    }
    let event = down.world.ok(&down.world.liquidate_orders(&down.alice)).event("OrdersLiquidated");
    let counted = number(&event, "equity_atoms") - down.world.equity(&down.alice);
    // $100 less 10 % at 90 %, and what a weight rounded down to a basis point may take.
    assert_eq!(number(&event, "rung"), 2);
    assert!((80_990_000..=81_000_000).contains(&counted), "SOL counts {counted}");
}

fn refusals() {
    let mut down = held(LOTS);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "AccountHealthy");
    let call = down.world.liquidate_orders(&down.alice).with("orders", down.bob.orders);
    down.world.fails(&call, "OrdersOfAnotherUser");
    down.price(BANKRUPT);
    // Below zero the orders go all the same, in a halted market too.
    down.world.edit::<Market>(market(0), |state| state.status = 3);
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert!(number(&event, "equity_atoms") < 0);
}
