//! `open_exchange`: ends the bootstrap for good.

use anchor_lang::prelude::*;

use crate::error::{EvertideError, OrRefuse};
use crate::events::ExchangeOpened;
use crate::guards::{gate, nonce, now, role, timelock};
use crate::state::Exchange;

#[event_cpi]
#[derive(Accounts)]
pub struct OpenExchange {
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    /// The program data account, which names the upgrade authority.
    pub program_data: UncheckedAccount,
    /// The timelock that holds the upgrade authority; this program when there is none.
    pub timelock: UncheckedAccount,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

/// Returns the upgrade authority, zero when the program is final.
fn validate(accounts: &OpenExchange) -> Result<Address> {
    let exchange = &accounts.exchange;
    // root: signs and holds the role. exchange: the only one there is.
    role::require_root(exchange, accounts.root.address())?;
    gate::require_bootstrap(exchange)?;
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    require!(exchange.collateral_count > 0, EvertideError::QuoteNotListed);
    require!(exchange.market_count > 0, EvertideError::NoMarketListed);
    // program_data, timelock: who could replace this program needs 72 h for it, except on a local exchange.
    let authority = timelock::upgrade_authority(&accounts.program_data)?;
    match authority {
        Some(authority) if exchange.local == 0 => timelock::require_timelock(&accounts.timelock, &authority)?,
        _ => (),
    }
    Ok(authority.unwrap_or_default())
}

pub fn open_exchange(ctx: &mut Context<OpenExchange>) -> Result<()> {
    let upgrade_authority = validate(&ctx.accounts)?;
    let now = now()?;
    let exchange = &mut ctx.accounts.exchange;
    exchange.opened = 1;
    exchange.opened_ms = now.ms;
    exchange.first_change = exchange.next_change;
    let sequence = exchange.sequence;
    exchange.sequence = sequence.checked_add(1).or_refuse()?;
    emit_cpi!(ExchangeOpened { sequence, opened_ms: now.ms, upgrade_authority });
    Ok(())
}
