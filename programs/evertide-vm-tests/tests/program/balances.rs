//! `set_delegate`, `transfer`, `assert_position`.

use evertide_vm_tests::{
    exchange::{collateral, risk_cache},
    state::{permissions, Collateral, RiskCache, User},
    terms::{PRICES, SOL, USD},
    tests,
    traders::{limit, post_only},
    world::key,
};

use crate::match_orders::stage;

tests!(
    a_delegate_does_what_its_bits_say,
    a_delegate_never_withdraws_or_names_another,
    set_delegate_refuses,
    a_delegate_ends,
    transfers_between_sub_accounts,
    a_transfer_repays_debt_first,
    transfer_refuses,
    i10_a_transfer_leaves_initial_margin,
    v22_a_transfer_needs_no_floor_and_moves_no_total,
    positions_are_asserted,
);

fn a_delegate_does_what_its_bits_say() {
    let (mut world, alice, _) = stage();
    let second = world.sub_account(&alice, 1);
    let delegate = key("delegate");
    world.fund(delegate);
    for bits in 1..=permissions::ALL {
        let event = world.ok(&world.set_delegate(&alice, delegate, bits, 0)).event("DelegateSet");
        assert_eq!(event["permissions"].as_u64(), Some(u64::from(bits)));
        let open = world.place(&alice, post_only(0, false, 490_000, 10));
        let calls = [
            (permissions::PLACE, "signer", world.place_orders(&alice, &[limit(0, false, 400_000, 1)])),
            (permissions::PLACE, "signer", world.modify_order(&alice, open, &post_only(0, false, 490_000, 5))),
            (permissions::CANCEL, "signer", world.cancel_all(&alice)),
            (permissions::TRANSFER, "signer", world.transfer(&alice, &second, 0, USD)),
        ];
        for (needed, name, call) in calls {
            let call = call.with(name, delegate);
            let mut there = world.clone();
            if bits & needed == 0 {
                there.fails(&call, "DelegateMayNot");
            } else {
                there.ok(&call);
            }
        }
        world.ok(&world.cancel_all(&alice));
    }
}

/// V-29: whatever its bits, no token and no key follows from a delegate's signature.
fn a_delegate_never_withdraws_or_names_another() {
    let (mut world, alice, _) = stage();
    let second = world.sub_account(&alice, 1);
    world.ok(&world.deposit(&second, 0, 10 * USD));
    let delegate = key("delegate");
    world.fund(delegate);
    world.ok(&world.set_delegate(&alice, delegate, permissions::ALL, 0));
    let calls = [
        world.withdraw(&alice, 0, USD),
        world.set_delegate(&alice, key("another"), permissions::ALL, 0),
        world.set_limits(&alice, 0, 0, u16::MAX, 0),
        world.close_user(&alice),
        world.settle_own_pnl(&alice, 0),
    ];
    for call in &calls[..4] {
        world.fails(&call.clone().with("authority", delegate), "NotAuthority");
    }
    // A delegate of one sub-account has no say in another of the same owner.
    let call = world.transfer(&second, &alice, 0, USD).with("signer", delegate);
    world.fails(&call, "NotAuthorityOrDelegate");
}

fn set_delegate_refuses() {
    let (mut world, alice, bob) = stage();
    let (delegate, now_ms) = (key("delegate"), world.now_ms());
    world.fails(&world.set_delegate(&alice, delegate, 0, 0), "DelegateInvalid");
    world.fails(&world.set_delegate(&alice, delegate, permissions::ALL + 1, 0), "DelegateInvalid");
    world.fails(&world.set_delegate(&alice, Default::default(), 1, 0), "DelegateInvalid");
    world.fails(&world.set_delegate(&alice, Default::default(), 0, now_ms + 1_000), "DelegateInvalid");
    world.fails(&world.set_delegate(&alice, delegate, 1, now_ms), "DelegateExpiryPassed");
    world.fails(&world.set_delegate(&alice, delegate, 1, -1), "DelegateExpiryPassed");
    world.fails(&world.set_delegate(&alice, delegate, 1, 0).with("authority", bob.authority), "NotAuthority");
}

fn a_delegate_ends() {
    let (mut world, alice, _) = stage();
    let delegate = key("delegate");
    world.fund(delegate);
    let expiry_ms = world.now_ms() + 5_000;
    world.ok(&world.set_delegate(&alice, delegate, permissions::CANCEL, expiry_ms));
    let first = world.place(&alice, post_only(0, false, 490_000, 10));
    let second = world.place(&alice, post_only(0, false, 490_000, 10));
    world.ok(&world.cancel_ids(&alice, &[first]).with("signer", delegate));
    world.pass(5, &PRICES);
    let call = world.cancel_ids(&alice, &[second]).with("signer", delegate);
    world.fails(&call, "NotAuthorityOrDelegate");
    world.ok(&world.set_delegate(&alice, delegate, permissions::CANCEL, 0));
    world.ok(&world.set_delegate(&alice, Default::default(), 0, 0));
    assert_eq!(world.user(&alice).delegate_permissions, 0);
    world.fails(&call, "NotAuthorityOrDelegate");
}

