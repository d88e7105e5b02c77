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
    /// Total shares of stakers.
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
    pub reserved: [u64; 8],
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

/// Seeds: `change, n (u64 LE)`.
#[account]
pub struct ParamChange {
    pub version: u8,
    pub bump: u8,
    /// 0 loosens, 1 tightens.
    pub direction: u8,
    /// 0 pending, 1 executed, 2 cancelled, 3 void.
    pub status: u8,
    /// Field number in the target.
    pub field: u32,
    pub target: Address,
    pub proposer: Address,
    pub old_value: i64,
    pub new_value: i64,
    pub earliest_ms: i64,
    pub expiry_ms: i64,
    pub number: u64,
    pub reserved: [u64; 4],
}
