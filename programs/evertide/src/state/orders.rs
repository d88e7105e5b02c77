//! `Orders`: the open orders of one user. Placing and cancelling write nothing but the owner's accounts.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

pub const ORDERS_MAX: usize = 32;

/// One order. 96 bytes: 72 common, 24 by kind. Free when `order_id` is 0.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct Order {
    /// Unique in this account, strictly increasing; 0 = slot free.
    pub order_id: u64,
    /// Chosen by the client, unique among open orders; 0 = none.
    pub client_order_id: u64,
    /// Limit price; for a market order its worst price. Ticks. 0 until a conditional market order fires.
    pub price_ticks: u64,
    /// Remaining lots; of an iceberg those displayed. 0: an exit whose entry has not filled yet.
    pub size_lots: u64,
    /// Lots filled so far.
    pub filled_lots: u64,
    /// Slot of placement: the second priority key.
    pub placed_slot: u64,
    /// Chain time of placement, unix ms: the taker phase starts here. Of a scheduled order the time before which it
    /// does nothing.
    pub placed_ms: i64,
    /// Unix ms after which the order is dead; 0 = never.
    pub expiry_ms: i64,
    /// Market index.
    pub market_index: u16,
    /// `OrderKind`.
    pub kind: u8,
    /// `TimeInForce`.
    pub time_in_force: u8,
    /// Bits of `order_flags`.
    pub flags: u8,
    /// `SelfTradeRule`.
    pub self_trade: u8,
    /// Length of the taker phase, whole seconds, 0-60; 0 for post-only.
    pub taker_phase_s: u8,
    /// Code of the builder (`Builder::code`); 0 = none.
    pub builder_plus_one: u8,
    /// By kind: `PlainTerms`, `ConditionalTerms`, `PeggedTerms`, `TwapTerms`, `IcebergTerms`. The last word is the same
    /// in all of them.
    pub terms: [u64; 3],
}

/// `terms` of limit and market orders.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct PlainTerms {
    /// Effective limit at the start of the taker phase, ticks; 0 = index +- 5 bps.
    pub auction_start_ticks: u64,
    pub reserved: u64,
    /// Maximum slippage against index, bps; 0 = none.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// Orders of one account with the same group are linked; 0 = none.
    pub group: u32,
}

/// `terms` of stops, take-profits and trailing stops: dormant until `trigger_order` makes them plain.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct ConditionalTerms {
    /// Price at which the order fires, ticks.
    pub trigger_ticks: u64,
    /// Distance of a trailing stop from the best price seen, bps; 0 for the others.
    pub trail_bps: u16,
    /// `TriggerSource`.
    pub source: u8,
    pub padding: [u8; 5],
    /// Distance of a market order's worst price from the index when it fires, bps; 0 = the market's default. For a
    /// limit order its maximum slippage against index.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// As in `PlainTerms`.
    pub group: u32,
}

/// `terms` of a pegged order: maker at index plus offset, never beyond `price_ticks`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct PeggedTerms {
    /// Signed distance from the index, ticks.
    pub offset_ticks: i64,
    pub reserved: u64,
    /// Unused: a maker has no slippage.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// As in `PlainTerms`.
    pub group: u32,
}

/// `terms` of a TWAP parent: it never matches; `execute_slice` places its slices as orders of their own.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct TwapTerms {
    /// Slices in all.
    pub slice_count: u16,
    /// The last interval, from 1, whose slice was executed.
    pub slices_done: u16,
    /// Time from one slice to the next, seconds.
    pub slice_interval_s: u32,
    pub reserved: u64,
    /// Distance of a slice's worst price from the index, bps; 0 = the market's default.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// The parent's own id: its slices carry it too.
    pub group: u32,
}

/// `terms` of an iceberg: `size_lots` is what it displays.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable, IdlType)]
pub struct IcebergTerms {
    /// Lots displayed after a refill, at most.
    pub display_lots: u64,
    /// Lots not displayed yet.
    pub hidden_lots: u64,
    /// Maximum slippage against index, bps; 0 = none.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// As in `PlainTerms`.
    pub group: u32,
}

