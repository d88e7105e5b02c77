//! `match_orders`: what a hostile keeper tries.

use evertide_vm_tests::{
    args::OrderArgs,
    call::Call,
    exchange::{exchange, market},
    state::{Exchange, Market, Order, RiskCache, TimeInForce, User},
    terms::PRICES,
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::{key, World},
};

use solana_instruction::error::InstructionError;

use crate::match_orders::stage;

tests!(
    refuses_wrong_counts,
    refuses_a_taker_that_cannot_take,
    refuses_makers_out_of_priority,
    a_match_that_fills_nothing_fails,
    refuses_a_price_outside_the_band,
    refuses_by_status_and_oracle,
    refuses_without_margin,
    refuses_beyond_open_interest,
    refuses_beyond_the_position_limit,
    refuses_an_order_without_its_slot,
    v07_refuses_the_same_account_twice,
    v33_refuses_wrong_pairs,
    refuses_a_liquidated_taker,
    v12_arithmetic_refuses_instead_of_wrapping,
);

/// Anchor's own refusal of a writable account that is given twice.
const DUPLICATE: InstructionError = InstructionError::Custom(2_040);

/// Alice's ask 1 at 500,000 for 10 lots, bob's bid 1 at 500,000 for 10 lots, one slot later.
fn crossed() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.place(&alice, post_only(0, true, 500_000, 10));
    world.advance_slots(1);
    world.place(&bob, limit(0, false, 500_000, 10));
    (world, alice, bob)
}

fn refuses_wrong_counts() {
    let (mut world, alice, bob) = crossed();
    world.fails(&world.match_orders(0, &bob, 1, &[]), "MakerCountOutOfRange");
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1); 9]), "MakerCountOutOfRange");
}

fn refuses_a_taker_that_cannot_take() {
    let (mut world, alice, bob) = crossed();
    world.fails(&world.match_orders(0, &bob, 9, &[(&alice, 1)]), "OrderNotFound");
    world.fails(&world.match_orders(1, &bob, 1, &[(&alice, 1)]), "TakerNotLive");
    world.fails(&world.match_orders(0, &alice, 1, &[(&bob, 1)]), "TakerNotLive");
    let expiry_ms = world.now_ms() + 1_000;
    let dying = world.place(&bob, OrderArgs { expiry_ms, ..limit(0, false, 500_000, 1) });
    let immediate = world.place(&bob, market_order(0, false, 1));
    let kill = TimeInForce::FillOrKill as u8;
    world.place(&bob, OrderArgs { time_in_force: kill, ..limit(0, false, 500_000, 1) });
    world.pass(13, &PRICES);
    for order_id in [dying, immediate, immediate + 1] {
        world.fails(&world.match_orders(0, &bob, order_id, &[(&alice, 1)]), "TakerNotLive");
    }
    world.edit::<User>(bob.user, |user| user.orders_epoch = 2);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "TakerNotLive");
}

/// A keeper that names a worse maker before a better one loses the fill.
fn refuses_makers_out_of_priority() {
    let (mut world, alice, bob) = stage();
    let carol = world.funded("carol", 1_000);
    let good = world.place(&alice, post_only(0, true, 500_000, 10));
    let bad = world.place(&alice, post_only(0, true, 500_001, 10));
    let tied = world.place(&carol, post_only(0, true, 500_000, 10));
    world.advance_slots(1);
    let late = world.place(&carol, post_only(0, true, 500_000, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_001, 40));
    let refused: [&[(&Trader, u64)]; 3] = [
        &[(&alice, bad), (&alice, good)],
        &[(&carol, late), (&alice, good)],
        &[(&alice, good), (&alice, bad), (&carol, tied)],
    ];
    for makers in refused {
        world.fails(&world.match_orders(0, &bob, taker, makers), "MakerPriorityViolated");
    }
    let first = world.match_orders(0, &bob, taker, &[(&alice, good), (&carol, tied)]);
    let second = world.match_orders(0, &bob, taker, &[(&carol, tied), (&alice, good)]);
    let accepted = [first, second].iter().filter(|call| world.clone().send(call).is_ok()).count();
    assert_eq!(accepted, 1, "equal price and slot: the hash decides, one order of the two is right");
}

