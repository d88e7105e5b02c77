//! `place_orders`.

use evertide_vm_tests::{
    args::OrderArgs,
    call::Call,
    exchange::{exchange, market, risk_cache},
    state::{order_flags, permissions, Exchange, Market, OrderKind, RiskCache, TimeInForce, User, ORDERS_MAX},
    terms::{PRICES, USD},
    tests,
    traders::{limit, market_order, post_only, Trader},
    world::{key, World},
};
use solana_instruction::error::InstructionError;

tests!(
    places_and_counts,
    places_eight_over_two_markets,
    a_market_order_gets_its_worst_price,
    a_sliding_order_slides,
    a_delegate_places_until_it_expires,
    dead_orders_make_room,
    refuses_wrong_arguments,
    refuses_a_client_id_in_use,
    refuses_the_33rd_order,
    refuses_a_crossing_post_only,
    refuses_a_reduce_only_that_increases,
    refuses_beyond_margin,
    refuses_beyond_notional_caps,
    v17_refuses_stale_rows,
    v18_refuses_invalid_prices,
    refuses_by_market_status,
    refuses_wrong_markets,
    refuses_beyond_the_position_limit,
    refuses_without_a_position_slot,
    refuses_to_share_an_isolated_market,
    refuses_closed_gates_and_liquidated_users,
    v01_refuses_strangers,
);

/// Anchor's own refusal of a writable account that is given twice.
const DUPLICATE: InstructionError = InstructionError::Custom(2_040);

/// An open world with alice, who holds $10,000.
fn stage() -> (World, Trader) {
    let mut world = World::open();
    let alice = world.funded("alice", 10_000);
    (world, alice)
}

fn refuse(world: &mut World, trader: &Trader, order: OrderArgs, error: &str) {
    let call = world.place_orders(trader, &[order]);
    world.fails(&call, error);
}

fn places_and_counts() {
    let (mut world, alice) = stage();
    let order = OrderArgs { client_order_id: 77, expiry_ms: world.now_ms() + 60_000, ..limit(0, false, 499_000, 10) };
    let (order_id, outcome) = world.place_outcome(&alice, order);
    let event = outcome.event("OrdersPlaced");
    assert_eq!(event["orders"][0]["order_id"].as_u64(), Some(1));
    assert_eq!(event["orders"][0]["price_ticks"].as_u64(), Some(499_000));
    let stored = world.order(&alice, order_id).expect("the order rests");
    assert_eq!((stored.client_order_id, stored.price_ticks, stored.size_lots), (77, 499_000, 10));
    assert_eq!((stored.placed_slot, stored.placed_ms), (world.slot(), world.now_ms()));
    assert_eq!(stored.flags, order_flags::COUNTED);
    let position = world.position(&alice, 0).expect("a slot is taken");
    assert_eq!((position.open_bid_lots, position.max_bid_ticks, position.open_order_count), (10, 499_000, 1));
    world.place(&alice, post_only(0, true, 501_000, 4));
    let position = world.position(&alice, 0).expect("a slot is taken");
    assert_eq!((position.open_ask_lots, position.min_ask_ticks, position.open_order_count), (4, 501_000, 2));
    assert_eq!(world.orders(&alice).order_count, 2);
    assert_eq!(world.user(&alice).last_active_ms, world.now_ms());
}

fn places_eight_over_two_markets() {
    let (mut world, alice) = stage();
    let orders: Vec<OrderArgs> = (0..8).map(|at| post_only(at % 2, false, 200_000 + u64::from(at), 1)).collect();
    let outcome = world.ok(&world.place_orders(&alice, &orders));
    assert_eq!(outcome.event("OrdersPlaced")["orders"].as_array().map(Vec::len), Some(8));
    assert_eq!(world.orders(&alice).order_count, 8);
    assert_eq!(world.user(&alice).position_count, 2);
}

fn a_market_order_gets_its_worst_price() {
    let (mut world, alice) = stage();
    let bid = world.place(&alice, market_order(0, false, 10));
    let ask = world.place(&alice, OrderArgs { max_slippage_bps: 200, ..market_order(0, true, 10) });
    assert_eq!(world.order(&alice, bid).map(|order| order.price_ticks), Some(505_000), "1 % above the index");
    assert_eq!(world.order(&alice, ask).map(|order| order.price_ticks), Some(490_000), "2 % below the index");
}

