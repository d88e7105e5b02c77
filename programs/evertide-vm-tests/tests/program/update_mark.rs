//! `update_mark`.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{exchange, market, risk_cache},
    state::{Exchange, Market, RiskCache, User},
    terms::PRICES,
    tests,
    traders::{limit, post_only, Trader},
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    the_mark_is_the_median,
    each_leg_can_be_the_median,
    the_best_of_thirty_seconds_stays,
    impact_prices_average_over_the_depth,
    the_mark_stays_in_its_radius,
    without_a_book_the_basis_decays,
    crossing_evidence_drops_both_sides,
    anyone_removes_dead_evidence,
    refuses_evidence_that_could_not_trade,
    refuses_thin_evidence,
    refuses_by_market_and_oracle,
    v33_refuses_wrong_pairs,
    v20_evidence_must_have_rested,
);

/// A book of $1,000 a side at these prices, rested for 12 slots.
fn quoted(bid_ticks: u64, ask_ticks: u64) -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.place(&alice, post_only(0, false, bid_ticks, 200));
    world.place(&bob, post_only(0, true, ask_ticks, 200));
    world.pass(5, &PRICES);
    (world, alice, bob)
}

fn price_q32(ticks: u64) -> u64 {
    (ticks * 10) << 32
}

/// Index 500,000, book 500,400 / 500,600, last fill none: basis leg far behind, book leg at its bid.
fn the_mark_is_the_median() {
    let (mut world, alice, bob) = quoted(500_400, 500_600);
    let event = world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)])).event("MarkUpdated");
    assert_eq!((event["bid_ticks"].as_u64(), event["ask_ticks"].as_u64()), (Some(500_400), Some(500_600)));
    assert_eq!(
        (event["impact_bid_ticks"].as_u64(), event["impact_ask_ticks"].as_u64()),
        (Some(500_400), Some(500_600))
    );
    world.pass(5, &PRICES);
    let state = world.market(0);
    assert!(state.basis_ema_q32 > 0, "the mid lay above the index for 5 s");
    let mark = state.mark_price_q32;
    assert!(mark > price_q32(500_000) && mark <= price_q32(500_400), "between index and book: {mark}");
    assert_eq!(world.cache().markets[0].mark_price_q32, mark);
    assert!(state.premium_e9 > 0, "impact bid above index");
}

/// Which leg lies in the middle decides: index, book (its bid, as the last fill was below), or index with its basis.
fn each_leg_can_be_the_median() {
    for (basis, bid, ask, due) in [
        // Basis far above, book above the index: the book's bid.
        (4_000, 501_000, 501_400, 501_000),
        // Basis above, book above it: index and basis.
        (1_000, 502_000, 502_400, 501_000),
        // Basis below and book above: the index itself.
        (-1_000, 501_000, 501_400, 500_000),
    ] {
        let (mut world, alice, bob) = quoted(bid, ask);
        let now_ms = world.now_ms();
        world.edit::<Market>(market(0), |state| {
            (state.basis_ema_q32, state.mark_ms) = ((basis * 10) << 32, now_ms);
            state.last_fill_ticks = bid - 100;
        });
        world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]));
        assert_eq!(world.market(0).mark_price_q32, price_q32(due), "basis {basis}, book {bid} / {ask}");
    }
}

/// A worse bid replaces the best one only when that is gone or 30 s old; a better one does so at once.
fn the_best_of_thirty_seconds_stays() {
    let (mut world, alice, bob) = stage();
    let [worse, best] = [499_000, 499_500].map(|ticks| world.place(&alice, post_only(0, false, ticks, 200)));
    let better = world.place(&bob, post_only(0, false, 499_800, 200));
    world.pass(5, &PRICES);
    let shown = |world: &World| world.market(0).evidence[0].price_ticks;
    world.ok(&world.update_mark(0, &[(&alice, best)], &[]));
    world.pass(20, &PRICES);
    world.ok(&world.update_mark(0, &[(&alice, worse)], &[]));
    assert_eq!(shown(&world), 499_500, "a keeper cannot show less than there was");
    let mut other = world.clone();
    other.ok(&other.update_mark(0, &[(&bob, better)], &[]));
    assert_eq!(shown(&other), 499_800);
    let mut gone = world.clone();
    gone.ok(&gone.cancel_ids(&alice, &[best]));
    gone.ok(&gone.update_mark(0, &[(&alice, worse)], &[]));
    assert_eq!(shown(&gone), 499_000, "its order is gone");
    world.pass(11, &PRICES);
    world.ok(&world.update_mark(0, &[(&alice, worse)], &[]));
    assert_eq!(shown(&world), 499_000, "31 s are over");
}

