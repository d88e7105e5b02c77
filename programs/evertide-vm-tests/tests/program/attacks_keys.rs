//! Attacks by whoever holds keys: roles, the upgrade authority's proposer, approvals that were kept for later.

use std::collections::BTreeSet;

use evertide_vm_tests::{
    admin::{role_keys, TIMELOCK_S},
    call::{program_id, Call},
    changes::{allowed_by, parameters, Subject},
    exchange::{collateral, exchange, vault},
    idl::idl,
    state::{Collateral, CollateralTerms, Exchange, MarketStatus},
    terms::{market_terms, sol_terms, PRICES, SOL, USD},
    tests,
    token::mint_account,
    traders::{limit, Trader},
    world::{key, World},
};
use solana_account::Account;
use solana_address::Address;
use solana_instruction::{error::InstructionError, AccountMeta, Instruction};
use solana_transaction_error::TransactionError;

use crate::{open_exchange::refuse_behind_nonce, specimens::specimens};

tests!(
    v28_no_instruction_of_a_role_runs_behind_a_durable_nonce,
    v29_every_stolen_key_together_takes_nothing_within_the_timelock,
    v29_the_proposer_of_upgrades_cannot_upgrade,
);

/// Instructions that read the transaction's other instructions for another reason than its first.
const OTHER_READERS: [&str; 1] = ["place_signed_orders"];

/// V-28: what was signed for a durable nonce may be weeks old.
fn v28_no_instruction_of_a_role_runs_behind_a_durable_nonce() {
    let mut tried = BTreeSet::new();
    for specimen in specimens() {
        let reads = specimen.call.names.iter().any(|name| name == "instructions");
        if reads && !OTHER_READERS.contains(&specimen.call.name.as_str()) {
            refuse_behind_nonce(specimen.world, &specimen.call);
            tried.insert(specimen.call.name);
        }
    }
    // Whatever takes the exchange writable and needs a signature is an instruction of a role.
    let of_roles = idl().instructions.values().filter(|spec| {
        let writes = spec.accounts.iter().any(|account| account.name == "exchange" && account.writable);
        writes && spec.accounts.iter().any(|account| account.signer && !account.optional)
    });
    for spec in of_roles {
        assert!(tried.contains(&spec.name), "{} is not refused behind a durable nonce", spec.name);
    }
}

const LOADER: Address = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
const RENT: Address = Address::from_str_const("SysvarRent111111111111111111111111111111111");
const CLOCK: Address = Address::from_str_const("SysvarC1ock11111111111111111111111111111111");
const HOUR_S: i64 = 3_600;

/// One who holds the keys of all roles, an account of its own, and a mint of which it has as much as it likes.
struct Thief {
    keys: [Address; 4],
    user: Trader,
    listing: CollateralTerms,
    waiting: Vec<(u64, Subject)>,
}

impl Thief {
    /// Asks for everything at once: each parameter at both of its ends, a market, a worthless asset, all roles.
    fn strikes(world: &mut World, user: Trader) -> Self {
        let keys = role_keys(world);
        keys.iter().for_each(|key| world.fund(*key));
        world.set(key("fabricated"), mint_account(9, None));
        let listing = CollateralTerms { user_cap_atoms: 1_000_000 * SOL, ..sol_terms(world.oracle) };
        let mut thief = Self { keys, user, listing, waiting: Vec::new() };
        let root = world.root;
        thief.try_now(world, |world| world.propose_collateral(root, key("fabricated"), &listing), Subject::Exchange);
        thief.try_now(world, |world| world.propose_market(root, &market_terms(0, world.oracle)), Subject::Exchange);
        for known in parameters().into_iter().filter(|known| known.kind != "key") {
            let on: &[Subject] = match known.target.as_str() {
                "market" => &[Subject::Market(0)],
                "collateral" => &[Subject::Collateral(0), Subject::Collateral(1)],
                _ => &[Subject::Exchange],
            };
            for (subject, value) in on.iter().flat_map(|on| [(*on, known.minimum), (*on, known.maximum)]) {
                thief.try_now(
                    world,
                    |world| world.propose_change(root, subject, known.number, value, [0; 32]),
                    subject,
                );
            }
        }
        for role in 0..4 {
            world.ok(&world.name_successor(root, role, key("accomplice")));
        }
        thief
    }

    /// A proposal that the program takes is kept; one that it refuses is one that could never do harm.
    fn try_now(&mut self, world: &mut World, call: impl Fn(&World) -> Call, subject: Subject) {
        let number = world.exchange().next_change;
        let call = call(world);
        if world.send(&call).is_ok() {
            self.waiting.push((number, subject));
        }
    }

    /// Everything that the keys can do this hour. What waited for its time must still be waiting.
    fn raids(&self, world: &mut World) {
        let [root, risk, guardian, _] = self.keys;
        for (number, subject) in &self.waiting {
            let call = world.execute_change(root, *number, *subject);
            assert!(world.send(&call).is_err(), "change {number} took effect before its time");
        }
        for role in 0..4 {
            world.fails(&world.claim_role(key("accomplice"), role), "TimelockNotOver");
        }
        let listings = [
            allowed_by(world.list_collateral(2, key("fabricated"), &self.listing), 0),
            allowed_by(world.list_market(3, &market_terms(0, world.oracle)), 1),
        ];
        for call in listings {
            world.fails(&call, "TimelockNotOver");
        }
        let mut noise = vec![world.pause(guardian), world.collect_fees(0)];
        noise.extend((0..4).map(|gate| world.gate_disable(risk, gate)));
        noise.extend((0..3).map(|index| world.set_market_status(guardian, index, MarketStatus::ReduceOnly as u8)));
        noise.iter().for_each(|call| drop(world.send(call)));
    }
}

