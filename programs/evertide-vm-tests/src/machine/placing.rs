//! Placing, cancelling and modifying plain orders.

use super::{kinds::is_commitment, Machine, MARKETS};
use crate::{
    args::{CancelArgs, OrderArgs},
    state::{OrderKind, TimeInForce},
    terms::ticks,
};

impl Machine {
    pub(super) fn place(&mut self, row: usize, dice: [u32; 4]) {
        if dice[3] & 0x10_0000 != 0 {
            self.world.advance_slots(1);
        }
        let count = 1 + dice[3] as usize % 3;
        let orders: Vec<OrderArgs> = (0..count).map(|at| self.random_order(dice, at as u32)).collect();
        let call = self.world.place_orders(&self.traders[row], &orders);
        if self.attempt(&call).is_some() {
            self.check_initial_margin(row, Some(&orders));
        }
    }

    pub(super) fn random_order(&self, dice: [u32; 4], at: u32) -> OrderArgs {
        let [_, a, b, c] = dice.map(|die| die.rotate_left(at * 7));
        let market_index = (a % u32::from(MARKETS)) as u16;
        let ask = a & 0x100 != 0;
        let center = ticks(usize::from(market_index), self.prices[usize::from(market_index)]);
        let offset = center * u64::from(b % 60) / 10_000;
        let price_ticks = if b & 0x1000 != 0 { center + offset } else { center - offset };
        let flavour = (c >> 8) % 12;
        let limit = flavour < 9;
        let mut order = OrderArgs {
            client_order_id: if c & 0x40 != 0 { u64::from(c % 5) } else { 0 },
            market_index,
            ask,
            kind: if limit { OrderKind::Limit as u8 } else { OrderKind::Market as u8 },
            time_in_force: match flavour {
                0..=3 => TimeInForce::GoodTillCancelled as u8,
                4..=5 => TimeInForce::PostOnly as u8,
                6 => TimeInForce::PostOnlySlide as u8,
                8 | 11 => TimeInForce::FillOrKill as u8,
                _ => TimeInForce::ImmediateOrCancel as u8,
            },
            reduce_only: c % 13 == 0,
            self_trade: (c >> 4) as u8 % 3,
            price_ticks: if limit { price_ticks } else { 0 },
            // $10,000 at most, now and then $300,000: more than most accounts can carry.
            size_lots: 1 + u64::from(b >> 13) % if c & 0x0300_0000 == 0 { 60_000 } else { 2_000 },
            ..OrderArgs::default()
        };
        if order.time_in_force == TimeInForce::GoodTillCancelled as u8 {
            order.taker_phase_s = [0, 0, 5, 12][(c >> 16) as usize % 4];
            order.expiry_ms = if c & 0x2000_0000 != 0 { self.world.now_ms() + 20_000 } else { 0 };
        }
        self.brand(&mut order, a ^ b);
        order
    }

    pub(super) fn cancel(&mut self, row: usize, dice: [u32; 4]) {
        let open: Vec<u64> = self.world.orders(&self.traders[row]).orders.iter().map(|order| order.order_id).collect();
        let selector = CancelArgs {
            by: (dice[1] % 6) as u8,
            market_index: (dice[2] % u32::from(MARKETS)) as u16,
            ask: dice[2] & 0x100 != 0,
            ids: if dice[1] % 6 < 2 { vec![open[dice[3] as usize % open.len()].max(1)] } else { Vec::new() },
        };
        let call = self.world.cancel_orders(&self.traders[row], &selector);
        self.attempt(&call);
    }

    pub(super) fn modify(&mut self, row: usize, dice: [u32; 4]) {
        let orders = self.world.orders(&self.traders[row]).orders;
        let open: Vec<_> = orders.iter().filter(|order| order.order_id != 0 && !is_commitment(order)).collect();
        let Some(order) = open.get(dice[3] as usize % open.len().max(1)) else { return };
        let mut replacement = self.random_order(dice, 1);
        if !dice[1].is_multiple_of(8) {
            replacement.market_index = order.market_index;
            replacement.ask = order.flags & crate::state::order_flags::ASK != 0;
            replacement.price_ticks = order.price_ticks;
            replacement.kind = order.kind;
            replacement.time_in_force = order.time_in_force;
            replacement.size_lots =
                if dice[2].is_multiple_of(2) { order.size_lots.div_ceil(2) } else { order.size_lots + 5 };
        }
        let call = self.world.modify_order(&self.traders[row], order.order_id, &replacement);
        self.attempt(&call);
    }
}
