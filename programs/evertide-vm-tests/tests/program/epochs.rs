//! Epochs, folding dust, and sides that only drain: what deleveraging leaves behind.

use evertide_vm_tests::{
    exchange::market,
    state::{Market, RiskCache, User},
    terms::USD,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::downfall::{held, held_with, move_to, number, resting, trade, uninsured, Downfall, BELOW_ADL, LOTS};

tests!(
    a_side_deleveraged_to_zero_starts_anew,
    no_third_epoch_before_the_first_is_folded,
    a_side_that_only_drains_takes_nobody_in,
    v36_deleveraging_an_empty_side_is_passed_over,
    v36_a_one_lot_holder_bears_a_lots_part,
    v36_many_one_lot_holders_lose_nothing_by_truncation,
    v36_dropped_lots_close_on_the_other_side,
    v36_a_position_with_nobody_against_it_closes_at_mark,
    a_bankruptcy_reaches_positions_that_nobody_folded,
);

/// Alice goes bankrupt at this price with nothing insured: her lots close against the other side.
fn deleveraged(down: &mut Downfall, usd: u64) -> serde_json::Value {
    down.begin(usd);
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    down.world.told(&call, "BankruptcyResolved")
}

/// Bob, alone on the other side, is closed whole: others trade in the new epoch before anybody has folded him.
fn a_side_deleveraged_to_zero_starts_anew() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    down.settle_at(44_000);
    let event = deleveraged(&mut down, 44_000);
    assert_eq!(event["epoch"], serde_json::json!([0, 1]));
    let state = down.world.market(0);
    assert_eq!((state.a[1], state.stale_count, state.position_count), (1 << 48, [0, 1], [0, 0]));
    let dave = down.world.funded("dave", 10_000);
    down.world.trade(0, &down.carol, &dave, 440_000, 100);
    assert_eq!(down.world.position(&dave, 0).map(|held| held.epoch), Some(1));
    down.world.assert_sound();
    let (equity, cash) = (down.world.equity(&down.bob), down.world.worth(&down.bob, 0).1);
    // His position is listed with no liquidation price until he is folded: index 0, price 0.
    let data = down.world.ok(&down.world.view_health(down.bob.user)).meta.return_data.data;
    assert_eq!(data[40..], [&[1, 0, 0, 0][..], &[0; 10]].concat());
    let event = down.world.told(&down.world.touch_position(0, down.bob.user), "PositionTouched");
    assert_eq!((number(&event, "size_lots"), number(&event, "cash_atoms")), (0, cash));
    assert_eq!((down.world.equity(&down.bob), down.world.market(0).stale_count), (equity, [0, 0]));
    down.world.fails(&down.world.touch_position(0, down.bob.user), "NothingToFold");
    // Bob comes back in the new epoch.
    down.world.trade(0, &down.carol, &down.bob, 440_000, 50);
    assert_eq!(down.world.market(0).open_interest_lots, [150, 150]);
    down.world.assert_sound();
}

/// A second time while bob is still of the first epoch: the side waits, drained, until he is folded. No fold ever crosses
/// two epochs.
fn no_third_epoch_before_the_first_is_folded() {
    let mut down = held(LOTS);
    uninsured(&mut down.world, 0);
    down.settle_at(44_000);
    deleveraged(&mut down, 44_000);
    let (erin, dave) = (down.world.funded("erin", 1_000), down.world.funded("dave", 10_000));
    down.world.trade(0, &erin, &dave, 440_000, 2_100);
    down.settle_at(39_000);
    down.world.ok(&down.world.liquidate_orders(&erin));
    let event = down.world.told(&down.world.resolve_bankruptcy(0, &erin), "BankruptcyResolved");
    assert_eq!(event["epoch"], serde_json::json!([0, 1]), "bob holds it back");
    let state = down.world.market(0);
    assert_eq!((state.a[1], state.open_interest_lots, state.stale_count[1]), (0, [0, 0], 1));
    let taker = |world: &mut World, trader: &Trader| {
        let maker = resting(world, &down.carol, false, 390_000, 10);
        let taker = world.place(trader, limit(0, true, 390_000, 10));
        world.match_orders(0, trader, taker, &[(&down.carol, maker)])
    };
    let call = taker(&mut down.world, &dave);
    down.world.fails(&call, "OpenInterestLimitExceeded");
    down.world.ok(&down.world.accrue_market(0));
    down.world.fails(&call, "OpenInterestLimitExceeded");
    down.world.told(&down.world.touch_position(0, down.bob.user), "PositionTouched");
    down.world.advance(1);
    down.world.told(&down.world.accrue_market(0), "MarketAccrued");
    let state = down.world.market(0);
    assert_eq!((state.epoch, state.a[1], state.stale_count[1]), ([0, 2], 1 << 48, 1), "dave is the one before now");
    down.world.told(&down.world.touch_position(0, dave.user), "PositionTouched");
    move_to(&mut down.world, 39_000);
    let call = taker(&mut down.world, &dave);
    down.world.ok(&call);
    down.world.assert_sound();
}

