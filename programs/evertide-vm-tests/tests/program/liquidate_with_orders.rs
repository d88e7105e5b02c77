//! `liquidate_with_orders`: a position closes against resting orders, no worse than the index less the fee.

use evertide_vm_tests::{
    args::OrderArgs,
    exchange::{exchange, market},
    state::{Exchange, Market, MarketStatus, User},
    terms::USD,
    tests,
    traders::{limit, post_only, Trader},
    way_down::backstop,
};

use crate::downfall::{
    held, number, order, resting, Downfall, Spoiled, ABOVE_BACKSTOP, BANKRUPT, BELOW_BACKSTOP, BELOW_CANCEL,
    BELOW_MAINTENANCE, LOTS,
};

tests!(
    closes_a_long_against_bids,
    closes_a_short_against_asks,
    i11_no_more_than_is_open,
    i11_the_limit_and_the_fee_age,
    i11_fees_never_exceed_the_equity,
    i11_no_fill_below_zero,
    pays_the_keeper,
    fills_eight_makers_in_priority,
    v36_makers_out_of_priority_are_refused,
    passes_over_makers_that_cannot_trade,
    runs_in_a_cool_down_and_in_a_pause,
    runs_though_the_averages_are_far_behind,
    only_reduces_in_a_latched_market,
    a_backstop_closes_against_orders,
    refusals,
);

/// Fields of the only fill.
fn fill(event: &serde_json::Value, field: &str) -> i64 {
    assert_eq!(event["fills"].as_array().map(Vec::len), Some(1), "{event}");
    number(&event["fills"][0], field)
}

fn closes(sign: i64, usd: u64, ticks: u64) {
    let mut down = Downfall::calm(sign * LOTS, usd);
    let maker = resting(&mut down.world, &down.carol, sign < 0, ticks, 50);
    let (alice, fees) = (down.world.worth(&down.alice, 0), down.world.market(0).pending_fees_atoms as i64);
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    let event = down.world.told(&call, "LiquidationMatched");
    let notional = 50 * ticks as i64 * 10;
    assert_eq!((fill(&event, "size_lots"), fill(&event, "price_ticks")), (50, ticks as i64));
    assert_eq!(event["ask"].as_bool(), Some(sign > 0));
    // 1 % for the fill, of which 1 bp is the maker's rebate, and 0.5 % for the insurance.
    assert_eq!(fill(&event, "taker_fee_atoms"), notional / 100);
    assert_eq!(fill(&event, "maker_fee_atoms"), -notional / 10_000);
    assert_eq!(number(&event, "insurance_fee_atoms"), notional / 200);
    let after = down.world.worth(&down.alice, 0);
    assert_eq!((after.0, after.1 - alice.1), (sign * (LOTS - 50), sign * notional - notional * 3 / 200));
    let carol = down.world.worth(&down.carol, 0);
    assert_eq!((carol.0, carol.1), (sign * 50, -sign * notional + notional / 10_000));
    let state = down.world.market(0);
    assert_eq!(state.pending_fees_atoms as i64 - fees, notional / 100 - notional / 10_000 + notional / 200);
    assert_eq!(number(&event, "pending_fees_atoms") as u64, state.pending_fees_atoms);
    assert_eq!(state.last_fill_ticks, ticks);
}

fn closes_a_long_against_bids() {
    closes(1, BELOW_MAINTENANCE, 469_900);
}

fn closes_a_short_against_asks() {
    closes(-1, 53_000, 530_100);
}

/// The same amount as to a liquidator, whatever the makers offer and the keeper asks.
fn i11_no_more_than_is_open() {
    let mut down = Downfall::calm(LOTS, ABOVE_BACKSTOP);
    let maker = resting(&mut down.world, &down.carol, false, 460_000, 5_000);
    let open = number(&down.world.clone().told(&down.take(u64::MAX), "PositionLiquidated"), "size_lots");
    let call = |down: &Downfall, most| down.world.liquidate_with_orders(0, &down.alice, most, &[(&down.carol, maker)]);
    let event = down.world.clone().told(&call(&down, 9), "LiquidationMatched");
    assert_eq!(fill(&event, "size_lots"), 9);
    let event = down.world.told(&call(&down, u64::MAX), "LiquidationMatched");
    assert_eq!((fill(&event, "size_lots"), event["ended"].as_bool()), (open, Some(false)));
    down.world.fails(&call(&down, u64::MAX), "NothingToLiquidate");
}

