//! `resolve_bankruptcy`: who pays a deficit, in which order, and when there is none to pay.

use evertide_vm_tests::{
    exchange::{collateral, insurance, market},
    state::{Bankruptcy, Collateral, Insurance, Market, MarketStatus, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::{limit, post_only},
    world::World,
};

use crate::downfall::{
    held, held_with, number, prices, trade, uninsured, Downfall, Spoiled, BANKRUPT, BELOW_ADL, LOTS,
};

tests!(
    i14_the_markets_fees_pay_first,
    i14_then_insurance_beside_the_tranche,
    i14_within_the_limit_of_the_day,
    i14_then_the_other_side_at_the_bankruptcy_price,
    i14_a_bankrupt_short_too,
    i14_at_most_maintenance_margin_a_lot,
    i14_then_the_tranche,
    i14_the_tranche_within_the_limit_of_the_day,
    i14_then_the_record,
    i12_who_is_flat_loses_nothing,
    i13_opens_while_collateral_is_left,
    closes_when_it_is_solvent_again,
    an_open_bankruptcy_outlives_its_liquidation,
    v36_a_solvent_user_is_refused,
    refusals,
);

/// Alice bankrupt at this price.
fn bankrupt(sign: i64, usd: u64) -> Downfall {
    Downfall::begun(sign * LOTS, usd)
}

/// What `resolve_bankruptcy` says, with the parts of the share adding up.
fn resolved(down: &mut Downfall) -> serde_json::Value {
    let deficit = -down.world.equity(&down.alice);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!((number(&event, "deficit_atoms"), number(&event, "share_atoms")), (deficit, deficit), "{event}");
    let parts = ["fees_atoms", "insurance_atoms", "deleveraged_atoms", "tranche_atoms", "recorded_atoms"];
    let paid: i64 = parts.iter().map(|part| number(&event, part)).sum();
    assert!((0..=1).contains(&(paid - deficit)), "{paid} paid of {deficit}: {event}");
    assert_eq!((number(&event, "step"), event["ended"].as_bool()), (2, Some(true)));
    assert_eq!(number(&event, "closed_lots").abs(), LOTS);
    // Nothing is left of the account, and nothing is owed by it.
    let user = down.world.user(&down.alice);
    assert!((0..=1).contains(&down.world.equity(&down.alice)));
    assert!((user.position_count, user.liquidation_start_ms) == (0, 0) && (0..=1).contains(&user.quote_atoms));
    event
}

/// Pending fees that the pool holds, as a market has them that traded much.
fn with_fees(down: &mut Downfall, usd: u64) {
    down.world.edit::<Market>(market(0), |state| {
        state.pending_fees_atoms += usd * USD;
        state.pending_insurance_atoms += usd * USD / 5;
        state.pool_atoms += usd * USD;
    });
    down.world.edit::<Insurance>(insurance(), |fund| fund.balance_atoms -= usd * USD);
}

/// $139.05 are missing at $44,000, and the market has charged $500.
fn i14_the_markets_fees_pay_first() {
    let mut down = bankrupt(1, BANKRUPT);
    with_fees(&mut down, 500);
    let (fund, fees) = (down.world.insurance(), down.world.market(0).pending_fees_atoms as i64);
    let event = resolved(&mut down);
    assert_eq!(number(&event, "fees_atoms"), number(&event, "deficit_atoms"));
    let state = down.world.market(0);
    assert_eq!(state.pending_fees_atoms as i64, fees - number(&event, "fees_atoms"));
    assert_eq!((state.deficit_atoms, down.world.insurance()), (0, fund));
    // The position closes at mark against bob, who keeps what he won.
    assert_eq!(number(&event, "price_q32") >> 32, 4_400_000);
    assert_eq!(state.open_interest_lots, [0, 0]);
}

fn i14_then_insurance_beside_the_tranche() {
    let mut down = bankrupt(1, BANKRUPT);
    let (before, bob) = (down.world.insurance(), down.world.equity(&down.bob));
    let event = resolved(&mut down);
    let paid = number(&event, "insurance_atoms");
    assert!(number(&event, "fees_atoms") > 0 && paid > 0);
    assert_eq!((number(&event, "deleveraged_atoms"), number(&event, "tranche_atoms")), (0, 0));
    let after = down.world.insurance();
    assert_eq!(before.balance_atoms - after.balance_atoms, paid as u64);
    assert_eq!((after.tranche_atoms, after.paid_atoms), (before.tranche_atoms, paid as u64));
    assert!((-2..=0).contains(&(down.world.equity(&down.bob) - bob)), "the winner keeps his profit");
    assert_eq!(down.world.market(0).insurance_used_atoms, paid as u64);
    // And is paid.
    down.world.told(&down.world.settle_pnl(0, down.bob.user), "PnlSettled");
    assert!(down.world.user(&down.bob).quote_atoms > 101_100_000_000);
}

fn i14_within_the_limit_of_the_day() {
    let mut down = bankrupt(1, BANKRUPT);
    let day = (down.world.now_ms() / 86_400_000) as u32;
    down.world.edit::<Market>(market(0), |state| {
        state.terms.insurance_day_max_atoms = 100 * USD;
        (state.insurance_day, state.insurance_used_atoms) = (day, 40 * USD);
    });
    let event = resolved(&mut down);
    assert_eq!(number(&event, "insurance_atoms"), 60_000_000);
    assert!(number(&event, "deleveraged_atoms") > 70_000_000, "bob bears the rest: {event}");
    assert_eq!(down.world.market(0).insurance_used_atoms, 100 * USD);
    let mut other = bankrupt(1, BANKRUPT);
    other.world.edit::<Market>(market(0), |state| {
        state.terms.insurance_day_max_atoms = 100 * USD;
        (state.insurance_day, state.insurance_used_atoms) = (day - 1, 40 * USD);
    });
    assert_eq!(number(&resolved(&mut other), "insurance_atoms"), 100_000_000, "another day");
    let state = other.world.market(0);
    assert_eq!((state.insurance_day, state.insurance_used_atoms), (day, 100 * USD), "counted from nothing");
}

fn deleverages(sign: i64, usd: u64) {
    let mut down = held(sign * LOTS);
    uninsured(&mut down.world, 20_000);
    down.settle_at(usd);
    down.begin(usd);
    let bob = down.world.equity(&down.bob);
    let event = resolved(&mut down);
    let (fees, paid) = (number(&event, "fees_atoms"), number(&event, "deleveraged_atoms"));
    assert_eq!(fees + paid, number(&event, "deficit_atoms") + (fees + paid - number(&event, "deficit_atoms")));
    assert_eq!((number(&event, "tranche_atoms"), number(&event, "recorded_atoms")), (0, 0));
    // Mark moved against bob by the deficit over the lots.
    let shift = (number(&event, "price_q32") >> 32) - usd as i64 * 100;
    assert!((sign * shift - paid / LOTS).abs() <= 1, "a shift of {shift} atoms a lot for {paid}");
    assert!((0..=2).contains(&(bob - down.world.equity(&down.bob) - paid)), "bob bears what it says");
    assert_eq!(event["epoch"].as_array().map(|epoch| epoch[usize::from(sign > 0)].as_i64()), Some(Some(1)));
    // Folded, settled, withdrawn.
    let event = down.world.told(&down.world.touch_position(0, down.bob.user), "PositionTouched");
    assert_eq!(number(&event, "size_lots"), 0);
    down.world.told(&down.world.settle_pnl(0, down.bob.user), "PnlSettled");
    assert!(down.world.position(&down.bob, 0).is_none());
}

fn i14_then_the_other_side_at_the_bankruptcy_price() {
    deleverages(1, BANKRUPT);
}

fn i14_a_bankrupt_short_too() {
    deleverages(-1, 56_000);
}

/// At $42,000 $519 are missing: 5 % of $4.20 a lot are $399 of it, the rest goes on.
fn i14_at_most_maintenance_margin_a_lot() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 20_000);
    down.begin(42_000);
    let event = resolved(&mut down);
    assert_eq!(number(&event, "deleveraged_atoms"), LOTS * 4_200_000 / 20);
    assert_eq!(number(&event, "price_q32") >> 32, 4_200_000 * 21 / 20);
    assert!(number(&event, "tranche_atoms") > 100_000_000);
}

