//! Compute units of every instruction in its typical and its worst case, for `docs/compute-units.md` (V-25, I-26).

use evertide_vm_tests::{
    admin::TIMELOCK_S,
    args::{CancelArgs, OrderArgs},
    call::Call,
    changes::{change, Subject},
    exchange::{collateral, market, Target},
    feeds::{feed_account, PythUpdate, PYTH_RECEIVER, SWITCHBOARD},
    hits::record_units,
    state::{Collateral, Market, MarketStatus, OracleKind, OracleRules, Orders, User},
    terms::{exchange_terms, market_terms, quote_terms, sol_terms, PRICES, SOL, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(admin, roles, money, placing, cancelling, matching, oracle_and_mark, accruals, views);

fn note(world: &mut World, case: &str, call: &Call) {
    let units = world.ok(call).units();
    record_units(&call.name, case, units);
}

fn admin() {
    let mut world = World::deployed();
    let call = world.initialize_exchange(true, &exchange_terms());
    note(&mut world, "typical", &call);
    let mut world = World::initialized();
    let call = world.list_collateral(0, world.mints[0], &quote_terms());
    note(&mut world, "quote asset", &call);
    let call = world.list_collateral(1, world.mints[1], &sol_terms(world.oracle));
    note(&mut world, "other asset", &call);
    let call = world.list_market(0, &market_terms(0, world.oracle));
    note(&mut world, "typical", &call);
    let call = world.open_exchange();
    note(&mut world, "local", &call);
    let (mut world, alice, bob) = stage();
    let call = world.fund_insurance(alice.authority, alice.tokens[0], USD, 0);
    note(&mut world, "typical", &call);
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.trade(0, &bob, &alice, 495_000, 1_000);
    world.ok(&world.settle_pnl(0, alice.user));
    let call = world.collect_fees(0);
    note(&mut world, "typical", &call);
}

fn roles() {
    let (mut world, guardian, heir) = (World::open(), key("guardian"), key("heir"));
    let calls = [world.set_market_status(guardian, 0, 2), world.gate_disable(guardian, 0)];
    calls.iter().for_each(|call| note(&mut world, "typical", call));
    let call = world.gate_enable(world.root, 0);
    note(&mut world, "asks", &call);
    let call = world.pause(guardian);
    note(&mut world, "typical", &call);
    let call = world.lift_pause(guardian);
    note(&mut world, "typical", &call);
    let call = world.name_successor(world.root, 1, heir);
    note(&mut world, "typical", &call);
    let (ratio, market_0) = ("tier_ratio_bps.0", Subject::Market(0));
    let calls = [
        world.propose(world.root, market_0, ratio, 1_100),
        world.propose(world.root, market_0, "open_interest_max_lots", 1 << 32).with("change", change(1)),
    ];
    note(&mut world, "a market's, to wait", &calls[0]);
    note(&mut world, "a market's, at once", &calls[1]);
    let call = world.propose(world.root, Subject::Exchange, "lane_atoms", 0);
    note(&mut world, "the exchange's", &call);
    let call = world.cancel_change(guardian, 2);
    note(&mut world, "typical", &call);
    let call = world.propose(world.root, Subject::Collateral(1), "deposit_cap_atoms", 1 << 60);
    note(&mut world, "an asset's", &call);
    world.advance(TIMELOCK_S);
    world.ok(&world.accrue_market(0));
    let call = world.execute_change(heir, 0, market_0);
    note(&mut world, "a ramp begins", &call);
    let call = world.execute_change(heir, 3, Subject::Collateral(1));
    note(&mut world, "an asset's", &call);
    world.advance(3_600);
    world.ok(&world.accrue_market(0));
    let call = world.apply_ramp(0, market_0);
    note(&mut world, "a market's", &call);
    let call = world.gate_enable(heir, 0);
    note(&mut world, "opens", &call);
    world.edit::<Market>(market(1), |state| state.season_step = 0);
    let call = world.advance_season(Subject::Market(1));
    note(&mut world, "a market's", &call);
    let call = world.claim_role(heir, 1);
    note(&mut world, "typical", &call);
}

fn money() {
    let (mut world, alice, bob) = stage();
    let carol = Trader::named("carol");
    world.fund(carol.authority);
    let call = world.create_user(&carol);
    note(&mut world, "typical", &call);
    let call = world.close_user(&carol);
    note(&mut world, "typical", &call);
    let call = world.set_delegate(&alice, bob.authority, 1, 0);
    note(&mut world, "typical", &call);
    let second = world.sub_account(&alice, 1);
    let call = world.transfer(&alice, &second, 0, USD);
    note(&mut world, "quote asset, no position", &call);
    let call = world.request_withdraw(&alice, 0, 10 * USD);
    note(&mut world, "no position", &call);
    let call = world.claim_withdraw(&alice, 0);
    note(&mut world, "typical", &call);
    let call = world.stake_insurance(&alice, 10 * USD);
    note(&mut world, "first stake", &call);
    let call = world.stake_insurance(&alice, 10 * USD);
    note(&mut world, "typical", &call);
    let call = world.request_unstake(&alice, 20 * USD);
    note(&mut world, "typical", &call);
    let mut due = world.clone();
    due.advance(13 * 86_400);
    let call = due.claim_unstake(&alice);
    note(&mut due, "typical", &call);
    let call = world.deposit(&alice, 0, USD);
    note(&mut world, "quote asset", &call);
    let call = world.deposit(&alice, 1, SOL);
    note(&mut world, "other asset", &call);
    let call = world.withdraw(&bob, 0, USD);
    note(&mut world, "no position", &call);
    world.trade(0, &alice, &bob, 500_000, 100);
    let call = world.withdraw(&alice, 0, USD);
    note(&mut world, "1 position", &call);
    let call = world.set_limits(&alice, 500, 0, 1, 500);
    note(&mut world, "typical", &call);
    let (mut world, full, _) = wide();
    let call = world.deposit(&full, 0, USD);
    note(&mut world, "worst: a full user", &call);
    let call = world.withdraw(&full, 0, USD);
    note(&mut world, "worst: a full user", &call);
    let call = world.set_limits(&full, 500, 0, 11, 500);
    note(&mut world, "worst: a full user", &call);
    let call = world.request_withdraw(&full, 0, 10 * USD);
    note(&mut world, "worst: a full user", &call);
    let second = world.sub_account(&full, 1);
    let call = world.transfer(&full, &second, 0, USD);
    note(&mut world, "worst: a full user", &call);
    let call = world.assert_position(full.user, 11, i64::MIN, i64::MAX);
    note(&mut world, "worst: the last of 12 positions", &call);
}

/// Twelve markets, eight assets, and two users with every slot taken but eight orders.
fn wide() -> (World, Trader, Trader) {
    thread_local!(static WIDE: World = {
        let mut world = World::wide();
        world.full_user("full", 8);
        world.full_user("other", 8);
        world.age_indices();
        world
    });
    (WIDE.with(Clone::clone), Trader::named("full"), Trader::named("other"))
}

fn placing() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 100);
    let call = world.place_orders(&alice, &[limit(0, false, 499_000, 10)]);
    note(&mut world, "1 order, 1 position", &call);
    let orders: Vec<OrderArgs> = (0..8).map(|at| post_only(0, false, 490_000 + at, 10)).collect();
    let call = world.place_orders(&alice, &orders);
    note(&mut world, "8 orders, 1 position", &call);
    let call = world.modify_order(&alice, world.orders(&alice).next_order_id - 1, &post_only(0, false, 490_007, 5));
    note(&mut world, "shrink", &call);
    let call = world.modify_order(&alice, world.orders(&alice).next_order_id - 1, &post_only(0, false, 491_007, 5));
    note(&mut world, "replace", &call);
    let (mut world, ..) = wide();
    let twelve = world.full_user("twelve", 31);
    world.edit::<User>(twelve.user, |user| {
        user.collateral_count = 0;
        user.collaterals = Default::default();
        user.positions.iter_mut().for_each(|position| position.a_snapshot = (1 << 48) / 10 * 9);
    });
    let call = world.place_orders(&twelve, &[limit(3, false, 270_000, 1)]);
    note(&mut world, "1 order, 12 positions", &call);
    let (mut world, full, _) = wide();
    let orders: Vec<OrderArgs> =
        (0..8).map(|at| OrderArgs { client_order_id: 50 + u64::from(at), ..limit(at, false, 270_000, 1) }).collect();
    let call = world.place_orders(&full, &orders);
    note(&mut world, "worst: 8 orders in 8 markets, 12 positions, 8 assets", &call);
    let crowded = world.full_user("crowded", 0);
    world.edit::<Orders>(crowded.orders, |state| state.orders.iter_mut().for_each(|order| order.expiry_ms = 1));
    let call = world.place_orders(&crowded, &orders);
    let swept = world.clone().ok(&call).event("OrdersPlaced")["reclaimed"].as_array().map(Vec::len);
    assert_eq!(swept, Some(32), "the worst case sweeps every slot");
    note(&mut world, "worst: the same after sweeping 32 dead orders", &call);
    let (mut world, full, _) = wide();
    let replaced = world.place(&full, limit(0, false, 270_000, 1));
    let call = world.modify_order(&full, replaced, &limit(0, false, 271_000, 2));
    note(&mut world, "worst: a full user", &call);
}

