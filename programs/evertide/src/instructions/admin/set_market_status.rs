//! `set_market_status`: makes a market reduce-only at once. Every other status waits in a change.

use anchor_lang::prelude::*;

use crate::engine::admin::require_admin;
use crate::engine::row::write_market_status;
use crate::error::{EvertideError, OrRefuse};
use crate::events::MarketStatusSet;
use crate::require_cmp;
use crate::state::{Exchange, Market, MarketStatus, RiskCache, Role};

#[event_cpi]
#[derive(Accounts)]
pub struct SetMarketStatus {
    pub signer: Signer,
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub market: Account<Market>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &SetMarketStatus, status: u8) -> Result<()> {
    // signer: signs and holds a role. exchange, risk_cache: the only ones there are. market: any.
    let roles = [Role::Root, Role::Risk, Role::Guardian];
    require_admin(&accounts.exchange, accounts.signer.address(), &roles, &accounts.instructions)?;
    // Reduce-only stops new risk and nothing else. Post-only and halted would also stop reductions, and halted would stop
    // liquidations: a key that could set them at once could hurt every position.
    let reduce_only = MarketStatus::ReduceOnly as u8;
    require_cmp!(status, ==, reduce_only, EvertideError::StatusNeedsTimelock);
    require_cmp!(accounts.market.status, <, reduce_only, EvertideError::StatusNotTighter);
    Ok(())
}

pub fn set_market_status(ctx: &mut Context<SetMarketStatus>, status: u8) -> Result<()> {
    validate(&ctx.accounts, status)?;
    let accounts = &mut ctx.accounts;
    let market = &mut accounts.market;
    market.status = status;
    write_market_status(market, &mut accounts.risk_cache)?;
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    let (market_index, by) = (market.index, *accounts.signer.address());
    emit_cpi!(MarketStatusSet { sequence, market_index, status, by });
    Ok(())
}
