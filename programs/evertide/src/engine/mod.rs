//! What instructions share: load, compute with `evertide-math`, write back.

pub mod margin;
pub mod position;
