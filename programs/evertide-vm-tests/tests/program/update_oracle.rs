//! `update_oracle`: local prices, Pyth and Switchboard.

use evertide_math::oracle::{FEW_SAMPLES, TOO_UNCERTAIN, TOO_VOLATILE};
use evertide_vm_tests::{
    args::LocalPrice,
    call::program_id,
    exchange::{exchange, market, Target},
    feeds::{feed_account, real_feed, PythUpdate, SwitchboardFeed, PYTH_RECEIVER, SWITCHBOARD, SWITCHBOARD_DEVNET},
    state::{Exchange, Market, OracleKind, RiskCache},
    terms::{PRICES, USD},
    tests,
    world::{key, World},
};

tests!(
    prices_markets_and_collateral,
    reads_pyth,
    reads_switchboard,
    reads_real_feeds,
    refuses_a_forged_local_price,
    v19_publish_time_only_moves_forward,
    refuses_prices_out_of_range,
    refuses_wrong_targets,
    v03_refuses_forged_feeds,
    refuses_bad_pyth_updates,
    refuses_bad_switchboard_feeds,
    v18_marks_uncertain_and_volatile_prices,
    a_jump_trips_the_breaker,
    v19_a_pyth_update_may_repeat_but_not_go_back,
    local_feeds_stop_on_an_exchange_that_is_not_local,
);

const NO_PRICE: LocalPrice = LocalPrice { price: 0, confidence: 0, publish_time_ms: 0 };

/// Index price of $50,000 with lots of 0.0001: $5 = 5e6 atoms, 32 fractional bits.
fn prices_markets_and_collateral() {
    let mut world = World::listed();
    let event = world.ok(&world.update_oracle(Target::Market(0), PRICES[0])).event("OracleUpdated");
    assert_eq!((event["market"].as_bool(), event["index"].as_u64()), (Some(true), Some(0)));
    assert_eq!(event["price"].as_u64(), Some(5_000_000 << 32));
    let state = world.market(0);
    assert_eq!(
        (state.index_price_q32, state.mark_price_q32, state.index_twap_q32),
        (5_000_000 << 32, 5_000_000 << 32, 5_000_000 << 32)
    );
    assert_eq!((state.publish_time_ms, state.validity), (world.now_ms(), 0));
    // On the hour of the clock.
    assert_eq!(state.funding_hour_ms, world.now_ms() / 3_600_000 * 3_600_000);
    assert_ne!(state.funding_hour_ms, state.accrued_ms);
    let row = world.cache().markets[0];
    assert_eq!((row.index_price_q32, row.updated_ms), (5_000_000 << 32, world.now_ms()));
    world.ok(&world.update_oracle(Target::Collateral(1), 100 * USD));
    // $100 a SOL: 0.1 quote atoms a lamport.
    assert_eq!(world.cache().collaterals[1].price_q48, (1u64 << 48) / 10);
}

fn with_rules(kind: OracleKind, account: solana_address::Address, feed_id: [u8; 32]) -> World {
    let mut world = World::listed();
    world.edit::<Market>(market(2), |state| {
        let rules = &mut state.terms.oracle;
        rules.kind = kind as u8;
        rules.account = account;
        rules.feed_id = feed_id;
    });
    world
}

fn pyth(world: &World) -> PythUpdate {
    PythUpdate {
        feed_id: [9; 32],
        price: 10_012_345_678,
        confidence: 5_000_000,
        exponent: -8,
        publish_time_s: world.now_ms() / 1_000 - 1,
        verification: 1,
    }
}

fn reads_pyth() {
    let mut world = with_rules(OracleKind::Pyth, Default::default(), [9; 32]);
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, pyth(&world).data()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("pyth"), &NO_PRICE));
    // $100.12345678 a SOL, lots of 0.01: 1,001,234.5678 atoms a lot, floor in Q32.
    let state = world.market(2);
    assert_eq!(state.index_price_q32, ((10_012_345_678u128 << 32) / 10_000) as u64);
    assert_eq!(state.publish_time_ms, world.now_ms() - 1_000);
    assert_eq!(state.validity, 0);
}

