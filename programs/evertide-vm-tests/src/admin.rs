//! Calls of the roles after opening, by whoever signs them.

use solana_address::Address;

use crate::{
    args::encoded,
    call::Call,
    exchange::{exchange, market, risk_cache},
    world::{key, World},
};

/// Seconds of the timelock.
pub const TIMELOCK_S: i64 = 72 * 3_600;
/// Seconds in which what waited can be executed.
pub const WINDOW_S: i64 = 7 * 86_400;
/// Seconds of a pause.
pub const PAUSE_S: i64 = 30 * 60;

/// The keys that hold the roles, by role number.
pub fn role_keys(world: &World) -> [Address; 4] {
    [world.root, key("risk"), key("guardian"), world.treasury]
}

fn by_role(name: &str, args: &[u8], signer: Address) -> Call {
    Call::new(name, args, &[("signer", signer), ("exchange", exchange())])
}

impl World {
    pub fn set_market_status(&self, signer: Address, index: u16, status: u8) -> Call {
        let accounts =
            [("signer", signer), ("exchange", exchange()), ("risk_cache", risk_cache()), ("market", market(index))];
        Call::new("set_market_status", &[status], &accounts)
    }

    pub fn gate_disable(&self, signer: Address, gate: u8) -> Call {
        by_role("gate_disable", &[gate], signer)
    }

    pub fn gate_enable(&self, signer: Address, gate: u8) -> Call {
        by_role("gate_enable", &[gate], signer)
    }

    pub fn pause(&self, signer: Address) -> Call {
        by_role("pause", &[], signer)
    }

    pub fn lift_pause(&self, signer: Address) -> Call {
        by_role("lift_pause", &[], signer)
    }

    pub fn name_successor(&self, signer: Address, role: u8, successor: Address) -> Call {
        let mut args = encoded(&role);
        args.extend_from_slice(successor.as_ref());
        by_role("name_successor", &args, signer)
    }

    pub fn claim_role(&self, signer: Address, role: u8) -> Call {
        by_role("claim_role", &[role], signer)
    }
}
