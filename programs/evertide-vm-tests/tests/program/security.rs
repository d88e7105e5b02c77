//! Attacks generated from the IDL: every signer dropped, every account swapped for every other, owners and discriminators
//! forged, arguments garbled. The named attacks stand beside the instructions that they aim at.

use std::collections::BTreeSet;

use evertide_vm_tests::{
    call::{program_id, Call, SYSTEM_PROGRAM, TOKEN_PROGRAM},
    exchange::{collateral, exchange, insurance, market, risk_cache, vault},
    idl::idl,
    tests,
    traders::{limit, post_only, Trader},
    world::{events, key, World},
};
use solana_account::Account;
use solana_address::Address;
use solana_instruction::error::InstructionError;
use solana_transaction_error::TransactionError;

use crate::{
    match_orders::stage,
    specimens::{specimens, Specimen},
};

tests!(
    every_instruction_has_a_specimen_that_succeeds,
    v01_every_signature_is_needed,
    v02_v04_v06_v07_v11_no_account_stands_for_another,
    v03_accounts_of_another_program_are_refused,
    v04_forged_discriminators_are_refused,
    v12_garbled_arguments_never_panic,
    v13_tiny_round_trips_never_gain,
    v15_gates_and_pauses_stop_new_risk_only,
);

fn every_instruction_has_a_specimen_that_succeeds() {
    let mut seen = BTreeSet::new();
    for mut specimen in specimens() {
        specimen.world.ok(&specimen.call);
        seen.insert(specimen.call.name);
    }
    let known: BTreeSet<String> = idl().instructions.keys().cloned().collect();
    assert_eq!(seen, known, "an instruction without a specimen");
}

/// V-01: without any one of its signatures an instruction is refused.
fn v01_every_signature_is_needed() {
    for mut specimen in specimens() {
        for account in &idl().instruction(&specimen.call.name).accounts {
            // An optional account that is left out signs nothing.
            if account.signer && specimen.call.account(&account.name) != program_id() {
                let call = specimen.call.clone().without_signature(&account.name);
                specimen.world.fails_with(&call, InstructionError::MissingRequiredSignature);
            }
        }
    }
}

/// Accounts of every type, other than those that a specimen uses, with a name for the report.
pub fn others() -> Vec<(&'static str, Address)> {
    let (alice, bob) = (Trader::named("alice"), Trader::named("bob"));
    vec![
        ("exchange", exchange()),
        ("cache", risk_cache()),
        ("insurance", insurance()),
        ("market 0", market(0)),
        ("market 1", market(1)),
        ("collateral 0", collateral(0)),
        ("collateral 1", collateral(1)),
        ("vault 0", vault(0)),
        ("vault 1", vault(1)),
        ("user of alice", alice.user),
        ("user of bob", bob.user),
        ("orders of alice", alice.orders),
        ("orders of bob", bob.orders),
        ("usdc of alice", alice.tokens[0]),
        ("usdc of bob", bob.tokens[0]),
        ("sol of alice", alice.tokens[1]),
        ("key of alice", alice.authority),
        ("key of bob", bob.authority),
        ("usdc mint", key("usdc")),
        ("sol mint", key("sol")),
        ("system program", SYSTEM_PROGRAM),
        ("token program", TOKEN_PROGRAM),
        ("this program", program_id()),
        ("nobody", key("nobody at all")),
    ]
}

/// Swaps that are meant to work: anyone may run or pay for these, and the data says whom they are for.
pub const MEANT: &[(&str, &str, &str)] = &[
    // Anyone pays into anybody's account.
    ("deposit", "user", "user of bob"),
    // The owner says which asset moves.
    ("transfer", "collateral", "collateral 1"),
    ("request_withdraw", "collateral", "collateral 1"),
    // The owner says where its tokens go.
    ("withdraw", "destination_token", "usdc of bob"),
    ("claim_unstake", "destination_token", "usdc of bob"),
    // Anyone cranks any market and any position.
    ("accrue_market", "market", "market 1"),
    ("check_invariants", "market", "market 1"),
    ("update_oracle", "market", "market 1"),
    ("settle_pnl", "user", "user of bob"),
    ("touch_position", "user", "user of bob"),
    // A role acts on any market, and on any asset.
    ("propose_change", "market", "market 1"),
    ("set_market_status", "market", "market 1"),
    // Whoever creates an account says who referred it, if anybody did.
    ("create_user", "referrer", "user of alice"),
    ("create_user", "referrer", "user of bob"),
    ("create_user", "referrer", "this program"),
    ("create_user", "referrer", "own"),
    // An optional signature left out: what anyone may do.
    ("settle_pnl", "authority", "this program"),
    ("settle_pnl", "authority", "own"),
    ("pay_referrer", "authority", "this program"),
    ("pay_referrer", "authority", "own"),
    // The owner of either account may sign.
    ("pay_referrer", "authority", "key of bob"),
    // Guards and views only read.
    ("assert_health", "user", "user of bob"),
    ("assert_position", "user", "user of bob"),
    ("view_health", "user", "user of bob"),
    ("view_market", "market", "market 1"),
];

