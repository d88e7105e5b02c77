//! `resolve_bankruptcy` over several markets, of a debt alone, and the deficit that it leaves to be repaid.

use evertide_vm_tests::{
    exchange::{collateral, market},
    state::{Collateral, Market},
    terms::{PRICES, SOL, USD},
    tests,
    traders::Trader,
    world::World,
};

use crate::downfall::{held, number, trade, uninsured, Downfall, LOTS};

tests!(
    i14_shares_do_not_depend_on_the_order,
    a_profit_elsewhere_closes_at_mark_and_bears_nothing,
    a_debt_alone_falls_to_the_lowest_market,
    a_shrunken_profit_leaves_a_rest,
    a_profit_that_nobody_folded_leaves_a_rest,
    a_recorded_deficit_is_repaid_by_fees_first,
    i09_a_deficit_is_shared_by_the_winners,
    i09_a_repaid_deficit_costs_nobody,
);

/// Alice long in all three markets against bob, with these dollars of her own.
fn three(usd: u64) -> Downfall {
    let mut world = World::open();
    let alice = world.funded("alice", usd);
    let (bob, carol) = (world.funded("bob", 200_000), world.funded("carol", 100_000));
    trade(&mut world, &alice, &bob, 1_900);
    world.trade(1, &alice, &bob, 300_000, 1_500);
    world.trade(2, &alice, &bob, 100_000, 5_000);
    Downfall { world, alice, bob, carol }
}

/// BTC -10 %, ETH -15 %, SOL -12 %.
const CRASH: [u64; 3] = [45_000 * USD, 2_550 * USD, 88 * USD];

