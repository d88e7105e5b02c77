//! Builders and referrers: the table's entries, the parts of a charge, and what a claim is worth.

use anchor_lang::prelude::Address;
use evertide::engine::fees::fill_fees;
use evertide::engine::rewards::{check, note_paid, owed_rewards, pay_out, registered, set, Earners, Payee, Payment};
use evertide::state::{Exchange, MarketStatus, Order, BUILDERS_MAX};
use evertide::EvertideError;
use evertide_math::Atoms;

use crate::common::{exchange, fee_terms, market, refused, user};

const NOBODY: [u8; 32] = [0; 32];

fn with_markets(count: u16) -> Box<Exchange> {
    let mut exchange = exchange();
    exchange.market_count = count;
    exchange
}

fn is_free(exchange: &Exchange, at: usize) -> bool {
    exchange.builders[at].user == Address::default()
}

#[test]
fn an_entry_is_registered_retired_paid_and_free_again_under_another_code() {
    for at in 0..BUILDERS_MAX {
        let mut exchange = with_markets(3);
        assert_eq!(registered(&exchange, at as u8 + 1), None);
        set(&mut exchange, at, &[7; 32]).unwrap();
        let code = at as u8 + 1;
        assert_eq!((registered(&exchange, code), registered(&exchange, 0)), (Some(at), None));
        refused(check(&exchange, at, &[8; 32]), EvertideError::BuilderEntryTaken);
        check(&exchange, at, &NOBODY).unwrap();
        set(&mut exchange, at, &NOBODY).unwrap();
        assert_eq!((registered(&exchange, code), exchange.builders[at].unpaid_markets), (None, 0b111));
        refused(check(&exchange, at, &NOBODY), EvertideError::BuilderRetired);
        refused(check(&exchange, at, &[8; 32]), EvertideError::BuilderEntryTaken);
        for (index, free) in [(1, false), (1, false), (0, false), (2, true)] {
            note_paid(&mut exchange, at, index).unwrap();
            assert_eq!(is_free(&exchange, at), free);
        }
        check(&exchange, at, &[8; 32]).unwrap();
        set(&mut exchange, at, &[8; 32]).unwrap();
        assert_eq!((registered(&exchange, code), registered(&exchange, code + 8)), (None, Some(at)));
    }
}

#[test]
fn an_entry_has_thirty_one_codes_and_none_twice() {
    let mut exchange = with_markets(0);
    let mut seen = Vec::new();
    for at in 0..BUILDERS_MAX {
        while check(&exchange, at, &[7; 32]).is_ok() {
            set(&mut exchange, at, &[7; 32]).unwrap();
            seen.push(exchange.builders[at].code);
            // Without a market nobody owes anything: it is free at once.
            set(&mut exchange, at, &NOBODY).unwrap();
            assert!(is_free(&exchange, at));
        }
        refused(check(&exchange, at, &[7; 32]), EvertideError::BuilderEntryTaken);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=255).collect::<Vec<u8>>());
}

#[test]
fn every_listed_market_is_marked_when_a_builder_retires() {
    for count in [1, 47, 48] {
        let mut exchange = with_markets(count);
        set(&mut exchange, 2, &[7; 32]).unwrap();
        set(&mut exchange, 2, &NOBODY).unwrap();
        assert_eq!(exchange.builders[2].unpaid_markets.count_ones(), u32::from(count));
        note_paid(&mut exchange, 2, 63).unwrap();
        assert!(!is_free(&exchange, 2));
        for index in 0..count {
            note_paid(&mut exchange, 2, index).unwrap();
            assert_eq!(is_free(&exchange, 2), index + 1 == count);
        }
    }
}

