//! Input at the edge of what there is: deleveraging where nobody is left to be deleveraged, insurance of nothing.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::market,
    state::Market,
    terms::{PRICES, SOL, USD},
    tests,
    traders::{limit, post_only},
    world::World,
};

use crate::downfall::{held, number, uninsured, Downfall, BANKRUPT, BELOW_ADL, BELOW_BACKSTOP, LOTS};

tests!(
    deleveraging_at_zero_open_interest_records_the_deficit,
    an_insurance_limit_of_zero_leaves_the_fund_alone,
    an_empty_fund_pays_nothing_and_takes_no_empty_payment,
);

/// Alice closes at a loss that her quote does not cover, so that nothing is open in the market; then what stands behind the
/// loss, her collateral, falls. There is no insurance and no side to deleverage: the deficit is recorded, nothing is divided
/// by the open interest, and the winner's claim shrinks by it when he takes it.
fn deleveraging_at_zero_open_interest_records_the_deficit() {
    let mut world = World::open();
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    let alice = world.trader("alice");
    world.ok(&world.deposit(&alice, 1, 100 * SOL));
    world.trade(0, &alice, &bob, 500_000, 8_000);
    let mut down = Downfall { world, alice, bob, carol };
    down.settle_at(44_000);
    let world = &mut down.world;
    let closing = |order: OrderArgs| OrderArgs { reduce_only: true, ..order };
    let bid = world.place(&down.bob, closing(post_only(0, false, 440_000, 8_000)));
    world.advance_slots(1);
    let ask = world.place(&down.alice, closing(limit(0, true, 440_000, 8_000)));
    world.told(&world.match_orders(0, &down.alice, ask, &[(&down.bob, bid)]), "OrdersMatched");
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
    world.told(&world.settle_pnl(0, down.alice.user), "PnlSettled");
    uninsured(world, 0);
    let mut sol = PRICES[2];
    while sol > 40 * USD {
        sol = sol * 97 / 100;
        world.pass(301, &[44_000 * USD, PRICES[1], sol]);
    }
    world.send(&world.liquidate_orders(&down.alice)).ok();
    let call = world.liquidate_to_backstop(0, &down.alice);
    world.fails(&call, "UserBankrupt");
    world.fails(&world.liquidate_position(0, &down.alice, &down.carol, 1), "UserBankrupt");
    let event = world.told(&world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!(number(&event, "step"), 1, "opened, as there is collateral left");
    while world.user(&down.alice).collateral_count != 0 {
        world.told(&world.liquidate_collateral(1, &down.alice, &down.carol, u64::MAX), "CollateralLiquidated");
        world.pass(301, &[44_000 * USD, PRICES[1], sol]);
    }
    let event = world.told(&world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    let (share, recorded) = (number(&event, "share_atoms"), number(&event, "recorded_atoms"));
    assert!(share > 0 && recorded == share - number(&event, "fees_atoms"), "{event}");
    assert_eq!((number(&event, "closed_lots"), number(&event, "deleveraged_atoms")), (0, 0));
    let state = world.market(0);
    assert_eq!((state.open_interest_lots, state.epoch, state.deficit_atoms), ([0, 0], [0, 0], recorded as u64));
    world.fails(&world.resolve_bankruptcy(0, &down.alice), "UserSolvent");
    world.told(&world.settle_own_pnl(&down.bob, 0), "PnlSettled");
    assert_eq!(world.market(0).deficit_atoms, 0, "the winner gave it up");
}

/// The fund holds $100,000, and this market may use none of it: neither its backstop nor a bankruptcy touches it.
fn an_insurance_limit_of_zero_leaves_the_fund_alone() {
    let limited = |usd: u64| {
        let mut down = held(LOTS);
        down.world.edit::<Market>(market(0), |state| state.terms.insurance_day_max_atoms = 0);
        down.settle_at(usd);
        down.begin(usd);
        down
    };
    let mut down = limited(BELOW_BACKSTOP);
    let fund = down.world.insurance();
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    down.world.fails(&call, "BackstopFull");
    let mut down = limited(BELOW_ADL);
    let event = down.world.told(&down.world.liquidate_to_backstop(0, &down.alice), "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), number(&event, "deleveraged_lots")), (0, LOTS));
    let mut down = limited(BANKRUPT);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!((number(&event, "insurance_atoms"), number(&event, "recorded_atoms")), (0, 0));
    assert!(number(&event, "deleveraged_atoms") > 0, "the winner bears it: {event}");
    assert_eq!(down.world.insurance(), fund);
    // Deep enough for the tranche, of which it may use none either.
    let mut down = limited(42_000);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert!(number(&event, "tranche_atoms") == 0 && number(&event, "recorded_atoms") > 10_000_000, "{event}");
    assert_eq!(down.world.insurance(), fund);
}

/// Nothing in the fund at all, and nothing paid into it.
fn an_empty_fund_pays_nothing_and_takes_no_empty_payment() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    let (payer, token) = (down.carol.authority, down.carol.tokens[0]);
    down.world.fails(&down.world.fund_insurance(payer, token, 0, 0), "AmountZero");
    down.world.fails(&down.world.fund_insurance(payer, token, 1, 2), "TrancheTooLarge");
    down.begin(BANKRUPT);
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &down.alice), "BankruptcyResolved");
    assert_eq!((number(&event, "insurance_atoms"), number(&event, "tranche_atoms")), (0, 0));
    down.world.told(&down.world.fund_insurance(payer, token, 1, 1), "InsuranceFunded");
    let fund = down.world.insurance();
    assert_eq!((fund.balance_atoms, fund.tranche_atoms), (1, 1));
}