/// Below 2^-24 of its lots the side of the shorts only drains: not by orders, nor by a liquidation, nor into the backstop.
fn a_side_that_only_drains_takes_nobody_in() {
    let mut down = held(-LOTS);
    let drained = (1 << 24) - 1;
    down.world.edit::<Market>(market(0), |state| state.a[1] = drained);
    down.world.edit::<RiskCache>(evertide_vm_tests::exchange::risk_cache(), |cache| cache.markets[0].a[1] = drained);
    down.world.edit::<User>(down.alice.user, |user| user.positions[0].a_snapshot = drained);
    let maker = resting(&mut down.world, &down.bob, false, 500_000, 10);
    let taker = down.world.place(&down.carol, limit(0, true, 500_000, 10));
    let call = down.world.match_orders(0, &down.carol, taker, &[(&down.bob, maker)]);
    down.world.fails(&call, "OpenInterestLimitExceeded");
    // A maker who would grow there is passed over.
    let maker = resting(&mut down.world, &down.carol, true, 499_990, 10);
    let taker = down.world.place(&down.bob, limit(0, false, 499_990, 10));
    let call = down.world.match_orders(0, &down.bob, taker, &[(&down.carol, maker)]);
    down.world.fails(&call, "OpenInterestLimitExceeded");
    down.begin(54_400);
    down.world.fails(&down.take(5), "MarketStatusForbids");
    down.world.fails(&down.world.liquidate_to_backstop(0, &down.alice), "BackstopFull");
    // Whoever is long can still take it over.
    let call = down.world.liquidate_position(0, &down.alice, &down.bob, 5);
    down.world.ok(&call);
}

/// Forty shorts of one lot each, and alice's `lots`, all against carol.
fn crowd(lots: i64, usd: u64) -> (Downfall, Vec<Trader>) {
    let mut down = held_with(usd, lots);
    let holders: Vec<Trader> = (0..40).map(|row| down.world.funded(&format!("holder {row}"), 100)).collect();
    for holder in &holders {
        trade(&mut down.world, &down.carol, holder, 1);
    }
    uninsured(&mut down.world, 0);
    (down, holders)
}

fn equities(world: &World, traders: &[Trader]) -> Vec<i64> {
    traders.iter().map(|trader| world.equity(trader)).collect()
}

/// V-36: a deficit of $98 beside 1,899 lots of bob's: a holder of one lot bears its 1,900th part, at most maintenance
/// margin of it.
fn v36_a_one_lot_holder_bears_a_lots_part() {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 1_000), world.funded("bob", 100_000));
    let (carol, dave) = (world.funded("carol", 100_000), world.funded("dave", 1));
    trade(&mut world, &alice, &bob, LOTS - 1);
    trade(&mut world, &alice, &dave, 1);
    uninsured(&mut world, 0);
    let mut down = Downfall { world, alice, bob, carol };
    down.settle_at(43_000);
    down.begin(43_000);
    let before = (down.world.equity(&down.bob), down.world.equity(&dave));
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    let event = down.world.told(&call, "BankruptcyResolved");
    let borne = number(&event, "deleveraged_atoms");
    let lost = (before.0 - down.world.equity(&down.bob), before.1 - down.world.equity(&dave));
    assert!(borne > 300_000_000 && (lost.0 + lost.1 - borne).abs() <= 5, "{lost:?} of {borne}");
    assert!((lost.1 - borne / LOTS).abs() <= 2, "a lot of {LOTS} bears {} of {borne}", lost.1);
    assert!(lost.1 <= 4_300_000 / 20, "at most 5 % of its lot");
}

