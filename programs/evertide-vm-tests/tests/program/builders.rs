//! The builder table and `pay_builder`.

use evertide_vm_tests::{
    args::OrderArgs,
    call::Call,
    changes::Subject,
    exchange::{collateral, exchange, market},
    kinds::{conditional, iceberg, twap},
    rewards::{entry_name, owed_rewards},
    state::{Builder, Exchange, Market, MarketStatus, Order, OrderKind, User},
    terms::USD,
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::{key, World},
};
use serde_json::Value;

use crate::downfall::number;

tests!(
    a_builder_s_fee_is_charged_on_top_and_owed,
    a_maker_s_builder_earns_nothing,
    every_way_to_fill_carries_the_builder,
    the_fee_counts_for_the_margin_after_the_fill,
    an_order_names_a_registered_builder_within_bounds,
    a_retired_builder_earns_nothing_and_stops_no_order,
    v05_an_entry_that_owes_is_not_given_away,
    v27_a_code_never_stands_for_another_builder,
    pays_out_of_the_pool_and_waits_for_it,
    v08_pays_nobody_but_the_builder,
    v09_pays_once,
    a_closed_builder_s_claim_goes_to_the_fees,
    v22_a_claim_waits_behind_a_deficit,
    only_root_registers,
);

/// Entry of the builder table that these tests use, and the code that it starts with.
pub const ENTRY: usize = 2;
const CODE: u8 = ENTRY as u8 + 1;
/// 2 bps.
const FEE: u16 = 20;

/// Alice, bob who has alice as his referrer, and dora, who is the builder of entry 2.
pub fn staged() -> (World, Trader, Trader, Trader) {
    let mut world = World::open();
    let alice = world.funded("alice", 10_000);
    let bob = world.referred("bob", &alice, 10_000);
    let dora = world.trader("dora");
    world.ok(&world.register_builder(ENTRY, dora.user));
    (world, alice, bob, dora)
}

/// The same after a fill, with a pool that can pay.
pub fn owing() -> (World, Trader, Trader, Trader) {
    let (mut world, alice, bob, dora) = staged();
    fill(&mut world, &alice, &bob, &branded(limit(0, true, 500_000, 100)));
    world.trade(0, &bob, &alice, 495_000, 100);
    world.ok(&world.settle_pnl(0, alice.user));
    (world, alice, bob, dora)
}

pub fn branded(order: OrderArgs) -> OrderArgs {
    OrderArgs { builder_plus_one: CODE, builder_fee_tenth_bps: FEE, ..order }
}

/// Lets a maker's bid be taken by an order; the event of the match.
fn fill(world: &mut World, maker: &Trader, taker: &Trader, order: &OrderArgs) -> Value {
    let bid = world.place(maker, post_only(0, false, 500_000, order.size_lots));
    world.advance_slots(1);
    let id = world.place(taker, order.clone());
    let call = world.match_orders(0, taker, id, &[(maker, bid)]);
    world.told(&call, "OrdersMatched")
}

fn owed(world: &World) -> u64 {
    world.market(0).builder_owed_atoms[ENTRY]
}

/// $500 at 3.5 bps: 175,000 atoms, and 2 bps for the builder: 100,000. The rebate is 50,000.
fn a_builder_s_fee_is_charged_on_top_and_owed() {
    let (mut world, alice, _, _) = staged();
    let carol = world.funded("carol", 10_000);
    let event = fill(&mut world, &alice, &carol, &branded(limit(0, true, 500_000, 100)));
    assert_eq!((number(&event, "builder_fee_atoms"), number(&event, "builder_reward_atoms")), (100_000, 100_000));
    assert_eq!((number(&event, "builder_code"), number(&event, "referrer_reward_atoms")), (i64::from(CODE), 0));
    assert_eq!(number(&event["fills"][0], "taker_fee_atoms"), 275_000);
    assert_eq!(world.position(&carol, 0).expect("short").cash_atoms, 500 * USD as i64 - 275_000);
    assert_eq!(world.position(&alice, 0).expect("long").cash_atoms, -500 * USD as i64 + 50_000);
    let state = world.market(0);
    assert_eq!((owed(&world), owed_rewards(&state), state.pending_fees_atoms), (100_000, 100_000, 125_000));
}