fn cancelling() {
    let (mut world, alice, _) = stage();
    let first = world.place(&alice, post_only(0, false, 490_000, 10));
    world.place(&alice, post_only(0, false, 490_000, 10));
    let call = world.cancel_ids(&alice, &[first]);
    note(&mut world, "1 order", &call);
    let (mut world, ..) = wide();
    let full = world.full_user("crowded", 0);
    let call = world.cancel_all(&full);
    note(&mut world, "worst: 32 orders in 12 markets", &call);
    let (mut world, ..) = wide();
    let full = world.full_user("crowded", 0);
    let ids: Vec<u64> = world.orders(&full).orders.iter().rev().map(|order| order.client_order_id).collect();
    let call = world.cancel_orders(&full, &CancelArgs { by: 1, ids, ..CancelArgs::default() });
    note(&mut world, "worst: 32 client ids", &call);
}

fn matching() {
    for count in [1u64, 2, 8] {
        let (mut world, alice, bob) = stage();
        world.trade(0, &bob, &alice, 500_000, 10);
        let makers: Vec<Trader> = (0..count).map(|row| world.funded(&format!("maker {row}"), 10_000)).collect();
        for maker in &makers {
            world.trade(0, maker, &bob, 500_000, 10);
        }
        let ids: Vec<u64> = makers.iter().map(|maker| world.place(maker, post_only(0, true, 500_000, 20))).collect();
        world.advance_slots(1);
        let taker = world.place(&alice, limit(0, false, 500_000, 20 * count));
        let mut named: Vec<_> = makers.iter().zip(ids).collect();
        named.sort_by_key(|(maker, id)| {
            let slot = world.order(maker, *id).map_or(0, |order| order.placed_slot);
            evertide_math::priority::order_hash(slot, &maker.orders.to_bytes(), *id)
        });
        let call = world.match_orders(0, &alice, taker, &named);
        note(&mut world, &format!("{count} makers, 1 position each"), &call);
    }
    let (mut world, full, _) = wide();
    let makers: Vec<Trader> = (0..8).map(|row| world.full_user(&format!("full maker {row}"), 8)).collect();
    let ids: Vec<u64> = makers
        .iter()
        .enumerate()
        .map(|(row, maker)| world.place(maker, post_only(0, true, 300_000 + row as u64, 20)))
        .collect();
    world.advance_slots(1);
    let taker = world.place(&full, limit(0, false, 300_010, 160));
    let named: Vec<_> = makers.iter().zip(ids).collect();
    let keeper = world.full_user("keeper user", 31);
    let call = world.match_orders_for(0, Some(&keeper), &full, taker, &named);
    let fills = world.clone().ok(&call).event("OrdersMatched")["fills"].as_array().map(Vec::len);
    assert_eq!(fills, Some(8), "the worst case fills every maker");
    note(&mut world, "worst: 8 makers, everybody with 12 positions, 8 assets", &call);
}

