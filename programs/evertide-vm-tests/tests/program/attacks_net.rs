//! What attacks on this design bring: each attacker's accounts and wallets before and after, at the fair price, and what
//! everybody else has lost.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{collateral, exchange},
    state::{Collateral, Exchange, User},
    terms::{PRICES, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::{
    downfall::{held, number, uninsured, BANKRUPT, LOTS},
    ledger::worth_of,
    match_orders::stage,
};

tests!(
    v23_off_market_fills_against_oneself_only_cost_fees,
    v23_a_keeper_that_skips_better_makers_earns_nothing_by_it,
    v20_inflating_open_interest_costs_its_fees_and_liquidates_nobody,
    v20_quotes_shown_as_evidence_are_there_to_be_taken,
    v36_a_winner_who_leaves_first_is_not_deleveraged,
    v22_many_accounts_do_not_empty_the_lane_of_a_day,
);

/// One person trades with himself at the worst prices that the band lets pass, both ways, so that one account loses to the
/// other as fast as it can: together they lose the fees, and nobody pays anything.
fn v23_off_market_fills_against_oneself_only_cost_fees() {
    let mut world = World::open();
    let honest = world.funded("honest", 30_000);
    let (one, two) = (world.funded("one", 10_000), world.funded("two", 10_000));
    let (before, fund) = (worth_of(&world, &[&one, &two], &PRICES), world.insurance());
    let mut rounds = 0;
    for _ in 0..20 {
        for (buyer, seller, ticks) in [(&one, &two, 524_000), (&two, &one, 476_000)] {
            let offer = world.place_orders(seller, &[post_only(0, true, ticks, 1_000)]);
            let placed = world.send(&offer).is_ok();
            world.advance_slots(1);
            let order = world.place_orders(buyer, &[limit(0, false, ticks, 1_000)]);
            if !placed || world.send(&order).is_err() {
                continue;
            }
            let last = |trader: &Trader| world.orders(trader).next_order_id - 1;
            let call = world.match_orders(0, buyer, last(buyer), &[(seller, last(seller))]);
            rounds += i32::from(world.send(&call).is_ok());
        }
        for trader in [&one, &two] {
            world.send(&world.settle_pnl(0, trader.user)).ok();
            world.send(&world.cancel_all(trader)).ok();
        }
        world.pass(1, &PRICES);
    }
    assert!(rounds > 4, "{rounds} fills");
    world.assert_sound();
    let net = worth_of(&world, &[&one, &two], &PRICES) - before;
    let fees = world.market(0).pending_fees_atoms as i64;
    assert!(fees > 20_000_000 && (-5..=0).contains(&(net + fees)), "a net result of {net} with fees of {fees}");
    assert_eq!((world.insurance(), world.equity(&honest)), (fund, 30_000_000_000));
}

/// A keeper rests an offer far from the market and names only that. While the taker's limit ramps from the index, his fill is
/// refused, and whoever names the better maker fills the taker there.
fn v23_a_keeper_that_skips_better_makers_earns_nothing_by_it() {
    let (mut world, alice, bob) = stage();
    let keeper = world.funded("keeper", 10_000);
    let (before, taker_before) = (worth_of(&world, &[&keeper], &PRICES), worth_of(&world, &[&bob], &PRICES));
    let better = world.place(&alice, post_only(0, true, 500_100, 100));
    let far = world.place(&keeper, post_only(0, true, 504_000, 100));
    world.advance_slots(1);
    let order = OrderArgs { taker_phase_s: 12, ..limit(0, false, 505_000, 100) };
    let taker = world.place(&bob, order);
    for _ in 0..5 {
        let call = world.match_orders(0, &bob, taker, &[(&keeper, far)]);
        world.fails(&call, "NothingFilled");
        world.advance_slots(2);
    }
    world.told(&world.match_orders(0, &bob, taker, &[(&alice, better)]), "OrdersMatched");
    assert_eq!(worth_of(&world, &[&keeper], &PRICES), before, "the keeper has gained nothing");
    // A cent a lot above the index, and 3.5 bps.
    let cost = taker_before - worth_of(&world, &[&bob], &PRICES);
    assert!((0..=300_000).contains(&cost), "the taker has paid {cost}");
}

/// A whale and a friend raise open interest to where every new position must be paid in full: alice, who is at 55 % of her
/// initial margin, stays where she is, and the two have paid fees for it.
fn v20_inflating_open_interest_costs_its_fees_and_liquidates_nobody() {
    let mut down = held(LOTS);
    down.world.edit::<evertide_vm_tests::state::Market>(evertide_vm_tests::exchange::market(0), |state| {
        (state.terms.open_interest_lower_usd, state.terms.open_interest_upper_usd) = (10_000, 50_000);
    });
    let (whale, friend) = (down.world.funded("whale", 1_000_000), down.world.funded("friend", 1_000_000));
    let before = worth_of(&down.world, &[&whale, &friend], &PRICES);
    let alice = worth_of(&down.world, &[&down.alice], &PRICES);
    down.world.trade(0, &whale, &friend, 500_000, 18_000);
    down.world.pass(1, &PRICES);
    assert_eq!(down.world.cache().markets[0].open_interest_ratio_bps, 10_000);
    down.world.fails(&down.world.liquidate_orders(&down.alice), "AccountHealthy");
    down.world.fails(&down.take(1), "LiquidationNotStarted");
    let closing = |order: OrderArgs| OrderArgs { reduce_only: true, ..order };
    let maker = down.world.place(&friend, closing(post_only(0, false, 500_000, 18_000)));
    down.world.advance_slots(1);
    let taker = down.world.place(&whale, closing(limit(0, true, 500_000, 18_000)));
    down.world.told(&down.world.match_orders(0, &whale, taker, &[(&friend, maker)]), "OrdersMatched");
    let net = worth_of(&down.world, &[&whale, &friend], &PRICES) - before;
    // 2.5 bps of $90,000, twice.
    assert!((-46_000_000..-44_000_000).contains(&net), "a net result of {net}");
    assert!((worth_of(&down.world, &[&down.alice], &PRICES) - alice).abs() < 1_000);
}

/// Quotes below the index are shown to bring the mark down to the liquidation of alice. They have to rest for ten slots, where
/// anybody may take them: what the mark moves is less than what they lose.
fn v20_quotes_shown_as_evidence_are_there_to_be_taken() {
    let mut down = held(LOTS);
    let attacker = down.world.funded("attacker", 20_000);
    // Alice is at the edge: 0.6 % above her maintenance margin.
    down.settle_at(47_350);
    let edge = [47_350 * USD, PRICES[1], PRICES[2]];
    down.world.fails(&down.world.liquidate_orders(&down.alice), "OrderNotFound");
    let before = worth_of(&down.world, &[&attacker], &edge);
    let bid = down.world.place(&attacker, post_only(0, false, 468_800, 400));
    let ask = down.world.place(&attacker, post_only(0, true, 468_900, 400));
    down.world.advance_slots(1);
    // Whoever watches the book buys 1 % below the market.
    let mut watched = down.world.clone();
    let taker = watched.place(&down.carol, limit(0, false, 468_900, 400));
    watched.told(&watched.match_orders(0, &down.carol, taker, &[(&attacker, ask)]), "OrdersMatched");
    let net = worth_of(&watched, &[&attacker], &edge) - before;
    assert!((-20_000_000..-18_000_000).contains(&net), "a net result of {net}");
    watched.pass(5, &edge);
    let shown = watched.update_mark(0, &[(&attacker, bid)], &[(&attacker, ask)]);
    assert!(watched.send(&shown).is_err(), "the ask is gone");
    // Where nobody watches, the mark stays within 1 % of the index, and what a liquidator earns is at most the fee.
    down.world.pass(5, &edge);
    down.world.ok(&down.world.update_mark(0, &[(&attacker, bid)], &[(&attacker, ask)]));
    for _ in 0..20 {
        down.world.pass(10, &edge);
        down.world.ok(&down.world.update_mark(0, &[(&attacker, bid)], &[(&attacker, ask)]));
    }
    let state = down.world.market(0);
    let radius = state.index_price_q32 / 100;
    assert!(state.index_price_q32 - state.mark_price_q32 <= radius, "the mark has left its radius");
}

/// The loser is bankrupt and insurance is empty. The winner, who belongs to him, sells his side to a maker before anybody
/// resolves, so that the maker stands there when the other side is deleveraged. That is what the attack brings where there is
/// no insurance: the deficit, at most maintenance margin a lot, out of whoever took the winner's place.
fn v36_a_winner_who_leaves_first_is_not_deleveraged() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    let before = worth_of(&down.world, &[&down.alice, &down.bob], &PRICES);
    down.settle_at(44_800);
    let price = [BANKRUPT * USD, PRICES[1], PRICES[2]];
    down.world.pass(1, &price);
    let maker = down.world.place(&down.carol, post_only(0, true, 440_000, LOTS as u64));
    down.world.advance_slots(1);
    let leave = OrderArgs { reduce_only: true, ..limit(0, false, 440_000, LOTS as u64) };
    let taker = down.world.place(&down.bob, leave);
    down.world.told(&down.world.match_orders(0, &down.bob, taker, &[(&down.carol, maker)]), "OrdersMatched");
    let carol = worth_of(&down.world, &[&down.carol], &price);
    down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    let deficit = -down.world.equity(&down.alice);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    let borne = carol - worth_of(&down.world, &[&down.carol], &price);
    let least = LOTS * 4_400_000 / 20;
    assert!((0..=deficit).contains(&borne) && borne <= least, "the maker bears {borne} of {deficit}: {event}");
    for trader in [&down.alice, &down.bob] {
        down.world.send(&down.world.settle_own_pnl(trader, 0)).ok();
    }
    let net = worth_of(&down.world, &[&down.alice, &down.bob], &price) - before;
    // The fill's rebate of $0.84 and its fee make the difference.
    assert!(net <= deficit && net - borne < 2_000_000, "they gain {net}, and the maker has lost {borne}");
    assert!(number(&event, "insurance_atoms") + number(&event, "recorded_atoms") == 0, "{event}");
}

