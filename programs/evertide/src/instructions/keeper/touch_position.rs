//! `touch_position`: folds one position against its market, and closes it when nobody is left on the other side.
//! Permissionless.

use anchor_lang::prelude::*;
use evertide_math::oracle::{is_allowed, OracleAction};
use evertide_math::Lots;

use crate::engine::oracle::with_staleness;
use crate::engine::position::{closing_price, find, fold_position, release_if_empty};
use crate::engine::transfer::{close_against_side, close_dropped_now};
use crate::error::{EvertideError, OrRefuse};
use crate::events::PositionTouched;
use crate::guards::{now, Now};
use crate::state::{Market, Position, User};

#[event_cpi]
#[derive(Accounts)]
pub struct TouchPosition {
    #[account(mut)]
    pub market: Account<Market>,
    #[account(mut)]
    pub user: Account<User>,
}

pub fn touch_position(ctx: &mut Context<TouchPosition>) -> Result<()> {
    let accounts = &mut ctx.accounts;
    let (market, user) = (&mut accounts.market, &mut accounts.user);
    let slot = find(user, market.index).ok_or(EvertideError::PositionNotFound)?;
    let outcome = fold_position(&mut user.positions[slot], market)?;
    let closed_lots = close_stranded(market, &mut user.positions[slot], now()?)?;
    require!(outcome.changed || closed_lots != 0, EvertideError::NothingToFold);
    close_dropped_now(market)?;
    let position = user.positions[slot];
    release_if_empty(user, slot)?;
    let (sequence, user_sequence) = (market.sequence, user.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    let (market_index, open_interest_lots) = (market.index, market.open_interest_lots);
    let user = *user.address();
    emit_cpi!(PositionTouched {
        sequence,
        market_index,
        user,
        user_sequence,
        size_lots: position.basis_lots,
        cash_atoms: position.cash_atoms,
        funding_atoms: outcome.funding_atoms,
        epoch: position.epoch,
        closed_lots,
        open_interest_lots,
    });
    Ok(())
}

/// A position whose other side holds nobody has only folding dust against it: it closes at mark TWAP against its market.
fn close_stranded(market: &mut Market, position: &mut Position, now: Now) -> Result<u64> {
    let lots = position.basis_lots.unsigned_abs();
    if lots == 0 || market.position_count[usize::from(position.basis_lots > 0)] != 0 {
        return Ok(0);
    }
    let rules = &market.terms.oracle;
    let bits = with_staleness(market.validity, rules, market.publish_time_ms, now.ms);
    require!(is_allowed(&rules.refused, OracleAction::FundingOrSettle, bits), EvertideError::OracleValidityForbids);
    let price = closing_price(market)?;
    close_against_side(market, position, Lots::from_order(lots).or_refuse()?, price)?;
    Ok(lots)
}