/// $500 of depth at $5 a lot: some 60 lots at the best price, the rest at the next, the average rounded away from the mid.
fn impact_prices_average_over_the_depth() {
    let (mut world, alice, bob) = stage();
    let bids =
        [(499_900, 60), (499_000, 200)].map(|(price, lots)| world.place(&alice, post_only(0, false, price, lots)));
    let asks = [(500_100, 60), (501_000, 200)].map(|(price, lots)| world.place(&bob, post_only(0, true, price, lots)));
    world.pass(5, &PRICES);
    let call = world.update_mark(0, &bids.map(|id| (&alice, id)), &asks.map(|id| (&bob, id)));
    let event = world.ok(&call).event("MarkUpdated");
    let [bid, ask] = ["impact_bid_ticks", "impact_ask_ticks"].map(|key| event[key].as_u64().expect("ticks"));
    // 60 lots at the first price and as many of the second as fill $500.
    let average = |first: u64, second: u64| {
        let second_lots = (500_000_000 - 60 * first * 10).div_ceil(second * 10);
        (60 * first + second_lots * second, 60 + second_lots)
    };
    let ((bids, bid_lots), (asks, ask_lots)) = (average(499_900, 499_000), average(500_100, 501_000));
    assert_eq!((bid, ask), (bids / bid_lots, asks.div_ceil(ask_lots)));
    assert!(499_000 < bid && bid < 499_900 && 500_100 < ask && ask < 501_000, "{bid} {ask}");
}

/// The mark never leaves 1 % around the index, whatever the book says.
fn the_mark_stays_in_its_radius() {
    let (mut world, alice, bob) = quoted(515_000, 516_000);
    for _ in 0..20 {
        world.pass(10, &PRICES);
        world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]));
        assert!(world.market(0).mark_price_q32 <= price_q32(505_000));
        assert!(world.cache().markets[0].mark_price_q32 <= price_q32(505_000));
    }
    assert!(world.market(0).mark_price_q32 > price_q32(502_000), "a lasting book moves the mark");
}

fn without_a_book_the_basis_decays() {
    let (mut world, alice, bob) = quoted(500_400, 500_600);
    world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]));
    world.pass(20, &PRICES);
    let basis = world.market(0).basis_ema_q32;
    world.pass(60, &PRICES);
    let later = world.market(0).basis_ema_q32;
    assert!(later < basis, "{later} against {basis}");
    world.pass(151, &PRICES);
    assert_eq!(world.market(0).basis_ema_q32, 0);
    assert_eq!(world.market(0).mark_price_q32, price_q32(500_000));
    assert_eq!(world.market(0).evidence[0].order_id, 0, "evidence is dropped after 30 s");
}

/// Valid evidence that crosses contradicts itself.
fn crossing_evidence_drops_both_sides() {
    let (mut world, alice, bob) = quoted(500_500, 500_400);
    world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]));
    let state = world.market(0);
    assert_eq!((state.evidence[0].order_id, state.evidence[1].order_id), (0, 0));
    assert_eq!(state.premium_e9, 0);
}

fn anyone_removes_dead_evidence() {
    let (mut world, alice, bob) = quoted(500_400, 500_600);
    world.ok(&world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]));
    world.ok(&world.cancel_ids(&alice, &[1]));
    world.pass(1, &PRICES);
    assert_eq!(world.market(0).evidence[0].order_id, 1, "a cancel alone writes no market");
    let call = world.update_mark(0, &[], &[]).with_remaining([(alice.user, false), (alice.orders, false)]);
    world.ok(&call);
    assert_eq!(world.market(0).evidence[0].order_id, 0);
    assert_eq!(world.market(0).evidence[1].order_id, 1);
}

