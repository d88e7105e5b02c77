//! Who may trade with whom, at which price, in which order; what fills cost and leave.

use anchor_lang::prelude::Address;
use evertide::engine::fees::{add_volume, fill_fees, tier_of};
use evertide::engine::fill::{margin_holds, preview, write, Exposure, FillTerms, OpenInterest};
use evertide::engine::matching::{refusal, rests, PriorityGuard, Rules, SkipReason, Taker};
use evertide::engine::rewards::Earners;
use evertide::guards::clock::HOUR_MS;
use evertide::guards::Now;
use evertide::state::{order_flags, MarketStatus, Order, TimeInForce};
use evertide::EvertideError;
use evertide_math::margin::MarginKind;
use evertide_math::{Atoms, AtomsPerLotTick, Lots, Side, Ticks};

use crate::common::{cache, exchange, fee_terms, hold, market, refused, user, NOW, USD};

fn key(byte: u8) -> Address {
    Address::new_from_array([byte; 32])
}

fn order(order_id: u64, ask: bool, price_ticks: u64, placed_slot: u64) -> Order {
    Order {
        order_id,
        price_ticks,
        placed_slot,
        size_lots: 10,
        placed_ms: NOW.ms - 20_000,
        market_index: 3,
        flags: order_flags::COUNTED | if ask { order_flags::ASK } else { 0 },
        ..Order::default()
    }
}

fn later(ms: i64) -> Now {
    Now { ms: NOW.ms + ms, slot: NOW.slot }
}

#[test]
fn a_taker_in_its_phase_ramps_from_the_index_to_its_limit() {
    let market = market();
    let mut taker = order(1, false, 1_010_000, NOW.slot);
    taker.taker_phase_s = 12;
    taker.placed_ms = NOW.ms;
    let limit_at = |ms: i64, taker: &Order| {
        let rules = Rules::of(&market, &exchange(), later(ms)).unwrap();
        Taker::of(taker, &key(1), 0, &market, &rules).unwrap().limit.get()
    };
    assert_eq!(limit_at(0, &taker), 1_000_500);
    assert_eq!(limit_at(6_000, &taker), 1_000_500 + 9_500 / 2);
    taker.terms[0] = 990_000;
    assert_eq!(limit_at(0, &taker), 990_000);
    assert_eq!(limit_at(9_000, &taker), 990_000 + 20_000 * 3 / 4);
}

#[test]
fn whom_a_taker_meets_depends_on_age_and_phase() {
    let market = market();
    let rules = Rules::of(&market, &exchange(), NOW).unwrap();
    let reason = |taker: &Order, maker: &Order| {
        let taker = Taker::of(taker, &key(1), 0, &market, &rules).unwrap();
        refusal(&taker, maker, &key(2), 0, &market, &rules).unwrap()
    };
    let resting = order(1, false, 1_000_000, 100);
    assert_eq!(reason(&resting, &order(1, true, 1_000_000, 99)), None);
    assert_eq!(reason(&resting, &order(1, true, 1_000_000, 101)), Some(SkipReason::Younger));
    let immediate = Order { time_in_force: TimeInForce::ImmediateOrCancel as u8, placed_slot: NOW.slot, ..resting };
    assert_eq!(reason(&immediate, &order(1, true, 1_000_000, NOW.slot - 1)), None);
    assert_eq!(reason(&immediate, &order(1, true, 1_000_000, NOW.slot)), Some(SkipReason::Younger));
    let both = [reason(&resting, &order(7, true, 1_000_000, 100)), {
        let taker = Taker::of(&order(7, true, 1_000_000, 100), &key(2), 0, &market, &rules).unwrap();
        refusal(&taker, &resting, &key(1), 0, &market, &rules).unwrap()
    }];
    // Of two orders of one slot the hash names exactly one maker.
    assert_eq!(both.iter().filter(|reason| reason.is_none()).count(), 1);
}

#[test]
fn a_maker_is_refused_for_its_own_reason() {
    let market = market();
    let rules = Rules::of(&market, &exchange(), NOW).unwrap();
    let taker = Taker::of(&order(1, false, 1_040_000, 100), &key(1), 0, &market, &rules).unwrap();
    let maker = order(9, true, 1_000_000, 50);
    let reason = |maker: &Order, epoch| refusal(&taker, maker, &key(2), epoch, &market, &rules).unwrap();
    assert_eq!(reason(&maker, 10), Some(SkipReason::Void));
    assert_eq!(reason(&Order { expiry_ms: NOW.ms, ..maker }, 0), Some(SkipReason::Expired));
    assert_eq!(reason(&Order { market_index: 4, ..maker }, 0), Some(SkipReason::Mismatch));
    assert_eq!(reason(&Order { flags: 0, ..maker }, 0), Some(SkipReason::Mismatch));
    assert_eq!(reason(&Order { taker_phase_s: 21, ..maker }, 0), Some(SkipReason::NotResting));
    assert_eq!(reason(&Order { price_ticks: 1_040_001, ..maker }, 0), Some(SkipReason::NotCrossing));
    assert!(rests(&maker, NOW));
}

