//! Compute units of the way down, typical and worst, for `docs/compute-units.md` (V-25, I-26).

use evertide_vm_tests::{
    call::Call,
    exchange::{collateral, insurance, market},
    hits::record_units,
    state::{Collateral, Insurance, Market, User, ORDERS_MAX, POSITIONS_MAX},
    terms::{SOL, USD},
    tests,
    traders::{post_only, Trader},
    way_down::backstop,
    world::World,
};
use serde_json::Value;

use crate::downfall::{held, resting, Downfall, BANKRUPT, BELOW_BACKSTOP, BELOW_CANCEL, BELOW_MAINTENANCE, LOTS};

tests!(typical, worst_orders, worst_transfers, worst_matches, worst_collateral, worst_bankruptcies, twelve_positions);

fn note(world: &mut World, case: &str, call: &Call) -> Value {
    let outcome = world.ok(call);
    record_units(&call.name, case, outcome.units());
    outcome.events().pop().expect("an event").1
}

fn typical() {
    let mut down = held(LOTS);
    down.world.place(&down.alice, post_only(0, false, 450_000, 1));
    down.settle_at(BELOW_CANCEL);
    let call = down.world.liquidate_orders(&down.alice);
    note(&mut down.world, "1 order cancelled", &call);
    down.settle_at(BELOW_MAINTENANCE);
    let call = down.world.liquidate_orders(&down.alice);
    note(&mut down.world, "1 position, begins", &call);
    let call = down.take(10);
    note(&mut down.world.clone(), "1 position each", &call);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 20);
    let call = down.world.liquidate_with_orders(0, &down.alice, 10, &[(&down.carol, maker)]);
    note(&mut down.world, "1 maker, 1 position each", &call);
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    note(&mut down.world, "1 position", &call);
    let mut down = Downfall::begun(LOTS, BANKRUPT);
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    note(&mut down.world.clone(), "1 position, insurance pays", &call);
    down.world.ok(&down.world.deposit(&down.alice, 1, SOL));
    let call = down.world.liquidate_collateral(1, &down.alice, &down.carol, SOL);
    note(&mut down.world, "1 position, 1 asset", &call);
}

/// Twelve markets whose sides were deleveraged, paid funding and began an epoch, eight assets, and a user with all slots
/// taken; each of its positions is of the epoch before or folds through a changed A.
pub fn wide() -> (World, Trader) {
    thread_local!(static WIDE: World = {
        let mut world = World::wide();
        world.full_user("full", 0);
        world.age_indices();
        world
    });
    (WIDE.with(Clone::clone), Trader::named("full"))
}

/// Takes quote from the user until this is its equity, whole dollars.
pub fn sink(world: &mut World, trader: &Trader, equity_usd: i64) {
    let data = world.ok(&world.view_health(trader.user)).meta.return_data.data;
    let equity = i64::from_le_bytes(data[16..24].try_into().expect("8 bytes"));
    let spare = equity - equity_usd * USD as i64;
    let before = world.user(trader).quote_atoms;
    let (now_ms, debt_index_q48) = (world.now_ms(), world.collateral(0).debt_index_q48);
    world.edit::<User>(trader.user, |user| {
        user.quote_atoms -= spare;
        user.debt_index_q48 = debt_index_q48;
        if user.quote_atoms < 0 {
            user.debt_since_ms = now_ms;
        }
    });
    let after = before - spare;
    world.edit::<Collateral>(collateral(0), |quote| {
        quote.total_atoms -= (before.max(0) - after.max(0)) as u64;
        quote.debt_atoms += (before.min(0) - after.min(0)) as u64;
    });
}

/// Every position, each of 7 lots at $3, has a notional of $21 and a maintenance margin of $1.05.
fn sunk(equity_usd: i64) -> (World, Trader) {
    let (mut world, full) = wide();
    sink(&mut world, &full, equity_usd);
    world.ok(&world.liquidate_orders(&full));
    (world, full)
}

fn worst_orders() {
    let (mut world, full) = wide();
    sink(&mut world, &full, 15);
    let call = world.liquidate_orders(&full);
    let event = note(&mut world, "worst: cancels in 12 markets of 32 orders", &call);
    assert!(event["orders"].as_array().map(Vec::len) > Some(10), "{event}");
    let (mut world, full) = wide();
    assert_eq!(usize::from(world.orders(&full).order_count), ORDERS_MAX);
    sink(&mut world, &full, 5);
    let call = world.liquidate_orders(&full);
    let event = note(&mut world, "worst: voids 32 orders in 12 markets", &call);
    assert_eq!(event["rung"].as_i64(), Some(2));
}

