//! Alignment-8 building blocks of account layouts.
//!
//! Account structs never hold a native 128-bit integer: its alignment differs between targets, and with it the
//! layout. Two 64-bit words read the same everywhere, also through one numpy dtype.

use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};

/// A signed 128-bit integer as two little-endian words.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Pod, Zeroable, IdlType)]
pub struct Wide {
    /// Low 64 bits.
    pub low: u64,
    /// High 64 bits, with the sign.
    pub high: i64,
}

impl Wide {
    pub fn get(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }
}

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        Self { low: value as u64, high: (value >> 64) as i64 }
    }
}
