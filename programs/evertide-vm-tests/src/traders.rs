//! Traders: their accounts, balances and calls.

use solana_address::Address;

use crate::{
    args::{encoded, CancelArgs, Encode, KindArgs, OrderArgs},
    call::{derived, Call},
    exchange::{collateral, exchange, market, risk_cache, vault},
    state::{Order, OrderKind, Orders, Position, TimeInForce, User},
    terms::{SOL, USD},
    token::token_account,
    world::{key, Outcome, World},
};

/// One sub-account with its owner's token accounts by collateral index.
#[derive(Clone, Debug, PartialEq)]
pub struct Trader {
    pub authority: Address,
    pub sub_id: u16,
    pub user: Address,
    pub orders: Address,
    pub tokens: [Address; 2],
}

impl Trader {
    /// The sub-account 0 of the authority called `name`.
    pub fn named(name: &str) -> Self {
        Self::of(key(name), 0)
    }

    /// A sub-account of `authority`.
    pub fn of(authority: Address, sub_id: u16) -> Self {
        let user = derived(&[b"user", authority.as_ref(), &sub_id.to_le_bytes()]);
        let orders = derived(&[b"orders", user.as_ref()]);
        let token = |mint: &str| key(&format!("{mint} of {authority}"));
        Self { authority, sub_id, user, orders, tokens: [token("usdc"), token("sol")] }
    }
}

/// A plain good-till-cancelled limit order without a taker phase: it may take at once and rests as maker.
pub fn limit(market_index: u16, ask: bool, price_ticks: u64, size_lots: u64) -> OrderArgs {
    OrderArgs { market_index, ask, price_ticks, size_lots, kind: OrderKind::Limit as u8, ..OrderArgs::default() }
}

/// A post-only limit order.
pub fn post_only(market_index: u16, ask: bool, price_ticks: u64, size_lots: u64) -> OrderArgs {
    let time_in_force = TimeInForce::PostOnly as u8;
    OrderArgs { time_in_force, ..limit(market_index, ask, price_ticks, size_lots) }
}

/// A market order with the default worst price; immediate or cancel.
pub fn market_order(market_index: u16, ask: bool, size_lots: u64) -> OrderArgs {
    OrderArgs {
        kind: OrderKind::Market as u8,
        time_in_force: TimeInForce::ImmediateOrCancel as u8,
        ..limit(market_index, ask, 0, size_lots)
    }
}

/// Calls of users.
impl World {
    pub fn create_user(&self, trader: &Trader) -> Call {
        let accounts = [
            ("authority", trader.authority),
            ("user", trader.user),
            ("orders", trader.orders),
            ("exchange", exchange()),
        ];
        Call::new("create_user", &encoded(&trader.sub_id), &accounts)
    }

    pub fn close_user(&self, trader: &Trader) -> Call {
        let accounts = [("authority", trader.authority), ("user", trader.user), ("orders", trader.orders)];
        Call::new("close_user", &[], &accounts)
    }

    pub fn set_limits(
        &self,
        trader: &Trader,
        user_ratio_bps: u16,
        notional_cap_atoms: u64,
        market_index: u16,
        market_ratio_bps: u16,
    ) -> Call {
        let mut args = encoded(&user_ratio_bps);
        notional_cap_atoms.encode(&mut args);
        market_index.encode(&mut args);
        market_ratio_bps.encode(&mut args);
        let accounts = [("authority", trader.authority), ("user", trader.user), ("risk_cache", risk_cache())];
        Call::new("set_limits", &args, &accounts)
    }

    /// set_delegate; `state::permissions`.
    pub fn set_delegate(&self, trader: &Trader, delegate: Address, permissions: u32, expiry_ms: i64) -> Call {
        let mut args = delegate.as_ref().to_vec();
        permissions.encode(&mut args);
        expiry_ms.encode(&mut args);
        Call::new("set_delegate", &args, &[("authority", trader.authority), ("user", trader.user)])
    }

    /// Moves a balance between two sub-accounts.
    pub fn transfer(&self, from: &Trader, to: &Trader, index: u16, amount_atoms: u64) -> Call {
        let accounts = [
            ("signer", from.authority),
            ("risk_cache", risk_cache()),
            ("collateral", collateral(index)),
            ("from", from.user),
            ("to", to.user),
        ];
        Call::new("transfer", &encoded(&amount_atoms), &accounts)
    }

