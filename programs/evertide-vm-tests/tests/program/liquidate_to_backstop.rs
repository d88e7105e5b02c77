//! `liquidate_to_backstop`: below backstop margin a position moves to its market's own account, as far as insurance could
//! carry it; what does not fit is deleveraged below ADL margin.

use evertide_vm_tests::{
    exchange::{insurance, market},
    state::{Insurance, Market, Position, User},
    terms::{PRICES, USD},
    tests,
    way_down::backstop,
    world::World,
};

use crate::downfall::{
    funded_backstop, held, held_with, number, order, resting, trade, uninsured, Downfall, ABOVE_BACKSTOP, BANKRUPT,
    BELOW_ADL, BELOW_BACKSTOP, BELOW_CANCEL, BELOW_MAINTENANCE, LOTS,
};

tests!(
    takes_a_long_whole,
    takes_a_short_whole,
    fees_stay_within_the_equity,
    takes_what_insurance_could_carry,
    lots_of_the_other_side_take_no_room,
    a_day_limits_what_insurance_carries,
    its_own_equity_widens_its_room,
    deleverages_what_does_not_fit,
    i14_deleveraging_at_mark_costs_the_winners_nothing,
    insurance_of_zero_is_passed_over,
    a_backstop_is_liquidated_like_any_other,
    a_backstop_goes_bankrupt_like_any_other,
    a_backstop_under_water_has_used_its_cover,
    a_healthy_backstop_closes_against_orders,
    v24_no_reward_takes_a_slot_of_a_backstop,
    its_profit_repays_a_deficit_first,
    its_profit_goes_to_the_fund,
    refuses_the_backstop_of_another_market,
    refusals,
);

fn takes_whole(sign: i64, usd: u64) {
    let mut down = Downfall::begun(sign * LOTS, usd);
    let (price, before) = (usd as i64 * 100, down.world.worth(&down.alice, 0));
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!((event["backstop"].as_bool(), number(&event, "size_lots")), (Some(true), sign * LOTS));
    assert_eq!((number(&event, "deleveraged_lots"), event["ended"].as_bool()), (0, Some(true)));
    let fee = LOTS * price / 100;
    assert_eq!(number(&event, "liquidator_fee_atoms"), fee);
    assert_eq!(number(&event, "insurance_fee_atoms"), fee / 2);
    let own = down.world.worth(&backstop(0), 0);
    assert_eq!((own.0, own.1, own.2), (sign * LOTS, -sign * LOTS * price + fee, fee));
    assert_eq!(down.world.worth(&down.alice, 0).1, before.2 - fee * 3 / 2);
    assert_eq!(down.world.market(0).open_interest_lots, [LOTS as u64; 2]);
}

fn takes_a_long_whole() {
    takes_whole(1, BELOW_BACKSTOP);
}

fn takes_a_short_whole() {
    takes_whole(-1, 54_400);
}

fn fees_stay_within_the_equity() {
    let mut down = Downfall::begun(LOTS, 44_770);
    let equity = down.world.equity(&down.alice);
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!(number(&event, "liquidator_fee_atoms") + number(&event, "insurance_fee_atoms"), equity);
    assert_eq!(down.world.equity(&down.alice), 0);
}

/// Leaves the fund this many dollars beside its tranche of $20,000.
fn beside_the_tranche(world: &mut World, usd: u64) {
    uninsured(world, 20_000 + usd);
    world.edit::<Insurance>(insurance(), |fund| fund.tranche_atoms = 20_000 * USD);
}

/// One stress move is 2 %: $30 carry 329 lots of $4.55. The tranche carries nothing.
fn takes_what_insurance_could_carry() {
    let mut down = held(LOTS);
    beside_the_tranche(&mut down.world, 30);
    down.begin(45_500);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    let event = down.world.told(&call, "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), number(&event, "deleveraged_lots")), (329, 0));
    assert_eq!(event["ended"].as_bool(), Some(false));
    // What it holds now counts, and its own equity, the fee of 1 %: $44.96 carry 494 in all.
    let event = down.world.told(&call, "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 494 - 329);
}

/// 500 lots that it holds on the other side are closed first: with $30 it ends with the same 329 lots.
fn lots_of_the_other_side_take_no_room() {
    let mut down = held(LOTS);
    beside_the_tranche(&mut down.world, 30);
    let (lots, cash) = (500, 500 * 4_550_000);
    down.world.edit::<User>(down.bob.user, |user| {
        user.positions[0].basis_lots += lots;
        user.positions[0].cash_atoms -= cash;
    });
    let part = Position { basis_lots: -lots, cash_atoms: cash, ..down.world.position(&down.bob, 0).expect("a short") };
    down.world.edit::<User>(backstop(0).user, |user| (user.positions[0], user.position_count) = (part, 1));
    down.world.edit::<Market>(market(0), |state| state.position_count[1] += 1);
    down.begin(45_500);
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 329 + 500);
    assert_eq!(number(&event, "liquidator_position_lots_after"), 329);
}

/// The market's limit for a day, of which a part is used.
fn a_day_limits_what_insurance_carries() {
    let mut down = held(LOTS);
    let day = (down.world.now_ms() / 86_400_000) as u32;
    down.world.edit::<Market>(market(0), |state| {
        state.terms.insurance_day_max_atoms = 100 * USD;
        (state.insurance_day, state.insurance_used_atoms) = (day, 8 * USD);
    });
    down.begin(BELOW_BACKSTOP);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    let event = down.world.clone().told(&call, "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 1_006);
    // Tomorrow's limit is a new one: $100 carry 1,094.
    down.world.edit::<Market>(market(0), |state| state.insurance_day = day - 1);
    let event = down.world.told(&call, "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 1_094);
}

fn its_own_equity_widens_its_room() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 20_000);
    funded_backstop(&mut down.world, &down.carol, 92);
    down.begin(BELOW_BACKSTOP);
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), 1_006);
}