fn i14_then_the_tranche() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 50);
    down.begin(42_000);
    let event = resolved(&mut down);
    assert_eq!(number(&event, "tranche_atoms"), 50_000_000);
    assert!(number(&event, "recorded_atoms") > 50_000_000);
    let fund = down.world.insurance();
    assert_eq!((fund.balance_atoms, fund.tranche_atoms), (0, 0));
}

/// A market takes of the tranche what it may take of insurance in a day, and the rest is recorded: most of the tranche stays
/// for the others.
fn i14_the_tranche_within_the_limit_of_the_day() {
    for (days_ago, used, tranche) in [(0, 0, 100), (0, 40, 60), (0, 100, 0), (1, 100, 100)] {
        let mut down = held(LOTS);
        uninsured(&mut down.world, 20_000);
        down.begin(42_000);
        let day = (down.world.now_ms() / 86_400_000) as u32;
        down.world.edit::<Market>(market(0), |state| {
            state.terms.insurance_day_max_atoms = 100 * USD;
            (state.insurance_day, state.tranche_used_atoms) = (day - days_ago, used * USD);
        });
        let event = resolved(&mut down);
        assert_eq!(number(&event, "tranche_atoms"), (tranche * USD) as i64, "{event}");
        let recorded = number(&event, "recorded_atoms");
        assert!(recorded > 10_000_000, "{event}");
        let (state, fund) = (down.world.market(0), down.world.insurance());
        assert_eq!((state.insurance_day, state.tranche_used_atoms, state.insurance_used_atoms), (day, 100 * USD, 0));
        assert_eq!(state.deficit_atoms as i64, recorded);
        assert_eq!((fund.tranche_atoms, fund.balance_atoms), ((20_000 - tranche) * USD, (20_000 - tranche) * USD));
    }
}