fn worst_transfers() {
    let (mut world, full) = sunk(5);
    let other = world.full_user("other", 8);
    world.age_indices();
    let call = world.liquidate_position(0, &full, &other, u64::MAX);
    let event = note(&mut world, "worst: both with 12 positions in old epochs, 8 assets", &call);
    assert_ne!(event["size_lots"].as_i64(), Some(0));
    let (mut world, full) = wide();
    world.ok(&world.deposit(&full, 0, USD / 5).with("user", backstop(0).user));
    month(&mut world);
    sink(&mut world, &full, 1);
    world.ok(&world.liquidate_orders(&full));
    world.advance(5);
    let call = world.liquidate_to_backstop(0, &full);
    let event = note(&mut world, "worst: 12 positions, 8 assets", &call);
    for field in ["size_lots", "deleveraged_lots"] {
        assert_ne!(event[field].as_i64(), Some(0), "{event}");
    }
}

/// A month in which everything was accrued at its end.
fn month(world: &mut World) {
    world.advance(30 * 86_400);
    world.refresh_wide();
}

fn worst_matches() {
    let (mut world, full) = wide();
    world.edit::<User>(full.user, |user| {
        let position = user.positions.iter_mut().find(|position| position.market_plus_one == 1);
        position.expect("a slot").basis_lots *= 10;
    });
    world.edit::<Market>(market(0), |state| state.open_interest_lots = [100; 2]);
    sink(&mut world, &full, 2);
    world.ok(&world.liquidate_orders(&full));
    let makers: Vec<Trader> = (0..8).map(|row| world.full_user(&format!("full maker {row}"), 8)).collect();
    let short = world.position(&full, 0).expect("a position").basis_lots < 0;
    let ticks = |row: u64| if short { 300_000 + row } else { 300_000 - row };
    let makers_ids = makers.iter().enumerate().map(|(row, maker)| (ticks(row as u64), maker.clone()));
    let ids: Vec<u64> = makers_ids.map(|(price, maker)| world.place(&maker, post_only(0, short, price, 5))).collect();
    world.age_indices();
    world.advance_slots(1);
    let named: Vec<_> = makers.iter().zip(ids).collect();
    let keeper = world.full_user("keeper user", 31);
    let call = world.liquidate_with_orders_for(0, Some(&keeper), &full, u64::MAX, &named);
    let event = note(&mut world, "worst: 8 makers, everybody with 12 positions, 8 assets", &call);
    assert!(event["fills"].as_array().map(Vec::len) == Some(8), "{event}");
}

fn worst_collateral() {
    let (mut world, full) = sunk(5);
    let other = world.full_user("other", 8);
    world.age_indices();
    let call = world.liquidate_collateral(1, &full, &other, SOL / 100);
    note(&mut world, "worst: both with 12 positions, 8 assets", &call);
}

fn worst_bankruptcies() {
    let (mut world, full) = sunk(-5);
    let call = world.resolve_bankruptcy(0, &full);
    let event = note(&mut world, "worst: 12 positions, 8 assets, opens", &call);
    assert_eq!(event["step"].as_i64(), Some(1));
    let (mut world, full) = wide();
    world.edit::<User>(full.user, |user| {
        user.collateral_count = 0;
        user.collaterals = Default::default();
        let position = user.positions.iter_mut().find(|position| position.market_plus_one == 1);
        position.expect("a slot").cash_atoms -= 100_000_000;
    });
    month(&mut world);
    sink(&mut world, &full, -400);
    world.ok(&world.liquidate_orders(&full));
    world.advance(5);
    world.edit::<Insurance>(insurance(), |fund| {
        (fund.balance_atoms, fund.tranche_atoms) = (2, 1);
    });
    world.edit::<Market>(market(0), |state| (state.pending_fees_atoms, state.pending_insurance_atoms) = (1, 1));
    let event = note(&mut world, "worst: 12 positions, every stage", &call);
    for stage in ["fees_atoms", "insurance_atoms", "deleveraged_atoms", "tranche_atoms", "recorded_atoms"] {
        assert!(event[stage].as_i64() > Some(0), "{stage} of {event}");
    }
    assert_ne!(event["closed_lots"].as_i64(), Some(0));
}

/// The design's own case: a user with twelve positions and no collateral, a liquidator with one.
fn twelve_positions() {
    let (mut world, _) = wide();
    let twelve = world.full_user("twelve", 31);
    let current = (1 << 48) / 10 * 9;
    let j = world.market(0).j;
    world.edit::<User>(twelve.user, |user| {
        user.collateral_count = 0;
        user.collaterals = Default::default();
        for position in &mut user.positions {
            position.a_snapshot = current;
            position.j_snapshot = j[usize::from(position.basis_lots < 0)];
        }
    });
    sink(&mut world, &twelve, 5);
    world.ok(&world.liquidate_orders(&twelve));
    let carol = world.funded("carol", 1_000);
    let call = world.liquidate_position(3, &twelve, &carol, u64::MAX);
    note(&mut world, "12 positions", &call);
    let (mut world, full) = sunk(5);
    let carol = world.funded("carol", 1_000);
    let call = world.liquidate_position(3, &full, &carol, u64::MAX);
    note(&mut world, "12 positions in old epochs, 8 assets", &call);
    assert_eq!(usize::from(world.user(&full).position_count), POSITIONS_MAX);
}