const ORDERS: [[u16; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// What each market bore, after resolving in this order.
fn shares(order: [u16; 3], insured: bool) -> ([i64; 3], i64) {
    let mut down = three(2_000);
    if !insured {
        uninsured(&mut down.world, 0);
    }
    down.world.pass(1, &CRASH);
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    let deficit = -down.world.equity(&down.alice);
    let mut all = [0; 3];
    for (row, index) in order.into_iter().enumerate() {
        let event = down.world.told(&down.world.resolve_bankruptcy(index, &down.alice), "BankruptcyResolved");
        all[usize::from(index)] = number(&event, "share_atoms");
        assert_eq!(event["ended"].as_bool(), Some(row == 2), "it is over after the last of them");
        down.world.clone().fails(&down.world.resolve_bankruptcy(index, &down.alice), wrong(row));
    }
    assert!((0..=3).contains(&down.world.equity(&down.alice)));
    assert_eq!(down.world.user(&down.alice).position_count, 0);
    (all, deficit)
}

/// A market that has borne its part bears no other, and in the end there is nothing to bear.
fn wrong(row: usize) -> &'static str {
    if row == 2 {
        "UserSolvent"
    } else {
        "BankruptcyMarketWrong"
    }
}

fn i14_shares_do_not_depend_on_the_order() {
    for insured in [true, false] {
        let (first, deficit) = shares(ORDERS[0], insured);
        assert!((deficit..=deficit + 3).contains(&first.iter().sum::<i64>()), "{first:?} of {deficit}");
        // By losses: $950, $675 and $600 with fees.
        assert!(first[0] > first[1] && first[1] > first[2] && first[2] > 0);
        for order in &ORDERS[1..] {
            let (other, _) = shares(*order, insured);
            for (a, b) in first.iter().zip(other) {
                assert!((a - b).abs() <= 3, "{first:?} in one order, {other:?} in {order:?}");
            }
        }
    }
}

/// Alice is short of SOL and wins there: that position closes at mark, and its market pays nothing for the others.
fn a_profit_elsewhere_closes_at_mark_and_bears_nothing() {
    for first in [0, 2] {
        let mut world = World::open();
        let alice = world.funded("alice", 1_000);
        let (bob, carol) = (world.funded("bob", 200_000), world.funded("carol", 100_000));
        trade(&mut world, &alice, &bob, 1_600);
        world.trade(2, &bob, &alice, 100_000, 1_000);
        let mut down = Downfall { world, alice, bob, carol };
        down.world.pass(1, &[42_000 * USD, PRICES[1], 90 * USD]);
        down.world.ok(&down.world.liquidate_orders(&down.alice));
        let (deficit, bob) = (-down.world.equity(&down.alice), down.world.equity(&down.bob));
        assert!(deficit > 0 && down.world.worth(&down.alice, 2).2 > 90_000_000);
        let mut bore = [0; 3];
        for index in [first, 2 - first] {
            let event = down.world.told(&down.world.resolve_bankruptcy(index, &down.alice), "BankruptcyResolved");
            bore[usize::from(index)] = number(&event, "share_atoms");
            if index == 2 {
                assert_eq!((number(&event, "price_q32") >> 32, number(&event, "closed_lots")), (900_000, -1_000));
            }
            if first == 0 && index == 0 {
                down.world.fails(&down.world.resolve_bankruptcy(2, &down.alice), "UserSolvent");
                break;
            }
        }
        assert_eq!((bore[0], bore[2]), (deficit, 0));
        assert!((-4..=0).contains(&(down.world.equity(&down.bob) - bob)), "insurance paid, bob did not");
    }
}

/// A debt beyond its collateral with no position: market 0 has the fund pay it, once the collateral is sold.
fn a_debt_alone_falls_to_the_lowest_market() {
    for limited in [false, true] {
        let mut world = World::open();
        let alice = world.trader("alice");
        let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
        world.ok(&world.deposit(&alice, 1, 10 * SOL));
        world.trade(0, &alice, &bob, 500_000, 700);
        world.trade(0, &bob, &alice, 480_000, 700);
        world.told(&world.settle_pnl(0, alice.user), "PnlSettled");
        if limited {
            world.ok(&world.set_limits(&alice, 0, 0, 1, 2_000));
        }
        let mut down = Downfall { world, alice, bob, carol };
        let owed = -down.world.user(&down.alice).quote_atoms;
        // $140 and fees are owed; 10 SOL are worth less than that in the end.
        let mut price = PRICES[2];
        while price > 13 * USD {
            price = price * 96 / 100;
            down.world.pass(301, &[PRICES[0], PRICES[1], price]);
        }
        down.world.ok(&down.world.liquidate_orders(&down.alice));
        let bearer = u16::from(limited);
        let open = down.world.resolve_bankruptcy(bearer, &down.alice);
        down.world.fails(&open, "BankruptcyMarketWrong");
        down.world.pass(60, &[PRICES[0], PRICES[1], price]);
        let sale = down.world.liquidate_collateral(1, &down.alice, &down.carol, u64::MAX);
        down.world.told(&sale, "CollateralLiquidated");
        for index in (0..3).filter(|index| *index != bearer) {
            down.world.fails(&down.world.resolve_bankruptcy(index, &down.alice), "BankruptcyMarketWrong");
        }
        let event = down.world.told(&open, "BankruptcyResolved");
        let share = number(&event, "share_atoms");
        assert!(share > 1_000_000 && share < owed, "{share} of {owed}");
        assert_eq!((number(&event, "closed_lots"), event["ended"].as_bool()), (0, Some(true)));
        assert_eq!((down.world.user(&down.alice).quote_atoms, down.world.collateral(0).debt_atoms), (0, 0));
        assert_eq!(usize::from(down.world.user(&down.alice).position_count), usize::from(limited));
    }
}

/// What carried the account when the first market had borne its part turns into a loss: its market bears all that is new.
fn a_shrunken_profit_leaves_a_rest() {
    let mut world = World::open();
    let alice = world.funded("alice", 1_450);
    let (bob, carol) = (world.funded("bob", 200_000), world.funded("carol", 100_000));
    trade(&mut world, &alice, &bob, 1_600);
    world.trade(2, &bob, &alice, 100_000, 4_000);
    let mut down = Downfall { world, alice, bob, carol };
    // Nothing is in the pool of SOL: the profit there stays a claim.
    down.world.pass(1, &[41_000 * USD, PRICES[1], 96 * USD]);
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.pass(1, &[40_200 * USD, PRICES[1], 98 * USD]);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!(event["ended"].as_bool(), Some(false), "the short is left, with equity of zero");
    down.world.pass(1, &[40_200 * USD, PRICES[1], 103 * USD]);
    assert!(down.world.equity(&down.alice) < 0);
    down.world.told(&down.world.resolve_bankruptcy(2, &down.alice), "BankruptcyResolved");
    assert!((0..=3).contains(&down.world.equity(&down.alice)));
    assert_eq!(down.world.user(&down.alice).liquidation_start_ms, 0);
}

/// The profit shrinks because whoever owed it is bankrupt too: alice is deleveraged to nothing, and her slot in that
/// market still says otherwise when the first one bears the rest.
fn a_profit_that_nobody_folded_leaves_a_rest() {
    let mut world = World::open();
    let alice = world.funded("alice", 1_450);
    let (bob, carol) = (world.funded("bob", 200_000), world.funded("carol", 100_000));
    trade(&mut world, &alice, &bob, 1_600);
    let dave = world.funded("dave", 420);
    world.trade(2, &dave, &alice, 100_000, 4_000);
    uninsured(&mut world, 0);
    let mut down = Downfall { world, alice, bob, carol };
    for _ in 0..8 {
        down.world.pass(301, &[38_000 * USD, PRICES[1], 89 * USD]);
    }
    for trader in [&down.alice, &dave] {
        let call = down.world.liquidate_orders(trader);
        down.world.ok(&call);
    }
    down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert!((0..=1).contains(&down.world.equity(&down.alice)));
    let event = down.world.told(&down.world.resolve_bankruptcy(2, &dave), "BankruptcyResolved");
    assert!(number(&event, "deleveraged_atoms") > USD as i64, "{event}");
    let stale = down.world.position(&down.alice, 2).expect("a slot");
    assert!(stale.basis_lots != 0 && stale.epoch < down.world.market(2).epoch[1], "{stale:?}");
    let deficit = -down.world.equity(&down.alice);
    assert!(deficit > USD as i64, "{deficit}");
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!((number(&event, "share_atoms"), number(&event, "closed_lots")), (deficit, 0));
    assert_eq!((down.world.equity(&down.alice), down.world.user(&down.alice).liquidation_start_ms), (0, 0));
}

/// Nothing insured, bob deleveraged to his limit, and more than $100 that nobody paid.
pub fn recorded() -> Downfall {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    let dave = down.world.funded("dave", 10_000);
    trade(&mut down.world, &down.carol, &dave, 2_000);
    down.begin(42_000);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert!(number(&event, "recorded_atoms") > 100_000_000, "{event}");
    down
}

fn a_recorded_deficit_is_repaid_by_fees_first() {
    let mut down = recorded();
    let deficit = down.world.market(0).deficit_atoms;
    down.settle_at(42_000);
    down.world.trade(0, &down.carol, &down.bob, 420_000, 10_000);
    let fees = down.world.market(0).pending_fees_atoms;
    assert!(0 < fees && fees < deficit);
    let event = down.world.told(&down.world.collect_fees(0), "FeesCollected");
    assert_eq!((number(&event, "repaid_atoms") as u64, number(&event, "treasury_atoms")), (fees, 0));
    let state = down.world.market(0);
    assert_eq!((state.deficit_atoms, state.pending_fees_atoms, state.pending_insurance_atoms), (deficit - fees, 0, 0));
    down.world.fails(&down.world.collect_fees(0), "NothingToCollect");
    // Enough fees repay the rest, and only what is beyond goes on.
    down.world.edit::<Market>(market(0), |state| {
        let more = state.deficit_atoms + 10 * USD;
        (state.pending_fees_atoms, state.pending_insurance_atoms) = (more, 2 * USD);
        state.deficit_atoms += more;
    });
    let before = down.world.market(0);
    down.world.edit::<Market>(market(0), |state| state.pending_fees_atoms = before.deficit_atoms + 10 * USD);
    down.world.edit::<Market>(market(0), |state| state.pool_atoms += 10 * USD);
    down.world.edit::<Collateral>(collateral(0), |quote| quote.total_atoms -= 10 * USD);
    let event = down.world.ok(&down.world.collect_fees(0)).event("FeesCollected");
    assert_eq!(number(&event, "deficit_atoms"), 0);
    assert_eq!((number(&event, "insurance_atoms"), number(&event, "treasury_atoms")), (2_000_000, 8_000_000));
}

/// I-09: while a deficit is open a winner is paid the pool's part of all claims, who asks for it himself, and gives up the
/// rest: the part is the same for everybody, in any order and any number of calls.
fn i09_a_deficit_is_shared_by_the_winners() {
    let mut down = recorded();
    let dave = Trader::named("dave");
    // Carol loses $1,600 to dave and pays; alice's thousand is in the pool already.
    down.world.told(&down.world.settle_pnl(0, down.carol.user), "PnlSettled");
    close_all(&mut down, &dave);
    let winners = [down.bob.clone(), dave];
    let paid: Vec<[i64; 2]> = [[0, 1], [1, 0]].map(|order| pays(&mut down.clone(), &winners, order)).to_vec();
    for (first, second) in paid[0].iter().zip(paid[1]) {
        assert!((first - second).abs() <= 2, "{paid:?} depends on the order");
    }
    let call = down.world.settle_own_pnl(&down.bob, 0).with("authority", down.carol.authority);
    down.world.fails(&call, "NotAuthority");
}

/// Dave and carol close what they hold against each other at $42,000.
fn close_all(down: &mut Downfall, dave: &Trader) {
    down.settle_at(42_000);
    let lots = down.world.worth(dave, 0).0.min(-down.world.worth(&down.carol, 0).0).unsigned_abs();
    down.world.trade(0, dave, &down.carol.clone(), 420_000, lots);
    down.world.ok(&down.world.settle_pnl(0, down.carol.user));
    down.world.assert_sound();
}

/// What each of two winners is paid, settled in this order, each twice.
fn pays(down: &mut Downfall, winners: &[Trader; 2], order: [usize; 2]) -> [i64; 2] {
    let mut all = [0; 2];
    for row in order {
        let winner = &winners[row];
        let event = down.world.told(&down.world.settle_pnl(0, winner.user), "PnlSettled");
        assert_eq!(number(&event, "amount_atoms"), 0, "nobody else makes a winner give anything up");
        let state = down.world.market(0);
        let (pool, deficit) = (i128::from(state.pool_atoms), i128::from(state.deficit_atoms));
        let position = down.world.position(winner, 0).expect("a slot");
        let profit = i128::from(position.cash_atoms + position.entry_atoms);
        let event = down.world.told(&down.world.settle_own_pnl(winner, 0), "PnlSettled");
        let (paid, given_up) = (number(&event, "amount_atoms"), number(&event, "given_up_atoms"));
        assert_eq!(i128::from(paid), profit * pool / (pool + deficit), "{profit} at {pool} and {deficit}");
        assert_eq!(i128::from(given_up), profit - i128::from(paid));
        assert_eq!(number(&event, "deficit_atoms"), deficit as i64 - given_up);
        let event = down.world.told(&down.world.settle_own_pnl(winner, 0), "PnlSettled");
        assert_eq!(number(&event, "amount_atoms"), 0, "all of it was settled");
        all[row] = paid;
    }
    all
}

/// A loser pays while a deficit is open, whoever asks; when fees have repaid it, a winner is paid in full again.
fn i09_a_repaid_deficit_costs_nobody() {
    let mut down = recorded();
    let event = down.world.told(&down.world.settle_pnl(0, down.carol.user), "PnlSettled");
    assert!(number(&event, "amount_atoms") < -1_500_000_000);
    // The fund pays in what is missing, as fees would.
    let deficit = down.world.market(0).deficit_atoms;
    down.world.edit::<Market>(market(0), |state| {
        state.deficit_atoms = 0;
        state.pool_atoms += deficit;
    });
    down.settle_at(42_000);
    down.world.ok(&down.world.touch_position(0, down.bob.user));
    let position = down.world.position(&down.bob, 0).expect("a slot");
    let event = down.world.ok(&down.world.settle_pnl(0, down.bob.user)).event("PnlSettled");
    let profit = position.cash_atoms + position.entry_atoms;
    assert!(profit > 200_000_000);
    assert_eq!((number(&event, "given_up_atoms"), number(&event, "amount_atoms")), (0, profit));
}