/// Insurance of zero is passed over; a claim without backing is left.
fn i14_then_the_record() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    down.begin(42_000);
    let event = resolved(&mut down);
    assert_eq!((number(&event, "insurance_atoms"), number(&event, "tranche_atoms")), (0, 0));
    let recorded = number(&event, "recorded_atoms");
    assert!(recorded > 100_000_000);
    let state = down.world.market(0);
    assert_eq!((state.deficit_atoms as i64, number(&event, "market_deficit_atoms")), (recorded, recorded));
}

/// I-12: dave holds no position and owes nothing; his balance, and what he can take out, is what it was.
fn i12_who_is_flat_loses_nothing() {
    let mut down = held(LOTS);
    let dave = down.world.funded("dave", 5_000);
    uninsured(&mut down.world, 0);
    down.begin(42_000);
    resolved(&mut down);
    for trader in [&down.bob.clone(), &down.alice.clone()] {
        if down.world.position(trader, 0).is_some() {
            down.world.told(&down.world.settle_pnl(0, trader.user), "PnlSettled");
        }
    }
    down.world.told(&down.world.withdraw(&dave, 0, 5_000 * USD), "Withdrawn");
}

/// Alice with $10,000 of SOL, of which $9,000 count, and 10,000 lots that lost $9,900.
fn with_collateral() -> Downfall {
    let mut world = World::open();
    let alice = world.trader("alice");
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    trade(&mut world, &alice, &bob, 10_000);
    let mut down = Downfall { world, alice, bob, carol };
    down.begin(40_100);
    down
}

fn i13_opens_while_collateral_is_left() {
    let mut down = with_collateral();
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!((number(&event, "step"), number(&event, "bankruptcies_open")), (1, 1));
    assert_eq!(number(&event, "share_atoms"), 0);
    let state = down.world.market(0);
    assert_eq!((state.latch, state.bankruptcies_open), (1, 1));
    assert_eq!(down.world.cache().markets[0].status, MarketStatus::ReduceOnly as u8);
    assert_eq!(down.world.position(&down.alice, 0).map(|held| held.bankruptcy), Some(Bankruptcy::Open as u8));
    down.world.fails(&call, "CollateralRemains");
    // Nobody opens now; whoever reduces still can.
    let open = post_only(0, false, 400_000, 10);
    down.world.fails(&down.world.place_orders(&down.carol, &[open]), "MarketStatusForbids");
    let mut reduce = limit(0, false, 401_000, 10);
    reduce.reduce_only = true;
    down.world.ok(&down.world.place_orders(&down.bob, &[reduce]));
    // Sold, resolved, open again for all.
    down.wait(60, 40_100);
    let sale = down.world.liquidate_collateral(1, &down.alice, &down.carol, u64::MAX);
    down.world.told(&sale, "CollateralLiquidated");
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!((number(&event, "step"), number(&event, "bankruptcies_open")), (2, 0));
    assert_eq!((down.world.market(0).latch, down.world.cache().markets[0].status), (0, 0));
    down.world.place(&down.carol, post_only(0, false, 400_000, 10));
}

