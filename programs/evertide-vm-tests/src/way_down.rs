//! Calls of the way down: liquidations, the backstop, bankruptcies.

use crate::{
    args::{encoded, Encode},
    call::Call,
    exchange::{collateral, exchange, insurance, maker_refs, market, risk_cache},
    traders::Trader,
    world::World,
};

/// The backstop account of a market: the sub-account 0 of the market's own address.
pub fn backstop(market_index: u16) -> Trader {
    Trader::of(market(market_index), 0)
}

impl World {
    pub fn liquidate_orders(&self, user: &Trader) -> Call {
        let accounts = [("risk_cache", risk_cache()), ("user", user.user), ("orders", user.orders)];
        Call::new("liquidate_orders", &[], &accounts)
    }

    pub fn liquidate_position(&self, index: u16, user: &Trader, liquidator: &Trader, size_max_lots: u64) -> Call {
        Call::new(
            "liquidate_position",
            &encoded(&size_max_lots),
            &[
                ("liquidator_authority", liquidator.authority),
                ("risk_cache", risk_cache()),
                ("market", market(index)),
                ("user", user.user),
                ("liquidator", liquidator.user),
            ],
        )
    }

    /// Closes against makers in priority order; no account earns the keeper's share.
    pub fn liquidate_with_orders(
        &self,
        index: u16,
        user: &Trader,
        size_max_lots: u64,
        makers: &[(&Trader, u64)],
    ) -> Call {
        self.liquidate_with_orders_for(index, None, user, size_max_lots, makers)
    }

    /// liquidate_with_orders by the owner of `keeper_user`, who earns the reward. A maker that is the user itself is named
    /// as the taker's own orders.
    pub fn liquidate_with_orders_for(
        &self,
        index: u16,
        keeper_user: Option<&Trader>,
        user: &Trader,
        size_max_lots: u64,
        makers: &[(&Trader, u64)],
    ) -> Call {
        let (refs, pairs) = maker_refs(user, makers);
        let mut args = encoded(&size_max_lots);
        refs.encode(&mut args);
        let mut accounts = vec![
            ("keeper", keeper_user.map_or(self.keeper, |keeper| keeper.authority)),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("user", user.user),
        ];
        accounts.extend(keeper_user.map(|keeper| ("keeper_user", keeper.user)));
        Call::new("liquidate_with_orders", &args, &accounts).with_remaining(pairs)
    }

    /// Sells collateral `index` of `user` to `liquidator`.
    pub fn liquidate_collateral(&self, index: u16, user: &Trader, liquidator: &Trader, amount_max_atoms: u64) -> Call {
        Call::new(
            "liquidate_collateral",
            &encoded(&amount_max_atoms),
            &[
                ("liquidator_authority", liquidator.authority),
                ("risk_cache", risk_cache()),
                ("user", user.user),
                ("liquidator", liquidator.user),
                ("quote", collateral(0)),
                ("collateral", collateral(index)),
            ],
        )
    }

    pub fn liquidate_to_backstop(&self, index: u16, user: &Trader) -> Call {
        Call::new(
            "liquidate_to_backstop",
            &[],
            &[
                ("risk_cache", risk_cache()),
                ("market", market(index)),
                ("user", user.user),
                ("backstop", backstop(index).user),
                ("insurance", insurance()),
            ],
        )
    }

    pub fn resolve_bankruptcy(&self, index: u16, user: &Trader) -> Call {
        Call::new(
            "resolve_bankruptcy",
            &[],
            &[
                ("risk_cache", risk_cache()),
                ("market", market(index)),
                ("user", user.user),
                ("quote", collateral(0)),
                ("insurance", insurance()),
            ],
        )
    }
}
