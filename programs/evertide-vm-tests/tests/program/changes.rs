//! `propose_change`, `cancel_change`, `execute_change`, `apply_ramp`.

use evertide_vm_tests::{
    admin::{TIMELOCK_S, WINDOW_S},
    changes::{change, parameter, parameters, Subject},
    state::{ChangeClass, ChangeStatus, MarketStatus},
    terms::{PRICES, USD},
    tests,
    traders::{limit, Trader},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    what_stops_new_risk_is_instant,
    v29_instant_changes_hurt_nobody,
    everything_else_waits_and_then_anyone_executes,
    a_change_lapses,
    a_change_of_a_moved_field_is_void,
    guardian_and_proposer_cancel,
    changes_that_contradict_are_refused,
    a_ramp_moves_for_a_day,
    a_ramp_stops_or_is_void,
    a_ramp_from_no_scaling,
    what_has_accrued_bears_the_old_rate,
    a_market_settles_after_its_notice,
    the_opening_voids_what_waited,
    oracles_change_by_their_parts,
    refuses_what_is_not_a_change,
    refuses_who_holds_no_role,
);

const MARKET: Subject = Subject::Market(0);
const SOL: Subject = Subject::Collateral(1);
const QUOTE: Subject = Subject::Collateral(0);
const DAY_S: i64 = 86_400;

/// Proposes, and returns the number and the class.
fn proposed(world: &mut World, subject: Subject, name: &str, value: i64) -> (u64, u8) {
    let event = world.ok(&world.propose(world.root, subject, name, value)).event("ChangeProposed");
    let number = event["number"].as_u64().expect("a number");
    let change = world.change(number);
    assert_eq!(
        (event["class"].as_u64(), event["status"].as_u64()),
        (Some(change.class.into()), Some(change.status.into()))
    );
    assert_eq!((change.target, change.new_value, change.number), (subject.address(), value, number));
    (number, change.class)
}

fn value(world: &World, subject: Subject, name: &str) -> i64 {
    world.parameter_value(subject, &parameter(subject, name))
}

/// Waits for the timelock and brings every row up to date.
fn wait(world: &mut World) {
    world.pass(TIMELOCK_S, &PRICES);
}

fn what_stops_new_risk_is_instant() {
    let cases = [
        (MARKET, "open_interest_max_lots", 1 << 30),
        (MARKET, "profit_weight_bps", 0),
        (SOL, "user_cap_atoms", 1_000),
        (SOL, "status", 1),
        (Subject::Exchange, "user_notional_max_atoms", 1_000_000 * USD as i64),
    ];
    for (subject, name, tighter) in cases {
        let mut world = World::open();
        let before = value(&world, subject, name);
        let (number, class) = proposed(&mut world, subject, name, tighter);
        assert_eq!(
            (class, world.change(number).status),
            (ChangeClass::Instant as u8, ChangeStatus::Executed as u8),
            "{name}"
        );
        assert_eq!(value(&world, subject, name), tighter);
        world.fails(&world.execute_change(world.root, number, subject), "ChangeNotPending");
        // The way back waits.
        let (_, class) = proposed(&mut world, subject, name, before);
        assert_eq!(class, ChangeClass::Delayed as u8, "{name} back");
        assert_eq!(value(&world, subject, name), tighter);
    }
    let mut world = World::open();
    // Quote is what saves a position: its deposits are not stopped at once.
    for (name, tighter) in [("user_cap_atoms", 1_000), ("status", 1)] {
        let (_, class) = proposed(&mut world, QUOTE, name, tighter);
        assert_eq!(class, ChangeClass::Delayed as u8, "{name} of the quote asset");
    }
    assert_eq!(world.cache().markets[0].profit_weight_bps, 5_000);
    proposed(&mut world, MARKET, "profit_weight_bps", 100);
    assert_eq!(world.cache().markets[0].profit_weight_bps, 100);
}

