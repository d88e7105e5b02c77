//! `settle_market`: the end of a market.

use evertide_vm_tests::{
    exchange::{market, risk_cache, Target},
    state::{Market, MarketStatus, RiskCache},
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::{
    downfall::{held, number, uninsured, Downfall, BANKRUPT, BELOW_ADL, LOTS},
    match_orders::stage,
};

tests!(
    closes_every_position_at_the_hour_s_average,
    settling_refuses,
    nothing_new_begins_while_it_settles,
    a_bankruptcy_resolves_after_it,
    a_deleveraged_market_settles,
    an_empty_market_closes_at_once,
    v18_a_wild_print_moves_no_settlement,
);

/// The change of status that 72 h of notice end with.
fn begin(world: &mut World, index: u16) {
    world.edit::<Market>(market(index), |state| state.status = MarketStatus::Settling as u8);
}

/// Alice long 10,000 lots from bob at $5 a lot, and an hour at $52,000 a BTC.
fn risen() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    for step in 0..40 {
        world.pass(120, &[PRICES[0] + 50 * step.min(40) * USD, PRICES[1], PRICES[2]]);
    }
    (world, alice, bob)
}

fn closes_every_position_at_the_hour_s_average() {
    let (mut world, alice, bob) = risen();
    let price = world.market(0).mark_twap_hour_q32;
    assert_ne!(price, world.market(0).mark_price_q32, "the average lags behind the mark");
    begin(&mut world, 0);
    let event = world.told(&world.settle_market(0), "MarketSettled");
    assert_eq!((event["price_q32"].as_u64(), number(&event, "status")), (Some(price), 4));
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
    world.fails(&world.settle_market(0), "MarketStillHeld");
    let before = [&alice, &bob].map(|trader| world.user(trader).quote_atoms);
    // The loser pays in, the winner is paid, the fees are what is left.
    for trader in [&bob, &alice] {
        world.told(&world.settle_pnl(0, trader.user), "PnlSettled");
        assert!(world.position(trader, 0).is_none(), "folded, settled and gone");
    }
    let gained = world.user(&alice).quote_atoms - before[0];
    let lots_worth = ((10_000 * u128::from(price)) >> 32) as i64 - 50_000_000_000;
    let funding_and_fees = gained - lots_worth;
    assert!(lots_worth > 500_000_000 && funding_and_fees.abs() < 20_000_000, "{gained} of {lots_worth}");
    assert!(world.user(&bob).quote_atoms < before[1]);
    let event = world.told(&world.settle_market(0), "MarketSettled");
    assert_eq!(number(&event, "status"), MarketStatus::Closed as i64);
    assert_eq!(world.cache().markets[0].status, MarketStatus::Closed as u8);
    let state = world.market(0);
    assert_eq!(state.pool_atoms as i64, state.pending_fees_atoms as i64 + state.dust_atoms);
}

fn settling_refuses() {
    let (mut world, ..) = stage();
    for status in [0, 1, 2, 3, 5] {
        world.edit::<Market>(market(0), |state| state.status = status);
        world.fails(&world.settle_market(0), "MarketNotSettling");
    }
    begin(&mut world, 0);
    world.edit::<Market>(market(0), |state| state.mark_twap_hour_q32 = 0);
    world.fails(&world.settle_market(0), "MarketHasNoPrice");
    let mut down = held(LOTS);
    begin(&mut down.world, 0);
    down.world.ok(&down.world.settle_market(0));
    down.world.ok(&down.world.touch_position(0, down.alice.user));
    down.world.ok(&down.world.touch_position(0, down.bob.user));
    down.world.edit::<Market>(market(0), |state| state.bankruptcies_open = 1);
    down.world.fails(&down.world.settle_market(0), "MarketStillHeld");
}

fn nothing_new_begins_while_it_settles() {
    let (mut world, alice, bob) = risen();
    let maker = world.place(&alice, post_only(0, false, 510_000, 100));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 510_000, 100));
    begin(&mut world, 0);
    for settled in [false, true] {
        if settled {
            world.ok(&world.settle_market(0));
        }
        let mut there = world.clone();
        assert!(there.send(&there.match_orders(0, &bob, taker, &[(&alice, maker)])).is_err(), "filled while settling");
        there.fails(&there.place_orders(&alice, &[limit(0, false, 500_000, 1)]), "MarketStatusForbids");
        there.ok(&there.cancel_all(&alice));
    }
    // Neither do withdrawals of what other markets hold wait for it.
    world.pass(1, &PRICES);
    world.ok(&world.withdraw(&alice, 0, USD));
}

/// Who ends below zero is resolved without any price: the market's fees and insurance pay.
fn a_bankruptcy_resolves_after_it() {
    let mut down = Downfall::begun(LOTS, BANKRUPT);
    let mark = down.world.cache().markets[0].mark_price_q32;
    down.world.edit::<Market>(market(0), |state| state.mark_twap_hour_q32 = mark);
    begin(&mut down.world, 0);
    down.world.fails(&down.world.resolve_bankruptcy(0, &down.alice), "MarketStatusForbids");
    down.world.ok(&down.world.settle_market(0));
    // The feed may be dead for good by then.
    down.world.advance(86_400);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert!(number(&event, "share_atoms") > 0 && number(&event, "closed_lots") == 0);
    down.world.told(&down.world.settle_pnl(0, down.bob.user), "PnlSettled");
    down.world.told(&down.world.settle_market(0), "MarketSettled");
    assert_eq!(down.world.market(0).status, MarketStatus::Closed as u8);
}

/// Half of the other side was deleveraged before: sizes, fractions and epochs end at nothing all the same.
fn a_deleveraged_market_settles() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    down.begin(BELOW_ADL);
    down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    begin(&mut down.world, 0);
    down.world.told(&down.world.settle_market(0), "MarketSettled");
    for trader in [down.bob.clone(), down.alice.clone()] {
        if down.world.position(&trader, 0).is_some() {
            down.world.told(&down.world.settle_pnl(0, trader.user), "PnlSettled");
        }
    }
    down.world.told(&down.world.settle_market(0), "MarketSettled");
    let state = down.world.market(0);
    assert_eq!((state.status, state.position_count, state.stale_count), (5, [0, 0], [0, 0]));
}

fn an_empty_market_closes_at_once() {
    let mut world = World::open();
    begin(&mut world, 1);
    world.ok(&world.settle_market(1));
    world.ok(&world.settle_market(1));
    assert_eq!(world.market(1).status, MarketStatus::Closed as u8);
    world.fails(&world.settle_market(1), "MarketNotSettling");
}

fn v18_a_wild_print_moves_no_settlement() {
    let (mut world, ..) = risen();
    let before = world.market(0).mark_twap_hour_q32;
    world.advance(1);
    world.ok(&world.update_oracle(Target::Market(0), PRICES[0] / 2));
    world.ok(&world.accrue_market(0));
    begin(&mut world, 0);
    let event = world.ok(&world.settle_market(0)).event("MarketSettled");
    let price = event["price_q32"].as_u64().expect("a price");
    assert!(price.abs_diff(before) < before / 10_000, "{price} against {before}: less than a bp");
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[0].validity = 0);
}
