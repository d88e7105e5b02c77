//! `advance_season`, and listing after opening.

use evertide_vm_tests::{
    admin::TIMELOCK_S,
    changes::{allowed_by, Subject},
    exchange::{collateral, market, vault, Target},
    state::{ChangeStatus, Collateral, CollateralTerms, Market, MarketStatus, MarketTerms},
    terms::{market_terms, sol_terms, PRICES, SOL, USD},
    tests,
    token::{mint_account, token_account},
    traders::{limit, post_only, Trader},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    a_market_is_listed_after_the_timelock,
    v30_an_asset_is_listed_after_the_timelock,
    v30_other_terms_than_the_proposed_are_refused,
    v30_a_new_asset_starts_with_no_weight_and_a_small_cap,
    a_market_doubles_its_limit_once_a_day,
    an_unsound_market_stays_where_it_is,
    an_unpriced_asset_stays_where_it_is,
    what_was_listed_before_opening_is_whole,
);

const DAY_S: i64 = 86_400;
const NEW_MARKET: Subject = Subject::Market(3);
const NEW_ASSET: Subject = Subject::Collateral(2);
const MAX_LOTS: u64 = 1_000;

fn small_market(world: &World) -> MarketTerms {
    MarketTerms { open_interest_max_lots: MAX_LOTS, position_max_lots: MAX_LOTS, ..market_terms(0, world.oracle) }
}

/// An open exchange that has listed a fourth market.
fn with_market() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    let terms = small_market(&world);
    world.ok(&world.propose_market(world.root, &terms));
    let call = allowed_by(world.list_market(3, &terms), 0);
    world.fails(&call, "TimelockNotOver");
    world.advance(TIMELOCK_S);
    let outcome = world.ok(&call);
    assert_eq!(outcome.events()[1].0, "MarketListed");
    refresh(&mut world);
    (world, alice, bob)
}

fn refresh(world: &mut World) {
    world.refresh(&[PRICES[0], PRICES[1], PRICES[2], PRICES[0]]);
}

fn a_market_is_listed_after_the_timelock() {
    let (mut world, ..) = with_market();
    assert_eq!((world.market(3).season_step, world.change(0).status), (0, ChangeStatus::Executed as u8));
    // One change, one listing.
    let again = allowed_by(world.list_market(4, &small_market(&world)), 0);
    world.fails(&again, "ChangeNotPending");
    world.fails(&world.execute_change(world.root, 0, Subject::Exchange), "ChangeNotPending");
    world.ok(&world.propose_market(world.root, &small_market(&world)));
    world.advance(TIMELOCK_S);
    world.fails(&world.execute_change(world.root, 1, Subject::Exchange), "ChangeIsListing");
    let call = allowed_by(world.list_market(4, &small_market(&world)), 1);
    world.fails(&call.with("root", world.treasury), "NotRoot");
}

/// A mint that anyone makes, and the accounts of an asset of it.
fn fabricated(world: &mut World) -> CollateralTerms {
    world.set(key("fabricated"), mint_account(9, None));
    CollateralTerms { user_cap_atoms: 1_000_000 * SOL, ..sol_terms(world.oracle) }
}

fn with_asset() -> (World, Trader) {
    let (mut world, alice, _) = stage();
    let terms = fabricated(&mut world);
    world.ok(&world.propose_collateral(world.root, key("fabricated"), &terms));
    world.advance(TIMELOCK_S);
    world.ok(&allowed_by(world.list_collateral(2, key("fabricated"), &terms), 0));
    world.refresh(&PRICES);
    (world, alice)
}

fn deposit(world: &mut World, alice: &Trader, amount_atoms: u64) -> evertide_vm_tests::call::Call {
    let source = key("fabricated tokens");
    world.set(source, token_account(key("fabricated"), alice.authority, 10_000_000 * SOL));
    let call = world.deposit(alice, 1, amount_atoms).with("collateral", collateral(2));
    call.with("vault", vault(2)).with("source_token", source).with("mint", key("fabricated"))
}

fn v30_an_asset_is_listed_after_the_timelock() {
    let (mut world, alice) = with_asset();
    let state = world.collateral(2);
    assert_eq!((state.season_step, state.season_cap_atoms), (0, 0));
    assert_eq!(world.exchange().collateral_count, 3);
    let call = deposit(&mut world, &alice, 1);
    world.fails(&call, "DepositCapExceeded");
}

fn v30_other_terms_than_the_proposed_are_refused() {
    let mut world = World::open();
    let terms = fabricated(&mut world);
    world.set(key("another"), mint_account(9, None));
    world.ok(&world.propose_collateral(world.root, key("fabricated"), &terms));
    world.ok(&world.propose_market(world.root, &small_market(&world)));
    world.advance(TIMELOCK_S);
    let better = CollateralTerms { weight_initial_bps: terms.weight_initial_bps + 1, ..terms };
    let wider = MarketTerms { open_interest_max_lots: MAX_LOTS + 1, ..small_market(&world) };
    let calls = [
        allowed_by(world.list_collateral(2, key("another"), &terms), 0),
        allowed_by(world.list_collateral(2, key("fabricated"), &better), 0),
        allowed_by(world.list_collateral(2, key("fabricated"), &terms), 1),
        allowed_by(world.list_market(3, &wider), 1),
        allowed_by(world.list_market(3, &small_market(&world)), 0),
    ];
    for call in calls {
        world.fails(&call, "ChangeTargetWrong");
    }
    world.fails(&world.list_market(3, &small_market(&world)), "ExchangeAlreadyOpen");
}