/// V-29, decision 6: whatever a stolen key can do at once, an account keeps its maintenance health, closes its position and
/// withdraws what it could.
fn v29_instant_changes_hurt_nobody() {
    let mut tried = 0;
    for known in parameters().into_iter().filter(|known| known.rising == "instant" || known.falling == "instant") {
        let (mut world, alice, bob) = stage();
        world.fund(key("risk"));
        world.trade(0, &alice, &bob, 500_000, 10_000);
        world.ok(&world.deposit(&alice, 1, evertide_vm_tests::terms::SOL));
        let health = |world: &mut World| world.ok(&world.view_health(alice.user)).meta.return_data.data;
        let before = health(&mut world);
        let subject = match known.target.as_str() {
            "market" => MARKET,
            "collateral" => SOL,
            _ => Subject::Exchange,
        };
        let worst = match (known.falling == "instant", known.name.as_str()) {
            (_, "user_notional_max_atoms" | "exchange_notional_max_atoms") => 1,
            (_, "open_interest_max_lots") => world.market(0).terms.position_max_lots as i64,
            (true, _) => known.minimum,
            (false, _) => known.maximum,
        };
        // An asset's cap falls to nothing when its users' does.
        if known.name == "deposit_cap_atoms" {
            world.forge_parameter(subject, "user_cap_atoms", 0);
        }
        // A key is an entry of the builder table, which is given to anybody.
        let key_bytes = [if known.kind == "key" { 7 } else { 0 }; 32];
        let (number, worst) = if known.kind == "key" { (0, i64::from_le_bytes([7; 8])) } else { (worst, worst) };
        let call = world.propose_change(key("risk"), subject, known.number, number, key_bytes);
        let call = if subject == Subject::Exchange { call.with("signer", world.root) } else { call };
        world.ok(&call);
        assert_eq!(world.parameter_value(subject, &known), worst, "{}", known.name);
        let after = health(&mut world);
        // Equity, maintenance and withdrawal are the same; initial margin alone may differ.
        let same = |data: &[u8]| [data[16..32].to_vec()].concat();
        assert_eq!(same(&after), same(&before), "{}: maintenance", known.name);
        world.ok(&world.withdraw(&bob, 0, 1_000 * USD));
        let mut close = limit(0, true, 500_000, 10_000);
        close.reduce_only = true;
        world.ok(&world.place_orders(&alice, &[close]));
        tried += 1;
    }
    assert_eq!(tried, 15, "parameters with an instant way");
}

fn everything_else_waits_and_then_anyone_executes() {
    let (mut world, alice, _) = stage();
    let (number, class) = proposed(&mut world, MARKET, "band_bps", 1_000);
    assert_eq!(class, ChangeClass::Delayed as u8);
    let pending = world.change(number);
    assert_eq!(pending.earliest_ms, world.now_ms() + TIMELOCK_S * 1_000);
    assert_eq!(pending.expiry_ms, pending.earliest_ms + WINDOW_S * 1_000);
    let call = world.execute_change(alice.authority, number, MARKET);
    world.fails(&call, "TimelockNotOver");
    world.advance(TIMELOCK_S - 1);
    world.fails(&call, "TimelockNotOver");
    world.advance(1);
    assert_eq!(value(&world, MARKET, "band_bps"), 500);
    let event = world.ok(&call).event("ChangeExecuted");
    assert_eq!((event["value"].as_i64(), event["status"].as_u64()), (Some(1_000), Some(1)));
    assert_eq!(value(&world, MARKET, "band_bps"), 1_000);
    world.fails(&call, "ChangeNotPending");
    // Tightening waits as well where it could hurt: a narrower band locks closings out.
    let (_, class) = proposed(&mut world, MARKET, "band_bps", 10);
    assert_eq!(class, ChangeClass::Delayed as u8);
}

fn a_change_lapses() {
    let mut world = World::open();
    let (number, _) = proposed(&mut world, MARKET, "band_bps", 1_000);
    world.advance(TIMELOCK_S + WINDOW_S - 1);
    let mut last = world.clone();
    last.ok(&last.execute_change(key("anyone"), number, MARKET));
    world.advance(1);
    world.fails(&world.execute_change(key("anyone"), number, MARKET), "TimelockExpired");
}

/// A change stands against the value that it was proposed from, or it is void.
fn a_change_of_a_moved_field_is_void() {
    let mut world = World::open();
    let (first, _) = proposed(&mut world, MARKET, "band_bps", 1_000);
    let (second, _) = proposed(&mut world, MARKET, "band_bps", 1_500);
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), first, MARKET));
    let event = world.ok(&world.execute_change(key("anyone"), second, MARKET)).event("ChangeExecuted");
    assert_eq!((event["status"].as_u64(), event["value"].as_i64()), (Some(ChangeStatus::Void as u64), Some(1_000)));
    assert_eq!(value(&world, MARKET, "band_bps"), 1_000);
    world.fails(&world.execute_change(key("anyone"), second, MARKET), "ChangeNotPending");
}

