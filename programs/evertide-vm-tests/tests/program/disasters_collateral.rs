//! Mango's attack on the collateral instead of the position.

use evertide_vm_tests::{
    terms::{PRICES, SOL},
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::ledger::{leaves_whole, take_out, worth_of};

tests!(mango_through_pumped_collateral);

/// What is left after the attack: his net result, what insurance paid, and the debt that he made.
struct Left {
    net_atoms: i64,
    paid_atoms: u64,
    debt_atoms: i64,
}

/// What Mango's attacker would do here: not the position is pumped but the collateral. A hundred SOL are worth this many times
/// their fair price for hours, the account loses to another of his as fast as the band lets it, the winner takes out what he
/// is paid, and the price comes back.
fn through_pumped_collateral(times: u64) -> Left {
    let mut world = World::open();
    let honest = world.funded("honest", 1_000_000);
    let (loser, winner, keeper) =
        (world.trader("loser"), world.funded("winner", 1_000_000), world.funded("keeper", 200_000));
    world.ok(&world.deposit(&loser, 1, 100 * SOL));
    let pair: [&Trader; 2] = [&loser, &winner];
    let (before, fund) = (worth_of(&world, &pair, &PRICES), world.insurance());
    let mut sol = PRICES[2];
    while sol < PRICES[2] * times {
        sol = (sol * 1_045 / 1_000).min(PRICES[2] * times);
        world.pass(300, &[PRICES[0], PRICES[1], sol]);
    }
    for lots in [160_000, 80_000, 40_000, 20_000, 10_000, 5_000, 2_500] {
        while lose(&mut world, &loser, &winner, lots) {
            world.pass(1, &[PRICES[0], PRICES[1], sol]);
        }
    }
    take_out(&mut world, &winner);
    let debt_atoms = -world.user(&loser).quote_atoms;
    // Back to the fair price before anybody buys the collateral for more, and whatever is due is done.
    while sol > PRICES[2] {
        sol = (sol * 96 / 100).max(PRICES[2]);
        world.pass(300, &[PRICES[0], PRICES[1], sol]);
    }
    for _ in 0..20 {
        world.pass(300, &PRICES);
        world.send(&world.liquidate_orders(&loser)).ok();
        world.send(&world.liquidate_collateral(1, &loser, &keeper, u64::MAX)).ok();
        world.send(&world.resolve_bankruptcy(0, &loser)).ok();
    }
    take_out(&mut world, &winner);
    world.assert_sound();
    leaves_whole(&mut world, &honest, 1_000_000);
    Left {
        net_atoms: worth_of(&world, &pair, &PRICES) - before,
        paid_atoms: fund.balance_atoms - world.insurance().balance_atoms,
        debt_atoms,
    }
}

/// Buys 4 % above the index and sells at it, to the winner's profit; whether both were filled.
fn lose(world: &mut World, loser: &Trader, winner: &Trader, lots: u64) -> bool {
    let mut filled = 0;
    for (buyer, seller, ticks) in [(loser, winner, 520_000), (winner, loser, 500_000)] {
        let offer = world.place_orders(seller, &[post_only(0, true, ticks, lots)]);
        let placed = world.send(&offer).is_ok();
        world.advance_slots(1);
        let order = world.place_orders(buyer, &[limit(0, false, ticks, lots)]);
        if placed && world.send(&order).is_ok() {
            let last = |trader: &Trader| world.orders(trader).next_order_id - 1;
            let call = world.match_orders(0, buyer, last(buyer), &[(seller, last(seller))]);
            filled += i32::from(world.send(&call).is_ok());
        }
    }
    for trader in [loser, winner] {
        world.send(&world.settle_pnl(0, trader.user)).ok();
        world.send(&world.cancel_all(trader)).ok();
    }
    filled == 2
}

/// The debt, which is what he has taken away for good, is at most a fifth of the collateral at its weight of 80 %: below its fair
/// worth up to 6.25 times the price. What he lost beyond it is a claim of the winner's that only his own collateral and, within
/// the market's limit of a day, insurance ever pay.
fn mango_through_pumped_collateral() {
    for (times, debt_most) in [(1, 1_600), (2, 3_200), (24, 38_400)] {
        let left = through_pumped_collateral(times);
        assert!(left.debt_atoms <= debt_most * 1_000_000, "a debt of {}", left.debt_atoms);
        assert!(left.net_atoms <= left.paid_atoms as i64, "{} of {}", left.net_atoms, left.paid_atoms);
    }
}
