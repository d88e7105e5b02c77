//! Every parameter that a change can move, at both bounds and one beyond, and where it lands.

use evertide_vm_tests::{
    admin::TIMELOCK_S,
    changes::{located, parameters, Parameter, Subject},
    idl::idl,
    state::{ChangeStatus, Exchange},
    tests,
    world::{custom_code, key, World},
};

tests!(
    each_reaches_both_bounds_and_no_further,
    each_lands_in_its_own_place,
    an_exchange_that_is_not_local_keeps_a_floor,
    every_term_has_its_parameter,
);

const DAY_S: i64 = 86_400;

fn subject(known: &Parameter) -> Subject {
    match known.target.as_str() {
        "market" => Subject::Market(0),
        "collateral" => Subject::Collateral(1),
        _ => Subject::Exchange,
    }
}

/// Number of the element that a name ends with or holds.
fn row(name: &str) -> i64 {
    name.split('.').find_map(|part| part.parse().ok()).expect("a row of an array")
}

/// Terms in which every field can reach its bounds as far as the others are concerned.
fn roomy(world: &mut World) {
    let market = [
        ("order_size_min_lots", 1),
        ("position_max_lots", 1),
        ("open_interest_max_lots", 1 << 40),
        ("open_interest_lower_usd", 1),
        ("open_interest_upper_usd", i64::from(u32::MAX)),
        ("stress_move_bps", 10),
        ("liquidation_fee_bps", 25),
        ("insurance_fee_bps", 0),
        ("oracle.stale_fill_ms", 1_000),
        ("oracle.stale_margin_ms", 600_000),
        ("oracle.feed_id", 1),
    ];
    market.iter().for_each(|(name, value)| world.forge_parameter(Subject::Market(0), name, *value));
    for tier in 0..4 {
        world.forge_parameter(Subject::Market(0), &format!("tier_ratio_bps.{tier}"), 10_000);
    }
    let asset = [
        ("deposit_cap_atoms", i64::MAX),
        ("user_cap_atoms", 0),
        ("weight_initial_bps", 0),
        ("weight_maintenance_bps", 9_700),
        ("liquidation_discount_bps", 0),
        ("oracle.stale_fill_ms", 1_000),
        ("oracle.stale_margin_ms", 600_000),
        ("oracle.feed_id", 1),
    ];
    asset.iter().for_each(|(name, value)| world.forge_parameter(Subject::Collateral(1), name, *value));
    let exchange = [("keeper_share_bps", 0), ("referrer_share_bps", 0), ("keeper_reward_min_atoms", 0)];
    exchange.iter().for_each(|(name, value)| world.forge_parameter(Subject::Exchange, name, *value));
    world.forge_parameter(Subject::Exchange, "fee_tier_count", 8);
    for tier in 0..8 {
        world.forge_parameter(Subject::Exchange, &format!("fee_tiers.{tier}.volume_atoms"), tier);
        world.forge_parameter(Subject::Exchange, &format!("fee_tiers.{tier}.taker_fee_tenth_bps"), 200);
        world.forge_parameter(Subject::Exchange, &format!("fee_tiers.{tier}.maker_fee_tenth_bps"), 0);
    }
}

/// What the neighbours of a field must be for it to reach `value`.
fn make_room(world: &mut World, known: &Parameter, value: i64) {
    let on = subject(known);
    let name = known.name.as_str();
    let around = |world: &mut World, prefix: &str, suffix: &str, count: i64, of: &dyn Fn(i64) -> i64| {
        for other in (0..count).filter(|other| *other != row(name)) {
            world.forge_parameter(on, &format!("{prefix}.{other}{suffix}"), of(other));
        }
    };
    match name {
        "order_size_min_lots" => world.forge_parameter(on, "position_max_lots", 1 << 40),
        "weight_initial_bps" => world.forge_parameter(on, "weight_maintenance_bps", 9_800),
        _ if name.starts_with("tier_bound_usd") => {
            around(world, "tier_bound_usd", "", 4, &|other| value + other - row(name));
        }
        _ if name.starts_with("tier_ratio_bps") => {
            around(world, "tier_ratio_bps", "", 4, &|other| if other < row(name) { 200 } else { 10_000 });
        }
        _ if name.ends_with("volume_atoms") => world.forge_parameter(on, "fee_tier_count", row(name) + 1),
        _ if name.ends_with("taker_fee_tenth_bps") => {
            around(world, "fee_tiers", ".taker_fee_tenth_bps", 8, &|other| if other < row(name) { 200 } else { 0 });
        }
        _ if name.ends_with("maker_fee_tenth_bps") => {
            around(world, "fee_tiers", ".maker_fee_tenth_bps", 8, &|other| if other < row(name) { 200 } else { -200 });
        }
        _ => {}
    }
}

/// A world in which the field holds something else than `value` and can be proposed to be it.
fn ready(known: &Parameter, value: i64) -> World {
    let mut world = World::open();
    roomy(&mut world);
    make_room(&mut world, known, value);
    // An entry of the builder table is free until it is given away.
    let free = known.name.starts_with("builders.");
    if !free && world.parameter_value(subject(known), known) == value {
        let other = if value == known.minimum { value + 1 } else { value - 1 };
        world.forge_parameter(subject(known), &known.name, other);
    }
    world
}

fn numbers() -> Vec<Parameter> {
    parameters().into_iter().filter(|known| known.kind != "key").collect()
}

fn propose(world: &World, known: &Parameter, value: i64) -> evertide_vm_tests::call::Call {
    world.propose_change(world.root, subject(known), known.number, value, [0; 32])
}

