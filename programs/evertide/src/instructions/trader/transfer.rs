//! `transfer`: a balance moves between two sub-accounts of one authority. No token leaves the vault, so neither floor nor
//! lane is asked; what stays must carry the positions, as for a withdrawal.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::engine::average::roll_average;
use crate::engine::collateral_slots::{add_collateral, collateral_atoms};
use crate::engine::quote::{change_balance, QUOTE_INDEX};
use crate::engine::withdrawal::{require_carried, take};
use crate::error::{EvertideError, OrRefuse};
use crate::events::Transferred;
use crate::guards::{now, role, Now};
use crate::require_cmp;
use crate::state::{permissions, Collateral, RiskCache, User};

#[event_cpi]
#[derive(Accounts)]
pub struct Transfer {
    /// The owner of both, or a delegate of the account that pays.
    pub signer: Signer,
    pub risk_cache: Account<RiskCache>,
    #[account(mut)]
    pub collateral: Account<Collateral>,
    /// Pays.
    #[account(mut)]
    pub from: Account<User>,
    /// Receives; a quote transfer repays its debt first.
    #[account(mut)]
    pub to: Account<User>,
}

fn validate(accounts: &Transfer, amount_atoms: u64, now: Now) -> Result<()> {
    // risk_cache: the only one there is. collateral: any. from, to: two of one authority; Anchor refuses the same twice.
    let signer = accounts.signer.address();
    role::require_permission(&accounts.from, signer, permissions::TRANSFER, now.ms)?;
    let same = address_eq(&accounts.from.authority, &accounts.to.authority);
    require!(same, EvertideError::TransferToAnotherAuthority);
    require!(amount_atoms > 0, EvertideError::AmountZero);
    Ok(())
}

pub fn transfer(ctx: &mut Context<Transfer>, amount_atoms: u64) -> Result<()> {
    let now = now()?;
    let accounts = &mut ctx.accounts;
    validate(accounts, amount_atoms, now)?;
    let (from, to, collateral) = (&mut accounts.from, &mut accounts.to, &mut accounts.collateral);
    let balance_atoms = take(from, collateral, amount_atoms, now)?;
    require_carried(from, &accounts.risk_cache, now)?;
    let to_balance_atoms = give(to, collateral, amount_atoms, now)?;
    let (sequence, to_sequence) = (from.sequence, to.sequence);
    from.sequence = sequence.checked_add(1).or_refuse()?;
    to.sequence = to_sequence.checked_add(1).or_refuse()?;
    let event = Transferred {
        sequence,
        user: *from.address(),
        to: *to.address(),
        to_sequence,
        collateral_index: collateral.index,
        amount_atoms,
        balance_atoms,
        to_balance_atoms,
        total_atoms: collateral.total_atoms,
        debt_atoms: collateral.debt_atoms,
    };
    emit_cpi!(event);
    Ok(())
}

/// Credits the balance within the user's cap of the asset; returns it.
fn give(user: &mut User, collateral: &mut Collateral, amount_atoms: u64, now: Now) -> Result<i64> {
    let balance_atoms = if collateral.index == QUOTE_INDEX {
        let credit = i64::try_from(amount_atoms).map_err(|_| EvertideError::Overflow)?;
        change_balance(user, collateral, credit, now.ms)?;
        user.quote_atoms
    } else {
        roll_average(collateral, now.ms)?;
        add_collateral(user, collateral.index, amount_atoms)?;
        collateral.total_atoms = collateral.total_atoms.checked_add(amount_atoms).or_refuse()?;
        i64::try_from(collateral_atoms(user, collateral.index)).map_err(|_| EvertideError::Overflow)?
    };
    let held = balance_atoms.max(0).unsigned_abs();
    require_cmp!(held, <=, collateral.terms.user_cap_atoms, EvertideError::UserDepositCapExceeded);
    Ok(balance_atoms)
}
