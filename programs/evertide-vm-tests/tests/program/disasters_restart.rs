//! Disasters of a standstill: dYdX in October 2025 (the last position of an isolated market is closed, and a restart on stale
//! prices), and the full queue of OpenBook, behind which every taker waited for a crank.

use evertide_vm_tests::{
    args::{LocalPrice, OrderArgs},
    exchange::Target,
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::{
    downfall::{held, number, LOTS},
    ledger::{leaves_whole, thin_exchange, worth_of, ISOLATED},
};

tests!(
    dydx_october_2025_the_last_position_of_an_isolated_market,
    dydx_october_2025_the_last_position_is_bankrupt,
    dydx_october_2025_a_restart_on_stale_prices,
    v19_a_restart_lets_nobody_choose_among_the_prices_of_the_silence,
    openbook_a_full_queue,
);

/// Two accounts of the isolated market with a position against each other, which the price has moved by this.
fn isolated(percent: u64) -> (World, Trader, Trader) {
    let mut world = thin_exchange();
    let (winner, loser) = (world.funded("winner", 10_000), world.funded("loser", 1_000));
    world.trade(ISOLATED, &winner, &loser, 100_000, 5_000);
    for step in 0..30 {
        let price = 100 * USD * (100 * 30 + (percent - 100) * step) / 3_000;
        world.pass(60, &[PRICES[0], PRICES[1], price]);
    }
    (world, winner, loser)
}

/// The last lots of an isolated market are closed: nothing goes negative, both settle in either order, the fees are
/// collected, both leave with all they have, and the market trades again. dYdX halted for eight hours.
fn dydx_october_2025_the_last_position_of_an_isolated_market() {
    for order in [[0, 1], [1, 0]] {
        let (mut world, winner, loser) = isolated(110);
        let honest = world.funded("honest", 30_000);
        let before = worth_of(&world, &[&winner, &loser], &PRICES);
        // No position of another market stands beside it.
        world.fails(&world.place_orders(&winner, &[limit(0, false, 500_000, 1)]), "IsolatedMarketShared");
        let closing = |order: OrderArgs| OrderArgs { reduce_only: true, ..order };
        let maker = world.place(&loser, closing(post_only(ISOLATED, false, 109_000, 5_000)));
        world.advance_slots(1);
        let taker = world.place(&winner, closing(limit(ISOLATED, true, 109_000, 5_000)));
        world.told(&world.match_orders(ISOLATED, &winner, taker, &[(&loser, maker)]), "OrdersMatched");
        let state = world.market(ISOLATED);
        assert_eq!((state.open_interest_lots, state.position_count), ([0, 0], [0, 0]));
        let both = [&winner, &loser];
        for row in order {
            world.told(&world.settle_pnl(ISOLATED, both[row].user), "PnlSettled");
        }
        // The winner, where he came first, comes again.
        world.send(&world.settle_pnl(ISOLATED, winner.user)).ok();
        world.told(&world.collect_fees(ISOLATED), "FeesCollected");
        for trader in both {
            let balance = world.user(trader).quote_atoms.unsigned_abs();
            world.told(&world.withdraw(trader, 0, balance), "Withdrawn");
            world.told(&world.close_user(trader), "UserClosed");
        }
        let state = world.market(ISOLATED);
        assert_eq!((state.pool_atoms, state.claims_atoms, state.deficit_atoms), (0, 0, 0));
        let left: u64 = both.iter().map(|trader| world.tokens(&trader.tokens[0])).sum();
        let wallets = before - left as i64 - 2 * 100_000 * 100 * USD as i64;
        assert!((0..5_000_000).contains(&wallets), "the two have paid fees of {wallets}");
        leaves_whole(&mut world, &honest, 30_000);
        let (one, two) = (world.funded("one", 1_000), world.funded("two", 1_000));
        world.trade(ISOLATED, &one, &two, 109_000, 100);
        world.assert_sound();
    }
}

/// The same where the last position has gone bankrupt and there is no insurance: the winner bears it, the market ends with
/// nothing open and nothing recorded, and trades again.
fn dydx_october_2025_the_last_position_is_bankrupt() {
    for insured in [true, false] {
        let (mut world, winner, loser) = isolated(119);
        if !insured {
            crate::downfall::uninsured(&mut world, 0);
        }
        let price = [PRICES[0], PRICES[1], 124 * USD];
        world.pass(1, &price);
        world.told(&world.liquidate_orders(&loser), "OrdersLiquidated");
        let deficit = -world.equity(&loser);
        assert!(deficit > 150_000_000, "{deficit}");
        let event = world.told(&world.resolve_bankruptcy(ISOLATED, &loser), "BankruptcyResolved");
        assert_eq!(number(&event, "recorded_atoms"), 0);
        assert_eq!(number(&event, "deleveraged_atoms") > 0, !insured);
        let state = world.market(ISOLATED);
        assert_eq!((state.open_interest_lots, state.deficit_atoms), ([0, 0], 0));
        world.told(&world.touch_position(ISOLATED, winner.user), "PositionTouched");
        world.told(&world.settle_pnl(ISOLATED, winner.user), "PnlSettled");
        let balance = world.user(&winner).quote_atoms.unsigned_abs();
        world.told(&world.withdraw(&winner, 0, balance), "Withdrawn");
        // What was left of a position, with nothing to take it from: deleveraging meets no open interest.
        world.fails(&world.liquidate_to_backstop(ISOLATED, &winner), "PositionNotFound");
        world.fails(&world.resolve_bankruptcy(ISOLATED, &loser), "UserSolvent");
        let (one, two) = (world.funded("one", 1_000), world.funded("two", 1_000));
        world.pass(1, &price);
        world.trade(ISOLATED, &one, &two, 124_000, 100);
        world.assert_sound();
    }
}

/// The chain stands still for eight hours and comes back with the prices of before. Nobody opens, fills or withdraws on
/// them, and whoever was healthy at them is not liquidated, until a new price is there.
fn dydx_october_2025_a_restart_on_stale_prices() {
    let mut down = held(LOTS);
    let (maker, alice) = (down.world.place(&down.bob, post_only(0, true, 500_000, 10)), down.alice.clone());
    down.world.advance_slots(1);
    let taker = down.world.place(&down.carol, limit(0, false, 500_000, 10));
    down.world.advance(8 * 3_600);
    let world = &mut down.world;
    world.fails(&world.match_orders(0, &down.carol, taker, &[(&down.bob, maker)]), "OracleValidityForbids");
    world.fails(&world.place_orders(&alice, &[limit(0, false, 400_000, 1)]), "RowTooOld");
    world.fails(&world.withdraw(&alice, 0, 1), "RowTooOld");
    world.fails(&world.liquidate_orders(&alice), "AccountHealthy");
    // Renewing the row does not make its price younger.
    world.ok(&world.accrue_market(0));
    world.fails(&world.place_orders(&alice, &[limit(0, false, 400_000, 1)]), "OracleValidityForbids");
    world.fails(&world.withdraw(&alice, 0, 1), "OracleValidityForbids");
    world.fails(&world.match_orders(0, &down.carol, taker, &[(&down.bob, maker)]), "OracleValidityForbids");
    // Nothing settles on it either.
    world.ok(&world.cancel_all(&down.bob));
    world.pass(1, &PRICES);
    world.told(&world.withdraw(&alice, 0, 1), "Withdrawn");
    world.assert_sound();
}

/// While nothing moved, the price fell by 8 % for a minute and came back. Whoever holds the signed update of that minute
/// brings it first, and his own bid stands ready for what is liquidated: the update is too old to be taken.
fn v19_a_restart_lets_nobody_choose_among_the_prices_of_the_silence() {
    let mut down = held(LOTS);
    let attacker = down.world.funded("attacker", 50_000);
    down.world.trade(0, &down.carol, &attacker, 500_000, 2_000);
    let bid = OrderArgs { reduce_only: true, ..limit(0, false, 455_500, 1_900) };
    down.world.place(&attacker, bid);
    let last_ms = down.world.now_ms();
    let both = worth_of(&down.world, &[&down.alice], &PRICES);
    down.world.advance(8 * 3_600);
    for hours in 1..8 {
        let dip =
            LocalPrice { price: 46_000 * USD, confidence: 23 * USD, publish_time_ms: last_ms + hours * 3_600_000 };
        let call = down.world.update_oracle_with(Target::Market(0), down.world.oracle, &dip);
        down.world.fails(&call, "OracleTooOld");
    }
    down.world.fails(&down.world.liquidate_orders(&down.alice), "AccountHealthy");
    down.world.pass(1, &PRICES);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "AccountHealthy");
    // Eight hours of funding on $9,500.
    assert!((worth_of(&down.world, &[&down.alice], &PRICES) - both).abs() < 2_000_000);
}

