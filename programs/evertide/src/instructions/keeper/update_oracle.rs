//! `update_oracle`: takes a price from Pyth, Switchboard or a local signer.

use anchor_lang::prelude::*;

use crate::engine::feed;
use crate::engine::oracle::{apply_to_collateral, apply_to_market, require_forward};
use crate::engine::quote::QUOTE_INDEX;
use crate::engine::row::{collateral_row_mut, write_market_row};
use crate::engine::silence::note_price;
use crate::error::{EvertideError, OrRefuse};
use crate::events::OracleUpdated;
use crate::guards::{now, Now};
use crate::state::{Collateral, Exchange, Market, RiskCache};

/// A price of a local feed; all zero for Pyth and Switchboard.
#[derive(Clone, Copy, Default, AnchorSerialize, AnchorDeserialize, IdlType)]
pub struct LocalPrice {
    /// Quote atoms per whole base unit or whole token (dollars times 1e6).
    pub price: u64,
    /// Same unit.
    pub confidence: u64,
    /// Unix ms.
    pub publish_time_ms: i64,
}

#[event_cpi]
#[derive(Accounts)]
pub struct UpdateOracle {
    /// The feed account, or the signer of a local price.
    pub oracle: UncheckedAccount,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    pub exchange: Account<Exchange>,
    /// Exactly one of the two targets is given.
    #[account(mut)]
    pub market: Option<Account<Market>>,
    #[account(mut)]
    pub collateral: Option<Account<Collateral>>,
}

pub fn update_oracle(ctx: &mut Context<UpdateOracle>, price: LocalPrice) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    // oracle: checked against the rules of the target. risk_cache, exchange: the only ones there are.
    let event = match (&mut accounts.market, &mut accounts.collateral) {
        (Some(market), None) => {
            update_market(market, &mut accounts.risk_cache, &accounts.oracle, &accounts.exchange, &price, now)?
        }
        (None, Some(collateral)) => {
            update_collateral(collateral, &mut accounts.risk_cache, &accounts.oracle, &accounts.exchange, &price, now)?
        }
        _ => return Err(EvertideError::TargetAmbiguous.into()),
    };
    emit_cpi!(event);
    Ok(())
}

fn update_market(
    market: &mut Market,
    cache: &mut RiskCache,
    oracle: &UncheckedAccount,
    exchange: &Exchange,
    price: &LocalPrice,
    now: Now,
) -> Result<OracleUpdated> {
    let reading = feed::read(&market.terms.oracle, oracle, exchange.local != 0, price, now.slot)?;
    require_forward(&market.terms.oracle, &reading, market.publish_time_ms, now.ms)?;
    if reading.publish_time_ms > market.publish_time_ms {
        note_price(cache, now);
    }
    apply_to_market(market, &reading, now)?;
    write_market_row(market, cache, now)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(OracleUpdated {
        sequence,
        market: true,
        index: market.index,
        validity: market.validity,
        price: market.index_price_q32,
        confidence: market.confidence_q32,
        twap: market.index_twap_q32,
        publish_time_ms: market.publish_time_ms,
        cooldown_until_ms: market.cooldown_until_ms,
    })
}

fn update_collateral(
    collateral: &mut Collateral,
    cache: &mut RiskCache,
    oracle: &UncheckedAccount,
    exchange: &Exchange,
    price: &LocalPrice,
    now: Now,
) -> Result<OracleUpdated> {
    require!(collateral.index != QUOTE_INDEX, EvertideError::QuoteHasNoOracle);
    let rules = &collateral.terms.oracle;
    let row = collateral_row_mut(cache, collateral.index)?;
    let reading = feed::read(rules, oracle, exchange.local != 0, price, now.slot)?;
    require_forward(rules, &reading, row.publish_time_ms, now.ms)?;
    let is_new = reading.publish_time_ms > row.publish_time_ms;
    apply_to_collateral(row, rules, collateral.decimals, &reading, now)?;
    let sequence = collateral.sequence;
    collateral.sequence = sequence.checked_add(1).or_refuse()?;
    let event = OracleUpdated {
        sequence,
        market: false,
        index: collateral.index,
        validity: row.validity,
        price: row.price_q48,
        confidence: row.confidence_q48,
        twap: row.twap_q48,
        publish_time_ms: row.publish_time_ms,
        cooldown_until_ms: 0,
    };
    if is_new {
        note_price(cache, now);
    }
    Ok(event)
}
