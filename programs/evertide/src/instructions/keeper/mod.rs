//! What anyone does to keep the exchange moving.

pub mod accrue_debt;
pub mod accrue_market;
pub mod check_invariants;
pub mod execute_slice;
pub mod expire_orders;
pub mod fill_auction;
pub mod match_orders;
pub mod pay_builder;
pub mod pay_referrer;
pub mod place_signed_orders;
pub mod settle_pnl;
pub mod touch_position;
pub mod trigger_order;
pub mod update_mark;
pub mod update_oracle;
pub mod update_trailing;

pub use accrue_debt::*;
pub use accrue_market::*;
pub use check_invariants::*;
pub use execute_slice::*;
pub use expire_orders::*;
pub use fill_auction::*;
pub use match_orders::*;
pub use pay_builder::*;
pub use pay_referrer::*;
pub use place_signed_orders::*;
pub use settle_pnl::*;
pub use touch_position::*;
pub use trigger_order::*;
pub use update_mark::*;
pub use update_oracle::*;
pub use update_trailing::*;
