//! `request_withdraw`, `claim_withdraw`: the queue behind the withdrawal floor, and who tries to hold it up.

use evertide_vm_tests::{
    exchange::{collateral, exchange, vault},
    state::{Collateral, Exchange, User},
    terms::{PRICES, SOL, USD},
    tests,
    token::token_account,
    traders::Trader,
    world::{key, World},
};

use crate::match_orders::stage;

tests!(
    waits_in_order_and_pays_as_the_floor_allows,
    requesting_refuses,
    claiming_refuses,
    i10_what_waits_carries_nothing,
    v22_nobody_passes_the_queue,
    v22_a_flash_loan_takes_nothing_from_the_bucket,
    v22_many_accounts_take_nothing_from_the_bucket,
    v22_who_does_not_claim_holds_up_nobody,
    v22_one_lane_an_authority,
    the_lane_serves_before_the_queue,
    a_queue_of_another_asset,
    what_waits_keeps_the_account_open,
);

/// Deposits of two days at $20,000 with a floor of 75 %: $5,000 may leave at once. Nobody is a day old.
fn floored() -> (World, Trader, Trader) {
    let (mut world, alice, bob) = stage();
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 7_500);
    world.edit::<Collateral>(collateral(0), |state| state.average_atoms = state.total_atoms);
    (world, alice, bob)
}

fn queue(world: &World) -> (u64, u64, u64) {
    let state = world.collateral(0);
    (state.queued_atoms, state.queue_head, state.queue_tail)
}

/// The most that can leave now, atoms.
fn room(world: &World) -> u64 {
    let state = world.collateral(0);
    (state.total_atoms - state.queued_atoms).saturating_sub(state.average_atoms * 3 / 4)
}

fn waits_in_order_and_pays_as_the_floor_allows() {
    let (mut world, alice, bob) = floored();
    let event = world.ok(&world.request_withdraw(&alice, 0, 9_000 * USD)).event("WithdrawRequested");
    assert_eq!((event["ticket"].as_u64(), event["balance_atoms"].as_i64()), (Some(0), Some(1_000_000_000)));
    assert_eq!(event["total_atoms"].as_u64(), Some(20_000 * USD), "asking moves no average");
    world.ok(&world.request_withdraw(&bob, 0, 1_000 * USD));
    assert_eq!(queue(&world), (10_000 * USD, 0, 2));
    world.assert_sound();
    world.fails(&world.claim_withdraw(&bob, 0), "WithdrawNotFirst");
    let held = world.tokens(&alice.tokens[0]);
    let event = world.ok(&world.claim_withdraw(&alice, 0)).event("WithdrawClaimed");
    assert_eq!((event["amount_atoms"].as_u64(), event["left_atoms"].as_u64()), (Some(5_000 * USD), Some(4_000 * USD)));
    assert_eq!(world.tokens(&alice.tokens[0]), held + 5_000 * USD);
    world.fails(&world.claim_withdraw(&alice, 0), "WithdrawalFloorReached");
    // The average follows the deposits down in a day; the queue goes on.
    world.advance(86_400);
    let event = world.ok(&world.claim_withdraw(&alice, 0)).event("WithdrawClaimed");
    assert_eq!(event["amount_atoms"].as_u64(), Some(3_750 * USD), "a quarter of what is left");
    world.advance(86_400);
    world.ok(&world.claim_withdraw(&alice, 0));
    assert_eq!(queue(&world), (1_000 * USD, 1, 2));
    world.ok(&world.claim_withdraw(&bob, 0));
    assert_eq!((queue(&world), world.collateral(0).total_atoms), ((0, 2, 2), 10_000 * USD));
    assert_eq!((world.user(&alice).withdraw_atoms, world.user(&bob).withdraw_atoms), (0, 0));
    world.assert_sound();
}

fn requesting_refuses() {
    let (mut world, alice, bob) = floored();
    world.fails(&world.request_withdraw(&alice, 0, 0), "AmountZero");
    world.fails(&world.request_withdraw(&alice, 0, 20_000 - 1), "WithdrawTooSmall");
    world.fails(&world.request_withdraw(&alice, 0, 10_000 * USD + 1), "InsufficientBalance");
    world.fails(&world.request_withdraw(&alice, 0, USD).with("authority", bob.authority), "NotAuthority");
    world.ok(&world.request_withdraw(&alice, 0, USD));
    world.fails(&world.request_withdraw(&alice, 0, USD), "WithdrawPending");
}

fn claiming_refuses() {
    let (mut world, alice, bob) = floored();
    world.fails(&world.claim_withdraw(&alice, 0), "WithdrawNotRequested");
    world.ok(&world.request_withdraw(&alice, 0, USD));
    let call = world.claim_withdraw(&alice, 0);
    world.fails(&world.claim_withdraw(&alice, 1), "WithdrawNotRequested");
    world.fails(&call.clone().with("vault", vault(1)), "WrongVault");
    world.fails(&call.clone().with("mint", world.mints[1]), "WrongMint");
    world.fails(&call.clone().with("destination_token", alice.tokens[1]), "WrongTokenMint");
    world.fails(&call.clone().with("destination_token", bob.tokens[0]), "DestinationOfAnother");
    world.set(key("cold"), token_account(world.mints[0], alice.authority, 0));
    world.ok(&call.with("destination_token", key("cold")));
    assert_eq!(world.tokens(&key("cold")), USD, "any token account of the owner will do");
}

