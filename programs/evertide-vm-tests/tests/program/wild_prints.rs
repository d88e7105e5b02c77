//! V-18: one wild print of one feed decides over no position in another market, and shields none.

use evertide_vm_tests::{
    exchange::Target,
    terms::{PRICES, SOL, USD},
    tests,
    traders::Trader,
    world::World,
};

tests!(
    v18_a_wild_print_takes_no_other_position,
    v18_a_wild_print_shields_no_other_position,
    v18_a_wild_print_of_collateral_takes_no_position,
    v18_a_price_that_lasts_counts,
);

/// Validity bit of a price too far from its TWAP.
const TOO_VOLATILE: u8 = 2;

/// Alice long $9,500 of BTC on $1,000 and long $3,000 of ETH; bob on the other side, carol to liquidate.
fn stage() -> (World, Trader, Trader) {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 1_500), world.funded("bob", 100_000));
    let carol = world.funded("carol", 100_000);
    world.trade(0, &alice, &bob, 500_000, 1_900);
    world.trade(1, &alice, &bob, 300_000, 1_000);
    (world, alice, carol)
}

/// One print of ETH at this part of its price, in bps, with all rows renewed.
fn print(world: &mut World, bps: u64) {
    world.advance(1);
    for (target, price) in [(0, PRICES[0]), (1, PRICES[1] / 10_000 * bps), (2, PRICES[2])] {
        world.ok(&world.update_oracle(Target::Market(target), price));
        world.ok(&world.accrue_market(target));
    }
    assert_eq!(world.cache().markets[1].validity & TOO_VOLATILE, TOO_VOLATILE, "the print is a wild one");
}

/// Equity at maintenance as the program's view tells it.
fn equity(world: &mut World, trader: &Trader) -> i64 {
    let data = world.ok(&world.view_health(trader.user)).meta.return_data.data;
    i64::from_le_bytes(data[16..24].try_into().expect("8 bytes"))
}

/// The TWAP takes in a wild print too, at 5 % from the last at most and by its time alone: 1.7 bps in a second.
fn assert_close(now: i64, before: i64) {
    let moved = now - before;
    assert!(moved.unsigned_abs() < USD, "the ladder moved by {moved} atoms");
}

fn v18_a_wild_print_takes_no_other_position() {
    let (mut world, alice, carol) = stage();
    let before = equity(&mut world, &alice);
    print(&mut world, 5_000);
    assert!(world.cache().markets[1].mark_price_q32 < (3_000_000 << 32) / 10 * 6, "the row's mark followed the index");
    assert_close(equity(&mut world, &alice), before);
    world.fails(&world.liquidate_orders(&alice), "AccountHealthy");
    world.fails(&world.liquidate_position(0, &alice, &carol, 10), "LiquidationNotStarted");
    world.fails(&world.resolve_bankruptcy(0, &alice), "UserSolvent");
    // Neither does a print so low in an account that has fallen anyway; what there is to take is judged without it.
    world.fails(&world.liquidate_to_backstop(0, &alice), "LiquidationNotStarted");
}

fn v18_a_wild_print_shields_no_other_position() {
    let (mut world, alice, carol) = stage();
    // BTC falls by 13 %, in steps that are none of them wild; a print of ETH at twice its price would make it good.
    for step in 1..=13 {
        world.pass(60, &[PRICES[0] / 100 * (100 - step), PRICES[1], PRICES[2]]);
    }
    world.advance(1);
    world.ok(&world.update_oracle(Target::Market(1), PRICES[1] * 2));
    world.ok(&world.accrue_market(1));
    world.ok(&world.update_oracle(Target::Market(0), PRICES[0] / 100 * 87));
    world.ok(&world.accrue_market(0));
    let rung = world.ok(&world.liquidate_orders(&alice)).event("OrdersLiquidated")["rung"].as_u64();
    assert_eq!(rung, Some(2), "below maintenance");
    world.ok(&world.liquidate_position(0, &alice, &carol, 10));
    world.fails(&world.liquidate_position(1, &alice, &carol, 10), "OracleValidityForbids");
}

fn v18_a_wild_print_of_collateral_takes_no_position() {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 100), world.funded("bob", 100_000));
    world.ok(&world.deposit(&alice, 1, 12 * SOL));
    world.trade(0, &alice, &bob, 500_000, 1_800);
    let before = equity(&mut world, &alice);
    world.advance(1);
    world.ok(&world.update_oracle(Target::Collateral(1), PRICES[2] / 2));
    assert_eq!(world.cache().collaterals[1].validity & TOO_VOLATILE, TOO_VOLATILE);
    assert_close(equity(&mut world, &alice), before);
    world.fails(&world.liquidate_orders(&alice), "AccountHealthy");
    world.fails(&world.withdraw(&alice, 0, USD), "OracleValidityForbids");
}

/// A fall that lasts is no wild print once the TWAP has followed it.
fn v18_a_price_that_lasts_counts() {
    let (mut world, alice, _) = stage();
    let mut price = PRICES[1];
    while price > PRICES[1] / 5 * 2 {
        price = price / 1_000 * 985;
        world.pass(120, &[PRICES[0], price, PRICES[2]]);
    }
    assert_eq!(world.cache().markets[1].validity & TOO_VOLATILE, 0);
    world.ok(&world.liquidate_orders(&alice));
}