#[test]
fn the_band_is_exact_and_the_status_decides_whether_a_market_matches() {
    let mut market = market();
    let rules = Rules::of(&market, &exchange(), NOW).unwrap();
    for (ticks, inside) in [(1_050_000, true), (1_050_001, false), (950_000, true), (949_999, false)] {
        assert_eq!(rules.inside_band(Ticks::new(ticks).unwrap()).unwrap(), inside, "{ticks}");
    }
    market.volatility_e9 = 1;
    let calm = Rules::of(&market, &exchange(), NOW).unwrap();
    assert!(!calm.inside_band(Ticks::new(1_025_001).unwrap()).unwrap());
    market.publish_time_ms = NOW.ms - 10_001;
    refused(Rules::of(&market, &exchange(), NOW), EvertideError::OracleValidityForbids);
    market.publish_time_ms = NOW.ms;
    market.status = MarketStatus::PostOnly as u8;
    refused(Rules::of(&market, &exchange(), NOW), EvertideError::MarketCannotMatch);
    market.status = MarketStatus::ReduceOnly as u8;
    assert!(Rules::of(&market, &exchange(), NOW).unwrap().reduce_only);
}

#[test]
fn makers_come_in_priority_order_and_none_twice() {
    let mut guard = PriorityGuard::default();
    guard.admit(Side::Ask, &order(1, true, 100, 5), &key(1)).unwrap();
    guard.admit(Side::Ask, &order(2, true, 101, 3), &key(2)).unwrap();
    guard.admit(Side::Ask, &order(3, true, 101, 4), &key(3)).unwrap();
    refused(guard.admit(Side::Ask, &order(3, true, 101, 4), &key(3)), EvertideError::MakerPriorityViolated);
    let mut guard = PriorityGuard::default();
    guard.admit(Side::Bid, &order(1, false, 100, 5), &key(1)).unwrap();
    refused(guard.admit(Side::Bid, &order(2, false, 101, 5), &key(1)), EvertideError::MakerPriorityViolated);
}

#[test]
fn a_fill_moves_cash_entry_claims_and_open_interest_together() {
    let (mut market, mut user) = (market(), user(0));
    let slot = hold(&mut user, &mut market, 10);
    let terms = FillTerms {
        size: Lots::new(15).unwrap(),
        price: Ticks::new(1_100_000).unwrap(),
        tick_value: AtomsPerLotTick::new(1).unwrap(),
    };
    let filled = preview(&user.positions[slot], Side::Ask, &terms).unwrap();
    let interest = OpenInterest::of(&market).moved(10, filled.holding.size.get()).unwrap();
    write(&mut user.positions[slot], &mut market, &filled, 7).unwrap();
    interest.store(&mut market);
    let position = &user.positions[slot];
    assert_eq!((position.basis_lots, position.cash_atoms), (-5, -10 * USD + 15 * 1_100_000 - 7));
    assert_eq!((position.entry_atoms, market.claims_atoms), (-5 * 1_100_000, position.cash_atoms));
    assert_eq!((market.open_interest_lots, market.position_count), ([0, 5], [0, 1]));
}

#[test]
fn a_reducing_fill_needs_maintenance_or_a_fair_price_with_equity() {
    let mut market = market();
    let exposure = |worst: u64, increases| Exposure { side: Side::Ask, increases, worst: Ticks::new(worst).unwrap() };
    let mut holds = |quote: i64, exposure: &Exposure| {
        let mut user = user(quote);
        hold(&mut user, &mut market, 1_000);
        let cache = cache(&market);
        margin_holds(&user, &cache, &market, exposure, MarginKind::Initial, NOW.ms).unwrap().holds
    };
    assert!(holds(100 * USD, &exposure(1_000_000, true)));
    assert!(!holds(100 * USD - 1, &exposure(1_000_000, true)));
    assert!(holds(50 * USD, &exposure(900_000, false)));
    assert!(!holds(50 * USD - 1, &exposure(989_999, false)));
    assert!(holds(0, &exposure(990_000, false)));
    assert!(!holds(-1, &exposure(990_000, false)));
}

#[test]
fn shares_never_exceed_nine_tenths_of_the_charge_and_the_split_is_whole() {
    let exchange = exchange();
    let terms = fee_terms(&exchange, Earners::default());
    for notional in [1, 9_999, 1_000_000, 123_456_789_012] {
        let fees = fill_fees(&terms, Atoms::new(notional).unwrap()).unwrap();
        let split = &fees.split;
        let given = split.rebate.get() + split.keeper.get();
        assert_eq!(fees.taker_atoms, (notional * 500 + 999_999) / 1_000_000);
        assert_eq!(fees.maker_atoms, -split.rebate.get());
        assert_eq!(given + split.protocol.get(), fees.taker_atoms);
        assert!(given * 10 <= fees.taker_atoms * 9);
    }
}

#[test]
fn volume_decays_by_the_hour_and_opens_the_next_tier() {
    let (exchange, mut user) = (exchange(), user(0));
    add_volume(&mut user, 1_000_000_000_000, NOW.ms).unwrap();
    let taker_fee = |user: &_, ms| tier_of(&exchange, user, ms).unwrap().taker_fee_tenth_bps;
    assert_eq!(taker_fee(&user, NOW.ms), 40);
    assert_eq!(taker_fee(&user, NOW.ms + HOUR_MS), 50);
    add_volume(&mut user, 0, NOW.ms + 360 * HOUR_MS + 5).unwrap();
    assert_eq!((user.volume_30d_atoms, user.volume_updated_ms), (500_000_000_000, NOW.ms + 360 * HOUR_MS));
}