/// Between backstop and ADL margin the rest stays; below it the rest is closed against bob at mark.
fn deleverages_what_does_not_fit() {
    for (sign, high, low) in [(1, BELOW_BACKSTOP, BELOW_ADL), (-1, 54_400, 55_000)] {
        let mut down = held(sign * LOTS);
        beside_the_tranche(&mut down.world, 92);
        down.settle_at(high);
        down.begin(high);
        let call = down.world.liquidate_to_backstop(0, &down.alice);
        let event = down.world.clone().told(&call, "PositionLiquidated");
        assert_eq!(number(&event, "deleveraged_lots"), 0);
        down.settle_at(low);
        let (bob, alice) = (down.world.equity(&down.bob), down.world.equity(&down.alice));
        let event = down.world.told(&call, "PositionLiquidated");
        let (moved, closed) = (number(&event, "size_lots") * sign, number(&event, "deleveraged_lots"));
        assert!(moved > 800 && moved + closed == LOTS, "{moved} moved, {closed} closed");
        let fees = number(&event, "liquidator_fee_atoms") + number(&event, "insurance_fee_atoms");
        assert_eq!(down.world.equity(&down.alice), alice - fees);
        assert_eq!(down.world.market(0).open_interest_lots, [moved as u64; 2]);
        let left = down.world.worth(&down.bob, 0).0;
        assert!((moved - 1..=moved).contains(&(-sign * left)), "{left} lots are left to bob of {moved}");
        let gain = down.world.equity(&down.bob) - bob;
        assert!((-100..=5).contains(&gain), "bob's equity moved by {gain} at mark");
    }
}

/// I-12, I-14: three winners are closed by the same part, at mark.
fn i14_deleveraging_at_mark_costs_the_winners_nothing() {
    let mut down = held(LOTS);
    let dave = down.world.funded("dave", 100_000);
    let erin = down.world.funded("erin", 100_000);
    trade(&mut down.world, &dave, &down.carol, -3_800);
    trade(&mut down.world, &erin, &down.carol, -5_700);
    uninsured(&mut down.world, 20_000);
    down.settle_at(BELOW_ADL);
    down.begin(BELOW_ADL);
    let winners = [down.bob.clone(), dave, erin];
    let before: Vec<_> =
        winners.iter().map(|winner| (down.world.worth(winner, 0), down.world.equity(winner))).collect();
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), number(&event, "deleveraged_lots")), (0, LOTS));
    for (winner, ((size, ..), equity)) in winners.iter().zip(before) {
        let after = down.world.worth(winner, 0);
        // A sixth: 1,900 of 11,400.
        assert!((after.0 - size * 5 / 6).abs() <= 1, "{size} lots became {}", after.0);
        let gain = down.world.equity(winner) - equity;
        // The fraction of a lot that is dropped is known to 2^-16 of it, at most 100 atoms.
        assert!((-100..=5).contains(&gain), "a winner's equity moved by {gain} at mark");
        down.world.told(&down.world.touch_position(0, winner.user), "PositionTouched");
    }
}

/// Nothing to carry anything with: above ADL margin there is no way, below it all is deleveraged.
fn insurance_of_zero_is_passed_over() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    down.begin(BELOW_BACKSTOP);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    down.world.fails(&call, "BackstopFull");
    down.price(BELOW_ADL);
    let event = down.world.told(&call, "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), number(&event, "deleveraged_lots")), (0, LOTS));
    assert_eq!((number(&event, "liquidator_fee_atoms"), number(&event, "insurance_fee_atoms")), (0, 0));
    let state = down.world.market(0);
    assert_eq!((state.open_interest_lots, state.epoch), ([0, 0], [0, 1]), "the side of the winners starts anew");
}

