//! After a halt of the chain: prices come back before owners can. Nobody's liquidation starts without a price of after the
//! silence, nor in the first moments after it while the account is not below backstop margin.
//!
//! The silence is the whole exchange's: no reading of any market or asset, which anyone can bring, for an hour. One dead feed
//! shields nobody.

use anchor_lang::prelude::*;

use super::ladder::Ladder;
use crate::error::EvertideError;
use crate::guards::clock::HOUR_MS;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::RiskCache;

/// Without any new price for longer than this the exchange counts as halted, ms.
pub const SILENCE_MS: i64 = HOUR_MS;
/// Time from the first price after a silence in which no liquidation starts, ms.
pub const LIQUIDATION_GRACE_MS: i64 = 120_000;

/// Notes a new reading of whatever market or asset.
pub fn note_price(cache: &mut RiskCache, now: Now) {
    if cache.priced_ms != 0 && now.ms.saturating_sub(cache.priced_ms) > SILENCE_MS {
        cache.resumed_ms = now.ms;
    }
    cache.priced_ms = now.ms;
}

/// Refuses to start a liquidation in a silence, and right after one unless the account is below backstop margin.
pub fn require_heard(cache: &RiskCache, ladder: &Ladder, now: Now) -> Result<()> {
    require_cmp!(now.ms.saturating_sub(cache.priced_ms), <=, SILENCE_MS, EvertideError::ExchangeSilent);
    if ladder.equity >= ladder.backstop && cache.resumed_ms != 0 {
        let over_ms = cache.resumed_ms.saturating_add(LIQUIDATION_GRACE_MS);
        require_cmp!(now.ms, >=, over_ms, EvertideError::LiquidationInGrace);
    }
    Ok(())
}
