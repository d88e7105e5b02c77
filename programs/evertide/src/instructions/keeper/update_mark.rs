//! `update_mark`: shows live orders as evidence and computes the mark price. Remaining accounts: pairs `User`, `Orders`, read-only.

use anchor_lang::prelude::*;
use evertide_math::Side;

use super::match_orders::MakerRef;
use crate::engine::evidence::{self, Examiner};
use crate::engine::matching::Rules;
use crate::engine::row::write_market_row;
use crate::engine::{funding, load, mark};
use crate::error::{EvertideError, OrRefuse};
use crate::events::MarkUpdated;
use crate::guards::{now, Now};
use crate::state::{Exchange, Market, RiskCache};

/// Orders of one side, best first, up to the impact notional; empty: none is shown.
#[derive(Clone, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct EvidenceArgs {
    pub refs: Vec<MakerRef>,
}

#[event_cpi]
#[derive(Accounts)]
pub struct UpdateMark {
    pub keeper: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
}

pub fn update_mark(ctx: &mut Context<UpdateMark>, bid: EvidenceArgs, ask: EvidenceArgs) -> Result<()> {
    let now = now()?;
    let remaining = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    require!(remaining.len() & 1 == 0, EvertideError::RemainingAccountInvalid);
    let pairs = (0..remaining.len() >> 1).map(|at| load::pair(&remaining, at)).collect::<Result<Vec<_>>>()?;
    let market = &mut accounts.market;
    require!(market.index_price_q32 != 0, EvertideError::MarketHasNoPrice);
    require!(mark::is_computable(market, now.ms), EvertideError::OracleValidityForbids);
    // The premium so far held with the evidence so far.
    funding::accrue(market, now)?;
    mark::note_matchability(market, now);
    evidence::drop_dead(market, &pairs, now);
    show(market, &accounts.exchange, &accounts.risk_cache, &pairs, [&bid, &ask], now)?;
    mark::refresh(market, now)?;
    funding::refresh_premium(market, now.ms)?;
    write_market_row(market, &mut accounts.risk_cache, now)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let [best_bid, best_ask] = &market.evidence;
    let event = MarkUpdated {
        sequence,
        market_index: market.index,
        mark_price_q32: market.mark_price_q32,
        mark_twap_q32: market.mark_twap_q32,
        basis_ema_q32: market.basis_ema_q32,
        bid_ticks: best_bid.price_ticks,
        ask_ticks: best_ask.price_ticks,
        impact_bid_ticks: best_bid.impact_ticks,
        impact_ask_ticks: best_ask.impact_ticks,
        time_ms: now.ms,
        premium_e9: market.premium_e9,
    };
    emit_cpi!(event);
    Ok(())
}

/// Examines what is shown and keeps the best of it.
fn show(
    market: &mut Market,
    exchange: &Exchange,
    cache: &RiskCache,
    pairs: &[load::Pair],
    shown: [&EvidenceArgs; 2],
    now: Now,
) -> Result<()> {
    if shown.iter().all(|side| side.refs.is_empty()) {
        return Ok(());
    }
    let rules = Rules::of(market, exchange, now)?;
    require!(!rules.reduce_only, EvertideError::MarketCannotMatch);
    let mut examiner = Examiner { market, cache, pairs, rules: &rules, solvent: 0 };
    let found = [examiner.examine(Side::Bid, &shown[0].refs)?, examiner.examine(Side::Ask, &shown[1].refs)?];
    for (side, evidence) in [Side::Bid, Side::Ask].into_iter().zip(found) {
        if let Some(evidence) = evidence {
            evidence::keep_best(&mut market.evidence[side as usize], evidence, side);
        }
    }
    evidence::drop_crossed(market);
    Ok(())
}
