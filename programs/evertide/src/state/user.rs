//! `User`: one sub-account: quote balance, collateral, positions. All that the liquidation scan needs, nothing else.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

use super::Wide;

pub const POSITIONS_MAX: usize = 12;
pub const USER_COLLATERALS_MAX: usize = 8;

/// One deposit-only collateral balance. 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct CollateralSlot {
    /// Token atoms.
    pub amount_atoms: u64,
    /// Collateral index; 0 = slot free (index 0, the quote asset, is `quote_atoms`).
    pub collateral_index: u16,
    pub padding: [u8; 6],
}

/// One position with the aggregates of its open orders. 104 bytes. Free when `market_plus_one` is 0.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct Position {
    /// Signed lots at `a_snapshot`; the live size is basis * A / a_snapshot, toward zero.
    pub basis_lots: i64,
    /// Size factor of its side when last folded; 0 while basis is 0.
    pub a_snapshot: u64,
    /// Cash index of its side when last folded.
    pub j_snapshot: Wide,
    /// Unsettled quote atoms: minus the cost of buys, plus the proceeds of sales, funding, fees; moved by settle_pnl.
    pub cash_atoms: i64,
    /// Signed cost of the open size in quote atoms; unrealised = size * mark - entry, realised = cash + entry.
    pub entry_atoms: i64,
    /// Funding received (paid: negative) since the position opened, atoms; statistics, already in `cash_atoms`.
    pub funding_atoms: i64,
    /// Lots of open bids that count for margin (no reduce-only).
    pub open_bid_lots: u64,
    /// Lots of open asks that count for margin.
    pub open_ask_lots: u64,
    /// Highest price of those bids; 0 when there is none. May be stale-high until the side empties.
    pub max_bid_ticks: u64,
    /// Lowest price of those asks; 0 when there is none. May be stale-low until the side empties.
    pub min_ask_ticks: u64,
    /// Epoch of its side when last folded.
    pub epoch: u32,
    /// Open orders of this market, reduce-only included.
    pub open_order_count: u8,
    /// Of these, reduce-only.
    pub reduce_only_count: u8,
    /// Market index + 1; 0 = slot free.
    pub market_plus_one: u16,
    /// User's own minimum initial ratio in this market, bps; 0 = none.
    pub user_ratio_bps: u16,
    /// `Bankruptcy` of this position.
    pub bankruptcy: u8,
    pub padding: u8,
    /// Copy of the market's `atoms_per_lot_tick`, which never changes: it values the open orders without the Market.
    pub atoms_per_lot_tick: u32,
}

/// What a bankruptcy has done to a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Bankruptcy {
    None = 0,
    /// Detected: its market is latched reduce-only until it is resolved or the account is solvent again.
    Open = 1,
    /// Its market has borne its share of the deficit.
    Resolved = 2,
}

/// Bits of `User::delegate_permissions`: what a delegate may do. None of them lets tokens out of the exchange.
pub mod permissions {
    /// Places and modifies orders.
    pub const PLACE: u32 = 1;
    /// Cancels orders.
    pub const CANCEL: u32 = 2;
    /// Acts as a liquidator for the account and earns keepers' rewards for it: both may take a position slot.
    pub const LIQUIDATE: u32 = 4;
    /// Moves balances to another sub-account of the same authority.
    pub const TRANSFER: u32 = 8;
    /// All there are.
    pub const ALL: u32 = 15;
}

/// Bits of `User::flags`.
pub mod user_flags {
    /// A market's own backstop account: no keeper's reward opens a position slot in it.
    pub const BACKSTOP: u32 = 1;
}

/// Seeds: `user, authority, sub_id (u16 LE)`. Written by its owner and by keepers.
#[account]
pub struct User {
    pub version: u8,
    pub bump: u8,
    pub sub_id: u16,
    /// Bit set, see `user_flags`.
    pub flags: u32,
    /// Owner.
    pub authority: Address,
    /// May trade, never withdraw; zero = none.
    pub delegate: Address,
    /// Referrer's User, named at birth; zero = none.
    pub referrer: Address,
    /// Delegate's permission bits.
    pub delegate_permissions: u32,
    pub padding: u32,
    /// Delegate's expiry, unix ms; 0 = none.
    pub delegate_expiry_ms: i64,
    /// Quote balance, atoms; negative = debt.
    pub quote_atoms: i64,
    /// Debt index (q48) at which a negative quote balance was last accrued.
    pub debt_index_q48: u64,
    /// Time since when the debt exists, unix ms; 0 = no debt.
    pub debt_since_ms: i64,
    /// Every order with a lower id is void.
    pub orders_epoch: u64,
    /// Next sequence number of this user's events.
    pub sequence: u64,
    /// Creation time, unix ms: the nonce window and the open withdrawal lane start here.
    pub created_ms: i64,
    /// Start of the ongoing liquidation, unix ms; 0 = none.
    pub liquidation_start_ms: i64,
    /// Margin freed by the ongoing liquidation, atoms.
    pub liquidation_freed_atoms: u64,
    /// Volume of the last 30 days, decayed lazily, atoms.
    pub volume_30d_atoms: u64,
    /// Time of the last volume decay, unix ms.
    pub volume_updated_ms: i64,
    /// Keeper, referral and builder rewards earned, already in `quote_atoms`; statistics only, atoms.
    pub rewards_atoms: u64,
    /// Day number (unix ms / 86,400,000) of the open withdrawal lane's use.
    pub lane_day: u32,
    /// User's own maximum leverage over all markets as a minimum initial ratio, bps; 0 = none.
    pub user_ratio_bps: u16,
    /// Number of occupied position slots.
    pub position_count: u8,
    /// Number of occupied collateral slots.
    pub collateral_count: u8,
    /// Used of the open withdrawal lane on that day, atoms.
    pub lane_used_atoms: u64,
    /// Time of the last successful risk-increasing action, unix ms.
    pub last_active_ms: i64,
    /// User's own cap on total notional, atoms; 0 = none.
    pub notional_cap_atoms: u64,
    /// Deficit of this account that the insurance fund holds back from stakers while its bankruptcy is open, atoms.
    pub held_back_atoms: u64,
    /// `Insurance::held_back_until_ms` when it began: another one there, and it holds nothing back any more.
    pub held_back_until_ms: i64,
    /// Place in the queue of withdrawals of the asset; meaningless while nothing waits.
    pub withdraw_ticket: u64,
    /// Waiting in that queue, token atoms, out of the balance already; 0 = nothing.
    pub withdraw_atoms: u64,
    /// Collateral index of what waits.
    pub withdraw_index: u16,
    pub padding1: [u8; 6],
    pub collaterals: [CollateralSlot; USER_COLLATERALS_MAX],
    pub positions: [Position; POSITIONS_MAX],
}

const _: () = assert!(core::mem::size_of::<CollateralSlot>() == 16);
const _: () = assert!(core::mem::size_of::<Position>() == 104);
const _: () = assert!(core::mem::size_of::<User>() + 8 == 1_664);