/// A feed account at $100.5, of two slots ago.
pub fn switchboard(world: &World) -> SwitchboardFeed {
    SwitchboardFeed {
        value: 100_500_000_000_000_000_000,
        deviation: 10_000_000_000_000_000,
        samples: 5,
        min_samples: 3,
        slot: world.slot() - 2,
        max_staleness: 100,
        updated_s: world.now_ms() / 1_000,
    }
}

fn reads_switchboard() {
    let mut world = with_rules(OracleKind::Switchboard, key("feed"), [0; 32]);
    world.set(key("feed"), feed_account(SWITCHBOARD, switchboard(&world).data()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE));
    assert_eq!(world.market(2).index_price_q32, 1_005_000 << 32);
    let mut world = with_rules(OracleKind::Switchboard, key("feed"), [0; 32]);
    world.set(key("feed"), feed_account(SWITCHBOARD_DEVNET, switchboard(&world).data()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE));
}

/// Real accounts of mainnet, where a data folder is given: the price is what the bytes say.
fn reads_real_feeds() {
    let Some(bytes) = real_feed("pyth_push_sol_price.bin") else {
        println!("reads_real_feeds: EVERTIDE_DATA is not set; the synthetic feeds stand alone");
        return;
    };
    let number = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let mut world = with_rules(OracleKind::Pyth, Default::default(), bytes[41..73].try_into().expect("a feed id"));
    world.set_time(number(93) + 2, 300_000_000);
    world.set(key("real"), feed_account(PYTH_RECEIVER, bytes.clone()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("real"), &NO_PRICE));
    let state = world.market(2);
    assert_eq!(state.index_price_q32, ((i128::from(number(73)) << 32) / 10_000) as u64, "exponent -8, lots of 0.01");
    assert_eq!((state.publish_time_ms, state.validity), (number(93) * 1_000, 0));

    let bytes = real_feed("swb_pull_sol_price.bin").expect("the Switchboard account");
    let mut world = with_rules(OracleKind::Switchboard, key("real"), [0; 32]);
    let slot = u64::from_le_bytes(bytes[2_368..2_376].try_into().expect("8 bytes"));
    let updated_s = i64::from_le_bytes(bytes[2_216..2_224].try_into().expect("8 bytes"));
    world.set_time(updated_s + 1, slot + 3);
    world.set(key("real"), feed_account(SWITCHBOARD, bytes.clone()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("real"), &NO_PRICE));
    let value = i128::from_le_bytes(bytes[2_264..2_280].try_into().expect("16 bytes"));
    let dollars = world.market(2).index_price_q32 as f64 / f64::from(1u32 << 31) / 2.0 / 10_000.0;
    assert!((dollars - value as f64 / 1e18).abs() < 1e-3, "{dollars} against {value}");
    world.set_time(updated_s + 1, slot + 10_000_000);
    world.fails(&world.update_oracle_with(Target::Market(2), key("real"), &NO_PRICE), "OracleFeedStale");
}

/// V-01, V-03: a local price is signed by the key of the rules, and by no other.
fn refuses_a_forged_local_price() {
    let mut world = World::listed();
    let price = LocalPrice { price: PRICES[0], confidence: 0, publish_time_ms: world.now_ms() };
    let call = world.update_oracle(Target::Market(0), PRICES[0]);
    world.fails(&call.without_signature("oracle"), "LocalPriceNotSigned");
    let mut call = world.update_oracle_with(Target::Market(0), world.keeper, &price);
    call.metas[0].is_signer = true;
    world.fails(&call, "LocalPriceNotSigned");
}

fn local(world: &World, target: Target, price: u64, publish_time_ms: i64) -> evertide_vm_tests::call::Call {
    world.update_oracle_with(target, world.oracle, &LocalPrice { price, confidence: 0, publish_time_ms })
}

/// V-19, I-23: nobody chooses among prices: an older one is refused, and none comes from the future.
fn v19_publish_time_only_moves_forward() {
    let mut world = World::open();
    let now_ms = world.now_ms();
    for target in [Target::Market(0), Target::Collateral(1)] {
        world.fails(&local(&world, target, PRICES[0], now_ms), "OracleNotNewer");
        world.fails(&local(&world, target, PRICES[0], now_ms - 1), "OracleNotNewer");
        world.fails(&local(&world, target, PRICES[0], i64::MIN), "OracleNotNewer");
        world.fails(&local(&world, target, PRICES[0], now_ms + 5_001), "OracleFromFuture");
    }
    world.ok(&local(&world, Target::Market(0), PRICES[0], now_ms + 5_000));
}

