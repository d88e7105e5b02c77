//! `view_health`: equity, requirements and liquidation prices as return data.

use anchor_lang::prelude::*;
use evertide_math::liquidation::liquidation_price;
use evertide_math::margin::MarginKind;
use evertide_math::notional::notional_ceil;
use evertide_math::{Atoms, Lots, PriceQ32};

use crate::engine::margin::{self, Freshness};
use crate::error::OrRefuse;
use crate::guards::now;
use crate::state::{Position, RiskCache, User};

/// Mark price at which the account falls below maintenance, all else equal.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct LiquidationPrice {
    pub market_index: u16,
    /// Quote atoms per lot, 32 fractional bits; the present mark when it is below already; 0: no such price.
    pub price_q32: u64,
}

/// All amounts in quote atoms.
#[derive(Clone, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct HealthView {
    pub equity_initial_atoms: i64,
    pub initial_requirement_atoms: i64,
    pub equity_maintenance_atoms: i64,
    pub maintenance_requirement_atoms: i64,
    /// What new positions may use: equity beyond the initial requirement, not below zero.
    pub free_collateral_atoms: i64,
    pub liquidation_prices: Vec<LiquidationPrice>,
}

#[derive(Accounts)]
pub struct ViewHealth {
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn view_health(ctx: &mut Context<ViewHealth>) -> Result<HealthView> {
    // user: any; anyone may ask. risk_cache: the only one there is.
    let (user, cache) = (&*ctx.accounts.user, &*ctx.accounts.risk_cache);
    let freshness = Freshness { now_ms: now()?.ms, required: false };
    let initial = margin::value(user, cache, MarginKind::Initial, freshness)?;
    let maintenance = margin::value(user, cache, MarginKind::Maintenance, freshness)?;
    let excess_atoms = maintenance.excess_atoms();
    let mut liquidation_prices = Vec::new();
    for position in user.positions.iter().filter(|position| position.basis_lots != 0) {
        let price_q32 = price_of(position, user, cache, excess_atoms)?;
        let market_index = position.market_plus_one.saturating_sub(1);
        liquidation_prices.push(LiquidationPrice { market_index, price_q32 });
    }
    Ok(HealthView {
        equity_initial_atoms: initial.equity_atoms,
        initial_requirement_atoms: initial.requirement_atoms,
        equity_maintenance_atoms: maintenance.equity_atoms,
        maintenance_requirement_atoms: maintenance.requirement_atoms,
        free_collateral_atoms: initial.excess_atoms().max(0),
        liquidation_prices,
    })
}

fn price_of(position: &Position, user: &User, cache: &RiskCache, excess_atoms: i64) -> Result<u64> {
    let row = margin::market_row(cache, position.market_plus_one.wrapping_sub(1))?;
    let mark = margin::sober_mark(row)?;
    if excess_atoms < 0 {
        return Ok(mark.get());
    }
    let (size_lots, _) = margin::folded(position, row)?;
    if size_lots == 0 {
        // Deleveraged whole, and nobody has folded it yet: no price matters to it.
        return Ok(0);
    }
    let size = Lots::new(size_lots).or_refuse()?;
    let terms = margin::margin_terms(row, user.user_ratio_bps.max(position.user_ratio_bps))?;
    let ratio = terms.ratio(MarginKind::Maintenance, notional_ceil(size, mark).or_refuse()?).or_refuse()?;
    let excess = Atoms::new(excess_atoms).or_refuse()?;
    Ok(liquidation_price(size, mark, excess, ratio).or_refuse()?.map_or(0, PriceQ32::get))
}
