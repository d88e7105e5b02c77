//! `check_invariants`, `extend_account`, and the cap of the whole exchange.

use evertide_vm_tests::{
    call::Call,
    exchange::{collateral, exchange, insurance, market, risk_cache, vault},
    state::{permissions, Collateral, Exchange, Insurance, Market, MarketStatus, RiskCache, User},
    terms::{PRICES, USD},
    tests,
    token::token_account,
    traders::{limit, post_only, Trader},
    world::{key, World},
};

use crate::{downfall::number, match_orders::stage};

tests!(
    true_costs_nothing_and_changes_nothing,
    false_stops_the_market_and_pays,
    a_short_vault_takes_no_deposits,
    every_invariant_is_seen,
    the_bounty_needs_consent_and_fees,
    known_already_pays_nothing,
    extends_an_older_account,
    extending_refuses,
    v31_the_exchange_s_cap_binds_all_markets,
);

/// What a check returned.
fn holds(world: &mut World, call: &Call) -> bool {
    world.ok(call).meta.return_data.data == [1]
}

fn traded() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 1_000);
    (world, alice, bob)
}

fn true_costs_nothing_and_changes_nothing() {
    let (mut world, alice, bob) = traded();
    let before = world.snapshot();
    for index in [0, 1] {
        for asset in [0, 1] {
            let call = world.check_invariants(index, asset, None);
            assert!(holds(&mut world, &call), "market {index}, asset {asset}");
        }
    }
    world.assert_unchanged(&before, "check_invariants");
    world.trade(0, &bob, &alice, 495_000, 1_000);
    for trader in [&alice, &bob] {
        world.ok(&world.settle_pnl(0, trader.user));
    }
    let call = world.check_invariants(0, 0, None);
    assert!(holds(&mut world, &call), "with nothing open the books are compared");
}

fn false_stops_the_market_and_pays() {
    let (mut world, alice, _) = traded();
    let carol = world.funded("carol", 10);
    world.edit::<Market>(market(0), |state| {
        state.open_interest_lots[0] += 1;
        state.pending_fees_atoms = 150 * USD;
    });
    let call = world.check_invariants(0, 0, Some(&carol));
    let outcome = world.ok(&call);
    assert_eq!(outcome.meta.return_data.data, [0], "false");
    let event = outcome.event("InvariantBroken");
    assert_eq!((number(&event, "invariant"), number(&event, "found"), number(&event, "bound")), (1, 1_001, 1_000));
    assert_eq!(number(&event, "bounty_atoms"), 100_000_000);
    assert_eq!(world.position(&carol, 0).map(|position| position.cash_atoms), Some(100_000_000));
    assert_eq!(world.market(0).pending_fees_atoms, 50 * USD);
    assert_eq!(world.cache().markets[0].status, MarketStatus::ReduceOnly as u8);
    world.pass(1, &PRICES);
    world.fails(&world.place_orders(&alice, &[limit(0, false, 400_000, 1)]), "MarketStatusForbids");
    assert_eq!(world.collateral(0).status, 0, "the asset's own totals are right");
}

fn a_short_vault_takes_no_deposits() {
    let (mut world, alice, _) = traded();
    let held = world.tokens(&vault(0));
    world.set(vault(0), token_account(world.mints[0], exchange(), held - 1));
    // The trade's fees are claims on the pool, not yet in the vault: an atom less than the balances is an atom short.
    let event = world.ok(&world.check_invariants(0, 0, None)).event("InvariantBroken");
    assert_eq!((number(&event, "invariant"), number(&event, "collateral_status")), (6, 1));
    world.fails(&world.deposit(&alice, 0, USD), "DepositsClosed");
    world.ok(&world.withdraw(&alice, 0, USD));
}

fn every_invariant_is_seen() {
    type Break = fn(&mut World);
    let breaks: [(i64, Break); 8] = [
        (1, |world| world.edit::<Market>(market(0), |state| state.open_interest_lots[1] += 1)),
        (2, |world| world.edit::<Market>(market(0), |state| state.dropped_q16[0] = 1_001 << 16)),
        (2, |world| world.edit::<Market>(market(0), |state| state.a[1] = (1 << 48) + 1)),
        (4, |world| world.edit::<Market>(market(0), |state| state.pending_insurance_atoms = u64::MAX / 2)),
        (5, |world| world.edit::<Market>(market(0), |state| state.bankruptcies_open = 1)),
        (6, |world| world.edit::<Insurance>(insurance(), |state| state.balance_atoms += 1)),
        (7, |world| world.edit::<Collateral>(collateral(0), |state| state.queued_atoms = 1 << 60)),
        (8, |world| world.edit::<Insurance>(insurance(), |state| state.tranche_atoms = state.balance_atoms + 1)),
    ];
    for (code, spoil) in breaks {
        let (mut world, ..) = traded();
        spoil(&mut world);
        let event = world.ok(&world.check_invariants(0, 0, None)).event("InvariantBroken");
        assert_eq!(number(&event, "invariant"), code);
        assert_eq!(world.market(0).status, MarketStatus::ReduceOnly as u8);
    }
    let mut world = World::open();
    let sequence = world.market(1).sequence as i64;
    world.edit::<Market>(market(1), |state| state.claims_atoms = sequence * 32);
    let call = world.check_invariants(1, 0, None);
    assert!(holds(&mut world, &call), "the roundings of the events so far are counted");
    world.edit::<Market>(market(1), |state| state.claims_atoms += 1);
    let event = world.clone().ok(&call).event("InvariantBroken");
    assert_eq!(number(&event, "invariant"), 3);
    // What builders and referrers are owed is a claim like any other.
    for owe in
        [|state: &mut Market| state.builder_owed_atoms[7] = 1, |state: &mut Market| state.referral_owed_atoms = 1]
    {
        let mut world = world.clone();
        world.edit::<Market>(market(1), |state| state.claims_atoms -= 1);
        assert!(holds(&mut world.clone(), &call));
        world.edit::<Market>(market(1), owe);
        let event = world.ok(&call).event("InvariantBroken");
        assert_eq!(number(&event, "invariant"), 3);
    }
}

