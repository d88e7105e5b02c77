//! Stakes in the insurance fund.

pub mod claim_unstake;
pub mod request_unstake;
pub mod stake_insurance;

pub use claim_unstake::*;
pub use request_unstake::*;
pub use stake_insurance::*;
