//! `liquidate_collateral`: a liquidator buys collateral with its quote balance at a discount that rises from nothing.

use evertide_vm_tests::{
    call::Call,
    exchange::{collateral, risk_cache, Target},
    state::{RiskCache, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::Trader,
    world::World,
};

use crate::downfall::{number, prices, trade, Downfall, BELOW_CANCEL};

tests!(
    cures_an_old_debt_at_a_discount_that_rises_over_an_hour,
    a_debt_has_a_grace_of_an_hour,
    a_repaid_debt_starts_its_grace_anew,
    pays_losses_of_an_account_in_liquidation,
    the_discount_rises_over_a_minute_in_liquidation,
    buys_no_more_than_asked_or_held,
    i11_a_sale_never_lowers_equity,
    a_dead_feed_sells_at_its_twap_less_a_tenth,
    a_wild_print_sells_nothing,
    works_below_zero,
    i10_the_buyer_needs_quote_and_margin,
    refusals,
);

/// Alice with $10,000 of SOL and a debt of `usd` that arose by losing to bob.
fn indebted(usd: i64) -> Downfall {
    let mut world = World::open();
    let alice = world.trader("alice");
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    // Bought at $50,000 and sold at $49,500: $0.05 a lot.
    let lots = usd as u64 * 20;
    world.trade(0, &alice, &bob, 500_000, lots);
    world.trade(0, &bob, &alice, 495_000, lots);
    world.told(&world.settle_pnl(0, alice.user), "PnlSettled");
    Downfall { world, alice, bob, carol }
}

fn buy(down: &Downfall, atoms: u64) -> Call {
    down.world.liquidate_collateral(1, &down.alice, &down.carol, atoms)
}

fn debt(down: &Downfall) -> i64 {
    -down.world.user(&down.alice).quote_atoms
}

/// From an hour after the debt arose: nothing, then up to 3 % after another hour.
fn cures_an_old_debt_at_a_discount_that_rises_over_an_hour() {
    for (seconds, discount_bps) in [(3_600, 0), (4_200, 50), (5_400, 150), (7_199, 299), (7_200, 300), (90_000, 300)] {
        let mut down = indebted(500);
        down.world.pass(seconds, &PRICES);
        let event = down.world.told(&buy(&down, u64::MAX), "CollateralLiquidated");
        assert_eq!(number(&event, "discount_bps"), discount_bps, "after {seconds} s");
        let (amount, paid) = (number(&event, "amount_atoms"), number(&event, "paid_atoms"));
        // SOL at $100: a tenth of a quote atom buys one lamport.
        let due = amount * (10_000 - discount_bps) / 100_000;
        assert!((due..=due + 1).contains(&paid), "{paid} for {amount}, {due} due");
        assert!((0..=1).contains(&down.world.user(&down.alice).quote_atoms), "all of the debt, and an atom at most");
        assert_eq!(down.world.user(&down.alice).debt_since_ms, 0);
        let (alice, carol) = (down.world.user(&down.alice), down.world.user(&down.carol));
        assert_eq!(alice.collaterals[0].amount_atoms as i64, 100 * SOL as i64 - amount);
        assert_eq!(carol.collaterals[0].amount_atoms as i64, amount);
        assert_eq!(carol.quote_atoms, 100_000_000_000 - paid);
        down.world.fails(&buy(&down, 1), "NothingToCure");
    }
}

fn a_debt_has_a_grace_of_an_hour() {
    let mut down = indebted(500);
    down.world.fails(&buy(&down, 1), "DebtWithinGrace");
    down.world.pass(3_599, &PRICES);
    down.world.fails(&buy(&down, 1), "DebtWithinGrace");
    down.world.pass(1, &PRICES);
    down.world.told(&buy(&down, SOL), "CollateralLiquidated");
    // A part: the rest of the debt is as old as before.
    down.world.told(&buy(&down, SOL), "CollateralLiquidated");
    // A stale price sells nothing of an account that is not in liquidation.
    down.world.advance(11);
    down.world.fails(&buy(&down, SOL), "RowTooOld");
}

/// The owner pays within the hour; a debt that arises later has an hour of its own.
fn a_repaid_debt_starts_its_grace_anew() {
    let mut down = indebted(500);
    down.world.pass(3_000, &PRICES);
    down.world.ok(&down.world.deposit(&down.alice, 0, 1_000 * USD));
    down.world.fails(&buy(&down, 1), "NothingToCure");
    trade(&mut down.world, &down.alice, &down.bob, 15_000);
    down.world.pass(1, &prices(49_500));
    down.world.ok(&down.world.settle_pnl(0, down.alice.user));
    assert!(debt(&down) > 0);
    down.world.pass(3_599, &prices(49_500));
    down.world.fails(&buy(&down, 1), "DebtWithinGrace");
    down.world.pass(1, &prices(49_500));
    down.world.told(&buy(&down, u64::MAX), "CollateralLiquidated");
    // Only the debt is paid: the loss of the position is not due yet.
    assert!((0..=1).contains(&down.world.user(&down.alice).quote_atoms));
}

/// Alice holds 10,000 lots on SOL worth $10,000, of which $9,000 count.
fn falling() -> Downfall {
    let mut world = World::open();
    let alice = world.trader("alice");
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    trade(&mut world, &alice, &bob, 10_000);
    Downfall { world, alice, bob, carol }
}

/// At $43,000 $7,000 are lost: less than 5 % of $43,000 is left.
const DEEP: u64 = 43_000;

fn pays_losses_of_an_account_in_liquidation() {
    let mut down = falling();
    down.begin(DEEP);
    let loss = -down.world.worth(&down.alice, 0).2;
    let event = down.world.told(&buy(&down, u64::MAX), "CollateralLiquidated");
    let paid = number(&event, "paid_atoms");
    assert!((loss..=loss + 1).contains(&paid), "{paid} for a loss of {loss}");
    assert_eq!(number(&event, "discount_bps"), 0);
    assert_eq!(number(&event, "requirement_atoms"), 10_000 * 4_300_000 / 20);
    // $7,000 of SOL counted 90 % and are now counted in full.
    assert_eq!(event["ended"].as_bool(), Some(down.world.equity(&down.alice) + 2_699_000_000 > 2_150_000_000));
    down.world.told(&down.world.settle_pnl(0, down.alice.user), "PnlSettled");
    assert!((0..=1).contains(&down.world.user(&down.alice).quote_atoms), "and the loss is paid");
}

fn the_discount_rises_over_a_minute_in_liquidation() {
    for (seconds, discount_bps) in [(0, 0), (10, 50), (30, 150), (60, 300), (600, 300)] {
        let mut down = falling();
        down.begin(DEEP);
        down.wait(seconds, DEEP);
        let event = down.world.told(&buy(&down, SOL), "CollateralLiquidated");
        assert_eq!(number(&event, "discount_bps"), discount_bps, "after {seconds} s");
        assert_eq!(number(&event, "paid_atoms"), 100_000_000 * (10_000 - discount_bps) / 10_000);
    }
}

fn buys_no_more_than_asked_or_held() {
    let mut down = falling();
    down.begin(DEEP);
    let event = down.world.told(&buy(&down, 7), "CollateralLiquidated");
    assert_eq!(number(&event, "amount_atoms"), 7);
    // Rounded up: the buyer pays a whole atom for a part of one.
    assert_eq!(number(&event, "paid_atoms"), 1);
    let mut down = indebted(700);
    // Of a twentieth of its SOL, all of it is not enough: the slot is freed.
    down.world.edit::<User>(down.alice.user, |user| user.collaterals[0].amount_atoms /= 20);
    down.world.pass(3_600, &PRICES);
    let event = down.world.ok(&buy(&down, u64::MAX)).event("CollateralLiquidated");
    assert_eq!(number(&event, "amount_atoms"), 5 * SOL as i64);
    assert_eq!(down.world.user(&down.alice).collateral_count, 0);
    assert!(debt(&down) > 200_000_000);
    down.world.fails(&buy(&down, u64::MAX), "InsufficientBalance");
}

/// The discount never exceeds what the weight leaves out.
fn i11_a_sale_never_lowers_equity() {
    for amount in [1, 3, 999, 123_456_789, 50 * SOL, u64::MAX] {
        let mut down = falling();
        down.begin(DEEP);
        down.wait(60, DEEP);
        let health = |down: &Downfall| {
            let mut world = down.world.clone();
            let data = world.ok(&world.view_health(down.alice.user)).meta.return_data.data;
            i64::from_le_bytes(data[16..24].try_into().expect("8 bytes"))
        };
        let before = health(&down);
        down.world.told(&buy(&down, amount), "CollateralLiquidated");
        assert!(health(&down) >= before, "a sale of {amount} lowers equity from {before} to {}", health(&down));
    }
}

/// SOL without a price for a minute: $100 less 10 %.
fn a_dead_feed_sells_at_its_twap_less_a_tenth() {
    let mut down = falling();
    down.price(DEEP);
    down.world.advance(60);
    for call in [down.world.update_oracle(Target::Market(0), DEEP * USD), down.world.accrue_market(0)] {
        down.world.ok(&call);
    }
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    let event = down.world.told(&buy(&down, SOL), "CollateralLiquidated");
    assert_eq!(number(&event, "paid_atoms"), 90_000_000);
}

/// SOL printed at $30, 70 % off its average: a print that no position is liquidated on sells no collateral either. When
/// the feed dies on it, the average less a tenth counts, not the print.
fn a_wild_print_sells_nothing() {
    let mut down = falling();
    down.price(DEEP);
    down.world.advance(1);
    down.world.ok(&down.world.update_oracle(Target::Collateral(1), 30 * USD));
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.fails(&buy(&down, SOL), "OracleValidityForbids");
    down.world.advance(59);
    down.world.fails(&buy(&down, SOL), "OracleValidityForbids");
    down.world.advance(1);
    let event = down.world.told(&buy(&down, SOL), "CollateralLiquidated");
    let paid = number(&event, "paid_atoms");
    assert!((87_000_000..=88_000_000).contains(&paid), "90 % of the average, less the discount: {paid}");
}

/// At $40,500 $9,500 are lost: below zero the collateral is sold all the same, and then the rest is a bankruptcy.
fn works_below_zero() {
    let mut down = falling();
    down.begin(40_500);
    let event = down.world.told(&buy(&down, u64::MAX), "CollateralLiquidated");
    assert!(number(&event, "equity_atoms") < 0);
    let mut down = falling();
    down.begin(40_100);
    down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    down.wait(60, 40_100);
    down.world.fails(&down.world.resolve_bankruptcy(0, &down.alice), "CollateralRemains");
    let event = down.world.told(&buy(&down, u64::MAX), "CollateralLiquidated");
    assert_eq!(number(&event, "amount_atoms"), 100 * SOL as i64);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!(number(&event, "step"), 2);
}

fn i10_the_buyer_needs_quote_and_margin() {
    let mut down = falling();
    down.begin(DEEP);
    let poor = down.world.funded("poor", 100);
    let from = |down: &Downfall, atoms| down.world.liquidate_collateral(1, &down.alice, &poor, atoms);
    down.world.fails(&from(&down, SOL + 10), "LiquidatorQuoteTooLow");
    // 10 ETH lots need $3 of margin.
    down.world.trade(1, &poor, &down.bob, 300_000, 10);
    down.world.told(&from(&down, SOL / 2), "CollateralLiquidated");
    let mut other = down.world.clone();
    other.trade(1, &poor, &down.bob, 300_000, 280);
    // What is bought counts 80 %: $87 of margin on $50 of quote and $40 of SOL.
    other.fails(&from(&down, SOL / 2), "LiquidatorMarginTooLow");
    // A slot for it.
    down.world.edit::<User>(poor.user, |user| {
        for (row, slot) in user.collaterals.iter_mut().enumerate() {
            (slot.collateral_index, slot.amount_atoms) = (2 + row as u16, 1);
        }
        user.collateral_count = 8;
    });
    down.world.fails(&from(&down, SOL / 2), "CollateralSlotsFull");
}

fn refusals() {
    let mut down = falling();
    let call = buy(&down, 1);
    down.world.fails(&buy(&down, 0), "AmountZero");
    down.world.fails(&call, "NothingToCure");
    down.price(BELOW_CANCEL);
    down.world.fails(&call, "NothingToCure");
    down.begin(DEEP);
    let swapped = call.clone().with("quote", collateral(1)).with("collateral", collateral(0));
    down.world.fails(&swapped, "NotQuoteAsset");
    let before = down.world.snapshot();
    let quote = call.clone().with("collateral", collateral(0));
    assert!(down.world.send(&quote).is_err(), "quote was sold for quote");
    down.world.assert_unchanged(&before, "liquidate_collateral");
    down.world.fails(&call.clone().with("liquidator_authority", down.bob.authority), "NotAuthorityOrDelegate");
    let second = Trader::of(down.alice.authority, 1);
    down.world.ok(&down.world.create_user(&second));
    down.world.fails(&down.world.liquidate_collateral(1, &down.alice, &second, 1), "SelfLiquidation");
    let mut other = down.world.clone();
    other.edit::<User>(down.carol.user, |user| user.liquidation_start_ms = 1);
    other.fails(&call, "UserInLiquidation");
    // Worth nothing, it goes for nothing once the account is bankrupt, and not before.
    let mut other = down.world.clone();
    other.edit::<RiskCache>(risk_cache(), |cache| {
        (cache.collaterals[1].price_q48, cache.collaterals[1].twap_q48) = (0, 0);
    });
    let event = other.told(&buy(&down, u64::MAX), "CollateralLiquidated");
    assert_eq!((number(&event, "amount_atoms"), number(&event, "paid_atoms")), (100 * SOL as i64, 0));
    let mut other = indebted(500);
    other.world.pass(3_600, &PRICES);
    other.world.edit::<RiskCache>(risk_cache(), |cache| {
        (cache.collaterals[1].price_q48, cache.collaterals[1].twap_q48) = (0, 0);
    });
    other.world.edit::<User>(other.alice.user, |user| {
        (user.position_count, user.positions[0].market_plus_one) = (1, 1);
        user.positions[0].cash_atoms = 1_000_000_000;
    });
    other.world.fails(&buy(&other, 1), "OraclePriceNotPositive");
    down.world.told(&call, "CollateralLiquidated");
}
