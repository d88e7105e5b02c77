//! Insurance fund, its stakes, and parameter changes under timelock.

use anchor_lang::prelude::*;

/// Seeds: `insurance`. Written by fund_insurance, settling, staking and bankruptcies.
#[account]
pub struct Insurance {
    pub version: u8,
    pub bump: u8,
    pub padding: [u8; 6],
    /// Balance inside the quote vault, atoms.
    pub balance_atoms: u64,
    /// Of which the exchange-wide tranche, atoms.
    pub tranche_atoms: u64,
    /// Total shares of stakers, those asked to leave included.
    pub shares: u64,
    /// Shares asked to leave.
    pub unstaking_shares: u64,
    /// Held back by open bankruptcies, atoms.
    pub held_back_atoms: u64,
    /// End of the hold-back, unix ms.
    pub held_back_until_ms: i64,
    /// Paid for bankruptcies since the start, atoms.
    pub paid_atoms: u64,
    /// Deposited by fund_insurance since the start, atoms.
    pub funded_atoms: u64,
    /// Next sequence number of the fund's events.
    pub sequence: u64,
    /// Shares of the exchange itself: for what the fund was given, beside the tranche.
    pub protocol_shares: u64,
    pub reserved: [u64; 7],
}

/// Seeds: `stake, authority`.
#[account]
pub struct InsuranceStake {
    pub version: u8,
    pub bump: u8,
    pub padding: [u8; 6],
    pub authority: Address,
    pub shares: u64,
    /// Shares of the pending unstake request.
    pub requested_shares: u64,
    /// Value of the request when made, atoms: the claim is at most this.
    pub requested_atoms: u64,
    /// When the request may be claimed, unix ms; 0 = none.
    pub claimable_ms: i64,
    pub reserved: [u64; 4],
}

/// How a change takes effect, by what it moves and whereto.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ChangeClass {
    /// It only stops new risk: with its proposal.
    Instant = 0,
    /// After 72 h, at once.
    Delayed = 1,
    /// It lowers maintenance health: after 72 h, over 24 h.
    Ramped = 2,
}

/// Where a change stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ChangeStatus {
    /// Waits for its time.
    Pending = 0,
    /// Took effect.
    Executed = 1,
    /// The guardian or its proposer cancelled it; a ramp stays where it was.
    Cancelled = 2,
    /// The field no longer held what it was proposed against.
    Void = 3,
    /// On its way from the old value to the new.
    Ramping = 4,
}

/// Seeds: `change, n (u64 LE)`. Written by propose_change, cancel_change, execute_change, apply_ramp, and the listing that
/// it allows.
#[account]
pub struct ParamChange {
    pub version: u8,
    pub bump: u8,
    /// `ChangeClass`.
    pub class: u8,
    /// `ChangeStatus`.
    pub status: u8,
    /// Number of the field.
    pub field: u32,
    /// The account that holds the field.
    pub target: Address,
    pub proposer: Address,
    /// Value at the proposal; of a 32-byte field its first 8 bytes, little-endian.
    pub old_value: i64,
    /// Value proposed; 0 for a 32-byte field.
    pub new_value: i64,
    /// From when anyone executes it, unix ms.
    pub earliest_ms: i64,
    /// From when nobody does, unix ms.
    pub expiry_ms: i64,
    pub number: u64,
    /// A 32-byte field: the value proposed. A ramp: its start in unix ms, and the value that it applied last.
    pub words: [u64; 4],
}
