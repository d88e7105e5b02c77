//! `touch_position`: folds one position against its market. Permissionless.

use anchor_lang::prelude::*;

use crate::engine::position::{find, fold_position, release_if_empty};
use crate::error::{EvertideError, OrRefuse};
use crate::events::PositionTouched;
use crate::state::{Market, User};

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
    require!(outcome.changed, EvertideError::NothingToFold);
    let position = user.positions[slot];
    release_if_empty(user, slot)?;
    let (sequence, user_sequence) = (market.sequence, user.sequence);
    market.sequence = sequence.checked_add(1).or_refuse()?;
    user.sequence = user_sequence.checked_add(1).or_refuse()?;
    let market_index = market.index;
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
    });
    Ok(())
}