/// Bids 1.5 % below the index are reached once the fee has risen to it.
fn i11_the_limit_and_the_fee_age() {
    let mut down = Downfall::calm(LOTS, ABOVE_BACKSTOP);
    let maker = resting(&mut down.world, &down.carol, false, 453_100, 50);
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    down.world.fails(&call, "NothingFilled");
    down.wait(29, ABOVE_BACKSTOP);
    down.world.fails(&call, "NothingFilled");
    down.wait(1, ABOVE_BACKSTOP);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(fill(&event, "taker_fee_atoms"), 50 * 4_531_000 * 150 / 10_000);
}

fn i11_fees_never_exceed_the_equity() {
    let mut down = Downfall::calm(LOTS, 44_770);
    let equity = down.world.equity(&down.alice);
    let maker = resting(&mut down.world, &down.carol, false, 447_700, 1_900);
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(fill(&event, "taker_fee_atoms") + number(&event, "insurance_fee_atoms"), equity);
    // The rebate is cut to what there is, never paid out of nothing.
    assert!(-fill(&event, "maker_fee_atoms") <= equity);
    assert_eq!((down.world.equity(&down.alice), event["ended"].as_bool()), (0, Some(true)));
}

/// $7.95 are left; a tick below the mark costs $0.19 a hundred lots: a bid 0.5 % lower would take more than there is.
fn i11_no_fill_below_zero() {
    let mut down = Downfall::calm(LOTS, 44_770);
    let good = resting(&mut down.world, &down.carol, false, 447_700, 100);
    let bad = resting(&mut down.world, &down.bob, false, 445_500, 5_000);
    let makers = [(&down.carol, good), (&down.bob, bad)];
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &makers);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(fill(&event, "size_lots"), 100);
    assert_eq!((number(&event["skips"][0], "reason"), event["skips"][0]["removed"].as_bool()), (11, Some(false)));
    assert!(down.world.equity(&down.alice) >= 0);
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.bob, bad)]);
    down.world.fails(&call, "NothingFilled");
}

/// A tenth of the fee, to a user of the keeper's.
fn pays_the_keeper() {
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let dave = down.world.funded("dave", 10);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 100);
    let makers = [(&down.carol, maker)];
    let call = down.world.liquidate_with_orders_for(0, Some(&dave), &down.alice, 100, &makers);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(number(&event, "keeper_reward_atoms"), 100 * 4_700_000 / 1_000);
    assert_eq!(down.world.worth(&dave, 0).1, 470_000);
    down.world.fails(&call.clone().with("keeper", down.world.keeper), "NotAuthorityOrDelegate");
    for party in [down.alice.clone(), down.carol.clone()] {
        let call = down.world.liquidate_with_orders_for(0, Some(&party), &down.alice, 100, &makers);
        let before = down.world.snapshot();
        assert!(down.world.send(&call).is_err(), "a party was paid as the keeper");
        down.world.assert_unchanged(&before, "liquidate_with_orders");
    }
}

fn eight(down: &mut Downfall) -> Vec<(Trader, u64)> {
    let makers: Vec<Trader> = (0..8).map(|row| down.world.funded(&format!("maker {row}"), 1_000)).collect();
    let ids = makers.iter().enumerate().map(|(row, maker)| (row as u64, maker.clone()));
    ids.map(|(row, maker)| (maker.clone(), resting(&mut down.world, &maker, false, 470_000 - row, 20))).collect()
}

