//! Admin: until `open_exchange`, root lists markets and collateral; later the timelock will.

pub mod collect_fees;
pub mod fund_insurance;
pub mod initialize_exchange;
pub mod list_collateral;
pub mod list_market;
pub mod open_exchange;

pub use collect_fees::*;
pub use fund_insurance::*;
pub use initialize_exchange::*;
pub use list_collateral::*;
pub use list_market::*;
pub use open_exchange::*;