/// V-30: $100,000 of it can be in the vault, and count for nothing, on the first day.
fn v30_a_new_asset_starts_with_no_weight_and_a_small_cap() {
    let (mut world, alice) = with_asset();
    world.ok(&world.update_oracle(Target::Collateral(2), PRICES[2]));
    let event = world.ok(&world.advance_season(NEW_ASSET)).event("SeasonAdvanced");
    // 1,000 tokens of $100.
    assert_eq!((event["step"].as_u64(), event["limit"].as_u64()), (Some(1), Some(1_000 * SOL)));
    let call = deposit(&mut world, &alice, 1_000 * SOL + 1);
    world.fails(&call, "DepositCapExceeded");
    let call = deposit(&mut world, &alice, 1_000 * SOL);
    world.ok(&call);
    let weights = |world: &World| {
        let row = world.cache().collaterals[2];
        (row.weight_initial_bps, row.weight_maintenance_bps)
    };
    assert_eq!(weights(&world), (0, 0));
    world.fails(&world.advance_season(NEW_ASSET), "SeasonNotDue");
    let mut cap = 1_000 * SOL;
    for step in 2..=11u32 {
        world.advance(DAY_S - 1);
        world.fails(&world.advance_season(NEW_ASSET), "SeasonNotDue");
        world.advance(1);
        world.ok(&world.update_oracle(Target::Collateral(2), PRICES[2]));
        let event = world.ok(&world.advance_season(NEW_ASSET)).event("SeasonAdvanced");
        cap = (2 * cap).min(1_000_000 * SOL);
        assert_eq!((event["step"].as_u64(), event["limit"].as_u64()), (Some(step.into()), Some(cap)));
        let part = step.min(8) - 1;
        assert_eq!(weights(&world), ((8_000 * part / 7) as u16, (9_000 * part / 7) as u16));
    }
    world.advance(DAY_S);
    world.ok(&world.update_oracle(Target::Collateral(2), PRICES[2]));
    world.fails(&world.advance_season(NEW_ASSET), "SeasonOver");
}

fn a_market_doubles_its_limit_once_a_day() {
    let (mut world, alice, bob) = with_market();
    for (step, limit_lots) in [10, 20, 40, 80, 160, 320, 640, 1_000].into_iter().enumerate() {
        // Both sides are filled up to the limit, and one lot more is refused.
        let held = world.market(3).open_interest_lots[0];
        if limit_lots < MAX_LOTS {
            let maker = world.place(&alice, post_only(3, true, 500_000, limit_lots - held + 1));
            world.advance_slots(1);
            let taker = world.place(&bob, limit(3, false, 500_000, limit_lots - held + 1));
            let fill = world.match_orders(3, &bob, taker, &[(&alice, maker)]);
            world.fails(&fill, "OpenInterestLimitExceeded");
            world.ok(&world.cancel_all(&alice));
            world.ok(&world.cancel_all(&bob));
        }
        world.trade(3, &bob, &alice, 500_000, limit_lots - held);
        assert_eq!(world.market(3).open_interest_lots[0], limit_lots);
        if step == 7 {
            break;
        }
        world.advance(DAY_S - 60);
        refresh(&mut world);
        if step > 0 {
            world.fails(&world.advance_season(NEW_MARKET), "SeasonNotDue");
        }
        world.advance(60);
        refresh(&mut world);
        let event = world.ok(&world.advance_season(NEW_MARKET)).event("SeasonAdvanced");
        assert_eq!(event["step"].as_u64(), Some(step as u64 + 1));
    }
    world.fails(&world.advance_season(NEW_MARKET), "SeasonOver");
}

fn an_unsound_market_stays_where_it_is() {
    let forgeries: [fn(&mut Market); 5] = [
        |state| state.latch = 1,
        |state| state.deficit_atoms = 1,
        |state| state.bankruptcies_open = 1,
        |state| state.status = MarketStatus::ReduceOnly as u8,
        |state| state.index_price_q32 = 0,
    ];
    let (mut world, ..) = with_market();
    world.advance(DAY_S);
    for forge in forgeries {
        let mut world = world.clone();
        world.edit::<Market>(market(3), forge);
        world.fails(&world.advance_season(NEW_MARKET), "SeasonUnsound");
    }
    world.ok(&world.advance_season(NEW_MARKET));
    // Nobody catches up on days that were missed.
    world.advance(5 * DAY_S);
    world.ok(&world.advance_season(NEW_MARKET));
    world.fails(&world.advance_season(NEW_MARKET), "SeasonNotDue");
}

fn an_unpriced_asset_stays_where_it_is() {
    let (mut world, _) = with_asset();
    world.fails(&world.advance_season(NEW_ASSET), "RowTooOld");
    world.ok(&world.update_oracle(Target::Collateral(2), PRICES[2]));
    let mut closed = world.clone();
    closed.edit::<Collateral>(collateral(2), |state| state.status = 1);
    closed.fails(&closed.advance_season(NEW_ASSET), "SeasonUnsound");
    world.advance(11);
    world.fails(&world.advance_season(NEW_ASSET), "RowTooOld");
    world.ok(&world.update_oracle(Target::Collateral(2), PRICES[2]));
    let mut call = world.advance_season(NEW_ASSET).with("market", market(0));
    call.metas.iter_mut().for_each(|meta| meta.is_writable |= meta.pubkey == market(0));
    world.fails(&call, "TargetAmbiguous");
    world.ok(&world.advance_season(NEW_ASSET));
}

fn what_was_listed_before_opening_is_whole() {
    let (mut world, alice, _) = stage();
    world.advance(10 * DAY_S);
    world.refresh(&PRICES);
    for on in [Subject::Market(0), Subject::Collateral(0), Subject::Collateral(1)] {
        world.fails(&world.advance_season(on), "SeasonOver");
    }
    assert_eq!(world.cache().collaterals[1].weight_initial_bps, 8_000);
    world.ok(&world.deposit(&alice, 0, 1_000_000 * USD));
}
