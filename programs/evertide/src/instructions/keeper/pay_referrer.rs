//! `pay_referrer`: pays what a taker's account owes its referrer out of one market into the quote balance of the referrer's User.
//! Permissionless.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::load::user_unless_closed;
use crate::engine::quote::require_quote;
use crate::engine::rewards::{pay_out, tell, Payee};
use crate::error::{EvertideError, OrRefuse};
use crate::guards::now;
use crate::state::{Collateral, Exchange, Market, Orders, User};

#[event_cpi]
#[derive(Accounts)]
pub struct PayReferrer {
    pub exchange: Account<Exchange>,
    /// Any that owes referrers something: all markets together owe what all takers' accounts say.
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub quote: Account<Collateral>,
    /// The account that was referred.
    pub user: Account<User>,
    #[account(mut)]
    pub orders: Account<Orders>,
    /// The referrer's User: its address is checked by hand. Closed: what it was owed goes to the pending fees.
    #[account(mut)]
    pub recipient: UncheckedAccount,
    /// The owner of the recipient or of `user`, who takes the backed part while the market's deficit is open. None: anyone's call.
    pub authority: Option<Signer>,
}

/// Returns what is owed here.
fn validate(accounts: &PayReferrer) -> Result<u64> {
    // exchange: the only one there is. market: any.
    require_quote(&accounts.quote)?;
    let (user, orders) = (&accounts.user, &accounts.orders);
    require!(address_eq(&orders.user, user.address()), EvertideError::OrdersOfAnotherUser);
    let owed = orders.referral_owed_atoms.min(accounts.market.referral_owed_atoms);
    require!(owed != 0, EvertideError::RewardNotOwed);
    require!(address_eq(&user.referrer, accounts.recipient.address()), EvertideError::RewardOfAnother);
    Ok(owed)
}

pub fn pay_referrer(ctx: &mut Context<PayReferrer>) -> Result<()> {
    let owed = validate(&ctx.accounts)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let mut recipient = user_unless_closed(*accounts.recipient.account())?;
    let payee = Payee::of(&recipient, &accounts.authority, Some(&accounts.user))?;
    let (market, orders) = (&mut accounts.market, &mut accounts.orders);
    let payment = pay_out(market, &accounts.exchange, owed, payee)?;
    let less = payment.sum()?;
    market.referral_owed_atoms = market.referral_owed_atoms.checked_sub(less).or_refuse()?;
    orders.referral_owed_atoms = orders.referral_owed_atoms.checked_sub(less).or_refuse()?;
    let mut event = tell(market, &mut accounts.quote, recipient.as_mut(), &payment, now)?;
    (event.recipient, event.taker) = (*accounts.recipient.address(), *accounts.user.address());
    event.owed_atoms = orders.referral_owed_atoms;
    emit_cpi!(event);
    Ok(())
}
