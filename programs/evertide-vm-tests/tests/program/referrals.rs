//! `pay_referrer`, and the referrer that an account is created with.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{collateral, exchange, market},
    rewards::owed_rewards,
    state::{Exchange, Market, Orders},
    terms::USD,
    tests,
    traders::{limit, post_only, Trader},
    world::{key, World},
};
use serde_json::Value;
use solana_address::Address;

use crate::{
    builders::{branded, owing, staged, ENTRY},
    downfall::{held, number, resting, BELOW_MAINTENANCE, LOTS},
};

tests!(
    an_account_is_born_with_its_referrer,
    v23_nobody_refers_itself,
    v02_a_referrer_is_an_account_of_the_exchange,
    a_share_of_the_taker_fee_is_owed,
    a_maker_s_referrer_earns_nothing,
    a_share_beyond_nine_tenths_is_cut,
    liquidations_pay_neither_builder_nor_referrer,
    pays_from_any_market_that_owes,
    v08_pays_nobody_but_the_referrer,
    v09_pays_once,
    v10_an_account_that_owes_does_not_close,
    v22_the_one_who_owes_is_free_to_leave,
    a_closed_referrer_s_claim_goes_to_the_fees,
    i15_every_atom_of_random_fills_has_an_owner,
);

fn an_account_is_born_with_its_referrer() {
    let mut world = World::open();
    let alice = world.funded("alice", 10);
    let bob = Trader::named("bob");
    world.fund(bob.authority);
    let event = world.ok(&world.create_referred(&bob, alice.user)).event("UserCreated");
    assert_eq!((event["referrer"].as_str(), world.user(&bob).referrer), (Some(&*alice.user.to_string()), alice.user));
    let carol = world.trader("carol");
    assert_eq!(world.user(&carol).referrer, Address::default());
}

/// V-23: not by the account itself, nor by a sub-account of the same authority.
fn v23_nobody_refers_itself() {
    let mut world = World::open();
    let alice = world.funded("alice", 10);
    let second = Trader::of(alice.authority, 1);
    world.fails(&world.create_referred(&second, alice.user), "ReferrerIsOneself");
    let before = world.snapshot();
    assert!(world.send(&world.create_referred(&second, second.user)).is_err(), "an account referred itself");
    world.assert_unchanged(&before, "an account as its own referrer");
}

/// V-02: no wallet, no other account, nothing that does not exist.
fn v02_a_referrer_is_an_account_of_the_exchange() {
    let mut world = World::open();
    let alice = world.funded("alice", 10);
    let bob = Trader::named("bob");
    world.fund(bob.authority);
    for wrong in [alice.authority, alice.orders, market(0), exchange(), key("nowhere")] {
        let before = world.snapshot();
        assert!(world.send(&world.create_referred(&bob, wrong)).is_err(), "{wrong} became a referrer");
        world.assert_unchanged(&before, "a wrong referrer");
    }
}

/// $500 at 3.5 bps: 175,000 atoms, of which the referrer is owed 5 %, rounded down.
fn a_share_of_the_taker_fee_is_owed() {
    let (mut world, alice, bob, _) = staged();
    let outcome = world.trade(0, &alice, &bob, 500_000, 100);
    world.assert_sound();
    let event = outcome.event("OrdersMatched");
    assert_eq!(number(&event, "referrer_reward_atoms"), 8_750);
    assert_eq!(number(&event["fills"][0], "taker_fee_atoms"), 175_000, "the taker pays no more for it");
    assert_eq!((world.orders(&bob).referral_owed_atoms, world.market(0).referral_owed_atoms), (8_750, 8_750));
    assert_eq!(world.market(0).pending_fees_atoms, 175_000 - 50_000 - 8_750);
}

fn a_maker_s_referrer_earns_nothing() {
    let (mut world, alice, bob, _) = staged();
    let event = world.trade(0, &bob, &alice, 500_000, 100).event("OrdersMatched");
    assert_eq!((number(&event, "referrer_reward_atoms"), world.market(0).referral_owed_atoms), (0, 0));
}

/// Rebate, builder and keeper come first; the referrer gets what they leave of nine tenths, and the fill goes through.
fn a_share_beyond_nine_tenths_is_cut() {
    let (mut world, alice, bob, _) = staged();
    world.edit::<Exchange>(exchange(), |state| state.terms.referrer_share_bps = 9_000);
    let maker = world.place(&alice, post_only(0, false, 500_000, 100));
    world.advance_slots(1);
    let order = OrderArgs { builder_fee_tenth_bps: 50, ..branded(limit(0, true, 500_000, 100)) };
    let taker = world.place(&bob, order);
    let event = world.told(&world.match_orders(0, &bob, taker, &[(&alice, maker)]), "OrdersMatched");
    // 175,000 and 250,000 charged: 382,500 to be given, of which rebate and builder take 300,000.
    assert_eq!(number(&event, "builder_reward_atoms"), 250_000);
    assert_eq!(number(&event, "referrer_reward_atoms"), 82_500);
    assert_eq!(world.market(0).pending_fees_atoms, 42_500);
}