fn guardian_and_proposer_cancel() {
    for canceller in [key("guardian"), key("risk")] {
        let mut world = World::open();
        world.fund(key("risk"));
        let event = world.ok(&world.propose(key("risk"), MARKET, "band_bps", 1_000)).event("ChangeProposed");
        let number = event["number"].as_u64().expect("a number");
        for stranger in [world.root, world.treasury, world.keeper] {
            world.fails(&world.cancel_change(stranger, number), "ChangeNotYours");
        }
        world.ok(&world.cancel_change(canceller, number)).event("ChangeCancelled");
        world.fails(&world.cancel_change(canceller, number), "ChangeNotPending");
        wait(&mut world);
        world.fails(&world.execute_change(world.root, number, MARKET), "ChangeNotPending");
    }
}

fn changes_that_contradict_are_refused() {
    let mut world = World::open();
    let refused = [
        (Subject::Exchange, "keeper_reward_min_atoms", 10 * USD as i64 + 1, "ExchangeTermsOutOfBounds"),
        (Subject::Exchange, "keeper_reward_max_atoms", 999, "ExchangeTermsOutOfBounds"),
        (Subject::Exchange, "referrer_share_bps", 8_001, "FeeSharesTooLarge"),
        (Subject::Exchange, "fee_tiers.1.taker_fee_tenth_bps", 36, "FeeTiersNotMonotone"),
        (Subject::Exchange, "fee_tier_count", 3, "FeeTiersNotMonotone"),
        (MARKET, "tier_ratio_bps.1", 999, "MarginTiersNotMonotone"),
        (MARKET, "tier_bound_usd.0", 1_000_000, "MarginTiersNotMonotone"),
        (MARKET, "stress_move_bps", 400, "SolvencyEnvelopeViolated"),
        (MARKET, "liquidation_fee_bps", 300, "SolvencyEnvelopeViolated"),
        (MARKET, "order_size_min_lots", (1 << 30) + 1, "MarketTermsOutOfBounds"),
        (MARKET, "oracle.stale_fill_ms", 30_001, "OracleRulesOutOfBounds"),
        (SOL, "weight_initial_bps", 9_001, "CollateralTermsOutOfBounds"),
        (SOL, "liquidation_discount_bps", 301, "CollateralTermsOutOfBounds"),
        (QUOTE, "weight_initial_bps", 9_999, "CollateralTermsOutOfBounds"),
    ];
    for (subject, name, contradiction, error) in refused {
        world.fails(&world.propose(world.root, subject, name, contradiction), error);
    }
    // Each alone is fine; the second is refused when its time comes.
    let (first, _) = proposed(&mut world, MARKET, "stress_move_bps", 330);
    let (second, _) = proposed(&mut world, MARKET, "liquidation_fee_bps", 200);
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), first, MARKET));
    world.fails(&world.execute_change(key("anyone"), second, MARKET), "SolvencyEnvelopeViolated");
}

fn a_ramp_moves_for_a_day() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    let (number, class) = proposed(&mut world, MARKET, "tier_ratio_bps.0", 1_400);
    assert_eq!(class, ChangeClass::Ramped as u8);
    world.fails(&world.apply_ramp(number, MARKET), "ChangeNotRamping");
    wait(&mut world);
    let event = world.ok(&world.execute_change(key("anyone"), number, MARKET)).event("ChangeExecuted");
    assert_eq!((event["status"].as_u64(), event["value"].as_i64()), (Some(ChangeStatus::Ramping as u64), Some(1_000)));
    assert_eq!(value(&world, MARKET, "tier_ratio_bps.0"), 1_000);
    world.fails(&world.apply_ramp(number, MARKET), "RampUnmoved");
    for (after_s, ratio) in [(DAY_S / 4, 1_100), (DAY_S / 4 + 215, 1_200), (DAY_S / 2 - 215, 1_400)] {
        world.pass(after_s, &PRICES);
        let event = world.ok(&world.apply_ramp(number, MARKET)).event("RampApplied");
        assert_eq!(event["value"].as_i64(), Some(ratio));
        assert_eq!(value(&world, MARKET, "tier_ratio_bps.0"), ratio);
        assert_eq!(i64::from(world.cache().markets[0].tier_ratio_bps[0]), ratio);
    }
    assert_eq!(world.change(number).status, ChangeStatus::Executed as u8);
    world.fails(&world.apply_ramp(number, MARKET), "ChangeNotRamping");
}

