//! Who may replace the program: read from the upgradeable loader's accounts and from the timelock that holds the key.

use anchor_lang::prelude::*;
use anchor_lang::{address, address_eq, find_program_address};

use crate::error::{EvertideError, OrRefuse};
use crate::require_cmp;

/// The upgradeable loader.
pub const UPGRADEABLE_LOADER: Address = address!("BPFLoaderUpgradeab1e11111111111111111111111");
/// Squads multisig, version 4: its vaults execute only after the multisig's time lock.
pub const SQUADS: Address = address!("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf");
/// Least time lock of the upgrade authority of an exchange that is not local, s: 72 h.
pub const TIME_LOCK_MIN_S: u32 = 72 * 3_600;

/// Time between asking for what could hurt and its earliest execution, ms: 72 h.
pub const TIMELOCK_MS: i64 = 72 * 3_600_000;
/// Time in which it can then be executed, ms: 7 days.
pub const TIMELOCK_WINDOW_MS: i64 = 7 * 86_400_000;

/// Refuses before `earliest_ms`, and from 7 days after it.
pub fn require_due(now_ms: i64, earliest_ms: i64) -> Result<()> {
    require_cmp!(now_ms, >=, earliest_ms, EvertideError::TimelockNotOver);
    require_cmp!(now_ms, <, earliest_ms.saturating_add(TIMELOCK_WINDOW_MS), EvertideError::TimelockExpired);
    Ok(())
}

/// Variant of the loader's state that a program data account holds.
const PROGRAM_DATA_TAG: u32 = 3;
/// Tag 4, slot 8, option 1, key 32.
const PROGRAM_DATA_HEADER: usize = 45;

/// `sha256("account:Multisig")[..8]`.
const MULTISIG_DISCRIMINATOR: [u8; 8] = [224, 116, 121, 186, 68, 161, 79, 236];

/// The upgrade authority that the program data account of this program names; none when the program is final.
pub fn upgrade_authority(program_data: &UncheckedAccount) -> Result<Option<Address>> {
    let (address, _) = find_program_address(&[crate::ID.as_ref()], &UPGRADEABLE_LOADER);
    let ours = address_eq(&address, program_data.address()) && program_data.owned_by(&UPGRADEABLE_LOADER);
    require!(ours, EvertideError::WrongProgramData);
    let data = program_data.account().try_borrow()?;
    let header = data.get(..PROGRAM_DATA_HEADER).ok_or(EvertideError::WrongProgramData)?;
    require!(u32_at(header, 0)? == PROGRAM_DATA_TAG, EvertideError::WrongProgramData);
    if header[12] == 0 {
        return Ok(None);
    }
    Ok(Some(key_at(header, 13)?))
}

/// Refuses unless `authority` is a vault of the Squads multisig given, whose time lock is 72 h or more and whose
/// settings nobody can change around it.
pub fn require_timelock(timelock: &UncheckedAccount, authority: &Address) -> Result<()> {
    require!(timelock.owned_by(&SQUADS), EvertideError::UpgradeAuthorityNotTimelocked);
    let data = timelock.account().try_borrow()?;
    require!(data.starts_with(&MULTISIG_DISCRIMINATOR), EvertideError::UpgradeAuthorityNotTimelocked);
    // Discriminator 8, create key 32, config authority 32, threshold 2, time lock 4.
    require!(key_at(&data, 40)? == Address::default(), EvertideError::UpgradeAuthorityNotTimelocked);
    require_cmp!(u32_at(&data, 74)?, >=, TIME_LOCK_MIN_S, EvertideError::UpgradeAuthorityNotTimelocked);
    let multisig = timelock.address().as_ref();
    let (vault, _) = find_program_address(&[b"multisig", multisig, b"vault", &[0]], &SQUADS);
    require!(address_eq(&vault, authority), EvertideError::UpgradeAuthorityNotTimelocked);
    Ok(())
}

fn u32_at(data: &[u8], at: usize) -> Result<u32> {
    let slice = data.get(at..at.checked_add(4).or_refuse()?).ok_or(EvertideError::WrongProgramData)?;
    Ok(u32::from_le_bytes(slice.try_into().map_err(|_| EvertideError::WrongProgramData)?))
}

fn key_at(data: &[u8], at: usize) -> Result<Address> {
    let slice = data.get(at..at.checked_add(32).or_refuse()?).ok_or(EvertideError::WrongProgramData)?;
    let bytes: [u8; 32] = slice.try_into().map_err(|_| EvertideError::WrongProgramData)?;
    Ok(Address::new_from_array(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discriminator_is_the_hash_of_the_account_name() {
        let hash = anchor_lang::prelude::sha256(b"account:Multisig");
        assert_eq!(hash.as_ref()[..8], MULTISIG_DISCRIMINATOR);
    }
}