fn transfers_between_sub_accounts() {
    let (mut world, alice, _) = stage();
    let second = world.sub_account(&alice, 1);
    world.ok(&world.deposit(&alice, 1, 5 * SOL));
    let event = world.ok(&world.transfer(&alice, &second, 0, 4_000 * USD)).event("Transferred");
    assert_eq!(event["balance_atoms"].as_i64(), Some(world.user(&alice).quote_atoms));
    assert_eq!(event["to_balance_atoms"].as_i64(), Some(4_000_000_000));
    assert_eq!(world.user(&second).quote_atoms, 4_000_000_000);
    world.ok(&world.transfer(&alice, &second, 1, 5 * SOL));
    assert_eq!((world.user(&alice).collateral_count, world.user(&second).collateral_count), (0, 1));
    world.ok(&world.transfer(&second, &alice, 1, 5 * SOL));
    assert_eq!((world.user(&alice).collateral_count, world.user(&second).collateral_count), (1, 0));
}

fn a_transfer_repays_debt_first() {
    let (mut world, alice, _) = stage();
    let second = world.sub_account(&alice, 1);
    world.edit::<User>(second.user, |user| {
        user.quote_atoms = -1_000_000;
        user.debt_since_ms = 1;
    });
    world.edit::<Collateral>(collateral(0), |state| state.debt_atoms = 1_000_000);
    let before = world.collateral(0);
    world.ok(&world.transfer(&alice, &second, 0, 3 * USD));
    let (state, user) = (world.collateral(0), world.user(&second));
    assert_eq!((user.quote_atoms, user.debt_since_ms, state.debt_atoms), (2_000_000, 0, 0));
    assert_eq!(before.total_atoms - state.total_atoms, USD, "a dollar of deposits met a dollar of debt");
}

fn transfer_refuses() {
    let (mut world, alice, bob) = stage();
    let second = world.sub_account(&alice, 1);
    let held = world.user(&alice).quote_atoms as u64;
    world.fails(&world.transfer(&alice, &second, 0, 0), "AmountZero");
    world.fails(&world.transfer(&alice, &second, 0, held + 1), "InsufficientBalance");
    world.fails(&world.transfer(&alice, &second, 1, 1), "InsufficientBalance");
    world.fails(&world.transfer(&alice, &bob, 0, USD), "TransferToAnotherAuthority");
    let call = world.transfer(&alice, &second, 0, USD);
    world.fails(&call.with("signer", bob.authority), "NotAuthorityOrDelegate");
    world.edit::<Collateral>(collateral(0), |state| state.terms.user_cap_atoms = USD);
    world.fails(&world.transfer(&alice, &second, 0, USD + 1), "UserDepositCapExceeded");
    world.ok(&world.transfer(&alice, &second, 0, USD));
}

fn i10_a_transfer_leaves_initial_margin() {
    let (mut world, alice, bob) = stage();
    let second = world.sub_account(&alice, 1);
    world.trade(0, &alice, &bob, 500_000, 10_000);
    let free = world.user(&alice).quote_atoms as u64 - 5_000 * USD;
    world.fails(&world.transfer(&alice, &second, 0, free + 10 * USD), "InitialMarginTooLow");
    world.ok(&world.transfer(&alice, &second, 0, free - 10 * USD));
    world.advance(10);
    world.fails(&world.transfer(&alice, &second, 0, 1), "RowTooOld");
    // Into an account with positions nothing has to be fresh: it only gains.
    world.ok(&world.transfer(&second, &alice, 0, 1));
}

/// V-22: no token leaves the vault, so a closed floor stops no transfer and no transfer uses up a floor.
fn v22_a_transfer_needs_no_floor_and_moves_no_total() {
    let (mut world, alice, _) = stage();
    let second = world.sub_account(&alice, 1);
    let total = world.collateral(0).total_atoms;
    world.edit::<Collateral>(collateral(0), |state| state.average_atoms = u64::MAX / 100_000);
    world.ok(&world.transfer(&alice, &second, 0, 9_000 * USD));
    let state = world.collateral(0);
    assert_eq!((state.total_atoms, state.lane_used_atoms), (total, 0));
}

fn positions_are_asserted() {
    let (mut world, alice, bob) = stage();
    world.trade(0, &alice, &bob, 500_000, 10_000);
    world.ok(&world.assert_position(alice.user, 0, 10_000, 10_000));
    world.ok(&world.assert_position(bob.user, 0, -10_000, 0));
    world.ok(&world.assert_position(alice.user, 1, 0, 0));
    world.fails(&world.assert_position(alice.user, 0, 10_001, i64::MAX), "PositionAssertionFailed");
    world.fails(&world.assert_position(bob.user, 0, -9_999, 0), "PositionAssertionFailed");
    world.fails(&world.assert_position(alice.user, 0, i64::MIN, 9_999), "PositionAssertionFailed");
    world.fails(&world.assert_position(alice.user, 3, 0, 0), "MarketUnknown");
    // Deleveraging by a tenth shrinks it before anybody touches it.
    world.edit::<RiskCache>(risk_cache(), |cache| cache.markets[0].a[0] = cache.markets[0].a[0] / 10 * 9);
    world.fails(&world.assert_position(alice.user, 0, 10_000, 10_000), "PositionAssertionFailed");
    world.ok(&world.assert_position(alice.user, 0, 8_999, 9_000));
}