/// Puts live evidence of a best price into the market.
fn show(world: &mut World, ask: bool, price_ticks: u64) {
    let now_ms = world.now_ms();
    world.edit::<Market>(market(0), |state| {
        let evidence = &mut state.evidence[usize::from(ask)];
        evidence.order_id = 1;
        evidence.price_ticks = price_ticks;
        evidence.impact_ticks = price_ticks;
        evidence.shown_ms = now_ms;
    });
}

fn a_sliding_order_slides() {
    let (mut world, alice) = stage();
    show(&mut world, true, 500_100);
    let slide = TimeInForce::PostOnlySlide as u8;
    let order_id = world.place(&alice, OrderArgs { time_in_force: slide, ..limit(0, false, 500_500, 1) });
    assert_eq!(world.order(&alice, order_id).map(|order| order.price_ticks), Some(500_099));
}

fn a_delegate_places_until_it_expires() {
    let (mut world, alice) = stage();
    let delegate = key("delegate");
    world.fund(delegate);
    let expiry = world.now_ms() + 5_000;
    world.edit::<User>(alice.user, |user| {
        user.delegate = delegate;
        user.delegate_permissions = permissions::PLACE;
        user.delegate_expiry_ms = expiry;
    });
    let call = world.place_orders(&alice, &[limit(0, false, 400_000, 1)]).with("signer", delegate);
    world.ok(&call);
    world.fails(&world.withdraw(&alice, 0, USD).with("authority", delegate), "NotAuthority");
    world.pass(5, &PRICES);
    world.fails(&call, "NotAuthorityOrDelegate");
}

fn dead_orders_make_room() {
    let (mut world, alice) = stage();
    let expiry_ms = world.now_ms() + 2_000;
    for _ in 0..ORDERS_MAX / 8 {
        let orders = vec![OrderArgs { expiry_ms, ..limit(0, false, 400_000, 1) }; 8];
        world.ok(&world.place_orders(&alice, &orders));
    }
    refuse(&mut world, &alice, limit(0, false, 400_000, 1), "OrderSlotsFull");
    world.pass(2, &PRICES);
    let (_, outcome) = world.place_outcome(&alice, limit(0, false, 400_000, 1));
    let reclaimed = outcome.event("OrdersPlaced")["reclaimed"].as_array().map_or(0, Vec::len);
    assert!(reclaimed > 0, "dead orders were swept");
    assert_eq!(usize::from(world.orders(&alice).order_count), ORDERS_MAX - reclaimed + 1);
}

