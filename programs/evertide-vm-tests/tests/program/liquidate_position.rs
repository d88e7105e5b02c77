//! `liquidate_position`: lots move to a liquidator at mark for a fee.

use evertide_vm_tests::{
    exchange::market,
    state::{permissions, Market, User},
    terms::USD,
    tests,
    traders::{post_only, Trader},
    world::key,
};

use crate::downfall::{
    held, held_with, number, Downfall, Spoiled, ABOVE_BACKSTOP, BANKRUPT, BELOW_BACKSTOP, BELOW_CANCEL,
    BELOW_MAINTENANCE, LOTS,
};

tests!(
    i11_the_amount_rises_over_a_minute,
    i11_the_amount_rises_for_a_short_too,
    i11_what_is_repaired_counts,
    i11_below_backstop_margin_all_at_once,
    i11_a_small_shortage_all_at_once,
    i11_fees_never_exceed_the_equity,
    i11_a_healthy_victim_is_refused,
    i11_no_step_without_an_improvement,
    takes_no_more_than_asked,
    the_liquidator_nets_an_opposite_position,
    a_delegate_liquidates,
    i10_the_liquidator_stands_at_initial_margin,
    the_liquidator_respects_its_limits,
    refuses_oneself,
    refusals,
);

/// What a call should do at a price in atoms per lot, from the issue's own formula.
struct Due {
    lots: i64,
    liquidator_fee: i64,
    insurance_fee: i64,
}

/// Shortage `MM + 2 % - E`, open to `fraction_bps`, over `P (MM + 2 % - fee) - P insurance fee`.
fn due(down: &Downfall, usd: u64, fraction_bps: i64, fee_bps: i64) -> Due {
    let price = usd as i64 * 100;
    let size = down.world.worth(&down.alice, 0).0.abs();
    let notional = size * price;
    let shortage = notional / 20 + notional / 50 - down.world.equity(&down.alice);
    let open = (shortage * fraction_bps + 9_999) / 10_000;
    let net = 700 - fee_bps - 50;
    let lots = ((open * 10_000 + price * net - 1) / (price * net)).min(size);
    Due { lots, liquidator_fee: lots * price * fee_bps / 10_000, insurance_fee: lots * price * 50 / 10_000 }
}

fn rises(sign: i64, usd: u64) {
    for (seconds, fraction_bps, fee_bps) in
        [(0, 2_000, 100), (15, 4_000, 125), (30, 6_000, 150), (59, 9_866, 198), (60, 10_000, 200), (200, 10_000, 200)]
    {
        let mut down = Downfall::begun(sign * LOTS, usd);
        down.wait(seconds, usd);
        let (due, price) = (due(&down, usd, fraction_bps, fee_bps), usd as i64 * 100);
        assert!(0 < due.lots && due.lots < LOTS, "a part is open after {seconds} s: {}", due.lots);
        let (alice, fees) = (down.world.worth(&down.alice, 0), down.world.market(0).pending_fees_atoms as i64);
        let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
        assert_eq!(number(&event, "size_lots"), sign * due.lots, "after {seconds} s");
        assert_eq!(number(&event, "liquidator_fee_atoms"), due.liquidator_fee, "after {seconds} s");
        assert_eq!(number(&event, "insurance_fee_atoms"), due.insurance_fee);
        let (after, carol) = (down.world.worth(&down.alice, 0), down.world.worth(&down.carol, 0));
        assert_eq!(after.0, sign * (LOTS - due.lots));
        assert_eq!(after.1 - alice.1, sign * due.lots * price - due.liquidator_fee - due.insurance_fee);
        assert_eq!((carol.0, carol.1), (sign * due.lots, -sign * due.lots * price + due.liquidator_fee));
        let state = down.world.market(0);
        assert_eq!(state.pending_fees_atoms as i64, fees + due.insurance_fee);
        // At maintenance margin it is over; never past its target, the buffer, by more than a lot's worth.
        let (left, equity) = (after.0.abs() * price, down.world.equity(&down.alice));
        let ended = equity >= left / 20;
        assert_eq!(event["ended"].as_bool(), Some(ended), "after {seconds} s");
        assert_eq!(down.world.user(&down.alice).liquidation_start_ms == 0, ended);
        let past = equity - left / 20 - left / 50;
        assert!(past < price / 10, "I-11: {past} past the target after {seconds} s");
        assert_eq!(past >= 0, fraction_bps == 10_000, "the whole shortage is repaired after a minute");
    }
}

fn i11_the_amount_rises_over_a_minute() {
    rises(1, ABOVE_BACKSTOP);
}

fn i11_the_amount_rises_for_a_short_too() {
    rises(-1, 53_800);
}

