//! Small named checks. A check that compares numbers logs both before it refuses.

pub mod bounds;
pub mod clock;
pub mod ed25519;
pub mod gate;
pub mod nonce;
pub mod number;
pub mod role;
pub mod timelock;

pub use clock::{now, Now};
pub use gate::Gate;
pub use number::refuse;

/// `require_cmp!(left, <=, right, error)`: passes when the comparison holds; otherwise logs
/// `evertide: <left> <right>` (decimal integers) and returns the typed error.
#[macro_export]
macro_rules! require_cmp {
    ($left:expr, $op:tt, $right:expr, $error:expr $(,)?) => {{
        let (left, right) = ($left, $right);
        if !(left $op right) {
            return Err($crate::guards::refuse(left, right, $error));
        }
    }};
}
