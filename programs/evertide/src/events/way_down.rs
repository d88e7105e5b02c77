//! Events of liquidation, bankruptcy and deleveraging.

use anchor_lang::prelude::*;

use super::{CancelledOrder, Fill, LinkedOrder, Skip};

/// Sequence of the user.
#[event]
pub struct OrdersLiquidated {
    pub sequence: u64,
    pub user: Address,
    /// `LiquidationRung`: 1 risk-increasing orders cancelled, 2 all orders void, 3 the liquidation ended.
    pub rung: u8,
    pub equity_atoms: i64,
    /// What the rung compares equity with: cancel margin at rung 1, else maintenance margin.
    pub requirement_atoms: i64,
    /// Orders with a lower id are void.
    pub orders_epoch: u64,
    /// Orders taken out at rung 1.
    pub orders: Vec<CancelledOrder>,
    pub time_ms: i64,
}

/// Sequence of the market. A position, or part of one, moved to a liquidator or to the market's backstop.
#[event]
pub struct PositionLiquidated {
    pub sequence: u64,
    pub market_index: u16,
    /// The other party is the market's backstop account.
    pub backstop: bool,
    pub user: Address,
    pub user_sequence: u64,
    /// The liquidator's `User`, or the backstop.
    pub liquidator: Address,
    pub liquidator_sequence: u64,
    /// Lots that the other party took over: positive from a long, negative from a short.
    pub size_lots: i64,
    /// Lots closed against the other side by deleveraging at the same price.
    pub deleveraged_lots: u64,
    /// Quote atoms per lot, 32 fractional bits.
    pub price_q32: u64,
    pub liquidator_fee_atoms: i64,
    pub insurance_fee_atoms: i64,
    /// Folded into the user's cash before.
    pub user_funding_atoms: i64,
    pub liquidator_funding_atoms: i64,
    pub user_position_lots_after: i64,
    pub user_cash_atoms_after: i64,
    pub liquidator_position_lots_after: i64,
    pub liquidator_cash_atoms_after: i64,
    /// Equity and maintenance requirement of the account before.
    pub equity_atoms: i64,
    pub requirement_atoms: i64,
    pub pending_fees_atoms: u64,
    pub open_interest_lots: [u64; 2],
    /// The account is above maintenance margin again.
    pub ended: bool,
    pub time_ms: i64,
}

/// Sequence of the market. A position closed against resting orders.
#[event]
pub struct LiquidationMatched {
    pub sequence: u64,
    pub market_index: u16,
    /// The position is closed by selling.
    pub ask: bool,
    pub user: Address,
    pub user_sequence: u64,
    pub user_funding_atoms: i64,
    pub user_position_lots_after: i64,
    pub user_cash_atoms_after: i64,
    pub keeper: Address,
    pub keeper_reward_atoms: u64,
    pub insurance_fee_atoms: u64,
    pub equity_atoms: i64,
    pub requirement_atoms: i64,
    pub pending_fees_atoms: u64,
    pub open_interest_lots: [u64; 2],
    pub slot: u64,
    pub time_ms: i64,
    pub event_hash: u64,
    pub ended: bool,
    pub fills: Vec<Fill>,
    pub skips: Vec<Skip>,
    /// As in `OrdersMatched`.
    pub linked: Vec<LinkedOrder>,
}

/// Sequence of the user. Collateral sold for quote.
#[event]
pub struct CollateralLiquidated {
    pub sequence: u64,
    pub user: Address,
    pub liquidator: Address,
    pub liquidator_sequence: u64,
    pub collateral_index: u16,
    /// Token atoms that moved to the liquidator.
    pub amount_atoms: u64,
    /// Quote atoms that moved to the user.
    pub paid_atoms: i64,
    /// Price before the discount, quote atoms per token atom, 48 fractional bits.
    pub price_q48: u64,
    pub discount_bps: u16,
    pub user_quote_atoms_after: i64,
    pub liquidator_quote_atoms_after: i64,
    pub user_collateral_atoms_after: u64,
    pub liquidator_collateral_atoms_after: u64,
    pub equity_atoms: i64,
    pub requirement_atoms: i64,
    /// Quote asset after: positive balances and debts of all users.
    pub total_atoms: u64,
    pub debt_atoms: u64,
    pub ended: bool,
    pub time_ms: i64,
}

/// Sequence of the market. What a market bore of an account's deficit, stage by stage.
#[event]
pub struct BankruptcyResolved {
    pub sequence: u64,
    pub market_index: u16,
    /// `BankruptcyStep`: 0 solvent again, 1 opened, 2 resolved.
    pub step: u8,
    pub user: Address,
    pub user_sequence: u64,
    /// Deficit of the account, this market's share of it, and who paid the share.
    pub deficit_atoms: u64,
    pub share_atoms: u64,
    pub fees_atoms: u64,
    pub insurance_atoms: u64,
    pub deleveraged_atoms: i64,
    pub tranche_atoms: u64,
    pub recorded_atoms: u64,
    /// Signed lots of the position that were closed, and at which price.
    pub closed_lots: i64,
    pub price_q32: u64,
    pub user_funding_atoms: i64,
    /// From the pool into the user's quote balance; negative: out of it.
    pub settled_atoms: i64,
    pub user_cash_atoms_after: i64,
    pub user_quote_atoms_after: i64,
    /// Of the market, after.
    pub pool_atoms: u64,
    pub pending_fees_atoms: u64,
    pub pending_insurance_atoms: u64,
    pub market_deficit_atoms: u64,
    pub open_interest_lots: [u64; 2],
    pub a: [u64; 2],
    pub j_long_low: u64,
    pub j_long_high: i64,
    pub j_short_low: u64,
    pub j_short_high: i64,
    pub epoch: [u32; 2],
    pub bankruptcies_open: u32,
    /// Of the insurance fund, after.
    pub insurance_balance_atoms: u64,
    pub insurance_tranche_atoms: u64,
    /// Held back from stakers by open bankruptcies, for 48 h at most.
    pub insurance_held_back_atoms: u64,
    /// Quote asset after: positive balances and debts of all users.
    pub total_atoms: u64,
    pub debt_atoms: u64,
    pub ended: bool,
    pub time_ms: i64,
}