    pub fn assert_position(&self, user: Address, market_index: u16, least_lots: i64, most_lots: i64) -> Call {
        let mut args = encoded(&market_index);
        least_lots.encode(&mut args);
        most_lots.encode(&mut args);
        Call::new("assert_position", &args, &[("user", user), ("risk_cache", risk_cache())])
    }

    pub fn deposit(&self, trader: &Trader, index: u16, amount_atoms: u64) -> Call {
        Call::new(
            "deposit",
            &encoded(&amount_atoms),
            &[
                ("authority", trader.authority),
                ("exchange", exchange()),
                ("user", trader.user),
                ("collateral", collateral(index)),
                ("vault", vault(index)),
                ("source_token", trader.tokens[usize::from(index)]),
                ("mint", self.mints[usize::from(index)]),
            ],
        )
    }

    pub fn withdraw(&self, trader: &Trader, index: u16, amount_atoms: u64) -> Call {
        Call::new(
            "withdraw",
            &encoded(&amount_atoms),
            &[
                ("authority", trader.authority),
                ("exchange", exchange()),
                ("risk_cache", risk_cache()),
                ("user", trader.user),
                ("collateral", collateral(index)),
                ("vault", vault(index)),
                ("destination_token", trader.tokens[usize::from(index)]),
                ("mint", self.mints[usize::from(index)]),
            ],
        )
    }

    pub fn place_orders(&self, trader: &Trader, orders: &[OrderArgs]) -> Call {
        self.place_kinds(trader, orders, &[])
    }

    /// place_orders with the list of what only some kinds have.
    pub fn place_kinds(&self, trader: &Trader, orders: &[OrderArgs], kind_args: &[KindArgs]) -> Call {
        let mut markets: Vec<u16> = Vec::new();
        for order in orders {
            if !markets.contains(&order.market_index) {
                markets.push(order.market_index);
            }
        }
        let mut args = encoded(&orders.to_vec());
        kind_args.to_vec().encode(&mut args);
        self.trading_call("place_orders", &args, trader)
            .with_remaining(markets.into_iter().map(|index| (market(index), false)))
    }

    pub fn modify_order(&self, trader: &Trader, order_id: u64, replacement: &OrderArgs) -> Call {
        self.modify_kind(trader, order_id, replacement, &[])
    }

    /// modify_order with what only some kinds have.
    pub fn modify_kind(&self, trader: &Trader, order_id: u64, replacement: &OrderArgs, kind_args: &[KindArgs]) -> Call {
        let mut args = encoded(&order_id);
        replacement.encode(&mut args);
        kind_args.to_vec().encode(&mut args);
        self.trading_call("modify_order", &args, trader).with_remaining([(market(replacement.market_index), false)])
    }

    fn trading_call(&self, name: &str, args: &[u8], trader: &Trader) -> Call {
        let accounts = [
            ("signer", trader.authority),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("user", trader.user),
            ("orders", trader.orders),
        ];
        Call::new(name, args, &accounts)
    }

    pub fn commit_order(&self, trader: &Trader, hash: &[u8; 32]) -> Call {
        let accounts =
            [("signer", trader.authority), ("exchange", exchange()), ("user", trader.user), ("orders", trader.orders)];
        Call::new("commit_order", hash, &accounts)
    }

    pub fn reveal_order(&self, trader: &Trader, order_id: u64, order: &OrderArgs, salt: &[u8; 32]) -> Call {
        let mut args = encoded(&order_id);
        order.encode(&mut args);
        args.extend(salt);
        self.trading_call("reveal_order", &args, trader).with_remaining([(market(order.market_index), false)])
    }

    pub fn cancel_orders(&self, trader: &Trader, selector: &CancelArgs) -> Call {
        let accounts = [("signer", trader.authority), ("user", trader.user), ("orders", trader.orders)];
        Call::new("cancel_orders", &encoded(selector), &accounts)
    }

    pub fn cancel_ids(&self, trader: &Trader, ids: &[u64]) -> Call {
        self.cancel_orders(trader, &CancelArgs { ids: ids.to_vec(), ..CancelArgs::default() })
    }

    pub fn cancel_all(&self, trader: &Trader) -> Call {
        self.cancel_orders(trader, &CancelArgs { by: 4, ..CancelArgs::default() })
    }

