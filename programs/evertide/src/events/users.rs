//! Births and deaths of sub-accounts.

use anchor_lang::prelude::*;

/// Sequence of the user: 0.
#[event]
pub struct UserCreated {
    pub sequence: u64,
    pub user: Address,
    pub authority: Address,
    pub sub_id: u16,
    pub created_ms: i64,
    /// Zero = none.
    pub referrer: Address,
}

/// Sequence of the user, its last.
#[event]
pub struct UserClosed {
    pub sequence: u64,
    pub user: Address,
    pub authority: Address,
    pub sub_id: u16,
}
