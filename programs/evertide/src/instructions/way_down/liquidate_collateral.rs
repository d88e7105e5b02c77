//! `liquidate_collateral`: a liquidator buys collateral of an account in liquidation, or of one whose debt outlived its
//! grace, with its own quote balance.

use anchor_lang::prelude::*;
use evertide_math::collateral::stale_price;
use evertide_math::liquidation::{aged_discount, sale, Sale, FULL_AFTER_MS};
use evertide_math::margin::MarginKind;
use evertide_math::oracle::{is_allowed, OracleAction, DEFAULT_ACTION_MATRIX, STALE_FOR_FILLS, STALE_FOR_MARGIN};
use evertide_math::{Atoms, Bps, CollateralPriceQ48, Millis};

use crate::engine::collateral_slots::{add_collateral, collateral_atoms, take_collateral};
use crate::engine::ladder::Ladder;
use crate::engine::liquidation::{close_step, require_liquidator};
use crate::engine::margin::{self, require_fresh, Freshness, COLLATERAL_STALE_MS};
use crate::engine::quote::{accrue_interest, change_balance, require_quote, QUOTE_INDEX};
use crate::engine::row::collateral_row;
use crate::error::{EvertideError, OrRefuse};
use crate::events::CollateralLiquidated;
use crate::guards::{now, Now};
use crate::require_cmp;
use crate::state::{Collateral, CollateralRow, RiskCache, User};

/// Time in which the owner of a debt can pay it before collateral is sold, ms.
pub const DEBT_GRACE_MS: i64 = 3_600_000;
/// Time after the grace in which the discount rises to its whole, ms.
pub const DEBT_DISCOUNT_RISE_MS: i64 = 3_600_000;

#[event_cpi]
#[derive(Accounts)]
pub struct LiquidateCollateral {
    /// Owner or delegate of the liquidator's account.
    pub liquidator_authority: Signer,
    pub risk_cache: Account<RiskCache>,
    /// Whose collateral is sold.
    #[account(mut)]
    pub user: Account<User>,
    /// Pays quote and receives the collateral.
    #[account(mut)]
    pub liquidator: Account<User>,
    /// The quote asset.
    #[account(mut)]
    pub quote: Account<Collateral>,
    /// The asset that is sold.
    pub collateral: Account<Collateral>,
}

/// What is wanted of a sale, and how cheap it is.
struct Terms {
    need: Atoms,
    price: CollateralPriceQ48,
    discount: Bps,
}

fn validate(accounts: &LiquidateCollateral, amount_max_atoms: u64, now: Now) -> Result<()> {
    // risk_cache: the only one there is. quote: the quote asset. collateral: any other.
    let signer = accounts.liquidator_authority.address();
    require_liquidator(&accounts.user, &accounts.liquidator, signer, amount_max_atoms, now)?;
    require_quote(&accounts.quote)?;
    require!(accounts.collateral.index != QUOTE_INDEX, EvertideError::NothingToCure);
    Ok(())
}

