//! `fund_insurance` and `collect_fees`.

use evertide_vm_tests::{
    exchange::{collateral, market, vault},
    state::{Collateral, Market},
    terms::USD,
    tests,
    token::token_account,
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    anyone_funds_the_insurance,
    funding_refuses,
    collects_fees_out_of_the_pool,
    collecting_refuses,
    v14_a_pool_is_never_overdrawn,
);

fn anyone_funds_the_insurance() {
    let (mut world, alice, _) = stage();
    let before = world.insurance();
    let call = world.fund_insurance(alice.authority, alice.tokens[0], 500 * USD, 100 * USD);
    let event = world.ok(&call).event("InsuranceFunded");
    let after = world.insurance();
    assert_eq!(after.balance_atoms, before.balance_atoms + 500 * USD);
    assert_eq!(after.tranche_atoms, before.tranche_atoms + 100 * USD);
    assert_eq!(after.funded_atoms, before.funded_atoms + 500 * USD);
    assert_eq!(event["balance_atoms"].as_u64(), Some(after.balance_atoms));
}

fn funding_refuses() {
    let (mut world, alice, bob) = stage();
    let fund = |world: &World, amount, tranche| world.fund_insurance(alice.authority, alice.tokens[0], amount, tranche);
    let held = world.tokens(&alice.tokens[0]);
    world.fails(&fund(&world, 0, 0), "AmountZero");
    world.fails(&fund(&world, USD, USD + 1), "TrancheTooLarge");
    world.fails(&fund(&world, held + 1, 0), "InsufficientBalance");
    world.fails(&fund(&world, USD, 0).with("quote", collateral(1)), "NotQuoteAsset");
    world.fails(&fund(&world, USD, 0).with("quote_vault", vault(1)), "WrongVault");
    world.fails(&fund(&world, USD, 0).with("funder_token", alice.tokens[1]), "WrongTokenMint");
    let call = fund(&world, USD, 0).with("funder_token", bob.tokens[0]);
    let before = world.snapshot();
    assert!(world.send(&call).is_err(), "bob's tokens were spent by alice");
    world.assert_unchanged(&before, "another's tokens");
}

/// A loser pays in; then the pool can pay what was charged.
fn collects_fees_out_of_the_pool() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.trade(0, &bob, &alice, 495_000, 1_000);
    world.fails(&world.collect_fees(0), "NothingToCollect");
    world.ok(&world.settle_pnl(0, alice.user));
    let (state, fund) = (world.market(0), world.insurance());
    assert!(state.pool_atoms > state.pending_fees_atoms);
    let event = world.ok(&world.collect_fees(0)).event("FeesCollected");
    let share = state.pending_insurance_atoms;
    assert_eq!(event["insurance_atoms"].as_u64(), Some(share));
    assert_eq!(event["treasury_atoms"].as_u64(), Some(state.pending_fees_atoms - share));
    assert_eq!(world.tokens(&key("treasury token")), state.pending_fees_atoms - share);
    assert_eq!(world.insurance().balance_atoms, fund.balance_atoms + share);
    assert_eq!(world.market(0).pool_atoms, state.pool_atoms - state.pending_fees_atoms);
    world.fails(&world.collect_fees(0), "NothingToCollect");
}

fn collecting_refuses() {
    let (mut world, ..) = stage();
    world.edit::<Market>(market(0), |state| state.pending_fees_atoms = USD);
    world.fails(&world.collect_fees(0), "NothingToCollect");
    world.edit::<Market>(market(0), |state| state.pool_atoms = USD);
    world.set(key("thief"), token_account(world.mints[0], key("thief owner"), 0));
    world.fails(&world.collect_fees(0).with("treasury_token", key("thief")), "NotTreasury");
    world.set(key("wrong mint"), token_account(world.mints[1], world.treasury, 0));
    world.fails(&world.collect_fees(0).with("treasury_token", key("wrong mint")), "WrongTokenMint");
    world.fails(&world.collect_fees(0).with("quote_vault", vault(1)), "WrongVault");
    world.fails(&world.collect_fees(0).with("quote", collateral(1)), "NotQuoteAsset");
}

/// V-14, V-36: fees beyond the pool wait; interest goes to the fund even when no fee can be paid.
fn v14_a_pool_is_never_overdrawn() {
    let (mut world, ..) = stage();
    world.edit::<Market>(market(0), |state| {
        state.pending_fees_atoms = 10 * USD;
        state.pool_atoms = 3 * USD;
    });
    world.ok(&world.collect_fees(0));
    let state = world.market(0);
    assert_eq!((state.pool_atoms, state.pending_fees_atoms), (0, 7 * USD));
    let fund = world.insurance().balance_atoms;
    world.edit::<Collateral>(collateral(0), |state| state.interest_atoms = USD);
    world.ok(&world.collect_fees(0));
    assert_eq!(world.insurance().balance_atoms, fund + USD);
    assert_eq!(world.collateral(0).interest_atoms, 0);
}
