//! One instruction per file: arguments, accounts, validation, handler.

pub mod admin;
pub mod guard;
pub mod insurance;
pub mod keeper;
pub mod trader;
pub mod way_down;

pub use admin::*;
pub use guard::*;
pub use insurance::*;
pub use keeper::*;
pub use trader::*;
pub use way_down::*;
