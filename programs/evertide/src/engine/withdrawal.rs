//! What every way out of a sub-account shares: taking from a balance, what must stay, and the asset's floor.

use anchor_lang::prelude::*;
use evertide_math::margin::MarginKind;
use evertide_math::round::mul_shift_ceil;
use evertide_math::units::COLLATERAL_PRICE_BITS;

use super::average::{floor_atoms, lane_atoms, roll_average};
use super::collateral_slots::take_collateral;
use super::margin::{self, Freshness};
use super::quote::{accrue_interest, change_balance, QUOTE_INDEX};
use super::row::collateral_row;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::DAY_MS;
use crate::guards::gate::{is_closed, Gate};
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Position, RiskCache, User};

/// What stays must carry the positions, valued with profits as nothing and rows under 10 s old. Who holds no position,
/// order or debt is not valued, so that no dead feed can lock its money in.
pub fn require_carried(user: &User, cache: &RiskCache, now: Now) -> Result<()> {
    if needs_valuation(user) {
        check_margin(user, cache, now)?;
    }
    Ok(())
}

/// Lowers the user's balance and the asset's total; returns the balance that is left.
pub fn take(user: &mut User, collateral: &mut Collateral, amount_atoms: u64, now: Now) -> Result<i64> {
    let amount = i64::try_from(amount_atoms).map_err(|_| EvertideError::InsufficientBalance)?;
    if collateral.index == QUOTE_INDEX {
        accrue_interest(user, collateral)?;
        require_cmp!(amount, <=, user.quote_atoms, EvertideError::InsufficientBalance);
        change_balance(user, collateral, amount.checked_neg().or_refuse()?, now.ms)?;
        return Ok(user.quote_atoms);
    }
    roll_average(collateral, now.ms)?;
    let left = take_collateral(user, collateral.index, amount_atoms)?;
    collateral.total_atoms = collateral.total_atoms.checked_sub(amount_atoms).or_refuse()?;
    i64::try_from(left).map_err(|_| EvertideError::Overflow.into())
}

/// A position, an open order, an unsettled loss or a debt.
fn needs_valuation(user: &User) -> bool {
    let at_risk = |slot: &Position| slot.basis_lots != 0 || slot.open_order_count != 0 || slot.cash_atoms < 0;
    user.quote_atoms < 0 || user.positions.iter().any(at_risk)
}

fn check_margin(user: &User, cache: &RiskCache, now: Now) -> Result<()> {
    let freshness = Freshness { now_ms: now.ms, required: true };
    let valuation = margin::value(user, cache, MarginKind::Withdrawal, freshness)?;
    // The smallest of losses has to be covered by quote itself: collateral pays losses only by being sold.
    let losses = valuation.losses_atoms.checked_neg().or_refuse()?;
    require_cmp!(valuation.quote_atoms, >=, losses, EvertideError::LossesExceedQuote);
    valuation.require_met(EvertideError::InitialMarginTooLow)
}

/// Returns what the open lane carries, token atoms: the part of the amount that lies below the floor. What waits in the
/// queue counts as gone already: nobody passes it but through the lane.
pub fn check_floor(
    exchange: &Exchange,
    cache: &RiskCache,
    user: &mut User,
    collateral: &mut Collateral,
    amount_atoms: u64,
    now: Now,
) -> Result<u64> {
    let floor = floor_atoms(collateral, exchange.terms.withdrawal_floor_bps)?;
    let free = collateral.total_atoms.saturating_sub(collateral.queued_atoms);
    if free >= floor {
        return Ok(0);
    }
    let below = floor.saturating_sub(free).min(amount_atoms);
    let refused = EvertideError::WithdrawalFloorReached;
    require!(!is_closed(exchange, Gate::OpenLane, now.ms), EvertideError::GateClosed);
    // One lane an authority, however many sub-accounts it opens.
    require_cmp!(user.sub_id, ==, 0, EvertideError::LaneOfSubAccount);
    require_cmp!(now.ms.saturating_sub(user.created_ms), >=, DAY_MS, refused);
    let today = now.day();
    if collateral.lane_day != today {
        collateral.lane_day = today;
        collateral.lane_used_atoms = 0;
    }
    if user.lane_day != today {
        user.lane_day = today;
        user.lane_used_atoms = 0;
    }
    let used = collateral.lane_used_atoms.checked_add(below).or_refuse()?;
    require_cmp!(used, <=, lane_atoms(collateral, exchange.terms.lane_share_bps)?, refused);
    let price = collateral_row(cache, collateral.index)?.price_q48;
    require!(price > 0, EvertideError::WithdrawalFloorReached);
    let worth = mul_shift_ceil(below, price, COLLATERAL_PRICE_BITS).or_refuse()?;
    let user_used = user.lane_used_atoms.checked_add(worth).or_refuse()?;
    require_cmp!(user_used, <=, exchange.terms.lane_atoms, refused);
    collateral.lane_used_atoms = used;
    user.lane_used_atoms = user_used;
    Ok(below)
}
