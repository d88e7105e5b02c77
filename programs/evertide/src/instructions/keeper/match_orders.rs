//! `match_orders`: one taker against up to 8 makers. Remaining accounts: a pair `User`, `Orders`, both writable, for each maker in priority order.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::fees::keep_protocol_part;
use crate::engine::load;
use crate::engine::position::{add_cash, require_isolation, slot_for};
use crate::engine::session::{Outcome, Parts, Session};
use crate::error::{EvertideError, OrRefuse};
use crate::events::OrdersMatched;
use crate::guards::gate::require_opened;
use crate::guards::role::require_permission;
use crate::guards::{now, Now};
use crate::state::{permissions, user_flags, Exchange, Market, Orders, RiskCache, User};

/// Most makers of one match.
pub const MAKERS_MAX: usize = 8;
/// `MakerRef::account` that names the taker's own orders: a self-trade rule is all that can apply.
pub const OWN_ORDERS: u8 = 255;

/// One resting order named by a keeper.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct MakerRef {
    /// Index of the pair `User`, `Orders` among the remaining accounts.
    pub account: u8,
    /// The order's id.
    pub order_id: u64,
}

#[event_cpi]
#[derive(Accounts)]
pub struct MatchOrders {
    pub keeper: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub taker_user: Account<User>,
    #[account(mut)]
    pub taker_orders: Account<Orders>,
    /// Receives the keeper's share: of the keeper itself, or one whose delegate it is; must differ from every party. None:
    /// the share stays in the pending fees.
    #[account(mut)]
    pub keeper_user: Option<Account<User>>,
}

pub fn match_orders(ctx: &mut Context<MatchOrders>, taker_order_id: u64, makers: Vec<MakerRef>) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require_opened(&accounts.exchange)?;
    require_consent(&accounts.keeper_user, accounts.keeper.address(), now)?;
    let taker_user_key = *accounts.taker_user.address();
    require!(address_eq(&accounts.taker_orders.user, &taker_user_key), EvertideError::OrdersOfAnotherUser);
    require!((1..=MAKERS_MAX).contains(&makers.len()), EvertideError::MakerCountOutOfRange);
    let mut pairs = load_pairs(&remaining)?;
    let mut session = Session::start(Parts {
        exchange: &accounts.exchange,
        cache: &accounts.risk_cache,
        market: &mut accounts.market,
        taker_orders_key: *accounts.taker_orders.address(),
        taker_user: &mut accounts.taker_user,
        taker_orders: &mut accounts.taker_orders,
        taker_user_key,
        taker_order_id,
        keeper: accounts.keeper_user.is_some(),
        now,
    })?;
    session.offer_all(&mut pairs, &makers)?;
    let outcome = session.finish()?;
    let (market, keeper_user) = (&mut accounts.market, &mut accounts.keeper_user);
    let paid = reward(market, keeper_user, &accounts.risk_cache, &accounts.exchange, outcome.keeper_atoms)?;
    let keeper = accounts.keeper_user.as_ref().map(|keeper| *keeper.address()).unwrap_or_default();
    let mut event = matched(&mut accounts.market, &mut accounts.taker_user, taker_order_id, outcome, now)?;
    (event.keeper, event.keeper_reward_atoms) = (keeper, paid);
    emit_cpi!(event);
    Ok(())
}

/// The pairs of a match, each loaded once.
#[inline(never)]
pub fn load_pairs(remaining: &[AccountView]) -> Result<Vec<load::Pair>> {
    let count = remaining.len() >> 1;
    require!(remaining.len() & 1 == 0 && count <= MAKERS_MAX, EvertideError::RemainingAccountInvalid);
    (0..count).map(|at| load::pair_mut(remaining, at)).collect()
}

/// Refuses a rewarded account whose owner, or delegate for this, is not the keeper that signs: a reward takes a position
/// slot, and slots are not given away by strangers. Nobody signs for a backstop.
pub fn require_consent(keeper_user: &Option<Account<User>>, keeper: &Address, now: Now) -> Result<()> {
    match keeper_user {
        Some(user) => require_permission(user, keeper, permissions::LIQUIDATE, now.ms),
        None => Ok(()),
    }
}

/// Credits the keeper's share to its position in this market; without a slot for one it stays in the pending fees. A
/// backstop is never credited: its slots are for its own market.
#[inline(never)]
pub fn reward(
    market: &mut Market,
    keeper_user: &mut Option<Account<User>>,
    cache: &RiskCache,
    exchange: &Exchange,
    reward_atoms: u64,
) -> Result<u64> {
    if reward_atoms == 0 {
        return Ok(0);
    }
    let slot = match keeper_user.as_mut() {
        Some(keeper)
            if keeper.flags & user_flags::BACKSTOP == 0 && require_isolation(keeper, market, cache).is_ok() =>
        {
            slot_for(keeper, market).ok()
        }
        _ => None,
    };
    let (Some(keeper), Some(slot)) = (keeper_user.as_mut(), slot) else {
        keep_protocol_part(market, exchange, reward_atoms)?;
        return Ok(0);
    };
    let credited = i64::try_from(reward_atoms).map_err(|_| EvertideError::Overflow)?;
    add_cash(&mut keeper.positions[slot], market, credited)?;
    keeper.rewards_atoms = keeper.rewards_atoms.saturating_add(reward_atoms);
    Ok(reward_atoms)
}

/// What the market and its taker tell of a match; the keeper's reward is the caller's to add.
pub fn matched(
    market: &mut Market,
    taker: &mut Account<User>,
    taker_order_id: u64,
    outcome: Outcome,
    now: Now,
) -> Result<OrdersMatched> {
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let taker_sequence = taker.sequence;
    taker.sequence = taker_sequence.checked_add(1).or_refuse()?;
    Ok(OrdersMatched {
        sequence,
        market_index: market.index,
        taker_ask: outcome.taker_ask,
        taker: *taker.address(),
        taker_sequence,
        taker_order_id,
        taker_client_order_id: outcome.taker_client_order_id,
        taker_limit_ticks: outcome.taker_limit_ticks,
        taker_remaining_lots: outcome.taker_remaining_lots,
        taker_funding_atoms: outcome.taker_funding_atoms,
        taker_position_lots_after: outcome.taker_position_lots,
        taker_cash_atoms_after: outcome.taker_cash_atoms,
        keeper: Address::default(),
        keeper_reward_atoms: 0,
        referrer_reward_atoms: outcome.referrer_atoms,
        builder_reward_atoms: outcome.builder_atoms,
        builder_fee_atoms: outcome.builder_fee_atoms,
        builder_code: outcome.builder_code,
        pending_fees_atoms: market.pending_fees_atoms,
        open_interest_lots: market.open_interest_lots,
        slot: now.slot,
        time_ms: now.ms,
        event_hash: market.event_hash,
        auction: false,
        fills: outcome.fills,
        skips: outcome.skips,
        linked: outcome.linked,
    })
}
