//! Attacks that take several instructions or several accounts: each is carried out as its attacker would, and the outcome
//! is what the attacker is left with.

use evertide_vm_tests::{
    args::OrderArgs,
    call::Call,
    exchange::{collateral, exchange, market},
    state::{Collateral, Exchange, Market, TimeInForce},
    terms::{market_terms, sol_terms, PRICES, SOL, USD},
    tests,
    traders::{limit, post_only, Trader},
    world::{key, World},
};

use crate::{match_orders::stage, specimens::specimens};

tests!(
    v20_two_accounts_cannot_carry_off_a_debt,
    v20_inflated_open_interest_raises_the_initial_ratio_alone,
    v21_margin_cannot_be_pulled_to_the_edge,
    v22_a_flash_deposit_consumes_no_bucket,
    v23_a_keeper_cannot_kill_an_order,
    v29_roles_reach_nothing_of_users,
    v30_nothing_is_listed_after_opening,
    v35_the_last_seconds_of_an_hour_move_no_funding,
    v38_events_survive_truncated_logs,
);

/// V-20, decision 4: one account loses to the other on purpose, so that the loss becomes debt and the profit is withdrawn.
/// The debt stays below a fifth of the collateral, and the collateral does not leave.
fn v20_two_accounts_cannot_carry_off_a_debt() {
    let mut world = World::open();
    world.funded("honest", 30_000);
    let (loser, winner) = (world.trader("loser"), world.funded("winner", 10_000));
    world.ok(&world.deposit(&loser, 1, 100 * SOL));
    for _ in 0..6 {
        // 4 % above the index is inside the fill band of 5 %.
        for (buyer, seller, price_ticks) in [(&loser, &winner, 520_000), (&winner, &loser, 500_000)] {
            let maker = world.place(seller, post_only(0, true, price_ticks, 2_500));
            world.advance_slots(1);
            let taker = world.place(buyer, limit(0, false, price_ticks, 2_500));
            world.ok(&world.match_orders(0, buyer, taker, &[(seller, maker)]));
        }
        world.ok(&world.settle_pnl(0, loser.user));
        world.ok(&world.settle_pnl(0, winner.user));
        world.pass(1, &PRICES);
    }
    let debt = -world.user(&loser).quote_atoms;
    // 100 SOL of $100 less 5 bps of confidence at a weight of 80 %: $7,996.
    assert!((1_500_000_000..=1_599_200_000).contains(&debt), "a debt of {debt}");
    let gain = world.user(&winner).quote_atoms - 10_000_000_000;
    assert!(gain <= debt, "the winner carries off {gain} of a debt of {debt}");
    world.ok(&world.withdraw(&winner, 0, 10_000 * USD));
    world.fails(&world.withdraw(&loser, 1, 1), "LossesExceedQuote");
}

fn requirements(world: &mut World, trader: &Trader) -> (i64, i64) {
    let data = world.ok(&world.view_health(trader.user)).meta.return_data.data;
    let number = |at: usize| i64::from_le_bytes(data[at..at + 8].try_into().expect("8 bytes"));
    (number(8), number(24))
}

/// V-20: whoever inflates open interest makes new positions dearer, and liquidates nobody.
fn v20_inflated_open_interest_raises_the_initial_ratio_alone() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    let (initial, maintenance) = requirements(&mut world, &alice);
    // Lots of $5: half way from $50,000,000 to $500,000,000.
    world.edit::<Market>(market(0), |state| state.open_interest_lots = [55_000_000; 2]);
    world.pass(1, &PRICES);
    let (raised, same) = requirements(&mut world, &alice);
    assert_eq!((initial, maintenance, same), (500_000_000, 250_000_000, 250_000_000));
    assert!((2_400_000_000..=2_600_000_000).contains(&raised), "initial margin of {raised}");
}

/// V-21: the greatest withdrawal leaves the initial requirement, twice what liquidation starts at.
fn v21_margin_cannot_be_pulled_to_the_edge() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    let (mut least, mut most) = (0, 10_000 * USD);
    while most - least > 1 {
        let amount = (least + most) / 2;
        let mut attempt = world.clone();
        let call = attempt.withdraw(&alice, 0, amount);
        if attempt.send(&call).is_ok() {
            least = amount;
        } else {
            most = amount;
        }
    }
    world.ok(&world.withdraw(&alice, 0, least));
    let (initial, maintenance) = requirements(&mut world, &alice);
    assert_eq!((initial, maintenance), (5_000_000_000, 2_500_000_000));
    world.ok(&world.assert_health(alice.user, maintenance, 1));
    world.fails(&world.withdraw(&alice, 0, 1), "InitialMarginTooLow");
}

/// V-22: depositing and withdrawing the same leaves what others may withdraw as it was.
fn v22_a_flash_deposit_consumes_no_bucket() {
    let (mut world, alice, bob) = stage();
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 7_500);
    world.edit::<Collateral>(collateral(0), |state| state.average_atoms = 20_000 * USD);
    let bucket = |world: &World| {
        let state = world.collateral(0);
        (state.total_atoms, state.average_atoms, state.lane_used_atoms)
    };
    let before = bucket(&world);
    for _ in 0..5 {
        world.ok(&world.deposit(&bob, 0, 1_000_000 * USD));
        world.ok(&world.withdraw(&bob, 0, 1_000_000 * USD));
    }
    assert_eq!(bucket(&world), before);
    world.ok(&world.withdraw(&alice, 0, 5_000 * USD));
}