/// A fifth at once; nothing more then; as much again after each quarter of a minute.
fn i11_what_is_repaired_counts() {
    let mut down = Downfall::begun(LOTS, ABOVE_BACKSTOP);
    let missing = |down: &Downfall| {
        let (lots, equity) = (down.world.worth(&down.alice, 0).0, down.world.equity(&down.alice));
        lots * 4_600_000 * 7 / 100 - equity
    };
    let whole = missing(&down);
    for (seconds, tenths) in [(0, 2), (15, 4), (15, 6), (30, 10)] {
        down.wait(seconds, ABOVE_BACKSTOP);
        let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
        let repaired = whole - missing(&down);
        assert!((0..500_000).contains(&(repaired - whole * tenths / 10)), "{repaired} of {whole}, {tenths} tenths due");
        let freed = down.world.user(&down.alice).liquidation_freed_atoms as i64;
        if tenths < 10 {
            assert_eq!((event["ended"].as_bool(), freed), (Some(false), repaired));
            down.world.fails(&down.take(u64::MAX), "NothingToLiquidate");
        } else {
            assert_eq!((event["ended"].as_bool(), freed), (Some(true), 0));
        }
    }
}

fn i11_below_backstop_margin_all_at_once() {
    let mut down = Downfall::begun(LOTS, BELOW_BACKSTOP);
    let due = due(&down, BELOW_BACKSTOP, 10_000, 100);
    let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), due.lots);
    assert!(due.lots > 1_500, "most of it goes: {}", due.lots);
    assert_eq!(event["ended"].as_bool(), Some(true));
}

/// $28.70 are missing with the buffer: below $50 there is no ramp.
fn i11_a_small_shortage_all_at_once() {
    let mut down = held_with(160, 300);
    down.begin(BELOW_MAINTENANCE);
    let due = due(&down, BELOW_MAINTENANCE, 10_000, 100);
    let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), event["ended"].as_bool()), (due.lots, Some(true)));
    assert!(due.lots < 300);
}

/// At $44,770 about $7 are left, and 1 % of the position is $85.
fn i11_fees_never_exceed_the_equity() {
    for (sign, usd) in [(1, 44_770), (-1, 55_240)] {
        let mut down = Downfall::begun(sign * LOTS, usd);
        let equity = down.world.equity(&down.alice);
        assert!((1..20_000_000).contains(&equity), "equity of {equity}");
        let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
        assert_eq!(number(&event, "liquidator_fee_atoms"), equity);
        assert_eq!((number(&event, "insurance_fee_atoms"), down.world.equity(&down.alice)), (0, 0));
        assert_eq!(event["ended"].as_bool(), Some(true), "nothing is held and nothing is owed");
        down.world.told(&down.world.settle_pnl(0, down.alice.user), "PnlSettled");
        assert_eq!((down.world.user(&down.alice).quote_atoms, down.world.user(&down.alice).position_count), (0, 0));
    }
}

/// V-34: healthy, or healthy again.
fn i11_a_healthy_victim_is_refused() {
    let mut down = held(LOTS);
    down.world.fails(&down.take(1), "LiquidationNotStarted");
    down.price(BELOW_MAINTENANCE);
    down.world.fails(&down.take(1), "LiquidationNotStarted");
    down.begin(BELOW_MAINTENANCE);
    down.price(BELOW_CANCEL);
    down.world.fails(&down.take(1), "AccountHealthy");
}

/// Fees beyond the requirement that a lot frees would only take money: no part is a step forward, all of it is.
fn i11_no_step_without_an_improvement() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    down.world.edit::<Market>(market(0), |state| state.terms.liquidation_fee_bps = 650);
    down.world.fails(&down.take(100), "HealthNotImproved");
    let event = down.world.told(&down.take(u64::MAX), "PositionLiquidated");
    assert_eq!(number(&event, "size_lots"), LOTS);
}

fn takes_no_more_than_asked() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let event = down.world.told(&down.take(7), "PositionLiquidated");
    assert_eq!((number(&event, "size_lots"), event["ended"].as_bool()), (7, Some(false)));
    assert_eq!(number(&event, "user_position_lots_after"), LOTS - 7);
    assert_eq!(event["open_interest_lots"][0].as_i64(), Some(LOTS));
    let (user, liquidator) = (down.world.user(&down.alice), down.world.user(&down.carol));
    assert_eq!(number(&event, "user_sequence") as u64, user.sequence - 1);
    assert_eq!(number(&event, "liquidator_sequence") as u64, liquidator.sequence - 1);
    assert_eq!(number(&event, "sequence") as u64, down.world.market(0).sequence - 1);
}

