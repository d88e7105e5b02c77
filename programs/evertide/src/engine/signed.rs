//! Orders that their owners signed off chain: what they are bound to, when they can be placed, and that each is once.

use anchor_lang::prelude::*;
use evertide_math::signed::{
    use_nonce, SignedOrder, NONCE_AHEAD_MAX_MS, SIGNED_DOMAIN_BYTES, SIGNED_MARKET_WINDOW_MAX_S, SIGNED_ORDER_BYTES,
    SIGNED_ORDER_TAG, SIGNED_WINDOW_MAX_S,
};

use crate::error::{EvertideError, OrRefuse};
use crate::guards::Now;
use crate::instructions::OrderArgs;
use crate::require_cmp;
use crate::state::{Exchange, OrderKind, Orders};

/// Milliseconds of a second.
const SECOND_MS: i64 = 1_000;
const KEY_BYTES: usize = 32;
const PREIMAGE_BYTES: usize = SIGNED_ORDER_TAG.len() + 3 * KEY_BYTES;

/// What the messages for one account of one exchange start with: the hash of layout, cluster, program and account.
///
/// The account is in it and not its owner and number alone, because a delegate may sign for more than one owner.
pub fn domain(exchange: &Exchange, user: &Address) -> Result<[u8; SIGNED_DOMAIN_BYTES]> {
    let mut preimage = [0; PREIMAGE_BYTES];
    let parts = [SIGNED_ORDER_TAG, &exchange.genesis_hash, crate::ID.as_ref(), user.as_ref()];
    let bytes = parts.into_iter().flatten();
    for (slot, byte) in preimage.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    let hash = sha256(&preimage);
    let start = hash.first_chunk().ok_or(EvertideError::Overflow)?;
    Ok(*start)
}

/// The order of a verified message for this account, if it can be placed now.
pub fn order_of(
    bytes: &[u8; SIGNED_ORDER_BYTES],
    exchange: &Exchange,
    user: &Address,
    now: Now,
) -> Result<SignedOrder> {
    let (found, order) = SignedOrder::decode(bytes).map_err(|_| EvertideError::SignedOrderMalformed)?;
    require!(found == domain(exchange, user)?, EvertideError::SignedForAnother);
    let is_market = order.kind == OrderKind::Market as u8;
    // Pegs, triggers and schedules are placed by their owners: what is signed says all of its price itself.
    require!(is_market || order.kind == OrderKind::Limit as u8, EvertideError::SignedOrderMalformed);
    let window_max_s = if is_market { SIGNED_MARKET_WINDOW_MAX_S } else { SIGNED_WINDOW_MAX_S };
    require_cmp!(order.window_s, >=, 1_u16, EvertideError::SignedWindowInvalid);
    require_cmp!(order.window_s, <=, window_max_s, EvertideError::SignedWindowInvalid);
    require!(!is_market || order.price_ticks != 0, EvertideError::SignedMarketPriceMissing);
    require_not_ahead(order.nonce_ms, now)?;
    let until_ms = order.nonce_ms.checked_add(i64::from(order.window_s).saturating_mul(SECOND_MS)).or_refuse()?;
    require_cmp!(now.ms, <, until_ms, EvertideError::SignedOrderExpired);
    Ok(order)
}

/// The arguments of `place_orders` that say the same.
pub fn order_args(order: &SignedOrder) -> Result<OrderArgs> {
    let expiry_ms = match order.life_s {
        0 => 0,
        life_s => order.nonce_ms.checked_add(i64::from(life_s).saturating_mul(SECOND_MS)).or_refuse()?,
    };
    Ok(OrderArgs {
        client_order_id: order.nonce_ms.unsigned_abs(),
        market_index: order.market_index,
        kind: order.kind,
        ask: order.ask,
        time_in_force: order.time_in_force,
        reduce_only: order.reduce_only,
        self_trade: order.self_trade,
        taker_phase_s: order.taker_phase_s,
        price_ticks: order.price_ticks,
        size_lots: order.size_lots,
        expiry_ms,
        auction_start_ticks: order.auction_start_ticks,
        max_slippage_bps: order.max_slippage_bps,
        builder_plus_one: order.builder_plus_one,
        builder_fee_tenth_bps: order.builder_fee_tenth_bps,
        ..OrderArgs::default()
    })
}

/// A nonce ahead of the chain's clock would outlive the bounds of its window, and a new account's base.
pub fn require_not_ahead(nonce_ms: i64, now: Now) -> Result<()> {
    let most_ms = now.ms.saturating_add(NONCE_AHEAD_MAX_MS);
    require_cmp!(nonce_ms, <=, most_ms, EvertideError::NonceFromFuture);
    Ok(())
}

/// Marks a nonce as used, once.
pub fn burn_nonce(orders: &mut Orders, nonce_ms: i64) -> Result<()> {
    let fresh = use_nonce(&mut orders.nonce_base_ms, &mut orders.nonce_window, nonce_ms);
    if fresh {
        return Ok(());
    }
    Err(crate::guards::refuse(nonce_ms, orders.nonce_base_ms, EvertideError::NonceUsed))
}

/// Base of a new account: beyond every nonce that an account of the same address can have used before it was closed.
pub fn first_base_ms(now: Now) -> i64 {
    now.ms.saturating_add(NONCE_AHEAD_MAX_MS)
}
