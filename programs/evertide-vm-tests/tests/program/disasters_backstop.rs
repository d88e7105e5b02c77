//! Hyperliquid in March 2025, twice: margin withdrawn so that a position is left to the vault (12 March), and a thin market on
//! the vault that stands behind all others (26 March, JELLY). Here the vault is the market's own backstop.

use evertide_vm_tests::{
    terms::{PRICES, USD},
    tests,
    traders::Trader,
    way_down::backstop,
    world::World,
};

use crate::{
    downfall::prices,
    ledger::{
        leaves_whole, take_out, thin_exchange, thin_prices, trade_thin, worth_of, THIN, THIN_INSURANCE_USD, THIN_USD,
    },
};

tests!(hyperliquid_march_12_margin_withdrawn, hyperliquid_march_26_jelly);

/// Lots of the whale: $1,200,000 at $50,000.
const WHALE_LOTS: u64 = 240_000;

/// A whale is long, the price rises by 10 %, the profit is realised by opening anew, and all that is allowed is taken out.
/// What must stay is the initial margin, so that the price has to fall by half of it before anyone may liquidate; down there
/// the backstop takes over with what is left of that margin.
fn hyperliquid_march_12_margin_withdrawn() {
    let mut world = World::open();
    let honest = world.funded("honest", 1_000_000);
    let (whale, maker) = (world.funded("whale", 200_000), world.funded("maker", 2_000_000));
    let keeper = world.funded("keeper", 1_000_000);
    let start = worth_of(&world, &[&whale], &PRICES);
    world.trade(0, &whale, &maker, 500_000, WHALE_LOTS);
    for step in 1..=10 {
        world.pass(60, &prices(50_000 + 500 * step));
    }
    for _ in 0..6 {
        world.pass(300, &prices(55_000));
    }
    // Unrealised profit leaves nothing to take out.
    let mut early = world.clone();
    assert_eq!(take_out(&mut early, &whale), 0);
    world.trade(0, &maker, &whale, 550_000, WHALE_LOTS);
    let flat = worth_of(&world, &[&whale], &prices(55_000));
    world.trade(0, &whale, &maker, 550_000, WHALE_LOTS);
    world.told(&world.settle_pnl(0, maker.user), "PnlSettled");
    let taken = take_out(&mut world, &whale);
    assert!((110_000..120_000).contains(&(taken / USD)), "{taken} taken");
    world.fails(&world.withdraw(&whale, 0, 2 * USD), "InitialMarginTooLow");
    let fund = world.insurance();
    // Nobody liquidates for the first 7 %.
    let mut usd = 55_000;
    while usd > 51_200 {
        usd -= 275;
        world.pass(60, &prices(usd));
        world.fails(&world.liquidate_position(0, &whale, &keeper, u64::MAX), "LiquidationNotStarted");
        assert!(world.send(&world.liquidate_orders(&whale)).is_err(), "voided at ${usd}");
    }
    // Nobody but the backstop takes it.
    while world.position(&whale, 0).is_some_and(|own| own.basis_lots != 0) {
        usd -= 275;
        world.pass(60, &prices(usd));
        world.send(&world.liquidate_orders(&whale)).ok();
        world.send(&world.liquidate_to_backstop(0, &whale)).ok();
        assert!(usd > 45_000, "still held at ${usd}");
    }
    assert!((47_500..49_500).contains(&usd), "taken over at ${usd}");
    assert_eq!(world.worth(&backstop(0), 0).0, WHALE_LOTS as i64);
    // One stress move later a liquidator takes it off the backstop.
    usd = usd * 98 / 100;
    world.pass(60, &prices(usd));
    world.told(&world.liquidate_orders(&backstop(0)), "OrdersLiquidated");
    for _ in 0..10 {
        world.send(&world.liquidate_position(0, &backstop(0), &keeper, u64::MAX)).ok();
        world.send(&world.resolve_bankruptcy(0, &backstop(0))).ok();
        world.pass(20, &prices(usd));
    }
    assert_eq!(world.worth(&backstop(0), 0).0, 0, "the backstop is free again");
    world.assert_sound();
    let lost = fund.balance_atoms as i64 - world.insurance().balance_atoms as i64;
    // A stress move of $1,150,000 is $23,000, and the whale left fees.
    assert!(lost < 25_000_000_000, "the fund lost {lost}");
    let net = worth_of(&world, &[&whale], &prices(usd)) - flat;
    assert!(net < -180_000_000_000, "against closing at the top he has gained {net}");
    assert!(worth_of(&world, &[&whale], &prices(usd)) < start, "and he is poorer than before it all");
    leaves_whole(&mut world, &honest, 1_000_000);
}