/// What waits is gone from the account: it backs no position, and asking for it obeys a withdrawal's margin.
fn i10_what_waits_carries_nothing() {
    let (mut world, alice, bob) = floored();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    world.fails(&world.request_withdraw(&alice, 0, 5_100 * USD), "InitialMarginTooLow");
    world.ok(&world.request_withdraw(&alice, 0, 4_900 * USD));
    let call = world.place_orders(&alice, &[evertide_vm_tests::traders::limit(0, false, 500_000, 1_000)]);
    world.fails(&call, "InitialMarginTooLow");
    world.advance(10);
    let (mut stale, carol) = (world.clone(), bob);
    stale.fails(&stale.request_withdraw(&carol, 0, USD), "RowTooOld");
    world.ok(&world.claim_withdraw(&alice, 0));
}

/// Room under the floor belongs to those who wait: a plain withdrawal takes only what they leave.
fn v22_nobody_passes_the_queue() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.request_withdraw(&alice, 0, 4_000 * USD));
    world.fails(&world.withdraw(&bob, 0, 1_001 * USD), "WithdrawalFloorReached");
    world.ok(&world.withdraw(&bob, 0, 1_000 * USD));
    world.ok(&world.claim_withdraw(&alice, 0));
    assert_eq!((queue(&world).0, world.user(&alice).withdraw_atoms), (0, 0), "she is paid whole");
}

/// Deposit and withdraw, or deposit and ask, in one transaction: nobody else's room changes.
fn v22_a_flash_loan_takes_nothing_from_the_bucket() {
    let (mut world, alice, bob) = floored();
    let before = room(&world);
    let loan = 10_000_000 * USD;
    let together = [world.deposit(&bob, 0, loan).instruction(), world.withdraw(&bob, 0, loan).instruction()];
    assert!(world.send_instructions(&together).is_ok(), "what came in may leave");
    assert_eq!(room(&world), before);
    let together = [world.deposit(&bob, 0, loan).instruction(), world.request_withdraw(&bob, 0, loan).instruction()];
    assert!(world.send_instructions(&together).is_ok());
    assert_eq!(room(&world), before, "what waits counts as gone: alice may take as much as before");
    world.ok(&world.withdraw(&alice, 0, before));
}

/// A hundred accounts that ask for all they brought: a plain withdrawal finds the room of before.
fn v22_many_accounts_take_nothing_from_the_bucket() {
    let (mut world, alice, _) = floored();
    let before = room(&world);
    for row in 0..100 {
        let sybil = world.funded(&format!("sybil {row}"), 500);
        world.ok(&world.request_withdraw(&sybil, 0, 500 * USD));
    }
    assert_eq!(queue(&world), (50_000 * USD, 0, 100));
    assert_eq!(room(&world), before);
    world.ok(&world.withdraw(&alice, 0, before));
    world.fails(&world.withdraw(&alice, 0, USD), "WithdrawalFloorReached");
}

/// The first in the queue is paid by anyone: nobody has to wait for a signature.
fn v22_who_does_not_claim_holds_up_nobody() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.request_withdraw(&alice, 0, USD));
    world.ok(&world.request_withdraw(&bob, 0, 2 * USD));
    let call = world.claim_withdraw(&alice, 0);
    assert!(call.metas.iter().all(|meta| !meta.is_signer));
    world.ok(&call);
    world.ok(&world.claim_withdraw(&bob, 0));
    assert_eq!(queue(&world), (0, 2, 2));
}

/// The open lane is one an authority and day, however many sub-accounts it has.
fn v22_one_lane_an_authority() {
    let (mut world, alice, bob) = floored();
    let second = world.sub_account(&bob, 1);
    world.ok(&world.transfer(&bob, &second, 0, 1_000 * USD));
    world.ok(&world.withdraw(&alice, 0, 5_000 * USD));
    for user in [bob.user, second.user] {
        world.edit::<User>(user, |user| user.created_ms -= 86_400_000);
    }
    world.fails(&world.withdraw(&second, 0, USD), "LaneOfSubAccount");
    world.ok(&world.withdraw(&bob, 0, 100 * USD));
}

fn the_lane_serves_before_the_queue() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.request_withdraw(&alice, 0, 9_000 * USD));
    world.edit::<User>(bob.user, |user| user.created_ms -= 86_400_000);
    let event = world.ok(&world.withdraw(&bob, 0, 50 * USD)).event("Withdrawn");
    assert_eq!(event["lane_atoms"].as_u64(), Some(50 * USD), "all of it: what waits counts as gone");
}

fn a_queue_of_another_asset() {
    let (mut world, alice, bob) = floored();
    world.ok(&world.deposit(&alice, 1, 5 * SOL));
    world.ok(&world.deposit(&bob, 1, 5 * SOL));
    world.ok(&world.request_withdraw(&alice, 1, 5 * SOL));
    world.ok(&world.request_withdraw(&bob, 0, USD));
    assert_eq!((world.collateral(1).queue_tail, world.collateral(0).queue_tail), (1, 1));
    world.fails(&world.claim_withdraw(&alice, 0), "WithdrawNotRequested");
    assert_eq!(world.user(&alice).collateral_count, 0);
    world.ok(&world.claim_withdraw(&alice, 1));
    world.ok(&world.claim_withdraw(&bob, 0));
    world.pass(1, &PRICES);
    assert_eq!(world.tokens(&vault(1)), 5 * SOL);
}

/// V-10: an account whose money waits stays: the ticket would be lost with it.
fn what_waits_keeps_the_account_open() {
    let (mut world, alice, _) = floored();
    world.ok(&world.request_withdraw(&alice, 0, 10_000 * USD));
    world.fails(&world.close_user(&alice), "UserNotEmpty");
    world.edit::<Exchange>(exchange(), |state| state.terms.withdrawal_floor_bps = 0);
    world.ok(&world.claim_withdraw(&alice, 0));
    world.ok(&world.close_user(&alice));
}