pub fn liquidate_collateral(ctx: &mut Context<LiquidateCollateral>, amount_max_atoms: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    validate(accounts, amount_max_atoms, now)?;
    let index = accounts.collateral.index;
    accrue_interest(&mut accounts.user, &mut accounts.quote)?;
    let before = Ladder::of(&accounts.user, &accounts.risk_cache, now.ms)?;
    let terms = terms(accounts, &before, now)?;
    let most = amount_max_atoms.min(collateral_atoms(&accounts.user, index));
    require_cmp!(most, >, 0_u64, EvertideError::InsufficientBalance);
    let sold = if terms.price.is_zero() {
        // Worth nothing, it must not stand between a bankrupt account and its resolution.
        Sale { amount: most, paid: Atoms::ZERO }
    } else {
        sale(terms.need, most, terms.price, terms.discount).or_refuse()?
    };

    // 1. Tokens one way, quote the other; the totals of the asset do not change.
    let (user, liquidator, quote) = (&mut accounts.user, &mut accounts.liquidator, &mut accounts.quote);
    accrue_interest(liquidator, quote)?;
    require_cmp!(liquidator.quote_atoms, >=, sold.paid.get(), EvertideError::LiquidatorQuoteTooLow);
    take_collateral(user, index, sold.amount)?;
    add_collateral(liquidator, index, sold.amount)?;
    change_balance(liquidator, quote, sold.paid.negate().get(), now.ms)?;
    change_balance(user, quote, sold.paid.get(), now.ms)?;

    // 2. The account may be well again. The buyer stands at initial margin; the feed of what it buys may be dead.
    let after = Ladder::of(user, &accounts.risk_cache, now.ms)?;
    let ended = user.liquidation_start_ms != 0 && close_step(user, &before, &after)?;
    let freshness = Freshness { now_ms: now.ms, required: false };
    let kept = margin::value(liquidator, &accounts.risk_cache, MarginKind::Initial, freshness)?;
    require_cmp!(kept.equity_atoms, >=, kept.requirement_atoms, EvertideError::LiquidatorMarginTooLow);

    // 3. Tell.
    let (sequence, liquidator_sequence) = (user.sequence, liquidator.sequence);
    user.sequence = sequence.checked_add(1).or_refuse()?;
    liquidator.sequence = liquidator_sequence.checked_add(1).or_refuse()?;
    let event = CollateralLiquidated {
        sequence,
        user: *user.address(),
        liquidator: *liquidator.address(),
        liquidator_sequence,
        collateral_index: index,
        amount_atoms: sold.amount,
        paid_atoms: sold.paid.get(),
        price_q48: terms.price.get(),
        discount_bps: u16::try_from(terms.discount.get()).map_err(|_| EvertideError::Overflow)?,
        user_quote_atoms_after: user.quote_atoms,
        liquidator_quote_atoms_after: liquidator.quote_atoms,
        user_collateral_atoms_after: collateral_atoms(user, index),
        liquidator_collateral_atoms_after: collateral_atoms(liquidator, index),
        equity_atoms: before.equity,
        requirement_atoms: before.maintenance,
        total_atoms: quote.total_atoms,
        debt_atoms: quote.debt_atoms,
        ended,
        time_ms: now.ms,
    };
    emit_cpi!(event);
    Ok(())
}

/// In liquidation: what losses and debt exceed the quote balance by, at a discount that rises over a minute, whatever
/// the age of the price. Else: the debt, once its grace is over, at a fresh price and a discount that rises over an hour.
fn terms(accounts: &LiquidateCollateral, ladder: &Ladder, now: Now) -> Result<Terms> {
    let user = &accounts.user;
    let row = collateral_row(&accounts.risk_cache, accounts.collateral.index)?;
    let spot = CollateralPriceQ48::new(row.price_q48).or_refuse()?;
    let most = Bps::new(u32::from(accounts.collateral.terms.liquidation_discount_bps)).or_refuse()?;
    let liquidating = user.liquidation_start_ms != 0 && ladder.equity < ladder.maintenance;
    let (owed, since_ms, rise_ms) = if liquidating {
        (ladder.quote.saturating_add(ladder.losses), user.liquidation_start_ms, FULL_AFTER_MS)
    } else {
        (ladder.quote, user.debt_since_ms.saturating_add(DEBT_GRACE_MS), DEBT_DISCOUNT_RISE_MS)
    };
    require_cmp!(owed, <, 0_i64, EvertideError::NothingToCure);
    let price = if liquidating {
        price_now(row, spot, now)?
    } else {
        require_cmp!(now.ms, >=, since_ms, EvertideError::DebtWithinGrace);
        require_fresh(row.updated_ms, row.validity, now.ms)?;
        spot
    };
    require!(!price.is_zero() || ladder.equity < 0, EvertideError::OraclePriceNotPositive);
    let elapsed = Millis::new(now.ms.saturating_sub(since_ms).max(0)).or_refuse()?;
    let discount = aged_discount(most, elapsed, Millis::new(rise_ms).or_refuse()?).or_refuse()?;
    Ok(Terms { need: Atoms::new(owed).or_refuse()?.negate(), price, discount })
}

/// The price of a sale in liquidation. A wild print sells nothing while its feed lives; once the feed is dead it is left
/// out, and the last TWAP less 10 % stands alone: a dead feed shields nobody.
fn price_now(row: &CollateralRow, spot: CollateralPriceQ48, now: Now) -> Result<CollateralPriceQ48> {
    let lasting = row.validity & !(STALE_FOR_MARGIN | STALE_FOR_FILLS);
    let sound = is_allowed(&DEFAULT_ACTION_MATRIX, OracleAction::Liquidate, lasting);
    if now.ms.saturating_sub(row.publish_time_ms) < COLLATERAL_STALE_MS {
        require!(sound, EvertideError::OracleValidityForbids);
        return Ok(spot);
    }
    let last = stale_price(CollateralPriceQ48::new(row.twap_q48).or_refuse()?).or_refuse()?;
    Ok(if sound { spot.min(last) } else { last })
}
