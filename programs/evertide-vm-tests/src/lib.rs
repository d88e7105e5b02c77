//! The built program in a virtual machine: a world to act in, instructions by name, readers, and checks.

pub mod admin;
pub mod args;
pub mod call;
pub mod campaign;
pub mod changes;
pub mod codec;
pub mod exchange;
pub mod feeds;
pub mod hits;
pub mod idl;
pub mod kinds;
pub mod machine;
pub mod money;
pub mod rewards;
pub mod runner;
pub mod signed;
pub mod soundness;
pub mod state;
pub mod tally;
pub mod terms;
pub mod token;
pub mod traders;
pub mod way_down;
pub mod wide;
pub mod world;
