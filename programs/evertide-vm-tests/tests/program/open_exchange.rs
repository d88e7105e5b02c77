//! `open_exchange`.

use evertide_vm_tests::{
    call::Call,
    exchange::exchange,
    state::Exchange,
    terms::{exchange_terms, market_terms, quote_terms},
    tests,
    world::{key, World},
};
use solana_account::Account;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};

tests!(
    opens_once,
    refuses_a_stranger,
    refuses_an_empty_exchange,
    refuses_a_key_as_upgrade_authority,
    accepts_a_final_program_and_a_timelock,
    v11_refuses_forged_program_data,
    v28_refuses_a_durable_nonce,
);

const SQUADS: Address = Address::from_str_const("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf");

fn opens_once() {
    let mut world = World::listed();
    let outcome = world.ok(&world.open_exchange());
    let event = outcome.event("ExchangeOpened");
    assert_eq!(event["opened_ms"].as_i64(), Some(world.now_ms()));
    assert_eq!(world.exchange().opened, 1);
    world.fails(&world.open_exchange(), "ExchangeAlreadyOpen");
}

fn refuses_a_stranger() {
    let mut world = World::listed();
    world.fails(&world.open_exchange().with("root", world.treasury), "NotRoot");
}

fn refuses_an_empty_exchange() {
    let mut world = World::initialized();
    world.fails(&world.open_exchange(), "QuoteNotListed");
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    world.fails(&world.open_exchange(), "NoMarketListed");
    world.ok(&world.list_market(0, &market_terms(0, world.oracle)));
    world.ok(&world.open_exchange());
}

fn not_local() -> World {
    let mut world = World::listed();
    world.edit::<Exchange>(exchange(), |state| state.local = 0);
    world
}

fn refuses_a_key_as_upgrade_authority() {
    let mut world = not_local();
    world.fails(&world.open_exchange(), "UpgradeAuthorityNotTimelocked");
    let multisig = key("multisig");
    world.set(multisig, squads(72 * 3_600, Address::default()));
    world.fails(&world.open_exchange().with("timelock", multisig), "UpgradeAuthorityNotTimelocked");
}

/// A Squads multisig with this time lock and config authority.
fn squads(time_lock_s: u32, config_authority: Address) -> Account {
    let mut data = vec![224, 116, 121, 186, 68, 161, 79, 236];
    data.extend_from_slice(key("create key").as_ref());
    data.extend_from_slice(config_authority.as_ref());
    data.extend_from_slice(&2u16.to_le_bytes());
    data.extend_from_slice(&time_lock_s.to_le_bytes());
    data.resize(200, 0);
    Account { lamports: 3_000_000, data, owner: SQUADS, executable: false, rent_epoch: u64::MAX }
}

fn accepts_a_final_program_and_a_timelock() {
    let mut world = not_local();
    world.set_upgrade_authority(None);
    world.ok(&world.open_exchange());
    let multisig = key("multisig");
    let (vault, _) = Address::find_program_address(&[b"multisig", multisig.as_ref(), b"vault", &[0]], &SQUADS);
    let cases = [
        (72 * 3_600, Address::default(), true),
        (72 * 3_600 - 1, Address::default(), false),
        (99 * 3_600, vault, false),
    ];
    for (time_lock_s, config_authority, accepted) in cases {
        let mut world = not_local();
        world.set_upgrade_authority(Some(vault));
        world.set(multisig, squads(time_lock_s, config_authority));
        let call = world.open_exchange().with("timelock", multisig);
        if accepted {
            world.ok(&call);
        } else {
            world.fails(&call, "UpgradeAuthorityNotTimelocked");
        }
    }
}

fn v11_refuses_forged_program_data() {
    let mut world = not_local();
    let mut forged = world.vm.get_account(&World::program_data()).expect("program data");
    forged.data.truncate(45);
    forged.data[12] = 0;
    world.set(key("forged"), forged);
    world.fails(&world.open_exchange().with("program_data", key("forged")), "WrongProgramData");
}

const SYSTEM: Address = Address::from_str_const("11111111111111111111111111111111");
const RECENT_BLOCKHASHES: Address = Address::from_str_const("SysvarRecentB1ockHashes11111111111111111111");

/// A nonce account that the root advances.
fn nonce_account(authority: Address) -> Account {
    let mut data = vec![1, 0, 0, 0, 1, 0, 0, 0];
    data.extend_from_slice(authority.as_ref());
    data.extend_from_slice(key("stored blockhash").as_ref());
    data.extend_from_slice(&5_000u64.to_le_bytes());
    Account { lamports: 10_000_000, data, owner: SYSTEM, executable: false, rent_epoch: u64::MAX }
}

/// V-28: what was signed for a durable nonce may be weeks old: no admin instruction runs behind AdvanceNonceAccount.
fn v28_refuses_a_durable_nonce() {
    let (deployed, initialized, listed) = (World::deployed(), World::initialized(), World::listed());
    let market_terms = market_terms(0, listed.oracle);
    let calls = [
        (&deployed, deployed.initialize_exchange(true, &exchange_terms())),
        (&initialized, initialized.list_collateral(0, initialized.mints[0], &quote_terms())),
        (&listed, listed.list_market(3, &market_terms)),
        (&listed, listed.open_exchange()),
    ];
    for (world, call) in calls {
        refuse_behind_nonce(world.clone(), &call);
    }
}

/// The call is refused in a transaction that starts by advancing a nonce account of its signer.
pub fn refuse_behind_nonce(mut world: World, call: &Call) {
    let authority = call.metas[0].pubkey;
    world.set(key("nonce"), nonce_account(authority));
    let advance = Instruction {
        program_id: SYSTEM,
        accounts: vec![
            AccountMeta::new(key("nonce"), false),
            AccountMeta::new_readonly(RECENT_BLOCKHASHES, false),
            AccountMeta::new_readonly(authority, true),
        ],
        data: vec![4, 0, 0, 0],
    };
    world.fails_behind(&[advance], call, "DurableNonceRefused");
}
