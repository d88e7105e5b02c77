//! Accounts after the declared ones: owner, discriminator, writability and repetition are checked here by hand.

use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Market, Orders, User};

fn invalid<T>(_: ProgramError) -> Result<T> {
    Err(EvertideError::RemainingAccountInvalid.into())
}

/// A market, read-only, at a position among the remaining accounts.
pub fn market(accounts: &[AccountView], at: usize) -> Result<Account<Market>> {
    let view = accounts.get(at).ok_or(EvertideError::RemainingAccountInvalid)?;
    Account::<Market>::load(*view).or_else(invalid)
}

/// The User at an address that was checked, writable; none when it was closed and nothing is there.
pub fn user_unless_closed(view: AccountView) -> Result<Option<Account<User>>> {
    if view.data_len() == 0 {
        return Ok(None);
    }
    require!(!view.is_borrowed(), EvertideError::UserRepeated);
    // SAFETY: the account is not borrowed, as checked above, and loading marks it as borrowed until it is dropped.
    unsafe { Account::<User>::load_mut(view) }.map(Some)
}

/// A maker's pair of accounts.
pub struct Pair {
    pub user: Account<User>,
    pub orders: Account<Orders>,
}

/// The pair number `at`, read-only.
pub fn pair(accounts: &[AccountView], at: usize) -> Result<Pair> {
    let (user, orders) = views(accounts, at)?;
    let user = Account::<User>::load(user).or_else(invalid)?;
    let orders = Account::<Orders>::load(orders).or_else(invalid)?;
    belongs(&user, &orders)?;
    Ok(Pair { user, orders })
}

/// The pair number `at`, writable. Every pair is loaded at most once: a repeated account is refused by its borrow.
pub fn pair_mut(accounts: &[AccountView], at: usize) -> Result<Pair> {
    let (user, orders) = views(accounts, at)?;
    require!(user.is_writable() && orders.is_writable(), EvertideError::RemainingAccountInvalid);
    require!(!user.is_borrowed() && !orders.is_borrowed(), EvertideError::UserRepeated);
    // SAFETY: neither account is borrowed, as checked above, and loading marks both as borrowed until they are dropped.
    let user = unsafe { Account::<User>::load_mut(user) }.or_else(invalid)?;
    // SAFETY: as above; `user` is another account, or its discriminator would not be that of Orders.
    let orders = unsafe { Account::<Orders>::load_mut(orders) }.or_else(invalid)?;
    belongs(&user, &orders)?;
    Ok(Pair { user, orders })
}

fn views(accounts: &[AccountView], at: usize) -> Result<(AccountView, AccountView)> {
    let first = at.saturating_mul(2);
    match accounts.get(first..first.saturating_add(2)) {
        Some([user, orders]) => Ok((*user, *orders)),
        _ => Err(EvertideError::RemainingAccountInvalid.into()),
    }
}

fn belongs(user: &Account<User>, orders: &Account<Orders>) -> Result<()> {
    require!(anchor_lang::address_eq(&orders.user, user.address()), EvertideError::OrdersOfAnotherUser);
    Ok(())
}
