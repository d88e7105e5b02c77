//! Orders that are hidden at first: a slot holds the hash of one, and with it its place in time.

use anchor_lang::prelude::*;
use anchor_lang::{wincode, BORSH_CONFIG};

use super::orders::{free_slot, is_live, live_from_id, next_id, seat};
use super::place::{checked_order, insert};
use crate::error::{EvertideError, OrRefuse};
use crate::events::CancelledOrder;
use crate::guards::Now;
use crate::instructions::OrderArgs;
use crate::state::{order_flags, Exchange, Market, Order, OrderKind, Orders, User};

/// A commitment that is not revealed in this time is dead, ms.
pub const COMMIT_LIFE_MS: i64 = 60_000;
/// Starts what is hashed; its last byte is the version.
pub const COMMIT_TAG: &[u8] = b"evertide order commit\x01";
/// Market index of a commitment: it tells no market.
pub const COMMIT_MARKET: u16 = u16::MAX;
const HASH_BYTES: usize = 32;

/// Puts a hash into a free slot. Returns the slot.
///
/// It counts nowhere, matches nothing and names no market; four words of the order that mean nothing yet hold the hash.
pub fn commit(
    user: &mut User,
    orders: &mut Orders,
    hash: &[u8; HASH_BYTES],
    now: Now,
    reclaimed: &mut Vec<CancelledOrder>,
) -> Result<usize> {
    let slot = free_slot(user, orders, now, reclaimed)?;
    let [price_ticks, filled_lots, first, second] = words(hash);
    let order = Order {
        order_id: next_id(orders),
        price_ticks,
        filled_lots,
        terms: [first, second, 0],
        placed_slot: now.slot,
        placed_ms: now.ms,
        expiry_ms: now.ms.checked_add(COMMIT_LIFE_MS).or_refuse()?,
        market_index: COMMIT_MARKET,
        kind: OrderKind::Commit as u8,
        ..Order::default()
    };
    seat(orders, slot, &order)?;
    Ok(slot)
}

/// Replaces a live commitment by the order that it is the hash of, with its id and its place in time. Returns the slot.
///
/// The taker phase starts now: nobody has seen the order yet.
#[allow(clippy::too_many_arguments, reason = "the accounts of one instruction")]
pub fn reveal(
    user: &mut User,
    user_key: &Address,
    orders: &mut Orders,
    slot: usize,
    args: &OrderArgs,
    salt: &[u8; HASH_BYTES],
    (market, exchange): (&Market, &Exchange),
    now: Now,
) -> Result<usize> {
    let hidden = orders.orders[slot];
    require!(hidden.kind == OrderKind::Commit as u8, EvertideError::NotACommitment);
    let live_from = live_from_id(user, orders, now);
    require!(is_live(&hidden, live_from, now), EvertideError::CommitmentExpired);
    require!(words(&hash_of(user_key, args, salt)?) == held(&hidden), EvertideError::CommitmentMismatch);
    let plain = args.kind <= OrderKind::Market as u8 && args.group == 0 && args.kind_args_plus_one == 0;
    require!(plain, EvertideError::OrderKindUnknown);
    let order = checked_order(args, &[], market, exchange, now)?;
    super::orders::remove(user, orders, slot)?;
    let next_order_id = orders.next_order_id;
    // A slot has just been freed: nothing is swept here.
    let slot = insert(user, orders, market, order, now, &mut Vec::new())?;
    orders.next_order_id = next_order_id;
    let order = orders.orders.get_mut(slot).ok_or(EvertideError::OrderNotFound)?;
    order.order_id = hidden.order_id;
    order.placed_slot = hidden.placed_slot;
    order.flags |= order_flags::REVEALED;
    // The deadline of what must be matched at once runs from the commitment.
    require!(is_live(order, live_from, now), EvertideError::OrderExpired);
    Ok(slot)
}

/// sha256 of tag, account, the arguments' bytes as in an instruction, and the salt.
fn hash_of(user: &Address, args: &OrderArgs, salt: &[u8; HASH_BYTES]) -> Result<[u8; HASH_BYTES]> {
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(COMMIT_TAG);
    bytes.extend_from_slice(user.as_ref());
    let written = wincode::config::serialize_into(&mut bytes, args, BORSH_CONFIG);
    written.map_err(|_| EvertideError::CommitmentMismatch)?;
    bytes.extend_from_slice(salt);
    Ok(sha256(&bytes))
}

fn held(order: &Order) -> [u64; 4] {
    [order.price_ticks, order.filled_lots, order.terms[0], order.terms[1]]
}

fn words(hash: &[u8; HASH_BYTES]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hash.chunks_exact(8)) {
        *word = bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
    }
    words
}
