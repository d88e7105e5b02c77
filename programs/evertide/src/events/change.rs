//! Events of changes under the timelock.

use anchor_lang::prelude::*;

/// Sequence of the exchange. An instant change has taken effect with it.
#[event]
pub struct ChangeProposed {
    pub sequence: u64,
    pub number: u64,
    pub field: u32,
    pub class: u8,
    pub status: u8,
    pub target: Address,
    pub proposer: Address,
    /// Of a 32-byte field the first 8 bytes.
    pub old_value: i64,
    pub new_value: i64,
    /// Of a 32-byte field the value, of a listing its hash.
    pub key: [u8; 32],
    pub earliest_ms: i64,
    pub expiry_ms: i64,
}

/// Sequence of the exchange. A ramp has begun with it; a change that was void moved nothing.
#[event]
pub struct ChangeExecuted {
    pub sequence: u64,
    pub number: u64,
    pub field: u32,
    pub status: u8,
    pub target: Address,
    /// The field's value after; of a 32-byte field the first 8 bytes.
    pub value: i64,
}

/// Sequence of the exchange.
#[event]
pub struct ChangeCancelled {
    pub sequence: u64,
    pub number: u64,
    pub field: u32,
    pub target: Address,
    pub by: Address,
}

/// Sequence of the market or of the asset. All values are after.
#[event]
pub struct SeasonAdvanced {
    pub sequence: u64,
    /// A market's, or an asset's.
    pub market: bool,
    pub index: u16,
    pub step: u32,
    pub season_ms: i64,
    /// A market: greatest open interest a side, lots. An asset: cap of all deposits, token atoms.
    pub limit: u64,
}

/// Sequence of the market or of the asset.
#[event]
pub struct RampApplied {
    pub sequence: u64,
    /// A market's, or an asset's.
    pub market: bool,
    pub index: u16,
    pub number: u64,
    pub field: u32,
    pub status: u8,
    /// The field's value after.
    pub value: i64,
}