fn refuses_wrong_arguments() {
    let (mut world, alice) = stage();
    let plain = limit(0, false, 499_000, 10);
    let now_ms = world.now_ms();
    let refused: Vec<(OrderArgs, &str)> = vec![
        (OrderArgs { kind: 200, ..plain.clone() }, "OrderKindUnknown"),
        (OrderArgs { time_in_force: 5, ..plain.clone() }, "TimeInForceInvalid"),
        (OrderArgs { kind: OrderKind::Market as u8, ..plain.clone() }, "TimeInForceInvalid"),
        (OrderArgs { self_trade: 3, ..plain.clone() }, "SelfTradeRuleUnknown"),
        (OrderArgs { taker_phase_s: 61, ..plain.clone() }, "TakerPhaseInvalid"),
        (OrderArgs { taker_phase_s: 1, ..post_only(0, false, 499_000, 10) }, "TakerPhaseInvalid"),
        (OrderArgs { expiry_ms: now_ms, ..plain.clone() }, "OrderExpired"),
        (OrderArgs { expiry_ms: -1, ..plain.clone() }, "OrderExpired"),
        (OrderArgs { size_lots: 0, ..plain.clone() }, "OrderSizeTooSmall"),
        (OrderArgs { size_lots: (1 << 30) + 1, ..plain.clone() }, "OrderSizeTooLarge"),
        (OrderArgs { size_lots: u64::MAX, ..plain.clone() }, "OrderSizeTooLarge"),
        (OrderArgs { price_ticks: 0, ..plain.clone() }, "OrderPriceOutOfRange"),
        (OrderArgs { price_ticks: 1 << 40, ..plain.clone() }, "OrderPriceOutOfRange"),
        (OrderArgs { price_ticks: u64::MAX, ..plain.clone() }, "OrderPriceOutOfRange"),
        (OrderArgs { builder_plus_one: 1, ..plain.clone() }, "BuilderInvalid"),
        (OrderArgs { builder_plus_one: 17, ..plain.clone() }, "BuilderInvalid"),
        (OrderArgs { builder_fee_tenth_bps: 1, ..plain.clone() }, "BuilderInvalid"),
        (OrderArgs { auction_start_ticks: 498_000, ..plain.clone() }, "AuctionStartInvalid"),
        (OrderArgs { auction_start_ticks: 499_001, taker_phase_s: 5, ..plain.clone() }, "AuctionStartInvalid"),
        (
            OrderArgs { ask: true, auction_start_ticks: 498_999, taker_phase_s: 5, ..plain.clone() },
            "AuctionStartInvalid",
        ),
        (
            OrderArgs { price_ticks: 600_000, max_slippage_bps: 50, ..market_order(0, false, 1) },
            "SlippageLimitExceeded",
        ),
        (OrderArgs { price_ticks: (1 << 40) - 1, size_lots: 1 << 30, ..plain.clone() }, "Overflow"),
    ];
    for (order, error) in refused {
        refuse(&mut world, &alice, order, error);
    }
    world.fails(&world.place_orders(&alice, &[]), "OrderCountOutOfRange");
    world.fails(&world.place_orders(&alice, &vec![plain; 9]), "OrderCountOutOfRange");
    world.edit::<Market>(market(0), |state| state.index_price_q32 = 0);
    refuse(&mut world, &alice, market_order(0, false, 1), "MarketHasNoPrice");
}

/// V-27: the client order id is the idempotency key.
fn refuses_a_client_id_in_use() {
    let (mut world, alice) = stage();
    let order = OrderArgs { client_order_id: 9, ..limit(0, false, 499_000, 1) };
    let first = world.place(&alice, order.clone());
    refuse(&mut world, &alice, order.clone(), "ClientOrderIdInUse");
    world.fails(&world.place_orders(&alice, &[limit(0, false, 1, 1), order.clone()]), "ClientOrderIdInUse");
    let other = OrderArgs { client_order_id: 10, ..order.clone() };
    world.fails(&world.place_orders(&alice, &[other.clone(), other]), "ClientOrderIdInUse");
    world.ok(&world.cancel_ids(&alice, &[first]));
    assert_eq!(world.place(&alice, order), first + 1, "order ids are never used twice");
}

/// V-24: nothing but the owner's own slots fills up.
fn refuses_the_33rd_order() {
    let (mut world, alice) = stage();
    for _ in 0..ORDERS_MAX / 8 {
        world.ok(&world.place_orders(&alice, &vec![post_only(0, false, 400_000, 1); 8]));
    }
    refuse(&mut world, &alice, limit(0, false, 400_000, 1), "OrderSlotsFull");
    let bob = world.funded("bob", 1_000);
    world.place(&bob, post_only(0, false, 400_000, 1));
}

fn refuses_a_crossing_post_only() {
    let (mut world, alice) = stage();
    show(&mut world, true, 500_100);
    show(&mut world, false, 499_900);
    refuse(&mut world, &alice, post_only(0, false, 500_100, 1), "PostOnlyWouldCross");
    refuse(&mut world, &alice, post_only(0, true, 499_900, 1), "PostOnlyWouldCross");
    world.place(&alice, post_only(0, false, 500_099, 1));
    world.pass(31, &PRICES);
    world.place(&alice, post_only(0, false, 500_100, 1));
}

