//! A match whose taker is a position in liquidation: it has no order, pays the liquidation's fees, and never leaves its
//! account below zero.

use anchor_lang::prelude::*;
use evertide_math::bands::market_order_limit;
use evertide_math::{Side, Ticks};

use super::fees;
use super::liquidation::Rates;
use super::matching::{PriorityGuard, Rules, Taker};
use super::rewards::Earners;
use super::session::{Liquidation, Outcome, Session, State};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::Now;
use crate::state::{order_flags, Exchange, FeeTier, Market, Order, RiskCache, User};

/// Tenths of a basis point in one.
const TENTH_BPS_PER_BPS: u32 = 10;

/// Accounts and references that the session needs.
pub struct LiquidationParts<'a> {
    pub exchange: &'a Exchange,
    pub cache: &'a RiskCache,
    pub market: &'a mut Market,
    pub user: &'a mut User,
    pub user_key: Address,
    pub position_slot: usize,
    pub keeper: bool,
    pub liquidation: Liquidation,
    pub now: Now,
}

impl<'a> Session<'a> {
    /// Starts the closing of a folded position against resting orders, no worse than the index less the fee.
    pub fn start_liquidation(parts: LiquidationParts<'a>) -> Result<Self> {
        let LiquidationParts { exchange, cache, market, user, user_key, position_slot, liquidation, now, .. } = parts;
        let rules = Rules::of_liquidation(market, now)?;
        let ask = user.positions[position_slot].basis_lots > 0;
        let side = if ask { Side::Ask } else { Side::Bid };
        let order = Order {
            size_lots: liquidation.lots,
            placed_ms: user.liquidation_start_ms,
            market_index: market.index,
            flags: order_flags::REDUCE_ONLY | if ask { order_flags::ASK } else { 0 },
            ..Order::default()
        };
        let state = State {
            taker: Taker::of_liquidation(side, limit(side, &rules, &liquidation.rates)?, now),
            order_slot: 0,
            position_slot,
            order,
            tier: tier(exchange, user, &liquidation.rates, now)?,
            earners: Earners::default(),
            left_lots: liquidation.lots,
            exposure: None,
            guard: PriorityGuard::default(),
            last_reason: None,
            self_trade: false,
            liquidation: Some(liquidation),
            outcome: Outcome { taker_ask: ask, ..Outcome::default() },
        };
        Ok(Self {
            exchange,
            cache,
            market,
            taker_user: user,
            taker_orders: None,
            taker_user_key: user_key,
            taker_orders_key: Address::default(),
            keeper: parts.keeper,
            rules,
            state,
        })
    }
}

/// The worst price: the index moved against the account by the liquidator's fee, rounded toward the index.
fn limit(side: Side, rules: &Rules, rates: &Rates) -> Result<Ticks> {
    market_order_limit(side, rules.index, rates.liquidator, rules.tick_value).or_refuse()
}

/// The account pays the liquidator's fee as its taker fee; a backstop the fee of its tier.
fn tier(exchange: &Exchange, user: &User, rates: &Rates, now: Now) -> Result<FeeTier> {
    let own = *fees::tier_of(exchange, user, now.ms)?;
    if rates.ordinary {
        return Ok(own);
    }
    let fee = rates.liquidator.get().checked_mul(TENTH_BPS_PER_BPS).or_refuse()?;
    Ok(FeeTier { taker_fee_tenth_bps: u16::try_from(fee).map_err(|_| EvertideError::Overflow)?, ..own })
}
