//! `stake_insurance`, `request_unstake`, `claim_unstake`.

use evertide_vm_tests::{
    exchange::{collateral, exchange, insurance, vault},
    money::stake_of,
    state::{Exchange, Insurance, User},
    terms::USD,
    tests,
    token::token_account,
    traders::Trader,
    world::{key, World},
};

use crate::{
    downfall::{Downfall, BANKRUPT, LOTS},
    match_orders::stage,
};

tests!(
    stakes_and_leaves_after_thirteen_days,
    staking_refuses,
    requests_refuse_and_replace,
    claiming_refuses,
    v13_a_first_staker_cannot_inflate,
    v13_round_trips_never_gain,
    fees_lift_shares_and_gifts_do_not,
    a_bankruptcy_hits_requested_shares_alike,
    a_request_gains_nothing_while_it_waits,
    an_open_bankruptcy_holds_back_its_amount_only,
    a_hold_back_ends_after_48_h,
    a_spent_fund_takes_no_stake,
);

const DAY_S: i64 = 86_400;

/// The fund after fund_insurance of $100,000, $20,000 of it tranche.
fn fund(world: &World) -> Insurance {
    world.insurance()
}

/// Staking `usd` in whole, then asking it all out.
fn asked(world: &mut World, who: &Trader, usd: u64) {
    world.ok(&world.stake_insurance(who, usd * USD));
    world.ok(&world.request_unstake(who, world.stake(who).shares));
}

/// What a claim pays, atoms.
fn claimed(world: &mut World, who: &Trader) -> u64 {
    let held = world.tokens(&who.tokens[0]);
    world.ok(&world.claim_unstake(who));
    world.tokens(&who.tokens[0]) - held
}

fn stakes_and_leaves_after_thirteen_days() {
    let (mut world, alice, _) = stage();
    let before = fund(&world);
    let event = world.ok(&world.stake_insurance(&alice, 1_000 * USD)).event("InsuranceStaked");
    assert_eq!(event["shares"].as_u64(), Some(1_000 * USD), "a share is an atom while the fund is only the exchange's");
    assert_eq!(fund(&world).protocol_shares, 80_000 * USD, "the tranche belongs to no share");
    assert_eq!(fund(&world).balance_atoms, before.balance_atoms + 1_000 * USD);
    world.ok(&world.request_unstake(&alice, 600 * USD));
    world.fails(&world.claim_unstake(&alice), "UnstakeNotDue");
    world.advance(13 * DAY_S - 1);
    world.fails(&world.claim_unstake(&alice), "UnstakeNotDue");
    world.advance(1);
    assert_eq!(claimed(&mut world, &alice), 600 * USD);
    let state = world.stake(&alice);
    assert_eq!((state.shares, state.requested_shares, state.claimable_ms), (400 * USD, 0, 0));
    world.ok(&world.request_unstake(&alice, 400 * USD));
    world.advance(13 * DAY_S);
    assert_eq!(claimed(&mut world, &alice), 400 * USD);
    assert!(!world.exists(&stake_of(alice.authority)), "an empty stake returns its rent");
    assert_eq!(fund(&world).balance_atoms, before.balance_atoms);
    assert_eq!((fund(&world).shares, fund(&world).unstaking_shares), (0, 0));
    // A stake that was closed starts anew.
    world.ok(&world.stake_insurance(&alice, USD));
    assert_eq!(world.stake(&alice).shares, USD);
}

fn staking_refuses() {
    let (mut world, alice, _) = stage();
    world.fails(&world.stake_insurance(&alice, USD - 1), "StakeTooSmall");
    let held = world.tokens(&alice.tokens[0]);
    world.fails(&world.stake_insurance(&alice, held + 1), "InsufficientBalance");
    let call = world.stake_insurance(&alice, USD);
    world.fails(&call.clone().with("quote", collateral(1)), "NotQuoteAsset");
    world.fails(&call.clone().with("quote_vault", vault(1)), "WrongVault");
    world.fails(&call.clone().with("source_token", alice.tokens[1]), "WrongTokenMint");
    world.edit::<Exchange>(exchange(), |state| state.opened = 0);
    world.fails(&call, "ExchangeNotOpen");
}

