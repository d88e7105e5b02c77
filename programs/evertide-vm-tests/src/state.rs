//! The program's accounts, copied from its source by build.rs, with readers over raw bytes.

use solana_address::Address;

include!(concat!(env!("OUT_DIR"), "/state.rs"));

impl Wide {
    /// The 128-bit value.
    pub fn get(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }
}

/// Reads an account's body after its discriminator.
pub fn read<T: bytemuck::Pod>(data: &[u8]) -> T {
    let size = core::mem::size_of::<T>();
    assert!(data.len() >= size + 8, "account of {} bytes is shorter than its layout of {}", data.len(), size + 8);
    bytemuck::pod_read_unaligned(&data[8..8 + size])
}

/// Overwrites an account's body after its discriminator.
pub fn write<T: bytemuck::Pod>(data: &mut [u8], value: &T) {
    let size = core::mem::size_of::<T>();
    data[8..8 + size].copy_from_slice(bytemuck::bytes_of(value));
}

/// The bytes of `terms` as instruction data: fixed-layout structs without implicit padding are their own encoding.
pub fn bytes<T: bytemuck::Pod>(terms: &T) -> Vec<u8> {
    bytemuck::bytes_of(terms).to_vec()
}