fn refuses_prices_out_of_range() {
    let mut world = World::listed();
    let now_ms = world.now_ms();
    world.fails(&local(&world, Target::Market(0), 0, now_ms), "OraclePriceNotPositive");
    world.fails(&local(&world, Target::Market(0), u64::MAX, now_ms), "OraclePriceOutOfRange");
    world.fails(&local(&world, Target::Collateral(1), u64::MAX, now_ms), "OraclePriceOutOfRange");
    world.fails(&local(&world, Target::Market(0), 1_000_001 * USD, now_ms), "LotWorthTooMuch");
    world.ok(&local(&world, Target::Market(0), 1_000_000 * USD, now_ms));
}

fn refuses_wrong_targets() {
    let mut world = World::open();
    world.advance(1);
    world.fails(&world.update_oracle(Target::Collateral(0), USD), "QuoteHasNoOracle");
    let both = world.update_oracle(Target::Market(0), PRICES[0]);
    let mut both = both.with("collateral", evertide_vm_tests::exchange::collateral(1));
    let row = both.names.iter().position(|name| name == "collateral").expect("the account");
    both.metas[row].is_writable = true;
    world.fails(&both, "TargetAmbiguous");
    let none = world.update_oracle(Target::Market(0), PRICES[0]).with("market", program_id());
    world.fails(&none, "TargetAmbiguous");
}

/// V-03, V-06: right bytes in an account of another program, or in another account.
fn v03_refuses_forged_feeds() {
    let mut world = with_rules(OracleKind::Pyth, Default::default(), [9; 32]);
    world.set(key("pyth"), feed_account(key("another program"), pyth(&world).data()));
    world.fails(&world.update_oracle_with(Target::Market(2), key("pyth"), &NO_PRICE), "OracleOwnerWrong");
    let mut world = with_rules(OracleKind::Pyth, key("named"), [9; 32]);
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, pyth(&world).data()));
    world.fails(&world.update_oracle_with(Target::Market(2), key("pyth"), &NO_PRICE), "OracleAccountWrong");
    let mut world = with_rules(OracleKind::Switchboard, key("feed"), [0; 32]);
    let data = switchboard(&world).data();
    world.set(key("twin"), feed_account(SWITCHBOARD, data.clone()));
    world.fails(&world.update_oracle_with(Target::Market(2), key("twin"), &NO_PRICE), "OracleAccountWrong");
    world.set(key("feed"), feed_account(key("another program"), data.clone()));
    world.fails(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE), "OracleOwnerWrong");
    world.set(key("feed"), feed_account(SWITCHBOARD_DEVNET, data));
    world.edit::<Exchange>(exchange(), |state| state.local = 0);
    world.fails(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE), "OracleOwnerWrong");
}

fn refuses_bad_pyth_updates() {
    let mut world = with_rules(OracleKind::Pyth, Default::default(), [9; 32]);
    let good = pyth(&world);
    let mut wrong_tag = good.data();
    wrong_tag[0] ^= 1;
    let now_s = world.now_ms() / 1_000;
    let cases = [
        (wrong_tag, "OracleDataInvalid"),
        (good.data()[..100].to_vec(), "OracleDataInvalid"),
        (PythUpdate { verification: 0, ..good.clone() }.data(), "OracleNotFullyVerified"),
        (PythUpdate { feed_id: [8; 32], ..good.clone() }.data(), "OracleFeedMismatch"),
        (PythUpdate { price: 0, ..good.clone() }.data(), "OraclePriceNotPositive"),
        (PythUpdate { price: -1, ..good.clone() }.data(), "OraclePriceNotPositive"),
        (PythUpdate { exponent: 12, ..good.clone() }.data(), "OraclePriceOutOfRange"),
        (PythUpdate { publish_time_s: now_s + 6, ..good.clone() }.data(), "OracleFromFuture"),
        (PythUpdate { publish_time_s: i64::MAX, ..good }.data(), "Overflow"),
    ];
    for (data, error) in cases {
        world.set(key("pyth"), feed_account(PYTH_RECEIVER, data));
        world.fails(&world.update_oracle_with(Target::Market(2), key("pyth"), &NO_PRICE), error);
    }
}