/// Seeds: `orders, user`. Written by its owner and by keepers.
#[account]
pub struct Orders {
    pub version: u8,
    pub bump: u8,
    /// Number of occupied slots.
    pub order_count: u8,
    pub padding: [u8; 5],
    /// The User that owns this account.
    pub user: Address,
    /// The next order's id, from 1.
    pub next_order_id: u64,
    /// Dead-man's deadline, unix ms; 0 = off.
    pub cancel_all_after_ms: i64,
    /// Nonces of signed orders up to here count as used, unix ms.
    pub nonce_base_ms: i64,
    /// Nonces used above the base, unix ms; 0 = free. A full window drops its least, which becomes the base.
    pub nonce_window: [u64; 16],
    /// Owed to the owner's referrer for what these orders took, atoms; `Market::referral_owed_atoms` hold it.
    pub referral_owed_atoms: u64,
    pub reserved: [u64; 3],
    pub orders: [Order; ORDERS_MAX],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OrderKind {
    Limit = 0,
    Market = 1,
    /// Fires when the price moves against the side, as a market order.
    StopMarket = 2,
    /// Fires so, as a limit order.
    StopLimit = 3,
    /// Fires when the price moves in favour of the side, as a market order.
    TakeProfitMarket = 4,
    /// Fires so, as a limit order.
    TakeProfitLimit = 5,
    /// A market stop whose trigger follows the price.
    TrailingStop = 6,
    /// Rests as maker at index plus an offset.
    Pegged = 7,
    /// Placed in slices over time.
    Twap = 8,
    /// Displays a part of its size.
    Iceberg = 9,
    /// The hash of an order that `reveal_order` places.
    Commit = 10,
}

/// Which price fires a conditional order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TriggerSource {
    /// The mark price.
    Mark = 0,
    /// The index price.
    Index = 1,
    /// The last fill's price.
    Last = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TimeInForce {
    /// Good till cancelled, or till `expiry_ms` (GTT) when that is not 0.
    GoodTillCancelled = 0,
    /// At most 30 slots; what is left is cancelled by owner or deadline.
    ImmediateOrCancel = 1,
    /// All in one instruction within its deadline or not at all.
    FillOrKill = 2,
    /// Rests as maker only; placing it across the evidence of the book is rejected.
    PostOnly = 3,
    /// As post-only, but slides to the best price that does not cross.
    PostOnlySlide = 4,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SelfTradeRule {
    CancelNewest = 0,
    CancelOldest = 1,
    Decrement = 2,
}

/// Bits of `Order::flags`.
pub mod order_flags {
    /// Set: ask. Clear: bid.
    pub const ASK: u8 = 1;
    /// May only reduce the position.
    pub const REDUCE_ONLY: u8 = 2;
    /// Counted in the position's open-order aggregates.
    pub const COUNTED: u8 = 4;
    /// Waits: conditional or scheduled, an exit of an entry that has not filled, a TWAP parent.
    pub const DORMANT: u8 = 8;
    /// Placed by `reveal_order`: older than anybody could see, so that it is no evidence of a price.
    pub const REVEALED: u8 = 32;
    /// A slice of the TWAP parent whose id is its group.
    pub const SLICE: u8 = 16;
}

/// Longest life of a market, IOC or FOK order, slots.
pub const MATCH_DEADLINE_SLOTS: u64 = 30;

const _: () = assert!(core::mem::size_of::<Order>() == 96);
const _: () = assert!(core::mem::size_of::<PlainTerms>() == 24);
const _: () = assert!(core::mem::size_of::<ConditionalTerms>() == 24);
const _: () = assert!(core::mem::size_of::<PeggedTerms>() == 24);
const _: () = assert!(core::mem::size_of::<TwapTerms>() == 24);
const _: () = assert!(core::mem::size_of::<IcebergTerms>() == 24);
const _: () = assert!(core::mem::offset_of!(PlainTerms, group) == core::mem::offset_of!(ConditionalTerms, group));
const _: () = assert!(core::mem::offset_of!(PlainTerms, group) == core::mem::offset_of!(PeggedTerms, group));
const _: () = assert!(core::mem::offset_of!(PlainTerms, group) == core::mem::offset_of!(TwapTerms, group));
const _: () = assert!(core::mem::offset_of!(PlainTerms, group) == core::mem::offset_of!(IcebergTerms, group));
