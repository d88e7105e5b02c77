//! One call of every instruction that succeeds as it stands, for the attacks that are generated from the IDL.

use evertide_vm_tests::{
    admin::TIMELOCK_S,
    args::OrderArgs,
    call::Call,
    changes::Subject,
    exchange::{market, Target},
    kinds::{conditional, trailing, twap},
    state::{Market, MarketStatus, OrderKind},
    terms::{exchange_terms, market_terms, quote_terms, PRICES, SOL, USD},
    traders::{limit, market_order, post_only, Trader},
    world::{key, World},
};

use crate::downfall::{held, resting, Downfall, BANKRUPT, BELOW_BACKSTOP, BELOW_MAINTENANCE, LOTS};
use crate::{
    builders::owing,
    commitments::{commit, reveal},
    place_signed_orders::signers,
};

/// A world and a call that succeeds in it.
pub struct Specimen {
    pub world: World,
    pub call: Call,
}

/// Alice and bob with a position against each other, orders, and one crossing pair; rows fresh, funding to fold.
fn busy() -> (World, Trader, Trader) {
    let mut world = World::open();
    let (alice, bob) = (world.funded("alice", 10_000), world.funded("bob", 10_000));
    world.trade(0, &alice, &bob, 500_000, 1_000);
    world.place(&alice, post_only(0, false, 499_000, 200));
    world.place(&bob, post_only(0, true, 501_000, 200));
    for _ in 0..2 {
        world.pass(3_600, &PRICES);
    }
    world.place(&alice, limit(0, false, 501_000, 5));
    world.edit::<Market>(market(0), |state| state.pool_atoms = state.pending_fees_atoms);
    (world, alice, bob)
}

/// A specimen of every instruction of the IDL.
pub fn specimens() -> Vec<Specimen> {
    let mut all = births();
    let (world, alice, bob) = busy();
    let mut moved = world.clone();
    moved.advance(1);
    let mut fresh = world.clone();
    let carol = Trader::named("carol");
    fresh.fund(carol.authority);
    let mut empty = fresh.clone();
    empty.ok(&empty.create_user(&carol));
    let taker = world.orders(&alice).next_order_id - 1;
    let maker = world.orders(&bob).next_order_id - 1;
    let bid = taker - 1;
    let sequence = world.user(&alice).sequence;
    let calls = vec![
        (fresh.clone(), fresh.create_user(&carol)),
        (empty.clone(), empty.close_user(&carol)),
        (world.clone(), world.set_limits(&alice, 500, 0, u16::MAX, 0)),
        (world.clone(), world.deposit(&alice, 0, USD)),
        (world.clone(), world.withdraw(&alice, 0, USD)),
        (world.clone(), world.place_orders(&alice, &[limit(0, false, 498_000, 3)])),
        (world.clone(), world.cancel_all(&alice)),
        (world.clone(), world.modify_order(&alice, bid, &post_only(0, false, 498_500, 100))),
        (world.clone(), world.match_orders(0, &alice, taker, &[(&bob, maker)])),
        (moved.clone(), moved.update_oracle(Target::Market(0), PRICES[0])),
        (world.clone(), world.update_mark(0, &[(&alice, bid)], &[(&bob, maker)])),
        (moved.clone(), moved.accrue_market(0)),
        (moved.clone(), moved.accrue_debt()),
        (world.clone(), world.settle_pnl(0, alice.user)),
        (world.clone(), world.settle_own_pnl(&alice, 0)),
        (world.clone(), world.touch_position(0, alice.user)),
        (world.clone(), world.collect_fees(0)),
        (world.clone(), world.fund_insurance(alice.authority, alice.tokens[0], USD, 0)),
        (world.clone(), world.assert_health(alice.user, 0, 0)),
        (world.clone(), world.assert_sequence(alice.user, sequence)),
        (world.clone(), world.view_health(alice.user)),
        (world.clone(), world.view_market(0)),
    ];
    all.extend(calls.into_iter().chain(balances(&world, &alice, &bob)).map(|(world, call)| Specimen { world, call }));
    all.extend(sealed(world, &alice, &bob));
    all.extend(falls());
    all.extend(kinds());
    all.extend(roles());
    all.extend(rewards());
    all
}

