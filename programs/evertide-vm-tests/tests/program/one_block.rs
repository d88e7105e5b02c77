//! V-25, V-36, I-14: several bankruptcies in one block, and a whole way down in one transaction or in many.

use evertide_vm_tests::{
    args::LocalPrice,
    call::{program_id, Call},
    exchange::{collateral, exchange, insurance, market, risk_cache, Target},
    state::{Insurance, Market},
    terms::{SOL, USD},
    tests,
    traders::{post_only, Trader},
    world::World,
};
use serde_json::Value;
use solana_account::ReadableAccount;
use solana_address::Address;
use solana_instruction::Instruction;

use crate::compute_falls::{sink, wide};
use crate::downfall::{number, prices, trade, uninsured, Downfall};

tests!(
    i14_several_bankruptcies_in_one_block_in_any_order,
    i14_several_bankruptcies_share_the_limit_of_the_day,
    i14_what_ends_on_the_record_is_the_same_in_any_order,
    v25_a_whole_way_down_in_one_transaction,
    v25_the_widest_account_in_one_transaction,
    i18_one_transaction_of_it_fails_whole,
    v36_in_many_transactions_it_ends_the_same,
);

/// Bytes that a transaction may have.
const TRANSACTION_MAX_BYTES: usize = 1_232;
const UNITS_MAX: u64 = 1_400_000;

const STAGES: [&str; 5] = ["fees_atoms", "insurance_atoms", "deleveraged_atoms", "tranche_atoms", "recorded_atoms"];
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Three accounts long against two winners, all below zero at this price, their liquidations begun in this slot.
fn three(usd: u64, change: impl Fn(&mut World)) -> (World, [Trader; 3], [Trader; 2]) {
    let mut world = World::open();
    let losers = [("a", 1_000), ("b", 600), ("c", 1_500)].map(|(name, usd)| world.funded(name, usd));
    let winners = ["x", "y"].map(|name| world.funded(name, 100_000));
    for (row, (loser, lots)) in losers.iter().zip([1_900, 1_140, 2_850]).enumerate() {
        trade(&mut world, loser, &winners[row % 2], lots);
    }
    change(&mut world);
    world.pass(1, &prices(usd));
    for loser in &losers {
        world.ok(&world.liquidate_orders(loser));
    }
    (world, losers, winners)
}

/// What it came to: the parts of all shares, then what each of the five has.
#[derive(Debug, Default)]
struct Left {
    parts: [i64; 5],
    deficits: [i64; 3],
    equity: Vec<i64>,
    deficit_atoms: u64,
}

/// Resolves all three without the clock or the slot moving.
fn resolve_all(begun: &(World, [Trader; 3], [Trader; 2]), order: [usize; 3]) -> (Left, World) {
    let (mut world, losers, winners) = begun.clone();
    let slot = world.slot();
    let mut left = Left::default();
    for row in order {
        let event = world.told(&world.resolve_bankruptcy(0, &losers[row]), "BankruptcyResolved");
        left.deficits[row] = number(&event, "deficit_atoms");
        for (sum, stage) in left.parts.iter_mut().zip(STAGES) {
            *sum += number(&event, stage);
        }
    }
    assert_eq!(world.slot(), slot, "all in one block");
    let state = world.market(0);
    assert_eq!((state.latch, state.bankruptcies_open, state.open_interest_lots), (0, 0, [0; 2]));
    for winner in &winners {
        world.send(&world.touch_position(0, winner.user)).ok();
    }
    left.equity = losers.iter().chain(&winners).map(|trader| world.equity(trader)).collect();
    left.deficit_atoms = state.deficit_atoms;
    world.assert_sound();
    (left, world)
}

/// All six orders: the same deficits and, up to an atom for each account and stage, the same totals and balances.
fn in_any_order(begun: &(World, [Trader; 3], [Trader; 2])) -> Left {
    let (first, _) = resolve_all(begun, ORDERS[0]);
    for order in &ORDERS[1..] {
        let (other, world) = resolve_all(begun, *order);
        assert_eq!(first.deficits, other.deficits, "what is missing depends on {order:?}");
        for (a, b) in first.parts.iter().zip(other.parts) {
            assert!((a - b).abs() <= 3, "{first:?}, but {other:?} in the order {order:?}");
        }
        for (a, b) in first.equity.iter().zip(&other.equity) {
            assert!((a - b).abs() <= 6, "{first:?}, but {other:?} in the order {order:?}");
        }
        // The same order twice is the same to the byte.
        let (_, again) = resolve_all(begun, *order);
        again.assert_unchanged(&world.snapshot(), "the same order once more");
    }
    let missing: i64 = first.deficits.iter().sum();
    let paid: i64 = first.parts.iter().sum();
    assert!((0..=3).contains(&(paid - missing)), "{paid} paid of {missing}");
    first
}

fn i14_several_bankruptcies_in_one_block_in_any_order() {
    let left = in_any_order(&three(44_000, |_| ()));
    let [fees, insured, others @ ..] = left.parts;
    assert!(fees > 0 && insured > 0 && others == [0; 3], "{left:?}");
}

