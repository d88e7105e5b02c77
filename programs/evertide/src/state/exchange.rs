//! `Exchange`: roles, gates, pause record, fees, withdrawal terms. Read-only on the trade path.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

pub const FEE_TIERS_MAX: usize = 8;
/// Entries of the builder table: as many as a market keeps earnings of.
pub const BUILDERS_MAX: usize = 8;

/// Roles that an exchange knows. Each has a pending successor that must claim it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    Root = 0,
    Risk = 1,
    Guardian = 2,
    Treasury = 3,
}
pub const ROLES: usize = 4;
/// Gates that an exchange knows: bits of `gates_closed`.
pub const GATES: usize = 4;

/// One step of the fee ladder. 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType, AnchorSerialize, AnchorDeserialize)]
pub struct FeeTier {
    /// 30-day volume from which the tier holds, atoms.
    pub volume_atoms: u64,
    /// Taker fee, tenths of a bp.
    pub taker_fee_tenth_bps: u16,
    /// Maker fee, tenths of a bp; negative = rebate.
    pub maker_fee_tenth_bps: i16,
    pub padding: u32,
}

/// One entry of the builder table. 80 bytes.
///
/// Free: no user. Registered: a user, and no market is marked. Retired: a user and the markets that may owe it
/// something; the entry is free again when all of them have paid.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct Builder {
    /// The User that is paid; zero = free.
    pub user: Address,
    /// Markets that may still owe a retired builder something, one bit each; 0 while it is registered.
    pub unpaid_markets: u64,
    /// What orders name: entry + 1 at first, 8 more at each registration, so that no code is given twice.
    pub code: u8,
    pub padding: [u8; 7],
    pub reserved: [u64; 4],
}

/// Terms that initialize_exchange sets and later only a ParamChange moves.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType, AnchorSerialize, AnchorDeserialize)]
pub struct ExchangeTerms {
    pub fee_tiers: [FeeTier; FEE_TIERS_MAX],
    /// Number of fee tiers in use.
    pub fee_tier_count: u16,
    /// A withdrawal leaves at least this share of the 24 h average deposits, bps (0-9,500).
    pub withdrawal_floor_bps: u16,
    /// Open lane, share of deposits a day over all users, bps.
    pub lane_share_bps: u16,
    /// Keeper's share of the taker fee, bps.
    pub keeper_share_bps: u16,
    /// Referrer's share of the taker fee, bps.
    pub referrer_share_bps: u16,
    /// Insurance fund's share of the protocol's remainder of fees, bps.
    pub insurance_share_bps: u16,
    /// Cap of all debt as a share of the quote vault, bps.
    pub debt_cap_bps: u16,
    /// Interest on debt, bps a year.
    pub debt_interest_bps: u16,
    /// Least keeper reward of a fill, atoms.
    pub keeper_reward_min_atoms: u64,
    /// Greatest keeper reward of a fill, atoms.
    pub keeper_reward_max_atoms: u64,
    /// Open lane per authority and day, atoms.
    pub lane_atoms: u64,
    /// Greatest total notional of one user, atoms; 0 = none.
    pub user_notional_max_atoms: u64,
    /// Greatest open interest notional of the whole exchange, atoms; 0 = none.
    pub exchange_notional_max_atoms: u64,
}

/// Seeds: `exchange`. Written by admin instructions only.
#[account]
pub struct Exchange {
    pub version: u8,
    pub bump: u8,
    /// 1: local exchange: local oracle feeds and a zero withdrawal floor are allowed. Set at birth, never later.
    pub local: u8,
    /// 0 bootstrap, 1 open.
    pub opened: u8,
    pub padding: [u8; 4],
    /// Root, risk, guardian, treasury.
    pub roles: [Address; ROLES],
    /// Pending successors; zero = none.
    pub successors: [Address; ROLES],
    /// Mint of the quote asset.
    pub quote_mint: Address,
    /// Token account of the quote asset.
    pub quote_vault: Address,
    /// Closed instructions, one bit each (`Gate`).
    pub gates_closed: u64,
    /// Start of the last pause, unix ms.
    pub pause_start_ms: i64,
    /// Starts of the two pauses before it, the later one first, unix ms.
    pub pause_earlier_ms: [i64; 2],
    /// Who paused; zero once the pause was lifted.
    pub pause_by: Address,
    pub terms: ExchangeTerms,
    /// Debt of all users in the quote asset, atoms (maintained by Collateral 0; copied here by accrue_debt).
    pub debt_atoms: u64,
    /// Number of listed markets.
    pub market_count: u16,
    /// Number of listed collaterals.
    pub collateral_count: u16,
    pub padding1: u32,
    /// Next ParamChange number.
    pub next_change: u64,
    /// Opening time, unix ms.
    pub opened_ms: i64,
    /// Next sequence number of exchange events.
    pub sequence: u64,
    /// Genesis hash of the cluster: signed orders are bound to it. Set at birth, never later.
    pub genesis_hash: [u8; 32],
    /// Changes with a lower number were proposed before opening and are void.
    pub first_change: u64,
    /// When each named successor may claim its role, unix ms; 0 = none is named.
    pub successor_ms: [i64; ROLES],
    /// When each closed gate that was asked to open does so, unix ms; 0 = not asked. By bit number.
    pub gate_open_ms: [i64; GATES],
    pub reserved1: [u64; 3],
    pub builders: [Builder; BUILDERS_MAX],
}

const _: () = assert!(core::mem::size_of::<Builder>() == 80);