fn requests_refuse_and_replace() {
    let (mut world, alice, bob) = stage();
    world.ok(&world.stake_insurance(&alice, 100 * USD));
    world.fails(&world.request_unstake(&alice, 0), "UnstakeNotRequested");
    world.fails(&world.request_unstake(&alice, 100 * USD + 1), "StakeSharesExceeded");
    world.fails(&world.request_unstake(&alice, USD).with("authority", bob.authority), "NotAuthority");
    world.ok(&world.request_unstake(&alice, 100 * USD));
    world.advance(10 * DAY_S);
    let event = world.ok(&world.request_unstake(&alice, 40 * USD)).event("UnstakeRequested");
    assert_eq!(event["unstaking_shares"].as_u64(), Some(40 * USD));
    world.advance(4 * DAY_S);
    world.fails(&world.claim_unstake(&alice), "UnstakeNotDue");
    world.ok(&world.request_unstake(&alice, 0));
    assert_eq!((world.stake(&alice).claimable_ms, fund(&world).unstaking_shares), (0, 0));
    world.advance(20 * DAY_S);
    world.fails(&world.claim_unstake(&alice), "UnstakeNotRequested");
}

/// Asked for ever would be a free way out: after its time a request has to be made again.
fn claiming_refuses() {
    let (mut world, alice, bob) = stage();
    asked(&mut world, &alice, 100);
    world.advance(16 * DAY_S);
    world.fails(&world.claim_unstake(&alice), "UnstakeLapsed");
    world.ok(&world.request_unstake(&alice, 100 * USD));
    world.advance(13 * DAY_S);
    let call = world.claim_unstake(&alice);
    world.fails(&call.clone().with("authority", bob.authority), "NotAuthority");
    world.fails(&call.clone().with("quote", collateral(1)), "NotQuoteAsset");
    world.fails(&call.clone().with("quote_vault", vault(1)), "WrongVault");
    world.fails(&call.clone().with("destination_token", alice.tokens[1]), "WrongTokenMint");
    world.ok(&call.with("destination_token", bob.tokens[0]));
}

/// A fund that holds nothing: the first staker takes one dollar's shares, feeds the fund, and waits for a second.
fn v13_a_first_staker_cannot_inflate() {
    for fed_usd in [10, 1_000, 1_000_000] {
        let (mut world, mallory, alice) = stage();
        world.edit::<Insurance>(insurance(), |state| (state.balance_atoms, state.tranche_atoms) = (0, 0));
        world.ok(&world.stake_insurance(&mallory, USD));
        // As fees would: the price of all shares rises.
        world.edit::<Insurance>(insurance(), |state| state.balance_atoms += fed_usd * USD);
        world.set(vault(0), token_account(world.mints[0], exchange(), 10_000_000 * USD));
        world.ok(&world.stake_insurance(&alice, 10_000 * USD));
        world.ok(&world.request_unstake(&mallory, world.stake(&mallory).shares));
        world.ok(&world.request_unstake(&alice, world.stake(&alice).shares));
        world.advance(13 * DAY_S);
        let taken = claimed(&mut world, &mallory);
        assert!(taken <= USD + fed_usd * USD / 2 + fed_usd, "{taken} atoms out of {fed_usd} dollars fed: half is lost");
        let kept = claimed(&mut world, &alice);
        // A share is worth up to half a dollar then: one is lost in rounding.
        assert!((9_999 * USD..=10_000 * USD).contains(&kept), "alice keeps {kept} atoms with {fed_usd} dollars fed");
    }
}

