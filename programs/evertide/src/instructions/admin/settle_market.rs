//! `settle_market`: closes a market whose status is settling. The first call closes every position at the mark's 1 h TWAP
//! in one step; when all of them are folded, another one makes the market closed for good. Anyone.

use anchor_lang::prelude::*;
use evertide_math::PriceQ32;

use crate::engine::epoch::reset_sides;
use crate::engine::exposure::count_open_interest;
use crate::engine::funding;
use crate::engine::position::count_dust;
use crate::engine::row::write_market_row;
use crate::engine::transfer::deleverage_side;
use crate::error::{EvertideError, OrRefuse};
use crate::events::MarketSettled;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Market, MarketStatus, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct SettleMarket {
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
}

pub fn settle_market(ctx: &mut Context<SettleMarket>) -> Result<()> {
    // risk_cache: the only one there is. market: any that its change of status has brought to settling.
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let market = &mut accounts.market;
    require_cmp!(market.status, ==, MarketStatus::Settling as u8, EvertideError::MarketNotSettling);
    if market.settlement_price_q32 == 0 {
        close_all(market, now)?;
    } else {
        reset_sides(market)?;
        close_for_good(market)?;
    }
    count_dust(market)?;
    write_market_row(market, &mut accounts.risk_cache, now)?;
    count_open_interest(market, &mut accounts.risk_cache)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let event = MarketSettled {
        sequence,
        market_index: market.index,
        status: market.status,
        price_q32: market.settlement_price_q32,
        open_interest_lots: market.open_interest_lots,
        a: market.a,
        j_long_low: market.j[0].low,
        j_long_high: market.j[0].high,
        j_short_low: market.j[1].low,
        j_short_high: market.j[1].high,
        epoch: market.epoch,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
        deficit_atoms: market.deficit_atoms,
        dust_atoms: market.dust_atoms,
        time_ms: now.ms,
    };
    emit_cpi!(event);
    Ok(())
}

/// Both sides are deleveraged to nothing at one price, after the funding up to now: a long is paid for each lot what a
/// short pays, and each position takes its part when it is folded.
fn close_all(market: &mut Market, now: Now) -> Result<()> {
    require!(market.mark_twap_hour_q32 != 0, EvertideError::MarketHasNoPrice);
    funding::accrue(market, now)?;
    let price = PriceQ32::new(market.mark_twap_hour_q32).or_refuse()?;
    for side in 0..2 {
        if market.open_interest_lots[side] != 0 {
            deleverage_side(market, side, market.open_interest_lots[side], price)?;
        }
    }
    market.settlement_price_q32 = price.get();
    market.evidence = Default::default();
    reset_sides(market)
}

/// Nobody's position waits to be folded, and no bankruptcy to be resolved.
fn close_for_good(market: &mut Market) -> Result<()> {
    let sides = market.position_count.iter().chain(&market.stale_count);
    let held: u64 = sides.map(|count| u64::from(*count)).sum();
    require_cmp!(held, ==, 0_u64, EvertideError::MarketStillHeld);
    require_cmp!(market.bankruptcies_open, ==, 0_u32, EvertideError::MarketStillHeld);
    market.status = MarketStatus::Closed as u8;
    Ok(())
}
