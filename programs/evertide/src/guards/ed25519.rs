//! Messages that the Ed25519 program has verified in the same transaction.
//!
//! Its instruction may take signature, key and message from any instruction of the transaction, each from another: who
//! reads them elsewhere than it did believes a signature that nobody gave. So all three must lie in that very
//! instruction, which runs before this one, and what is returned are the bytes that it read.

use anchor_lang::prelude::*;
use anchor_lang::{address, address_eq};

use crate::error::{EvertideError, OrRefuse};

/// The Ed25519 program, a part of the runtime.
pub const ED25519_PROGRAM: Address = address!("Ed25519SigVerify111111111111111111111111111");
/// Index that means, to the Ed25519 program, the instruction itself.
const THIS_INSTRUCTION: u16 = u16::MAX;
/// Number of signatures and one byte that nobody reads.
const HEADER_BYTES: usize = 2;
/// Seven numbers of 16 bits for each signature.
const OFFSETS_BYTES: usize = 14;
const SIGNATURE_BYTES: usize = 64;
const KEY_BYTES: usize = 32;

/// An instruction of the Ed25519 program.
pub struct Verified<'a> {
    data: &'a [u8],
    own_index: u16,
    count: usize,
}

/// One verified message of `N` bytes with its signer.
pub struct Message<'a, const N: usize> {
    pub signer: Address,
    pub bytes: &'a [u8; N],
}

impl<'a> Verified<'a> {
    /// `data` of instruction number `own_index`, which verifies exactly `count` signatures.
    pub fn of(program: &Address, data: &'a [u8], own_index: u16, count: usize) -> Result<Self> {
        require!(address_eq(program, &ED25519_PROGRAM), EvertideError::NotEd25519Instruction);
        let told = data.first().copied().map(usize::from).unwrap_or_default();
        require!(told == count, EvertideError::SignatureCountMismatch);
        Ok(Self { data, own_index, count })
    }

    /// Message number `at`.
    pub fn message<const N: usize>(&self, at: usize) -> Result<Message<'a, N>> {
        let offsets = self.offsets(at)?;
        let [signature, signature_in, key, key_in, message, size, message_in] = offsets;
        let here = [signature_in, key_in, message_in]
            .iter()
            .all(|place| *place == THIS_INSTRUCTION || *place == self.own_index);
        require!(here, EvertideError::SignatureElsewhere);
        require!(usize::from(size) == N, EvertideError::SignedOrderMalformed);
        let parts =
            [(usize::from(signature), SIGNATURE_BYTES), (usize::from(key), KEY_BYTES), (usize::from(message), N)];
        require!(self.lie_apart(&parts), EvertideError::SignatureLayoutInvalid);
        let key: &[u8; KEY_BYTES] = self.part(key)?;
        Ok(Message { signer: Address::new_from_array(*key), bytes: self.part(message)? })
    }

    fn offsets(&self, at: usize) -> Result<[u16; 7]> {
        let start = OFFSETS_BYTES.saturating_mul(at).saturating_add(HEADER_BYTES);
        let end = start.saturating_add(OFFSETS_BYTES);
        let row = self.data.get(start..end).ok_or(EvertideError::SignatureLayoutInvalid)?;
        let mut offsets = [0; 7];
        for (offset, pair) in offsets.iter_mut().zip(row.chunks_exact(2)) {
            *offset = u16::from_le_bytes(pair.try_into().map_err(|_| EvertideError::SignatureLayoutInvalid)?);
        }
        Ok(offsets)
    }

    /// Behind all offsets, inside the data, and no two over each other.
    fn lie_apart(&self, parts: &[(usize, usize); 3]) -> bool {
        let first = OFFSETS_BYTES.saturating_mul(self.count).saturating_add(HEADER_BYTES);
        let end = |part: &(usize, usize)| part.0.saturating_add(part.1);
        let inside = parts.iter().all(|part| part.0 >= first && end(part) <= self.data.len());
        let [signature, key, message] = parts;
        let apart = |left: &(usize, usize), right: &(usize, usize)| end(left) <= right.0 || end(right) <= left.0;
        inside && apart(signature, key) && apart(signature, message) && apart(key, message)
    }

    fn part<const N: usize>(&self, at: u16) -> Result<&'a [u8; N]> {
        let start = usize::from(at);
        let end = start.checked_add(N).or_refuse()?;
        let part = self.data.get(start..end).ok_or(EvertideError::SignatureLayoutInvalid)?;
        part.try_into().map_err(|_| EvertideError::SignatureLayoutInvalid.into())
    }
}
