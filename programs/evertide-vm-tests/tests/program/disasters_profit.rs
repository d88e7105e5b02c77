//! Disasters of profit that was not there: Mango in October 2022, the YFI market of dYdX in November 2023, and Percolator's
//! price clock. Each is played by whoever did it, with all the help he could wish for, and judged by what he is left with.

use evertide_vm_tests::{
    terms::USD,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::{
    downfall::number,
    ledger::{
        leaves_whole, take_out, thin_exchange, thin_prices, trade_thin, worth_of, THIN, THIN_INSURANCE_USD, THIN_USD,
    },
};

tests!(
    mango_october_2022,
    mango_held_until_the_average_has_followed,
    yfi_november_2023,
    percolator_a_price_clock_without_liquidations,
);

/// Two accounts of one person, short and long of 300,000 lots against each other: $900,000 on $1,000,000 of his own. Beside
/// them honest deposits of $1,000,000, which are what he is after.
struct Mango {
    world: World,
    honest: Trader,
    short: Trader,
    long: Trader,
    before_atoms: i64,
    taken_atoms: u64,
}

impl Mango {
    fn begun() -> Self {
        let mut world = thin_exchange();
        let honest = world.funded("honest", 1_000_000);
        let (short, long) = (world.funded("short", 500_000), world.funded("long", 500_000));
        let before_atoms = worth_of(&world, &[&short, &long], &thin_prices(THIN_USD));
        trade_thin(&mut world, &long, &short, THIN_USD, 300_000);
        Self { world, honest, short, long, before_atoms, taken_atoms: 0 }
    }

    /// Everybody settles who can, and the winner takes out all that the exchange lets go of.
    fn grab(&mut self) {
        for trader in [&self.short, &self.long] {
            let call = self.world.settle_pnl(THIN, trader.user);
            self.world.send(&call).ok();
        }
        self.taken_atoms += take_out(&mut self.world, &self.long);
    }

    /// What he has gained at the fair price.
    fn net_atoms(&self) -> i64 {
        worth_of(&self.world, &[&self.short, &self.long], &thin_prices(THIN_USD)) - self.before_atoms
    }
}

/// The index rises 24 times over 20 minutes and falls back; the winner takes out what he can at every step. Beyond 20 % above
/// its average the price carries nothing: no withdrawal, no settlement, no fill, no liquidation.
fn mango_october_2022() {
    let mut mango = Mango::begun();
    let (mut usd, mut refused) = (THIN_USD, 0);
    while usd < THIN_USD * 24 {
        usd = usd * 1_027 / 1_000;
        mango.world.pass(10, &thin_prices(usd));
        mango.grab();
        // Borrowing is what a withdrawal beyond the balance would be.
        let balance = mango.world.user(&mango.long).quote_atoms.unsigned_abs();
        mango.world.fails(&mango.world.withdraw(&mango.long, 0, balance + 1), "InsufficientBalance");
        mango.world.fails(&mango.world.withdraw(&mango.long, 1, 1), "InsufficientBalance");
        let profit = mango.world.worth(&mango.long, THIN).2;
        assert!(profit > 0, "a profit of {profit} on paper");
        if usd > THIN_USD * 13 / 10 {
            mango.world.fails(&mango.world.withdraw(&mango.long, 0, 1), "OracleValidityForbids");
            refused += 1;
        }
    }
    assert!(refused > 100 && mango.world.worth(&mango.long, THIN).2 > 20_000_000_000_000, "millions on paper");
    // He held $500,000 in the winning account, and the loser's loss of the first steps was his own.
    assert!(mango.taken_atoms < 500_000 * USD, "{} taken", mango.taken_atoms);
    let fund = mango.world.insurance();
    mango.world.pass(3_600, &thin_prices(THIN_USD));
    mango.grab();
    let net = mango.net_atoms();
    assert!((-300_000_000..0).contains(&net), "he is left with {net}");
    assert_eq!(mango.world.insurance(), fund);
    mango.world.assert_sound();
    leaves_whole(&mut mango.world, &mango.honest, 1_000_000);
}

/// The same, and nobody brings the price down for the five hours that the average takes to follow, and nobody liquidates
/// before. The loser is then $6,000,000 under water: insurance pays what the market has for a day, and the tranche as much
/// again, the winner the rest.
fn mango_held_until_the_average_has_followed() {
    let mut mango = Mango::begun();
    let mut usd = THIN_USD;
    while usd < THIN_USD * 24 {
        usd = usd * 1_027 / 1_000;
        mango.world.pass(10, &thin_prices(usd));
        mango.grab();
    }
    for _ in 0..60 {
        mango.world.pass(300, &thin_prices(usd));
    }
    assert_eq!(mango.world.market(THIN).validity, 0, "the average has followed");
    mango.grab();
    mango.world.send(&mango.world.liquidate_orders(&mango.short)).ok();
    let fund = mango.world.insurance();
    let event = mango.world.told(&mango.world.resolve_bankruptcy(THIN, &mango.short), "BankruptcyResolved");
    assert!(number(&event, "deficit_atoms") > 5_000_000_000_000);
    assert_eq!(number(&event, "insurance_atoms"), (THIN_INSURANCE_USD * USD) as i64);
    assert_eq!(number(&event, "tranche_atoms"), (THIN_INSURANCE_USD * USD) as i64);
    assert_eq!(mango.world.insurance().tranche_atoms, 10_000 * USD, "what the other markets have");
    for _ in 0..10 {
        mango.world.pass(60, &thin_prices(usd));
        mango.grab();
    }
    let (net, paid) = (mango.net_atoms(), fund.balance_atoms - mango.world.insurance().balance_atoms);
    assert_eq!(paid, 2 * THIN_INSURANCE_USD * USD);
    assert!(net < paid as i64, "he is left with {net}, all of it out of {paid} of insurance");
    mango.world.assert_sound();
    leaves_whole(&mut mango.world, &mango.honest, 1_000_000);
}

/// Twenty accounts pile into the long side of a thin market, against one market maker, each with no more than it needs. The
/// dearer open interest makes every one after the first million, and there is none beyond the second. Then the price falls
/// by 43 % within an hour.
fn yfi_november_2023() {
    let mut world = thin_exchange();
    let honest = world.funded("honest", 1_000_000);
    let maker = world.funded("maker", 5_000_000);
    let keeper = world.funded("keeper", 2_000_000);
    let attackers: Vec<Trader> = (0..20).map(|row| world.trader(&format!("wallet {row}"))).collect();
    let everyone: Vec<&Trader> = attackers.iter().collect();
    let before = worth_of(&world, &everyone, &thin_prices(THIN_USD));
    let mut margins = Vec::new();
    // All within the age of one row: open interest counts as it is, not as it was.
    for attacker in &attackers {
        let Some(margin) = piled_in(&mut world, &maker, attacker, 33_000) else { break };
        margins.push(margin);
    }
    // $99,000 each: a fifth while open interest is below its lower bound, then ever more, and no 21st account.
    assert_eq!(margins[..11], vec![20; 11], "thousands of dollars that $99,000 took: {margins:?}");
    assert!(margins[14] > 35 && margins[19] > 85, "{margins:?}");
    let mut other = world.clone();
    let (maker_too, late) = (other.funded("another maker", 5_000_000), other.trader("wallet 20"));
    assert!(piled_in(&mut other, &maker_too, &late, 33_000).is_none(), "more than the market's open interest");
    let fund = world.insurance();
    let mut usd = THIN_USD;
    for _ in 0..60 {
        usd = usd * 9_907 / 10_000;
        world.pass(60, &thin_prices(usd));
        for attacker in &attackers {
            liquidate(&mut world, attacker, &keeper);
        }
    }
    assert!((1_690..1_720).contains(&usd), "{usd}");
    world.assert_sound();
    assert!(world.insurance().balance_atoms >= fund.balance_atoms, "insurance paid nothing");
    let net = worth_of(&world, &everyone, &thin_prices(usd)) - before;
    // 43 % of what he held, less what liquidations saved him from.
    assert!(net < -200_000_000_000, "he is left with {net}");
    leaves_whole(&mut world, &honest, 1_000_000);
    // The maker closes against the keeper, who holds what was liquidated, and all that he won is there.
    let held = world.worth(&keeper, THIN).0.unsigned_abs();
    trade_thin(&mut world, &maker, &keeper, usd, held);
    for trader in everyone.iter().chain([&&keeper]) {
        let call = world.settle_pnl(THIN, trader.user);
        world.send(&call).ok();
    }
    let profit = world.worth(&maker, THIN).2;
    assert!(profit > 800_000_000_000, "{profit}");
    let event = world.told(&world.settle_own_pnl(&maker, THIN), "PnlSettled");
    // What is left of it belongs to the lots that are still open.
    let (closed, paid) = (held as i64, number(&event, "amount_atoms"));
    assert!(closed > 400_000 && (paid - profit / 660_000 * closed).abs() < profit / 1_000, "{paid} for {closed} lots");
}

/// Opens this many lots for a fresh account with as little margin as is accepted; thousands of dollars, or nothing when
/// there is no room.
fn piled_in(world: &mut World, maker: &Trader, attacker: &Trader, lots: u64) -> Option<u64> {
    for thousands in 20..=100 {
        let mut attempt = world.clone();
        attempt.ok(&attempt.deposit(attacker, 0, thousands * 1_000 * USD));
        let ask = attempt.place(maker, post_only(THIN, true, THIN_USD * 100, lots));
        attempt.advance_slots(1);
        let call = attempt.place_orders(attacker, &[limit(THIN, false, THIN_USD * 100, lots)]);
        if attempt.send(&call).is_err() {
            continue;
        }
        let id = attempt.orders(attacker).next_order_id - 1;
        let call = attempt.match_orders(THIN, attacker, id, &[(maker, ask)]);
        if attempt.send(&call).is_ok() && attempt.position(attacker, THIN).is_some_and(|own| own.basis_lots != 0) {
            *world = attempt;
            return Some(thousands);
        }
    }
    None
}

/// What an honest keeper does to an account, as far as it is due.
fn liquidate(world: &mut World, user: &Trader, keeper: &Trader) {
    let call = world.liquidate_orders(user);
    world.send(&call).ok();
    if world.user(user).liquidation_start_ms != 0 {
        let call = world.liquidate_position(THIN, user, keeper, u64::MAX);
        world.send(&call).ok();
    }
}

/// One pair of accounts: the short drifts to the edge of maintenance, the price jumps as far as it may without losing its
/// validity, with no liquidation between, and the winner is paid. What is missing comes out of insurance up to the market's
/// limit of the day, then out of the winner; five pairs in one day get no more than one.
fn percolator_a_price_clock_without_liquidations() {
    let mut world = thin_exchange();
    let honest = world.funded("honest", 1_000_000);
    // Past midnight: all of it happens in one day.
    world.pass(7_200, &thin_prices(THIN_USD));
    let fund = world.insurance();
    let mut net = 0;
    for round in 0..5 {
        let (short, long) =
            (world.funded(&format!("short {round}"), 75_200), world.funded(&format!("long {round}"), 200_000));
        let pair = [&short, &long];
        let before = worth_of(&world, &pair, &thin_prices(THIN_USD));
        trade_thin(&mut world, &long, &short, THIN_USD, 100_000);
        // 9.5 % in a quarter of an hour, and until the average is there.
        let mut usd = THIN_USD;
        for step in 0..60 {
            usd = if step < 15 { usd * 1_006 / 1_000 } else { usd };
            world.pass(60, &thin_prices(usd));
        }
        let edge = usd;
        world.fails(&world.liquidate_orders(&short), "OrderNotFound");
        // As far as it may go: the average, and a fifth.
        let average = (world.market(THIN).index_twap_q32 >> 32) / 1_000;
        usd = average * 119 / 100;
        world.pass(1, &thin_prices(usd));
        assert_eq!(world.market(THIN).validity, 0, "valid at {usd} after {edge}");
        world.told(&world.liquidate_orders(&short), "OrdersLiquidated");
        let event = world.told(&world.resolve_bankruptcy(THIN, &short), "BankruptcyResolved");
        assert!(number(&event, "deficit_atoms") > 10_000_000_000, "{event}");
        assert_eq!((number(&event, "tranche_atoms"), number(&event, "recorded_atoms")), (0, 0), "{event}");
        take_out(&mut world, &long);
        for _ in 0..80 {
            usd = (usd * 995 / 1_000).max(THIN_USD);
            world.pass(60, &thin_prices(usd));
        }
        take_out(&mut world, &long);
        take_out(&mut world, &short);
        net += worth_of(&world, &pair, &thin_prices(THIN_USD)) - before;
    }
    world.assert_sound();
    let paid = fund.balance_atoms - world.insurance().balance_atoms;
    assert!(paid <= THIN_INSURANCE_USD * USD, "insurance paid {paid} in a day");
    assert!(net <= paid as i64, "he is left with {net} of {paid}");
    leaves_whole(&mut world, &honest, 1_000_000);
}