/// The price recovers: the latch is taken back, once.
fn closes_when_it_is_solvent_again() {
    let mut down = with_collateral();
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    down.world.told(&call, "BankruptcyResolved");
    down.price(42_000);
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!((number(&event, "step"), number(&event, "bankruptcies_open")), (0, 0));
    assert_eq!((event["ended"].as_bool(), down.world.market(0).latch), (Some(false), 0));
    down.world.fails(&call, "UserSolvent");
    // Deeper again: it opens again.
    down.price(40_100);
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!(number(&event, "step"), 1);
    down.price(48_000);
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!((number(&event, "step"), event["ended"].as_bool()), (0, Some(true)));
}

/// The owner pays, the liquidation ends by itself, the position is closed: the latch can still be taken back.
fn an_open_bankruptcy_outlives_its_liquidation() {
    let mut down = with_collateral();
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    down.world.told(&call, "BankruptcyResolved");
    down.world.ok(&down.world.deposit(&down.alice, 0, 20_000 * USD));
    down.world.told(&down.world.liquidate_orders(&down.alice), "OrdersLiquidated");
    for _ in 0..8 {
        down.wait(301, 41_000);
    }
    let reduce = |ask: bool| {
        let mut order = limit(0, ask, 410_000, 10_000);
        order.reduce_only = true;
        order
    };
    let maker = down.world.place(&down.alice, reduce(true));
    down.world.advance_slots(1);
    let taker = down.world.place(&down.bob, reduce(false));
    down.world.ok(&down.world.match_orders(0, &down.bob, taker, &[(&down.alice, maker)]));
    down.world.told(&down.world.settle_pnl(0, down.alice.user), "PnlSettled");
    assert_eq!(down.world.market(0).latch, 1, "the slot stays until its latch is taken back");
    let event = down.world.told(&call, "BankruptcyResolved");
    assert_eq!((number(&event, "step"), down.world.market(0).latch), (0, 0));
    assert!(down.world.position(&down.alice, 0).is_none());
    down.world.fails(&call, "UserSolvent");
}

fn v36_a_solvent_user_is_refused() {
    let mut down = held_with(1_000, LOTS);
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    down.world.fails(&call, "UserSolvent");
    down.begin(BELOW_ADL);
    down.world.fails(&call, "UserSolvent");
    // At exactly zero there is nothing to pay either.
    let equity = down.world.equity(&down.alice);
    down.world.edit::<User>(down.alice.user, |user| user.quote_atoms -= equity);
    down.world.edit::<Collateral>(collateral(0), |quote| quote.total_atoms -= equity as u64);
    assert_eq!(down.world.equity(&down.alice), 0);
    down.world.fails(&call, "UserSolvent");
}

fn refusals() {
    let mut down = held(LOTS);
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    down.price(BANKRUPT);
    down.world.fails(&call, "LiquidationNotStarted");
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.fails(&down.world.resolve_bankruptcy(1, &down.alice), "BankruptcyMarketWrong");
    down.world.fails(&call.clone().with("quote", collateral(1)), "NotQuoteAsset");
    let bad: [Spoiled; 3] = [
        ("OracleValidityForbids", |state| state.validity = evertide_math::oracle::TOO_VOLATILE),
        ("MarketStatusForbids", |state| state.status = MarketStatus::Closed as u8),
        ("MarketHasNoPrice", |state| state.index_price_q32 = 0),
    ];
    for (error, change) in bad {
        let mut other = down.world.clone();
        other.edit::<Market>(market(0), change);
        other.fails(&call, error);
    }
    // With collateral left, only a market at stake is opened.
    let mut other = with_collateral();
    other.world.fails(&other.world.resolve_bankruptcy(1, &other.alice), "BankruptcyMarketWrong");
    other.world.edit::<User>(other.alice.user, |user| user.positions[1].market_plus_one = 2);
    other.world.edit::<User>(other.alice.user, |user| user.position_count = 2);
    other.world.fails(&other.world.resolve_bankruptcy(1, &other.alice), "BankruptcyMarketWrong");
    assert_eq!(prices(BANKRUPT)[1], PRICES[1]);
}