/// What the JELLY attack left behind.
struct Jelly {
    net_atoms: i64,
    paid_atoms: u64,
}

/// One person is short of a thin market on one account with the least margin and long on another, beside honest traders. The
/// short is liquidated onto the backstop, then the price rises fourfold.
fn jelly() -> Jelly {
    let mut world = thin_exchange();
    world.pass(7_200, &thin_prices(THIN_USD));
    let honest = world.funded("honest", 1_000_000);
    let (short, long) = (world.funded("short", 75_200), world.funded("long", 200_000));
    let (bear, bull) = (world.funded("bear", 900_000), world.funded("bull", 300_000));
    let pair: [&Trader; 2] = [&short, &long];
    let before = worth_of(&world, &pair, &thin_prices(THIN_USD));
    trade_thin(&mut world, &long, &short, THIN_USD, 100_000);
    trade_thin(&mut world, &bull, &bear, THIN_USD, 50_000);
    let fund = world.insurance();
    let others: Vec<i64> = [0, 2].iter().map(|index| world.user(&backstop(*index)).quote_atoms).collect();
    let mut usd = THIN_USD;
    // The backstop takes what a stress move of 4 % leaves to the market's insurance of a day, $250,000, and a little more for
    // the fees that it has earned with it.
    let mut taken = 0;
    while world.position(&short, THIN).is_some_and(|own| own.basis_lots != 0) {
        usd = usd * 1_005 / 1_000;
        world.pass(60, &thin_prices(usd));
        world.send(&world.liquidate_orders(&short)).ok();
        let call = world.liquidate_to_backstop(THIN, &short);
        if world.send(&call).is_ok() {
            taken = taken.max(-world.worth(&backstop(THIN), THIN).0);
        }
        assert!(usd < THIN_USD * 13 / 10, "still short at ${usd}");
    }
    let notional = taken * usd as i64 / 1_000;
    assert!((100_000..=400_000).contains(&notional), "the backstop took ${notional}");
    while usd < THIN_USD * 4 {
        usd = usd * 105 / 100;
        world.pass(10, &thin_prices(usd));
        take_out(&mut world, &long);
    }
    // Held there until the average has followed, if anybody can.
    for _ in 0..40 {
        world.pass(300, &thin_prices(usd));
    }
    take_out(&mut world, &long);
    let own = backstop(THIN);
    world.send(&world.liquidate_orders(&own)).ok();
    world.told(&world.resolve_bankruptcy(THIN, &own), "BankruptcyResolved");
    take_out(&mut world, &long);
    world.assert_sound();
    // The price is back, and whoever is still short is still there.
    for _ in 0..60 {
        usd = (usd * 96 / 100).max(THIN_USD);
        world.pass(300, &thin_prices(usd));
    }
    take_out(&mut world, &long);
    assert!(world.equity(&bear) > 800_000_000_000, "the honest short has kept what he had");
    for (index, quote) in [0, 2].iter().zip(others) {
        assert_eq!(world.user(&backstop(*index)).quote_atoms, quote, "the backstop of market {index} bears nothing");
    }
    let balance = world.user(&honest).quote_atoms.unsigned_abs();
    assert_eq!(balance, 1_000_000 * USD);
    world.ok(&world.withdraw(&honest, 0, balance));
    Jelly {
        net_atoms: worth_of(&world, &pair, &thin_prices(THIN_USD)) - before,
        paid_atoms: fund.balance_atoms - world.insurance().balance_atoms,
    }
}

/// Insurance pays the market's limit of the day and the tranche, and nothing else behind other markets. The pair has left its
/// margin to the backstop and the fees of a liquidation: it is poorer for it.
fn hyperliquid_march_26_jelly() {
    let jelly = jelly();
    assert!(jelly.paid_atoms <= (THIN_INSURANCE_USD + 20_000) * USD, "insurance paid {}", jelly.paid_atoms);
    assert!(jelly.net_atoms < -40_000_000_000, "they gained {} of {}", jelly.net_atoms, jelly.paid_atoms);
}
