//! The engine on plain state, without a virtual machine: one file per theme.

// An overflow in a test is a panic, which is what a test wants.
#![allow(clippy::arithmetic_side_effects)]

mod changes;
mod common;
mod funding;
mod margin;
mod matching;
mod orders;
mod position;
mod rewards;
mod settle;