fn fills_eight_makers_in_priority() {
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let makers = eight(&mut down);
    let named: Vec<_> = makers.iter().map(|(maker, id)| (maker, *id)).collect();
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &named);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(event["fills"].as_array().map(Vec::len), Some(8));
    let ninth: Vec<_> = named.iter().copied().chain([named[0]]).collect();
    for bad in [&ninth[..], &[]] {
        let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, bad);
        down.world.fails(&call, "MakerCountOutOfRange");
    }
}

/// V-36: of those named the better price comes first, then the earlier slot; none fills twice.
fn v36_makers_out_of_priority_are_refused() {
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let makers = eight(&mut down);
    let later = resting(&mut down.world, &down.carol, false, 470_000, 20);
    let best = (&makers[0].0, makers[0].1);
    for named in [[(&makers[1].0, makers[1].1), best], [(&down.carol, later), best]] {
        let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &named);
        down.world.fails(&call, "MakerPriorityViolated");
    }
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[best, best]);
    let event = down.world.clone().told(&call, "LiquidationMatched");
    assert_eq!(
        (fill(&event, "size_lots"), number(&event["skips"][0], "reason")),
        (20, 1),
        "it is gone the second time"
    );
    let mut call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[best, (&makers[1].0, makers[1].1)]);
    call.remaining.swap(0, 2);
    down.world.fails(&call, "OrdersOfAnotherUser");
    call.remaining.swap(0, 2);
    call.remaining.pop();
    down.world.fails(&call, "RemainingAccountInvalid");
}

/// Its own orders, those of the same owner, of a void account, expired, younger and reduce-only ones are passed over.
fn passes_over_makers_that_cannot_trade() {
    let mut down = held(LOTS);
    let own = down.world.place(&down.alice, post_only(0, false, 440_000, 10));
    let second = Trader::of(down.alice.authority, 1);
    down.world.ok(&down.world.create_user(&second));
    down.world.ok(&down.world.deposit(&second, 0, 1_000 * USD));
    down.settle_at(BELOW_MAINTENANCE);
    down.begin(BELOW_MAINTENANCE);
    let same = resting(&mut down.world, &second, false, 470_000, 10);
    let reduce = OrderArgs { reduce_only: true, ..limit(0, false, 469_990, 10) };
    down.world.ok(&down.world.place_orders(&down.bob, std::slice::from_ref(&reduce)));
    let reducing = down.world.orders(&down.bob).next_order_id - 1;
    down.world.advance_slots(1);
    let good = resting(&mut down.world, &down.carol, false, 469_980, 10);
    let young = order(&mut down.world, &down.carol, false, 469_970, 10);
    let named = [
        (&second, same),
        (&down.bob, reducing),
        (&down.carol, good),
        (&down.carol, young),
        (&down.alice, own),
        (&down.carol, 999),
    ];
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &named);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!(event["fills"].as_array().map(Vec::len), Some(2), "bob closes his short, carol buys");
    let reasons: Vec<i64> =
        event["skips"].as_array().expect("skips").iter().map(|skip| number(skip, "reason")).collect();
    // 9 self-trade, 6 younger, 9 its own, 1 missing.
    assert_eq!(reasons, [9, 6, 9, 1]);
    assert!(down.world.order(&second, same).is_some(), "nobody's order is taken out for being of the same owner");
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&second, same)]);
    down.world.fails(&call, "NothingFilled");
    // A maker in liquidation is void.
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 10);
    down.world.edit::<User>(down.carol.user, |user| user.liquidation_start_ms = 1);
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    down.world.fails(&call, "NothingFilled");
}

/// After a breaker nobody matches, behind closed gates nobody opens: a liquidation goes on.
fn runs_in_a_cool_down_and_in_a_pause() {
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 100);
    let now_ms = down.world.now_ms();
    down.world.edit::<Market>(market(0), |state| state.cooldown_until_ms = now_ms + 60_000);
    down.world.edit::<Exchange>(exchange(), |state| (state.gates_closed, state.pause_start_ms) = (u64::MAX, now_ms));
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    let mut halted = down.world.clone();
    halted.edit::<Market>(market(0), |state| state.status = MarketStatus::Halted as u8);
    halted.fails(&call, "MarketCannotMatch");
    down.world.told(&call, "LiquidationMatched");
}