fn a_ramp_stops_or_is_void() {
    let mut world = World::open();
    let (number, _) = proposed(&mut world, SOL, "weight_maintenance_bps", 8_000);
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), number, SOL));
    world.pass(DAY_S / 2, &PRICES);
    world.ok(&world.apply_ramp(number, SOL));
    assert_eq!(world.cache().collaterals[1].weight_maintenance_bps, 8_500);
    let mut moved = world.clone();
    moved.forge_parameter(SOL, "weight_maintenance_bps", 8_700);
    moved.pass(60, &PRICES);
    let event = moved.ok(&moved.apply_ramp(number, SOL)).event("RampApplied");
    assert_eq!((event["status"].as_u64(), event["value"].as_i64()), (Some(ChangeStatus::Void as u64), Some(8_700)));
    world.ok(&world.cancel_change(key("guardian"), number));
    world.pass(DAY_S, &PRICES);
    world.fails(&world.apply_ramp(number, SOL), "ChangeNotRamping");
    assert_eq!(world.cache().collaterals[1].weight_maintenance_bps, 8_500);
}

/// No scaling is 0, which is more than every number: the ramp starts at the greatest.
fn a_ramp_from_no_scaling() {
    let mut world = World::open();
    world.forge_parameter(SOL, "scale_thousand_usd", 0);
    let (number, class) = proposed(&mut world, SOL, "scale_thousand_usd", 535);
    assert_eq!(class, ChangeClass::Ramped as u8);
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), number, SOL));
    assert_eq!(value(&world, SOL, "scale_thousand_usd"), 0);
    for left in [32_500 + 535, 535] {
        world.pass(DAY_S / 2, &PRICES);
        world.ok(&world.apply_ramp(number, SOL));
        assert_eq!(value(&world, SOL, "scale_thousand_usd"), left);
    }
    let (_, class) = proposed(&mut world, SOL, "scale_thousand_usd", 0);
    assert_eq!(class, ChangeClass::Delayed as u8, "no scaling at all loosens");
}

/// A rate never counts for time that passed before it was set.
fn what_has_accrued_bears_the_old_rate() {
    let mut world = World::open();
    let (debt, _) = proposed(&mut world, Subject::Exchange, "debt_interest_bps", 5_000);
    let (interest, _) = proposed(&mut world, MARKET, "interest_rate_e9", 50_000);
    world.advance(TIMELOCK_S);
    let calls = [
        world.execute_change(key("anyone"), debt, Subject::Exchange),
        world.execute_change(key("anyone"), interest, MARKET),
    ];
    for call in &calls {
        world.fails(call, "NotAccrued");
    }
    world.fails(&calls[0].clone().with("quote", evertide_vm_tests::exchange::collateral(1)), "NotQuoteAsset");
    world.fails(&calls[0].clone().with("quote", evertide_vm_tests::call::program_id()), "NotAccrued");
    world.ok(&world.accrue_debt());
    world.ok(&world.accrue_market(0));
    for call in &calls {
        world.ok(call);
    }
}

/// Delisting: a market settles no earlier than 72 h after it was announced, and a settling one never comes back.
fn a_market_settles_after_its_notice() {
    let mut world = World::open();
    let settling = i64::from(MarketStatus::Settling as u8);
    world.fails(&world.propose(world.root, MARKET, "status", settling + 1), "MarketTermsOutOfBounds");
    let (number, class) = proposed(&mut world, MARKET, "status", settling);
    let (late, _) = proposed(&mut world, MARKET, "status", i64::from(MarketStatus::Halted as u8));
    assert_eq!(class, ChangeClass::Delayed as u8);
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), number, MARKET));
    assert_eq!((world.market(0).status, world.cache().markets[0].status), (4, 4));
    world.fails(&world.propose(world.root, MARKET, "status", 0), "StatusFinal");
    world.ok(&world.execute_change(key("anyone"), late, MARKET));
    assert_eq!((world.market(0).status, world.change(late).status), (4, ChangeStatus::Void as u8));
}

