//! Values of fields as they lie in the terms' bytes.

use anchor_lang::prelude::*;
use bytemuck::Pod;

use super::FieldKind;
use crate::error::{EvertideError, OrRefuse};
use crate::state::ParamChange;

/// A number, or 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub number: i64,
    pub key: [u8; 32],
}

impl Value {
    /// A number.
    pub fn number(number: i64) -> Self {
        Self { number, key: [0; 32] }
    }

    /// What a change proposes.
    pub fn of(change: &ParamChange) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(bytemuck::bytes_of(&change.words));
        Self { number: change.new_value, key }
    }
}

impl FieldKind {
    fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
            Self::Key => 32,
        }
    }
}

/// The number that lies there; of 32 bytes the first 8. A number beyond `i64` reads as its greatest.
pub fn read<T: Pod>(terms: &T, offset: usize, kind: FieldKind) -> Result<i64> {
    let bytes = bytemuck::bytes_of(terms);
    let part = bytes.get(offset..offset.saturating_add(kind.size().min(8))).or_refuse()?;
    let mut wide = [0; 8];
    wide[..part.len()].copy_from_slice(part);
    let number = u64::from_le_bytes(wide);
    Ok(match kind {
        FieldKind::I16 => i64::from(number as u16 as i16),
        FieldKind::Key => number as i64,
        _ => i64::try_from(number).unwrap_or(i64::MAX),
    })
}

/// The terms with another value there.
#[inline(never)]
pub fn with<T: Pod>(terms: &T, offset: usize, kind: FieldKind, value: &Value) -> Result<T> {
    let mut changed = *terms;
    let bytes = bytemuck::bytes_of_mut(&mut changed);
    let part = bytes.get_mut(offset..offset.saturating_add(kind.size())).or_refuse()?;
    if kind == FieldKind::Key {
        part.copy_from_slice(&value.key);
        return Ok(changed);
    }
    let (low, high) = match kind {
        FieldKind::U8 => (0, i64::from(u8::MAX)),
        FieldKind::U16 => (0, i64::from(u16::MAX)),
        FieldKind::U32 => (0, i64::from(u32::MAX)),
        FieldKind::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        _ => (0, i64::MAX),
    };
    crate::require_cmp!(value.number, >=, low, EvertideError::ChangeValueUnfit);
    crate::require_cmp!(value.number, <=, high, EvertideError::ChangeValueUnfit);
    part.copy_from_slice(&value.number.to_le_bytes()[..kind.size()]);
    Ok(changed)
}
