//! `view_market`: prices, funding and open interest as return data.

use anchor_lang::prelude::*;
use evertide_math::round::signed_mul_div_trunc;

use crate::engine::funding::next_rate_e9;
use crate::engine::row::clamped_mark;
use crate::error::{EvertideError, OrRefuse};
use crate::guards::clock::HOUR_MS;
use crate::guards::now;
use crate::state::Market;

/// Prices in quote atoms per lot, 32 fractional bits.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct MarketView {
    pub index_price_q32: u64,
    /// Inside its radius around the index, as every reader takes it.
    pub mark_price_q32: u64,
    /// 5-minute TWAP of the mark.
    pub twap_price_q32: u64,
    /// In force, 1e-9 per hour; positive: longs pay.
    pub funding_rate_e9: i64,
    /// What the next hour would charge if the premium stayed as averaged so far.
    pub next_funding_rate_e9: i64,
    /// Mark against that of 24 h ago, bps; 0 while the market is younger.
    pub change_24h_bps: i32,
    /// Long and short, lots.
    pub open_interest_lots: [u64; 2],
    pub pool_atoms: u64,
    pub pending_fees_atoms: u64,
}

#[derive(Accounts)]
pub struct ViewMarket {
    pub market: Account<Market>,
}

pub fn view_market(ctx: &mut Context<ViewMarket>) -> Result<MarketView> {
    // market: any; anyone may ask.
    let market = &ctx.accounts.market;
    let mark_price_q32 = clamped_mark(market)?;
    Ok(MarketView {
        index_price_q32: market.index_price_q32,
        mark_price_q32,
        twap_price_q32: market.mark_twap_q32,
        funding_rate_e9: market.funding_rate_e9,
        next_funding_rate_e9: next_rate_e9(market)?,
        change_24h_bps: change_24h_bps(market, mark_price_q32, now()?.ms)?,
        open_interest_lots: market.open_interest_lots,
        pool_atoms: market.pool_atoms,
        pending_fees_atoms: market.pending_fees_atoms,
    })
}

/// The ring holds one mark per hour of the day; the slot of the present hour is the mark of 24 h ago until it is
/// overwritten, the one after it that of 23 h ago.
fn change_24h_bps(market: &Market, mark_price_q32: u64, now_ms: i64) -> Result<i32> {
    let hour = now_ms.checked_div(HOUR_MS).or_refuse()?.checked_add(1).or_refuse()?.checked_rem(24).or_refuse()?;
    let slot = usize::try_from(hour).map_err(|_| EvertideError::OutOfRange)?;
    let then = market.hourly_mark_q32.get(slot).copied().unwrap_or(0);
    if then == 0 {
        return Ok(0);
    }
    let [now, then_signed] = [mark_price_q32, then].map(i64::try_from);
    let moved = now.map_err(|_| EvertideError::Overflow)?;
    let moved = moved.checked_sub(then_signed.map_err(|_| EvertideError::Overflow)?).or_refuse()?;
    let bps = signed_mul_div_trunc(moved, 10_000, then).or_refuse()?;
    i32::try_from(bps).map_err(|_| EvertideError::Overflow.into())
}
