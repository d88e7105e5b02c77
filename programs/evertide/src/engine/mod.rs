//! What instructions share: load, compute with `evertide-math`, write back.

pub mod admin;
pub mod average;
pub mod change;

pub mod bankruptcy;
pub mod collateral_slots;
pub mod cover;
pub mod epoch;
pub mod evidence;
pub mod exposure;
pub mod feed;
pub mod fees;
pub mod fill;
pub mod funding;
pub mod invariants;
pub mod ladder;
pub mod liquidation;
pub mod load;
pub mod margin;
pub mod mark;
pub mod matching;
pub mod oracle;
pub mod orders;
pub mod place;
pub mod position;
pub mod quote;
pub mod row;
pub mod season;
pub mod session;
pub mod session_fill;
pub mod session_liquidation;
pub mod settle;
pub mod stake;
pub mod transfer;
pub mod withdrawal;