/// V-36: one in forty-three lots is deleveraged: every holder of one lot is closed whole, at mark but for its part of the
/// deficit, though the average of the mark is 16 % away.
fn v36_many_one_lot_holders_lose_nothing_by_truncation() {
    let (mut down, holders) = crowd(3, 2);
    down.price(43_000);
    let before = equities(&down.world, &holders);
    let event = deleveraged(&mut down, 43_000);
    let borne = number(&event, "deleveraged_atoms");
    let after = equities(&down.world, &holders);
    for (holder, (before, after)) in holders.iter().zip(before.into_iter().zip(&after)) {
        let lost = before - after;
        assert!((borne / 43 - 5..=borne / 43 + 100).contains(&lost), "a holder lost {lost}, {borne} were borne");
        let event = down.world.told(&down.world.touch_position(0, holder.user), "PositionTouched");
        assert_eq!(number(&event, "size_lots"), 0);
    }
    assert_eq!(equities(&down.world, &holders), after, "folding changes nothing");
}

/// V-36: what the forty drop is closed on carol's side as they are folded: whatever the price does then, the pool
/// owes no more than it holds, and carol's lots are those of the one short that is left.
fn v36_dropped_lots_close_on_the_other_side() {
    let (mut down, holders) = crowd(3, 2);
    deleveraged(&mut down, 43_000);
    let carol = down.world.equity(&down.carol);
    for holder in &holders {
        down.world.told(&down.world.touch_position(0, holder.user), "PositionTouched");
        let dropped = down.world.market(0).dropped_q16;
        assert!(dropped[1] < 1 << 16, "less than a lot is open at any time: {dropped:?}");
    }
    assert!((down.world.equity(&down.carol) - carol).abs() <= 100, "carol was closed at mark");
    let gap = |world: &World| {
        let all = [&down.alice, &down.bob, &down.carol].into_iter().chain(&holders);
        let owed: i64 = all.map(|trader| world.worth(trader, 0).2).sum();
        let state = world.market(0);
        (state.pool_atoms + state.deficit_atoms) as i64 - owed - state.pending_fees_atoms as i64
    };
    let before = gap(&down.world);
    for usd in [45_000, 47_000, 50_000] {
        move_to(&mut down.world, usd);
        // A lot at most is naked on each side: $0.70 at this distance.
        let moved = (gap(&down.world) - before).abs();
        assert!(moved <= 2 * (usd as i64 - 43_000) * 100, "the pool's gap moved by {moved} at ${usd}");
    }
    assert!(down.world.worth(&down.carol, 0).0 <= 4, "{} lots", down.world.worth(&down.carol, 0).0);
    down.world.assert_sound();
}

/// All shorts were folded away, and with them all of carol's lots but one: it stands against dust alone.
fn stranded() -> (Downfall, Vec<Trader>) {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 2), world.funded("bob", 100));
    let carol = world.funded("carol", 100_000);
    let holders: Vec<Trader> = (0..40).map(|row| world.funded(&format!("holder {row}"), 100)).collect();
    for (row, holder) in holders.iter().enumerate() {
        trade(&mut world, if row < 3 { &alice } else { &carol }, holder, 1);
    }
    uninsured(&mut world, 0);
    let mut down = Downfall { world, alice, bob, carol };
    down.settle_at(43_000);
    deleveraged(&mut down, 43_000);
    for holder in &holders {
        down.world.told(&down.world.touch_position(0, holder.user), "PositionTouched");
    }
    let state = down.world.market(0);
    assert_eq!((state.position_count, state.open_interest_lots), ([1, 0], [1, 1]));
    down.price(43_000);
    (down, holders)
}

