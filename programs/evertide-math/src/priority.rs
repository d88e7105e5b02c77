//! Order priority: better price, then earlier slot, then the lower hash. Deterministic, so that anyone
//! can replay and audit the matching.

use core::cmp::Ordering;

use crate::units::{Side, Ticks};

/// Start value of the hash: the fractional bits of the golden ratio.
pub const HASH_SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// First multiplier of the mixer.
pub const HASH_MULTIPLIER_1: u64 = 0xBF58_476D_1CE4_E5B9;
/// Second multiplier of the mixer.
pub const HASH_MULTIPLIER_2: u64 = 0x94D0_49BB_1331_11EB;

/// One round of the mixer: xor-shift and multiply modulo 2^64, a bijection with full avalanche.
#[inline]
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(HASH_MULTIPLIER_1);
    let value = (value ^ (value >> 27)).wrapping_mul(HASH_MULTIPLIER_2);
    value ^ (value >> 31)
}

/// `h = seed; for w in (placed_slot, four little-endian words of the key, order_id): h = mix(h ^ w)`.
///
/// Wrapping multiplication is part of the definition. `orders_key` is the address of the `Orders`
/// account.
#[inline]
pub fn order_hash(placed_slot: u64, orders_key: &[u8; 32], order_id: u64) -> u64 {
    let mut hash = mix(HASH_SEED ^ placed_slot);
    for word in orders_key.chunks_exact(8) {
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(word);
        hash = mix(hash ^ u64::from_le_bytes(bytes));
    }
    mix(hash ^ order_id)
}

/// What priority depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRank {
    /// Limit price, or for a pegged order its current price.
    pub price: Ticks,
    /// Slot in which the order was placed.
    pub placed_slot: u64,
    /// [`order_hash`] of the order.
    pub hash: u64,
}

/// `Less` when `left` goes first, for two orders on the same `side`.
#[inline]
pub fn compare(side: Side, left: &OrderRank, right: &OrderRank) -> Ordering {
    let by_price = match side {
        Side::Bid => right.price.cmp(&left.price),
        Side::Ask => left.price.cmp(&right.price),
    };
    by_price.then(left.placed_slot.cmp(&right.placed_slot)).then(left.hash.cmp(&right.hash))
}
