//! Each rule of margin through the built program, so that dropping one fails here: at which price, with which weight, and how
//! much of a profit or of a balance counts. Amounts are those of `view_health`.

use evertide_vm_tests::{
    args::LocalPrice,
    exchange::{market, Target},
    state::Market,
    terms::{PRICES, SOL, USD},
    tests,
    traders::Trader,
    world::World,
};

use crate::bankruptcies::recorded;
use crate::downfall::trade;

tests!(
    profit_counts_as_far_as_the_pool_backs_it,
    a_position_counts_at_the_worse_of_mark_and_average,
    collateral_counts_less_its_confidence,
    a_large_balance_of_collateral_weighs_less,
    an_own_ratio_raises_the_initial_requirement_alone,
);

/// `market_index` of set_limits that means the whole account.
const WHOLE: u16 = u16::MAX;

/// Equity and requirement, initial and maintenance, atoms.
#[derive(Debug, PartialEq, Eq)]
struct Health {
    initial: [i64; 2],
    maintenance: [i64; 2],
}

fn health(world: &mut World, trader: &Trader) -> Health {
    let data = world.ok(&world.view_health(trader.user)).meta.return_data.data;
    let at = |row: usize| i64::from_le_bytes(data[8 * row..8 * row + 8].try_into().expect("8 bytes"));
    Health { initial: [at(0), at(1)], maintenance: [at(2), at(3)] }
}

/// Profits count by half here. A deficit is recorded, of which the pool's part is left: that part of the half counts, rounded
/// down, until fees have repaid it. Maintenance counts all, as before.
fn profit_counts_as_far_as_the_pool_backs_it() {
    let mut down = recorded();
    down.settle_at(42_000);
    let (state, bob) = (down.world.market(0), down.bob.clone());
    let (pool, deficit) = (u128::from(state.pool_atoms), u128::from(state.deficit_atoms));
    assert!(deficit > 0 && pool > 0);
    let backed = (5_000 * pool / (pool + deficit)) as i64;
    let row = down.world.cache().markets[0];
    assert_eq!((i64::from(row.profit_weight_bps), state.terms.profit_weight_bps), (backed, 5_000));
    assert!((1..4_990).contains(&backed), "{backed}");
    down.world.ok(&down.world.touch_position(0, bob.user));
    let (quote, worth) = (down.world.user(&bob).quote_atoms, down.world.worth(&bob, 0).2);
    assert!(worth > 100_000_000, "a profit of {worth}");
    let counted = health(&mut down.world, &bob);
    assert_eq!(counted.initial[0], quote + worth * backed / 10_000);
    assert_eq!(counted.maintenance[0], quote + worth);
    // Repaid, and accrued: half again.
    down.world.edit::<Market>(market(0), |state| {
        state.pool_atoms += state.deficit_atoms;
        state.deficit_atoms = 0;
    });
    down.world.ok(&down.world.accrue_market(0));
    assert_eq!(down.world.cache().markets[0].profit_weight_bps, 5_000);
    assert_eq!(health(&mut down.world, &bob).initial[0], quote + worth / 2);
}

/// A jump of 5 %: for new risk a long counts at the average that lags, whether it has won or lost by then, and so does a
/// short; maintenance counts the mark.
fn a_position_counts_at_the_worse_of_mark_and_average() {
    for (usd, lots) in [(52_500, 1_000), (47_500, 1_000), (52_500, -1_000), (47_500, -1_000)] {
        let mut world = World::open();
        let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
        trade(&mut world, &alice, &bob, lots);
        world.pass(20, &[usd * USD, PRICES[1], PRICES[2]]);
        let row = world.cache().markets[0];
        let (mark, average) = (row.mark_price_q32, row.twap_price_q32);
        assert!(mark.abs_diff(average) > mark / 50, "{mark} {average}");
        let worse = if lots > 0 { mark.min(average) } else { mark.max(average) };
        let quote = world.user(&alice).quote_atoms;
        let cash = world.worth(&alice, 0).1;
        let value = |price: u64| ((i128::from(lots) * i128::from(price)) >> 32) as i64 + cash;
        let half = |worth: i64| if worth > 0 { worth / 2 } else { worth };
        let counted = health(&mut world, &alice);
        assert_eq!(counted.initial[0], quote + half(value(worse)), "{lots} lots at {usd}");
        assert_eq!(counted.maintenance[0], quote + value(mark), "{lots} lots at {usd}");
        assert!(mark == worse || value(worse) < value(mark));
    }
}

/// 10 SOL at $100 with $2 of confidence: 80 % of $98 for new risk, 90 % of $100 for maintenance.
fn collateral_counts_less_its_confidence() {
    let mut world = World::open();
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, 10 * SOL));
    world.advance(1);
    let price = LocalPrice { price: 100 * USD, confidence: 2 * USD, publish_time_ms: world.now_ms() };
    world.ok(&world.update_oracle_with(Target::Collateral(1), world.oracle, &price));
    let counted = health(&mut world, &alice);
    // A basis point of $1,000 for the scale of its balance, rounded against the owner.
    let within = |value: i64, due: u64| (due as i64 - 100_002..=due as i64).contains(&value);
    assert!(within(counted.initial[0], 784 * USD), "{counted:?}");
    assert!(within(counted.maintenance[0], 900 * USD), "{counted:?}");
}

/// The weight falls in a line to its half at $10,000,000 and stays there.
fn a_large_balance_of_collateral_weighs_less() {
    for (sol, initial_bps, maintenance_bps) in
        [(50_000, 6_000, 6_750), (100_000, 4_000, 4_500), (200_000, 4_000, 4_500)]
    {
        let mut world = World::open();
        let alice = world.trader("alice");
        world.give_tokens(&alice, 0, sol * SOL);
        world.ok(&world.deposit(&alice, 1, sol * SOL));
        world.advance(1);
        let price = LocalPrice { price: 100 * USD, confidence: 0, publish_time_ms: world.now_ms() };
        world.ok(&world.update_oracle_with(Target::Collateral(1), world.oracle, &price));
        let counted = health(&mut world, &alice);
        // A basis point for the rounding of the scale against the owner.
        let within = |value: i64, bps: u64| {
            let (due, slack) = ((sol * 100 * USD / 10_000 * bps) as i64, (sol * 100 * USD / 10_000) as i64);
            (due - slack..=due).contains(&value)
        };
        assert!(within(counted.initial[0], initial_bps), "{sol} SOL: {counted:?}");
        assert!(within(counted.maintenance[0], maintenance_bps), "{sol} SOL: {counted:?}");
    }
}

/// Twice as much as the tiers ask, of its owner's choice: what he may open changes, not when he is liquidated.
fn an_own_ratio_raises_the_initial_requirement_alone() {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
    trade(&mut world, &alice, &bob, 1_000);
    let before = health(&mut world, &alice);
    let notional = 5_000 * USD as i64;
    assert_eq!((before.initial[1], before.maintenance[1]), (notional / 10, notional / 20));
    world.ok(&world.set_limits(&alice, 2_000, 0, WHOLE, 0));
    let after = health(&mut world, &alice);
    assert_eq!(after.initial, [before.initial[0], notional / 5]);
    assert_eq!(after.maintenance, before.maintenance);
}