fn v36_a_position_with_nobody_against_it_closes_at_mark() {
    let (mut down, holders) = stranded();
    let equity = down.world.equity(&down.carol);
    // Of the lot 2^-48 is missing: it folds away whole, at mark.
    let event = down.world.told(&down.world.touch_position(0, down.carol.user), "PositionTouched");
    assert_eq!((number(&event, "size_lots"), down.world.market(0).position_count), (0, [0, 0]));
    assert!((down.world.equity(&down.carol) - equity).abs() <= 100);
    down.world.advance(1);
    down.world.told(&down.world.accrue_market(0), "MarketAccrued");
    let state = down.world.market(0);
    assert_eq!((state.epoch, state.a, state.dropped_q16), ([1, 1], [1 << 48; 2], [0, 0]), "both sides start anew");
    // Everybody is paid, to the dust.
    for trader in [down.carol.clone()].iter().chain(&holders) {
        down.world.send(&down.world.settle_pnl(0, trader.user)).ok();
    }
    let state = down.world.market(0);
    let rest = state.pool_atoms as i64 - state.pending_fees_atoms as i64;
    assert!(state.claims_atoms == 0 && (0..5_000).contains(&rest), "{rest} atoms of dust");
    down.world.assert_sound();
}

/// V-36: nobody is on the other side: what is left closes at mark, the stage is passed over, and the record takes the rest.
fn v36_deleveraging_an_empty_side_is_passed_over() {
    let (mut down, _) = stranded();
    let spare = down.world.equity(&down.carol) as u64 - USD / 2;
    down.world.ok(&down.world.withdraw(&down.carol, 0, spare));
    down.begin_of(&down.carol.clone(), 37_500);
    let event = down.world.ok(&down.world.resolve_bankruptcy(0, &down.carol)).event("BankruptcyResolved");
    assert_eq!((number(&event, "deleveraged_atoms"), number(&event, "step")), (0, 2));
    let rest = number(&event, "fees_atoms") + number(&event, "recorded_atoms");
    assert!(rest > 0 && rest == number(&event, "share_atoms"));
    // What she lost on the lot that nobody held against her is the market's, counted as dust.
    let state = down.world.market(0);
    assert_eq!((state.open_interest_lots, state.position_count), ([0, 0], [0, 0]));
    assert!((0..600_000).contains(&state.dust_atoms), "{} atoms of dust", state.dust_atoms);
}

/// Twelve deleveragings that bob never folds: one fold at the end gives what twelve would have.
fn a_bankruptcy_reaches_positions_that_nobody_folded() {
    let mut down = held(1);
    uninsured(&mut down.world, 0);
    let dave = down.world.funded("dave", 100_000);
    trade(&mut down.world, &down.carol, &dave, 12_000);
    trade(&mut down.world, &down.carol, &down.bob, 11_999);
    let sinking: Vec<Trader> = (0..6).map(|row| down.world.funded(&format!("sinking {row}"), 1_000)).collect();
    for trader in &sinking {
        trade(&mut down.world, trader, &down.bob, LOTS);
    }
    down.settle_at(BELOW_ADL);
    for (row, trader) in sinking.iter().enumerate() {
        down.world.ok(&down.world.liquidate_orders(trader));
        let event = down.world.told(&down.world.liquidate_to_backstop(0, trader), "PositionLiquidated");
        assert_eq!(number(&event, "deleveraged_lots"), LOTS, "in step {row}");
        // Dave folds each time, bob never.
        down.world.told(&down.world.touch_position(0, dave.user), "PositionTouched");
    }
    let kept = 24_000.0 / (24_000.0 + 6.0 * LOTS as f64);
    let bob = down.world.worth(&down.bob, 0).0;
    let due = -((12_000 + 6 * LOTS) as f64 * kept) as i64;
    assert!((bob - due).abs() <= 1, "bob has {bob}, due {due}");
    assert!((down.world.worth(&dave, 0).0 + (12_000.0 * kept) as i64).abs() <= 7, "dave drops a fraction a fold");
    down.world.told(&down.world.touch_position(0, down.bob.user), "PositionTouched");
    down.world.place(&down.carol, post_only(0, false, 400_000, 1));
    down.world.assert_sound();
}
