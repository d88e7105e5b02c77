//! The roles' keys, held and stolen: what each can do at once, what waits, and what it can never do.
//!
//! The bug this catches: a key that does what its role may not, a wait that is cut short, and a stop that outlives its end.

use solana_address::Address;

use super::{Machine, PRICES};
use crate::{
    admin::{PAUSE_S, TIMELOCK_S},
    call::Call,
    token::token_account,
    world::key,
};

/// Roles by number.
const ROOT: usize = 0;
const RISK: usize = 1;
const GUARDIAN: usize = 2;
const TREASURY: usize = 3;

impl Machine {
    /// Any key tries any instruction of the roles; what was stopped is mostly put right again by waiting.
    pub(super) fn roles(&mut self, dice: [u32; 4]) {
        let before = self.world.exchange();
        let who = dice[0] as usize % 5;
        let signer = before.roles.get(who).copied().unwrap_or_else(|| key("stranger"));
        let now_ms = self.world.now_ms();
        let (gate, role) = ((dice[2] % 4) as u8, (dice[2] >> 4) as usize % 4);
        let holds = |roles: &[usize]| roles.iter().any(|role| before.roles[*role] == signer);
        let successor = if dice[3].is_multiple_of(3) { Address::default() } else { key(&format!("heir {role} 0")) };
        let due = |at_ms: i64| at_ms != 0 && now_ms >= at_ms;
        let world = &self.world;
        let (call, allowed): (Call, bool) = match dice[1] % 8 {
            0 => (world.pause(signer), holds(&[ROOT, RISK, GUARDIAN])),
            1 => (world.lift_pause(signer), holds(&[GUARDIAN]) || now_ms >= before.pause_start_ms + PAUSE_S * 1_000),
            2 => (world.gate_disable(signer, gate), holds(&[ROOT, RISK, GUARDIAN])),
            3 => {
                let open_ms = before.gate_open_ms[usize::from(gate)];
                (world.gate_enable(signer, gate), holds(&[ROOT, RISK]) || due(open_ms))
            }
            // The last market has no positions here: a status that only a change loosens stays for the rest.
            4 => {
                let (last, status) = (PRICES.len() as u16 - 1, (dice[3] % 6) as u8);
                (world.set_market_status(signer, last, status), holds(&[ROOT, RISK, GUARDIAN]) && status == 2)
            }
            5 | 6 => {
                let guards = successor == Address::default() && role != GUARDIAN;
                let allowed = holds(&[ROOT]) || (guards && holds(&[GUARDIAN]));
                (world.name_successor(signer, role as u8, successor), allowed)
            }
            _ => {
                let heir = key(&format!("heir {role} 0"));
                let claims = if dice[3].is_multiple_of(4) { signer } else { heir };
                let waited = due(before.successor_ms[role]) && before.successors[role] == claims;
                (world.claim_role(claims, role as u8), waited)
            }
        };
        if dice[1] % 8 == 7 && !dice[3].is_multiple_of(4) {
            self.hand_over_role(role, dice[3] >> 4);
            self.check_keys(&before, now_ms);
            return;
        }
        if self.attempt(&call).is_some() {
            assert!(allowed, "{} by a key that may not, or too early", call.name);
            self.check_keys(&before, now_ms);
        }
        if !(dice[3] >> 8).is_multiple_of(4) {
            self.open_again(dice[3] >> 12);
        }
    }

    /// collect_fees to a token account of whoever holds the treasury now.
    pub(super) fn fees_call(&mut self, market_index: u16) -> Call {
        let call = self.world.collect_fees(market_index);
        let treasury = self.world.exchange().roles[TREASURY];
        if treasury == self.world.treasury {
            return call;
        }
        let token = key(&format!("treasury token of {treasury}"));
        if !self.world.exists(&token) {
            self.world.set(token, token_account(self.world.mints[0], treasury, 0));
        }
        call.with("treasury_token", token)
    }

    /// Root names an heir, which claims at once, and again after the wait.
    fn hand_over_role(&mut self, role: usize, die: u32) {
        let (root, heir) = (self.world.exchange().roles[ROOT], key(&format!("heir {role} {}", die % 4)));
        let call = self.world.name_successor(root, role as u8, heir);
        self.attempt(&call);
        let claim = self.world.claim_role(heir, role as u8);
        assert!(self.world.send(&claim).is_err(), "role {role} was claimed without a wait");
        self.world.advance(TIMELOCK_S);
        self.attempt(&claim);
        self.acting(super::Rule::Refresh, |machine| machine.refresh_all(1));
    }

    /// Only a claim after its wait changes who holds a role.
    fn check_keys(&self, before: &crate::state::Exchange, before_ms: i64) {
        let after = self.world.exchange();
        let now_ms = self.world.now_ms();
        for role in 0..before.roles.len() {
            if after.roles[role] != before.roles[role] {
                let heir = (0..4).any(|die| after.roles[role] == key(&format!("heir {role} {die}")));
                assert!(heir, "role {role} went to somebody not named");
                assert!(
                    now_ms - before_ms >= TIMELOCK_S * 1_000 || before.successor_ms[role] != 0,
                    "role {role} too early"
                );
            }
        }
        let opened = before.gates_closed & !after.gates_closed;
        for gate in (0..64).filter(|gate| opened >> gate & 1 != 0) {
            let due_ms = before.gate_open_ms[gate];
            assert!(due_ms != 0 && now_ms >= due_ms, "gate {gate} opened before its time");
        }
    }

    /// Waits until a pause is over and every closed gate has been opened, as any holder of root and anybody else can.
    pub(super) fn open_again(&mut self, die: u32) {
        let exchange = self.world.exchange();
        if exchange.pause_start_ms != 0 && self.world.now_ms() < exchange.pause_start_ms + PAUSE_S * 1_000 {
            self.world.advance(PAUSE_S);
        }
        if exchange.gates_closed == 0 {
            return;
        }
        let asked: Vec<u8> = (0..4).filter(|gate| exchange.gates_closed >> gate & 1 != 0).collect();
        for gate in &asked {
            let call = self.world.gate_enable(exchange.roles[ROOT], *gate);
            self.attempt(&call);
        }
        let wait = TIMELOCK_S + i64::from(die % 2) * 3_600;
        self.world.advance(wait);
        for gate in &asked {
            let call = self.world.gate_enable(key("anybody"), *gate);
            self.attempt(&call);
        }
        assert_eq!(self.world.exchange().gates_closed, 0, "I-22: a gate stays closed");
        // Nobody published for three days.
        self.acting(super::Rule::Refresh, |machine| machine.refresh_all(1));
    }
}