    /// settle_pnl signed by the owner, who alone is paid a profit while the market's deficit is open.
    pub fn settle_own_pnl(&self, trader: &Trader, index: u16) -> Call {
        let accounts = [
            ("market", market(index)),
            ("risk_cache", risk_cache()),
            ("exchange", exchange()),
            ("user", trader.user),
            ("quote", collateral(0)),
            ("authority", trader.authority),
        ];
        Call::new("settle_pnl", &[], &accounts)
    }

    pub fn view_health(&self, user: Address) -> Call {
        Call::new("view_health", &[], &[("user", user), ("risk_cache", risk_cache())])
    }

    pub fn assert_health(&self, user: Address, minimum_excess_atoms: i64, kind: u8) -> Call {
        let mut args = encoded(&minimum_excess_atoms);
        kind.encode(&mut args);
        Call::new("assert_health", &args, &[("user", user), ("risk_cache", risk_cache())])
    }

    pub fn assert_sequence(&self, user: Address, sequence: u64) -> Call {
        Call::new("assert_sequence", &encoded(&sequence), &[("user", user)])
    }
}

/// Traders ready to act.
impl World {
    /// A trader with token accounts and a sub-account, nothing deposited.
    pub fn trader(&mut self, name: &str) -> Trader {
        let trader = Trader::named(name);
        self.introduce(&trader);
        trader
    }

    /// Gives a trader tokens and its sub-account, nothing deposited.
    pub fn introduce(&mut self, trader: &Trader) {
        self.fund(trader.authority);
        self.give_tokens(trader, 100_000_000 * USD, 100_000 * SOL);
        let call = self.create_user(trader);
        self.ok(&call);
    }

    /// Puts fresh token accounts of the trader in place.
    pub fn give_tokens(&mut self, trader: &Trader, usdc_atoms: u64, sol_atoms: u64) {
        for (index, amount_atoms) in [usdc_atoms, sol_atoms].into_iter().enumerate() {
            let account = token_account(self.mints[index], trader.authority, amount_atoms);
            self.set(trader.tokens[index], account);
        }
    }

    /// Another sub-account of the trader's authority, nothing deposited.
    pub fn sub_account(&mut self, trader: &Trader, sub_id: u16) -> Trader {
        let other = Trader::of(trader.authority, sub_id);
        let call = self.create_user(&other);
        self.ok(&call);
        other
    }

    /// A trader with this many dollars deposited.
    pub fn funded(&mut self, name: &str, usd: u64) -> Trader {
        let trader = self.trader(name);
        let call = self.deposit(&trader, 0, usd * USD);
        self.ok(&call);
        trader
    }

    /// Places one order that must be accepted; its id.
    pub fn place(&mut self, trader: &Trader, order: OrderArgs) -> u64 {
        self.place_outcome(trader, order).0
    }

    /// Places one order that must be accepted; its id and what happened.
    pub fn place_outcome(&mut self, trader: &Trader, order: OrderArgs) -> (u64, Outcome) {
        let order_id = self.orders(trader).next_order_id;
        let call = self.place_orders(trader, &[order]);
        let outcome = self.ok(&call);
        (order_id, outcome)
    }

    /// Opens a position at this price: the buyer rests, the seller takes in a later slot.
    pub fn trade(&mut self, index: u16, buyer: &Trader, seller: &Trader, price_ticks: u64, size_lots: u64) -> Outcome {
        let maker = self.place(buyer, post_only(index, false, price_ticks, size_lots));
        self.advance_slots(1);
        let taker = self.place(seller, limit(index, true, price_ticks, size_lots));
        let call = self.match_orders(index, seller, taker, &[(buyer, maker)]);
        self.ok(&call)
    }

    pub fn user(&self, trader: &Trader) -> User {
        self.read(&trader.user)
    }

    pub fn orders(&self, trader: &Trader) -> Orders {
        self.read(&trader.orders)
    }

    /// The open order with this id.
    pub fn order(&self, trader: &Trader, order_id: u64) -> Option<Order> {
        self.orders(trader).orders.into_iter().find(|order| order.order_id == order_id)
    }

    /// The trader's position in a market, if a slot is taken.
    pub fn position(&self, trader: &Trader, index: u16) -> Option<Position> {
        self.user(trader).positions.into_iter().find(|position| position.market_plus_one == index + 1)
    }
}
