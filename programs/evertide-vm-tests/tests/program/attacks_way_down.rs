//! Attacks on liquidations, debts and deleveraging: each is carried out as its attacker would, and the outcome is what the
//! attacker, and everybody else, is left with.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{insurance, market, risk_cache, Target},
    state::{Insurance, Market, RiskCache, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::downfall::{
    held, held_with, number, prices, resting, trade, uninsured, Downfall, BANKRUPT, BELOW_BACKSTOP, BELOW_MAINTENANCE,
    LOTS,
};

tests!(
    v34_a_fee_never_bankrupts,
    v34_a_debt_carried_off_is_never_worth_its_collateral,
    v34_off_market_fills_against_oneself_cost_more_than_they_bring,
    v34_inflated_open_interest_liquidates_nobody,
    v34_orders_placed_again_do_not_block_a_liquidation,
    v34_a_dead_feed_shields_nobody,
    v34_a_forced_debt_has_its_hour,
    v36_winners_are_paid_though_losers_never_close,
    v36_dust_deposited_blocks_no_resolution,
    v36_worthless_dust_blocks_no_resolution,
);

/// V-34, I-11: whatever part a liquidator takes of an account with next to nothing left, and whatever fractions of an atom
/// its price has, the fee leaves zero or more.
fn v34_a_fee_never_bankrupts() {
    for sign in [1, -1] {
        let down = held(sign * LOTS);
        for odd in 0..40u64 {
            let mut world = down.world.clone();
            let price = if sign > 0 { 44_736 * USD + 123_457 * odd } else { 55_244 * USD - 123_457 * odd };
            world.pass(1, &[price, PRICES[1], PRICES[2]]);
            world.ok(&world.liquidate_orders(&down.alice));
            let equity = world.equity(&down.alice);
            assert!((0..30_000_000).contains(&equity), "the test's own price leaves {equity}");
            for lots in [1_899, 1_001, 997] {
                let mut other = world.clone();
                other.ok(&other.liquidate_position(0, &down.alice, &down.carol, lots));
                let left = other.equity(&down.alice);
                assert!(left >= 0, "{lots} lots at {price} of {sign} leave {left} of {equity}");
            }
            // With nothing left at all, whoever takes the lots bears what two floors take.
            let mut poor = world.clone();
            poor.edit::<User>(down.alice.user, |user| user.quote_atoms -= equity);
            for lots in [1_899, 1_001, 997] {
                let mut other = poor.clone();
                other.ok(&other.liquidate_position(0, &down.alice, &down.carol, lots));
                assert!(other.equity(&down.alice) >= 0, "{lots} lots at {price} of {sign} leave less than nothing");
            }
            // The same to a backstop that has room for a part.
            world.edit::<Insurance>(insurance(), |fund| {
                fund.tranche_atoms = fund.balance_atoms - 100 * USD;
            });
            world.ok(&world.liquidate_to_backstop(0, &down.alice));
            let left = world.equity(&down.alice);
            assert!(left >= 0, "the backstop leaves {left} of {equity} at {price}");
        }
    }
}

/// Buys at 4 % above the index from `winner` and sells back at the index, so that `loser` loses $500 a round.
fn lose(world: &mut World, loser: &Trader, winner: &Trader, rounds: usize) {
    for _ in 0..rounds {
        for (buyer, seller, price_ticks) in [(loser, winner, 520_000), (winner, loser, 500_000)] {
            let maker = world.place(seller, post_only(0, true, price_ticks, 2_500));
            world.advance_slots(1);
            let taker = world.place(buyer, limit(0, false, price_ticks, 2_500));
            world.ok(&world.match_orders(0, buyer, taker, &[(seller, maker)]));
        }
        for trader in [loser, winner] {
            world.told(&world.settle_pnl(0, trader.user), "PnlSettled");
        }
        world.pass(1, &PRICES);
    }
}

/// Decision 4: the loss that is carried off is a fifth of the collateral, which is sold for it. The attacker has paid fees,
/// and neither the fund nor anybody else has lost an atom, though the collateral has lost half its value.
fn v34_a_debt_carried_off_is_never_worth_its_collateral() {
    let mut world = World::open();
    let honest = world.funded("honest", 30_000);
    let (loser, winner, carol) = (world.trader("loser"), world.funded("winner", 10_000), world.funded("carol", 50_000));
    world.ok(&world.deposit(&loser, 1, 100 * SOL));
    lose(&mut world, &loser, &winner, 6);
    let balance = world.user(&winner).quote_atoms as u64;
    world.told(&world.withdraw(&winner, 0, balance), "Withdrawn");
    let gain = balance as i64 - 10_000_000_000;
    assert!((1..1_600_000_000).contains(&gain), "carried off {gain}");
    // SOL falls by half; the debt is older than its grace, and what of the loss never became debt counts all along.
    let (mut price, fund) = (PRICES[2], world.insurance());
    while price > 50 * USD {
        price = price * 97 / 100;
        world.pass(301, &[PRICES[0], PRICES[1], price]);
    }
    if world.user(&loser).liquidation_start_ms == 0 {
        world.send(&world.liquidate_orders(&loser)).ok();
    }
    for _ in 0..6 {
        world.pass(3_601, &[PRICES[0], PRICES[1], price]);
        if world.send(&world.liquidate_collateral(1, &loser, &carol, u64::MAX)).is_err() {
            break;
        }
        world.send(&world.settle_pnl(0, loser.user)).ok();
    }
    world.assert_sound();
    assert_eq!((world.insurance(), world.equity(&honest)), (fund, 30_000_000_000));
    let left = world.user(&loser).collaterals[0].amount_atoms as i64 / SOL as i64 * price as i64;
    // 100 SOL at today's price was brought; what is left and what was carried off is less.
    assert!(left + gain < 100 * price as i64, "{left} left, {gain} carried off");
    world.told(&world.withdraw(&honest, 0, 30_000 * USD), "Withdrawn");
}

/// The attacker owns the account in liquidation and the maker who buys from it below the index: what the one gains is less
/// than the other loses, fees go to the exchange, and equity stays at zero or above.
fn v34_off_market_fills_against_oneself_cost_more_than_they_bring() {
    for usd in [BELOW_MAINTENANCE, BELOW_BACKSTOP, 44_800] {
        let mut down = Downfall::calm(LOTS, usd);
        down.wait(60, usd);
        let friend = down.world.funded("friend", 5_000);
        let both = |down: &Downfall| down.world.equity(&down.alice) + down.world.equity(&friend);
        let (before, others) = (both(&down), down.world.equity(&down.bob));
        // 2 % below the index after a minute, and better for the account below.
        for discount in [200u64, 150, 100, 50, 0] {
            let ticks = usd * 10 * (10_000 - discount) / 10_000;
            let maker = resting(&mut down.world, &friend, false, ticks, 400);
            let call = down.world.liquidate_with_orders(0, &down.alice, 400, &[(&friend, maker)]);
            if down.world.send(&call).is_ok() {
                down.world.assert_sound();
            }
            assert!(down.world.equity(&down.alice) >= 0, "a fill {discount} bps off leaves less than nothing");
        }
        assert!(down.world.worth(&friend, 0).0 > 0, "something filled at ${usd}");
        assert!(both(&down) < before, "the pair gained {} at ${usd}", both(&down) - before);
        assert_eq!(down.world.equity(&down.bob), others);
    }
}

/// Ladder: open interest raises the initial ratio alone.
fn v34_inflated_open_interest_liquidates_nobody() {
    let mut down = held(LOTS);
    down.world.edit::<Market>(market(0), |state| {
        (state.terms.open_interest_lower_usd, state.terms.open_interest_upper_usd) = (10_000, 50_000);
    });
    down.price(48_000);
    let whale = down.world.funded("whale", 1_000_000);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    down.settle_at(48_000);
    down.world.trade(0, &down.carol, &whale, 480_000, 18_000);
    down.price(48_000);
    assert_eq!(down.world.cache().markets[0].open_interest_ratio_bps, 10_000, "a position needs all of its notional");
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    down.world.fails(&down.take(1), "LiquidationNotStarted");
    down.world.assert_sound();
}

/// All orders are void at once, none can be placed until it is over, and void ones named to a keeper are passed over.
fn v34_orders_placed_again_do_not_block_a_liquidation() {
    let mut down = held(LOTS);
    for row in 0..4 {
        let orders: Vec<_> = (0..8).map(|at| post_only(0, false, 400_000 + row * 10 + at, 1)).collect();
        down.world.ok(&down.world.place_orders(&down.alice, &orders));
    }
    down.begin(BELOW_MAINTENANCE);
    down.world.fails(&down.world.place_orders(&down.alice, &[post_only(0, false, 400_000, 1)]), "UserInLiquidation");
    let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
    assert_eq!(event["ended"].as_bool(), Some(true));
    // Over, placed again, and void again.
    down.world.place(&down.alice, OrderArgs { reduce_only: true, ..limit(0, true, 480_000, 1) });
    down.begin(46_200);
    down.world.told(&down.take(u64::MAX), "PositionLiquidated");
}

/// A position in a market whose feed died an hour ago is valued at its last price; the other market is liquidated.
fn v34_a_dead_feed_shields_nobody() {
    let mut down = held_with(1_020, LOTS);
    down.world.trade(1, &down.alice, &down.bob, 300_000, 40);
    for _ in 0..12 {
        down.world.advance(301);
        for call in [
            down.world.update_oracle(Target::Market(0), prices(BELOW_MAINTENANCE)[0]),
            down.world.accrue_market(0),
            down.world.accrue_debt(),
        ] {
            down.world.ok(&call);
        }
    }
    down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    // In the live market to a liquidator; in the dead one against orders and to the backstop.
    down.world.told(&down.take(5), "PositionLiquidated");
    down.world.fails(&down.world.liquidate_position(1, &down.alice, &down.carol, 5), "RowTooOld");
    down.world.advance(1);
    for call in [down.world.update_oracle(Target::Market(0), prices(BELOW_BACKSTOP)[0]), down.world.accrue_market(0)] {
        down.world.ok(&call);
    }
    let event = down.world.told(&down.world.liquidate_to_backstop(1, &down.alice), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 40);
}

/// Anybody settles the loss of a dip into a debt. For an hour nobody can sell for it, and when the dip is over the owner
/// has it undone without paying in: what it cost is interest.
fn v34_a_forced_debt_has_its_hour() {
    let mut world = World::open();
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    trade(&mut world, &alice, &bob, 4_000);
    world.pass(1, &prices(48_000));
    world.told(&world.settle_pnl(0, alice.user), "PnlSettled");
    let forced = -world.user(&alice).quote_atoms;
    assert!(forced > 790_000_000, "a debt of {forced}");
    let sale = world.liquidate_collateral(1, &alice, &carol, u64::MAX);
    world.fails(&sale, "DebtWithinGrace");
    for seconds in [301, 301, 301, 301, 301, 301] {
        world.pass(seconds, &PRICES);
    }
    world.fails(&sale, "DebtWithinGrace");
    world.told(&world.settle_pnl(0, alice.user), "PnlSettled");
    let left = -world.user(&alice).quote_atoms;
    assert!(left < 2_000_000, "what is left of the debt is the fee and interest: {left}");
    // Whoever does nothing at all loses 3 % of the debt at most.
    let mut idle = world.clone();
    idle.pass(3 * 3_600, &PRICES);
    idle.send(&sale).ok();
    let kept = idle.user(&alice).collaterals[0].amount_atoms;
    assert!(kept >= 100 * SOL - left as u64 * 1_100 / 100 - SOL / 100, "{kept} lamports are kept");
}

/// Alice has lost $4,000 of $10,000 of SOL and never closes: settled, cured after its grace, settled again, bob has all of
/// his profit within hours.
fn v36_winners_are_paid_though_losers_never_close() {
    let mut world = World::open();
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    trade(&mut world, &alice, &bob, 8_000);
    for _ in 0..4 {
        world.pass(301, &prices(45_000));
    }
    let profit = world.worth(&bob, 0).2;
    assert!(profit > 3_950_000_000);
    let start_ms = world.now_ms();
    let mut paid_ms = None;
    for _ in 0..24 {
        world.ok(&world.settle_pnl(0, alice.user));
        if world.worth(&alice, 0).2 >= 0 && paid_ms.is_none() {
            paid_ms = Some(world.now_ms() - start_ms);
            break;
        }
        world.pass(3_600, &prices(45_000));
        world.send(&world.liquidate_collateral(1, &alice, &carol, u64::MAX)).ok();
        world.assert_sound();
    }
    let hours = paid_ms.expect("all of the loss is paid within a day") / 3_600_000;
    assert!(hours <= 4, "{hours} hours");
    // Bob closes against carol, and is paid in full.
    trade_at(&mut world, &bob, &carol, 450_000, 8_000);
    let owed = world.worth(&bob, 0).2;
    let event = world.told(&world.settle_pnl(0, bob.user), "PnlSettled");
    assert_eq!(number(&event, "amount_atoms"), owed);
    assert!(owed > 3_900_000_000, "{owed}");
}

fn trade_at(world: &mut World, buyer: &Trader, seller: &Trader, ticks: u64, lots: u64) {
    world.trade(0, buyer, seller, ticks, lots);
}

/// Alice bankrupt, with nothing left but what anybody deposits for her.
fn bankrupt() -> Downfall {
    Downfall::begun(LOTS, BANKRUPT)
}

/// A lamport deposited before each attempt: whoever resolves sells it in the same transaction.
fn v36_dust_deposited_blocks_no_resolution() {
    let mut down = bankrupt();
    for _ in 0..3 {
        down.world.ok(&down.world.deposit(&down.bob, 1, 1).with("user", down.alice.user));
        down.world.send(&down.world.resolve_bankruptcy(0, &down.alice)).ok();
        assert_eq!(down.world.market(0).latch, 1, "opened, and the market only reduces");
    }
    let sale = down.world.liquidate_collateral(1, &down.alice, &down.carol, u64::MAX);
    let resolve = down.world.resolve_bankruptcy(0, &down.alice);
    let paid = down.world.user(&down.carol).quote_atoms;
    let sent = down.world.send_instructions(&[sale.instruction(), resolve.instruction()]);
    assert!(sent.is_ok(), "sold and resolved in one transaction");
    down.world.assert_sound();
    assert!(paid - down.world.user(&down.carol).quote_atoms <= 1, "it costs an atom");
    assert_eq!((down.world.market(0).latch, down.world.user(&down.alice).position_count), (0, 0));
}

/// The same with an asset that has no price: it goes for nothing.
fn v36_worthless_dust_blocks_no_resolution() {
    let mut down = bankrupt();
    down.world.ok(&down.world.deposit(&down.bob, 1, 1).with("user", down.alice.user));
    down.world.edit::<RiskCache>(risk_cache(), |cache| {
        (cache.collaterals[1].price_q48, cache.collaterals[1].twap_q48) = (0, 0);
    });
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!(number(&event, "step"), 1);
    let sale = down.world.liquidate_collateral(1, &down.alice, &down.carol, u64::MAX);
    let event = down.world.told(&sale, "CollateralLiquidated");
    assert_eq!((number(&event, "amount_atoms"), number(&event, "paid_atoms")), (1, 0));
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!((number(&event, "step"), number(&event, "bankruptcies_open")), (2, 0));
    let mut poor = held_with(1_000, LOTS);
    uninsured(&mut poor.world, 0);
    poor.world.assert_sound();
}
