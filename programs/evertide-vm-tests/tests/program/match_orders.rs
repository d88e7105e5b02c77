//! `match_orders`: what an honest keeper does.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{exchange, market},
    state::{permissions, Exchange, Market, RiskCache, TimeInForce, User},
    terms::{PRICES, USD},
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::World,
};

tests!(
    fills_at_the_makers_price,
    charges_fees_and_pays_the_rebate,
    pays_the_keeper,
    v24_a_reward_needs_consent,
    fills_eight_makers,
    one_maker_fills_with_several_orders,
    reduces_and_flips,
    passes_over_makers_that_cannot_trade,
    an_expired_maker_is_taken_out,
    v23_self_trade_rules,
    the_taker_phase_meets_earlier_makers_inside_its_ramp,
    a_resting_order_takes_from_an_older_one,
    a_fill_or_kill_fills_whole_or_not,
    reduce_only_never_flips,
    a_reducing_fill_needs_no_fresh_row,
    stage_is_sound,
);

/// Alice and bob with $10,000 each.
pub fn stage() -> (World, Trader, Trader) {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
    (world, alice, bob)
}

fn stage_is_sound() {
    let (world, alice, _) = stage();
    assert_eq!(world.user(&alice).quote_atoms, 10_000_000_000);
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
}

fn fills_at_the_makers_price() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&alice, post_only(0, true, 500_100, 100));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_500, 60));
    let outcome = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    let event = outcome.event("OrdersMatched");
    assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(500_100));
    assert_eq!(event["fills"][0]["size_lots"].as_u64(), Some(60));
    assert_eq!(event["taker_remaining_lots"].as_u64(), Some(0));
    let state = world.market(0);
    assert_eq!((state.open_interest_lots, state.position_count), ([60, 60], [1, 1]));
    assert_eq!((state.last_fill_ticks, state.fill_count), (500_100, 1));
    let (long, short) = (world.position(&bob, 0).expect("long"), world.position(&alice, 0).expect("short"));
    assert_eq!((long.basis_lots, short.basis_lots), (60, -60));
    assert_eq!((long.entry_atoms, short.entry_atoms), (60 * 5_001_000, -60 * 5_001_000));
    assert_eq!((short.open_ask_lots, short.min_ask_ticks), (40, 500_100));
    assert!(world.order(&bob, taker).is_none(), "a filled order leaves its slot");
    assert_eq!(world.order(&alice, maker).map(|order| (order.size_lots, order.filled_lots)), Some((40, 60)));
}

/// $500 at 3.5 bps: 175,000 atoms; 1 bp of rebate: 50,000.
fn charges_fees_and_pays_the_rebate() {
    let (mut world, alice, bob) = stage();
    let outcome = world.trade(0, &alice, &bob, 500_000, 100);
    let fill = outcome.event("OrdersMatched")["fills"][0].clone();
    assert_eq!((fill["taker_fee_atoms"].as_i64(), fill["maker_fee_atoms"].as_i64()), (Some(175_000), Some(-50_000)));
    let notional = 500_000_000;
    assert_eq!(world.position(&alice, 0).map(|position| position.cash_atoms), Some(-notional + 50_000));
    assert_eq!(world.position(&bob, 0).map(|position| position.cash_atoms), Some(notional - 175_000));
    let state = world.market(0);
    assert_eq!((state.pending_fees_atoms, state.pending_insurance_atoms), (125_000, 25_000));
    assert_eq!(world.user(&bob).volume_30d_atoms, 500_000_000);
}

fn pays_the_keeper() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10);
    let maker = world.place(&alice, post_only(0, false, 500_000, 100));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 500_000, 100));
    let call = world.match_orders_for(0, Some(&carol), &bob, taker, &[(&alice, maker)]);
    let event = world.ok(&call).event("OrdersMatched");
    assert_eq!(event["keeper_reward_atoms"].as_u64(), Some(17_500), "10 % of 175,000");
    assert_eq!(world.position(&carol, 0).map(|position| position.cash_atoms), Some(17_500));
    assert_eq!(world.market(0).pending_fees_atoms, 125_000 - 17_500);
}