/// Nobody takes out more than it put in when nothing else happens, at any price and in any order.
fn v13_round_trips_never_gain() {
    let (mut world, alice, bob) = stage();
    world.ok(&world.stake_insurance(&bob, 3_333 * USD + 7));
    let mut state = 7u64;
    let mut roll = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for round in 0..60 {
        // Losses and fees move the price between the rounds.
        world.edit::<Insurance>(insurance(), |state| {
            let moved = state.balance_atoms / 100 * (roll() % 9);
            state.balance_atoms =
                if roll() % 2 == 0 { state.balance_atoms + moved } else { state.balance_atoms - moved };
            state.balance_atoms = state.balance_atoms.max(state.tranche_atoms + 5_000 * USD);
        });
        let amount = USD + roll() % (50_000 * USD);
        world.ok(&world.stake_insurance(&alice, amount));
        let other = world.clone().stake(&bob).shares;
        let bob_before = worth(&world, other);
        world.ok(&world.request_unstake(&alice, world.stake(&alice).shares));
        world.advance(13 * DAY_S);
        let taken = claimed(&mut world, &alice);
        assert!(taken <= amount, "round {round}: {taken} atoms out of {amount}");
        assert!(taken + amount / 100_000 + 2 >= amount, "round {round}: {taken} atoms out of {amount}");
        assert!(worth(&world, other) >= bob_before, "round {round}: the others lost");
    }
}

/// What shares are worth with a dollar's virtual shares beside the real ones, rounded down.
fn worth(world: &World, shares: u64) -> u64 {
    let state = fund(world);
    let all = u128::from(state.shares + state.protocol_shares + USD);
    (u128::from(shares) * u128::from(state.balance_atoms - state.tranche_atoms + USD) / all) as u64
}

fn fees_lift_shares_and_gifts_do_not() {
    let (mut world, alice, bob) = stage();
    world.ok(&world.stake_insurance(&alice, 80_000 * USD));
    let shares = world.stake(&alice).shares;
    let before = worth(&world, shares);
    let call = world.fund_insurance(bob.authority, bob.tokens[0], 12_345 * USD + 1, 345 * USD);
    let event = world.ok(&call).event("InsuranceFunded");
    assert_eq!(event["protocol_shares"].as_u64(), Some(92_000 * USD + 1));
    assert_eq!(worth(&world, shares), before);
    world.edit::<Insurance>(insurance(), |state| state.balance_atoms += 172 * USD);
    assert!(worth(&world, shares) > before + 79 * USD);
}

/// Those who asked and those who stay lose the same part.
fn a_bankruptcy_hits_requested_shares_alike() {
    let (mut world, alice, bob) = stage();
    asked(&mut world, &alice, 10_000);
    world.ok(&world.stake_insurance(&bob, 10_000 * USD));
    let due = world.stake(&alice).requested_atoms;
    world.edit::<Insurance>(insurance(), |state| state.balance_atoms -= 50_000 * USD);
    world.advance(13 * DAY_S);
    let bob_worth = worth(&world, world.stake(&bob).shares);
    let paid = claimed(&mut world, &alice);
    assert!(paid <= bob_worth && paid + 2 >= bob_worth, "alice {paid}, bob {bob_worth}");
    assert!(paid < due / 2 + due / 100, "half of the fund is gone");
    assert!(worth(&world, world.stake(&bob).shares) >= bob_worth);
}

fn a_request_gains_nothing_while_it_waits() {
    let (mut world, alice, bob) = stage();
    asked(&mut world, &alice, 10_000);
    world.ok(&world.stake_insurance(&bob, 10_000 * USD));
    world.edit::<Insurance>(insurance(), |state| state.balance_atoms += 50_000 * USD);
    world.advance(13 * DAY_S);
    let paid = claimed(&mut world, &alice);
    assert!(paid <= 10_000 * USD && paid + 2 >= 10_000 * USD, "{paid} atoms");
    assert!(worth(&world, world.stake(&bob).shares) > 15_000 * USD, "what she did not get stays in the fund");
}

