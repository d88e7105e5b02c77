//! `list_collateral`: lists a deposit asset; the first is the quote asset. Before opening at once, later as a change that was
//! proposed allows, to be seasoned.

use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{self, TokenAccount};
use evertide_math::debt::DEBT_INDEX_ONE;
use evertide_math::units::COLLATERAL_PRICE_BITS;

use crate::engine::change::fields::LIST_COLLATERAL;
use crate::engine::change::take_listing;
use crate::engine::quote::QUOTE_INDEX;
use crate::engine::row::{collateral_row_mut, write_collateral_terms};
use crate::engine::season::SEASON_STEPS;
use crate::error::{EvertideError, OrRefuse};
use crate::events::CollateralListed;
use crate::guards::{bounds, nonce, now, role};
use crate::require_cmp;
use crate::state::{Collateral, CollateralTerms, Exchange, ParamChange, RiskCache, COLLATERALS_MAX, LAYOUT_VERSION};

/// Decimals of the quote asset: its atoms are the unit of every balance.
pub const QUOTE_DECIMALS: u8 = 6;
/// Greatest decimals of a collateral mint: beyond, a price per atom has too few bits.
pub const DECIMALS_MAX: u8 = 12;

#[event_cpi]
#[derive(Accounts)]
pub struct ListCollateral {
    #[account(mut)]
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = root, seeds = [b"collateral", &exchange.collateral_count.to_le_bytes()], bump)]
    pub collateral: Account<Collateral>,
    pub mint: Account<Mint>,
    #[account(
        init,
        payer = root,
        seeds = [b"vault", &exchange.collateral_count.to_le_bytes()],
        bump,
        token::mint = mint,
        token::authority = exchange
    )]
    pub vault: Account<TokenAccount>,
    /// After opening: the change that allows this listing.
    #[account(mut)]
    pub change: Option<Account<ParamChange>>,
    pub token_program: Program<Token>,
    pub system_program: Program<System>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &ListCollateral, terms: &CollateralTerms) -> Result<()> {
    let exchange = &accounts.exchange;
    // root: signs and holds the role. exchange, risk_cache: the only ones there are. collateral, vault: created here
    // at the next index. token_program: the classic one, so that no extension moves or freezes balances. change: looked at
    // after opening, when it must be due and name this mint and these terms.
    role::require_root(exchange, accounts.root.address())?;
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    let index = exchange.collateral_count;
    require_cmp!(usize::from(index), <, COLLATERALS_MAX, EvertideError::TooManyCollaterals);
    let quote = index == QUOTE_INDEX;
    let mint = &accounts.mint;
    if quote {
        require_cmp!(mint.decimals(), ==, QUOTE_DECIMALS, EvertideError::QuoteDecimalsWrong);
    } else {
        require_cmp!(mint.decimals(), <=, DECIMALS_MAX, EvertideError::TooManyDecimals);
        require!(exchange.local != 0 || !mint.has_freeze_authority(), EvertideError::MintFreezable);
        // The quote asset twice would count the same tokens with two weights.
        require!(exchange.quote_mint != *mint.address(), EvertideError::MintAlreadyListed);
    }
    bounds::check_collateral_terms(terms, quote, exchange.local != 0)
}

pub fn list_collateral(ctx: &mut Context<ListCollateral>, terms: CollateralTerms) -> Result<()> {
    validate(&ctx.accounts, &terms)?;
    let now = now()?;
    let index = ctx.accounts.exchange.collateral_count;
    let quote = index == QUOTE_INDEX;
    let (mint, vault) = (*ctx.accounts.mint.address(), *ctx.accounts.vault.address());
    let bootstrap = ctx.accounts.exchange.opened == 0;
    if !bootstrap {
        let key = sha256(&[mint.as_ref(), bytemuck::bytes_of(&terms)].concat());
        let change = ctx.accounts.change.as_deref_mut();
        take_listing(change, &ctx.accounts.exchange, LIST_COLLATERAL, key, now.ms)?;
    }
    let collateral = &mut ctx.accounts.collateral;
    collateral.version = LAYOUT_VERSION;
    collateral.bump = ctx.bumps.collateral;
    collateral.vault_bump = ctx.bumps.vault;
    collateral.decimals = ctx.accounts.mint.decimals();
    collateral.index = index;
    collateral.mint = mint;
    collateral.vault = vault;
    collateral.terms = terms;
    collateral.average_ms = now.ms;
    // What is listed before anybody can deposit needs no season.
    collateral.season_step = if bootstrap { SEASON_STEPS.saturating_add(1) } else { 0 };
    collateral.season_cap_atoms = if bootstrap { u64::MAX } else { 0 };
    collateral.season_ms = now.ms;
    collateral.debt_accrued_ms = now.ms;
    collateral.debt_index_q48 = if quote { DEBT_INDEX_ONE } else { 0 };
    write_collateral_terms(collateral, &mut ctx.accounts.risk_cache)?;
    if quote {
        let row = collateral_row_mut(&mut ctx.accounts.risk_cache, index)?;
        row.price_q48 = 1 << COLLATERAL_PRICE_BITS;
        row.twap_q48 = 1 << COLLATERAL_PRICE_BITS;
        row.debt_index_q48 = DEBT_INDEX_ONE;
        row.updated_ms = now.ms;
        ctx.accounts.exchange.quote_mint = mint;
        ctx.accounts.exchange.quote_vault = vault;
    }
    let exchange = &mut ctx.accounts.exchange;
    exchange.collateral_count = index.checked_add(1).or_refuse()?;
    ctx.accounts.risk_cache.collateral_count = exchange.collateral_count;
    let sequence = exchange.sequence;
    exchange.sequence = sequence.checked_add(1).or_refuse()?;
    let decimals = ctx.accounts.collateral.decimals;
    let collateral = *ctx.accounts.collateral.address();
    emit_cpi!(CollateralListed { sequence, collateral_index: index, collateral, mint, vault, decimals, terms });
    Ok(())
}