fn the_bounty_needs_consent_and_fees() {
    let (mut world, alice, bob) = traded();
    world.edit::<Market>(market(0), |state| state.pending_insurance_atoms = state.pending_fees_atoms + 1);
    let fees = world.market(0).pending_fees_atoms as i64;
    let call = world.check_invariants(0, 0, Some(&bob)).with("keeper", alice.authority);
    world.fails(&call, "NotAuthorityOrDelegate");
    world.fails(&call.clone().with("vault", vault(1)), "WrongVault");
    world.ok(&world.set_delegate(&bob, alice.authority, permissions::LIQUIDATE, 0));
    let event = world.ok(&call).event("InvariantBroken");
    assert_eq!((number(&event, "bounty_atoms"), number(&event, "pending_fees_atoms")), (fees, 0));
    assert_eq!(world.market(0).pending_insurance_atoms, 0);
}

fn known_already_pays_nothing() {
    let (mut world, _, bob) = traded();
    world.edit::<Market>(market(0), |state| state.open_interest_lots[0] += 1);
    world.ok(&world.check_invariants(0, 0, None));
    let call = world.check_invariants(0, 0, Some(&bob));
    let before = world.snapshot();
    let outcome = world.ok(&call);
    assert!(outcome.events().is_empty());
    world.assert_unchanged(&before, "a second check");
}

/// An account as an older program would have left it: an earlier version, and bytes missing at its end.
fn older(world: &mut World, address: solana_address::Address, bytes: usize) {
    world.forge(address, |data| {
        data[8] = 0;
        data.truncate(bytes);
    });
}

fn extends_an_older_account() {
    let (mut world, alice, _) = traded();
    let (before, payer) = (world.user(&alice), key("payer of rent"));
    world.fund(payer);
    for (address, bytes) in [(alice.user, 1_600), (alice.orders, 3_000), (market(0), 900), (risk_cache(), 9_000)] {
        let whole = world.vm.get_account(&address).expect("an account").data;
        older(&mut world, address, bytes);
        world.edit_lamports(address, 1_000_000);
        let event = world.ok(&world.extend_account(payer, address)).event("AccountExtended");
        assert_eq!((number(&event, "from_bytes"), number(&event, "bytes")), (bytes as i64, whole.len() as i64));
        let now = world.vm.get_account(&address).expect("an account");
        assert_eq!((now.data.len(), now.data[8]), (whole.len(), 1));
        assert_eq!(now.data[..bytes], whole[..bytes]);
        assert!(now.data[bytes..].iter().all(|byte| *byte == 0));
        assert!(now.lamports > 1_000_000, "the payer brought the rent");
    }
    assert_eq!(world.user(&alice).quote_atoms, before.quote_atoms);
}

fn extending_refuses() {
    let (mut world, alice, _) = traded();
    let payer = key("payer of rent");
    for address in [alice.user, alice.orders, market(0), exchange(), insurance(), collateral(0), risk_cache()] {
        world.fails(&world.extend_account(payer, address), "AccountUpToDate");
    }
    for address in [vault(0), world.mints[0], alice.authority] {
        world.fails(&world.extend_account(payer, address), "RemainingAccountInvalid");
    }
    // A version that is not older keeps its length, and an older one that has the length is not cut.
    world.forge(alice.user, |data| data.truncate(1_600));
    world.fails(&world.extend_account(payer, alice.user), "AccountUpToDate");
    world.forge(alice.orders, |data| data[8] = 0);
    world.fails(&world.extend_account(payer, alice.orders), "AccountUpToDate");
    world.forge(alice.orders, |data| data[0] ^= 1);
    world.fails(&world.extend_account(payer, alice.orders), "RemainingAccountInvalid");
}

/// The cap on open interest of all markets together: $50,000 of BTC are counted when ETH would grow.
fn v31_the_exchange_s_cap_binds_all_markets() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    world.pass(1, &PRICES);
    assert_eq!(world.cache().open_interest_thousand_usd, 50);
    world.edit::<Exchange>(exchange(), |state| state.terms.exchange_notional_max_atoms = 60_000 * USD);
    let pair = |world: &mut World, index: u16, price: u64, lots: u64| {
        let maker = world.place(&alice, post_only(index, false, price, lots));
        world.advance_slots(1);
        let taker = world.place(&bob, limit(index, true, price, lots));
        world.match_orders(index, &bob, taker, &[(&alice, maker)])
    };
    for (index, price, lots) in [(1, 300_000, 3_400), (0, 500_000, 2_200)] {
        let mut there = world.clone();
        let call = pair(&mut there, index, price, lots);
        there.fails(&call, "ExchangeNotionalExceeded");
    }
    let call = pair(&mut world, 1, 300_000, 3_300);
    world.ok(&call);
    world.pass(1, &PRICES);
    assert_eq!(world.cache().open_interest_thousand_usd, 60);
    // Whatever shrinks is free, beyond the cap too.
    world.edit::<Exchange>(exchange(), |state| state.terms.exchange_notional_max_atoms = USD);
    world.trade(0, &bob, &alice, 500_000, 10_000);
    world.pass(1, &PRICES);
    assert_eq!(world.cache().open_interest_thousand_usd, 10);
    assert_eq!(world.user(&alice).position_count, world.read::<User>(&bob.user).position_count);
    world.edit::<RiskCache>(risk_cache(), |cache| cache.open_interest_thousand_usd = 0);
}
