//! Linked orders that something else than a plain match reaches: a liquidation that fills them, one of their owner that voids
//! them, and the self-trade rule.

use evertide_vm_tests::{
    args::OrderArgs,
    kinds::plain,
    state::SelfTradeRule,
    terms::USD,
    tests,
    traders::{limit, post_only, Trader},
    world::World,
};

use crate::{
    downfall::{held, number, trade, Downfall, BELOW_MAINTENANCE, LOTS},
    groups::{exit, stop},
    match_orders::stage,
};

tests!(
    a_liquidation_that_fills_an_entry_grows_its_exits,
    a_liquidation_that_fills_an_exit_shrinks_and_ends_the_other,
    a_liquidation_of_the_owner_voids_entry_and_exits,
    a_self_trade_that_takes_an_entry_out_leaves_no_exit_alive,
    a_self_trade_that_takes_a_filled_entry_out_leaves_its_exits,
    a_self_trade_that_ends_a_taking_entry_leaves_no_exit_alive,
    a_self_trade_that_decrements_is_no_fill,
);

fn sizes(world: &World, trader: &Trader, ids: &[u64]) -> Vec<Option<u64>> {
    ids.iter().map(|id| world.order(trader, *id).map(|order| order.size_lots)).collect()
}

/// Alice long and below maintenance, her liquidation begun; carol long or short 100 lots where that is asked for.
fn falling(carols_lots: i64) -> Downfall {
    let mut down = held(LOTS);
    if carols_lots != 0 {
        let (carol, bob) = (down.carol.clone(), down.bob.clone());
        trade(&mut down.world, &carol, &bob, carols_lots);
    }
    down.settle_at(BELOW_MAINTENANCE);
    down.begin(BELOW_MAINTENANCE);
    down
}

/// Carol's bracket is the bid that alice is sold to.
fn a_liquidation_that_fills_an_entry_grows_its_exits() {
    let mut down = falling(0);
    let wishes = [plain(post_only(0, false, 469_900, 50)), exit(true, 480_000, 50), stop(true, 460_000, 50)];
    let ids = down.world.place_group(&down.carol, &wishes, 3);
    down.world.advance_slots(1);
    for (most, left) in [(20, [Some(30), Some(20), Some(20)]), (30, [None, Some(50), Some(50)])] {
        let call = down.world.liquidate_with_orders(0, &down.alice, most, &[(&down.carol, ids[0])]);
        let event = down.world.told(&call, "LiquidationMatched");
        assert_eq!(event["linked"].as_array().map(Vec::len), Some(2), "{event}");
        assert_eq!(sizes(&down.world, &down.carol, &ids), left);
    }
    // What has come to life closes what it bought.
    down.price(46_000);
    down.world.ok(&down.world.trigger_order(0, &down.carol, ids[2]));
    assert_eq!(down.world.worth(&down.carol, 0).0, 50);
}

/// Carol is short and buys back: her take-profit meets the liquidation, her stop loses as much, and goes with the rest.
fn a_liquidation_that_fills_an_exit_shrinks_and_ends_the_other() {
    let mut down = falling(-100);
    let ids = down.world.place_group(&down.carol, &[exit(false, 469_900, 100), stop(false, 480_000, 100)], 9);
    down.world.advance_slots(1);
    for (most, left, held) in [(40, [Some(60), Some(60)], -60), (60, [None, None], 0)] {
        let call = down.world.liquidate_with_orders(0, &down.alice, most, &[(&down.carol, ids[0])]);
        let event = down.world.told(&call, "LiquidationMatched");
        assert_eq!(number(&event["linked"][0], "size_lots") as u64, left[1].unwrap_or(0), "{event}");
        assert_eq!(sizes(&down.world, &down.carol, &ids), left);
        assert_eq!(down.world.worth(&down.carol, 0).0, held);
    }
    assert_eq!(down.world.orders(&down.carol).order_count, 0);
}

/// Her own bracket, one entry half filled: nothing of it triggers, fills or grows any more.
fn a_liquidation_of_the_owner_voids_entry_and_exits() {
    let mut down = held(LOTS - 60);
    let wishes = [plain(post_only(0, false, 499_000, 100)), exit(true, 510_000, 100), stop(true, 480_000, 100)];
    let ids = down.world.place_group(&down.alice, &wishes, 1);
    down.world.advance_slots(1);
    let sell = down.world.place(&down.bob, limit(0, true, 499_000, 60));
    down.world.told(&down.world.match_orders(0, &down.bob, sell, &[(&down.alice, ids[0])]), "OrdersMatched");
    assert_eq!(sizes(&down.world, &down.alice, &ids), [Some(40), Some(60), Some(60)]);
    down.settle_at(46_800);
    down.begin(46_800);
    down.world.fails(&down.world.trigger_order(0, &down.alice, ids[2]), "UserInLiquidation");
    let sell = down.world.place(&down.bob, limit(0, true, 460_000, 10));
    down.world.fails(&down.world.match_orders(0, &down.bob, sell, &[(&down.alice, ids[0])]), "NothingFilled");
    down.world.told(&down.world.expire_orders(&down.alice), "OrdersExpired");
    assert_eq!(down.world.orders(&down.alice).order_count, 0);
}

