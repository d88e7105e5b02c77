//! Accounts of price feeds as bytes: synthetic Pyth and Switchboard accounts, and real ones where a data folder is given.

use std::path::PathBuf;

use solana_account::Account;
use solana_address::Address;

pub const PYTH_RECEIVER: Address = Address::from_str_const("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
pub const SWITCHBOARD: Address = Address::from_str_const("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv");
pub const SWITCHBOARD_DEVNET: Address = Address::from_str_const("Aio4gaXjXzJNVLtzwtNVmSqGKpANtXhybbkhtAC94ji2");

/// A Pyth `PriceUpdateV2`, fully verified.
#[derive(Clone, Debug)]
pub struct PythUpdate {
    pub feed_id: [u8; 32],
    pub price: i64,
    pub confidence: u64,
    pub exponent: i32,
    pub publish_time_s: i64,
    /// 1 = full, 0 = partial.
    pub verification: u8,
}

impl PythUpdate {
    /// The account's bytes: discriminator, write authority, level, feed id, price, confidence, exponent, times, averages.
    pub fn data(&self) -> Vec<u8> {
        let mut data = vec![34, 241, 35, 99, 157, 126, 244, 205];
        data.extend_from_slice(&[7; 32]);
        data.push(self.verification);
        data.extend_from_slice(&self.feed_id);
        data.extend_from_slice(&self.price.to_le_bytes());
        data.extend_from_slice(&self.confidence.to_le_bytes());
        data.extend_from_slice(&self.exponent.to_le_bytes());
        data.extend_from_slice(&self.publish_time_s.to_le_bytes());
        data.extend_from_slice(&(self.publish_time_s - 1).to_le_bytes());
        data.extend_from_slice(&self.price.to_le_bytes());
        data.extend_from_slice(&self.confidence.to_le_bytes());
        data.extend_from_slice(&1_000u64.to_le_bytes());
        data.resize(134, 0);
        data
    }
}

/// A Switchboard On-Demand `PullFeedAccountData` with its current result.
#[derive(Clone, Debug)]
pub struct SwitchboardFeed {
    /// Price, 1e-18.
    pub value: i128,
    pub deviation: i128,
    pub samples: u8,
    pub min_samples: u8,
    pub slot: u64,
    pub max_staleness: u32,
    pub updated_s: i64,
}

impl SwitchboardFeed {
    /// The account's bytes; only what a reader of its current result needs is set.
    pub fn data(&self) -> Vec<u8> {
        let mut data = vec![0; 3_208];
        data[..8].copy_from_slice(&[196, 27, 108, 196, 10, 215, 219, 40]);
        data[2_215] = self.min_samples;
        data[2_216..2_224].copy_from_slice(&self.updated_s.to_le_bytes());
        data[2_264..2_280].copy_from_slice(&self.value.to_le_bytes());
        data[2_280..2_296].copy_from_slice(&self.deviation.to_le_bytes());
        data[2_360] = self.samples;
        data[2_368..2_376].copy_from_slice(&self.slot.to_le_bytes());
        data[2_392..2_396].copy_from_slice(&self.max_staleness.to_le_bytes());
        data
    }
}

/// An account of another program with these bytes.
pub fn feed_account(owner: Address, data: Vec<u8>) -> Account {
    Account { lamports: 30_000_000, data, owner, executable: false, rent_epoch: u64::MAX }
}

/// Bytes of a real feed account from the folder that `EVERTIDE_DATA` names; none when it is not set.
pub fn real_feed(name: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(std::env::var_os("EVERTIDE_DATA")?);
    let path = folder.join("oracle").join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
