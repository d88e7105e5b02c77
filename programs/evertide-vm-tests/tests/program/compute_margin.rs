//! What valuing the widest account costs: `assert_health` is little else.

use evertide_vm_tests::{
    exchange::{market, risk_cache},
    hits::record_units,
    state::{Market, RiskCache, User, POSITIONS_MAX},
    tests,
    traders::Trader,
    world::World,
};

tests!(margin_of_the_widest_account);

/// What initial margin of 12 positions and 8 assets may cost, the instruction around it not counted.
const MARGIN_CEILING: u64 = 8_000;
/// A whole size factor.
const ONE: u64 = 1 << 48;

/// Twelve markets that have paid funding and were never deleveraged, and a user with 12 positions and 8 assets.
fn wide() -> (World, Trader) {
    let mut world = World::wide();
    let trader = world.full_user("widest", 32);
    world.edit::<User>(trader.user, |user| user.positions.iter_mut().for_each(|held| held.a_snapshot = ONE));
    for index in 0..POSITIONS_MAX as u16 {
        world.edit::<Market>(market(index), |state| state.j.iter_mut().for_each(|j| j.low = 1 << 40));
    }
    world.edit::<RiskCache>(risk_cache(), |cache| {
        cache.markets[..POSITIONS_MAX].iter_mut().for_each(|row| row.j.iter_mut().for_each(|j| j.low = 1 << 40));
    });
    (world, trader)
}

fn margin_of_the_widest_account() {
    let (mut world, trader) = wide();
    let mut empty = world.clone();
    empty.edit::<User>(trader.user, |user| (user.position_count, user.collateral_count) = (0, 0));
    let frame = empty.ok(&empty.clone().assert_health(trader.user, i64::MIN, 0)).units();
    for (kind, name) in [(0, "initial"), (1, "maintenance")] {
        let units = world.ok(&world.clone().assert_health(trader.user, 0, kind)).units();
        record_units("assert_health", &format!("{name}, 12 positions, 8 assets"), units);
        let margin = units - frame;
        assert!(kind != 0 || margin < MARGIN_CEILING, "{name} margin: {margin} of {MARGIN_CEILING}");
    }
    world.age_indices();
    let units = world.ok(&world.clone().assert_health(trader.user, 0, 0)).units();
    record_units("assert_health", "initial, 12 deleveraged positions, 8 assets", units);
    world.edit::<RiskCache>(risk_cache(), |cache| {
        for row in &mut cache.markets[..POSITIONS_MAX] {
            row.epoch = [1; 2];
            row.a = [ONE; 2];
            row.j_previous = row.j;
        }
    });
    let units = world.ok(&world.clone().assert_health(trader.user, i64::MIN, 0)).units();
    record_units("assert_health", "initial, 12 positions in old epochs, 8 assets", units);
}
