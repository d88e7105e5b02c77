//! Accounts on their way down, for the tests of liquidations and bankruptcies.
//!
//! Market 0 opens at $50,000: a lot is worth $5. Alice puts $1,000 against 1,900 lots, $9,500, so that her maintenance
//! margin of 5 % is reached at about $47,050, backstop margin at $45,950, ADL margin at $45,400 and zero at $44,730.

use evertide_vm_tests::{
    call::Call,
    exchange::insurance,
    state::{Insurance, Market},
    terms::{PRICES, USD},
    traders::{limit, post_only, Trader},
    way_down::backstop,
    world::{Outcome, World},
};
use serde_json::Value;

/// Prices of market 0 for a long of alice, whole dollars.
pub const BELOW_CANCEL: u64 = 48_000;
pub const BELOW_MAINTENANCE: u64 = 47_000;
pub const ABOVE_BACKSTOP: u64 = 46_000;
pub const BELOW_BACKSTOP: u64 = 45_700;
pub const BELOW_ADL: u64 = 45_000;
pub const BANKRUPT: u64 = 44_000;

/// Lots of alice's position.
pub const LOTS: i64 = 1_900;

/// The error that is due after a market was changed so.
pub type Spoiled = (&'static str, fn(&mut Market));

/// A world with alice on her way down, bob on the other side, and carol who liquidates.
#[derive(Clone)]
pub struct Downfall {
    pub world: World,
    pub alice: Trader,
    pub bob: Trader,
    pub carol: Trader,
}

/// Alice long (positive) or short 1,900 lots against bob at $50,000.
pub fn held(lots: i64) -> Downfall {
    held_with(1_000, lots)
}

/// Alice with this many dollars and lots.
pub fn held_with(usd: u64, lots: i64) -> Downfall {
    let mut world = World::open();
    let alice = world.funded("alice", usd);
    let (bob, carol) = (world.funded("bob", 100_000), world.funded("carol", 100_000));
    trade(&mut world, &alice, &bob, lots);
    Downfall { world, alice, bob, carol }
}

/// `trader` changes its position in market 0 by signed `lots` against `other`, at the opening price.
pub fn trade(world: &mut World, trader: &Trader, other: &Trader, lots: i64) -> Outcome {
    let size = lots.unsigned_abs();
    match lots > 0 {
        true => world.trade(0, trader, other, 500_000, size),
        false => world.trade(0, other, trader, 500_000, size),
    }
}

/// The price as far above the opening price as `usd` is below it, for shorts.
pub fn mirrored(usd: u64) -> u64 {
    100_000 - usd
}

impl Downfall {
    /// As `held`, fallen to this price with the liquidation begun.
    pub fn begun(lots: i64, usd: u64) -> Self {
        let mut down = held(lots);
        down.begin(usd);
        down
    }

    /// As `begun`, with averages that have followed: orders near the index lie inside the fill band.
    pub fn calm(lots: i64, usd: u64) -> Self {
        let mut down = held(lots);
        down.settle_at(usd);
        down.begin(usd);
        down
    }

    /// Moves time by a second and market 0 to this price, whole dollars; all rows are fresh afterwards.
    pub fn price(&mut self, usd: u64) {
        move_to(&mut self.world, usd);
    }

    /// To this price for so long that the averages have followed.
    pub fn settle_at(&mut self, usd: u64) {
        for _ in 0..8 {
            self.world.pass(301, &prices(usd));
        }
    }

    /// To this price, with alice's orders void and her liquidation begun.
    pub fn begin(&mut self, usd: u64) {
        self.price(usd);
        self.world.ok(&self.world.liquidate_orders(&self.alice));
    }

    /// The same for another trader.
    pub fn begin_of(&mut self, trader: &Trader, usd: u64) {
        self.price(usd);
        self.world.ok(&self.world.liquidate_orders(trader));
    }

    /// Waits in liquidation at the same price.
    pub fn wait(&mut self, seconds: i64, usd: u64) {
        if seconds != 0 {
            self.world.pass(seconds, &prices(usd));
        }
    }

    pub fn take(&self, lots: u64) -> Call {
        self.world.liquidate_position(0, &self.alice, &self.carol, lots)
    }
}

/// All prices with market 0 at this one, whole dollars.
pub fn prices(usd: u64) -> [u64; 3] {
    [usd * USD, PRICES[1], PRICES[2]]
}

/// Moves time by a second and market 0 to this price, whole dollars.
pub fn move_to(world: &mut World, usd: u64) {
    world.pass(1, &prices(usd));
}

/// Takes the insurance fund's free part away, and its tranche but for `tranche_usd`: the vault loses the same.
pub fn uninsured(world: &mut World, tranche_usd: u64) {
    let taken = world.insurance().balance_atoms - tranche_usd * USD;
    world.edit::<Insurance>(insurance(), |fund| {
        fund.balance_atoms = tranche_usd * USD;
        fund.tranche_atoms = tranche_usd * USD;
    });
    let vault = evertide_vm_tests::exchange::vault(0);
    let held = world.tokens(&vault);
    world.forge(vault, |data| data[64..72].copy_from_slice(&(held - taken).to_le_bytes()));
}

/// A resting order of `trader` in an earlier slot than now.
pub fn resting(world: &mut World, trader: &Trader, ask: bool, ticks: u64, lots: u64) -> u64 {
    let id = world.place(trader, post_only(0, ask, ticks, lots));
    world.advance_slots(1);
    id
}

/// A good-till-cancelled order that may also take.
pub fn order(world: &mut World, trader: &Trader, ask: bool, ticks: u64, lots: u64) -> u64 {
    world.place(trader, limit(0, ask, ticks, lots))
}

/// The market's backstop with this many dollars of its own.
pub fn funded_backstop(world: &mut World, from: &Trader, usd: u64) -> Trader {
    let own = backstop(0);
    let call = world.deposit(from, 0, usd * USD).with("user", own.user);
    world.ok(&call);
    own
}

/// A signed number of an event.
pub fn number(event: &Value, field: &str) -> i64 {
    let value = &event[field];
    value.as_i64().unwrap_or_else(|| panic!("{field} of {event} is no number"))
}
