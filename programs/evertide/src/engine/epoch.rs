//! Epochs of a market's sides: a side that was deleveraged to nothing starts anew once the epoch before is folded.

use anchor_lang::prelude::*;
use evertide_math::index::INDEX_ONE;

use super::position::market_side;
use crate::error::OrRefuse;
use crate::state::Market;

/// Starts the next epoch of every side that holds no open interest, has been deleveraged, and has nobody left from the
/// epoch before. With no position on either side, open interest that is only folding dust is dropped first.
#[inline(never)]
pub fn reset_sides(market: &mut Market) -> Result<()> {
    if market.position_count == [0; 2] {
        market.open_interest_lots = [0; 2];
        market.dust_lots = [0; 2];
        market.dropped_q16 = [0; 2];
    }
    for side in 0..2 {
        let drained = market.open_interest_lots[side] == 0 && market.a[side] < INDEX_ONE;
        if !drained || market.stale_count[side] != 0 {
            continue;
        }
        let next = market_side(market, side).next_epoch(0).or_refuse()?;
        market.a[side] = next.a;
        market.j[side] = next.j.into();
        market.j_previous[side] = next.j_previous.into();
        market.epoch[side] = next.epoch;
        // Whoever was closed to nothing and has not been folded since belongs to the epoch before.
        market.stale_count[side] = market.position_count[side];
        market.position_count[side] = 0;
        market.dust_lots[side] = 0;
        market.dropped_q16[side] = 0;
    }
    Ok(())
}
