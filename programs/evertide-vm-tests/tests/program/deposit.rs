//! `deposit`.

use evertide_vm_tests::{
    exchange::{collateral, vault},
    state::{Collateral, User},
    terms::{SOL, USD},
    tests,
    token::{mint_account, token_account},
    traders::Trader,
    world::{key, World},
};
use solana_instruction::error::InstructionError;

tests!(
    credits_what_the_vault_received,
    anyone_pays_in,
    refuses_before_opening,
    refuses_zero_and_too_much,
    refuses_wrong_token_accounts,
    refuses_closed_deposits,
    refuses_beyond_the_caps,
    refuses_a_ninth_asset,
    refuses_a_frozen_account,
    repays_a_debt_first,
    v06_refuses_a_look_alike_token_program,
    v32_credits_nothing_when_the_vault_pays_itself,
);

fn credits_what_the_vault_received() {
    let mut world = World::open();
    let alice = world.trader("alice");
    let held = world.tokens(&alice.tokens[0]);
    let outcome = world.ok(&world.deposit(&alice, 0, 5 * USD));
    let event = outcome.event("Deposited");
    assert_eq!((event["amount_atoms"].as_u64(), event["balance_atoms"].as_i64()), (Some(5_000_000), Some(5_000_000)));
    assert_eq!(world.user(&alice).quote_atoms, 5_000_000);
    assert_eq!(world.tokens(&alice.tokens[0]), held - 5 * USD);
    assert_eq!(world.collateral(0).total_atoms, 5 * USD);
    world.ok(&world.deposit(&alice, 1, 3 * SOL));
    let slot = world.user(&alice).collaterals[0];
    assert_eq!((slot.collateral_index, slot.amount_atoms), (1, 3 * SOL));
    assert_eq!(world.user(&alice).collateral_count, 1);
    assert_eq!(world.tokens(&vault(1)), 3 * SOL);
}

fn anyone_pays_in() {
    let mut world = World::open();
    let (alice, bob) = (world.trader("alice"), world.trader("bob"));
    let call = world.deposit(&alice, 0, USD).with("authority", bob.authority).with("source_token", bob.tokens[0]);
    world.ok(&call);
    assert_eq!(world.user(&alice).quote_atoms, 1_000_000);
}

fn refuses_before_opening() {
    let mut world = World::listed();
    let alice = world.trader("alice");
    world.fails(&world.deposit(&alice, 0, USD), "ExchangeNotOpen");
}

fn refuses_zero_and_too_much() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.fails(&world.deposit(&alice, 0, 0), "AmountZero");
    let held = world.tokens(&alice.tokens[0]);
    world.fails(&world.deposit(&alice, 0, held + 1), "InsufficientBalance");
    world.fails(&world.deposit(&alice, 0, u64::MAX), "InsufficientBalance");
}

/// V-02: right type, wrong vault, mint or token account.
fn refuses_wrong_token_accounts() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.fails(&world.deposit(&alice, 0, USD).with("vault", vault(1)), "WrongVault");
    world.set(key("own vault"), token_account(world.mints[0], evertide_vm_tests::exchange::exchange(), 0));
    world.fails(&world.deposit(&alice, 0, USD).with("vault", key("own vault")), "WrongVault");
    world.fails(&world.deposit(&alice, 0, USD).with("mint", world.mints[1]), "WrongMint");
    world.fails(&world.deposit(&alice, 0, USD).with("source_token", alice.tokens[1]), "WrongTokenMint");
    world.fails(&world.deposit(&alice, 0, USD).with("collateral", collateral(1)), "WrongVault");
}

fn refuses_closed_deposits() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.edit::<Collateral>(collateral(0), |state| state.status = 1);
    world.fails(&world.deposit(&alice, 0, USD), "DepositsClosed");
}

fn refuses_beyond_the_caps() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.edit::<Collateral>(collateral(0), |state| state.terms.deposit_cap_atoms = 10 * USD);
    world.fails(&world.deposit(&alice, 0, 10 * USD + 1), "DepositCapExceeded");
    world.ok(&world.deposit(&alice, 0, 10 * USD));
    world.edit::<Collateral>(collateral(1), |state| state.terms.user_cap_atoms = 2 * SOL);
    world.fails(&world.deposit(&alice, 1, 2 * SOL + 1), "UserDepositCapExceeded");
    world.ok(&world.deposit(&alice, 1, 2 * SOL));
}

fn refuses_a_ninth_asset() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.edit::<User>(alice.user, |user| {
        for (row, slot) in user.collaterals.iter_mut().enumerate() {
            slot.collateral_index = row as u16 + 2;
            slot.amount_atoms = 1;
        }
        user.collateral_count = 8;
    });
    world.fails(&world.deposit(&alice, 1, SOL), "CollateralSlotsFull");
}

fn refuses_a_frozen_account() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.forge(alice.tokens[0], |data| data[108] = 2);
    world.fails_with(&world.deposit(&alice, 0, USD), InstructionError::Custom(17));
}

fn repays_a_debt_first() {
    let mut world = World::open();
    let alice = world.trader("alice");
    let now_ms = world.now_ms();
    world.edit::<User>(alice.user, |user| {
        user.quote_atoms = -3_000_000;
        user.debt_since_ms = now_ms;
    });
    world.edit::<Collateral>(collateral(0), |state| state.debt_atoms = 3_000_000);
    let outcome = world.ok(&world.deposit(&alice, 0, 5 * USD));
    assert_eq!(outcome.event("Deposited")["debt_atoms"], 0);
    let user = world.user(&alice);
    assert_eq!((user.quote_atoms, user.debt_since_ms), (2_000_000, 0));
    assert_eq!(world.collateral(0).total_atoms, 2 * USD);
}

/// V-06: only the real token program moves tokens.
fn v06_refuses_a_look_alike_token_program() {
    let mut world = World::open();
    let alice = world.trader("alice");
    let call = world.deposit(&alice, 0, USD).with("token_program", evertide_vm_tests::call::program_id());
    world.fails_with(&call, InstructionError::IncorrectProgramId);
}

/// V-32, V-07: the vault as its own source credits nothing.
fn v32_credits_nothing_when_the_vault_pays_itself() {
    let mut world = World::open();
    let (alice, bob) = (world.trader("alice"), Trader::named("bob"));
    world.ok(&world.deposit(&alice, 0, 100 * USD));
    let call = world.deposit(&alice, 0, USD).with("source_token", vault(0));
    let before = world.snapshot();
    assert!(world.send(&call).is_err(), "the vault paid itself");
    world.assert_unchanged(&before, "the vault as source");
    world.set(key("other mint"), mint_account(6, None));
    world.set(key("worthless"), token_account(key("other mint"), bob.authority, USD));
    let call = world.deposit(&alice, 0, USD).with("source_token", key("worthless")).with("mint", key("other mint"));
    world.fails(&call, "WrongMint");
}
