//! `update_mark`: shows live orders as evidence and computes the mark price. Remaining accounts: pairs `User`, `Orders`, read-only.

use anchor_lang::prelude::*;

use super::match_orders::MakerRef;
use crate::error::EvertideError;
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

pub fn update_mark(_ctx: &mut Context<UpdateMark>, _bid: EvidenceArgs, _ask: EvidenceArgs) -> Result<()> {
    Err(EvertideError::GateClosed.into())
}
