//! What the owner of a sub-account does.

pub mod cancel_all_after;
pub mod cancel_nonce;
pub mod cancel_orders;
pub mod claim_withdraw;
pub mod close_user;
pub mod commit_order;
pub mod create_user;
pub mod deposit;
pub mod extend_account;
pub mod modify_order;
pub mod place_orders;
pub mod request_withdraw;
pub mod reveal_order;
pub mod set_delegate;
pub mod set_limits;
pub mod transfer;
pub mod withdraw;

pub use cancel_all_after::*;
pub use cancel_nonce::*;
pub use cancel_orders::*;
pub use claim_withdraw::*;
pub use close_user::*;
pub use commit_order::*;
pub use create_user::*;
pub use deposit::*;
pub use extend_account::*;
pub use modify_order::*;
pub use place_orders::*;
pub use request_withdraw::*;
pub use reveal_order::*;
pub use set_delegate::*;
pub use set_limits::*;
pub use transfer::*;
pub use withdraw::*;
