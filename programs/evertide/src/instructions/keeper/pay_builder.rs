//! `pay_builder`: pays what a market owes to a builder into the quote balance of the builder's User. Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::load::user_unless_closed;
use crate::engine::quote::require_quote;
use crate::engine::rewards::{note_paid, pay_out, tell, Payee};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::now;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Market, BUILDERS_MAX};

#[event_cpi]
#[derive(Accounts)]
pub struct PayBuilder {
    /// Written when a market has paid all to a retired builder: after the last the entry is free.
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    /// The User of the entry: its address is checked by hand. Closed: what it was owed goes to the pending fees.
    #[account(mut)]
    pub recipient: UncheckedAccount,
    /// The owner of the recipient, who takes the backed part while the market's deficit is open. None: anyone's call.
    pub authority: Option<Signer>,
}

/// Returns what is owed.
fn validate(accounts: &PayBuilder, at: usize) -> Result<u64> {
    // exchange: the only one there is. market: any.
    require_quote(&accounts.quote)?;
    require_cmp!(at, <, BUILDERS_MAX, EvertideError::BuilderUnknown);
    let (builder, market) = (&accounts.exchange.builders[at], &accounts.market);
    let owed = market.builder_owed_atoms[at];
    let marked = builder.unpaid_markets.checked_shr(u32::from(market.index)).unwrap_or(0) & 1 != 0;
    require!(owed != 0 || marked, EvertideError::RewardNotOwed);
    require!(address_eq(&builder.user, accounts.recipient.address()), EvertideError::RewardOfAnother);
    Ok(owed)
}

pub fn pay_builder(ctx: &mut Context<PayBuilder>, entry: u8) -> Result<()> {
    let at = usize::from(entry);
    let owed = validate(&ctx.accounts, at)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let mut recipient = user_unless_closed(*accounts.recipient.account())?;
    let payee = Payee::of(&recipient, &accounts.authority, None)?;
    let market = &mut accounts.market;
    let payment = pay_out(market, &accounts.exchange, owed, payee)?;
    let left = owed.checked_sub(payment.sum()?).or_refuse()?;
    market.builder_owed_atoms[at] = left;
    if left == 0 {
        note_paid(&mut accounts.exchange, at, market.index)?;
    }
    let mut event = tell(market, &mut accounts.quote, recipient.as_mut(), &payment, now)?;
    let builder = &accounts.exchange.builders[at];
    (event.builder_code, event.unpaid_markets) = (builder.code, builder.unpaid_markets);
    (event.recipient, event.owed_atoms) = (*accounts.recipient.address(), left);
    emit_cpi!(event);
    Ok(())
}
