//! F-10, V-17: the chain halts for hours and goes on. Owners get a moment before anybody's liquidation starts on prices that
//! have just come back.

use evertide_vm_tests::{
    args::LocalPrice,
    exchange::{market, Target},
    feeds::{feed_account, PythUpdate, PYTH_RECEIVER},
    state::{Market, OracleKind, RiskCache},
    terms::{PRICES, SOL},
    tests,
    traders::{limit, post_only},
    world::{key, World},
};

use crate::downfall::{
    funded_backstop, held, held_with, number, prices, trade, Downfall, ABOVE_BACKSTOP, BANKRUPT, BELOW_BACKSTOP,
    BELOW_MAINTENANCE, LOTS,
};

tests!(
    f10_no_liquidation_starts_right_after_a_halt,
    f10_no_liquidation_starts_before_the_first_price,
    f10_owners_act_while_nobody_may_liquidate,
    f10_below_backstop_margin_there_is_no_grace,
    f10_what_is_under_way_goes_on,
    f10_an_hour_is_no_halt,
    v34_one_dead_feed_is_no_halt,
    v34_an_old_reading_ends_no_silence,
    v34_nobody_prolongs_the_grace,
);

/// Of the program, in seconds.
const SILENCE_S: i64 = 3_600;
const GRACE_S: i64 = 120;

/// Alice long or short, healthy, and then eight hours in which no transaction lands.
fn halted(lots: i64) -> Downfall {
    let mut down = held(lots);
    down.world.advance(8 * 3_600);
    down
}

fn f10_no_liquidation_starts_right_after_a_halt() {
    let mut down = halted(LOTS);
    down.world.refresh(&prices(BELOW_MAINTENANCE));
    let resumed = down.world.now_ms();
    assert_eq!((down.world.cache().priced_ms, down.world.cache().resumed_ms), (resumed, resumed));
    let call = down.world.liquidate_orders(&down.alice);
    down.world.fails(&call, "LiquidationInGrace");
    down.world.fails(&down.take(100), "LiquidationNotStarted");
    down.wait(GRACE_S - 1, BELOW_MAINTENANCE);
    down.world.fails(&call, "LiquidationInGrace");
    down.wait(1, BELOW_MAINTENANCE);
    down.world.told(&call, "OrdersLiquidated");
    down.world.told(&down.take(100), "PositionLiquidated");
}

/// The first transaction after the halt would value collateral at its last TWAP less 10 %, as it does for a dead feed.
fn f10_no_liquidation_starts_before_the_first_price() {
    let mut world = World::open();
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, 14 * SOL));
    trade(&mut world, &alice, &bob, LOTS);
    let mut down = Downfall { world, alice, bob, carol };
    down.world.pass(1, &prices(46_300));
    let call = down.world.liquidate_orders(&down.alice);
    // Above maintenance margin, and without an order to take out.
    down.world.fails(&call, "OrderNotFound");
    down.world.advance(8 * 3_600);
    // What anyone can bring without a price changes nothing.
    for call in [down.world.accrue_market(0), down.world.accrue_debt()] {
        down.world.ok(&call);
    }
    down.world.fails(&call, "ExchangeSilent");
    down.world.refresh(&prices(46_300));
    down.world.fails(&call, "OrderNotFound");
}

/// In the grace the owner reduces or pays in, and is then not liquidated at all.
fn f10_owners_act_while_nobody_may_liquidate() {
    for pays in [true, false] {
        let mut down = halted(LOTS);
        down.world.refresh(&prices(BELOW_MAINTENANCE));
        let call = down.world.liquidate_orders(&down.alice);
        down.world.fails(&call, "LiquidationInGrace");
        if pays {
            down.world.ok(&down.world.deposit(&down.alice, 0, 500_000_000));
        } else {
            for _ in 0..4 {
                down.wait(20, BELOW_MAINTENANCE);
            }
            let maker = down.world.place(&down.bob, post_only(0, false, 468_000, 1_000));
            down.world.advance_slots(1);
            let mut order = limit(0, true, 468_000, 1_000);
            order.reduce_only = true;
            let taker = down.world.place(&down.alice, order);
            down.world.told(&down.world.match_orders(0, &down.alice, taker, &[(&down.bob, maker)]), "OrdersMatched");
        }
        down.wait(GRACE_S, BELOW_MAINTENANCE);
        down.world.fails(&call, "AccountHealthy");
    }
}