fn a_maker_s_builder_earns_nothing() {
    let (mut world, alice, bob, _) = staged();
    let maker = world.place(&alice, branded(post_only(0, false, 500_000, 10)));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, true, 500_000, 10));
    let event = world.told(&world.match_orders(0, &bob, taker, &[(&alice, maker)]), "OrdersMatched");
    assert_eq!((number(&event, "builder_fee_atoms"), number(&event, "builder_code"), owed(&world)), (0, 0, 0));
}

/// Auctions, slices, triggers, icebergs, signed orders: the taker's order carries code and fee through all of them.
fn every_way_to_fill_carries_the_builder() {
    let (mut world, alice, bob, _) = staged();
    let phased = OrderArgs { taker_phase_s: 10, auction_start_ticks: 500_500, ..branded(limit(0, true, 499_500, 20)) };
    let taker = world.place(&bob, phased);
    let event = world.told(&world.fill_auction(0, &bob, taker, &alice, 500_500, 20), "OrdersMatched");
    let mut due = fee_of(20 * 500_500);
    assert_eq!((number(&event, "builder_fee_atoms") as u64, owed(&world)), (due, due));

    let (order, kind) = twap(true, 100, 5, 60);
    let parent = world.place_wish(&bob, (branded(order), kind));
    take(&mut world, &alice, &bob, &mut due, |world| {
        world.ok(&world.execute_slice(0, &bob, parent));
    });
    let (order, kind) = conditional(OrderKind::StopLimit, true, 500_500, 10);
    let stop = world.place_wish(&bob, (branded(OrderArgs { price_ticks: 499_000, ..order }), kind));
    take(&mut world, &alice, &bob, &mut due, |world| {
        world.ok(&world.trigger_order(0, &bob, stop));
    });
    let (order, kind) = iceberg(true, 499_000, 60, 20);
    take(&mut world, &alice, &bob, &mut due, |world| {
        world.place_wish(&bob, (branded(order), kind));
    });
    assert_eq!(world.market(0).builder_owed_atoms.iter().sum::<u64>(), due);
}

/// Fee of 2 bps on lots times ticks of market 0, ten atoms each.
fn fee_of(lot_ticks: u64) -> u64 {
    (lot_ticks * 10 * u64::from(FEE) * 10).div_ceil(1_000_000)
}

/// Lets a bid of alice's be taken by the newest order of bob's after `ready`, and checks what is owed after it.
fn take(world: &mut World, alice: &Trader, bob: &Trader, due: &mut u64, ready: impl FnOnce(&mut World)) {
    let bid = world.place(alice, post_only(0, false, 500_000, 5));
    world.advance_slots(1);
    ready(world);
    let taker = world.orders(bob).orders.iter().map(|order: &Order| order.order_id).max().expect("an order");
    let event = world.told(&world.match_orders(0, bob, taker, &[(alice, bid)]), "OrdersMatched");
    *due += fee_of(5 * 500_000);
    assert_eq!((number(&event, "builder_code"), owed(world)), (i64::from(CODE), *due));
}