/// Evidence is plain, alive, of its side and market, and of a user who could trade.
fn refuses_evidence_that_could_not_trade() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 400);
    let expiry_ms = world.now_ms() + 5_000;
    let ids: Vec<u64> = [
        OrderArgs { reduce_only: true, ..limit(0, true, 500_600, 200) },
        OrderArgs { expiry_ms, ..limit(0, true, 500_600, 200) },
        OrderArgs { taker_phase_s: 30, ..limit(0, true, 500_600, 200) },
        limit(1, true, 300_600, 200),
        limit(0, false, 499_000, 200),
    ]
    .into_iter()
    .map(|order| world.place(&alice, order))
    .collect();
    world.pass(5, &PRICES);
    for order_id in ids.into_iter().chain([99]) {
        world.fails(&world.update_mark(0, &[], &[(&alice, order_id)]), "EvidenceInvalid");
    }
    let good = world.place(&bob, post_only(0, true, 500_700, 200));
    world.pass(5, &PRICES);
    let call = world.update_mark(0, &[], &[(&bob, good)]);
    world.ok(&call);
    world.edit::<User>(bob.user, |user| user.quote_atoms = 0);
    world.fails(&call, "EvidenceInvalid");
    world.edit::<User>(bob.user, |user| {
        user.quote_atoms = 10_000_000_000;
        user.liquidation_start_ms = 1;
    });
    world.fails(&call, "EvidenceInvalid");
}

fn refuses_thin_evidence() {
    let (mut world, alice, bob) = stage();
    let small = world.place(&alice, post_only(0, false, 499_000, 99));
    let worse = world.place(&alice, post_only(0, false, 498_000, 99));
    world.pass(5, &PRICES);
    world.fails(&world.update_mark(0, &[(&alice, small)], &[]), "EvidenceInsufficient");
    world.fails(&world.update_mark(0, &[(&alice, worse), (&alice, small)], &[]), "MakerPriorityViolated");
    world.ok(&world.update_mark(0, &[(&alice, small), (&alice, worse)], &[]));
    world.fails(&world.update_mark(0, &[(&alice, small); 17], &[]), "EvidenceInvalid");
    let far = world.place(&bob, post_only(0, true, 556_000, 200));
    world.pass(5, &PRICES);
    world.fails(&world.update_mark(0, &[], &[(&bob, far)]), "PriceOutsideBand");
}

fn refuses_by_market_and_oracle() {
    let (mut world, alice, bob) = quoted(500_400, 500_600);
    let call = world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]);
    for status in [1, 2, 3] {
        world.edit::<Market>(market(0), |state| state.status = status);
        world.fails(&call, "MarketCannotMatch");
    }
    world.edit::<Market>(market(0), |state| state.status = 0);
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 4);
    world.fails(&call, "MarketCannotMatch");
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 0);
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[0].updated_ms -= 10_000);
    world.fails(&call, "RowTooOld");
    world.edit::<Market>(market(0), |state| state.validity = 1);
    world.fails(&call, "OracleValidityForbids");
    world.edit::<Market>(market(0), |state| state.index_price_q32 = 0);
    world.fails(&call, "MarketHasNoPrice");
    world.fails(&world.accrue_market(0), "MarketHasNoPrice");
}

fn v33_refuses_wrong_pairs() {
    let (mut world, alice, bob) = quoted(500_400, 500_600);
    let call = world.update_mark(0, &[(&alice, 1)], &[(&bob, 1)]);
    let mut half = call.clone();
    half.remaining.pop();
    world.fails(&half, "RemainingAccountInvalid");
    let mut none = call.clone();
    none.remaining.clear();
    world.fails(&none, "RemainingAccountInvalid");
    let mut crossed = call.clone();
    crossed.remaining[1].pubkey = bob.orders;
    world.fails(&crossed, "OrdersOfAnotherUser");
    let mut forged = world.vm.get_account(&alice.orders).expect("alice's orders");
    forged.owner = key("another program");
    world.set(key("forged"), forged);
    let mut foreign = call;
    foreign.remaining[1].pubkey = key("forged");
    world.fails(&foreign, "RemainingAccountInvalid");
}

/// V-20: an order shown the moment it is placed moves nothing: it has to rest where all could trade against it.
fn v20_evidence_must_have_rested() {
    let (mut world, alice, bob) = stage();
    world.place(&alice, post_only(0, false, 503_000, 200));
    world.advance_slots(9);
    world.fails(&world.update_mark(0, &[(&alice, 1)], &[]), "EvidenceInvalid");
    world.advance_slots(1);
    world.ok(&world.update_mark(0, &[(&alice, 1)], &[]));
    let slot = world.slot();
    world.edit::<Market>(market(0), |state| state.matchable_since_slot = slot - 5);
    world.place(&bob, post_only(0, true, 504_000, 200));
    world.advance_slots(4);
    world.fails(&world.update_mark(0, &[(&alice, 1)], &[]), "EvidenceInvalid");
    assert_eq!(world.market(0).premium_e9, 0, "one side alone makes no premium");
}
