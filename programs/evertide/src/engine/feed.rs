//! Reading of price feeds: bytes of other programs' accounts into one plain reading. Nothing is trusted: owner,
//! discriminator, length, identity and verification are checked before a number is read.

use anchor_lang::prelude::*;
use anchor_lang::{address, address_eq};

use crate::error::{EvertideError, OrRefuse};
use crate::instructions::LocalPrice;
use crate::require_cmp;
use crate::state::{OracleKind, OracleRules};

/// Pyth's receiver program.
pub const PYTH_RECEIVER: Address = address!("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
/// Switchboard On-Demand, mainnet.
pub const SWITCHBOARD: Address = address!("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv");
/// Switchboard On-Demand, devnet: local exchanges only.
pub const SWITCHBOARD_DEVNET: Address = address!("Aio4gaXjXzJNVLtzwtNVmSqGKpANtXhybbkhtAC94ji2");

/// `sha256("account:PriceUpdateV2")[..8]`.
const PYTH_DISCRIMINATOR: [u8; 8] = [34, 241, 35, 99, 157, 126, 244, 205];
/// `VerificationLevel::Full`: all guardians of the quorum signed.
const PYTH_FULL: u8 = 1;
/// Length of a fully verified update without its spare byte.
const PYTH_LENGTH: usize = 133;

/// `sha256("account:PullFeedAccountData")[..8]`.
const SWITCHBOARD_DISCRIMINATOR: [u8; 8] = [196, 27, 108, 196, 10, 215, 219, 40];
/// Switchboard values are scaled by 1e18.
const SWITCHBOARD_EXPONENT: i32 = -18;
const SWITCHBOARD_LENGTH: usize = 3_208;

/// Local prices are quote atoms (1e-6 dollars).
const LOCAL_EXPONENT: i32 = -6;

/// One price of a feed: `mantissa * 10^exponent` dollars per whole base unit or token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub mantissa: i128,
    /// Same scale as the mantissa, not negative.
    pub confidence: i128,
    pub exponent: i32,
    /// Unix ms.
    pub publish_time_ms: i64,
    /// Samples behind it; `u32::MAX` where the feed does not count them.
    pub samples: u32,
    /// Fewest samples that the feed itself asks for.
    pub samples_min: u32,
}

/// Reads the feed that the rules name.
pub fn read(
    rules: &OracleRules,
    oracle: &UncheckedAccount,
    local: bool,
    price: &LocalPrice,
    slot: u64,
) -> Result<Reading> {
    if rules.kind == OracleKind::Local as u8 {
        require!(local, EvertideError::LocalOracleForbidden);
        return read_local(rules, oracle, price);
    }
    let any_account = rules.kind == OracleKind::Pyth as u8 && rules.account == Address::default();
    require!(any_account || address_eq(&rules.account, oracle.address()), EvertideError::OracleAccountWrong);
    // The feed is another program's account, which nothing here borrows mutably.
    let data = oracle.account().try_borrow()?;
    if rules.kind == OracleKind::Pyth as u8 {
        require!(oracle.owned_by(&PYTH_RECEIVER), EvertideError::OracleOwnerWrong);
        return read_pyth(rules, &data);
    }
    let devnet = local && oracle.owned_by(&SWITCHBOARD_DEVNET);
    require!(devnet || oracle.owned_by(&SWITCHBOARD), EvertideError::OracleOwnerWrong);
    read_switchboard(&data, slot)
}

fn read_local(rules: &OracleRules, oracle: &UncheckedAccount, price: &LocalPrice) -> Result<Reading> {
    let signed = oracle.is_signer() && address_eq(&rules.account, oracle.address());
    require!(signed, EvertideError::LocalPriceNotSigned);
    Ok(Reading {
        mantissa: i128::from(price.price),
        confidence: i128::from(price.confidence),
        exponent: LOCAL_EXPONENT,
        publish_time_ms: price.publish_time_ms,
        samples: u32::MAX,
        samples_min: 0,
    })
}

/// Pyth `PriceUpdateV2`, fully verified: discriminator, write authority 32, level 1, feed id 32, price i64, confidence
/// u64, exponent i32, publish time i64 (s), and more that is not read.
pub fn read_pyth(rules: &OracleRules, data: &[u8]) -> Result<Reading> {
    let valid = data.len() >= PYTH_LENGTH && data.starts_with(&PYTH_DISCRIMINATOR);
    require!(valid, EvertideError::OracleDataInvalid);
    require!(data[40] == PYTH_FULL, EvertideError::OracleNotFullyVerified);
    require!(data[41..73] == rules.feed_id, EvertideError::OracleFeedMismatch);
    let publish_time_s = i64::from_le_bytes(bytes(data, 93)?);
    Ok(Reading {
        mantissa: i128::from(i64::from_le_bytes(bytes(data, 73)?)),
        confidence: i128::from(u64::from_le_bytes(bytes(data, 81)?)),
        exponent: i32::from_le_bytes(bytes(data, 89)?),
        publish_time_ms: publish_time_s.checked_mul(1_000).or_refuse()?,
        samples: u32::MAX,
        samples_min: 0,
    })
}

/// Switchboard `PullFeedAccountData`: of its current result the value, standard deviation, samples and slot. Its own
/// limit of staleness is in slots.
pub fn read_switchboard(data: &[u8], slot: u64) -> Result<Reading> {
    let valid = data.len() >= SWITCHBOARD_LENGTH && data.starts_with(&SWITCHBOARD_DISCRIMINATOR);
    require!(valid, EvertideError::OracleDataInvalid);
    let result_slot = u64::from_le_bytes(bytes(data, 2_368)?);
    let max_staleness = u32::from_le_bytes(bytes(data, 2_392)?);
    require_cmp!(slot.saturating_sub(result_slot), <=, u64::from(max_staleness), EvertideError::OracleFeedStale);
    let deviation = i128::from_le_bytes(bytes(data, 2_280)?);
    let updated_s = i64::from_le_bytes(bytes(data, 2_216)?);
    Ok(Reading {
        mantissa: i128::from_le_bytes(bytes(data, 2_264)?),
        confidence: deviation.checked_abs().or_refuse()?,
        exponent: SWITCHBOARD_EXPONENT,
        publish_time_ms: updated_s.checked_mul(1_000).or_refuse()?,
        samples: u32::from(data[2_360]),
        samples_min: u32::from(data[2_215]),
    })
}

fn bytes<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N]> {
    let end = at.checked_add(N).or_refuse()?;
    let slice = data.get(at..end).ok_or(EvertideError::OracleDataInvalid)?;
    slice.try_into().map_err(|_| EvertideError::OracleDataInvalid.into())
}