/// Accounts of the attacker, each with as many orders as there is room for.
const SPAMMERS: usize = 12;

/// 384 orders of one lot, all better than what is honest, from accounts that then took their margin away as far as they
/// could. There is no queue: a taker fills in one transaction against the makers that its keeper names, a liquidation against
/// the book or without it, and what a spammer's orders cost is his.
fn openbook_a_full_queue() {
    let mut down = held(LOTS);
    let mut spammers = Vec::new();
    for row in 0..SPAMMERS {
        let spammer = down.world.funded(&format!("spammer {row}"), 25);
        for at in 0..4 {
            let orders: Vec<_> = (0..8).map(|step| post_only(0, true, 500_010 + at * 8 + step, 1)).collect();
            down.world.ok(&down.world.place_orders(&spammer, &orders));
        }
        down.world.fails(&down.world.place_orders(&spammer, &[post_only(0, true, 500_100, 1)]), "OrderSlotsFull");
        spammers.push(spammer);
    }
    let before = worth_of(&down.world, &spammers.iter().collect::<Vec<_>>(), &PRICES);
    let maker = down.world.place(&down.bob, post_only(0, true, 500_500, 500));
    down.world.advance_slots(1);
    let taker = down.world.place(&down.carol, limit(0, false, 500_600, 500));
    // A keeper who names eight of the spammer's fills eight lots and goes on; nothing waits.
    let named: Vec<(&Trader, u64)> = spammers.iter().take(8).map(|spammer| (spammer, 1)).collect();
    let outcome = down.world.ok(&down.world.match_orders(0, &down.carol, taker, &in_priority(&down.world, named)));
    assert!(outcome.units() < 100_000, "{} units", outcome.units());
    let done = number(&outcome.event("OrdersMatched"), "taker_remaining_lots");
    assert_eq!(done, 492);
    // One who names the honest maker is done at once.
    let event =
        down.world.told(&down.world.match_orders(0, &down.carol, taker, &[(&down.bob, maker)]), "OrdersMatched");
    assert_eq!(number(&event, "taker_remaining_lots"), 0);
    // A liquidation neither waits for fills nor for the book.
    down.begin(47_000);
    let event = down.world.told(&down.take(10), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 10);
    let net = worth_of(&down.world, &spammers.iter().collect::<Vec<_>>(), &PRICES) - before;
    assert!(net <= 8 * 5_000, "his rebates of 8 lots of $5: {net}");
}

/// In the order of their priority: equal prices by slot, then by the hash.
fn in_priority<'a>(world: &World, mut named: Vec<(&'a Trader, u64)>) -> Vec<(&'a Trader, u64)> {
    named.sort_by_key(|(trader, id)| {
        let order = world.order(trader, *id).expect("an open order");
        let hash = evertide_math::priority::order_hash(order.placed_slot, &trader.orders.to_bytes(), *id);
        (order.price_ticks, order.placed_slot, hash)
    });
    named
}