fn refuses_a_reduce_only_that_increases() {
    let (mut world, alice) = stage();
    let bob = world.funded("bob", 10_000);
    let reduce = |ask: bool| OrderArgs { reduce_only: true, ..limit(0, ask, 500_000, 5) };
    refuse(&mut world, &alice, reduce(true), "ReduceOnlyWouldIncrease");
    world.trade(0, &alice, &bob, 500_000, 10);
    refuse(&mut world, &alice, reduce(false), "ReduceOnlyWouldIncrease");
    refuse(&mut world, &bob, reduce(true), "ReduceOnlyWouldIncrease");
    world.place(&alice, reduce(true));
    let position = world.position(&alice, 0).expect("alice is long");
    assert_eq!((position.reduce_only_count, position.open_ask_lots), (1, 0));
}

/// $10,000 at 10 % carry $100,000: 20,000 lots of $5.
fn refuses_beyond_margin() {
    let (mut world, alice) = stage();
    refuse(&mut world, &alice, limit(0, false, 500_000, 20_001), "InitialMarginTooLow");
    world.place(&alice, limit(0, false, 500_000, 19_000));
    refuse(&mut world, &alice, limit(0, false, 500_000, 1_001), "InitialMarginTooLow");
    world.place(&alice, limit(0, true, 500_000, 19_000));
    refuse(&mut world, &alice, limit(1, true, 300_000, 4_000), "InitialMarginTooLow");
}

fn refuses_beyond_notional_caps() {
    let (mut world, alice) = stage();
    world.ok(&world.set_limits(&alice, 0, 1_000 * USD, u16::MAX, 0));
    refuse(&mut world, &alice, limit(0, false, 500_000, 201), "UserNotionalCapExceeded");
    world.ok(&world.set_limits(&alice, 0, 0, u16::MAX, 0));
    world.edit::<Exchange>(exchange(), |state| state.terms.user_notional_max_atoms = 500 * USD);
    refuse(&mut world, &alice, limit(0, false, 500_000, 101), "ExchangeUserNotionalExceeded");
    world.place(&alice, limit(0, false, 500_000, 100));
}

/// V-17: new risk needs every row it reads under 10 s old; reductions do not.
fn v17_refuses_stale_rows() {
    let (mut world, alice) = stage();
    let bob = world.funded("bob", 10_000);
    world.trade(0, &alice, &bob, 500_000, 10);
    world.advance(9);
    world.place(&alice, limit(0, false, 400_000, 1));
    world.advance(1);
    refuse(&mut world, &alice, limit(0, false, 400_000, 1), "RowTooOld");
    world.place(&alice, OrderArgs { reduce_only: true, ..limit(0, true, 500_000, 1) });
    world.ok(&world.cancel_all(&alice));
}

/// V-18: a price too uncertain to value an account opens no risk.
fn v18_refuses_invalid_prices() {
    let (mut world, alice) = stage();
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[0].validity = evertide_math::oracle::TOO_UNCERTAIN);
    refuse(&mut world, &alice, limit(0, false, 400_000, 1), "OracleValidityForbids");
    world.edit::<RiskCache>(risk_cache(), |cache| {
        cache.markets[0].validity = 0;
        cache.markets[0].mark_price_q32 = 0;
    });
    refuse(&mut world, &alice, limit(0, false, 400_000, 1), "MarketNotPriced");
}

fn refuses_by_market_status() {
    let (mut world, alice) = stage();
    let bob = world.funded("bob", 10_000);
    world.trade(0, &alice, &bob, 500_000, 10);
    let reduce = OrderArgs { reduce_only: true, ..limit(0, true, 500_000, 1) };
    // Post-only: only orders that rest. Reduce-only: only reductions. Halted and later: none.
    for (status, plain, rests, reduces) in [(1, false, true, false), (2, false, false, true), (3, false, false, false)]
    {
        world.edit::<Market>(market(0), |state| state.status = status);
        let orders =
            [(limit(0, false, 499_000, 1), plain), (post_only(0, false, 499_000, 1), rests), (reduce.clone(), reduces)];
        for (order, accepted) in orders {
            if accepted {
                world.place(&alice, order);
            } else {
                refuse(&mut world, &alice, order, "MarketStatusForbids");
            }
        }
    }
    world.edit::<Market>(market(0), |state| {
        state.status = 0;
        state.latch = 1;
    });
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "MarketStatusForbids");
    let until = world.now_ms() + 1_000;
    world.edit::<Market>(market(0), |state| {
        state.latch = 0;
        state.cooldown_until_ms = until;
    });
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "MarketStatusForbids");
    world.place(&alice, post_only(0, false, 499_000, 1));
}