/// Bob is short already: what he takes over closes against it, and open interest falls.
fn the_liquidator_nets_an_opposite_position() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let call = down.world.liquidate_position(0, &down.alice, &down.bob, u64::MAX);
    let lots = number(&down.world.told(&call, "PositionLiquidated"), "size_lots");
    assert_eq!(down.world.worth(&down.bob, 0).0, lots - LOTS);
    assert_eq!(down.world.market(0).open_interest_lots, [(LOTS - lots) as u64; 2]);
    let mut down = Downfall::begun(LOTS, 44_800);
    let call = down.world.liquidate_position(0, &down.alice, &down.bob, u64::MAX);
    down.world.told(&call, "PositionLiquidated");
    let state = down.world.market(0);
    assert_eq!((state.open_interest_lots, state.position_count), ([0, 0], [0, 0]));
}

fn a_delegate_liquidates() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let call = down.take(5).with("liquidator_authority", key("delegate"));
    down.world.fails(&call, "NotAuthorityOrDelegate");
    let name = |permitted| {
        move |user: &mut User| {
            user.delegate = key("delegate");
            user.delegate_permissions = permitted;
        }
    };
    down.world.edit::<User>(down.carol.user, name(permissions::ALL & !permissions::LIQUIDATE));
    down.world.fails(&call, "DelegateMayNot");
    down.world.edit::<User>(down.carol.user, name(permissions::LIQUIDATE));
    down.world.told(&call, "PositionLiquidated");
}

fn i10_the_liquidator_stands_at_initial_margin() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let poor = down.world.funded("poor", 20);
    let take = |down: &Downfall, lots| down.world.liquidate_position(0, &down.alice, &poor, lots);
    // $20 and 1 % of the lots carry 10 % of them, valued at the worse of mark and TWAP: about 13 lots.
    down.world.fails(&take(&down, 100), "LiquidatorMarginTooLow");
    let (mut least, mut most) = (0, 100);
    while most - least > 1 {
        let middle = (least + most) / 2;
        match down.world.clone().send(&take(&down, middle)) {
            Ok(_) => least = middle,
            Err(_) => most = middle,
        }
    }
    assert!((40..=48).contains(&least), "$20 carry {least} lots");
    down.world.told(&take(&down, least), "PositionLiquidated");
    down.world.advance(11);
    down.world.fails(&down.take(1), "RowTooOld");
}

fn the_liquidator_respects_its_limits() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    down.world.edit::<Market>(market(0), |state| state.terms.position_max_lots = 50);
    down.world.fails(&down.take(51), "PositionLimitExceeded");
    down.world.told(&down.take(50), "PositionLiquidated");
    // A liquidator's own orders count: a bid of $150 takes $15 of its $20.
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let poor = down.world.funded("poor", 20);
    let call = down.world.liquidate_position(0, &down.alice, &poor, 30);
    down.world.clone().told(&call, "PositionLiquidated");
    down.world.place(&poor, post_only(1, false, 299_000, 50));
    down.world.fails(&call, "LiquidatorMarginTooLow");
}

/// V-34: neither the same account, nor another of the same owner.
fn refuses_oneself() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    let second = Trader::of(down.alice.authority, 1);
    down.world.ok(&down.world.create_user(&second));
    down.world.ok(&down.world.deposit(&second, 0, 10_000 * USD));
    let call = down.world.liquidate_position(0, &down.alice, &second, 10);
    down.world.fails(&call, "SelfLiquidation");
    let call = down.world.liquidate_position(0, &down.alice, &down.alice, 10);
    let before = down.world.snapshot();
    assert!(down.world.send(&call).is_err(), "an account liquidated itself");
    down.world.assert_unchanged(&before, "liquidate_position");
}

fn refusals() {
    let mut down = Downfall::begun(LOTS, BELOW_MAINTENANCE);
    down.world.fails(&down.take(0), "AmountZero");
    down.world.fails(&down.world.liquidate_position(1, &down.alice, &down.carol, 1), "PositionNotFound");
    let mut other = down.world.clone();
    other.edit::<User>(down.carol.user, |user| user.liquidation_start_ms = 1);
    other.fails(&down.take(1), "UserInLiquidation");
    let bad: [Spoiled; 3] = [
        ("OracleValidityForbids", |state| state.validity = evertide_math::oracle::TOO_VOLATILE),
        ("MarketStatusForbids", |state| state.status = 4),
        ("MarketHasNoPrice", |state| state.index_price_q32 = 0),
    ];
    for (error, change) in bad {
        let mut other = down.world.clone();
        other.edit::<Market>(market(0), change);
        other.fails(&down.take(1), error);
    }
    // A liquidator's rows must be fresh and valid, that of the market it enters among them.
    down.world.advance(600);
    down.world.fails(&down.take(1), "RowTooOld");
    down.world.ok(&down.world.accrue_market(0));
    down.world.fails(&down.take(1), "OracleValidityForbids");
    down.price(BANKRUPT);
    down.world.fails(&down.take(1), "UserBankrupt");
}