fn liquidations_pay_neither_builder_nor_referrer() {
    let mut down = held(LOTS);
    let dora = down.world.trader("dora");
    down.world.ok(&down.world.register_builder(0, dora.user));
    let (alice, carol) = (down.alice.clone(), down.carol.clone());
    down.world.edit::<evertide_vm_tests::state::User>(alice.user, |user| user.referrer = dora.user);
    down.settle_at(BELOW_MAINTENANCE);
    down.begin(BELOW_MAINTENANCE);
    let maker = resting(&mut down.world, &carol, false, 470_000, 20);
    down.world.ok(&down.world.liquidate_with_orders(0, &alice, 10, &[(&carol, maker)]));
    let state = down.world.market(0);
    assert_eq!((state.referral_owed_atoms, state.builder_owed_atoms), (0, [0; 8]));
    assert_eq!(down.world.orders(&alice).referral_owed_atoms, 0);
}

/// Two markets owe; either pays, and never more than it owes itself.
fn pays_from_any_market_that_owes() {
    let (mut world, alice, bob, _) = owing();
    let first = world.market(0).referral_owed_atoms;
    let price = world.market(1).index_price_q32 >> 32;
    let ticks = price / world.market(1).atoms_per_lot_tick;
    world.trade(1, &alice, &bob, ticks, 10);
    let second = world.market(1).referral_owed_atoms;
    assert!(first > 0 && second > 0);
    world.edit::<Market>(market(1), |state| state.pool_atoms = 2);
    let event = world.ok(&world.pay_referrer(0, &bob)).event("RewardPaid");
    assert_eq!((number(&event, "paid_atoms"), number(&event, "owed_atoms")), (first as i64, second as i64));
    assert_eq!((event["taker"].as_str(), number(&event, "builder_code")), (Some(&*bob.user.to_string()), 0));
    world.fails(&world.pay_referrer(0, &bob), "RewardNotOwed");
    world.ok(&world.pay_referrer(1, &bob));
    assert_eq!((world.orders(&bob).referral_owed_atoms, world.market(1).referral_owed_atoms), (second - 2, second - 2));
    world.fails(&world.pay_referrer(1, &bob), "RewardPoolEmpty");
    assert_eq!(world.user(&alice).rewards_atoms, first + 2);
}

/// V-08: the referrer's account is paid, and no other of anybody's.
fn v08_pays_nobody_but_the_referrer() {
    let (mut world, alice, bob, dora) = owing();
    let second = world.sub_account(&alice, 1);
    for stranger in [dora.user, second.user, alice.authority, key("nobody")] {
        world.fails(&world.pay_referrer(0, &bob).with("recipient", stranger), "RewardOfAnother");
    }
    world.fails(&world.pay_referrer(0, &bob).with("orders", alice.orders), "OrdersOfAnotherUser");
    world.fails(&world.pay_referrer(0, &bob).with("quote", collateral(1)), "NotQuoteAsset");
    let call = world.pay_referrer(0, &bob).with("user", dora.user).with("orders", dora.orders);
    world.fails(&call, "RewardNotOwed");
}

/// V-09.
fn v09_pays_once() {
    let (mut world, alice, bob, _) = owing();
    let (due, before) = (world.orders(&bob).referral_owed_atoms as i64, world.user(&alice).quote_atoms);
    world.told(&world.pay_referrer(0, &bob), "RewardPaid");
    world.fails(&world.pay_referrer(0, &bob), "RewardNotOwed");
    assert_eq!(world.user(&alice).quote_atoms, before + due);
}

/// V-10: closing waits for a payment that anybody can make.
fn v10_an_account_that_owes_does_not_close() {
    let (mut world, _, bob, _) = owing();
    let owed = world.orders(&bob).referral_owed_atoms;
    world.ok(&world.settle_pnl(0, bob.user));
    let quote = world.user(&bob).quote_atoms.unsigned_abs();
    if world.user(&bob).position_count != 0 {
        world.trade(0, &bob, &Trader::named("alice"), 500_000, 1);
    }
    world.ok(&world.withdraw(&bob, 0, quote));
    world.fails(&world.close_user(&bob), "ReferralUnpaid");
    world.ok(&world.pay_referrer(0, &bob));
    world.ok(&world.close_user(&bob));
    assert!(owed > 0 && !world.exists(&bob.user));
    world.ok(&world.create_user(&bob));
    assert_eq!(world.read::<Orders>(&bob.orders).referral_owed_atoms, 0);
}

