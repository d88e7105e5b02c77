//! `Collateral`: one deposit asset: vault, oracle, weights, caps, totals. Index 0 is the quote asset.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

use super::OracleRules;

/// Terms that list_collateral sets. `oracle` is ignored for index 0.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType, AnchorSerialize, AnchorDeserialize)]
pub struct CollateralTerms {
    pub oracle: OracleRules,
    /// Cap of all deposits, token atoms.
    pub deposit_cap_atoms: u64,
    /// Cap of one user's deposit, token atoms.
    pub user_cap_atoms: u64,
    /// Weight for initial margin, bps.
    pub weight_initial_bps: u16,
    /// Weight for maintenance margin, bps.
    pub weight_maintenance_bps: u16,
    /// Own balance value at which the weight is halved, thousands of USD; 0 = no scaling.
    pub scale_thousand_usd: u16,
    /// Greatest discount of liquidate_collateral, bps (at most 300).
    pub liquidation_discount_bps: u16,
}

/// Seeds: `collateral, index (u16 LE)`. Written by deposits, withdrawals, accrue_debt.
#[account]
pub struct Collateral {
    pub version: u8,
    pub bump: u8,
    pub decimals: u8,
    pub vault_bump: u8,
    /// Collateral index, also the row of the cache.
    pub index: u16,
    /// 0 active, 1 no new deposits.
    pub status: u8,
    pub padding: u8,
    pub mint: Address,
    /// Token account owned by this account's own PDA signer.
    pub vault: Address,
    pub terms: CollateralTerms,
    /// Deposits of all users, token atoms: for the quote asset the sum of positive quote balances; what waits in the queue
    /// of withdrawals is among them.
    pub total_atoms: u64,
    /// Quote asset only: sum of users' debts, atoms.
    pub debt_atoms: u64,
    /// Quote asset only: debt-interest index, 2^48 = 1 at the start.
    pub debt_index_q48: u64,
    /// Time of the last interest accrual, unix ms.
    pub debt_accrued_ms: i64,
    /// Quote asset only: sum of the pools of all markets is in their Market accounts; interest earned here, atoms.
    pub interest_atoms: u64,
    /// 24 h time-weighted average of deposits, token atoms.
    pub average_atoms: u64,
    /// Time of the last update of that average, unix ms.
    pub average_ms: i64,
    /// Day number of the shared open lane's use.
    pub lane_day: u32,
    /// Seasoning: step reached. 0: listed after opening and not begun; the weights are whole at `SEASON_STEPS + 1`.
    pub season_step: u32,
    /// Used of the shared open lane on that day, token atoms.
    pub lane_used_atoms: u64,
    /// Seasoning: start of the current cap step, unix ms.
    pub season_ms: i64,
    /// Rounding left in the vault by interest and dust, atoms; counted, never lost.
    pub dust_atoms: u64,
    /// Next sequence number of this asset's events.
    pub sequence: u64,
    /// Seasoning: cap of all deposits, token atoms, beside the one of the terms.
    pub season_cap_atoms: u64,
    /// Of the deposits, waiting in the queue of withdrawals, token atoms.
    pub queued_atoms: u64,
    /// Ticket of the request that is paid first.
    pub queue_head: u64,
    /// Ticket that the next request gets.
    pub queue_tail: u64,
    pub reserved: [u64; 8],
}
