//! SPL token mints and accounts as raw bytes, so that any of them can be forged.

use solana_account::Account;
use solana_address::Address;

use crate::call::TOKEN_PROGRAM;

pub const MINT_BYTES: usize = 82;
pub const TOKEN_ACCOUNT_BYTES: usize = 165;

/// A mint of `decimals`, owned by the token program.
pub fn mint_account(decimals: u8, freeze_authority: Option<Address>) -> Account {
    let mut data = vec![0; MINT_BYTES];
    data[36..44].copy_from_slice(&u64::MAX.to_le_bytes());
    data[44] = decimals;
    data[45] = 1;
    if let Some(authority) = freeze_authority {
        data[46] = 1;
        data[50..82].copy_from_slice(authority.as_ref());
    }
    Account { lamports: 1_461_600, data, owner: TOKEN_PROGRAM, executable: false, rent_epoch: u64::MAX }
}

/// A token account of `mint` that belongs to `owner`.
pub fn token_account(mint: Address, owner: Address, amount_atoms: u64) -> Account {
    let mut data = vec![0; TOKEN_ACCOUNT_BYTES];
    data[..32].copy_from_slice(mint.as_ref());
    data[32..64].copy_from_slice(owner.as_ref());
    data[64..72].copy_from_slice(&amount_atoms.to_le_bytes());
    data[108] = 1;
    Account { lamports: 2_039_280, data, owner: TOKEN_PROGRAM, executable: false, rent_epoch: u64::MAX }
}

/// Balance in a token account's bytes.
pub fn amount(data: &[u8]) -> u64 {
    u64::from_le_bytes(data[64..72].try_into().expect("8 bytes"))
}