/// Accounts that any address may stand for: they are named in events or not read at all. `program` only has to be among
/// the accounts for the event's self-CPI, and is there twice where an optional account is left out.
pub const FREE: &[(&str, &str)] = &[
    ("execute_change", "signer"),
    // Read for the debt interest alone.
    ("execute_change", "quote"),
    ("advance_season", "program"),
    ("create_user", "program"),
    ("apply_ramp", "program"),
    ("execute_change", "program"),
    ("list_collateral", "program"),
    ("list_market", "program"),
    ("propose_change", "program"),
    ("match_orders", "keeper"),
    ("pay_builder", "program"),
    ("pay_referrer", "program"),
    ("check_invariants", "keeper"),
    ("extend_account", "payer"),
    ("check_invariants", "program"),
    ("update_mark", "keeper"),
    ("place_signed_orders", "keeper"),
    ("liquidate_with_orders", "keeper"),
    ("liquidate_with_orders", "program"),
    ("settle_pnl", "program"),
    ("open_exchange", "timelock"),
    ("initialize_exchange", "program"),
    ("match_orders", "program"),
    ("open_exchange", "program"),
    ("update_oracle", "program"),
];

/// What a swap that worked did: the events of the call.
type Worked = (String, String, String, Vec<(String, serde_json::Value)>);

/// Replaces each account of the specimen by every other one; a refusal changes nothing.
fn swaps_that_work(specimen: &Specimen) -> Vec<Worked> {
    let mut worked = Vec::new();
    let own: Vec<(&str, Address)> = specimen.call.metas.iter().map(|meta| ("own", meta.pubkey)).collect();
    for account in &idl().instruction(&specimen.call.name).accounts {
        for (name, address) in others().into_iter().chain(own.clone()) {
            if address == specimen.call.account(&account.name) {
                continue;
            }
            let call = specimen.call.clone().with(&account.name, address);
            let mut world = specimen.world.clone();
            let before = world.snapshot();
            match world.send(&call) {
                Err(_) => world.assert_unchanged(&before, &format!("{} with {name} as {}", call.name, account.name)),
                Ok(meta) => worked.push((call.name, account.name.clone(), name.to_string(), events(&meta))),
            }
        }
    }
    worked
}

/// V-02, V-04, V-06, V-07, V-11: each account of each instruction replaced by every other account there is, also by those
/// that the same call uses elsewhere, is refused with nothing changed, unless the swap is meant to work.
fn v02_v04_v06_v07_v11_no_account_stands_for_another() {
    let (mut meant, mut free, mut unexpected) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for specimen in specimens() {
        let told = events(&specimen.world.clone().ok(&specimen.call).meta);
        for (instruction, account, name, said) in swaps_that_work(&specimen) {
            let swap = (instruction.as_str(), account.as_str(), name.as_str());
            if account == "program" {
                assert_eq!(said, told, "{instruction} tells something else with {name} as program");
            }
            if let Some(known) = FREE.iter().find(|known| **known == (swap.0, swap.1)) {
                free.insert(*known);
            } else if let Some(known) = MEANT.iter().find(|known| **known == swap) {
                meant.insert(*known);
            } else {
                unexpected.insert(format!("{swap:?}"));
            }
        }
    }
    assert!(unexpected.is_empty(), "swaps that worked and are not meant to: {unexpected:#?}");
    let unused: Vec<_> = MEANT.iter().filter(|known| !meant.contains(*known)).collect();
    assert!(unused.is_empty(), "meant swaps that did not work: {unused:#?}");
    let unused: Vec<_> = FREE.iter().filter(|known| !free.contains(*known)).collect();
    assert!(unused.is_empty(), "free accounts that were never swapped: {unused:#?}");
}

/// Every account of a call that the program owns.
fn program_accounts(world: &World, call: &Call) -> Vec<Address> {
    let all = call.metas.iter().chain(&call.remaining).map(|meta| meta.pubkey);
    all.filter(|address| world.vm.get_account(address).is_some_and(|account| account.owner == program_id())).collect()
}

fn refused(world: &mut World, call: &Call, what: &str) {
    let before = world.snapshot();
    assert!(world.send(call).is_err(), "{} accepted {what}", call.name);
    world.assert_unchanged(&before, &call.name);
}

/// V-03: the same bytes at the same address, owned by another program.
fn v03_accounts_of_another_program_are_refused() {
    for specimen in specimens() {
        for address in program_accounts(&specimen.world, &specimen.call) {
            let mut world = specimen.world.clone();
            let account = world.vm.get_account(&address).expect("it exists");
            world.set(address, Account { owner: key("another program"), ..account });
            refused(&mut world, &specimen.call, &format!("{address} of another program"));
        }
        for meta in &specimen.call.metas {
            let token = specimen.world.vm.get_account(&meta.pubkey).filter(|account| account.owner == TOKEN_PROGRAM);
            if let Some(account) = token {
                let mut world = specimen.world.clone();
                world.set(meta.pubkey, Account { owner: key("another program"), ..account });
                refused(&mut world, &specimen.call, &format!("token account {} of another program", meta.pubkey));
            }
        }
    }
}