fn a_backstop_is_liquidated_like_any_other() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    // It has $86.83 of fees behind $8,683: below maintenance from the start.
    down.world.told(&down.world.liquidate_orders(&own), "OrdersLiquidated");
    let call = down.world.liquidate_position(0, &own, &down.carol, u64::MAX);
    let event = down.world.told(&call, "PositionLiquidated");
    assert!(number(&event, "size_lots") > 1_000);
    // It never moves to itself.
    down.world.assert_sound();
    let call = down.world.liquidate_to_backstop(0, &own);
    let before = down.world.snapshot();
    assert!(down.world.send(&call).is_err(), "a backstop took over its own position");
    down.world.assert_unchanged(&before, "liquidate_to_backstop");
}

fn a_backstop_goes_bankrupt_like_any_other() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    down.price(BANKRUPT);
    down.world.ok(&down.world.liquidate_orders(&own));
    let deficit = -down.world.equity(&own);
    assert!(deficit > 0);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &own), "BankruptcyResolved");
    assert_eq!((number(&event, "deficit_atoms"), number(&event, "recorded_atoms")), (deficit, 0));
    assert_eq!((down.world.equity(&own), down.world.user(&own).position_count), (0, 0));
}

/// $200 of insurance, of which the backstop has lost more: nothing is left to carry alice with.
fn a_backstop_under_water_has_used_its_cover() {
    let mut down = held(LOTS);
    let dave = down.world.funded("dave", 1_000);
    trade(&mut down.world, &dave, &down.bob, LOTS);
    beside_the_tranche(&mut down.world, 200);
    down.begin(BELOW_BACKSTOP);
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), LOTS);
    down.price(45_000);
    let lost = -down.world.equity(&backstop(0));
    assert!((40_000_000..50_000_000).contains(&lost), "the backstop has lost {lost}");
    down.world.ok(&down.world.liquidate_orders(&dave));
    // ($200 - $46) / $0.09 are 1,709 lots, of which 1,900 are held: below ADL margin the rest goes to bob.
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &dave), "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), number(&event, "deleveraged_lots")), (0, LOTS));
}

/// Nobody signs for it, so that anybody closes it at any health: all of its lots, at the taker fee of its tier.
fn a_healthy_backstop_closes_against_orders() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    down.settle_at(BELOW_CANCEL);
    assert!(down.world.equity(&own) > 500_000_000);
    let far = resting(&mut down.world, &down.carol, false, 475_000, 100);
    let near = resting(&mut down.world, &down.carol, false, 476_000, 5_000);
    let close = |down: &Downfall, id| down.world.liquidate_with_orders(0, &own, u64::MAX, &[(&down.carol, id)]);
    down.world.fails(&close(&down, far), "NothingFilled");
    let event = down.world.told(&close(&down, near), "LiquidationMatched");
    let fill = &event["fills"][0];
    assert_eq!((number(fill, "size_lots"), number(&event, "insurance_fee_atoms")), (LOTS, 0));
    assert_eq!(number(fill, "taker_fee_atoms"), LOTS * 4_760_000 * 35 / 100_000);
    assert_eq!(event["ended"].as_bool(), Some(false), "no liquidation had begun");
    assert_eq!(down.world.worth(&own, 0).0, 0);
    down.world.fails(&close(&down, near), "NothingToLiquidate");
    // Below maintenance margin, before anybody has begun its liquidation: the same, and nothing is counted for one.
    let mut low = Downfall::calm(LOTS, BELOW_BACKSTOP);
    low.world.ok(&low.world.liquidate_to_backstop(0, &low.alice));
    let maker = resting(&mut low.world, &low.carol, false, 457_000, 100);
    let event = low.world.told(&close(&low, maker), "LiquidationMatched");
    assert_eq!(event["ended"].as_bool(), Some(false));
    let mut other = Downfall::begun(LOTS, BELOW_BACKSTOP);
    other.world.ok(&other.world.liquidate_to_backstop(0, &other.alice));
    other.price(BANKRUPT);
    let maker = resting(&mut other.world, &other.carol, false, 440_000, 100);
    other.world.fails(&close(&other, maker), "UserBankrupt");
}

/// V-24: a keeper names a backstop as its own account, of this market and of another: nobody signs for one.
fn v24_no_reward_takes_a_slot_of_a_backstop() {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
    let maker = resting(&mut world, &alice, false, 500_000, 100);
    let taker = order(&mut world, &bob, true, 500_000, 100);
    for index in [0, 1] {
        let own = backstop(index);
        let call = world.match_orders_for(0, Some(&own), &bob, taker, &[(&alice, maker)]).with("keeper", world.keeper);
        world.fails(&call, "NotAuthorityOrDelegate");
    }
}