fn a_match_that_fills_nothing_fails() {
    let (mut world, alice, bob) = stage();
    let dear = world.place(&alice, post_only(0, true, 500_100, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 500_000, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, dear)]), "NothingFilled");
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, 99)]), "NothingFilled");
    let same_side = world.place(&alice, post_only(0, false, 499_000, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, same_side)]), "NothingFilled");
    let other_market = world.place(&alice, post_only(1, true, 299_000, 1));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, other_market)]), "NothingFilled");
}

/// 5 % around the index, widened or narrowed at most twofold: 11 % off is always outside.
fn refuses_a_price_outside_the_band() {
    let (mut world, alice, bob) = stage();
    let maker = world.place(&alice, post_only(0, true, 556_000, 10));
    world.advance_slots(1);
    let taker = world.place(&bob, limit(0, false, 556_000, 10));
    world.fails(&world.match_orders(0, &bob, taker, &[(&alice, maker)]), "PriceOutsideBand");
}

fn refuses_by_status_and_oracle() {
    let (mut world, alice, bob) = crossed();
    let call = world.match_orders(0, &bob, 1, &[(&alice, 1)]);
    for status in [1, 3, 4, 5] {
        world.edit::<Market>(market(0), |state| state.status = status);
        world.fails(&call, "MarketCannotMatch");
    }
    world.edit::<Market>(market(0), |state| state.status = 2);
    world.fails(&call, "MarketStatusForbids");
    world.edit::<Market>(market(0), |state| state.status = 0);
    world.edit::<Exchange>(exchange(), |state| state.opened = 0);
    world.fails(&call, "ExchangeNotOpen");
    world.edit::<Exchange>(exchange(), |state| state.opened = 1);
    world.advance(31);
    world.fails(&call, "OracleValidityForbids");
    world.edit::<Market>(market(0), |state| state.index_price_q32 = 0);
    world.fails(&call, "MarketHasNoPrice");
}

fn refuses_without_margin() {
    let (mut world, alice, bob) = crossed();
    world.edit::<User>(bob.user, |user| user.quote_atoms = 1_000_000);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "TakerMarginTooLow");
    let (mut world, alice, bob) = crossed();
    world.edit::<RiskCache>(evertide_vm_tests::exchange::risk_cache(), |cache| cache.markets[0].updated_ms -= 10_000);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "NothingFilled");
}

fn refuses_beyond_open_interest() {
    let (mut world, alice, bob) = crossed();
    world.edit::<Market>(market(0), |state| state.terms.open_interest_max_lots = 9);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "OpenInterestLimitExceeded");
    world.edit::<Market>(market(0), |state| state.terms.open_interest_max_lots = 10);
    world.ok(&world.match_orders(0, &bob, 1, &[(&alice, 1)]));
}

fn refuses_beyond_the_position_limit() {
    let (mut world, alice, bob) = crossed();
    world.edit::<Market>(market(0), |state| state.terms.position_max_lots = 9);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "PositionLimitExceeded");
}

/// An aggregate that lies is found out, not trusted (V-16).
fn refuses_an_order_without_its_slot() {
    let (mut world, alice, bob) = crossed();
    world.edit::<User>(bob.user, |user| user.positions[0].market_plus_one = 9);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "UserInvariantViolated");
}

