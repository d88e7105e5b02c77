//! The arithmetic of Evertide: one judge for the program, the SDK and the engine.
//!
//! Pure functions of integers: no accounts, no clock, no allocation, no float. Units are types,
//! every division names its direction, every input outside its guard is an error. The Python twin
//! `evertide.math` and the numba kernels agree with this crate to the last unit, on shared vectors.
#![no_std]
#![deny(clippy::arithmetic_side_effects, missing_docs, unsafe_code)]

pub mod bands;
pub mod collateral;
pub mod debt;
pub mod error;
pub mod fees;
pub mod funding;
pub mod index;
pub mod liquidation;
pub mod margin;
pub mod mark;
pub mod notional;
pub mod oracle;
pub mod orders;
pub mod pnl;
pub mod priority;
pub mod round;
pub mod settle;
pub mod signed;
pub mod units;

pub use error::{MathError, MathResult};
pub use units::{Atoms, AtomsPerLotTick, Bps, CollateralPriceQ48, Lots, Millis, Ppm, PriceQ32, RateE9, Side, Ticks};
