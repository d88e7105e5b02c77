//! `advance_season`: takes a market or an asset that was listed after opening one step further. Anyone, once a day.

use anchor_lang::prelude::*;

use crate::engine::row::{collateral_row, write_collateral_terms};
use crate::engine::season;
use crate::error::{EvertideError, OrRefuse};
use crate::events::SeasonAdvanced;
use crate::guards::{now, Now};
use crate::state::{Collateral, Exchange, Market, RiskCache};

#[event_cpi]
#[derive(Accounts)]
pub struct AdvanceSeason {
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    /// Exactly one of the two is given.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
}

fn of_market(market: &mut Market, now: Now) -> Result<SeasonAdvanced> {
    season::advance_market(market, now)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(SeasonAdvanced {
        sequence,
        market: true,
        index: market.index,
        step: market.season_step,
        season_ms: market.season_ms,
        limit: season::open_interest_limit(market),
    })
}

fn of_collateral(collateral: &mut Collateral, cache: &mut RiskCache, now: Now) -> Result<SeasonAdvanced> {
    season::advance_collateral(collateral, collateral_row(cache, collateral.index)?, now)?;
    write_collateral_terms(collateral, cache)?;
    let sequence = collateral.sequence;
    collateral.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(SeasonAdvanced {
        sequence,
        market: false,
        index: collateral.index,
        step: collateral.season_step,
        season_ms: collateral.season_ms,
        limit: season::deposit_cap_atoms(collateral),
    })
}

pub fn advance_season(ctx: &mut Context<AdvanceSeason>) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // exchange, risk_cache: the only ones there are. market, collateral: any.
    let event = match (&mut accounts.market, &mut accounts.collateral) {
        (Some(market), None) => of_market(market, now)?,
        (None, Some(collateral)) => of_collateral(collateral, &mut accounts.risk_cache, now)?,
        _ => return Err(EvertideError::TargetAmbiguous.into()),
    };
    emit_cpi!(event);
    Ok(())
}
