//! `withdraw`.

use evertide_vm_tests::{
    exchange::{collateral, exchange, risk_cache, vault},
    state::{Collateral, Exchange, RiskCache, User},
    terms::{PRICES, SOL, USD},
    tests,
    token::token_account,
    traders::{limit, Trader},
    world::{key, World},
};
use solana_instruction::error::InstructionError;

tests!(
    pays_out_the_balance,
    without_risk_no_price_is_read,
    refuses_zero_and_too_much,
    refuses_below_initial_margin,
    unrealised_profit_is_not_withdrawable,
    losses_need_quote,
    v17_refuses_stale_rows,
    refuses_below_the_floor,
    the_open_lane_pays_old_accounts,
    v01_v02_v07_refuses_strangers_and_twins,
    a_debt_blocks_withdrawals,
);

/// Anchor's code.
const CONSTRAINT_DUPLICATE_MUTABLE_ACCOUNT: u32 = 2_040;

fn stage() -> (World, Trader, Trader) {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
    (world, alice, bob)
}

fn pays_out_the_balance() {
    let (mut world, alice, _) = stage();
    let held = world.tokens(&alice.tokens[0]);
    let event = world.ok(&world.withdraw(&alice, 0, 4_000 * USD)).event("Withdrawn");
    assert_eq!(
        (event["amount_atoms"].as_u64(), event["balance_atoms"].as_i64()),
        (Some(4_000 * USD), Some(6_000_000_000))
    );
    assert_eq!(world.tokens(&alice.tokens[0]), held + 4_000 * USD);
    assert_eq!(world.user(&alice).quote_atoms, 6_000_000_000);
    assert_eq!(world.collateral(0).total_atoms, 16_000 * USD);
    world.ok(&world.deposit(&alice, 1, 5 * SOL));
    world.ok(&world.withdraw(&alice, 1, 5 * SOL));
    assert_eq!(world.user(&alice).collateral_count, 0);
    assert_eq!(world.tokens(&vault(1)), 0);
}

/// An account without position, order or debt withdraws without reading a price.
fn without_risk_no_price_is_read() {
    let (mut world, alice, _) = stage();
    world.ok(&world.deposit(&alice, 1, SOL));
    world.advance(100_000);
    world.edit::<RiskCache>(risk_cache(), |cache| cache.collaterals[1].price_q48 = 0);
    world.ok(&world.withdraw(&alice, 1, SOL));
    world.ok(&world.withdraw(&alice, 0, 10_000 * USD));
}

fn refuses_zero_and_too_much() {
    let (mut world, alice, _) = stage();
    world.fails(&world.withdraw(&alice, 0, 0), "AmountZero");
    world.fails(&world.withdraw(&alice, 0, 10_000 * USD + 1), "InsufficientBalance");
    world.fails(&world.withdraw(&alice, 0, u64::MAX), "InsufficientBalance");
    world.fails(&world.withdraw(&alice, 1, 1), "InsufficientBalance");
}

/// I-10, V-21: 10,000 lots of $5 at 10 % need $5,000.
fn refuses_below_initial_margin() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    world.fails(&world.withdraw(&alice, 0, 5_100 * USD), "InitialMarginTooLow");
    world.ok(&world.withdraw(&alice, 0, 4_900 * USD));
    let carol = world.funded("carol", 1_000);
    world.place(&carol, limit(0, false, 500_000, 1_900));
    world.fails(&world.withdraw(&carol, 0, 100 * USD), "InitialMarginTooLow");
}

/// Decision 4: profit supports trading, never a withdrawal.
fn unrealised_profit_is_not_withdrawable() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    for step in 1..=3 {
        world.pass(60, &[50_000 * USD + step * 500 * USD, PRICES[1], PRICES[2]]);
    }
    let value = evertide_value(&world, &alice);
    assert!(value > 500_000_000, "alice is {value} atoms ahead");
    world.fails(&world.withdraw(&alice, 0, 5_200 * USD), "InitialMarginTooLow");
}

/// Value of the trader's BTC position at the cached mark, atoms.
fn evertide_value(world: &World, trader: &Trader) -> i64 {
    let position = world.position(trader, 0).expect("a position");
    let mark = i128::from(world.cache().markets[0].mark_price_q32);
    ((i128::from(position.basis_lots) * mark) >> 32) as i64 + position.cash_atoms
}

