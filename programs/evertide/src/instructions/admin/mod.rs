//! Admin: until `open_exchange`, root lists markets and collateral; later whatever could hurt waits in the timelock.

pub mod claim_role;
pub mod collect_fees;
pub mod fund_insurance;
pub mod gate_disable;
pub mod gate_enable;
pub mod initialize_exchange;
pub mod lift_pause;
pub mod list_collateral;
pub mod list_market;
pub mod name_successor;
pub mod open_exchange;
pub mod pause;
pub mod set_market_status;

pub use claim_role::*;
pub use collect_fees::*;
pub use fund_insurance::*;
pub use gate_disable::*;
pub use gate_enable::*;
pub use initialize_exchange::*;
pub use lift_pause::*;
pub use list_collateral::*;
pub use list_market::*;
pub use name_successor::*;
pub use open_exchange::*;
pub use pause::*;
pub use set_market_status::*;