/// What the roles do to an open exchange.
fn roles() -> Vec<Specimen> {
    let (guardian, heir) = (key("guardian"), key("heir"));
    let open = World::open();
    let mut closed = open.clone();
    closed.ok(&closed.gate_disable(guardian, 0));
    let mut paused = open.clone();
    paused.ok(&paused.pause(guardian));
    let mut named = open.clone();
    named.ok(&named.name_successor(named.root, 1, heir));
    named.advance(TIMELOCK_S);
    let (band, weight) = ((Subject::Market(0), "band_bps"), (Subject::Collateral(1), "weight_maintenance_bps"));
    let mut waiting = open.clone();
    waiting.ok(&waiting.propose(waiting.root, band.0, band.1, 1_000));
    let mut due = waiting.clone();
    due.advance(TIMELOCK_S);
    let mut ramping = open.clone();
    ramping.ok(&ramping.propose(ramping.root, weight.0, weight.1, 8_000));
    ramping.advance(TIMELOCK_S);
    ramping.ok(&ramping.execute_change(heir, 0, weight.0));
    ramping.advance(3_600);
    let mut seasoned = open.clone();
    seasoned.edit::<Market>(market(0), |state| state.season_step = 0);
    seasoned.advance(86_400);
    let calls = vec![
        (seasoned.clone(), seasoned.advance_season(Subject::Market(0))),
        (open.clone(), open.propose(open.root, band.0, band.1, 1_000)),
        (waiting.clone(), waiting.cancel_change(guardian, 0)),
        (due.clone(), due.execute_change(heir, 0, band.0)),
        (ramping.clone(), ramping.apply_ramp(0, weight.0)),
        (open.clone(), open.set_market_status(guardian, 0, MarketStatus::ReduceOnly as u8)),
        (open.clone(), open.gate_disable(guardian, 0)),
        (closed.clone(), closed.gate_enable(closed.root, 0)),
        (open.clone(), open.pause(guardian)),
        (paused.clone(), paused.lift_pause(guardian)),
        (open.clone(), open.name_successor(open.root, 1, heir)),
        (named.clone(), named.claim_role(heir, 1)),
    ];
    calls.into_iter().map(|(world, call)| Specimen { world, call }).collect()
}

/// A builder and a referrer to pay, and the markets that owe them.
fn rewards() -> Vec<Specimen> {
    let world = owing().0;
    let (alice, bob) = (Trader::named("alice"), Trader::named("bob"));
    let (carol, mut fresh) = (Trader::named("carol"), world.clone());
    fresh.fund(carol.authority);
    let calls = [
        (world.clone(), world.pay_builder(0, 2)),
        (world.clone(), world.pay_referrer(0, &bob)),
        (world.clone(), world.pay_referrer(0, &bob).signed_by("authority", alice.authority)),
        (fresh.clone(), fresh.create_referred(&carol, alice.user)),
    ];
    calls.into_iter().map(|(world, call)| Specimen { world, call }).collect()
}

/// Delegates, balances, the queue, stakes, and what ends or mends a market.
fn balances(world: &World, alice: &Trader, bob: &Trader) -> Vec<(World, Call)> {
    let mut paired = world.clone();
    let second = paired.sub_account(alice, 1);
    paired.ok(&paired.deposit(alice, 1, SOL));
    let mut waiting = world.clone();
    waiting.ok(&waiting.request_withdraw(alice, 0, USD));
    let mut staked = world.clone();
    staked.ok(&staked.stake_insurance(alice, 10 * USD));
    let mut leaving = staked.clone();
    leaving.ok(&leaving.request_unstake(alice, 5 * USD));
    leaving.advance(13 * 86_400);
    let mut ending = world.clone();
    ending.edit::<Market>(market(0), |state| state.status = MarketStatus::Settling as u8);
    let mut older = world.clone();
    older.forge(alice.orders, |data| {
        data[8] = 0;
        data.truncate(3_000);
    });
    vec![
        (ending.clone(), ending.settle_market(0)),
        (world.clone(), world.check_invariants(0, 0, None)),
        (older.clone(), older.extend_account(bob.authority, alice.orders)),
        (paired.clone(), paired.request_withdraw(alice, 0, USD)),
        (waiting.clone(), waiting.claim_withdraw(alice, 0)),
        (world.clone(), world.stake_insurance(alice, USD)),
        (staked.clone(), staked.request_unstake(alice, USD)),
        (leaving.clone(), leaving.claim_unstake(alice)),
        (world.clone(), world.set_delegate(alice, bob.authority, 1, 0)),
        (paired.clone(), paired.transfer(alice, &second, 0, USD)),
        (world.clone(), world.assert_position(alice.user, 0, -2_000, 2_000)),
    ]
}

