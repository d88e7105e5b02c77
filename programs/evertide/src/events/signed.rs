//! Events of orders that were signed off chain, and of those that were hidden at first.

use anchor_lang::prelude::*;

use super::{CancelledOrder, PlacedOrder};

/// One order that its owner signed off chain. Its client order id is the nonce that it used up.
#[derive(Clone, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct SignedPlacement {
    pub user: Address,
    /// Sequence of that user.
    pub sequence: u64,
    /// Who signed: owner or delegate.
    pub signer: Address,
    pub order: PlacedOrder,
    /// Dead orders swept because all slots were occupied.
    pub reclaimed: Vec<CancelledOrder>,
}

/// Sequence of the user of the first placement; each placement has its own.
#[event]
pub struct SignedOrdersPlaced {
    pub sequence: u64,
    pub user: Address,
    pub keeper: Address,
    pub placements: Vec<SignedPlacement>,
}

/// Sequence of the user. `nonce_base_ms` is after.
#[event]
pub struct NonceCancelled {
    pub sequence: u64,
    pub user: Address,
    pub nonce_ms: i64,
    pub nonce_base_ms: i64,
}

/// Sequence of the user. A hash took a slot: `reveal_order` says until `expiry_ms` what it stands for.
#[event]
pub struct OrderCommitted {
    pub sequence: u64,
    pub user: Address,
    pub order_id: u64,
    pub hash: [u8; 32],
    pub placed_slot: u64,
    pub expiry_ms: i64,
    pub reclaimed: Vec<CancelledOrder>,
}

/// Sequence of the user. The order has the id and the slot of its commitment.
#[event]
pub struct OrderRevealed {
    pub sequence: u64,
    pub user: Address,
    pub order: PlacedOrder,
}
