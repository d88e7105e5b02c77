//! Who may act: the exchange's roles, a user's authority and its delegate.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{Exchange, Role, User};

/// Refuses anybody but the holder of the root role.
pub fn require_root(exchange: &Exchange, signer: &Address) -> Result<()> {
    require!(address_eq(holder(exchange, Role::Root), signer), EvertideError::NotRoot);
    Ok(())
}

/// The address that holds a role.
pub fn holder(exchange: &Exchange, role: Role) -> &Address {
    match role {
        Role::Root => &exchange.roles[0],
        Role::Risk => &exchange.roles[1],
        Role::Guardian => &exchange.roles[2],
        Role::Treasury => &exchange.roles[3],
    }
}

/// Refuses anybody but the user's owner: funds never leave through a delegate.
pub fn require_authority(user: &User, signer: &Address) -> Result<()> {
    require!(address_eq(&user.authority, signer), EvertideError::NotAuthority);
    Ok(())
}

/// Refuses anybody but the owner or a delegate whose permission has not expired.
pub fn require_trader(user: &User, signer: &Address, now_ms: i64) -> Result<()> {
    let delegate = !address_eq(&user.delegate, &Address::default())
        && address_eq(&user.delegate, signer)
        && (user.delegate_expiry_ms == 0 || now_ms < user.delegate_expiry_ms);
    require!(delegate || address_eq(&user.authority, signer), EvertideError::NotAuthorityOrDelegate);
    Ok(())
}
