//! `assert_position`: fails a transaction unless the user's position in a market lies within bounds.

use anchor_lang::prelude::*;

use crate::engine::{margin, position};
use crate::error::EvertideError;
use crate::require_cmp;
use crate::state::{RiskCache, User};

#[derive(Accounts)]
pub struct AssertPosition {
    pub user: Account<User>,
    pub risk_cache: Account<RiskCache>,
}

pub fn assert_position(
    ctx: &mut Context<AssertPosition>,
    market_index: u16,
    least_lots: i64,
    most_lots: i64,
) -> Result<()> {
    // user: any; anyone may ask. risk_cache: the only one there is.
    let (user, cache) = (&ctx.accounts.user, &ctx.accounts.risk_cache);
    require_cmp!(market_index, <, cache.market_count, EvertideError::MarketUnknown);
    // As it is once folded: deleveraging shrinks a position before anybody touches it.
    let size_lots = match position::find(user, market_index) {
        Some(slot) => margin::folded(&user.positions[slot], margin::market_row(cache, market_index)?)?.0,
        None => 0,
    };
    require_cmp!(size_lots, >=, least_lots, EvertideError::PositionAssertionFailed);
    require_cmp!(size_lots, <=, most_lots, EvertideError::PositionAssertionFailed);
    Ok(())
}
