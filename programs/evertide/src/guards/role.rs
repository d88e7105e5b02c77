//! Who may act: the exchange's roles, a user's authority and its delegate.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;

use crate::error::EvertideError;
use crate::state::{permissions, Exchange, Role, User, ROLES};

/// Refuses anybody but the holder of the root role.
pub fn require_root(exchange: &Exchange, signer: &Address) -> Result<()> {
    require!(address_eq(holder(exchange, Role::Root), signer), EvertideError::NotRoot);
    Ok(())
}

/// Refuses anybody who holds none of these roles.
pub fn require_role(exchange: &Exchange, signer: &Address, roles: &[Role]) -> Result<()> {
    require!(holds_any(exchange, signer, roles), EvertideError::RoleForbids);
    Ok(())
}

/// Refuses one key in two roles, except on a local exchange: a guardian that is also root guards nothing.
pub fn require_split(roles: &[Address; ROLES], local: bool) -> Result<()> {
    let repeated = |at: usize| roles.iter().skip(at.saturating_add(1)).any(|other| address_eq(other, &roles[at]));
    require!(local || !(0..ROLES).any(repeated), EvertideError::RolesNotSplit);
    Ok(())
}

/// Whether the key holds one of these roles.
pub fn holds_any(exchange: &Exchange, signer: &Address, roles: &[Role]) -> bool {
    roles.iter().any(|role| address_eq(holder(exchange, *role), signer))
}

/// The role of a number.
pub fn role_of(number: u8) -> Result<Role> {
    match number {
        0 => Ok(Role::Root),
        1 => Ok(Role::Risk),
        2 => Ok(Role::Guardian),
        3 => Ok(Role::Treasury),
        _ => Err(EvertideError::RoleUnknown.into()),
    }
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

/// Refuses anybody but the owner or a delegate that may place orders now.
pub fn require_trader(user: &User, signer: &Address, now_ms: i64) -> Result<()> {
    require_permission(user, signer, permissions::PLACE, now_ms)
}

/// Refuses anybody but the owner or a delegate that holds this permission (`state::permissions`) and has not expired.
pub fn require_permission(user: &User, signer: &Address, permission: u32, now_ms: i64) -> Result<()> {
    if address_eq(&user.authority, signer) {
        return Ok(());
    }
    let delegate = !address_eq(&user.delegate, &Address::default())
        && address_eq(&user.delegate, signer)
        && (user.delegate_expiry_ms == 0 || now_ms < user.delegate_expiry_ms);
    require!(delegate, EvertideError::NotAuthorityOrDelegate);
    require!(user.delegate_permissions & permission != 0, EvertideError::DelegateMayNot);
    Ok(())
}