fn the_opening_voids_what_waited() {
    let mut world = World::listed();
    let (early, _) = proposed(&mut world, MARKET, "band_bps", 1_000);
    world.ok(&world.open_exchange());
    let (late, _) = proposed(&mut world, MARKET, "band_bps", 1_500);
    world.advance(TIMELOCK_S);
    world.fails(&world.execute_change(world.root, early, MARKET), "ChangeVoidedByOpening");
    world.ok(&world.execute_change(world.root, late, MARKET));
}

fn oracles_change_by_their_parts() {
    let mut world = World::open();
    world.fund(key("risk"));
    let signer = key("another feed").to_bytes();
    let call = world.propose_key(key("risk"), MARKET, "oracle.account", signer);
    let event = world.ok(&call).event("ChangeProposed");
    let number = event["number"].as_u64().expect("a number");
    world.fails(&world.propose_key(world.root, MARKET, "oracle.account", world.oracle.to_bytes()), "ChangeUnchanged");
    wait(&mut world);
    world.ok(&world.execute_change(key("anyone"), number, MARKET));
    assert_eq!(world.market(0).terms.oracle.account.to_bytes(), signer);
    // A feed that nobody could name is refused.
    world.fails(&world.propose_key(world.root, MARKET, "oracle.account", [0; 32]), "OracleRulesOutOfBounds");
    world.fails(&world.propose(world.root, MARKET, "oracle.kind", 0), "OracleRulesOutOfBounds");
}

fn refuses_what_is_not_a_change() {
    let mut world = World::open();
    let root = world.root;
    for unknown in [13, 99, 999, u32::MAX] {
        world.fails(&world.propose_change(root, MARKET, unknown, 1, [0; 32]), "ChangeFieldUnknown");
    }
    let band = parameter(MARKET, "band_bps").number;
    world.fails(&world.propose_change(root, Subject::Exchange, band, 1_000, [0; 32]), "ChangeTargetWrong");
    world.fails(&world.propose_change(root, SOL, band, 1_000, [0; 32]), "ChangeTargetWrong");
    world.fails(&world.propose_change(root, MARKET, band, 500, [0; 32]), "ChangeUnchanged");
    world.fails(&world.propose_change(root, MARKET, band, 1_000, [1; 32]), "ChangeValueUnfit");
    world.fails(&world.propose_change(root, MARKET, band, -1, [0; 32]), "ChangeValueUnfit");
    world.fails(&world.propose_change(root, MARKET, band, 65_536, [0; 32]), "ChangeValueUnfit");
    let mut both = world.propose(root, MARKET, "band_bps", 1_000).with("collateral", SOL.address());
    both.metas.iter_mut().for_each(|meta| meta.is_writable |= meta.pubkey == SOL.address());
    world.fails(&both, "TargetAmbiguous");
    let (number, _) = proposed(&mut world, MARKET, "band_bps", 1_000);
    wait(&mut world);
    for other in [Subject::Market(1), SOL, Subject::Exchange] {
        world.fails(&world.execute_change(root, number, other), "ChangeTargetWrong");
    }
    let (ramp, _) = proposed(&mut world, SOL, "weight_maintenance_bps", 8_000);
    wait(&mut world);
    world.ok(&world.execute_change(root, ramp, SOL));
    world.advance(60);
    world.fails(&world.apply_ramp(ramp, QUOTE), "ChangeTargetWrong");
    assert!(world.exists(&change(number)));
}

fn refuses_who_holds_no_role() {
    let mut world = World::open();
    let stranger = Trader::named("stranger").authority;
    for signer in [key("guardian"), world.treasury, world.upgrade_authority, stranger] {
        world.fund(signer);
        for (subject, name, other) in
            [(MARKET, "band_bps", 1_000), (SOL, "status", 1), (Subject::Exchange, "lane_atoms", 0)]
        {
            world.fails(&world.propose(signer, subject, name, other), "RoleForbids");
        }
    }
    world.fund(key("risk"));
    world.ok(&world.propose(key("risk"), MARKET, "band_bps", 1_000));
    world.fails(&world.propose(key("risk"), Subject::Exchange, "lane_atoms", 0), "RoleForbids");
}