/// V-07: taker as maker, a maker twice, the keeper as a party, user and orders swapped.
fn v07_refuses_the_same_account_twice() {
    let (mut world, alice, bob) = crossed();
    let call = world.match_orders(0, &bob, 1, &[(&alice, 1)]);
    let twice = call.clone().with_remaining([(alice.user, true), (alice.orders, true)]);
    world.fails(&twice, "UserRepeated");
    let with_taker = call.clone().with_remaining([(bob.user, true), (bob.orders, true)]);
    world.fails_with(&with_taker, DUPLICATE);
    let keeper_is_maker = world.match_orders_for(0, Some(&alice), &bob, 1, &[(&alice, 1)]);
    world.fails_with(&keeper_is_maker, DUPLICATE);
    let keeper_is_taker = world.match_orders_for(0, Some(&bob), &bob, 1, &[(&alice, 1)]);
    let before = world.snapshot();
    assert!(world.send(&keeper_is_taker).is_err(), "the taker is its own keeper");
    world.assert_unchanged(&before, "the taker as keeper");
    let swapped = call.with("taker_user", bob.orders).with("taker_orders", bob.user);
    let before = world.snapshot();
    assert!(world.send(&swapped).is_err(), "user and orders swapped");
    world.assert_unchanged(&before, "swapped accounts");
}

/// V-33: pairs behind the declared accounts: complete, writable, of one user, of this program.
fn v33_refuses_wrong_pairs() {
    let (mut world, alice, bob) = crossed();
    let carol = world.funded("carol", 10);
    let call = world.match_orders(0, &bob, 1, &[(&alice, 1)]);
    let with_pair = |first: (solana_address::Address, bool), second: (solana_address::Address, bool)| -> Call {
        let mut changed = call.clone();
        changed.remaining.clear();
        changed.with_remaining([first, second])
    };
    world.fails(&with_pair((alice.user, false), (alice.orders, true)), "RemainingAccountInvalid");
    world.fails(&with_pair((alice.user, true), (alice.orders, false)), "RemainingAccountInvalid");
    world.fails(&with_pair((alice.orders, true), (alice.user, true)), "RemainingAccountInvalid");
    world.fails(&with_pair((alice.user, true), (carol.orders, true)), "OrdersOfAnotherUser");
    world.fails(&call.clone().with("taker_orders", carol.orders), "OrdersOfAnotherUser");
    let mut half = call.clone();
    half.remaining.pop();
    world.fails(&half, "RemainingAccountInvalid");
    let mut none = call.clone();
    none.remaining.clear();
    world.fails(&none, "RemainingAccountInvalid");
    let mut forged = world.vm.get_account(&alice.user).expect("alice");
    forged.owner = key("another program");
    world.set(key("forged user"), forged);
    world.fails(&with_pair((key("forged user"), true), (alice.orders, true)), "RemainingAccountInvalid");
    let many = call.clone().with_remaining((0..16).map(|row| (key(&format!("extra {row}")), true)));
    world.fails(&many, "RemainingAccountInvalid");
}

fn refuses_a_liquidated_taker() {
    let (mut world, alice, bob) = crossed();
    world.edit::<User>(bob.user, |user| user.liquidation_start_ms = 1);
    world.fails(&world.match_orders(0, &bob, 1, &[(&alice, 1)]), "UserInLiquidation");
}

/// V-12: balances at the edge of their guard stop a match; nothing wraps.
fn v12_arithmetic_refuses_instead_of_wrapping() {
    let (mut world, alice, bob) = crossed();
    let call = world.match_orders(0, &bob, 1, &[(&alice, 1)]);
    let saved: User = world.read(&bob.user);
    world.edit::<User>(bob.user, |user| user.sequence = u64::MAX);
    world.fails(&call, "Overflow");
    world.edit::<User>(bob.user, |user| {
        *user = saved;
        user.positions[0].cash_atoms = i64::MIN;
    });
    world.fails(&call, "OutOfRange");
    world.edit::<User>(bob.user, |user| *user = saved);
    world.edit::<evertide_vm_tests::state::Orders>(bob.orders, |orders| {
        let order: &mut Order = &mut orders.orders[0];
        order.price_ticks = u64::MAX;
    });
    world.fails(&call, "OutOfRange");
}