/// V-24: a reward takes a position slot: only of the keeper itself, or of somebody who made it a delegate for that.
fn v24_a_reward_needs_consent() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 10);
    let maker = world.place(&alice, post_only(0, false, 500_000, 100));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 500_000, 100));
    let call = world.match_orders_for(0, Some(&carol), &bob, taker, &[(&alice, maker)]).with("keeper", world.keeper);
    world.fails(&call, "NotAuthorityOrDelegate");
    world.ok(&world.set_delegate(&carol, world.keeper, permissions::PLACE | permissions::CANCEL, 0));
    world.fails(&call, "DelegateMayNot");
    world.ok(&world.set_delegate(&carol, world.keeper, permissions::LIQUIDATE, 0));
    world.ok(&call);
    assert_eq!(world.position(&carol, 0).map(|position| position.cash_atoms), Some(17_500));
}

fn fills_eight_makers() {
    let (mut world, alice, _) = stage();
    let makers: Vec<Trader> = (0..8).map(|row| world.funded(&format!("maker {row}"), 1_000)).collect();
    let ids: Vec<u64> = makers
        .iter()
        .enumerate()
        .map(|(row, maker)| world.place(maker, post_only(0, true, 500_000 + row as u64, 10)))
        .collect();
    world.advance_slots(1);
    let taker = world.place(&alice, market_order(0, false, 100));
    let named: Vec<_> = makers.iter().zip(ids).collect();
    let event = world.ok(&world.match_orders(0, &alice, taker, &named)).event("OrdersMatched");
    assert_eq!(event["fills"].as_array().map(Vec::len), Some(8));
    assert_eq!(world.market(0).open_interest_lots, [80, 80]);
    assert_eq!(world.order(&alice, taker).map(|order| order.size_lots), Some(20));
}

fn one_maker_fills_with_several_orders() {
    let (mut world, alice, bob) = stage();
    let first = world.place(&alice, post_only(0, true, 500_000, 10));
    let second = world.place(&alice, post_only(0, true, 500_001, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_001, 15));
    let call = world.match_orders(0, &bob, taker, &[(&alice, first), (&alice, second)]);
    assert_eq!(call.remaining.len(), 2, "one pair for both orders");
    world.ok(&call);
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(-15));
    assert_eq!(world.order(&alice, second).map(|order| order.size_lots), Some(5));
}

fn reduces_and_flips() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    world.trade(0, &bob, &alice, 501_000, 4);
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(6));
    assert_eq!(world.market(0).open_interest_lots, [6, 6]);
    world.trade(0, &bob, &alice, 501_000, 10);
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(-4));
    assert_eq!(world.market(0).open_interest_lots, [4, 4]);
    assert_eq!(world.market(0).position_count, [1, 1]);
}

fn passes_over_makers_that_cannot_trade() {
    let (mut world, alice, bob) = stage();
    let poor = world.funded("poor", 1);
    let poor_id = world.place(&poor, post_only(0, true, 500_000, 1));
    world.edit::<User>(poor.user, |user| user.quote_atoms = 0);
    let maker = world.place(&alice, post_only(0, true, 500_001, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_001, 5));
    let event =
        world.ok(&world.match_orders(0, &bob, taker, &[(&poor, poor_id), (&alice, maker)])).event("OrdersMatched");
    assert_eq!(event["skips"][0]["reason"].as_u64(), Some(11), "its user lacks margin");
    assert_eq!(event["fills"].as_array().map(Vec::len), Some(1));
    assert!(world.order(&poor, poor_id).is_some(), "the order stays");
}

fn an_expired_maker_is_taken_out() {
    let (mut world, alice, bob) = stage();
    let expiry_ms = world.now_ms() + 2_000;
    let dead = world.place(&alice, OrderArgs { expiry_ms, ..post_only(0, true, 500_000, 10) });
    let live = world.place(&alice, post_only(0, true, 500_001, 10));
    world.pass(2, &PRICES);
    let taker = world.place(&bob, limit(0, false, 500_001, 5));
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, dead), (&alice, live)])).event("OrdersMatched");
    assert_eq!((event["skips"][0]["reason"].as_u64(), event["skips"][0]["removed"].as_bool()), (Some(3), Some(true)));
    assert!(world.order(&alice, dead).is_none());
    assert_eq!(world.position(&alice, 0).map(|position| position.open_ask_lots), Some(5));
}

