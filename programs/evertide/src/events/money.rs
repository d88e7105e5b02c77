//! Events of delegates, balances, the withdrawal queue and the insurance fund's stakes.

use anchor_lang::prelude::*;

/// Sequence of the user. The zero address: no delegate any more.
#[event]
pub struct DelegateSet {
    pub sequence: u64,
    pub user: Address,
    pub delegate: Address,
    pub permissions: u32,
    pub expiry_ms: i64,
}

/// Sequence of the user that pays. Balances and totals are after.
#[event]
pub struct Transferred {
    pub sequence: u64,
    pub user: Address,
    pub to: Address,
    pub to_sequence: u64,
    pub collateral_index: u16,
    pub amount_atoms: u64,
    /// Quote: signed balance. Others: token atoms.
    pub balance_atoms: i64,
    pub to_balance_atoms: i64,
    pub total_atoms: u64,
    /// Quote asset only: debts of all users.
    pub debt_atoms: u64,
}
