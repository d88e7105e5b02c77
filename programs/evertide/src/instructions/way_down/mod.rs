//! What happens to an account that cannot carry its positions: liquidation, bankruptcy, deleveraging. By anyone.

pub mod liquidate_collateral;
pub mod liquidate_orders;
pub mod liquidate_position;
pub mod liquidate_to_backstop;
pub mod liquidate_with_orders;
pub mod resolve_bankruptcy;

pub use liquidate_collateral::*;
pub use liquidate_orders::*;
pub use liquidate_position::*;
pub use liquidate_to_backstop::*;
pub use liquidate_with_orders::*;
pub use resolve_bankruptcy::*;
