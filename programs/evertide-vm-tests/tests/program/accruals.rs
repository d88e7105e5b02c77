//! `accrue_market`, `accrue_debt`, `settle_pnl`, `touch_position`.

use evertide_vm_tests::{
    exchange::{collateral, exchange, market, vault},
    state::{Collateral, Exchange, Market, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::{post_only, Trader},
    world::World,
};

use crate::match_orders::stage;

tests!(
    i15_longs_pay_what_shorts_receive,
    i15_a_premium_is_paid_each_way,
    i15_the_same_interval_is_charged_once,
    debts_bear_interest,
    settling_moves_losses_then_profits,
    a_pool_pays_only_what_it_holds,
    v20_no_profit_is_paid_before_a_loss,
    debt_stays_within_its_limits,
    a_doubtful_price_settles_nothing,
    touching_folds,
    refusals,
    v14_a_side_that_was_left_behind_folds_once,
);

fn cash(world: &World, trader: &Trader) -> i64 {
    world.position(trader, 0).map_or(0, |position| position.cash_atoms)
}

/// Two hours with the interest component alone: 0.01 % per 8 h on $50,000, from the first full hour on.
fn i15_longs_pay_what_shorts_receive() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    let (long, short) = (cash(&world, &alice), cash(&world, &bob));
    let rate_from_ms = world.market(0).funding_hour_ms + 3_600_000;
    for _ in 0..120 {
        world.pass(60, &PRICES);
    }
    assert_eq!(world.market(0).funding_rate_e9, 12_500, "0.01 % / 8");
    world.ok(&world.touch_position(0, alice.user));
    world.ok(&world.touch_position(0, bob.user));
    let (paid, received) = (long - cash(&world, &alice), cash(&world, &bob) - short);
    let charged_ms = world.market(0).accrued_ms - rate_from_ms;
    assert!((3_600_000..7_200_000).contains(&charged_ms));
    assert_eq!(paid, (625_000 * charged_ms + 3_599_999) / 3_600_000, "$50,000 * 12.5e-6 an hour");
    assert!((0..=1).contains(&(paid - received)), "paid {paid}, received {received}");
    assert_eq!(world.position(&alice, 0).map(|position| position.funding_atoms), Some(-paid));
}

/// A book above the index makes longs pay, below it shorts.
fn i15_a_premium_is_paid_each_way() {
    for (bid, ask, sign) in [(502_000, 502_200, 1), (497_800, 498_000, -1)] {
        let (mut world, alice, bob) = stage();
        world.trade(0, &alice, &bob, 500_000, 1_000);
        let bid = world.place(&alice, post_only(0, false, bid, 200));
        let ask = world.place(&bob, post_only(0, true, ask, 200));
        let before = cash(&world, &alice);
        for _ in 0..480 {
            world.pass(15, &PRICES);
            world.ok(&world.update_mark(0, &[(&alice, bid)], &[(&bob, ask)]));
        }
        world.ok(&world.touch_position(0, alice.user));
        let paid = before - cash(&world, &alice);
        assert!(paid * sign > 100_000, "premium {sign}: longs paid {paid}");
        assert_eq!(world.market(0).funding_rate_e9.signum(), sign);
    }
}

fn i15_the_same_interval_is_charged_once() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.pass(7_200, &PRICES);
    let first = world.market(0).j;
    world.ok(&world.accrue_market(0));
    assert_eq!(world.market(0).j, first);
    let mut steps = world.clone();
    world.advance(3_600);
    world.ok(&world.accrue_market(0));
    for _ in 0..60 {
        steps.advance(60);
        steps.ok(&steps.accrue_market(0));
    }
    assert_eq!(world.market(0).j, steps.market(0).j, "sixty steps charge what one does");
}

/// 10 % a year on $1,000: an hour costs about 11,416 atoms, rounded up against the debtor.
fn debts_bear_interest() {
    let (mut world, alice, _) = stage();
    let now_ms = world.now_ms();
    world.edit::<User>(alice.user, |user| {
        user.quote_atoms = -1_000_000_000;
        user.debt_since_ms = now_ms;
    });
    world.edit::<Collateral>(collateral(0), |state| {
        state.total_atoms = 10_000 * USD;
        state.debt_atoms = 1_000 * USD;
    });
    world.advance(3_600);
    let event = world.ok(&world.accrue_debt()).event("DebtAccrued");
    assert_eq!(event["elapsed_ms"].as_i64(), Some(3_600_000));
    assert_eq!(world.exchange().debt_atoms, 1_000 * USD);
    world.ok(&world.deposit(&alice, 0, USD));
    let owed = -world.user(&alice).quote_atoms - 999_000_000;
    assert!((11_416..=11_420).contains(&owed), "an hour's interest is {owed}");
    assert_eq!(world.collateral(0).interest_atoms as i64, owed);
    world.fails(&world.accrue_debt().with("quote", collateral(1)), "NotQuoteAsset");
}

/// Alice buys 1,000 lots at 500,000 and sells at 495,000: $50 lost, bob gains it.
fn lost_and_won() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.trade(0, &bob, &alice, 495_000, 1_000);
    (world, alice, bob)
}

