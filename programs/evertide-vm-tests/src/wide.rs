//! The widest accounts there can be: 12 markets, 8 deposit assets, users with every slot taken.

use crate::{
    args::OrderArgs,
    exchange::{market, risk_cache, Target},
    state::{CollateralTerms, Market, RiskCache, User, ORDERS_MAX, POSITIONS_MAX},
    terms::{market_terms, quote_terms, sol_terms, PRICES, SOL, USD},
    token::{mint_account, token_account},
    traders::{limit, Trader},
    world::{key, World},
};

/// Assets beside the quote asset.
pub const ASSETS: u16 = 8;
/// Lots of each forged position; a market's side holds them for every forged user.
const POSITION_LOTS: i64 = 7;

impl World {
    /// An open exchange with 12 markets like ETH's and 8 assets like SOL.
    pub fn wide() -> Self {
        let mut world = Self::initialized();
        let call = world.list_collateral(0, world.mints[0], &quote_terms());
        world.ok(&call);
        for index in 1..=ASSETS {
            let mint = if index == 1 { world.mints[1] } else { key(&format!("asset {index}")) };
            world.set(mint, mint_account(9, None));
            let call = world.list_collateral(index, mint, &CollateralTerms { ..sol_terms(world.oracle) });
            world.ok(&call);
        }
        for index in 0..POSITIONS_MAX as u16 {
            let call = world.list_market(index, &market_terms(1, world.oracle));
            world.ok(&call);
        }
        let call = world.open_exchange();
        world.ok(&call);
        world.refresh_wide();
        world
    }

    /// Publishes all prices and accrues all rows.
    pub fn refresh_wide(&mut self) {
        for index in 0..POSITIONS_MAX as u16 {
            let call = self.update_oracle(Target::Market(index), PRICES[1]);
            self.ok(&call);
            let call = self.accrue_market(index);
            self.ok(&call);
        }
        for index in 1..=ASSETS {
            let call = self.update_oracle(Target::Collateral(index), PRICES[2]);
            self.ok(&call);
        }
        let call = self.accrue_debt();
        self.ok(&call);
    }

    /// Every side of every market was deleveraged once and has paid funding: each fold multiplies, shifts and divides.
    pub fn age_indices(&mut self) {
        for index in 0..POSITIONS_MAX as u16 {
            self.edit::<Market>(market(index), |state| {
                state.a = [(1 << 48) / 10 * 9; 2];
                state.j[0].low = 1 << 40;
                state.j[1].low = 1 << 41;
            });
        }
        self.edit::<RiskCache>(risk_cache(), |cache| {
            for row in &mut cache.markets[..POSITIONS_MAX] {
                row.a = [(1 << 48) / 10 * 9; 2];
                row.j[0].low = 1 << 40;
                row.j[1].low = 1 << 41;
            }
        });
    }

    /// A user with every position, collateral and order slot taken but `free_orders`; funds enough for all of it.
    pub fn full_user(&mut self, name: &str, free_orders: usize) -> Trader {
        let trader = self.funded(name, 1_000_000);
        self.fill_user(&trader, free_orders);
        trader
    }

    /// Takes every position, collateral and order slot of a funded trader but `free_orders`.
    pub fn fill_user(&mut self, trader: &Trader, free_orders: usize) {
        for index in 1..=ASSETS {
            self.give_asset(trader, index);
        }
        let mut left = ORDERS_MAX - free_orders;
        for index in (0..POSITIONS_MAX as u16).rev() {
            let count = if index == 0 { left } else { left.min(2) };
            if count != 0 {
                let order = |at: usize| OrderArgs {
                    client_order_id: 1_000 * u64::from(index + 1) + at as u64,
                    ..limit(index, at % 2 == 1, if at % 2 == 1 { 330_000 } else { 270_000 }, 1)
                };
                for chunk in (0..count).collect::<Vec<_>>().chunks(8) {
                    let orders: Vec<OrderArgs> = chunk.iter().map(|at| order(*at)).collect();
                    let call = self.place_orders(trader, &orders);
                    self.ok(&call);
                }
                left -= count;
            }
        }
        let now_ms = self.now_ms();
        self.edit::<User>(trader.user, |user| {
            for (row, position) in user.positions.iter_mut().enumerate() {
                let sign = if row % 2 == 0 { 1 } else { -1 };
                position.basis_lots = sign * POSITION_LOTS;
                position.a_snapshot = (1 << 48) / 100 * 99;
                position.entry_atoms = sign * POSITION_LOTS * 3_000_000;
                position.cash_atoms = -sign * POSITION_LOTS * 3_000_000;
                position.atoms_per_lot_tick = 10;
                if position.market_plus_one == 0 {
                    position.market_plus_one = free_market(row);
                }
            }
            user.position_count = POSITIONS_MAX as u8;
            user.volume_30d_atoms = 10_000_000 * USD;
            user.volume_updated_ms = now_ms - 3_600_000;
        });
        self.edit::<User>(trader.user, complete_markets);
        self.count_positions(trader);
    }

    fn give_asset(&mut self, trader: &Trader, index: u16) {
        let mint = if index == 1 { self.mints[1] } else { key(&format!("asset {index}")) };
        let source = key(&format!("asset {index} of {}", trader.authority));
        self.set(source, token_account(mint, trader.authority, 10 * SOL));
        let call = self
            .deposit(trader, 1, SOL)
            .with("collateral", crate::exchange::collateral(index))
            .with("vault", crate::exchange::vault(index))
            .with("source_token", source)
            .with("mint", mint);
        self.ok(&call);
    }

    /// The forged positions count in their markets, and so does somebody on the other side of each.
    fn count_positions(&mut self, trader: &Trader) {
        let user = self.user(trader);
        for position in user.positions {
            self.edit::<Market>(market(position.market_plus_one - 1), |state| {
                for side in 0..2 {
                    state.open_interest_lots[side] += position.basis_lots.unsigned_abs();
                    state.position_count[side] += 1;
                }
            });
        }
    }
}

/// A market number beyond the listed ones marks a slot that still needs one.
fn free_market(row: usize) -> u16 {
    1_000 + row as u16
}

/// Gives every marked slot a market that the user has no slot in yet.
fn complete_markets(user: &mut User) {
    for wanted in 1..=POSITIONS_MAX as u16 {
        if !user.positions.iter().any(|position| position.market_plus_one == wanted) {
            let slot = user.positions.iter_mut().find(|position| position.market_plus_one >= 1_000);
            slot.expect("a slot for each market").market_plus_one = wanted;
        }
    }
}
