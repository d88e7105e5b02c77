//! `initialize_exchange`.

use evertide_vm_tests::{
    exchange::{exchange, genesis_hash, insurance, risk_cache},
    state::{ExchangeTerms, FeeTier},
    terms::{exchange_terms, USD},
    tests,
    world::{key, World},
};
use solana_instruction::error::InstructionError;

tests!(
    creates_the_three_singletons,
    refuses_a_stranger,
    v26_refuses_front_running,
    v05_refuses_a_second_time,
    v05_works_on_prefunded_addresses,
    refuses_a_missing_role,
    refuses_a_missing_genesis_hash,
    refuses_terms_beyond_bounds,
    refuses_fee_tiers_out_of_order,
    refuses_shares_beyond_the_fee,
    refuses_a_zero_floor_unless_local,
    v29_one_key_holds_one_role,
    v11_refuses_forged_program_data,
);

fn creates_the_three_singletons() {
    let mut world = World::deployed();
    let outcome = world.ok(&world.initialize_exchange(true, &exchange_terms()));
    let event = outcome.event("ExchangeInitialized");
    assert_eq!(event["authority"], world.upgrade_authority.to_string());
    assert_eq!(event["local"], true);
    let state = world.exchange();
    assert_eq!((state.version, state.local, state.opened), (1, 1, 0));
    assert_eq!(state.roles, [world.root, key("risk"), key("guardian"), world.treasury]);
    assert_eq!(state.terms, exchange_terms());
    assert_eq!(state.genesis_hash, genesis_hash());
    assert_eq!(world.cache().version, 1);
    assert_eq!(world.insurance().balance_atoms, 0);
    for (address, size) in [(exchange(), None), (risk_cache(), Some(9_152)), (insurance(), None)] {
        let account = world.vm.get_account(&address).expect("created");
        assert!(size.is_none_or(|size| account.data.len() == size));
    }
}

fn refuses_a_stranger() {
    let mut world = World::deployed();
    world.fund(key("stranger"));
    let call = world.initialize_exchange(true, &exchange_terms()).with("authority", key("stranger"));
    world.fails(&call, "NotUpgradeAuthority");
    world.set_upgrade_authority(None);
    let call = world.initialize_exchange(true, &exchange_terms());
    world.fails(&call, "NotUpgradeAuthority");
}

/// V-26: whoever sees the deployment first cannot make the exchange theirs.
fn v26_refuses_front_running() {
    let mut world = World::deployed();
    let mut call = world.initialize_exchange(true, &exchange_terms()).with("authority", world.keeper);
    world.fails(&call, "NotUpgradeAuthority");
    call = world.initialize_exchange(true, &exchange_terms()).without_signature("authority");
    world.fails_with(&call, InstructionError::MissingRequiredSignature);
}

/// V-05: an exchange is never reset.
fn v05_refuses_a_second_time() {
    let mut world = World::initialized();
    let before = world.snapshot();
    let call = world.initialize_exchange(true, &exchange_terms());
    assert!(world.send(&call).is_err(), "a second initialisation succeeded");
    world.assert_unchanged(&before, "initialize_exchange twice");
}

/// V-05: lamports sent ahead to the address neither block nor change the creation.
fn v05_works_on_prefunded_addresses() {
    let mut world = World::deployed();
    for address in [exchange(), risk_cache(), insurance()] {
        let lamports = 890_880;
        world.set(address, solana_account::Account { lamports, ..Default::default() });
    }
    world.ok(&world.initialize_exchange(true, &exchange_terms()));
    assert_eq!(world.exchange().version, 1);
}

fn refuses_a_missing_genesis_hash() {
    let mut world = World::deployed();
    let mut call = world.initialize_exchange(true, &exchange_terms());
    let end = call.data.len();
    call.data[end - 32..].fill(0);
    world.fails(&call, "GenesisHashMissing");
}

fn refuses_a_missing_role() {
    let mut world = World::deployed();
    let mut call = world.initialize_exchange(true, &exchange_terms());
    let end = call.data.len() - 32;
    call.data[end - 32..end].fill(0);
    world.fails(&call, "RoleMissing");
}

fn refuses_terms_beyond_bounds() {
    let mut world = World::deployed();
    let changes: [fn(&mut ExchangeTerms); 8] = [
        |terms| terms.withdrawal_floor_bps = 9_501,
        |terms| terms.lane_share_bps = 101,
        |terms| terms.lane_atoms = 10_000 * USD + 1,
        |terms| terms.insurance_share_bps = 10_001,
        |terms| terms.debt_cap_bps = 1_001,
        |terms| terms.keeper_reward_max_atoms = 10 * USD + 1,
        |terms| terms.keeper_reward_min_atoms = 11 * USD,
        |terms| terms.fee_tier_count = 9,
    ];
    for change in changes {
        let mut terms = exchange_terms();
        change(&mut terms);
        world.fails(&world.initialize_exchange(true, &terms), "ExchangeTermsOutOfBounds");
    }
}

fn refuses_fee_tiers_out_of_order() {
    let mut world = World::deployed();
    let tier = |volume_atoms, taker, maker| FeeTier {
        volume_atoms,
        taker_fee_tenth_bps: taker,
        maker_fee_tenth_bps: maker,
        ..FeeTier::default()
    };
    for second in [tier(0, 30, 0), tier(USD, 40, 0), tier(USD, 30, 10)] {
        let mut terms = exchange_terms();
        terms.fee_tiers[0] = tier(0, 35, 0);
        terms.fee_tiers[1] = second;
        world.fails(&world.initialize_exchange(true, &terms), "FeeTiersNotMonotone");
    }
    let mut terms = exchange_terms();
    terms.fee_tiers[0] = tier(0, 10, -20);
    world.fails(&world.initialize_exchange(true, &terms), "FeeTiersNotMonotone");
}

fn refuses_shares_beyond_the_fee() {
    let mut world = World::deployed();
    let terms = ExchangeTerms { keeper_share_bps: 5_000, referrer_share_bps: 4_001, ..exchange_terms() };
    world.fails(&world.initialize_exchange(true, &terms), "FeeSharesTooLarge");
}

fn refuses_a_zero_floor_unless_local() {
    let mut world = World::deployed();
    world.fails(&world.initialize_exchange(false, &exchange_terms()), "WithdrawalFloorTooLow");
}

/// V-29.
fn v29_one_key_holds_one_role() {
    let terms = ExchangeTerms { withdrawal_floor_bps: 7_500, ..exchange_terms() };
    let mut world = World::deployed();
    world.treasury = key("guardian");
    world.fails(&world.initialize_exchange(false, &terms), "RolesNotSplit");
    world.ok(&world.initialize_exchange(true, &terms));
}

/// V-11, V-03: a forged program data account names its own authority.
fn v11_refuses_forged_program_data() {
    let mut world = World::deployed();
    let mut forged = world.vm.get_account(&World::program_data()).expect("program data");
    forged.data.truncate(45);
    forged.data[13..45].copy_from_slice(world.keeper.as_ref());
    world.set(key("forged data"), forged);
    let call = world
        .initialize_exchange(true, &exchange_terms())
        .with("authority", world.keeper)
        .with("program_data", key("forged data"));
    world.fails(&call, "WrongProgramData");
}
