//! Funding in time: hours are cut, nothing is charged twice or at a later rate; mark and premium follow the evidence.

use evertide::engine::{funding, mark};
use evertide::guards::clock::HOUR_MS;
use evertide::guards::Now;
use evertide::state::{Evidence, Market};

use crate::common::{market, INDEX_Q32, NOW};

fn at(ms: i64) -> Now {
    Now { ms: NOW.ms + ms, slot: NOW.slot }
}

fn shown(market: &mut Market, bid_ticks: u64, ask_ticks: u64, shown_ms: i64) {
    for (side, ticks) in [bid_ticks, ask_ticks].into_iter().enumerate() {
        market.evidence[side] =
            Evidence { order_id: 1, price_ticks: ticks, impact_ticks: ticks, shown_ms, ..Evidence::default() };
    }
}

#[test]
fn many_small_accruals_charge_what_one_large_one_does() {
    let (mut often, mut once) = (market(), market());
    for market in [&mut often, &mut once] {
        market.funding_rate_e9 = 12_345;
    }
    for second in 1..=1_800 {
        funding::accrue(&mut often, at(second * 1_000)).unwrap();
    }
    funding::accrue(&mut once, at(1_800_000)).unwrap();
    assert_eq!((often.j, often.funding_remainder), (once.j, once.funding_remainder));
    // Half an hour of 12,345e-9 an hour on a dollar: 6.1725 atoms a lot, the last bit carried.
    let per_lot = -once.j[0].get();
    assert_eq!((per_lot * 1_000_000) >> 48, 6_172_499);
    assert_eq!(once.j[0], once.j[1]);
}

#[test]
fn accruing_again_at_the_same_time_changes_nothing() {
    let mut market = market();
    market.funding_rate_e9 = 12_345;
    funding::accrue(&mut market, at(5_000)).unwrap();
    let before = market.j;
    funding::accrue(&mut market, at(5_000)).unwrap();
    funding::accrue(&mut market, at(4_000)).unwrap();
    assert_eq!((market.j, market.accrued_ms), (before, NOW.ms + 5_000));
}

#[test]
fn a_rate_holds_to_its_hour_and_the_next_is_fixed_from_that_hour() {
    let mut market = market();
    market.funding_rate_e9 = 80_000;
    market.premium_e9 = 2_000_000;
    shown(&mut market, 1_002_000, 1_003_000, NOW.ms + HOUR_MS);
    funding::accrue(&mut market, at(HOUR_MS + HOUR_MS / 2)).unwrap();
    // The hour: 0.2 % premium all along; interest pulls at most 0.05 % back; an eighth of it an hour.
    assert_eq!(market.funding_rate_e9, (2_000_000 - 500_000) / 8);
    let half_new = i128::from(market.funding_rate_e9) / 2;
    let expected = ((80_000 + half_new) << 48) * 1_000_000 / 1_000_000_000;
    let charged = -market.j[0].get();
    assert!((charged - expected).abs() <= 1 << 20, "{charged} {expected}");
}

#[test]
fn a_long_silence_charges_each_hour_once_and_ends_at_the_interest_rate() {
    let (mut jumped, mut walked) = (market(), market());
    for market in [&mut jumped, &mut walked] {
        market.premium_e9 = 2_000_000;
        shown(market, 1_002_000, 1_003_000, NOW.ms);
    }
    let end = 30 * HOUR_MS + 1_234_000;
    funding::accrue(&mut jumped, at(end)).unwrap();
    for minute in 1..=(end / 60_000) {
        funding::accrue(&mut walked, at(minute * 60_000)).unwrap();
    }
    funding::accrue(&mut walked, at(end)).unwrap();
    assert_eq!((jumped.j, jumped.funding_hour_ms), (walked.j, walked.funding_hour_ms));
    assert_eq!((jumped.funding_rate_e9, jumped.accrued_ms), (100_000 / 8, NOW.ms + end));
}

#[test]
fn the_premium_needs_both_sides_and_dies_with_its_evidence() {
    let mut market = market();
    shown(&mut market, 1_001_000, 1_002_000, NOW.ms);
    funding::refresh_premium(&mut market, NOW.ms).unwrap();
    assert_eq!(market.premium_e9, 1_000_000);
    funding::refresh_premium(&mut market, NOW.ms + 30_000).unwrap();
    assert_eq!(market.premium_e9, 0);
    market.evidence[1] = Evidence::default();
    funding::refresh_premium(&mut market, NOW.ms).unwrap();
    assert_eq!(market.premium_e9, 0);
}

#[test]
fn the_hourly_ring_keeps_one_mark_for_every_hour_that_began() {
    let mut market = market();
    funding::accrue(&mut market, at(3 * HOUR_MS)).unwrap();
    assert_eq!(market.hourly_mark_q32.iter().filter(|mark| **mark == INDEX_Q32).count(), 3);
}

#[test]
fn a_mark_without_a_book_returns_to_the_index() {
    let mut market = market();
    market.basis_ema_q32 = (INDEX_Q32 / 200) as i64;
    mark::refresh(&mut market, at(75_000)).unwrap();
    assert_eq!(market.mark_price_q32, INDEX_Q32 + INDEX_Q32 / 400);
    mark::refresh(&mut market, at(75_000 + 150_000)).unwrap();
    assert_eq!((market.basis_ema_q32, market.mark_price_q32), (0, INDEX_Q32));
}

#[test]
fn a_far_book_moves_the_mark_no_further_than_its_radius() {
    let mut market = market();
    market.last_fill_ticks = 1_400_000;
    for step in 1..=10 {
        shown(&mut market, 1_300_000, 1_400_000, NOW.ms + step * 30_000);
        mark::refresh(&mut market, at(step * 30_000)).unwrap();
    }
    assert_eq!(market.mark_price_q32, INDEX_Q32 + INDEX_Q32 / 100);
    assert!(market.mark_twap_q32 > INDEX_Q32 && market.mark_twap_q32 <= market.mark_price_q32);
    assert!(market.mark_twap_hour_q32 < market.mark_twap_q32);
}