#[test]
fn an_order_earns_for_the_code_it_names_and_the_taker_s_referrer() {
    let mut exchange = with_markets(1);
    exchange.terms.referrer_share_bps = 1_500;
    set(&mut exchange, 4, &[7; 32]).unwrap();
    let mut taker = user(0);
    let order = Order { builder_plus_one: 5, terms: [0, 0, 20 << 16], ..Order::default() };
    let builder = Some((4, 20));
    assert_eq!(Earners::of(&exchange, &taker, &order), Earners { builder, referrer_share_bps: 0 });
    taker.referrer = Address::new_from_array([9; 32]);
    assert_eq!(Earners::of(&exchange, &taker, &order), Earners { builder, referrer_share_bps: 1_500 });
    set(&mut exchange, 4, &NOBODY).unwrap();
    assert_eq!(Earners::of(&exchange, &taker, &order).builder, None);
}

#[test]
fn the_parts_of_every_charge_sum_to_it_and_leave_the_protocol_a_tenth() {
    let mut exchange = exchange();
    for (keeper_bps, referrer_bps) in [(1_000, 500), (9_000, 0), (0, 9_000), (4_500, 4_500)] {
        exchange.terms.keeper_share_bps = keeper_bps;
        for fee in [0, 1, 10, 50] {
            for notional in [1, 9_999, 1_000_000, 123_456_789_012] {
                let earners = Earners { builder: Some((0, fee)), referrer_share_bps: referrer_bps };
                let terms = fee_terms(&exchange, earners);
                let fees = fill_fees(&terms, Atoms::new(notional).unwrap()).unwrap();
                let split = &fees.split;
                let due = (notional * i64::from(fee) * 10 + 999_999) / 1_000_000;
                assert_eq!(fees.builder_fee_atoms, due.unsigned_abs(), "rounded up, once");
                let given = split.rebate.get() + split.builder.get() + split.keeper.get() + split.referrer.get();
                assert_eq!(given + split.protocol.get(), fees.taker_atoms + fees.maker_atoms.max(0));
                assert!(given * 10 <= fees.taker_atoms * 9 && split.builder.get() <= due);
            }
        }
    }
}

#[test]
fn a_claim_is_paid_as_far_as_the_pool_reaches() {
    let (exchange, mut market) = (exchange(), market());
    (market.pool_atoms, market.referral_owed_atoms) = (30, 40);
    market.builder_owed_atoms = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(owed_rewards(&market).unwrap(), 76);
    assert_eq!(pay_out(&mut market, &exchange, 40, Payee::Waits).unwrap(), Payment { paid: 30, ..Payment::default() });
    assert_eq!(market.pool_atoms, 0);
    refused(pay_out(&mut market, &exchange, 10, Payee::Waits), EvertideError::RewardPoolEmpty);
    let fees = market.pending_fees_atoms;
    assert_eq!(pay_out(&mut market, &exchange, 10, Payee::Closed).unwrap(), Payment { kept: 10, ..Payment::default() });
    assert_eq!(market.pending_fees_atoms, fees + 10);
}

/// What is paid of a claim beside a deficit for good is the same part for everybody, rounded against who is paid.
#[test]
fn a_deficit_is_waited_for_until_the_market_is_closed() {
    let (exchange, mut market) = (exchange(), market());
    (market.pool_atoms, market.deficit_atoms) = (70, 30);
    refused(pay_out(&mut market, &exchange, 9, Payee::Waits), EvertideError::RewardBehindDeficit);
    let mut chosen = market.clone();
    let payment = pay_out(&mut chosen, &exchange, 9, Payee::Takes).unwrap();
    assert_eq!(payment, Payment { paid: 6, given_up: 3, kept: 0 });
    market.status = MarketStatus::Closed as u8;
    let payment = pay_out(&mut market, &exchange, 9, Payee::Waits).unwrap();
    assert_eq!(payment, Payment { paid: 6, given_up: 3, kept: 0 });
    assert_eq!((market.pool_atoms, market.deficit_atoms, payment.sum().unwrap()), (64, 27, 9));
    let payment = pay_out(&mut market, &exchange, 1_000, Payee::Waits).unwrap();
    assert_eq!((payment.paid, payment.given_up, market.pool_atoms, market.deficit_atoms), (64, 27, 0, 0));
}