/// A fall of 6 % in a second: orders match again when the TWAP has followed, liquidations at once.
fn runs_though_the_averages_are_far_behind() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 100);
    let taker = order(&mut down.world, &down.bob, true, 470_000, 10);
    let call = down.world.match_orders(0, &down.bob, taker, &[(&down.carol, maker)]);
    down.world.fails(&call, "PriceOutsideBand");
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &[(&down.carol, maker)]);
    down.world.told(&call, "LiquidationMatched");
}

fn only_reduces_in_a_latched_market() {
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let opening = resting(&mut down.world, &down.carol, false, 470_000, 100);
    let closing = resting(&mut down.world, &down.bob, false, 469_999, 100);
    down.world.edit::<Market>(market(0), |state| state.status = MarketStatus::ReduceOnly as u8);
    let named = [(&down.carol, opening), (&down.bob, closing)];
    let call = down.world.liquidate_with_orders(0, &down.alice, u64::MAX, &named);
    let event = down.world.told(&call, "LiquidationMatched");
    assert_eq!((fill(&event, "price_ticks"), number(&event["skips"][0], "reason")), (469_999, 14));
}

fn a_backstop_closes_against_orders() {
    let mut down = Downfall::calm(LOTS, BELOW_BACKSTOP);
    down.world.ok(&down.world.liquidate_to_backstop(0, &down.alice));
    let own = backstop(0);
    down.world.ok(&down.world.liquidate_orders(&own));
    let maker = resting(&mut down.world, &down.carol, false, 457_000, 1_900);
    let call = down.world.liquidate_with_orders(0, &own, u64::MAX, &[(&down.carol, maker)]);
    let event = down.world.told(&call, "LiquidationMatched");
    assert!(fill(&event, "size_lots") > 1_000);
    assert!(down.world.equity(&own) >= 0);
}

fn refusals() {
    let mut down = held(LOTS);
    let maker = resting(&mut down.world, &down.carol, false, 465_000, 100);
    let makers = [(&down.carol.clone(), maker)];
    let call = down.world.liquidate_with_orders(0, &down.alice, 10, &makers);
    down.world.fails(&down.world.liquidate_with_orders(0, &down.alice, 0, &makers), "AmountZero");
    down.world.fails(&down.world.liquidate_with_orders(1, &down.alice, 1, &makers), "PositionNotFound");
    down.settle_at(BELOW_MAINTENANCE);
    down.world.fails(&call, "LiquidationNotStarted");
    down.world.ok(&down.world.liquidate_orders(&down.alice));
    down.world.fails(&call, "NothingFilled");
    down.price(BELOW_CANCEL);
    down.world.fails(&call, "AccountHealthy");
    down.price(BANKRUPT);
    down.world.fails(&call, "UserBankrupt");
    down.price(BELOW_MAINTENANCE);
    let bad: [Spoiled; 2] = [
        ("OracleValidityForbids", |state| state.validity = evertide_math::oracle::TOO_VOLATILE),
        ("MarketStatusForbids", |state| state.status = MarketStatus::Settling as u8),
    ];
    for (error, change) in bad {
        let mut other = down.world.clone();
        other.edit::<Market>(market(0), change);
        other.fails(&call, error);
    }
    // A bid inside the aged fee and outside a band that was narrowed.
    down.wait(60, BELOW_MAINTENANCE);
    down.world.edit::<Market>(market(0), |state| (state.terms.band_bps, state.volatility_e9) = (50, 0));
    down.world.fails(&call, "PriceOutsideBand");
    // A fee beyond the requirement that a lot frees.
    let mut down = Downfall::calm(LOTS, BELOW_MAINTENANCE);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 100);
    down.world.edit::<Market>(market(0), |state| state.terms.liquidation_fee_bps = 600);
    let call = down.world.liquidate_with_orders(0, &down.alice, 10, &[(&down.carol, maker)]);
    down.world.fails(&call, "HealthNotImproved");
}
