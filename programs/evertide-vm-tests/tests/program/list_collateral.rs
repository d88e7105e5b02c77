//! `list_collateral`.

use evertide_vm_tests::{
    exchange::{collateral, vault},
    state::{CollateralTerms, COLLATERALS_MAX},
    terms::{quote_terms, sol_terms, SOL, USD},
    tests,
    token::mint_account,
    world::{key, World},
};
use solana_instruction::error::InstructionError;

tests!(
    lists_quote_and_sol,
    refuses_a_stranger,
    refuses_wrong_decimals,
    refuses_the_quote_mint_twice,
    refuses_terms_beyond_bounds,
    refuses_rules_beyond_bounds,
    refuses_more_than_fit,
    refuses_after_opening,
    v31_refuses_token_2022_mints,
    refuses_a_freezable_mint_unless_local,
);

fn lists_quote_and_sol() {
    let mut world = World::initialized();
    let outcome = world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    assert_eq!(outcome.event("CollateralListed")["decimals"], 6);
    world.ok(&world.list_collateral(1, world.mints[1], &sol_terms(world.oracle)));
    let (quote, sol) = (world.collateral(0), world.collateral(1));
    assert_eq!((quote.index, quote.decimals, quote.mint, quote.vault), (0, 6, world.mints[0], vault(0)));
    assert_eq!((sol.index, sol.decimals, sol.mint, sol.vault), (1, 9, world.mints[1], vault(1)));
    assert_eq!(world.exchange().quote_mint, world.mints[0]);
    assert_eq!(world.exchange().collateral_count, 2);
    let cache = world.cache();
    assert_eq!(cache.collaterals[0].price_q48, 1 << 48);
    assert_eq!(cache.collaterals[1].collateral_plus_one, 2);
    assert_eq!(cache.collaterals[1].weight_initial_bps, 8_000);
    let token = world.vm.get_account(&vault(0)).expect("the vault");
    assert_eq!(token.data[32..64], evertide_vm_tests::exchange::exchange().to_bytes());
}

fn refuses_a_stranger() {
    let mut world = World::initialized();
    let call = world.list_collateral(0, world.mints[0], &quote_terms()).with("root", world.keeper);
    world.fails(&call, "NotRoot");
}

fn refuses_wrong_decimals() {
    let mut world = World::initialized();
    world.fails(&world.list_collateral(0, world.mints[1], &quote_terms()), "QuoteDecimalsWrong");
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    world.set(key("fine"), mint_account(13, None));
    world.fails(&world.list_collateral(1, key("fine"), &sol_terms(world.oracle)), "TooManyDecimals");
}

fn refuses_the_quote_mint_twice() {
    let mut world = World::initialized();
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    world.fails(&world.list_collateral(1, world.mints[0], &sol_terms(world.oracle)), "MintAlreadyListed");
}

fn refuses_terms_beyond_bounds() {
    let mut world = World::initialized();
    let terms = CollateralTerms { weight_initial_bps: 9_999, ..quote_terms() };
    world.fails(&world.list_collateral(0, world.mints[0], &terms), "CollateralTermsOutOfBounds");
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    let changes: [fn(&mut CollateralTerms); 4] = [
        |terms| terms.weight_maintenance_bps = 9_801,
        |terms| terms.weight_initial_bps = terms.weight_maintenance_bps + 1,
        |terms| terms.liquidation_discount_bps = 301,
        |terms| terms.user_cap_atoms = terms.deposit_cap_atoms + 1,
    ];
    for change in changes {
        let mut terms = sol_terms(world.oracle);
        change(&mut terms);
        world.fails(&world.list_collateral(1, world.mints[1], &terms), "CollateralTermsOutOfBounds");
    }
}

fn refuses_rules_beyond_bounds() {
    let mut world = World::initialized();
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    let changes: [fn(&mut CollateralTerms); 8] = [
        |terms| terms.oracle.kind = 3,
        |terms| terms.oracle.account = Default::default(),
        |terms| terms.oracle.confidence_max_bps = 1_001,
        |terms| terms.oracle.confidence_max_bps = 0,
        |terms| terms.oracle.volatility_max_bps = 0,
        |terms| terms.oracle.stale_fill_ms = terms.oracle.stale_margin_ms + 1,
        |terms| terms.oracle.stale_margin_ms = 600_001,
        |terms| terms.oracle.refused[3] = 255,
    ];
    for change in changes {
        let mut terms = sol_terms(world.oracle);
        change(&mut terms);
        world.fails(&world.list_collateral(1, world.mints[1], &terms), "OracleRulesOutOfBounds");
    }
}

fn refuses_more_than_fit() {
    let mut world = World::initialized();
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    for index in 1..=COLLATERALS_MAX as u16 {
        let mint = key(&format!("mint {index}"));
        world.set(mint, mint_account(9, None));
        let terms = CollateralTerms { deposit_cap_atoms: SOL, user_cap_atoms: USD, ..sol_terms(world.oracle) };
        let call = world.list_collateral(index, mint, &terms);
        if usize::from(index) < COLLATERALS_MAX {
            world.ok(&call);
        } else {
            world.fails(&call, "TooManyCollaterals");
        }
    }
    assert!(world.exists(&collateral(15)));
}

fn refuses_after_opening() {
    let mut world = World::open();
    world.set(key("late"), mint_account(9, None));
    world.fails(&world.list_collateral(2, key("late"), &sol_terms(world.oracle)), "ExchangeAlreadyOpen");
}

/// V-31: only mints of the classic token program, without extensions, can be listed.
fn v31_refuses_token_2022_mints() {
    let mut world = World::initialized();
    let mut mint = mint_account(6, None);
    mint.owner = solana_address::Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
    world.set(key("extended"), mint.clone());
    let before = world.snapshot();
    let call = world.list_collateral(0, key("extended"), &quote_terms());
    assert!(world.send(&call).is_err(), "a mint of another token program was listed");
    world.assert_unchanged(&before, "a Token-2022 mint");
    mint.data.extend_from_slice(&[0; 88]);
    world.set(key("extended"), mint);
    let call = world
        .list_collateral(0, key("extended"), &quote_terms())
        .with("token_program", solana_address::Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"));
    let before = world.snapshot();
    assert!(world.send(&call).is_err(), "a look-alike token program was accepted");
    world.assert_unchanged(&before, "a Token-2022 program");
    world.fails_with(
        &world
            .list_collateral(0, world.mints[0], &quote_terms())
            .with("token_program", evertide_vm_tests::call::program_id()),
        InstructionError::IncorrectProgramId,
    );
}

fn refuses_a_freezable_mint_unless_local() {
    let mut world = World::initialized();
    let freezable = mint_account(6, Some(key("issuer")));
    world.set(key("frozen quote"), freezable);
    world.ok(&world.list_collateral(0, key("frozen quote"), &quote_terms()));
    world.set(key("freezable"), mint_account(9, Some(key("issuer"))));
    world.edit::<evertide_vm_tests::state::Exchange>(evertide_vm_tests::exchange::exchange(), |state| state.local = 0);
    world.fails(&world.list_collateral(1, key("freezable"), &sol_terms(world.oracle)), "MintFreezable");
    let free = world.list_collateral(1, world.mints[1], &sol_terms(world.oracle));
    world.fails(&free, "LocalOracleForbidden");
}