fn settling_moves_losses_then_profits() {
    let (mut world, alice, bob) = lost_and_won();
    let (loss, profit) = (cash(&world, &alice), cash(&world, &bob));
    assert!(loss < -50_000_000 && profit > 0);
    let outcome = world.ok(&world.settle_pnl(0, alice.user));
    let returned = i64::from_le_bytes(outcome.meta.return_data.data[..8].try_into().expect("an i64"));
    assert_eq!(returned, loss);
    let event = outcome.event("PnlSettled");
    assert_eq!(event["pool_atoms"].as_u64(), Some(loss.unsigned_abs()));
    assert_eq!(world.user(&alice).quote_atoms, 10_000_000_000 + loss);
    assert!(world.position(&alice, 0).is_none(), "an empty slot is freed");
    world.ok(&world.settle_pnl(0, bob.user));
    assert_eq!(world.user(&bob).quote_atoms, 10_000_000_000 + profit);
    let state = world.market(0);
    assert_eq!(state.pool_atoms, state.pending_fees_atoms, "what is left are the fees");
    world.fails(&world.settle_pnl(0, bob.user), "PositionNotFound");
}

/// V-22: profit belongs to its market until paid for.
fn v20_no_profit_is_paid_before_a_loss() {
    let (mut world, _, bob) = lost_and_won();
    let event = world.ok(&world.settle_pnl(0, bob.user)).event("PnlSettled");
    assert_eq!(event["amount_atoms"].as_i64(), Some(0), "the pool is empty: nothing is paid, nothing fails");
    assert_eq!(world.user(&bob).quote_atoms, 10_000_000_000);
}

fn a_pool_pays_only_what_it_holds() {
    let (mut world, _, bob) = lost_and_won();
    world.edit::<Market>(market(0), |state| state.pool_atoms = 1_000_000);
    let profit = cash(&world, &bob);
    let event = world.ok(&world.settle_pnl(0, bob.user)).event("PnlSettled");
    assert_eq!(event["amount_atoms"].as_i64(), Some(1_000_000));
    assert_eq!((cash(&world, &bob), world.market(0).pool_atoms), (profit - 1_000_000, 0));
}

/// Decision 4: a loser's debt is at most 20 % of its weighted collateral; the rest of the loss stays and counts fully.
fn debt_stays_within_its_limits() {
    let (mut world, alice, _) = lost_and_won();
    world.ok(&world.deposit(&alice, 1, SOL));
    let spend = world.user(&alice).quote_atoms as u64;
    world.edit::<User>(alice.user, |user| user.quote_atoms = 0);
    world.edit::<Collateral>(collateral(0), |state| state.total_atoms -= spend);
    let loss = cash(&world, &alice);
    let event = world.ok(&world.settle_pnl(0, alice.user)).event("PnlSettled");
    let moved = -event["amount_atoms"].as_i64().expect("an amount");
    // $100 of SOL less 5 bps of confidence at 80 %: $79.96, of which a fifth.
    assert!((15_990_000..=16_000_000).contains(&moved), "debt of {moved}");
    assert_eq!(cash(&world, &alice), loss + moved);
    let user = world.user(&alice);
    assert_eq!((user.quote_atoms, user.debt_since_ms), (-moved, world.now_ms()));
    assert_eq!(world.collateral(0).debt_atoms as i64, moved);
    let event = world.ok(&world.settle_pnl(0, alice.user)).event("PnlSettled");
    assert_eq!(event["amount_atoms"].as_i64(), Some(0), "no room is left");
    world.edit::<Exchange>(exchange(), |state| state.terms.debt_cap_bps = 0);
    world.ok(&world.settle_pnl(0, alice.user));
    assert_eq!(world.user(&alice).quote_atoms, -moved);
}

fn a_doubtful_price_settles_nothing() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.pass(60, &[PRICES[0] * 99 / 100, PRICES[1], PRICES[2]]);
    let mut doubtful = world.clone();
    doubtful.edit::<Market>(market(0), |state| state.validity = evertide_math::oracle::TOO_VOLATILE);
    let event = doubtful.ok(&doubtful.settle_pnl(0, alice.user)).event("PnlSettled");
    assert_eq!(event["amount_atoms"].as_i64(), Some(0));
    let event = world.ok(&world.settle_pnl(0, alice.user)).event("PnlSettled");
    let amount = event["amount_atoms"].as_i64().expect("an amount");
    assert!(amount < -10_000_000, "an unrealised loss of about 1 % of $5,000 settles: {amount}");
    let held = world.tokens(&vault(0));
    assert!(world.market(0).pool_atoms <= held);
}

fn touching_folds() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.fails(&world.touch_position(0, alice.user), "NothingToFold");
    for _ in 0..3 {
        world.pass(3_600, &PRICES);
    }
    let event = world.ok(&world.touch_position(0, alice.user)).event("PositionTouched");
    assert!(event["funding_atoms"].as_i64().expect("a number") < 0);
    world.fails(&world.touch_position(0, alice.user), "NothingToFold");
    world.fails(&world.touch_position(1, alice.user), "PositionNotFound");
}

fn refusals() {
    let (mut world, alice, _) = lost_and_won();
    world.fails(&world.settle_pnl(0, alice.user).with("quote", collateral(1)), "NotQuoteAsset");
    world.fails(&world.settle_pnl(1, alice.user), "PositionNotFound");
}

/// V-14: positions of an epoch that ended fold to nothing once, with what their index gathered by its end.
fn v14_a_side_that_was_left_behind_folds_once() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.edit::<Market>(market(0), |state| {
        state.epoch = [1, 1];
        state.stale_count = [1, 1];
        state.position_count = [0, 0];
        state.open_interest_lots = [0, 0];
        state.j_previous = state.j;
    });
    let event = world.ok(&world.touch_position(0, alice.user)).event("PositionTouched");
    assert_eq!(event["size_lots"].as_i64(), Some(0));
    assert_eq!(world.market(0).stale_count, [0, 1]);
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(0));
    world.edit::<Market>(market(0), |state| state.epoch = [2, 2]);
    world.fails(&world.touch_position(0, bob.user), "EpochMismatch");
}
