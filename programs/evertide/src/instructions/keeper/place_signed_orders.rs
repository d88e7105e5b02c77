//! `place_signed_orders`: 1 to 4 orders that their owners signed off chain. Remaining accounts: a pair `User`, `Orders`, both writable, for
//! each account named, then the `Market`s, read-only.

use anchor_lang::prelude::*;
use evertide_math::signed::SIGNED_ORDER_BYTES;

use crate::engine::load::{self, Pair};
use crate::engine::place::{self, checked_order, insert};
use crate::engine::position::require_isolation;
use crate::engine::signed;
use crate::error::{EvertideError, OrRefuse};
use crate::events::{SignedOrdersPlaced, SignedPlacement};
use crate::guards::ed25519::{Message, Verified};
use crate::guards::gate::require_gate;
use crate::guards::{now, Gate, Now};
use crate::instructions::trader::place_orders::{require_initial_margin, require_placer};
use crate::require_cmp;
use crate::state::{Exchange, Market, RiskCache};

/// Most orders of one instruction.
pub const SIGNED_ORDERS_MAX: usize = 4;

/// Where a signed order belongs: order i is message i of the Ed25519 instruction.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct SignedRef {
    /// Index of the pair `User`, `Orders` among the remaining accounts.
    pub account: u8,
    /// Index of the market among the accounts after all pairs.
    pub market: u8,
}

#[event_cpi]
#[derive(Accounts)]
pub struct PlaceSignedOrders {
    /// Anyone: the owners' signatures are in the Ed25519 instruction.
    pub keeper: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

pub fn place_signed_orders(
    ctx: &mut Context<PlaceSignedOrders>,
    instruction_index: u8,
    orders: Vec<SignedRef>,
) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &ctx.accounts;
    require!((1..=SIGNED_ORDERS_MAX).contains(&orders.len()), EvertideError::SignedOrderCountOutOfRange);
    let ahead = u16::from(instruction_index) < accounts.instructions.load_current_index();
    require!(ahead, EvertideError::NotEd25519Instruction);
    let instruction = accounts.instructions.load_instruction_at(usize::from(instruction_index))?;
    let (program, data) = (instruction.get_program_id(), instruction.get_instruction_data());
    let verified = Verified::of(program, data, u16::from(instruction_index), orders.len())?;
    let last = orders.iter().map(|order| usize::from(order.account)).max().unwrap_or_default();
    let count = last.saturating_add(1);
    require!(count <= orders.len(), EvertideError::RemainingAccountInvalid);
    let mut pairs = (0..count).map(|at| load::pair_mut(&remaining, at)).collect::<Result<Vec<Pair>>>()?;
    let mut placements = Vec::with_capacity(orders.len());
    for (at, named) in orders.iter().enumerate() {
        let pair = pairs.get_mut(usize::from(named.account)).ok_or(EvertideError::RemainingAccountInvalid)?;
        let market_at = count.saturating_mul(2).saturating_add(usize::from(named.market));
        let market = load::market(&remaining, market_at)?;
        placements.push(place(accounts, pair, &market, &verified.message(at)?, now)?);
    }
    let (sequence, user) = placements.first().map(|first| (first.sequence, first.user)).unwrap_or_default();
    let keeper = *accounts.keeper.address();
    emit_cpi!(SignedOrdersPlaced { sequence, user, keeper, placements });
    Ok(())
}

/// Places one order as its owner would: nothing that `place_orders` checks is left out.
#[inline(never)]
fn place(
    accounts: &PlaceSignedOrders,
    pair: &mut Pair,
    market: &Market,
    message: &Message<SIGNED_ORDER_BYTES>,
    now: Now,
) -> Result<SignedPlacement> {
    let exchange = &accounts.exchange;
    let user = *pair.user.address();
    let signed = signed::order_of(message.bytes, exchange, &user, now)?;
    require_placer(exchange, &pair.user, &pair.orders, &message.signer, now)?;
    signed::burn_nonce(&mut pair.orders, signed.nonce_ms)?;
    let args = signed::order_args(&signed)?;
    if !args.reduce_only {
        require_gate(exchange, Gate::PlaceOrders, now.ms)?;
    }
    require_cmp!(market.index, ==, args.market_index, EvertideError::OrderMarketMismatch);
    let order = checked_order(&args, &[], market, exchange, now)?;
    require_isolation(&pair.user, market, &accounts.risk_cache)?;
    let mut reclaimed = Vec::new();
    let slot = insert(&mut pair.user, &mut pair.orders, market, order, now, &mut reclaimed)?;
    if !args.reduce_only {
        require_initial_margin(exchange, &pair.user, &accounts.risk_cache, now)?;
        pair.user.last_active_ms = now.ms;
    }
    let sequence = pair.user.sequence;
    pair.user.sequence = sequence.checked_add(1).or_refuse()?;
    let order = place::placed(&pair.orders.orders[slot]);
    Ok(SignedPlacement { user, sequence, signer: message.signer, order, reclaimed })
}
