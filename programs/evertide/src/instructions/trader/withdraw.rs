//! `withdraw`: tokens out of a sub-account, by its owner alone.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use anchor_spl::mint::Mint;
use anchor_spl::token::{TokenAccount, TokenCpiExt};
use evertide_math::margin::MarginKind;
use evertide_math::round::mul_shift_ceil;
use evertide_math::units::COLLATERAL_PRICE_BITS;

use crate::engine::average::{floor_atoms, lane_atoms, roll_average};
use crate::engine::collateral_slots::take_collateral;
use crate::engine::margin::{self, Freshness};
use crate::engine::quote::{accrue_interest, change_balance, QUOTE_INDEX};
use crate::engine::row::collateral_row;
use crate::error::{EvertideError, OrRefuse};
use crate::events::Withdrawn;
use crate::guards::clock::DAY_MS;
use crate::guards::gate::{is_closed, Gate};
use crate::guards::{now, role, Now};
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Position, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct Withdraw {
    /// The user's owner; a delegate never withdraws.
    #[account(mut)]
    pub authority: Signer,
    pub exchange: Account<Exchange>,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub user: Account<User>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    #[account(mut)]
    pub vault: Account<TokenAccount>,
    #[account(mut)]
    pub destination_token: Account<TokenAccount>,
    pub mint: Account<Mint>,
    pub token_program: Program<Token>,
}

fn validate(accounts: &Withdraw, amount_atoms: u64) -> Result<()> {
    let collateral = &accounts.collateral;
    // exchange, risk_cache: the only ones there are. authority: signs and owns the user. vault, mint: those of the
    // asset. destination_token: any account of the mint; the owner says where its tokens go.
    role::require_authority(&accounts.user, accounts.authority.address())?;
    require!(address_eq(&collateral.vault, accounts.vault.address()), EvertideError::WrongVault);
    require!(address_eq(&collateral.mint, accounts.mint.address()), EvertideError::WrongMint);
    require!(address_eq(&collateral.mint, accounts.destination_token.mint()), EvertideError::WrongTokenMint);
    require!(amount_atoms > 0, EvertideError::AmountZero);
    Ok(())
}

pub fn withdraw(ctx: &mut Context<Withdraw>, amount_atoms: u64) -> Result<()> {
    validate(&ctx.accounts, amount_atoms)?;
    let now = now()?;
    let accounts = &mut ctx.accounts;
    let (user, collateral) = (&mut accounts.user, &mut accounts.collateral);

    // 1. Take from the balance, which never goes below zero.
    let balance_atoms = take(user, collateral, amount_atoms, now)?;

    // 2. What stays must carry the positions, valued with profits as nothing and rows under 10 s old. Who holds no
    //    position, order or debt is not valued, so that no dead feed can lock its money in.
    if needs_valuation(user) {
        check_margin(user, &accounts.risk_cache, now)?;
    }

    // 3. The asset keeps its floor, or the open lane carries the difference.
    let lane_atoms = check_floor(&accounts.exchange, &accounts.risk_cache, user, collateral, amount_atoms, now)?;

    // 4. Only now do tokens move.
    let (decimals, bump) = (collateral.decimals, [accounts.exchange.bump]);
    accounts.token_program.transfer_checked(
        &mut accounts.vault,
        &accounts.mint,
        &mut accounts.destination_token,
        &accounts.exchange,
        &[&[b"exchange", &bump]],
        amount_atoms,
        decimals,
    )?;

    // 5. Tell.
    let sequence = accounts.user.sequence;
    accounts.user.sequence = sequence.checked_add(1).or_refuse()?;
    let event = Withdrawn {
        sequence,
        user: *accounts.user.address(),
        collateral_index: accounts.collateral.index,
        amount_atoms,
        balance_atoms,
        total_atoms: accounts.collateral.total_atoms,
        lane_atoms,
        to: *accounts.destination_token.address(),
    };
    emit_cpi!(event);
    Ok(())
}

/// Lowers the user's balance and the asset's total; returns the balance that is left.
fn take(user: &mut User, collateral: &mut Collateral, amount_atoms: u64, now: Now) -> Result<i64> {
    let amount = i64::try_from(amount_atoms).map_err(|_| EvertideError::InsufficientBalance)?;
    if collateral.index == QUOTE_INDEX {
        accrue_interest(user, collateral)?;
        require_cmp!(amount, <=, user.quote_atoms, EvertideError::InsufficientBalance);
        change_balance(user, collateral, amount.checked_neg().or_refuse()?, now.ms)?;
        return Ok(user.quote_atoms);
    }
    roll_average(collateral, now.ms)?;
    let left = take_collateral(user, collateral.index, amount_atoms)?;
    collateral.total_atoms = collateral.total_atoms.checked_sub(amount_atoms).or_refuse()?;
    i64::try_from(left).map_err(|_| EvertideError::Overflow.into())
}

/// A position, an open order, an unsettled loss or a debt.
fn needs_valuation(user: &User) -> bool {
    let at_risk = |slot: &Position| slot.basis_lots != 0 || slot.open_order_count != 0 || slot.cash_atoms < 0;
    user.quote_atoms < 0 || user.positions.iter().any(at_risk)
}

fn check_margin(user: &User, cache: &RiskCache, now: Now) -> Result<()> {
    let freshness = Freshness { now_ms: now.ms, required: true };
    let valuation = margin::value(user, cache, MarginKind::Withdrawal, freshness)?;
    // The smallest of losses has to be covered by quote itself: collateral pays losses only by being sold.
    let losses = valuation.losses_atoms.checked_neg().or_refuse()?;
    require_cmp!(valuation.quote_atoms, >=, losses, EvertideError::LossesExceedQuote);
    valuation.require_met(EvertideError::InitialMarginTooLow)
}

/// Returns what the open lane carries, token atoms: the part of the amount that lies below the floor.
fn check_floor(
    exchange: &Exchange,
    cache: &RiskCache,
    user: &mut User,
    collateral: &mut Collateral,
    amount_atoms: u64,
    now: Now,
) -> Result<u64> {
    let floor = floor_atoms(collateral, exchange.terms.withdrawal_floor_bps)?;
    if collateral.total_atoms >= floor {
        return Ok(0);
    }
    let below = floor.saturating_sub(collateral.total_atoms).min(amount_atoms);
    let refused = EvertideError::WithdrawalFloorReached;
    require!(!is_closed(exchange, Gate::OpenLane, now.ms), EvertideError::GateClosed);
    require_cmp!(now.ms.saturating_sub(user.created_ms), >=, DAY_MS, refused);
    let today = now.day();
    if collateral.lane_day != today {
        collateral.lane_day = today;
        collateral.lane_used_atoms = 0;
    }
    if user.lane_day != today {
        user.lane_day = today;
        user.lane_used_atoms = 0;
    }
    let used = collateral.lane_used_atoms.checked_add(below).or_refuse()?;
    require_cmp!(used, <=, lane_atoms(collateral, exchange.terms.lane_share_bps)?, refused);
    let price = collateral_row(cache, collateral.index)?.price_q48;
    require!(price > 0, EvertideError::WithdrawalFloorReached);
    let worth = mul_shift_ceil(below, price, COLLATERAL_PRICE_BITS).or_refuse()?;
    let user_used = user.lane_used_atoms.checked_add(worth).or_refuse()?;
    require_cmp!(user_used, <=, exchange.terms.lane_atoms, refused);
    collateral.lane_used_atoms = used;
    user.lane_used_atoms = user_used;
    Ok(below)
}
