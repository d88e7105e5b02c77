//! `extend_account`: grows an account of an older layout to the present one; never shrinks one. Anyone pays the rent.
//!
//! Every layout so far has version 1, so that today each account is refused as up to date. A later layout only appends:
//! what is added reads as zero.

use anchor_lang::prelude::*;
use anchor_lang::{realloc_account, Discriminator};

use crate::error::EvertideError;
use crate::events::AccountExtended;
use crate::require_cmp;
use crate::state::{Collateral, Exchange, Insurance, InsuranceStake, Market, Orders, RiskCache, User, LAYOUT_VERSION};

/// Bytes of the discriminator; the version byte follows it.
const DISCRIMINATOR_BYTES: usize = 8;

#[event_cpi]
#[derive(Accounts)]
pub struct ExtendAccount {
    #[account(mut)]
    pub payer: Signer,
    /// Any account of this program: owner, discriminator, version and length are checked by hand.
    #[account(mut)]
    pub account: UncheckedAccount,
    pub system_program: Program<System>,
}

/// Bytes of the present layout of an account with this discriminator.
fn layout_bytes(tag: &[u8]) -> Option<usize> {
    macro_rules! of {
        ($($kind:ident),*) => {
            [$(($kind::DISCRIMINATOR, core::mem::size_of::<$kind>())),*]
        };
    }
    let known = of!(Exchange, Market, RiskCache, Collateral, User, Orders, Insurance, InsuranceStake);
    let found = known.iter().find(|(discriminator, _)| *discriminator == tag);
    found.map(|(_, bytes)| bytes.saturating_add(DISCRIMINATOR_BYTES))
}

/// Returns the version and the bytes of the present layout.
fn validate(accounts: &ExtendAccount) -> Result<(u8, usize)> {
    let view = accounts.account.account();
    require!(view.owned_by(&crate::ID), EvertideError::RemainingAccountInvalid);
    let data = view.try_borrow()?;
    let tag = data.get(..DISCRIMINATOR_BYTES).ok_or(EvertideError::RemainingAccountInvalid)?;
    let bytes = layout_bytes(tag).ok_or(EvertideError::RemainingAccountInvalid)?;
    let version = *data.get(DISCRIMINATOR_BYTES).ok_or(EvertideError::RemainingAccountInvalid)?;
    require_cmp!(version, <, LAYOUT_VERSION, EvertideError::AccountUpToDate);
    require_cmp!(data.len(), <, bytes, EvertideError::AccountUpToDate);
    Ok((version, bytes))
}

pub fn extend_account(ctx: &mut Context<ExtendAccount>) -> Result<()> {
    let (from_version, bytes) = validate(&ctx.accounts)?;
    let accounts = &mut ctx.accounts;
    let mut view = *accounts.account.account();
    let before = view.data_len();
    realloc_account(&mut view, bytes, accounts.payer.account(), true)?;
    {
        let mut data = view.try_borrow_mut()?;
        let slot = data.get_mut(DISCRIMINATOR_BYTES).ok_or(EvertideError::RemainingAccountInvalid)?;
        *slot = LAYOUT_VERSION;
    }
    let event = AccountExtended {
        account: *view.address(),
        from_version,
        version: LAYOUT_VERSION,
        from_bytes: before as u64,
        bytes: bytes as u64,
    };
    emit_cpi!(event);
    Ok(())
}