/// V-33: the markets behind the declared accounts are checked like named ones.
fn refuses_wrong_markets() {
    let (mut world, alice) = stage();
    let swapped = |call: &Call, address| {
        let mut call = call.clone();
        call.remaining[0].pubkey = address;
        call
    };
    let call = world.place_orders(&alice, &[limit(0, false, 499_000, 1)]);
    world.fails(&swapped(&call, market(1)), "OrderMarketMismatch");
    for other in [exchange(), alice.tokens[0], key("nothing")] {
        world.fails(&swapped(&call, other), "RemainingAccountInvalid");
    }
    world.fails_with(&swapped(&call, alice.user), DUPLICATE);
    let mut bare = call.clone();
    bare.remaining.clear();
    world.fails(&bare, "RemainingAccountInvalid");
    let mut forged = world.vm.get_account(&market(0)).expect("the market");
    forged.owner = key("another program");
    world.set(key("forged market"), forged);
    world.fails(&swapped(&call, key("forged market")), "RemainingAccountInvalid");
    let mut call = world.place_orders(&alice, &[limit(0, false, 499_000, 1), limit(1, false, 299_000, 1)]);
    call.remaining.swap(0, 1);
    world.fails(&call, "OrderMarketMismatch");
}

fn refuses_beyond_the_position_limit() {
    let (mut world, alice) = stage();
    world.edit::<Market>(market(0), |state| state.terms.position_max_lots = 100);
    world.place(&alice, limit(0, false, 499_000, 60));
    refuse(&mut world, &alice, limit(0, false, 499_000, 41), "PositionLimitExceeded");
    world.place(&alice, limit(0, true, 501_000, 100));
}

fn refuses_without_a_position_slot() {
    let (mut world, alice) = stage();
    world.edit::<User>(alice.user, |user| {
        for (row, position) in user.positions.iter_mut().enumerate() {
            position.market_plus_one = row as u16 + 20;
            position.user_ratio_bps = 1;
        }
        user.position_count = 12;
    });
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "PositionSlotsFull");
}

fn refuses_to_share_an_isolated_market() {
    let (mut world, alice) = stage();
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[1].flags = 1);
    world.edit::<Market>(market(1), |state| state.terms.flags = 1);
    world.place(&alice, limit(0, false, 499_000, 1));
    refuse(&mut world, &alice, limit(1, false, 299_000, 1), "IsolatedMarketShared");
    let bob = world.funded("bob", 1_000);
    world.place(&bob, limit(1, false, 299_000, 1));
    refuse(&mut world, &bob, limit(0, false, 499_000, 1), "IsolatedMarketShared");
}

fn refuses_closed_gates_and_liquidated_users() {
    let (mut world, alice) = stage();
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 2);
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "GateClosed");
    world.edit::<Exchange>(exchange(), |state| {
        state.gates_closed = 0;
        state.opened = 0;
    });
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "ExchangeNotOpen");
    world.edit::<Exchange>(exchange(), |state| state.opened = 1);
    world.edit::<User>(alice.user, |user| user.liquidation_start_ms = 1);
    refuse(&mut world, &alice, limit(0, false, 499_000, 1), "UserInLiquidation");
}

/// V-01, V-02: nobody places for somebody else, nor into somebody else's slots.
fn v01_refuses_strangers() {
    let (mut world, alice) = stage();
    let bob = world.funded("bob", 1_000);
    let call = world.place_orders(&alice, &[limit(0, false, 499_000, 1)]);
    world.fails(&call.clone().with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.fails(&call.clone().with("orders", bob.orders), "OrdersOfAnotherUser");
    world.fails(&call.with("user", bob.user), "NotAuthorityOrDelegate");
}
