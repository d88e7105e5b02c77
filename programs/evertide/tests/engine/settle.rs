//! Settling: losses first, profits as far as the pool reaches, debt within its room.

use bytemuck::Zeroable;
use evertide::engine::settle::{self, plan, Caller};
use evertide::state::{Collateral, CollateralSlot, Market, User};
use evertide_math::settle::SettleInput;

use crate::common::{cache, exchange, hold, market, user, INDEX_Q32, NOW, USD};

fn quote(total_usd: u64) -> Collateral {
    Collateral { total_atoms: total_usd * 1_000_000, ..Collateral::zeroed() }
}

/// What moves into the quote balance by anyone's call.
fn apply(market: &mut Market, user: &mut User, slot: usize, input: &Option<SettleInput>) -> anchor_lang::Result<i64> {
    settle::apply(market, user, slot, input, Caller::Anyone).map(|(amount, _)| amount)
}

#[test]
fn a_loss_is_taken_from_the_quote_balance_into_the_pool() {
    let (mut market, mut user) = (market(), user(1_000 * USD));
    let slot = hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].mark_price_q32 = INDEX_Q32 / 100 * 90;
    let planned = plan(&exchange(), &cache, &market, &user, &quote(10_000), slot, NOW).unwrap();
    let amount = apply(&mut market, &mut user, slot, &planned).unwrap();
    assert_eq!((amount, market.pool_atoms), (-100 * USD, 100 * USD as u64));
    assert_eq!(user.positions[slot].cash_atoms, -900 * USD);
}

#[test]
fn a_profit_waits_for_the_pool_and_unrealised_profit_is_never_paid() {
    let (mut market, mut user) = (market(), user(0));
    let slot = hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].mark_price_q32 = INDEX_Q32 / 100 * 120;
    cache.markets[3].twap_price_q32 = INDEX_Q32 / 100 * 120;
    market.pool_atoms = 500 * USD as u64;
    let planned = plan(&exchange(), &cache, &market, &user, &quote(10_000), slot, NOW).unwrap();
    assert_eq!(apply(&mut market, &mut user, slot, &planned).unwrap(), 0);
    // 30 dollars realised, 20 in the pool.
    user.positions[slot].cash_atoms += 30 * USD;
    market.pool_atoms = 20 * USD as u64;
    let planned = plan(&exchange(), &cache, &market, &user, &quote(10_000), slot, NOW).unwrap();
    assert_eq!(apply(&mut market, &mut user, slot, &planned).unwrap(), 20 * USD);
    assert_eq!(market.pool_atoms, 0);
}

#[test]
fn new_debt_stays_within_a_fifth_of_weighted_collateral_and_a_tenth_of_the_vault() {
    let (mut market, mut user) = (market(), user(10 * USD));
    let slot = hold(&mut user, &mut market, 1_000);
    let mut cache = cache(&market);
    cache.markets[3].mark_price_q32 = INDEX_Q32 / 100 * 50;
    user.collaterals[0] = CollateralSlot { amount_atoms: 1_000_000, collateral_index: 1, ..CollateralSlot::default() };
    let row = &mut cache.collaterals[1];
    (row.price_q48, row.twap_q48, row.weight_initial_bps) = (1_000 << 48, 1_000 << 48, 10_000);
    (row.publish_time_ms, row.updated_ms) = (NOW.ms, NOW.ms);
    let settle = |cache: &_, vault_usd: u64| {
        let (mut market, mut user) = (market.clone(), user.clone());
        let planned = plan(&exchange(), cache, &market, &user, &quote(vault_usd), slot, NOW).unwrap();
        apply(&mut market, &mut user, slot, &planned).unwrap()
    };
    // 1,000 dollars of collateral: 200 of debt beside the 10 of quote.
    assert_eq!(settle(&cache, 1_000_000), -210 * USD);
    assert_eq!(settle(&cache, 500), -60 * USD);
    cache.collaterals[1].updated_ms = NOW.ms - 10_000;
    assert_eq!(settle(&cache, 1_000_000), -10 * USD);
}

#[test]
fn a_price_that_may_not_settle_moves_nothing() {
    let (mut market, mut user) = (market(), user(1_000 * USD));
    let slot = hold(&mut user, &mut market, 1_000);
    market.validity = evertide_math::oracle::TOO_VOLATILE;
    let planned = plan(&exchange(), &cache(&market), &market, &user, &quote(10_000), slot, NOW).unwrap();
    assert!(planned.is_none());
    assert_eq!(apply(&mut market, &mut user, slot, &planned).unwrap(), 0);
}

#[test]
fn while_a_deficit_is_open_every_owner_is_paid_the_same_part_in_any_order() {
    // The pool backs nine tenths of two claims of 50.
    let start = || {
        let mut market = market();
        (market.pool_atoms, market.deficit_atoms, market.claims_atoms) = (90, 10, 100);
        market
    };
    let winner = || {
        let (mut market, mut user) = (market(), user(0));
        let slot = hold(&mut user, &mut market, 0);
        user.positions[slot].cash_atoms = 50;
        (user, slot)
    };
    let settle = |market: &mut Market, user: &mut User, slot: usize, caller: Caller| {
        let planned = plan(&exchange(), &cache(market), market, user, &quote(10_000), slot, NOW).unwrap();
        settle::apply(market, user, slot, &planned, caller).unwrap()
    };
    let mut market = start();
    let ((mut first, slot), (mut second, _)) = (winner(), winner());
    assert_eq!(
        settle(&mut market, &mut first, slot, Caller::Anyone),
        (0, 0),
        "nobody else gives up a claim of a winner"
    );
    assert_eq!(settle(&mut market, &mut first, slot, Caller::Owner), (45, 5));
    assert_eq!(settle(&mut market, &mut first, slot, Caller::Owner), (0, 0), "a second call finds no claim");
    assert_eq!(settle(&mut market, &mut second, slot, Caller::Owner), (45, 5));
    assert_eq!((market.pool_atoms, market.deficit_atoms, market.claims_atoms), (0, 0, 0));
}

#[test]
fn a_backstops_profit_repays_the_deficit_first() {
    let (mut market, mut user) = (market(), user(0));
    let slot = hold(&mut user, &mut market, 0);
    (market.pool_atoms, market.deficit_atoms, market.claims_atoms) = (90, 10, 100);
    user.positions[slot].cash_atoms = 50;
    let planned = plan(&exchange(), &cache(&market), &market, &user, &quote(10_000), slot, NOW).unwrap();
    assert_eq!(settle::apply(&mut market, &mut user, slot, &planned, Caller::Backstop).unwrap(), (40, 10));
    assert_eq!((market.pool_atoms, market.deficit_atoms, market.claims_atoms), (50, 0, 50));
}
