//! `accrue_market`: premium, funding and TWAPs up to now, and the market's cache row.

use anchor_lang::prelude::*;

use crate::engine::epoch::reset_sides;
use crate::engine::exposure::count_open_interest;
use crate::engine::position::count_dust;
use crate::engine::row::write_market_row;
use crate::engine::transfer::close_dropped_now;
use crate::engine::{evidence, funding, mark};
use crate::error::{EvertideError, OrRefuse};
use crate::events::MarketAccrued;
use crate::guards::now;
use crate::state::{Exchange, Market, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct AccrueMarket {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub market: Account<Market>,
}

pub fn accrue_market(ctx: &mut Context<AccrueMarket>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let market = &mut accounts.market;
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    let elapsed_ms = now.ms.saturating_sub(market.accrued_ms).max(0);
    funding::accrue(market, now)?;
    mark::note_matchability(market, now);
    evidence::drop_dead(market, &[], now);
    // Without a usable index the mark stays; the row clamps it, and its validity bits tell every reader.
    if mark::is_computable(market, now.ms) {
        mark::refresh(market, now)?;
    }
    funding::refresh_premium(market, now.ms)?;
    close_dropped_now(market)?;
    reset_sides(market)?;
    count_dust(market)?;
    write_market_row(market, &mut accounts.risk_cache, now)?;
    count_open_interest(market, &mut accounts.risk_cache)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let event = MarketAccrued {
        sequence,
        market_index: market.index,
        premium_e9: market.premium_e9,
        funding_rate_e9: market.funding_rate_e9,
        index_price_q32: market.index_price_q32,
        mark_price_q32: market.mark_price_q32,
        mark_twap_q32: market.mark_twap_q32,
        elapsed_ms,
        j_long_low: market.j[0].low,
        j_long_high: market.j[0].high,
        j_short_low: market.j[1].low,
        j_short_high: market.j[1].high,
        dust_atoms: market.dust_atoms,
        time_ms: now.ms,
        epoch: market.epoch,
        open_interest_lots: market.open_interest_lots,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
        deficit_atoms: market.deficit_atoms,
    };
    emit_cpi!(event);
    Ok(())
}