/// A withdrawal leaves quote + the sum of negative position values at zero or above, whatever else is held.
fn losses_need_quote() {
    let (mut world, alice, bob) = stage();
    world.ok(&world.deposit(&alice, 1, 1_000 * SOL));
    world.trade(0, &bob, &alice, 500_000, 10_000);
    for step in 1..=4 {
        world.pass(60, &[50_000 * USD + step * 500 * USD, PRICES[1], PRICES[2]]);
    }
    let loss = -evertide_value(&world, &alice);
    assert!(loss > 1_000_000_000, "alice is {loss} atoms behind");
    world.fails(&world.withdraw(&alice, 0, 9_500 * USD), "LossesExceedQuote");
    world.ok(&world.withdraw(&alice, 0, 1_000 * USD));
}

fn v17_refuses_stale_rows() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 100);
    world.advance(10);
    world.fails(&world.withdraw(&alice, 0, USD), "RowTooOld");
    world.refresh(&PRICES);
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[0].validity = 1);
    world.fails(&world.withdraw(&alice, 0, USD), "OracleValidityForbids");
}

/// Deposits of two days at $20,000 with a floor of 75 %: $5,000 may leave at once.
fn floored() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 7_500);
    world.edit::<Collateral>(collateral(0), |state| {
        state.average_atoms = 20_000 * USD;
    });
    (world, alice, bob)
}

/// V-22: one run on the vault does not empty it.
fn refuses_below_the_floor() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.withdraw(&alice, 0, 4_900 * USD));
    world.fails(&world.withdraw(&bob, 0, 1_000 * USD), "WithdrawalFloorReached");
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 8);
    world.fails(&world.withdraw(&bob, 0, 1_000 * USD), "GateClosed");
}

fn the_open_lane_pays_old_accounts() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.withdraw(&alice, 0, 5_000 * USD));
    world.edit::<User>(bob.user, |user| user.created_ms -= 86_400_000);
    let event = world.ok(&world.withdraw(&bob, 0, 100 * USD)).event("Withdrawn");
    assert_eq!(event["lane_atoms"].as_u64(), Some(100 * USD));
    world.fails(&world.withdraw(&bob, 0, 200 * USD), "WithdrawalFloorReached");
    assert_eq!(world.user(&bob).lane_used_atoms, 100 * USD);
}

fn v01_v02_v07_refuses_strangers_and_twins() {
    let (mut world, alice, bob) = stage();
    let call = world.withdraw(&alice, 0, USD);
    world.fails(&call.clone().with("authority", bob.authority), "NotAuthority");
    world.fails(&call.clone().with("user", bob.user), "NotAuthority");
    world.fails(&call.clone().with("vault", vault(1)), "WrongVault");
    world.fails(&call.clone().with("collateral", collateral(1)), "WrongVault");
    world.fails(&call.clone().with("mint", world.mints[1]), "WrongMint");
    world.fails(&call.clone().with("destination_token", alice.tokens[1]), "WrongTokenMint");
    // V-07: from is not to, by Anchor's own refusal of a writable account given twice.
    let duplicate = InstructionError::Custom(CONSTRAINT_DUPLICATE_MUTABLE_ACCOUNT);
    world.fails_with(&call.clone().with("destination_token", vault(0)), duplicate);
    world.set(key("elsewhere"), token_account(world.mints[0], key("cold wallet"), 0));
    world.ok(&call.with("destination_token", key("elsewhere")));
    assert_eq!(world.tokens(&key("elsewhere")), USD, "the owner says where its tokens go");
}

fn a_debt_blocks_withdrawals() {
    let (mut world, alice, _) = stage();
    world.ok(&world.deposit(&alice, 1, 10 * SOL));
    world.edit::<User>(alice.user, |user| user.quote_atoms = -1_000_000);
    world.edit::<Collateral>(collateral(0), |state| {
        state.total_atoms = 10_000 * USD;
        state.debt_atoms = 1_000_000;
    });
    world.fails(&world.withdraw(&alice, 0, 1), "InsufficientBalance");
    world.fails(&world.withdraw(&alice, 1, 10 * SOL), "LossesExceedQuote");
}