fn oracle_and_mark() {
    let mut world = World::open();
    world.advance(1);
    let call = world.update_oracle(Target::Market(0), PRICES[0]);
    note(&mut world, "local, market", &call);
    let call = world.update_oracle(Target::Collateral(1), PRICES[2]);
    note(&mut world, "local, collateral", &call);
    world.edit::<Market>(market(2), |state| {
        state.terms.oracle.kind = OracleKind::Pyth as u8;
        state.terms.oracle.account = Default::default();
        state.terms.oracle.feed_id = [9; 32];
    });
    let publish_time_s = world.now_ms() / 1_000;
    let update = PythUpdate {
        feed_id: [9; 32],
        price: 10_012_345_678,
        confidence: 5_000_000,
        exponent: -8,
        publish_time_s,
        verification: 1,
    };
    world.set(key("pyth"), feed_account(PYTH_RECEIVER, update.data()));
    let call = world.update_oracle_with(Target::Market(2), key("pyth"), &Default::default());
    note(&mut world, "Pyth, market", &call);
    switchboard();
    let (mut world, alice, bob) = stage();
    world.place(&alice, post_only(0, false, 499_000, 200));
    world.place(&bob, post_only(0, true, 501_000, 200));
    world.pass(5, &PRICES);
    let call = world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]);
    note(&mut world, "1 order a side", &call);
    let (mut world, ..) = wide();
    let shown: Vec<Trader> = (0..8).map(|row| world.full_user(&format!("shown {row}"), 8)).collect();
    let place =
        |world: &mut World, row: usize, ask: bool, price: u64| world.place(&shown[row], post_only(0, ask, price, 42));
    let bids: Vec<u64> = (0..4).map(|row| place(&mut world, row, false, 299_900 - row as u64)).collect();
    let asks: Vec<u64> = (4..8).map(|row| place(&mut world, row, true, 300_100 + row as u64)).collect();
    world.advance_slots(12);
    let bids: Vec<_> = shown.iter().zip(bids).collect();
    let asks: Vec<_> = shown[4..].iter().zip(asks).collect();
    let call = world.update_mark(0, &bids, &asks);
    note(&mut world, "worst: 4 full users a side", &call);
}

