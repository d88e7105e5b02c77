//! Events of roles, gates, pauses and statuses.

use anchor_lang::prelude::*;

/// Sequence of the exchange. `successor` zero: the one named before is withdrawn.
#[event]
pub struct SuccessorNamed {
    pub sequence: u64,
    pub role: u8,
    pub successor: Address,
    /// From when it may claim the role; 0 = withdrawn.
    pub claimable_ms: i64,
    pub by: Address,
}

/// Sequence of the exchange.
#[event]
pub struct RoleClaimed {
    pub sequence: u64,
    pub role: u8,
    pub before: Address,
    pub holder: Address,
}

/// Sequence of the exchange. `gates_closed` is after.
#[event]
pub struct GateDisabled {
    pub sequence: u64,
    pub gate: u8,
    pub gates_closed: u64,
    pub by: Address,
}

/// Sequence of the exchange. `gates_closed` is after: the gate opened, or it was asked to open at `open_ms`.
#[event]
pub struct GateEnabled {
    pub sequence: u64,
    pub gate: u8,
    pub gates_closed: u64,
    /// When the gate can be opened; 0 = it is open now.
    pub open_ms: i64,
    pub by: Address,
}

/// Sequence of the exchange.
#[event]
pub struct ExchangePaused {
    pub sequence: u64,
    pub start_ms: i64,
    /// The pause ends here by itself.
    pub end_ms: i64,
    pub by: Address,
}

/// Sequence of the exchange.
#[event]
pub struct PauseLifted {
    pub sequence: u64,
    /// When the pause ended.
    pub end_ms: i64,
    pub by: Address,
}

/// Sequence of the market. `status` is after.
#[event]
pub struct MarketStatusSet {
    pub sequence: u64,
    pub market_index: u16,
    pub status: u8,
    pub by: Address,
}