/// The same fill leaves the initial margin without the builder's fee and not with it.
fn the_fee_counts_for_the_margin_after_the_fill() {
    let (mut world, alice, _, _) = staged();
    let carol = world.trader("carol");
    world.ok(&world.deposit(&carol, 0, 1_000 * USD));
    let bid = world.place(&alice, post_only(0, false, 500_000, 100));
    world.advance_slots(1);
    let taker = world.place(&carol, branded(limit(0, true, 500_000, 100)));
    let call = world.match_orders(0, &carol, taker, &[(&alice, bid)]);
    let mut rich = world.clone();
    rich.ok(&call);
    let short = rich.user(&carol);
    let required = requirement(&rich, &carol);
    let equity = short.quote_atoms + rich.worth(&carol, 0).2;
    // Exactly as much less as leaves nothing above the requirement: the fill holds, and with one atom less it does not.
    let spare = equity - required;
    world.edit::<User>(carol.user, |user| user.quote_atoms -= spare);
    world.clone().ok(&call);
    world.edit::<User>(carol.user, |user| user.quote_atoms -= 1);
    world.fails(&call, "TakerMarginTooLow");
    world.edit::<Exchange>(exchange(), |state| state.builders[ENTRY] = Builder::default());
    world.ok(&call);
}

fn requirement(world: &World, trader: &Trader) -> i64 {
    let mut least = 0;
    let mut most = 1_000 * USD as i64;
    // Greatest excess that assert_health grants: equity less the initial requirement.
    while least < most {
        let middle = (least + most + 1) / 2;
        if world.clone().send(&world.assert_health(trader.user, middle, 0)).is_ok() {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    world.user(trader).quote_atoms + world.worth(trader, 0).2 - least
}

fn an_order_names_a_registered_builder_within_bounds() {
    let (mut world, alice, _, _) = staged();
    let order = branded(limit(0, false, 490_000, 10));
    let place = |world: &World, order: OrderArgs| world.place_orders(&alice, &[order]);
    for wrong in [
        OrderArgs { builder_plus_one: CODE + 1, ..order.clone() },
        OrderArgs { builder_plus_one: CODE + 8, ..order.clone() },
        OrderArgs { builder_plus_one: 0, ..order.clone() },
        OrderArgs { builder_fee_tenth_bps: 51, ..order.clone() },
    ] {
        world.fails(&place(&world, wrong), "BuilderInvalid");
    }
    world.ok(&place(&world, OrderArgs { builder_fee_tenth_bps: 50, ..order.clone() }));
    world.ok(&place(&world, OrderArgs { builder_fee_tenth_bps: 0, ..order }));
}

fn a_retired_builder_earns_nothing_and_stops_no_order() {
    let (mut world, alice, bob, _) = staged();
    let (order, kind) = conditional(OrderKind::StopLimit, true, 500_500, 10);
    let stop = world.place_wish(&bob, (branded(OrderArgs { price_ticks: 499_000, ..order }), kind));
    let bid = world.place(&alice, post_only(0, false, 500_000, 10));
    world.advance_slots(1);
    world.ok(&world.retire_builder(ENTRY));
    world.fails(&world.place_orders(&bob, &[branded(market_order(0, true, 1))]), "BuilderInvalid");
    world.ok(&world.trigger_order(0, &bob, stop));
    let event = world.told(&world.match_orders(0, &bob, stop, &[(&alice, bid)]), "OrdersMatched");
    assert_eq!((number(&event, "builder_fee_atoms"), number(&event, "builder_code"), owed(&world)), (0, 0, 0));
}

/// V-05: what a builder has earned is paid, in every market, before its entry is another's.
fn v05_an_entry_that_owes_is_not_given_away() {
    let (mut world, alice, _, dora) = owing();
    world.fails(&world.register_builder(ENTRY, alice.user), "BuilderEntryTaken");
    world.ok(&world.retire_builder(ENTRY));
    world.fails(&world.retire_builder(ENTRY), "BuilderRetired");
    world.fails(&world.register_builder(ENTRY, alice.user), "BuilderEntryTaken");
    let markets = u32::from(world.exchange().market_count);
    assert_eq!((world.builder(ENTRY).user, world.builder(ENTRY).unpaid_markets.count_ones()), (dora.user, markets));
    for index in (0..markets as u16).rev() {
        world.fails(&world.register_builder(ENTRY, alice.user), "BuilderEntryTaken");
        let event = world.told(&world.pay_builder(index, ENTRY), "RewardPaid");
        assert_eq!(number(&event, "paid_atoms"), if index == 0 { 100_000 } else { 0 });
        assert_eq!(number(&event, "unpaid_markets") as u64, (1 << index) - 1);
    }
    assert_eq!(world.user(&dora).quote_atoms, 100_000);
    world.ok(&world.register_builder(ENTRY, alice.user));
    assert_eq!((world.builder(ENTRY).user, world.builder(ENTRY).code), (alice.user, CODE + 8));
}

/// V-27: an order that agreed to one builder's fee pays no other's, whoever has the entry when it fills.
fn v27_a_code_never_stands_for_another_builder() {
    let (mut world, alice, bob, _) = staged();
    let carol = world.funded("carol", 1_000);
    let bid = world.place(&alice, post_only(0, false, 500_000, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, branded(limit(0, true, 500_000, 10)));
    world.ok(&world.retire_builder(ENTRY));
    for index in 0..world.exchange().market_count {
        world.ok(&world.pay_builder(index, ENTRY));
    }
    world.ok(&world.register_builder(ENTRY, carol.user));
    let event = world.told(&world.match_orders(0, &bob, taker, &[(&alice, bid)]), "OrdersMatched");
    assert_eq!((number(&event, "builder_fee_atoms"), owed(&world)), (0, 0));
    world.fails(&world.place_orders(&bob, &[branded(limit(0, true, 510_000, 1))]), "BuilderInvalid");
    let order = OrderArgs { builder_plus_one: CODE + 8, ..branded(limit(0, true, 510_000, 1)) };
    world.ok(&world.place_orders(&bob, &[order]));
}

fn pays_out_of_the_pool_and_waits_for_it() {
    let (mut world, alice, bob, dora) = staged();
    fill(&mut world, &alice, &bob, &branded(limit(0, true, 500_000, 100)));
    world.fails(&world.pay_builder(0, ENTRY), "RewardPoolEmpty");
    world.trade(0, &bob, &alice, 495_000, 100);
    let due = owed(&world);
    world.ok(&world.settle_pnl(0, alice.user));
    let mut short = world.clone();
    short.edit::<Market>(market(0), |state| state.pool_atoms = 40_000);
    let event = short.ok(&short.pay_builder(0, ENTRY)).event("RewardPaid");
    assert_eq!((number(&event, "paid_atoms"), number(&event, "owed_atoms")), (40_000, due as i64 - 40_000));
    let before = world.market(0);
    let event = world.told(&world.pay_builder(0, ENTRY), "RewardPaid");
    assert_eq!((number(&event, "paid_atoms") as u64, number(&event, "owed_atoms")), (due, 0));
    assert_eq!((event["recipient"].as_str(), number(&event, "builder_code")), (Some(&*dora.user.to_string()), 3));
    let (after, user) = (world.market(0), world.user(&dora));
    assert_eq!((after.pool_atoms, after.sequence), (before.pool_atoms - due, before.sequence + 1));
    assert_eq!((user.quote_atoms as u64, user.rewards_atoms, user.position_count), (due, due, 0));
    world.ok(&world.withdraw(&dora, 0, due));
}

/// V-08: an account is paid that the table names, and no other of anybody's.
fn v08_pays_nobody_but_the_builder() {
    let (mut world, alice, bob, dora) = owing();
    let second = world.sub_account(&dora, 1);
    for stranger in [alice.user, bob.user, second.user, dora.authority, dora.orders, key("nobody")] {
        world.fails(&world.pay_builder(0, ENTRY).with("recipient", stranger), "RewardOfAnother");
    }
    world.fails(&world.pay_builder(0, ENTRY).with("quote", collateral(1)), "NotQuoteAsset");
    let wrong = |entry: u8| {
        let mut call = world.pay_builder(0, ENTRY);
        *call.data.last_mut().expect("the entry") = entry;
        call
    };
    let (other, beyond): (Call, Call) = (wrong(3), wrong(8));
    world.fails(&other, "RewardNotOwed");
    world.fails(&beyond, "BuilderUnknown");
}

/// V-09: a claim that was paid is gone.
fn v09_pays_once() {
    let (mut world, _, _, dora) = owing();
    world.ok(&world.pay_builder(0, ENTRY));
    world.fails(&world.pay_builder(0, ENTRY), "RewardNotOwed");
    world.fails(&world.pay_builder(1, ENTRY), "RewardNotOwed");
    assert_eq!(world.user(&dora).quote_atoms, 100_000);
}

fn a_closed_builder_s_claim_goes_to_the_fees() {
    let (mut world, alice, _, dora) = owing();
    world.ok(&world.close_user(&dora));
    let before = world.market(0);
    let event = world.told(&world.pay_builder(0, ENTRY), "RewardPaid");
    assert_eq!((number(&event, "kept_atoms"), number(&event, "paid_atoms")), (100_000, 0));
    let after = world.market(0);
    assert_eq!(after.pending_fees_atoms, before.pending_fees_atoms + 100_000);
    assert_eq!(after.pending_insurance_atoms, before.pending_insurance_atoms + 20_000);
    assert_eq!((owed(&world), after.pool_atoms), (0, before.pool_atoms));
    // A wallet is no account of the exchange either, and a market is none at all.
    let entry = ENTRY + 1;
    world.ok(&world.register_builder(entry, alice.authority));
    world.ok(&world.register_builder(entry + 1, market(1)));
    world.edit::<Market>(market(0), |state| {
        state.builder_owed_atoms[entry] = 7;
        state.builder_owed_atoms[entry + 1] = 7;
        state.pending_fees_atoms -= 14;
        state.pending_insurance_atoms -= 14;
    });
    world.ok(&world.pay_builder(0, entry));
    let before = world.snapshot();
    assert!(world.send(&world.pay_builder(0, entry + 1)).is_err(), "a market was paid");
    world.assert_unchanged(&before, "a market as builder");
}

/// V-22: what fees repay comes before what fees pay, unless the owner takes the backed part; in a closed market nothing
/// repays any more.
fn v22_a_claim_waits_behind_a_deficit() {
    let (mut world, _, _, dora) = owing();
    world.edit::<Market>(market(0), |state| {
        state.deficit_atoms = 300_000;
        state.pool_atoms = 700_000;
    });
    world.fails(&world.pay_builder(0, ENTRY), "RewardBehindDeficit");
    world.fails(&world.pay_builder(0, ENTRY).signed_by("authority", key("keeper")), "NotAuthority");
    let chosen = world.clone().ok(&world.pay_builder(0, ENTRY).signed_by("authority", dora.authority));
    let event = chosen.event("RewardPaid");
    assert_eq!((number(&event, "paid_atoms"), number(&event, "given_up_atoms")), (70_000, 30_000));
    world.edit::<Market>(market(0), |state| state.status = MarketStatus::Closed as u8);
    let event = world.ok(&world.pay_builder(0, ENTRY)).event("RewardPaid");
    assert_eq!((number(&event, "paid_atoms"), number(&event, "given_up_atoms")), (70_000, 30_000));
    let state = world.market(0);
    assert_eq!((state.pool_atoms, state.deficit_atoms, owed(&world)), (630_000, 270_000, 0));
    assert_eq!(world.user(&dora).quote_atoms, 70_000);
}

fn only_root_registers() {
    let (mut world, alice, _, _) = staged();
    let name = entry_name(5);
    for signer in [key("risk"), key("guardian"), world.treasury] {
        world.fund(signer);
        world.fails(&world.propose_key(signer, Subject::Exchange, &name, alice.user.to_bytes()), "RoleForbids");
    }
    world.fails(&world.retire_builder(5), "ChangeUnchanged");
    world.fails(
        &world.propose_change(world.root, Subject::Exchange, 78, 0, alice.user.to_bytes()),
        "ChangeFieldUnknown",
    );
    world.ok(&world.register_builder(5, alice.user));
    assert_eq!((world.builder(5).user, world.builder(5).code), (alice.user, 6));
}
