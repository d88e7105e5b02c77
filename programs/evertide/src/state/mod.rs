//! Accounts: one per file. Zero-copy, fixed layout, every field with its unit.

pub mod collateral;
pub mod exchange;
pub mod insurance;
pub mod market;
pub mod orders;
pub mod risk_cache;
pub mod user;
pub mod words;

pub use collateral::*;
pub use exchange::*;
pub use insurance::*;
pub use market::*;
pub use orders::*;
pub use risk_cache::*;
pub use user::*;
pub use words::*;

/// Version byte of every account layout here.
pub const LAYOUT_VERSION: u8 = 1;

/// Address seeds. Fixed-length parts only, so that no two accounts can collide.
pub mod seeds {
    pub const EXCHANGE: &[u8] = b"exchange";
    pub const RISK: &[u8] = b"risk";
    pub const MARKET: &[u8] = b"market";
    pub const COLLATERAL: &[u8] = b"collateral";
    pub const VAULT: &[u8] = b"vault";
    pub const USER: &[u8] = b"user";
    pub const ORDERS: &[u8] = b"orders";
    pub const INSURANCE: &[u8] = b"insurance";
    pub const STAKE: &[u8] = b"stake";
    pub const CHANGE: &[u8] = b"change";
}
