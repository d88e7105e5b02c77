//! `list_market`: lists a market: before opening at once, later as a change that was proposed allows, to be seasoned.

use anchor_lang::prelude::*;
use evertide_math::index::INDEX_ONE;

use crate::engine::change::fields::LIST_MARKET;
use crate::engine::change::take_listing;
use crate::engine::row::{write_market_row, write_market_terms};
use crate::engine::season::SEASON_STEPS;
use crate::error::{EvertideError, OrRefuse};
use crate::events::{MarketListed, UserCreated};
use crate::guards::{bounds, nonce, now, role, Now};
use crate::instructions::trader::create_user::{initialize_orders, initialize_user};
use crate::require_cmp;
use crate::state::{
    user_flags, Exchange, Market, MarketTerms, Orders, ParamChange, RiskCache, User, LAYOUT_VERSION, MARKETS_MAX,
};

#[event_cpi]
#[derive(Accounts)]
pub struct ListMarket {
    #[account(mut)]
    pub root: Signer,
    #[account(mut)]
    pub exchange: Account<Exchange>,
    #[account(mut)]
    pub risk_cache: Account<RiskCache>,
    #[account(init, payer = root, seeds = [b"market", &exchange.market_count.to_le_bytes()], bump)]
    pub market: Account<Market>,
    /// The market's backstop: a `User` whose authority is the market's address, so that nobody signs for it.
    #[account(init, payer = root, seeds = [b"user", market.address().as_ref(), &0u16.to_le_bytes()], bump)]
    pub backstop: Account<User>,
    /// The backstop's orders: it never places any.
    #[account(init, payer = root, seeds = [b"orders", backstop.address().as_ref()], bump)]
    pub backstop_orders: Account<Orders>,
    /// After opening: the change that allows this listing.
    #[account(mut)]
    pub change: Option<Account<ParamChange>>,
    pub system_program: Program<System>,
    /// The sysvar of this transaction's instructions.
    pub instructions: Sysvar<SysvarInstructions>,
}

fn validate(accounts: &ListMarket, terms: &MarketTerms) -> Result<u64> {
    let exchange = &accounts.exchange;
    // root: signs and holds the role. exchange, risk_cache: the only ones there are. market: created here at the next
    // index. change: looked at after opening, when it must be due and name these terms.
    role::require_root(exchange, accounts.root.address())?;
    nonce::require_no_durable_nonce(&accounts.instructions)?;
    require!(exchange.collateral_count > 0, EvertideError::QuoteNotListed);
    require_cmp!(usize::from(exchange.market_count), <, MARKETS_MAX, EvertideError::TooManyMarkets);
    bounds::check_market_terms(terms, exchange.local != 0)
}

pub fn list_market(ctx: &mut Context<ListMarket>, terms: MarketTerms) -> Result<()> {
    let atoms_per_lot_tick = validate(&ctx.accounts, &terms)?;
    let now = now()?;
    let bootstrap = ctx.accounts.exchange.opened == 0;
    if !bootstrap {
        let key = sha256(bytemuck::bytes_of(&terms));
        let change = ctx.accounts.change.as_deref_mut();
        take_listing(change, &ctx.accounts.exchange, LIST_MARKET, key, now.ms)?;
    }
    let index = ctx.accounts.exchange.market_count;
    let market = &mut ctx.accounts.market;
    market.version = LAYOUT_VERSION;
    market.bump = ctx.bumps.market;
    market.index = index;
    market.terms = terms;
    market.atoms_per_lot_tick = atoms_per_lot_tick;
    market.a = [INDEX_ONE; 2];
    // What is listed before anybody can deposit needs no season.
    market.season_step = if bootstrap { SEASON_STEPS } else { 0 };
    market.season_ms = now.ms;
    write_market_terms(market, &mut ctx.accounts.risk_cache)?;
    write_market_row(market, &mut ctx.accounts.risk_cache, now)?;
    let exchange = &mut ctx.accounts.exchange;
    exchange.market_count = index.checked_add(1).or_refuse()?;
    ctx.accounts.risk_cache.market_count = exchange.market_count;
    let sequence = exchange.sequence;
    exchange.sequence = sequence.checked_add(1).or_refuse()?;
    let market = *ctx.accounts.market.address();
    let (bump, orders_bump) = (ctx.bumps.backstop, ctx.bumps.backstop_orders);
    let backstop = create_backstop(&mut ctx.accounts, bump, orders_bump, now);
    emit_cpi!(backstop);
    emit_cpi!(MarketListed { sequence, market_index: index, market, atoms_per_lot_tick, terms });
    Ok(())
}

fn create_backstop(accounts: &mut ListMarket, bump: u8, orders_bump: u8, now: Now) -> UserCreated {
    let authority = *accounts.market.address();
    let user = *accounts.backstop.address();
    initialize_user(&mut accounts.backstop, authority, 0, bump, now);
    accounts.backstop.flags = user_flags::BACKSTOP;
    initialize_orders(&mut accounts.backstop_orders, user, orders_bump, now);
    UserCreated { sequence: 0, user, authority, sub_id: 0, created_ms: now.ms, referrer: Address::default() }
}
