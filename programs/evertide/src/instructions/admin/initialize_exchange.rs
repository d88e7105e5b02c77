//! `initialize_exchange`: creates the exchange, its risk cache and its insurance fund, once.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::events::ExchangeInitialized;
use crate::guards::{bounds, nonce, role, timelock};
use crate::state::{Exchange, ExchangeTerms, Insurance, RiskCache, LAYOUT_VERSION};

#[event_cpi]
#[derive(Accounts)]
pub struct InitializeExchange {
    /// The program's upgrade authority.
    #[account(mut)]
    pub authority: Signer,
    #[account(init, payer = authority, seeds = [b"exchange"], bump)]
    pub exchange: Account<Exchange>,
    #[account(init, payer = authority, seeds = [b"risk"], bump)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = authority, seeds = [b"insurance"], bump)]
    pub insurance: Account<Insurance>,
    /// This program.
    #[account(address = crate::ID)]
    pub program_account: UncheckedAccount,
    /// Its program data account, which names the upgrade authority.
    pub program_data: UncheckedAccount,
    pub system_program: Program<System>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(
    accounts: &InitializeExchange,
    local: bool,
    terms: &ExchangeTerms,
    roles: &[Address; 4],
    genesis_hash: &[u8; 32],
) -> Result<()> {
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    // authority: signs, and holds the upgrade authority that program_data names.
    let upgrade_authority = timelock::upgrade_authority(&accounts.program_data)?;
    require!(upgrade_authority == Some(*accounts.authority.address()), EvertideError::NotUpgradeAuthority);
    // exchange, risk_cache, insurance: created here at their only addresses. program_account: by its address.
    bounds::check_exchange_terms(terms, local)?;
    role::require_split(roles, local)?;
    require!(roles.iter().all(|role| *role != Address::default()), EvertideError::RoleMissing);
    require!(*genesis_hash != [0; 32], EvertideError::GenesisHashMissing);
    Ok(())
}

pub fn initialize_exchange(
    ctx: &mut Context<InitializeExchange>,
    local: bool,
    terms: ExchangeTerms,
    roles: [Address; 4],
    genesis_hash: [u8; 32],
) -> Result<()> {
    validate(&ctx.accounts, local, &terms, &roles, &genesis_hash)?;
    let exchange = &mut ctx.accounts.exchange;
    exchange.version = LAYOUT_VERSION;
    exchange.bump = ctx.bumps.exchange;
    exchange.local = u8::from(local);
    exchange.roles = roles;
    exchange.terms = terms;
    exchange.genesis_hash = genesis_hash;
    exchange.sequence = 1;
    let risk_cache = &mut ctx.accounts.risk_cache;
    risk_cache.version = LAYOUT_VERSION;
    risk_cache.bump = ctx.bumps.risk_cache;
    let insurance = &mut ctx.accounts.insurance;
    insurance.version = LAYOUT_VERSION;
    insurance.bump = ctx.bumps.insurance;
    let authority = *ctx.accounts.authority.address();
    emit_cpi!(ExchangeInitialized { sequence: 0, authority, local, roles, terms, genesis_hash });
    Ok(())
}