/// V-04: one bit of the discriminator flipped, or the account cut short.
fn v04_forged_discriminators_are_refused() {
    for specimen in specimens() {
        for address in program_accounts(&specimen.world, &specimen.call) {
            for bit in [0, 63] {
                let mut world = specimen.world.clone();
                world.forge(address, |data| data[bit / 8] ^= 1 << (bit % 8));
                refused(&mut world, &specimen.call, &format!("{address} with a forged discriminator"));
            }
            if specimen.call.name == "extend_account" {
                continue; // An account cut short is what it is for.
            }
            let mut world = specimen.world.clone();
            world.forge(address, |data| data.truncate(data.len() - 1));
            refused(&mut world, &specimen.call, &format!("{address} cut short"));
        }
    }
}

/// V-12: whatever the arguments, an instruction refuses or succeeds; it never aborts, and never runs out of compute.
fn v12_garbled_arguments_never_panic() {
    let mut state = 1u64;
    let mut roll = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let extremes = [0u8, 1, 127, 128, 254, 255];
    for specimen in specimens() {
        for _ in 0..300 {
            let mut call = specimen.call.clone();
            for _ in 0..=roll() % 4 {
                let at = 8 + roll() as usize % (call.data.len() - 7).max(1);
                match roll() % 4 {
                    0 => call.data.truncate(at),
                    1 => call.data.push(extremes[roll() as usize % 6]),
                    2 if at + 8 <= call.data.len() => call.data[at..at + 8].fill(extremes[roll() as usize % 6]),
                    _ if at < call.data.len() => call.data[at] = roll() as u8,
                    _ => {}
                }
            }
            let mut world = specimen.world.clone();
            let before = world.snapshot();
            if let Err(failed) = world.send(&call) {
                let aborted = matches!(
                    failed.err,
                    TransactionError::InstructionError(
                        _,
                        InstructionError::ProgramFailedToComplete | InstructionError::ComputationalBudgetExceeded
                    )
                );
                assert!(!aborted, "{} with {:?}: {:?}", call.name, call.data, failed.meta.logs);
                world.assert_unchanged(&before, &call.name);
            }
        }
    }
}

/// V-13, I-19: opening and closing at one price, a lot at a time, only ever costs; the pool is never short of what it owes.
fn v13_tiny_round_trips_never_gain() {
    let (mut world, alice, bob) = stage();
    let worth = |world: &World, trader: &Trader| {
        world.user(trader).quote_atoms + world.position(trader, 0).map_or(0, |position| position.cash_atoms)
    };
    let before = worth(&world, &alice) + worth(&world, &bob);
    for round in 0..200u64 {
        let price = 499_999 + round % 3;
        let (buyer, seller) = if round % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
        world.trade(0, buyer, seller, price, 1);
        world.trade(0, seller, buyer, price, 1);
    }
    let fees = world.market(0).pending_fees_atoms as i64;
    let after = worth(&world, &alice) + worth(&world, &bob);
    assert_eq!(after + fees, before, "what the two lost is what was charged");
    for trader in [&alice, &bob] {
        world.ok(&world.settle_pnl(0, trader.user));
    }
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
}

/// V-15: the matrix of gates and instructions: what reduces risk or pays in always runs.
fn v15_gates_and_pauses_stop_new_risk_only() {
    for specimen in specimens() {
        let mut world = specimen.world.clone();
        if !world.exists(&exchange()) {
            continue;
        }
        let now_ms = world.now_ms();
        world.edit::<evertide_vm_tests::state::Exchange>(exchange(), |state| {
            state.gates_closed = u64::MAX;
            state.pause_start_ms = now_ms;
        });
        // Closed and paused already.
        if ["gate_disable", "pause"].contains(&specimen.call.name.as_str()) {
            assert!(world.send(&specimen.call).is_err());
            continue;
        }
        let placing = ["place_orders", "modify_order", "trigger_order", "execute_slice"];
        let hidden = ["place_signed_orders", "fill_auction", "commit_order", "reveal_order"];
        let stopped = [&placing[..], &hidden[..], &["create_user", "match_orders", "update_mark"]].concat();
        let ran = world.send(&specimen.call).is_ok();
        assert_eq!(ran, !stopped.contains(&specimen.call.name.as_str()), "{} behind closed gates", specimen.call.name);
    }
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    world.edit::<evertide_vm_tests::state::Exchange>(exchange(), |state| state.gates_closed = u64::MAX);
    let reduce = |ask: bool| {
        let mut order = limit(0, ask, 500_000, 10);
        order.reduce_only = true;
        order
    };
    let maker = world.place(&alice, reduce(true));
    world.advance_slots(1);
    let taker = world.place(&bob, reduce(false));
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    let call = world.place_orders(&alice, &[post_only(0, false, 490_000, 1)]);
    world.fails(&call, "GateClosed");
}