/// Auctions, hidden orders, and those that were signed off chain.
fn sealed(mut world: World, alice: &Trader, bob: &Trader) -> Vec<Specimen> {
    let mut all = Vec::new();
    let phased = OrderArgs { taker_phase_s: 10, auction_start_ticks: 499_500, ..limit(0, false, 500_500, 20) };
    let order = world.place(alice, phased);
    all.push(Specimen { call: world.fill_auction(0, alice, order, bob, 499_500, 10), world: world.clone() });
    let hidden = limit(0, false, 498_000, 3);
    all.push(Specimen { call: commit(&world, alice, &hidden), world: world.clone() });
    let mut holding = world;
    let id = holding.orders(alice).next_order_id;
    holding.ok(&commit(&holding, alice, &hidden));
    all.push(Specimen { call: reveal(&holding, alice, id, &hidden), world: holding });
    let (world, owner, _) = signers();
    let call = world.place_signed_orders(&[(&owner, world.signed_limit(0, false, 490_000, 10))]);
    all.push(Specimen { call, world: with_strangers(world.clone()) });
    all.push(Specimen { call: world.cancel_nonce(&owner.trader, world.now_ms()), world: with_strangers(world) });
    all
}

/// The same world with the traders whose accounts the attacks put in the place of others.
fn with_strangers(mut world: World) -> World {
    world.funded("alice", 10_000);
    world.funded("bob", 10_000);
    world
}

/// The five instructions of orders that wait.
fn kinds() -> Vec<Specimen> {
    let (mut world, alice, _) = busy();
    let stop = world.place_wish(&alice, conditional(OrderKind::StopMarket, false, 490_000, 10));
    let trails = world.place_wish(&alice, trailing(true, 100, 10));
    let parent = world.place_wish(&alice, twap(false, 100, 5, 60));
    world.btc_at(50_100);
    let mut late = world.clone();
    late.place(&alice, market_order(0, false, 1));
    late.advance_slots(31);
    vec![
        Specimen { call: world.trigger_order(0, &alice, stop), world: world.clone() },
        Specimen { call: world.update_trailing(0, &alice, trails), world: world.clone() },
        Specimen { call: world.execute_slice(0, &alice, parent), world: world.clone() },
        Specimen { call: late.expire_orders(&alice), world: late },
        Specimen { call: world.cancel_all_after(&alice, world.now_ms() + 1_000), world },
    ]
}

/// The six instructions of the way down.
fn falls() -> Vec<Specimen> {
    let fallen = |usd: u64| {
        let mut down = held(LOTS);
        down.world.ok(&down.world.deposit(&down.carol, 1, SOL));
        down.settle_at(usd);
        down
    };
    let begun = |usd: u64| {
        let mut down = fallen(usd);
        down.begin(usd);
        down
    };
    let mut all = Vec::new();
    let mut add = |down: Downfall, call: Call| all.push(Specimen { world: down.world, call });
    let down = fallen(BELOW_MAINTENANCE);
    let call = down.world.liquidate_orders(&down.alice);
    add(down, call);
    let mut down = begun(BELOW_MAINTENANCE);
    let call = down.take(10);
    add(down.clone(), call);
    let maker = resting(&mut down.world, &down.carol, false, 470_000, 20);
    let call = down.world.liquidate_with_orders(0, &down.alice, 10, &[(&down.carol, maker)]);
    add(down, call);
    let down = begun(BELOW_BACKSTOP);
    let call = down.world.liquidate_to_backstop(0, &down.alice);
    add(down, call);
    let mut down = begun(BANKRUPT);
    let call = down.world.resolve_bankruptcy(0, &down.alice);
    add(down.clone(), call);
    down.world.ok(&down.world.deposit(&down.alice, 1, SOL));
    let call = down.world.liquidate_collateral(1, &down.alice, &down.carol, SOL / 2);
    add(down, call);
    all
}

/// The instructions that run before anybody trades. A stranger's accounts exist in each world.
fn births() -> Vec<Specimen> {
    let with_stranger = |mut world: World| {
        world.fund(key("stranger"));
        world
    };
    let deployed = with_stranger(World::deployed());
    let initialized = with_stranger(World::initialized());
    let listed = with_stranger(World::listed());
    vec![
        Specimen { call: deployed.initialize_exchange(true, &exchange_terms()), world: deployed },
        Specimen { call: initialized.list_collateral(0, initialized.mints[0], &quote_terms()), world: initialized },
        Specimen { call: listed.list_market(3, &market_terms(0, listed.oracle)), world: listed.clone() },
        Specimen { call: listed.open_exchange(), world: listed },
    ]
}