/// Who is so far down is a danger for the others: the grace ends at backstop margin.
fn f10_below_backstop_margin_there_is_no_grace() {
    let mut down = halted(LOTS);
    down.world.refresh(&prices(ABOVE_BACKSTOP));
    let call = down.world.liquidate_orders(&down.alice);
    down.world.fails(&call, "LiquidationInGrace");
    down.price(BELOW_BACKSTOP);
    down.world.told(&call, "OrdersLiquidated");
    let (carol, alice) = (down.carol.clone(), down.alice.clone());
    funded_backstop(&mut down.world, &carol, 10_000);
    down.world.told(&down.world.liquidate_to_backstop(0, &alice), "PositionLiquidated");
    let mut down = halted(-LOTS);
    down.world.refresh(&prices(56_000));
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
}

/// A liquidation that began before the halt needs no new beginning, and an end needs no grace.
fn f10_what_is_under_way_goes_on() {
    let begun = |usd: u64| {
        let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
        down.world.advance(8 * 3_600);
        down.world.refresh(&prices(usd));
        down
    };
    let mut down = begun(BELOW_MAINTENANCE);
    down.world.told(&down.take(100), "PositionLiquidated");
    let mut down = begun(BANKRUPT);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!(number(&event, "step"), 2);
    let mut down = begun(49_000);
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!(number(&event, "rung"), 3, "ended");
    // Below cancel margin alone, orders that could increase are taken out in the grace too.
    let mut down = held_with(1_100, LOTS);
    down.world.place(&down.alice, post_only(0, false, 470_000, 10));
    down.world.advance(8 * 3_600);
    down.world.refresh(&prices(47_500));
    let event = down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    assert_eq!(number(&event, "rung"), 1, "cancelled: {event}");
}

/// Up to the second.
fn f10_an_hour_is_no_halt() {
    for (seconds, halt) in [(SILENCE_S, false), (SILENCE_S + 1, true)] {
        let mut down = held(LOTS);
        down.wait(seconds, BELOW_MAINTENANCE);
        let call = down.world.liquidate_orders(&down.alice);
        match halt {
            true => down.world.fails(&call, "LiquidationInGrace"),
            false => drop(down.world.told(&call, "OrdersLiquidated")),
        }
    }
}

/// The feed of a market dies for eight hours; prices of another one keep coming, which anybody can bring.
fn v34_one_dead_feed_is_no_halt() {
    let mut down = held(LOTS);
    for _ in 0..16 {
        down.world.advance(1_800);
        down.world.ok(&down.world.update_oracle(Target::Market(1), PRICES[1]));
    }
    down.wait(1, BELOW_MAINTENANCE);
    assert_eq!(down.world.cache().resumed_ms, 0);
    down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
}

/// A feed account whose reading everybody has may be shown again, and is no sign of life.
fn v34_an_old_reading_ends_no_silence() {
    let mut world = World::open();
    world.edit::<Market>(market(2), |state| {
        let rules = &mut state.terms.oracle;
        (rules.kind, rules.account, rules.feed_id) = (OracleKind::Pyth as u8, Default::default(), [9; 32]);
    });
    world.advance(1);
    let update = PythUpdate {
        feed_id: [9; 32],
        price: 10_000_000_000,
        confidence: 5_000_000,
        exponent: -8,
        publish_time_s: world.now_ms() / 1_000,
        verification: 1,
    };
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, update.data()));
    let none = LocalPrice { price: 0, confidence: 0, publish_time_ms: 0 };
    let call = world.update_oracle_with(Target::Market(2), key("pyth"), &none);
    world.ok(&call);
    let priced = world.now_ms();
    world.advance(8 * 3_600);
    world.ok(&call);
    let cache: RiskCache = world.cache();
    assert_eq!((cache.priced_ms, cache.resumed_ms), (priced, 0));
}

/// More prices after the first neither end the grace nor begin another one.
fn v34_nobody_prolongs_the_grace() {
    let mut down = halted(LOTS);
    down.world.refresh(&prices(BELOW_MAINTENANCE));
    let resumed = down.world.cache().resumed_ms;
    for _ in 0..GRACE_S / 10 {
        down.world.fails(&down.world.liquidate_orders(&down.alice), "LiquidationInGrace");
        down.wait(10, BELOW_MAINTENANCE);
        assert_eq!(down.world.cache().resumed_ms, resumed);
    }
    down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
}
