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

/// Sequence of the user. An amount left the balance and waits in the asset's queue. Balance and totals are after.
#[event]
pub struct WithdrawRequested {
    pub sequence: u64,
    pub user: Address,
    pub collateral_index: u16,
    pub amount_atoms: u64,
    pub balance_atoms: i64,
    pub ticket: u64,
    pub queued_atoms: u64,
    pub total_atoms: u64,
}

/// Sequence of the user. The first request of the queue was paid, whole when `left_atoms` is 0. Totals are after.
#[event]
pub struct WithdrawClaimed {
    pub sequence: u64,
    pub user: Address,
    pub collateral_index: u16,
    pub amount_atoms: u64,
    pub left_atoms: u64,
    pub ticket: u64,
    pub queued_atoms: u64,
    pub total_atoms: u64,
    pub to: Address,
}

/// Sequence of the insurance fund. Everything but `amount_atoms` and `shares` is after.
#[event]
pub struct InsuranceStaked {
    pub sequence: u64,
    pub authority: Address,
    pub amount_atoms: u64,
    pub shares: u64,
    pub stake_shares: u64,
    /// Of all stakers.
    pub all_shares: u64,
    pub protocol_shares: u64,
    pub balance_atoms: u64,
}

/// Sequence of the insurance fund. `shares` 0: a request was taken back.
#[event]
pub struct UnstakeRequested {
    pub sequence: u64,
    pub authority: Address,
    pub shares: u64,
    /// What they are worth now, which is the most that will be paid.
    pub atoms: u64,
    pub claimable_ms: i64,
    /// Of all stakers, after.
    pub unstaking_shares: u64,
}

/// Sequence of the insurance fund. Everything but `paid_atoms` and `shares` is after.
#[event]
pub struct UnstakeClaimed {
    pub sequence: u64,
    pub authority: Address,
    pub paid_atoms: u64,
    /// Shares that are gone.
    pub shares: u64,
    pub stake_shares: u64,
    pub requested_shares: u64,
    /// Of all stakers.
    pub all_shares: u64,
    pub unstaking_shares: u64,
    pub balance_atoms: u64,
    pub to: Address,
}

/// Sequence of the market. Everything is after; with a status of closed nobody holds anything in it.
#[event]
pub struct MarketSettled {
    pub sequence: u64,
    pub market_index: u16,
    pub status: u8,
    /// At which every position was closed, quote atoms per lot, 32 fractional bits.
    pub price_q32: u64,
    pub open_interest_lots: [u64; 2],
    pub a: [u64; 2],
    pub j_long_low: u64,
    pub j_long_high: i64,
    pub j_short_low: u64,
    pub j_short_high: i64,
    pub epoch: [u32; 2],
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
    pub deficit_atoms: u64,
    pub dust_atoms: i64,
    pub time_ms: i64,
}

/// Sequence of the market, which is reduce-only from now on. Statuses and fees are after.
#[event]
pub struct InvariantBroken {
    pub sequence: u64,
    pub market_index: u16,
    /// `engine::invariants::Invariant`.
    pub invariant: u8,
    /// The two numbers that it compares.
    pub found: u64,
    pub bound: u64,
    pub status: u8,
    pub collateral_index: u16,
    pub collateral_status: u8,
    pub keeper: Address,
    pub bounty_atoms: u64,
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
}

/// Of no sequence: an account grew to the present layout.
#[event]
pub struct AccountExtended {
    pub account: Address,
    pub from_version: u8,
    pub version: u8,
    pub from_bytes: u64,
    pub bytes: u64,
}

/// Sequence of the market. Everything but the amounts is after. `pay_builder` and `pay_referrer`.
#[event]
pub struct RewardPaid {
    pub sequence: u64,
    pub market_index: u16,
    /// The builder's code; 0: a referrer is paid.
    pub builder_code: u8,
    /// Whose referrer is paid; zero for a builder.
    pub taker: Address,
    pub recipient: Address,
    /// Of the recipient; 0 when it was closed.
    pub recipient_sequence: u64,
    /// Out of the pool into the recipient's quote balance.
    pub paid_atoms: u64,
    /// Given up against the deficit of a closed market.
    pub given_up_atoms: u64,
    /// To the pending fees: the recipient was closed.
    pub kept_atoms: u64,
    /// Still owed by this market to the builder; to the referrer by all markets.
    pub owed_atoms: u64,
    /// Markets that may still owe the retired builder something, one bit each.
    pub unpaid_markets: u64,
    pub pool_atoms: u64,
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
    pub deficit_atoms: u64,
    /// Of the recipient.
    pub quote_atoms: i64,
    /// Quote asset after: sum of positive balances, and of debts.
    pub total_atoms: u64,
    pub debt_atoms: u64,
}
