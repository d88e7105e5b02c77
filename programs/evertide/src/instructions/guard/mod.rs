//! Assertions for a transaction's own safety, and views.

pub mod assert_health;
pub mod assert_position;
pub mod assert_sequence;
pub mod view_health;
pub mod view_market;

pub use assert_health::*;
pub use assert_position::*;
pub use assert_sequence::*;
pub use view_health::*;
pub use view_market::*;