/// Alice is bankrupt and still holds collateral; dave's request is due. The fund is cut to dave's stake and a little.
fn held() -> (Downfall, Trader, u64) {
    let mut down = Downfall::begun(LOTS, BANKRUPT);
    let dave = down.world.funded("dave", 10);
    down.world.edit::<Insurance>(insurance(), |state| state.balance_atoms = state.tranche_atoms + 10 * USD);
    down.world.ok(&down.world.stake_insurance(&dave, 1_000 * USD));
    down.world.ok(&down.world.deposit(&down.alice, 1, 1));
    let event = down.world.ok(&down.world.resolve_bankruptcy(0, &down.alice)).event("BankruptcyResolved");
    let deficit = event["deficit_atoms"].as_u64().expect("a deficit");
    assert_eq!(event["insurance_held_back_atoms"].as_u64(), Some(deficit));
    let shares = down.world.stake(&dave).shares;
    down.world.ok(&down.world.request_unstake(&dave, shares));
    // The request is due now, as if it had been made 13 days ago.
    let now_ms = down.world.now_ms();
    down.world.edit::<evertide_vm_tests::state::InsuranceStake>(stake_of(dave.authority), |state| {
        state.claimable_ms = now_ms;
    });
    (down, dave, deficit)
}

fn an_open_bankruptcy_holds_back_its_amount_only() {
    let (mut down, dave, deficit) = held();
    assert!(deficit > 11 * USD && deficit < 1_000 * USD, "{deficit} atoms");
    let value = fund(&down.world).balance_atoms - fund(&down.world).tranche_atoms;
    let mut all = down.world.clone();
    let paid = claimed(&mut all, &dave);
    assert_eq!(paid, value - deficit, "all but what is held back");
    assert!(all.stake(&dave).requested_shares > 0, "the rest waits");
    all.fails(&all.claim_unstake(&dave), "InsuranceHeldBack");
    // Resolved, it holds back nothing more; insurance paid, and the shares bear it.
    down.world.edit::<User>(down.alice.user, |user| {
        user.collaterals = Default::default();
        user.collateral_count = 0;
    });
    let event = down.world.ok(&down.world.resolve_bankruptcy(0, &down.alice)).event("BankruptcyResolved");
    assert_eq!(event["insurance_held_back_atoms"].as_u64(), Some(0));
    let left = fund(&down.world).balance_atoms - fund(&down.world).tranche_atoms;
    let paid = claimed(&mut down.world, &dave);
    assert!(paid <= left && down.world.user(&down.alice).held_back_atoms == 0);
}

fn a_hold_back_ends_after_48_h() {
    let (mut down, dave, deficit) = held();
    let value = fund(&down.world).balance_atoms - fund(&down.world).tranche_atoms;
    let mut there = down.world.clone();
    there.advance(48 * 3_600 - 1);
    assert_eq!(claimed(&mut there, &dave), value - deficit);
    down.world.advance(48 * 3_600);
    let paid = claimed(&mut down.world, &dave);
    assert!(paid > value - deficit && paid <= 1_000 * USD, "{paid} atoms");
}

fn a_spent_fund_takes_no_stake() {
    let (mut world, alice, bob) = stage();
    world.ok(&world.stake_insurance(&alice, 100_000 * USD));
    world.edit::<Insurance>(insurance(), |state| state.balance_atoms = state.tranche_atoms);
    world.fails(&world.stake_insurance(&bob, 1_000 * USD), "InsuranceDepleted");
    // A gift lifts it again.
    world.set(key("gift"), token_account(world.mints[0], bob.authority, 1_000 * USD));
    world.ok(&world.fund_insurance(bob.authority, key("gift"), 1_000 * USD, 0));
    world.ok(&world.stake_insurance(&bob, 1_000 * USD));
}
