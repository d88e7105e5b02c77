//! Moving profit and loss between a position, its owner's quote balance and its market's pool.

use anchor_lang::prelude::*;
use evertide_math::debt::{max_new_debt, DebtLimits};
use evertide_math::margin::MarginKind;
use evertide_math::notional::{position_value, realised, worse_price};
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::settle::{pro_rata, settle, SettleInput};
use evertide_math::{Atoms, Bps, Lots, PriceQ32};

use super::margin::{collateral_total, market_row, Freshness};
use super::oracle::with_staleness;
use super::position::add_cash;
use crate::error::OrRefuse;
use crate::guards::Now;
use crate::state::{Collateral, Exchange, Market, Position, RiskCache, User};

/// What a settlement of one position depends on; `None` when the price does not allow one now.
pub fn plan(
    exchange: &Exchange,
    cache: &RiskCache,
    market: &Market,
    user: &User,
    quote: &Collateral,
    slot: usize,
    now: Now,
) -> Result<Option<SettleInput>> {
    let position = &user.positions[slot];
    let size = Lots::new(position.basis_lots).or_refuse()?;
    let cash = Atoms::new(position.cash_atoms).or_refuse()?;
    let value = if size.is_zero() {
        cash
    } else {
        let rules = &market.terms.oracle;
        let bits = with_staleness(market.validity, rules, market.publish_time_ms, now.ms);
        if !is_allowed(&rules.refused, OracleAction::FundingOrSettle, bits) {
            return Ok(None);
        }
        let row = market_row(cache, market.index)?;
        let mark = PriceQ32::new(row.mark_price_q32).or_refuse()?;
        let twap = PriceQ32::new(row.twap_price_q32).or_refuse()?;
        position_value(size, cash, worse_price(size, mark, twap)).or_refuse()?
    };
    let balance = Atoms::new(user.quote_atoms).or_refuse()?;
    let short = value.is_negative() && value.magnitude() > user.quote_atoms.max(0).unsigned_abs();
    let debt_room = if short { debt_room(exchange, cache, user, quote, now)? } else { Atoms::ZERO };
    Ok(Some(SettleInput {
        value,
        realised: realised(cash, Atoms::new(position.entry_atoms).or_refuse()?).or_refuse()?,
        quote: balance,
        debt_room,
        pool: Atoms::from_unsigned(market.pool_atoms).or_refuse()?,
    }))
}

/// New debt that the user may take now: within 20 % of weighted collateral, $100,000, and the exchange's debt cap.
///
/// Collateral without a fresh price backs nothing new. The vault is taken at what users hold in it, net of debts:
/// pools and the insurance fund only add to it.
fn debt_room(exchange: &Exchange, cache: &RiskCache, user: &User, quote: &Collateral, now: Now) -> Result<Atoms> {
    let freshness = Freshness { now_ms: now.ms, required: true };
    let weighted = collateral_total(user, cache, MarginKind::Withdrawal, freshness).unwrap_or(0);
    let held = quote.total_atoms.saturating_sub(quote.queued_atoms);
    let vault = Atoms::from_unsigned(held.saturating_sub(quote.debt_atoms)).or_refuse()?;
    let limits = DebtLimits {
        weighted_collateral: Atoms::new(weighted.max(0)).or_refuse()?,
        user_debt: Atoms::new(user.quote_atoms.min(0)).or_refuse()?.negate(),
        exchange_debt: Atoms::from_unsigned(quote.debt_atoms).or_refuse()?,
        quote_vault: vault,
    };
    let room = max_new_debt(&limits).or_refuse()?;
    let cap = vault.ratio_floor(Bps::new(u32::from(exchange.terms.debt_cap_bps)).or_refuse()?).or_refuse()?;
    let under_cap = cap.minus(limits.exchange_debt).or_refuse()?.max(Atoms::ZERO);
    Ok(room.min(under_cap))
}

/// What of a claim is paid and what is given up while a deficit is recorded: `pool / (pool + deficit)` of it, and the
/// rest against the deficit, so that the ratio is the same for everybody, in any order and number of calls.
pub fn take_backed(market: &mut Market, claim: Atoms) -> Result<(Atoms, Atoms)> {
    let pool = Atoms::from_unsigned(market.pool_atoms).or_refuse()?;
    let claims = pool.plus(Atoms::from_unsigned(market.deficit_atoms).or_refuse()?).or_refuse()?;
    let claim = claim.min(claims);
    let paid = pro_rata(claim, pool, claims).or_refuse()?;
    let given_up = claim.minus(paid).or_refuse()?;
    market.deficit_atoms = market.deficit_atoms.checked_sub(given_up.magnitude()).or_refuse()?;
    Ok((paid, given_up))
}

/// What a profit becomes while a deficit is recorded: its owner takes what is backed.
fn give_up(market: &mut Market, position: &mut Position, input: &SettleInput) -> Result<SettleInput> {
    let (paid, given_up) = take_backed(market, input.value.min(input.realised).max(Atoms::ZERO))?;
    add_cash(position, market, given_up.negate().get())?;
    Ok(SettleInput { value: paid, realised: paid, ..*input })
}

/// Who calls a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// Anyone.
    Anyone,
    /// The owner, who signs.
    Owner,
    /// Anyone, for the market's own backstop: the exchange's claim stands behind its users'.
    Backstop,
}

/// The backstop's profit repays the deficit before anything of it is paid.
fn repay(market: &mut Market, position: &mut Position, input: &SettleInput) -> Result<SettleInput> {
    let profit = input.value.min(input.realised).max(Atoms::ZERO);
    let repaid = profit.min(Atoms::from_unsigned(market.deficit_atoms).or_refuse()?);
    market.deficit_atoms = market.deficit_atoms.checked_sub(repaid.magnitude()).or_refuse()?;
    add_cash(position, market, repaid.negate().get())?;
    let rest = if market.deficit_atoms == 0 { profit.minus(repaid).or_refuse()? } else { Atoms::ZERO };
    Ok(SettleInput { value: rest, realised: rest, ..*input })
}

/// Moves cash and pool; returns the signed amount that goes into the quote balance, and what of a profit was given up.
///
/// While a deficit is recorded a profit is paid only to an owner who asks for it: nobody else may make anyone give up a
/// claim that fees will repay.
pub fn apply(
    market: &mut Market,
    user: &mut User,
    slot: usize,
    plan: &Option<SettleInput>,
    caller: Caller,
) -> Result<(i64, u64)> {
    let Some(input) = plan else {
        return Ok((0, 0));
    };
    let position = &mut user.positions[slot];
    let mut input = *input;
    let deficit_before = market.deficit_atoms;
    if deficit_before != 0 && input.value.get() > 0 {
        input = match caller {
            Caller::Anyone => return Ok((0, 0)),
            Caller::Owner => give_up(market, position, &input)?,
            Caller::Backstop => repay(market, position, &input)?,
        };
    }
    let settled = settle(&input, Atoms::new(position.cash_atoms).or_refuse()?).or_refuse()?;
    add_cash(position, market, settled.amount.negate().get())?;
    market.pool_atoms = settled.pool.magnitude();
    Ok((settled.amount.get(), deficit_before.saturating_sub(market.deficit_atoms)))
}