/// Withdraws as much as goes, down to a hundred dollars; returns it.
fn withdraw_most(world: &mut World, trader: &Trader) -> u64 {
    let (mut out, mut amount) = (0, world.user(trader).quote_atoms.max(0) as u64);
    while amount >= 100 * USD {
        let call = world.withdraw(trader, 0, amount);
        if world.send(&call).is_ok() {
            out += amount;
        } else {
            amount /= 2;
        }
        amount = amount.min(world.user(trader).quote_atoms.max(0) as u64);
    }
    out
}

/// V-28, V-29, V-30, after Drift of April 2026: all keys of roles are stolen, and all is tried at once. For 72 h the thief
/// gets out what it paid in and the fees that are the treasury's; what leaves the vault is at most the bucket; and everybody
/// else closes and withdraws.
fn v29_every_stolen_key_together_takes_nothing_within_the_timelock() {
    let mut world = World::open();
    let [honest, alice, bob, own] = [("honest", 880_000), ("alice", 10_000), ("bob", 10_000), ("thief", 100_000)]
        .map(|(name, usd)| world.funded(name, usd));
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 7_500);
    world.edit::<Collateral>(collateral(0), |state| state.average_atoms = state.total_atoms);
    let paid_in = world.tokens(&vault(0));
    let fees = world.market(0).pending_fees_atoms;
    let held = |world: &World| world.tokens(&own.tokens[0]) + world.tokens(&key("treasury token"));
    let held_before = held(&world);
    let thief = Thief::strikes(&mut world, own.clone());
    assert!(thief.waiting.len() > 80, "{} proposals wait", thief.waiting.len());
    let (mut stolen, mut rescued) = (0, 0);
    for hour in 0..TIMELOCK_S / HOUR_S {
        if hour % 6 == 0 {
            thief.raids(&mut world);
        }
        stolen += withdraw_most(&mut world, &thief.user);
        rescued += withdraw_most(&mut world, &honest);
        // The bucket, whoever drew on it: three quarters of the day's average stay, but for a percent a day.
        let quote = world.collateral(0);
        let floor = quote.average_atoms / 4 * 3;
        let lane = quote.average_atoms / 100;
        assert!(quote.total_atoms + lane >= floor, "hour {hour}: {} of {floor}", quote.total_atoms);
        world.pass(if hour == 71 { HOUR_S - 60 } else { HOUR_S }, &PRICES);
    }
    thief.raids(&mut world);
    assert!(held(&world) - held_before <= 100_000 * USD + fees, "the thief holds {}", held(&world) - held_before);
    assert!(stolen <= 100_000 * USD && paid_in > world.tokens(&vault(0)));
    assert!(rescued > 440_000 * USD, "honest money out: {rescued}");
    // Positions close against each other, whatever was paused, closed and made reduce-only.
    let reduce = |ask: bool| {
        let mut order = limit(0, ask, 500_000, 1_000);
        order.reduce_only = true;
        order
    };
    let maker = world.place(&alice, reduce(true));
    world.advance_slots(1);
    let taker = world.place(&bob, reduce(false));
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
    // Time was the defence: a minute later the floor falls.
    world.advance(60);
    let due = thief.waiting.iter().find(|(number, _)| {
        let change = world.change(*number);
        change.field == 1 && change.new_value == 0
    });
    let (number, subject) = *due.expect("the floor's fall was proposed");
    world.ok(&world.execute_change(world.root, number, subject));
    assert_eq!(world.exchange().terms.withdrawal_floor_bps, 0);
}

/// V-37: who may propose an upgrade to the timelock that holds the authority is not the authority.
fn v29_the_proposer_of_upgrades_cannot_upgrade() {
    let mut world = World::open();
    let (proposer, timelock_vault, buffer) = (key("proposer"), key("vault of the timelock"), key("buffer"));
    world.fund(proposer);
    // The loader refuses a second deployment in one slot before it looks at any authority.
    world.advance_slots(1);
    world.set_upgrade_authority(Some(timelock_vault));
    let mut data = vec![1, 0, 0, 0, 1];
    data.extend_from_slice(proposer.as_ref());
    data.extend_from_slice(&[0; 64]);
    let account = Account { lamports: 1_000_000_000, data, owner: LOADER, executable: false, rent_epoch: u64::MAX };
    world.set(buffer, account);
    let upgrade = Instruction {
        program_id: LOADER,
        accounts: vec![
            AccountMeta::new(World::program_data(), false),
            AccountMeta::new(program_id(), false),
            AccountMeta::new(buffer, false),
            AccountMeta::new(proposer, false),
            AccountMeta::new_readonly(RENT, false),
            AccountMeta::new_readonly(CLOCK, false),
            AccountMeta::new_readonly(proposer, true),
        ],
        data: vec![3, 0, 0, 0],
    };
    let take_over = Instruction {
        program_id: LOADER,
        accounts: vec![
            AccountMeta::new(World::program_data(), false),
            AccountMeta::new_readonly(proposer, true),
            AccountMeta::new_readonly(proposer, false),
        ],
        data: vec![4, 0, 0, 0],
    };
    for instruction in [upgrade, take_over] {
        let before = world.snapshot();
        let failed = world.send_instructions(&[instruction]).expect_err("refused by the loader");
        assert_eq!(failed.err, TransactionError::InstructionError(1, InstructionError::IncorrectAuthority));
        world.assert_unchanged(&before, "an upgrade by the proposer");
    }
}
