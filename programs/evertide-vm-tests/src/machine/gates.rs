//! I-22: gates and pauses stop new risk only, and a pause ends after 30 minutes by itself.

use litesvm::types::FailedTransactionMetadata;

use super::Machine;
use crate::{
    admin::PAUSE_S,
    call::Call,
    idl::idl,
    terms::ticks,
    traders::{limit, Trader},
    world::{custom_code, World},
};

/// Which gate stops which instruction; where none is named nothing does. A match goes on behind its gate, for those
/// whose positions it lowers.
const GATED: [(u8, &[&str]); 3] = [
    (0, &["create_user"]),
    (
        1,
        &[
            "place_orders",
            "place_signed_orders",
            "modify_order",
            "commit_order",
            "reveal_order",
            "trigger_order",
            "execute_slice",
            "update_trailing",
        ],
    ),
    (3, &["withdraw"]),
];

fn is_gate_refusal(failed: &FailedTransactionMetadata) -> bool {
    custom_code(failed) == Some(idl().error_code("GateClosed"))
}

impl Machine {
    fn is_paused(&self) -> bool {
        let start_ms = self.world.exchange().pause_start_ms;
        start_ms != 0 && self.world.now_ms() < start_ms + PAUSE_S * 1_000
    }

    /// A refusal by a gate is of a call that adds risk, and the gate is closed or a pause runs.
    pub(super) fn check_gate_refusal(&self, call: &Call, failed: &FailedTransactionMetadata) {
        if !is_gate_refusal(failed) {
            return;
        }
        let gate = GATED.iter().find(|(_, names)| names.contains(&call.name.as_str()));
        let Some((gate, _)) = gate else { panic!("I-22: a gate stopped {}", call.name) };
        let closed = self.world.exchange().gates_closed >> gate & 1 != 0;
        assert!(closed || self.is_paused(), "I-22: {} was stopped by an open gate without a pause", call.name);
    }

    /// A pause is not made longer while it runs; behind closed gates everything that lowers risk goes on.
    pub(super) fn check_pause(&mut self) {
        let exchange = self.world.exchange();
        let (now_ms, start_ms) = (self.world.now_ms(), exchange.pause_start_ms);
        let last_ms = std::mem::replace(&mut self.last_pause_ms, start_ms);
        assert!(start_ms <= now_ms, "I-22: a pause begins at {start_ms}, later than {now_ms}");
        if start_ms > last_ms && last_ms != 0 {
            assert!(start_ms >= last_ms + PAUSE_S * 1_000, "I-22: a pause of {last_ms} went on at {start_ms}");
        }
        if exchange.gates_closed == 0 && !self.is_paused() {
            return;
        }
        self.note("Seen: ways out behind a gate");
        for row in self.living() {
            let trader = self.traders[row].clone();
            let world = self.world.clone();
            self.check_ways_out(world, &trader);
        }
    }

    /// Cancels, deposits, withdrawals, settlements and orders that only close.
    fn check_ways_out(&self, mut world: World, trader: &Trader) {
        let mut calls = vec![world.cancel_all(trader), world.expire_orders(trader), world.deposit(trader, 0, 1)];
        for position in world.user(trader).positions.iter().filter(|position| position.market_plus_one != 0) {
            let index = position.market_plus_one - 1;
            calls.push(world.settle_own_pnl(trader, index));
            if position.basis_lots != 0 {
                let at = usize::from(index);
                let mut order = limit(index, position.basis_lots > 0, ticks(at, self.prices[at]), 1);
                order.reduce_only = true;
                calls.push(world.place_orders(trader, &[order]));
            }
        }
        // Above its floor an asset is open; below it the lane is what its gate closes.
        if world.exchange().terms.withdrawal_floor_bps == 0 {
            calls.push(world.withdraw(trader, 0, 1));
        }
        for call in calls {
            if let Err(failed) = world.send(&call) {
                assert!(!is_gate_refusal(&failed), "I-22: a gate or a pause stopped {}", call.name);
            }
        }
    }
}