/// The fund pays the same in all, whoever comes first; the rest is the other side's.
fn i14_several_bankruptcies_share_the_limit_of_the_day() {
    let limit = |world: &mut World| {
        world.edit::<Market>(market(0), |state| state.terms.insurance_day_max_atoms = 200 * USD);
    };
    let left = in_any_order(&three(44_000, limit));
    let [_, insured, deleveraged, tranche, recorded] = left.parts;
    assert_eq!((insured, tranche, recorded), ((200 * USD) as i64, 0, 0), "{left:?}");
    assert!(deleveraged > 100_000_000, "{left:?}");
}

/// Nothing insured and so deep that each side's cap binds: what nobody pays is recorded.
fn i14_what_ends_on_the_record_is_the_same_in_any_order() {
    let left = in_any_order(&three(42_000, |world| uninsured(world, 30)));
    let [_, insured, deleveraged, tranche, recorded] = left.parts;
    assert_eq!((insured, tranche), (0, (30 * USD) as i64), "{left:?}");
    assert!(deleveraged > 0 && recorded > 0, "{left:?}");
    assert_eq!(left.deficit_atoms as i64, recorded);
}

/// Alice long on 40 SOL: below maintenance margin at $45,800, far below zero at $41,000; carol bids.
struct Falling {
    down: Downfall,
    bid: u64,
}

fn falling() -> Falling {
    let mut world = World::open();
    let alice = world.trader("alice");
    let (bob, carol) = (world.funded("bob", 200_000), world.funded("carol", 200_000));
    world.ok(&world.deposit(&alice, 1, 40 * SOL));
    trade(&mut world, &alice, &bob, 6_000);
    let mut down = Downfall { world, alice, bob, carol };
    down.settle_at(46_500);
    let bid = down.world.place(&down.carol, post_only(0, false, 457_900, 900));
    down.world.advance(10);
    down.world.refresh(&prices(46_500));
    Falling { down, bid }
}

impl Falling {
    /// A price of market 0 published now and so many ms.
    fn price(&self, usd: u64, after_ms: i64) -> Call {
        let publish_time_ms = self.down.world.now_ms() + after_ms;
        let price = LocalPrice { price: usd * USD, confidence: usd * USD / 2_000, publish_time_ms };
        self.down.world.update_oracle_with(Target::Market(0), self.down.world.oracle, &price)
    }

    /// A price, the beginning, a part against orders and a part to a liquidator; a worse price, all collateral sold, and
    /// what is missing borne.
    fn steps(&self) -> Vec<Call> {
        let (world, alice, carol) = (&self.down.world, &self.down.alice, &self.down.carol);
        vec![
            self.price(45_800, 1),
            world.liquidate_orders(alice),
            world.liquidate_with_orders(0, alice, 50, &[(carol, self.bid)]),
            world.liquidate_position(0, alice, carol, 20),
            self.price(41_000, 2),
            world.liquidate_collateral(1, alice, carol, u64::MAX),
            world.resolve_bankruptcy(0, alice),
        ]
    }
}

/// Bytes of a transaction of these instructions behind the compute budget's: as it is, and with a lookup table that holds
/// the exchange's own accounts.
fn bytes_of(world: &World, instructions: &[Instruction]) -> [usize; 2] {
    let shared = [exchange(), risk_cache(), insurance(), market(0)];
    let table: Vec<Address> = shared.into_iter().chain((0..=8).map(collateral)).collect();
    let mut keys: Vec<(Address, bool)> = vec![(world.payer, true)];
    let mut programs: Vec<Address> = Vec::new();
    let mut body = 0;
    for instruction in instructions {
        for meta in &instruction.accounts {
            match keys.iter_mut().find(|(address, _)| *address == meta.pubkey) {
                Some((_, signs)) => *signs |= meta.is_signer,
                None => keys.push((meta.pubkey, meta.is_signer)),
            }
        }
        programs.push(instruction.program_id);
        let length = instruction.data.len();
        body += 1 + 1 + instruction.accounts.len() + 1 + usize::from(length > 127) + length;
    }
    for program in programs {
        if !keys.iter().any(|(address, _)| *address == program) {
            keys.push((program, false));
        }
    }
    // The compute budget's program and its one instruction.
    let (count, body) = (keys.len() + 1, body + 1 + 1 + 1 + 5);
    let signatures = keys.iter().filter(|(_, signs)| *signs).count();
    let fixed = 1 + 64 * signatures + 3 + 1 + 32 + 1 + body;
    let looked_up = keys.iter().filter(|(address, signs)| !signs && table.contains(address)).count();
    [fixed + 32 * count, fixed + 32 * (count - looked_up) + 1 + 1 + 32 + 2 + looked_up]
}