/// A hundred old accounts of one person use the open lane of a day: together they get 1 % of all deposits, each no more than
/// it had, and tomorrow there is another lane. What others hold is theirs all along.
fn v22_many_accounts_do_not_empty_the_lane_of_a_day() {
    let (mut world, alice, bob) = stage();
    let many: Vec<Trader> = (0..100).map(|row| world.funded(&format!("many {row}"), 100)).collect();
    let everyone: Vec<&Trader> = many.iter().collect();
    let before = worth_of(&world, &everyone, &PRICES);
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 9_500);
    world.edit::<Collateral>(collateral(0), |state| state.average_atoms = 40_000 * USD);
    for trader in everyone.iter().chain([&&alice, &&bob]) {
        world.edit::<User>(trader.user, |user| user.created_ms -= 86_400_000);
    }
    let mut out = 0;
    for trader in &many {
        let call = world.withdraw(trader, 0, 100 * USD);
        out += u64::from(world.send(&call).is_ok()) * 100;
    }
    // A hundredth of the average of $40,000.
    assert_eq!(out, 400);
    world.fails(&world.withdraw(&alice, 0, USD), "WithdrawalFloorReached");
    assert_eq!(worth_of(&world, &everyone, &PRICES), before, "they have gained nothing");
    // The lane of the next day, and the average that has followed what is there.
    world.pass(86_400, &PRICES);
    world.told(&world.withdraw(&alice, 0, 100 * USD), "Withdrawn");
    assert_eq!(world.user(&bob).quote_atoms, 10_000_000_000);
}