fn each_reaches_both_bounds_and_no_further() {
    let mut refused = 0;
    for known in numbers() {
        for (bound, beyond) in [(known.minimum, -1), (known.maximum, 1)] {
            let mut world = ready(&known, bound);
            world.ok(&propose(&world, &known, bound));
            let Some(beyond) = bound.checked_add(beyond) else {
                assert_eq!(bound, i64::MAX);
                continue;
            };
            let mut world = ready(&known, bound);
            let before = world.snapshot();
            let failed = world.send(&propose(&world, &known, beyond)).err();
            let failed = failed.unwrap_or_else(|| panic!("{} of {} took {beyond}", known.target, known.name));
            let name = idl().error_name(custom_code(&failed).expect("an error of the program"));
            assert!(
                ["OutOfBounds", "Unfit", "Monotone", "TooLarge", "Violated"].iter().any(|end| name.ends_with(end)),
                "{} at {beyond}: {name}",
                known.name
            );
            world.assert_unchanged(&before, &known.name);
            refused += 1;
        }
    }
    assert!(refused > 150, "{refused} values beyond a bound were refused");
}

/// Proposed, executed and ramped, the value lies where the exported layout says, and nothing else of the terms has moved.
fn each_lands_in_its_own_place() {
    for known in parameters().into_iter().filter(|known| !known.name.starts_with("list_")) {
        let on = subject(&known);
        let (value, bytes) = match known.kind.as_str() {
            "key" => (0, [7; 32]),
            _ => (known.minimum.max(known.maximum.min(known.minimum.saturating_add(1))), [0; 32]),
        };
        let mut world = ready(&known, value);
        let number = world.exchange().next_change;
        world.ok(&world.propose_change(world.root, on, known.number, value, bytes));
        let (at, size) = located(on, &known.name);
        let image = |world: &World| {
            let data = world.vm.get_account(&on.address()).expect("it exists").data;
            let (start, end) = terms(on);
            let mut rest = data[start..end].to_vec();
            if (start..end).contains(&at) {
                rest[at - start..at - start + size].fill(0);
            }
            rest
        };
        let before = image(&world);
        if world.change(number).status == ChangeStatus::Pending as u8 {
            world.advance(TIMELOCK_S);
            settle(&mut world);
            world.ok(&world.execute_change(key("anyone"), number, on));
        }
        if world.change(number).status == ChangeStatus::Ramping as u8 {
            world.advance(DAY_S);
            settle(&mut world);
            world.ok(&world.apply_ramp(number, on));
        }
        assert_eq!(world.change(number).status, ChangeStatus::Executed as u8, "{}", known.name);
        assert_eq!(image(&world), before, "{} moved something else", known.name);
        let data = world.vm.get_account(&on.address()).expect("it exists").data;
        let expected = if known.kind == "key" { bytes.to_vec() } else { value.to_le_bytes()[..size].to_vec() };
        assert_eq!(data[at..at + size], expected, "{} of the {}", known.name, known.target);
    }
}

/// Accrues what a change of a rate asks for.
fn settle(world: &mut World) {
    world.ok(&world.accrue_market(0));
    world.ok(&world.accrue_debt());
}

/// Start and end of the terms in an account's data.
fn terms(on: Subject) -> (usize, usize) {
    let (first, last) = match on {
        Subject::Exchange => ("fee_tiers.0.volume_atoms", "exchange_notional_max_atoms"),
        Subject::Market(_) => ("oracle.account", "flags"),
        Subject::Collateral(_) => ("oracle.account", "liquidation_discount_bps"),
    };
    let (end, size) = located(on, last);
    (located(on, first).0, end + size)
}

fn an_exchange_that_is_not_local_keeps_a_floor() {
    let mut world = World::open();
    world.edit::<Exchange>(evertide_vm_tests::exchange::exchange(), |state| {
        state.local = 0;
        state.terms.withdrawal_floor_bps = 7_500;
    });
    world.fails(&world.propose(world.root, Subject::Exchange, "withdrawal_floor_bps", 0), "WithdrawalFloorTooLow");
    world.ok(&world.propose(world.root, Subject::Exchange, "withdrawal_floor_bps", 1));
    let kind = world.propose(world.root, Subject::Market(0), "oracle.kind", 1);
    world.ok(&kind);
    world.forge_parameter(Subject::Market(0), "oracle.kind", 1);
    world.fails(&world.propose(world.root, Subject::Market(0), "oracle.kind", 2), "LocalOracleForbidden");
}

/// What has no parameter never changes, and is known: symbol, tick and lot, padding, the first fee tier's volume of zero.
fn every_term_has_its_parameter() {
    let fixed = [
        (Subject::Exchange, vec![("fee_tiers.0.volume_atoms", 8)], 8 * 4),
        (Subject::Market(0), vec![("symbol", 16), ("tick_size_atoms", 8), ("lot_size_e9", 8)], 8),
        (Subject::Collateral(1), vec![], 8),
    ];
    for (on, never, padding) in fixed {
        let (start, end) = terms(on);
        let mine = parameters().into_iter().filter(|known| subject(known) == on);
        let places =
            mine.filter(|known| !["status", "list_", "builders."].iter().any(|other| known.name.starts_with(other)));
        let moved: usize = places.map(|known| located(on, &known.name).1).sum();
        let kept: usize = never
            .iter()
            .map(|(name, size)| {
                assert_eq!(located(on, name).1, *size, "{name}");
                size
            })
            .sum();
        assert_eq!(moved + kept + padding, end - start, "{on:?}: a term without a parameter");
    }
}