/// Two sub-accounts of one owner: the second holds a bracket, the first runs into its entry with this rule.
struct Own {
    world: World,
    bob: Trader,
    first: Trader,
    second: Trader,
    ids: Vec<u64>,
}

fn own() -> Own {
    let (mut world, first, bob) = stage();
    let second = Trader::of(first.authority, 1);
    world.ok(&world.create_user(&second));
    world.ok(&world.deposit(&second, 0, 1_000 * USD));
    let wishes = [plain(post_only(0, false, 500_000, 100)), exit(true, 510_000, 100), stop(true, 490_000, 100)];
    let ids = world.place_group(&second, &wishes, 5);
    world.advance_slots(1);
    Own { world, bob, first, second, ids }
}

impl Own {
    /// The first sub-account sells this much into the second one's order.
    fn run_into(&mut self, rule: SelfTradeRule, lots: u64) {
        let order = OrderArgs { self_trade: rule as u8, ..limit(0, true, 500_000, lots) };
        let taker = self.world.place(&self.first, order);
        let call = self.world.match_orders(0, &self.first, taker, &[(&self.second, self.ids[0])]);
        self.world.told(&call, "OrdersMatched");
    }

    fn sizes(&self) -> Vec<Option<u64>> {
        sizes(&self.world, &self.second, &self.ids)
    }
}

fn a_self_trade_that_takes_an_entry_out_leaves_no_exit_alive() {
    let mut own = own();
    own.run_into(SelfTradeRule::CancelOldest, 10);
    assert_eq!(own.sizes()[0], None);
    // The exits cover nothing and wait for nobody: they neither fire nor fill, anyone sweeps them.
    own.world.advance_slots(1);
    let buyer = own.world.place(&own.bob, limit(0, false, 510_000, 10));
    own.world.fails(&own.world.match_orders(0, &own.bob, buyer, &[(&own.second, own.ids[1])]), "NothingFilled");
    own.world.btc_at(48_900);
    own.world.fails(&own.world.trigger_order(0, &own.second, own.ids[2]), "ExitWaitsForEntry");
    own.world.told(&own.world.expire_orders(&own.second), "OrdersExpired");
    assert_eq!(own.sizes(), [None, None, None]);
    assert_eq!((own.world.orders(&own.second).order_count, own.world.user(&own.second).position_count), (0, 0));
}

fn a_self_trade_that_takes_a_filled_entry_out_leaves_its_exits() {
    let mut own = own();
    let sell = own.world.place(&own.bob, limit(0, true, 500_000, 30));
    own.world.told(&own.world.match_orders(0, &own.bob, sell, &[(&own.second, own.ids[0])]), "OrdersMatched");
    own.run_into(SelfTradeRule::CancelOldest, 10);
    assert_eq!(own.sizes(), [None, Some(30), Some(30)], "what it bought stays covered");
    own.world.fails(&own.world.expire_orders(&own.second), "NothingExpired");
    own.world.advance_slots(1);
    let buyer = own.world.place(&own.bob, limit(0, false, 510_000, 30));
    own.world.told(&own.world.match_orders(0, &own.bob, buyer, &[(&own.second, own.ids[1])]), "OrdersMatched");
    assert_eq!(own.sizes(), [None, None, None]);
    assert_eq!(own.world.worth(&own.second, 0).0, 0);
}

/// The newest is the bracket's own entry, which takes.
fn a_self_trade_that_ends_a_taking_entry_leaves_no_exit_alive() {
    let (mut world, first, _) = stage();
    let second = Trader::of(first.authority, 1);
    world.ok(&world.create_user(&second));
    world.ok(&world.deposit(&second, 0, 1_000 * USD));
    let ask = world.place(&second, post_only(0, true, 500_000, 10));
    world.advance_slots(1);
    let entry = OrderArgs { self_trade: SelfTradeRule::CancelNewest as u8, ..limit(0, false, 500_000, 20) };
    let ids = world.place_group(&first, &[plain(entry), exit(true, 510_000, 20), stop(true, 490_000, 20)], 1);
    world.told(&world.match_orders(0, &first, ids[0], &[(&second, ask)]), "OrdersMatched");
    assert_eq!(sizes(&world, &first, &ids)[0], None);
    world.told(&world.expire_orders(&first), "OrdersExpired");
    assert_eq!((world.orders(&first).order_count, world.orders(&second).order_count), (0, 1));
}

/// Both lose what they share, nothing was traded: the exits do not grow, and later grow by true fills alone.
fn a_self_trade_that_decrements_is_no_fill() {
    let mut own = own();
    own.run_into(SelfTradeRule::Decrement, 40);
    assert_eq!(own.sizes(), [Some(60), Some(0), Some(0)]);
    assert_eq!(own.world.market(0).open_interest_lots, [0, 0]);
    let sell = own.world.place(&own.bob, limit(0, true, 500_000, 60));
    own.world.told(&own.world.match_orders(0, &own.bob, sell, &[(&own.second, own.ids[0])]), "OrdersMatched");
    assert_eq!(own.sizes(), [None, Some(60), Some(60)]);
}