/// V-22: the taker's owner, too, ends the wait behind a deficit: no account is held by what it owes.
fn v22_the_one_who_owes_is_free_to_leave() {
    let (mut world, alice, bob, dora) = owing();
    let owed = world.orders(&bob).referral_owed_atoms;
    world.edit::<Market>(market(0), |state| (state.pool_atoms, state.deficit_atoms) = (500_000, 500_000));
    world.fails(&world.pay_referrer(0, &bob), "RewardBehindDeficit");
    world.fails(&world.pay_referrer(0, &bob).signed_by("authority", dora.authority), "NotAuthority");
    for signer in [alice.authority, bob.authority] {
        let mut world = world.clone();
        let event = world.ok(&world.pay_referrer(0, &bob).signed_by("authority", signer)).event("RewardPaid");
        let parts = (number(&event, "paid_atoms") as u64, number(&event, "given_up_atoms") as u64);
        assert_eq!(parts, (owed / 2, owed - owed / 2), "rounded against whom it is paid to");
        assert_eq!(world.orders(&bob).referral_owed_atoms, 0);
    }
}

fn a_closed_referrer_s_claim_goes_to_the_fees() {
    let mut world = World::open();
    let (alice, dora) = (world.funded("alice", 10_000), world.trader("dora"));
    let bob = world.referred("bob", &dora, 10_000);
    world.trade(0, &alice, &bob, 500_000, 100);
    world.ok(&world.close_user(&dora));
    let (owed, fees) = (world.orders(&bob).referral_owed_atoms, world.market(0).pending_fees_atoms);
    let event = world.told(&world.pay_referrer(0, &bob), "RewardPaid");
    assert_eq!((number(&event, "kept_atoms") as u64, number(&event, "recipient_sequence")), (owed, 0));
    assert_eq!((world.market(0).pending_fees_atoms, world.market(0).referral_owed_atoms), (fees + owed, 0));
    assert!(owed > 0 && USD > owed);
}

/// splitmix64.
fn roll(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

/// I-15: of random fills, all that was charged is owed to somebody: rebate, keeper, builder, referrer, protocol.
fn i15_every_atom_of_random_fills_has_an_owner() {
    let (mut world, alice, bob, _) = staged();
    let keeper = world.funded("carol", 10);
    let mut dice = 7;
    for _ in 0..60 {
        world.edit::<Exchange>(exchange(), |state| {
            state.terms.keeper_share_bps = roll(&mut dice, 5_000) as u16;
            state.terms.referrer_share_bps = roll(&mut dice, 4_001) as u16;
            state.terms.fee_tiers[0].taker_fee_tenth_bps = 10 + roll(&mut dice, 100) as u16;
            state.terms.fee_tiers[0].maker_fee_tenth_bps = 10 - roll(&mut dice, 21) as i16;
        });
        let (price, lots) = (499_000 + roll(&mut dice, 2_000), 1 + roll(&mut dice, 40));
        let ask = roll(&mut dice, 2) == 0;
        let (maker, taker) = if roll(&mut dice, 2) == 0 { (&alice, &bob) } else { (&bob, &alice) };
        let resting = world.place(maker, post_only(0, !ask, price, lots));
        world.advance_slots(1);
        let fee = roll(&mut dice, 51) as u16;
        let order = OrderArgs { builder_fee_tenth_bps: fee, ..branded(limit(0, ask, price, lots)) };
        let id = world.place(taker, order);
        let named = (roll(&mut dice, 2) == 0).then_some(&keeper);
        let (before, orders) = (world.market(0), world.orders(taker));
        let call = world.match_orders_for(0, named, taker, id, &[(maker, resting)]);
        let event = world.told(&call, "OrdersMatched");
        let after = world.market(0);
        let part = |name: &str| number(&event, name);
        let charged = part_sum(&event, "taker_fee_atoms") + part_sum(&event, "maker_fee_atoms").max(0);
        let rebate = (-part_sum(&event, "maker_fee_atoms")).max(0);
        let kept = after.pending_fees_atoms as i64 - before.pending_fees_atoms as i64;
        let rewards = part("keeper_reward_atoms") + part("builder_reward_atoms") + part("referrer_reward_atoms");
        assert_eq!(charged, rebate + rewards + kept, "{event}");
        assert!((rebate + rewards) * 10 <= charged * 9, "{event}");
        assert_eq!(owed_rewards(&after) as i64 - owed_rewards(&before) as i64, rewards - part("keeper_reward_atoms"));
        let referral = world.orders(taker).referral_owed_atoms - orders.referral_owed_atoms;
        assert_eq!(referral as i64, part("referrer_reward_atoms"));
        assert_eq!(part("referrer_reward_atoms") != 0, taker == &bob && referral != 0);
    }
    assert!(world.market(0).builder_owed_atoms[ENTRY] > 0 && world.market(0).referral_owed_atoms > 0);
}

fn part_sum(event: &Value, name: &str) -> i64 {
    event["fills"].as_array().expect("fills").iter().map(|fill| number(fill, name)).sum()
}