/// V-23: a keeper who fills a part, or nothing, cannot end an order: the rest stays for the next.
fn v23_a_keeper_cannot_kill_an_order() {
    let (mut world, alice, bob) = stage();
    let small = world.place(&alice, post_only(0, true, 500_000, 1));
    let large = world.place(&alice, post_only(0, true, 500_001, 50));
    let far = world.place(&alice, post_only(0, true, 504_000, 50));
    world.advance_slots(1);
    let time_in_force = TimeInForce::ImmediateOrCancel as u8;
    let taker = world.place(&bob, OrderArgs { time_in_force, ..limit(0, false, 500_001, 20) });
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, far)]), "NothingFilled");
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, small)]));
    assert_eq!(world.order(&bob, taker).map(|order| order.size_lots), Some(19));
    world.advance_slots(20);
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, large)]));
    assert_eq!(world.position(&bob, 0).map(|position| position.basis_lots), Some(20));
}

/// V-29: no role of the exchange, nor its upgrade authority, moves what a user owns.
fn v29_roles_reach_nothing_of_users() {
    let owned = ["withdraw", "close_user", "set_limits", "place_orders", "cancel_orders", "modify_order"];
    let mut tried = 0;
    for specimen in specimens().into_iter().filter(|specimen| owned.contains(&specimen.call.name.as_str())) {
        let mut world = specimen.world;
        let named = specimen.call.names.iter().any(|name| name == "authority");
        let (account, refusal) =
            if named { ("authority", "NotAuthority") } else { ("signer", "NotAuthorityOrDelegate") };
        let roles = [world.root, world.treasury, world.upgrade_authority, world.oracle, world.keeper];
        for role in roles.into_iter().chain([key("risk"), key("guardian")]) {
            world.fails(&specimen.call.clone().with(account, role), refusal);
            tried += 1;
        }
    }
    assert_eq!(tried, owned.len() * 7);
}

/// V-29, V-30: once it is open, root lists nothing, and the bootstrap cannot be had again.
fn v30_nothing_is_listed_after_opening() {
    let mut world = World::open();
    world.set(key("fabricated"), evertide_vm_tests::token::mint_account(9, None));
    let calls: [Call; 3] = [
        world.list_collateral(2, key("fabricated"), &sol_terms(world.oracle)),
        world.list_market(3, &market_terms(0, world.oracle)),
        world.open_exchange(),
    ];
    for call in calls {
        world.fails(&call, "ExchangeAlreadyOpen");
    }
}

/// Funding rate of the hour after one in which a bid 0.4 % above the index stood for its last `shown_s` seconds.
fn rate_after(shown_s: i64) -> i64 {
    const HOUR_S: i64 = 3_600;
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    let bid = world.place(&alice, post_only(0, false, 502_000, 200));
    let ask = world.place(&bob, post_only(0, true, 502_200, 200));
    let hour_start_s = world.market(0).funding_hour_ms / 1_000 + HOUR_S;
    while world.now_ms() / 1_000 < hour_start_s + HOUR_S {
        world.pass(5, &PRICES);
        let left_s = hour_start_s + HOUR_S - world.now_ms() / 1_000;
        if (1..=shown_s).contains(&left_s) {
            world.ok(&world.update_mark(0, &[(&alice, bid)], &[(&bob, ask)]));
        }
    }
    assert_eq!(world.market(0).funding_hour_ms / 1_000, hour_start_s + HOUR_S);
    world.market(0).funding_rate_e9
}

/// V-35: the premium is averaged over the hour; ten seconds of it weigh ten seconds.
fn v35_the_last_seconds_of_an_hour_move_no_funding() {
    let (calm, pushed, held) = (rate_after(0), rate_after(10), rate_after(3_600));
    assert!(held > calm + 100_000, "a premium that stood for an hour moves {calm} to {held}");
    assert!((pushed - calm).abs() * 100 < held - calm, "ten seconds moved {calm} to {pushed}, an hour {held}");
}

/// V-38: events do not pass through the logs, which the runtime cuts.
fn v38_events_survive_truncated_logs() {
    let (mut world, alice, _) = stage();
    let makers: Vec<Trader> = (0..8).map(|row| world.funded(&format!("maker {row}"), 1_000)).collect();
    let place = |(row, maker): (usize, &Trader)| (row as u64, maker.clone());
    let mut named = Vec::new();
    for (row, maker) in makers.iter().enumerate().map(place) {
        let order_id = world.place(&maker, post_only(0, true, 500_000 + row, 10));
        named.push((maker, order_id));
    }
    world.advance_slots(1);
    let taker = world.place(&alice, limit(0, false, 500_010, 80));
    let named: Vec<_> = named.iter().map(|(maker, order_id)| (maker, *order_id)).collect();
    let call = world.match_orders(0, &alice, taker, &named);
    world.vm = world.vm.clone().with_log_bytes_limit(Some(40));
    let outcome = world.ok(&call);
    assert!(outcome.meta.logs.iter().any(|line| line == "Log truncated"), "{:?}", outcome.meta.logs);
    assert_eq!(outcome.event("OrdersMatched")["fills"].as_array().map(Vec::len), Some(8));
}
