//! The committed vectors, which the Python twin and the numba kernels are held to, are what this crate computes today.
//!
//! A change of any formula shows here as the first function that differs, before the twins are asked.
#![allow(clippy::arithmetic_side_effects, reason = "a test")]

#[path = "../examples/export_vectors/encode.rs"]
mod encode;
#[path = "../examples/export_vectors/generate.rs"]
mod generate;
#[path = "../examples/export_vectors/group_account.rs"]
mod group_account;
#[path = "../examples/export_vectors/group_fee.rs"]
mod group_fee;
#[path = "../examples/export_vectors/group_index.rs"]
mod group_index;
#[path = "../examples/export_vectors/group_market.rs"]
mod group_market;
#[path = "../examples/export_vectors/group_rounding.rs"]
mod group_rounding;
#[path = "../examples/export_vectors/group_trade.rs"]
mod group_trade;
#[path = "../examples/export_vectors/registry.rs"]
mod registry;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/parity/vectors.bin");
/// Where the seed and the number of vectors stand in the file.
const SEED: std::ops::Range<usize> = 8..16;
const COUNT: std::ops::Range<usize> = 16..24;

#[test]
fn the_committed_vectors_are_what_the_crate_computes() {
    let committed = std::fs::read(COMMITTED).expect("the committed vectors");
    let word = |range: std::ops::Range<usize>| u64::from_le_bytes(committed[range].try_into().expect("eight bytes"));
    let computed = encode::export(word(COUNT), word(SEED));
    let differ = computed.iter().zip(&committed).position(|(ours, theirs)| ours != theirs);
    assert_eq!(differ, None, "the vectors differ from this byte on; {} functions", registry::functions().len());
    assert_eq!(computed.len(), committed.len(), "the vectors are of another length");
}