fn v25_a_whole_way_down_in_one_transaction() {
    let mut falling = falling();
    let calls = falling.steps();
    let instructions: Vec<Instruction> = calls.iter().map(Call::instruction).collect();
    let [plain, with_table] = bytes_of(&falling.down.world, &instructions);
    assert!(plain <= TRANSACTION_MAX_BYTES && with_table + 100 < plain, "{plain} bytes, {with_table} with a table");
    let world = &mut falling.down.world;
    let sent = world.send_instructions(&instructions);
    let meta = sent.unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")));
    assert!(meta.compute_units_consumed < UNITS_MAX / 4, "{} units", meta.compute_units_consumed);
    world.assert_sound();
    let events = evertide_vm_tests::world::events(&meta);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let due = [
        "OracleUpdated",
        "OrdersLiquidated",
        "LiquidationMatched",
        "PositionLiquidated",
        "OracleUpdated",
        "CollateralLiquidated",
        "BankruptcyResolved",
    ];
    assert_eq!(names, due);
    let last: &Value = &events[6].1;
    assert!(number(last, "deficit_atoms") > 100_000_000 && number(last, "step") == 2, "{last}");
    assert_eq!(last["ended"].as_bool(), Some(true));
    assert!((0..=1).contains(&falling.down.world.equity(&falling.down.alice)));
    assert_eq!(falling.down.world.user(&falling.down.alice).position_count, 0);
}

/// Twelve positions in old epochs, eight assets, 32 orders, and a buyer who is as wide: voided, every asset sold, and the
/// first market's share borne.
fn v25_the_widest_account_in_one_transaction() {
    let (mut world, full) = wide();
    sink(&mut world, &full, -5_000);
    let buyer = world.full_user("buyer", 8);
    world.age_indices();
    let sales = (1..=8).map(|asset| world.liquidate_collateral(asset, &full, &buyer, u64::MAX));
    let mut calls = vec![world.liquidate_orders(&full)];
    calls.extend(sales);
    calls.push(world.resolve_bankruptcy(0, &full));
    let instructions: Vec<Instruction> = calls.iter().map(Call::instruction).collect();
    let [plain, with_table] = bytes_of(&world, &instructions);
    assert!(plain <= TRANSACTION_MAX_BYTES && with_table < plain, "{plain} bytes, {with_table} with a table");
    let sent = world.send_instructions(&instructions);
    let meta = sent.unwrap_or_else(|failed| panic!("{:?}\n{}", failed.err, failed.meta.logs.join("\n")));
    assert!(meta.compute_units_consumed < UNITS_MAX / 2, "{} units", meta.compute_units_consumed);
    let (name, last) = evertide_vm_tests::world::events(&meta).pop().expect("events");
    assert_eq!((name.as_str(), number(&last, "step")), ("BankruptcyResolved", 2), "{last}");
    let user = world.user(&full);
    assert_eq!((user.collateral_count, user.position_count), (0, 12), "{last}");
}

/// The last step meets an account that has collateral left: nothing of the six before it happened.
fn i18_one_transaction_of_it_fails_whole() {
    let mut falling = falling();
    let mut calls = falling.steps();
    calls[5] = falling.down.world.liquidate_collateral(1, &falling.down.alice, &falling.down.carol, SOL);
    let opening = falling.down.world.resolve_bankruptcy(0, &falling.down.alice);
    calls.push(opening);
    let ahead: Vec<Instruction> = calls[..7].iter().map(Call::instruction).collect();
    falling.down.world.fails_behind(&ahead, &calls[7], "CollateralRemains");
    let user = falling.down.world.user(&falling.down.alice);
    assert_eq!((user.liquidation_start_ms, user.collaterals[0].amount_atoms), (0, 40 * SOL));
}

/// What the program keeps, without the slots at which rows were written.
fn kept(world: &World) -> Vec<(Address, Vec<u8>)> {
    let mut all: Vec<(Address, Vec<u8>)> = world
        .snapshot()
        .into_iter()
        .filter(|(address, account)| *account.owner() == program_id() && *address != risk_cache())
        .map(|(address, account)| (address, account.data().to_vec()))
        .collect();
    all.sort();
    all
}

/// Each step in a transaction of its own, of one slot or of seven: every account of the program is the same to the byte,
/// and so is every row that values it.
fn v36_in_many_transactions_it_ends_the_same() {
    let falling = falling();
    let calls = falling.steps();
    let mut at_once = falling.down.world.clone();
    let instructions: Vec<Instruction> = calls.iter().map(Call::instruction).collect();
    at_once.send_instructions(&instructions).unwrap_or_else(|failed| panic!("{:?}", failed.err));
    for slots in [0, 3] {
        let mut in_steps = falling.down.world.clone();
        for call in &calls {
            in_steps.ok(call);
            in_steps.assert_sound();
            in_steps.advance_slots(slots);
        }
        let (one, many) = (kept(&at_once), kept(&in_steps));
        assert_eq!(one.len(), many.len());
        for ((address, left), (_, right)) in one.iter().zip(&many) {
            assert!(left == right, "{address} differs, {slots} slots between the steps");
        }
        let rows = |world: &World| {
            let mut row = world.cache().markets[0];
            row.updated_slot = 0;
            bytemuck::bytes_of(&row).to_vec()
        };
        assert_eq!(rows(&at_once), rows(&in_steps));
        assert_eq!(at_once.read::<Insurance>(&insurance()), in_steps.read::<Insurance>(&insurance()));
    }
}