fn switchboard() {
    let mut world = World::open();
    world.advance(1);
    let change = |rules: &mut OracleRules| {
        rules.kind = OracleKind::Switchboard as u8;
        rules.account = key("feed");
    };
    world.edit::<Market>(market(2), |state| change(&mut state.terms.oracle));
    world.edit::<Collateral>(collateral(1), |state| change(&mut state.terms.oracle));
    world.set(key("feed"), feed_account(SWITCHBOARD, crate::update_oracle::switchboard(&world).data()));
    for (target, case) in
        [(Target::Market(2), "Switchboard, market"), (Target::Collateral(1), "Switchboard, collateral")]
    {
        let call = world.update_oracle_with(target, key("feed"), &Default::default());
        note(&mut world, case, &call);
    }
}

fn accruals() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.pass(5, &PRICES);
    world.advance(5);
    let call = world.accrue_market(0);
    note(&mut world, "typical", &call);
    let call = world.accrue_debt();
    note(&mut world, "typical", &call);
    world.pass(5, &[PRICES[0] * 99 / 100, PRICES[1], PRICES[2]]);
    let call = world.settle_pnl(0, alice.user);
    note(&mut world, "1 position, a loss", &call);
    let call = world.settle_pnl(0, bob.user);
    note(&mut world, "1 position, a profit", &call);
    world.advance(30 * 86_400);
    let call = world.check_invariants(0, 0, None);
    note(&mut world, "typical", &call);
    let mut ending = world.clone();
    ending.edit::<Market>(market(0), |state| state.status = MarketStatus::Settling as u8);
    let call = ending.settle_market(0);
    note(&mut ending, "worst: after 30 days without any", &call);
    ending.forge(alice.orders, |data| {
        data[8] = 0;
        data.truncate(3_000);
    });
    let call = ending.extend_account(bob.authority, alice.orders);
    note(&mut ending, "a user's orders", &call);
    let call = world.accrue_market(0);
    note(&mut world, "worst: after 30 days without any", &call);
    let call = world.accrue_debt();
    note(&mut world, "worst: after 30 days without any", &call);
    world.refresh(&PRICES);
    let call = world.touch_position(0, alice.user);
    note(&mut world, "typical", &call);
    let (mut world, full, _) = wide();
    let call = world.touch_position(11, full.user);
    note(&mut world, "worst: a deleveraged position", &call);
    let now_ms = world.now_ms();
    let spend = world.user(&full).quote_atoms as u64;
    world.edit::<User>(full.user, |user| {
        user.quote_atoms = 0;
        user.debt_since_ms = now_ms;
        user.positions.iter_mut().for_each(|position| position.cash_atoms -= 100_000_000);
    });
    world.edit::<Collateral>(collateral(0), |state| state.total_atoms -= spend);
    let call = world.settle_pnl(0, full.user);
    let settled = world.clone().ok(&call).event("PnlSettled");
    assert!(settled["quote_atoms"].as_i64() < Some(-1_000_000), "the worst case takes a debt: {settled}");
    note(&mut world, "worst: a full user takes a debt", &call);
}

fn views() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    let sequence = world.user(&alice).sequence;
    let calls = [
        world.assert_health(alice.user, 0, 0),
        world.assert_sequence(alice.user, sequence),
        world.view_health(alice.user),
        world.view_market(0),
    ];
    for call in calls {
        note(&mut world, "typical", &call);
    }
    let (mut world, full, _) = wide();
    for call in [world.assert_health(full.user, 0, 0), world.view_health(full.user)] {
        note(&mut world, "worst: a full user", &call);
    }
}