fn refuses_bad_switchboard_feeds() {
    let mut world = with_rules(OracleKind::Switchboard, key("feed"), [0; 32]);
    let good = switchboard(&world);
    let slot = world.slot();
    let cases = [
        (good.data()[..3_000].to_vec(), "OracleDataInvalid"),
        (SwitchboardFeed { slot: slot - 101, ..good.clone() }.data(), "OracleFeedStale"),
        (SwitchboardFeed { value: 0, ..good.clone() }.data(), "OraclePriceNotPositive"),
        (SwitchboardFeed { value: i128::MIN, ..good.clone() }.data(), "OraclePriceNotPositive"),
        (SwitchboardFeed { value: i128::MAX, ..good }.data(), "OraclePriceOutOfRange"),
    ];
    for (data, error) in cases {
        world.set(key("feed"), feed_account(SWITCHBOARD, data));
        world.fails(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE), error);
    }
}

/// V-18: confidence, jumps and thin samples are noted in the row, and every reader sees them.
fn v18_marks_uncertain_and_volatile_prices() {
    let mut world = World::open();
    world.advance(1);
    let publish_time_ms = world.now_ms();
    let wide = LocalPrice { price: PRICES[0], confidence: PRICES[0] * 201 / 10_000, publish_time_ms };
    world.ok(&world.update_oracle_with(Target::Market(0), world.oracle, &wide));
    assert_eq!(world.cache().markets[0].validity, TOO_UNCERTAIN);
    world.ok(&local(&world, Target::Market(1), PRICES[1] * 130 / 100, publish_time_ms));
    assert_ne!(world.cache().markets[1].validity & TOO_VOLATILE, 0);
    world.ok(&world.update_oracle_with(Target::Collateral(1), world.oracle, &LocalPrice { price: PRICES[2], ..wide }));
    assert_ne!(world.cache().collaterals[1].validity & TOO_UNCERTAIN, 0);
    let mut world = with_rules(OracleKind::Switchboard, key("feed"), [0; 32]);
    let thin = SwitchboardFeed { samples: 2, ..switchboard(&world) };
    world.set(key("feed"), feed_account(SWITCHBOARD, thin.data()));
    world.ok(&world.update_oracle_with(Target::Market(2), key("feed"), &NO_PRICE));
    assert_ne!(world.market(2).validity & FEW_SAMPLES, 0);
}

/// A move of more than 20 % within five minutes makes the market post-only for a minute.
fn a_jump_trips_the_breaker() {
    let mut world = World::open();
    world.advance(1);
    let event = world.ok(&world.update_oracle(Target::Market(0), PRICES[0] * 121 / 100)).event("OracleUpdated");
    assert_eq!(event["cooldown_until_ms"].as_i64(), Some(world.now_ms() + 60_000));
    assert!(world.market(0).matchable_since_slot > world.slot());
    let alice = world.funded("alice", 1_000);
    let call = world.place_orders(&alice, &[evertide_vm_tests::traders::limit(0, false, 500_000, 1)]);
    world.fails(&call, "MarketStatusForbids");
}

fn v19_a_pyth_update_may_repeat_but_not_go_back() {
    let mut world = with_rules(OracleKind::Pyth, Default::default(), [9; 32]);
    let update = pyth(&world);
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, update.data()));
    let call = world.update_oracle_with(Target::Market(2), key("pyth"), &NO_PRICE);
    world.ok(&call);
    world.advance(1);
    world.ok(&call);
    let older = PythUpdate { publish_time_s: update.publish_time_s - 1, price: 1, ..update };
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, older.data()));
    world.fails(&call, "OracleNotNewer");
}

fn local_feeds_stop_on_an_exchange_that_is_not_local() {
    let mut world = World::open();
    world.advance(1);
    world.edit::<Exchange>(exchange(), |state| state.local = 0);
    world.fails(&world.update_oracle(Target::Market(0), PRICES[0]), "LocalOracleForbidden");
    assert_eq!(world.read::<RiskCache>(&evertide_vm_tests::exchange::risk_cache()).market_count, 3);
}