/// V-23: two sub-accounts of one authority never trade with each other; the taker's rule says which order goes.
fn v23_self_trade_rules() {
    for (rule, taker_left, maker_left) in [(0, None, Some(10)), (1, Some(4), None), (2, None, Some(6))] {
        let (mut world, alice, bob) = stage();
        let second = Trader::of(alice.authority, 1);
        world.ok(&world.create_user(&second));
        let call = world.deposit(&second, 0, 1_000 * USD);
        world.ok(&call);
        let own = world.place(&second, post_only(0, true, 500_000, 10));
        let other = world.place(&bob, post_only(0, true, 500_001, 10));
        world.advance_slots(1);
        let size = 4;
        let taker = world.place(&alice, OrderArgs { self_trade: rule, ..limit(0, false, 500_001, size) });
        let makers = [(&second, own), (&bob, other)];
        let event = world.ok(&world.match_orders(0, &alice, taker, &makers)).event("OrdersMatched");
        assert_eq!(event["skips"][0]["reason"].as_u64(), Some(9));
        assert_eq!(world.order(&second, own).map(|order| order.size_lots), maker_left, "rule {rule}");
        let filled = world.position(&alice, 0).map_or(0, |position| position.basis_lots);
        assert_eq!(filled, if taker_left.is_some() { 4 } else { 0 }, "rule {rule}");
        assert_eq!(world.market(0).open_interest_lots[0], filled as u64);
    }
}

/// In its phase a taker meets only makers of an earlier slot, at a limit that ramps from the index.
fn the_taker_phase_meets_earlier_makers_inside_its_ramp() {
    let (mut world, alice, bob) = stage();
    let near = world.place(&alice, post_only(0, true, 500_200, 10));
    let far = world.place(&alice, post_only(0, true, 501_900, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, OrderArgs { taker_phase_s: 10, ..limit(0, false, 502_000, 20) });
    let late = world.place(&alice, post_only(0, true, 500_100, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, late)]), "NothingFilled");
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, far)]), "NothingFilled");
    let event = world.ok(&world.match_orders(0, &bob, taker, &[(&alice, near)])).event("OrdersMatched");
    assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(500_200), "within 5 bps of the index");
    world.pass(10, &PRICES);
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, far)]));
}

/// Between two resting orders that cross, the older is maker.
fn a_resting_order_takes_from_an_older_one() {
    let (mut world, alice, bob) = stage();
    let older = world.place(&alice, limit(0, true, 500_000, 10));
    world.advance_slots(5);
    let younger = world.place(&bob, limit(0, false, 500_100, 10));
    world.advance_slots(100);
    world.fails(&world.match_orders(0, &alice, older, &[(&bob, younger)]), "NothingFilled");
    let event = world.ok(&world.match_orders(0, &bob, younger, &[(&alice, older)])).event("OrdersMatched");
    assert_eq!(event["fills"][0]["price_ticks"].as_u64(), Some(500_000));
}

fn a_fill_or_kill_fills_whole_or_not() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&alice, post_only(0, true, 500_000, 10));
    let more = world.place(&alice, post_only(0, true, 500_001, 10));
    world.advance_slots(1);
    let kill = TimeInForce::FillOrKill as u8;
    let taker = world.place(&bob, OrderArgs { time_in_force: kill, ..limit(0, false, 500_001, 15) });
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, maker)]), "FillOrKillNotFilled");
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker), (&alice, more)]));
    assert_eq!(world.position(&bob, 0).map(|position| position.basis_lots), Some(15));
}

fn reduce_only_never_flips() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    let maker = world.place(&bob, post_only(0, false, 500_000, 50));
    world.advance_slots(1);
    let taker = world.place(&alice, OrderArgs { reduce_only: true, ..limit(0, true, 500_000, 50) });
    world.ok(&world.match_orders(0, &alice, taker, &[(&bob, maker)]));
    assert_eq!(world.position(&alice, 0).map(|position| position.basis_lots), Some(0));
    assert!(world.order(&alice, taker).is_none(), "nothing is left to reduce");
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
}

fn a_reducing_fill_needs_no_fresh_row() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10);
    let reduce = |ask: bool| OrderArgs { reduce_only: true, ..limit(0, ask, 500_000, 10) };
    let maker = world.place(&alice, OrderArgs { time_in_force: 3, ..reduce(true) });
    world.advance_slots(1);
    let taker = world.place(&bob, reduce(false));
    world.edit::<RiskCache>(evertide_vm_tests::exchange::risk_cache(), |cache| cache.markets[0].updated_ms -= 60_000);
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 4);
    world.edit::<Market>(market(0), |state| state.status = 2);
    world.ok(&world.match_orders(0, &bob, taker, &[(&alice, maker)]));
    assert_eq!(world.market(0).open_interest_lots, [0, 0]);
}
