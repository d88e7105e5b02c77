//! `create_user` and `close_user`.

use evertide_math::signed::NONCE_AHEAD_MAX_MS;
use evertide_vm_tests::{
    call::Call,
    exchange::{collateral, exchange, market, vault},
    state::{Exchange, User},
    terms::{market_terms, quote_terms, USD},
    tests,
    traders::{post_only, Trader},
    world::{key, World},
};

tests!(
    creates_and_closes,
    sub_accounts_are_separate,
    refuses_a_closed_gate,
    v05_refuses_a_second_time,
    v05_works_on_prefunded_addresses,
    v08_refuses_another_address,
    v10_refuses_to_close_what_holds_something,
    v10_a_closed_account_starts_anew,
    close_refuses_a_stranger,
    close_refuses_foreign_orders,
);

fn creates_and_closes() {
    let mut world = World::open();
    let trader = Trader::named("alice");
    world.fund(trader.authority);
    let before = world.vm.get_balance(&trader.authority);
    let outcome = world.ok(&world.create_user(&trader));
    assert_eq!(outcome.event("UserCreated")["user"], trader.user.to_string());
    let user = world.user(&trader);
    assert_eq!((user.version, user.authority, user.sub_id), (1, trader.authority, 0));
    assert_eq!(user.created_ms, world.now_ms());
    let orders = world.orders(&trader);
    assert_eq!((orders.user, orders.next_order_id, orders.order_count), (trader.user, 1, 0));
    let outcome = world.ok(&world.close_user(&trader));
    assert_eq!(outcome.event("UserClosed")["user"], trader.user.to_string());
    assert!(!world.exists(&trader.user) && !world.exists(&trader.orders));
    assert_eq!(world.vm.get_balance(&trader.authority), before, "the rent came back whole");
}

fn sub_accounts_are_separate() {
    let mut world = World::open();
    let first = world.funded("alice", 1_000);
    let second = Trader::of(first.authority, 1);
    world.ok(&world.create_user(&second));
    assert_eq!(world.user(&first).quote_atoms, 1_000_000_000);
    assert_eq!(world.user(&second).quote_atoms, 0);
    assert_eq!(world.user(&second).sub_id, 1);
}

fn refuses_a_closed_gate() {
    let mut world = World::open();
    let trader = Trader::named("alice");
    world.fund(trader.authority);
    world.edit::<Exchange>(exchange(), |state| state.gates_closed = 1);
    world.fails(&world.create_user(&trader), "GateClosed");
    let now_ms = world.now_ms();
    world.edit::<Exchange>(exchange(), |state| {
        state.gates_closed = 0;
        state.pause_start_ms = now_ms - 60_000;
    });
    world.fails(&world.create_user(&trader), "GateClosed");
    world.advance(30 * 60);
    world.ok(&world.create_user(&trader));
}

fn must_fail(world: &mut World, call: &Call, what: &str) {
    let before = world.snapshot();
    assert!(world.send(call).is_err(), "{what} succeeded");
    world.assert_unchanged(&before, what);
}

/// V-05: a user account is never reset.
fn v05_refuses_a_second_time() {
    let mut world = World::open();
    let trader = world.funded("alice", 10);
    let call = world.create_user(&trader);
    must_fail(&mut world, &call, "creating a user twice");
    assert_eq!(world.user(&trader).quote_atoms, 10_000_000);
}

/// V-05: nobody keeps a trader, a market or an asset out by sending lamports ahead to its address.
fn v05_works_on_prefunded_addresses() {
    let mut world = World::open();
    let trader = Trader::named("alice");
    world.fund(trader.authority);
    let prefund = |world: &mut World, address| {
        world.set(address, solana_account::Account { lamports: 890_880, ..Default::default() });
    };
    prefund(&mut world, trader.user);
    prefund(&mut world, trader.orders);
    world.ok(&world.create_user(&trader));
    assert_eq!(world.orders(&trader).next_order_id, 1);
    let mut world = World::initialized();
    for address in [collateral(0), vault(0), market(0)] {
        prefund(&mut world, address);
    }
    world.ok(&world.list_collateral(0, world.mints[0], &quote_terms()));
    world.ok(&world.list_market(0, &market_terms(0, world.oracle)));
    assert_eq!(world.tokens(&vault(0)), 0);
}

/// V-08: only the canonical address of the seeds is taken.
fn v08_refuses_another_address() {
    let mut world = World::open();
    let (alice, bob) = (Trader::named("alice"), Trader::named("bob"));
    world.fund(alice.authority);
    let call = world.create_user(&alice).with("user", bob.user);
    must_fail(&mut world, &call, "creating a user at another authority's address");
    let call = world.create_user(&alice).with("orders", bob.orders);
    must_fail(&mut world, &call, "creating orders at another user's address");
    let call = world.create_user(&alice).with("user", key("anywhere"));
    must_fail(&mut world, &call, "creating a user anywhere");
}

/// V-10: nothing of value disappears with an account.
fn v10_refuses_to_close_what_holds_something() {
    let mut world = World::open();
    let alice = world.funded("alice", 1_000);
    world.fails(&world.close_user(&alice), "UserNotEmpty");
    let order_id = world.place(&alice, post_only(0, false, 400_000, 1));
    world.edit::<User>(alice.user, |user| user.quote_atoms = 0);
    world.fails(&world.close_user(&alice), "UserNotEmpty");
    world.edit::<User>(alice.user, |user| user.quote_atoms = 1_000_000_000);
    world.ok(&world.cancel_ids(&alice, &[order_id]));
    world.ok(&world.withdraw(&alice, 0, 1_000 * USD));
    let call = world.deposit(&alice, 1, 1);
    world.ok(&call);
    world.fails(&world.close_user(&alice), "UserNotEmpty");
    world.ok(&world.withdraw(&alice, 1, 1));
    world.edit::<User>(alice.user, |user| user.quote_atoms = -1);
    world.fails(&world.close_user(&alice), "UserNotEmpty");
}

/// V-10, V-27: close and create again: order ids and nonces of the old account do not matter to the new one.
fn v10_a_closed_account_starts_anew() {
    let mut world = World::open();
    let alice = world.trader("alice");
    let created_ms = world.user(&alice).created_ms;
    world.ok(&world.close_user(&alice));
    let call = world.deposit(&alice, 0, 1);
    must_fail(&mut world, &call, "depositing into a closed user");
    world.advance(5);
    world.ok(&world.create_user(&alice));
    assert_eq!(world.user(&alice).created_ms, created_ms + 5_000);
    // Beyond every nonce that the closed account can have taken.
    assert_eq!(world.orders(&alice).nonce_base_ms, created_ms + 5_000 + NONCE_AHEAD_MAX_MS);
}

fn close_refuses_a_stranger() {
    let mut world = World::open();
    let alice = world.trader("alice");
    let call = world.close_user(&alice).with("authority", world.keeper);
    world.fails(&call, "NotAuthority");
}

fn close_refuses_foreign_orders() {
    let mut world = World::open();
    let (alice, bob) = (world.trader("alice"), world.trader("bob"));
    world.fails(&world.close_user(&alice).with("orders", bob.orders), "OrdersOfAnotherUser");
}
