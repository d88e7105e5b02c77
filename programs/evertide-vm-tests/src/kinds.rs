//! Orders of every kind, their links, and the calls that keep them going.

use crate::{
    args::{encoded, KindArgs, OrderArgs},
    call::Call,
    exchange::{exchange, market, risk_cache},
    state::{OrderKind, TimeInForce},
    traders::{limit, Trader},
    world::World,
};

/// An order beside what only its kind has.
pub type Wish = (OrderArgs, KindArgs);

/// A market stop or take-profit that watches the index.
pub fn conditional(kind: OrderKind, ask: bool, trigger_ticks: u64, size_lots: u64) -> Wish {
    let market_like = matches!(kind, OrderKind::StopMarket | OrderKind::TakeProfitMarket | OrderKind::TrailingStop);
    let time_in_force = if market_like { TimeInForce::ImmediateOrCancel } else { TimeInForce::GoodTillCancelled };
    let price_ticks = if market_like { 0 } else { trigger_ticks };
    let order =
        OrderArgs { kind: kind as u8, time_in_force: time_in_force as u8, ..limit(0, ask, price_ticks, size_lots) };
    (order, KindArgs { trigger_ticks, trigger_source: 1, ..KindArgs::default() })
}

/// A trailing stop that watches the index, from its price now.
pub fn trailing(ask: bool, trail_bps: u16, size_lots: u64) -> Wish {
    let (order, kind) = conditional(OrderKind::TrailingStop, ask, 0, size_lots);
    (order, KindArgs { trail_bps, ..kind })
}

/// A pegged order with its limit.
pub fn pegged(ask: bool, offset_ticks: i64, limit_ticks: u64, size_lots: u64) -> Wish {
    let time_in_force = TimeInForce::PostOnly as u8;
    let order = OrderArgs { kind: OrderKind::Pegged as u8, time_in_force, ..limit(0, ask, limit_ticks, size_lots) };
    (order, KindArgs { peg_offset_ticks: offset_ticks, ..KindArgs::default() })
}

/// An iceberg of `size_lots` that shows `display_lots` at a time.
pub fn iceberg(ask: bool, price_ticks: u64, size_lots: u64, display_lots: u64) -> Wish {
    let order = OrderArgs { kind: OrderKind::Iceberg as u8, ..limit(0, ask, price_ticks, size_lots) };
    (order, KindArgs { display_lots, ..KindArgs::default() })
}

/// A TWAP without a limit of its own.
pub fn twap(ask: bool, size_lots: u64, slice_count: u16, slice_interval_s: u32) -> Wish {
    let time_in_force = TimeInForce::ImmediateOrCancel as u8;
    let order = OrderArgs { kind: OrderKind::Twap as u8, time_in_force, ..limit(0, ask, 0, size_lots) };
    (order, KindArgs { slice_count, slice_interval_s, ..KindArgs::default() })
}

/// The same order, doing nothing before this time.
pub fn scheduled((order, kind): Wish, not_before_ms: i64) -> Wish {
    (order, KindArgs { not_before_ms, ..kind })
}

/// The same order as one that may only reduce.
pub fn reducing((order, kind): Wish) -> Wish {
    (OrderArgs { reduce_only: true, ..order }, kind)
}

/// A plain order as a wish.
pub fn plain(order: OrderArgs) -> Wish {
    (order, KindArgs::default())
}

impl World {
    /// place_orders of wishes; those that need nothing of their kind name no entry.
    pub fn place_wishes(&self, trader: &Trader, wishes: &[Wish], group: u8) -> Call {
        let mut kind_args = Vec::new();
        let orders: Vec<OrderArgs> = wishes
            .iter()
            .map(|(order, kind)| {
                let needs = *kind != KindArgs::default() || order.kind > OrderKind::Market as u8;
                if needs {
                    kind_args.push(kind.clone());
                }
                let kind_args_plus_one = if needs { kind_args.len() as u8 } else { 0 };
                OrderArgs { group, kind_args_plus_one, ..order.clone() }
            })
            .collect();
        self.place_kinds(trader, &orders, &kind_args)
    }

    /// Places one order of any kind that must be accepted; its id.
    pub fn place_wish(&mut self, trader: &Trader, wish: Wish) -> u64 {
        self.place_group(trader, &[wish], 0)[0]
    }

    /// Places linked orders that must be accepted; their ids.
    pub fn place_group(&mut self, trader: &Trader, wishes: &[Wish], group: u8) -> Vec<u64> {
        let first = self.orders(trader).next_order_id;
        let call = self.place_wishes(trader, wishes, group);
        self.ok(&call);
        (first..first + wishes.len() as u64).collect()
    }

    pub fn cancel_all_after(&self, trader: &Trader, deadline_ms: i64) -> Call {
        let accounts = [("signer", trader.authority), ("user", trader.user), ("orders", trader.orders)];
        Call::new("cancel_all_after", &encoded(&deadline_ms), &accounts)
    }

    pub fn expire_orders(&self, trader: &Trader) -> Call {
        Call::new("expire_orders", &[], &[("user", trader.user), ("orders", trader.orders)])
    }

    pub fn trigger_order(&self, index: u16, trader: &Trader, order_id: u64) -> Call {
        self.waking_call("trigger_order", index, trader, order_id)
    }

    pub fn execute_slice(&self, index: u16, trader: &Trader, order_id: u64) -> Call {
        self.waking_call("execute_slice", index, trader, order_id)
    }

    fn waking_call(&self, name: &str, index: u16, trader: &Trader, order_id: u64) -> Call {
        let accounts = [
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("user", trader.user),
            ("orders", trader.orders),
        ];
        Call::new(name, &encoded(&order_id), &accounts)
    }

    pub fn update_trailing(&self, index: u16, trader: &Trader, order_id: u64) -> Call {
        let accounts = [("market", market(index)), ("user", trader.user), ("orders", trader.orders)];
        Call::new("update_trailing", &encoded(&order_id), &accounts)
    }

    /// One second passes and the first market is at this index, in dollars.
    pub fn btc_at(&mut self, usd: u64) {
        let price = crate::terms::PRICES[0] / 50_000 * usd;
        self.pass(1, &[price, crate::terms::PRICES[1], crate::terms::PRICES[2]]);
    }
}