/// Its profit is the exchange's: while a deficit is open, it repays that before anything of it is paid, whoever settles.
fn its_profit_repays_a_deficit_first() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    down.settle_at(BELOW_CANCEL);
    let near = resting(&mut down.world, &down.carol, false, 476_000, 5_000);
    down.world.ok(&down.world.liquidate_with_orders(0, &own, u64::MAX, &[(&down.carol, near)]));
    let profit = down.world.worth(&own, 0).1;
    assert!(profit > 400_000_000);
    for deficit in [100 * USD, profit as u64 + 7] {
        let mut world = down.world.clone();
        world.ok(&world.settle_pnl(0, down.alice.user));
        world.edit::<Market>(market(0), |state| state.deficit_atoms = deficit);
        let event = world.ok(&world.settle_pnl(0, own.user)).event("PnlSettled");
        let repaid = profit.min(deficit as i64);
        assert_eq!(number(&event, "given_up_atoms"), repaid);
        assert_eq!(number(&event, "deficit_atoms"), deficit as i64 - repaid);
        assert!(number(&event, "amount_atoms") <= profit - repaid);
    }
}

/// Once it holds nothing else, what it earned belongs to the fund; until then nothing is taken from it.
fn its_profit_goes_to_the_fund() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    down.world.ok(&down.world.settle_pnl(0, down.alice.user));
    down.price(BELOW_CANCEL);
    down.world.ok(&down.world.deposit(&down.carol, 0, 5 * USD).with("user", own.user));
    let event = down.world.told(&down.world.collect_fees(0), "FeesCollected");
    assert_eq!(number(&event, "backstop_atoms"), 0, "it holds a position");
    // Carol takes it over step by step, while the price falls again.
    let mut usd = BELOW_MAINTENANCE;
    while down.world.worth(&own, 0).0 != 0 {
        down.wait(301, usd);
        usd -= 500;
        if down.world.user(&own).liquidation_start_ms == 0
            && down.world.send(&down.world.liquidate_orders(&own)).is_err()
        {
            continue;
        }
        down.wait(60, usd + 500);
        let call = down.world.liquidate_position(0, &own, &down.carol, u64::MAX);
        down.world.told(&call, "PositionLiquidated");
    }
    for trader in [down.alice.clone(), down.bob.clone(), own.clone()] {
        if down.world.position(&trader, 0).is_some() {
            down.world.ok(&down.world.settle_pnl(0, trader.user));
        }
    }
    let (left, fund) = (down.world.user(&own).quote_atoms, down.world.insurance().balance_atoms);
    assert_eq!(down.world.user(&own).position_count, 0);
    assert!(left > 0, "{left} are left");
    // Anybody deposits for anybody: a lamport in the backstop keeps none of it there.
    down.world.ok(&down.world.deposit(&down.carol, 1, 1).with("user", own.user));
    let event = down.world.told(&down.world.collect_fees(0), "FeesCollected");
    assert_eq!(number(&event, "backstop_atoms"), left);
    let paid = number(&event, "insurance_atoms") + number(&event, "interest_atoms") + left;
    assert_eq!(down.world.insurance().balance_atoms as i64, fund as i64 + paid);
    assert_eq!(down.world.user(&own).quote_atoms, 0);
}

/// The backstop is known by its authority, the market's own address.
fn refuses_the_backstop_of_another_market() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    for account in [backstop(1).user, down.carol.user] {
        down.world.fails(&call.clone().with("backstop", account), "NotBackstopOfMarket");
        down.world.fails(&down.world.collect_fees(0).with("backstop", account), "NotBackstopOfMarket");
    }
}

fn refusals() {
    let mut down = held(LOTS);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    down.price(BELOW_BACKSTOP);
    down.world.fails(&call, "LiquidationNotStarted");
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.fails(&down.world.liquidate_to_backstop(1, &down.alice), "PositionNotFound");
    down.price(ABOVE_BACKSTOP);
    down.world.fails(&call, "AccountHealthy");
    down.price(BANKRUPT);
    down.world.fails(&call, "UserBankrupt");
    down.price(BELOW_BACKSTOP);
    down.world.edit::<Market>(market(0), |state| state.validity = evertide_math::oracle::TOO_VOLATILE);
    down.world.fails(&call, "OracleValidityForbids");
    let mut other = down.world.clone();
    other.edit::<Market>(market(0), |state| state.validity = 0);
    other.told(&call, "PositionLiquidated");
    // A slot that holds only cash is nothing to move: alice loses in ETH what is left to her.
    let mut down = held_with(1_000, 1_000);
    down.world.trade(1, &down.alice, &down.bob, 300_000, 1_600);
    trade(&mut down.world, &down.bob, &down.alice, 1_000);
    down.world.pass(1, &[PRICES[0], 2_430 * USD, PRICES[2]]);
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.fails(&call, "NothingToLiquidate");
}
