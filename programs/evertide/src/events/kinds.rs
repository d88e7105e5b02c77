//! Events of orders that wait, link or follow a schedule.

use anchor_lang::prelude::*;

use super::{CancelledOrder, PlacedOrder};

/// What another order's fill or firing did to a linked one.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct LinkedOrder {
    /// Whose order it is.
    pub user: Address,
    pub order_id: u64,
    /// After; 0: it left its slot.
    pub size_lots: u64,
    /// `engine::groups::LinkedChange`.
    pub change: u8,
}

/// Sequence of the user.
#[event]
pub struct CancelAllAfterSet {
    pub sequence: u64,
    pub user: Address,
    /// Unix ms; 0 = off.
    pub deadline_ms: i64,
    /// What the deadline before had killed.
    pub orders: Vec<CancelledOrder>,
}

/// Sequence of the user. Dead orders that were taken out.
#[event]
pub struct OrdersExpired {
    pub sequence: u64,
    pub user: Address,
    pub orders: Vec<CancelledOrder>,
}

/// Sequence of the user.
#[event]
pub struct OrderTriggered {
    pub sequence: u64,
    pub user: Address,
    /// `engine::dormant::WakeOutcome`: 0 live, otherwise why it was cancelled.
    pub outcome: u8,
    /// As it became live, or as it would have.
    pub order: PlacedOrder,
    pub linked: Vec<LinkedOrder>,
}

/// Sequence of the user.
#[event]
pub struct TrailingUpdated {
    pub sequence: u64,
    pub user: Address,
    pub order_id: u64,
    pub trigger_ticks: u64,
}

/// Sequence of the user.
#[event]
pub struct SliceExecuted {
    pub sequence: u64,
    pub user: Address,
    pub parent_order_id: u64,
    /// Number of the interval, from 1.
    pub slice_number: u16,
    /// `engine::dormant::WakeOutcome`: 0 live, otherwise why slice and parent were cancelled.
    pub outcome: u8,
    pub order: PlacedOrder,
    pub removed: Vec<CancelledOrder>,
}
