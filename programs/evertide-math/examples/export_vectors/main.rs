//! Writes the test vectors that the Python twin and the numba kernels are held to.
//!
//! `cargo run -p evertide-math --example export_vectors -- <count> <seed> <file>`
//!
//! Format, all little-endian: the magic `EVTMVEC1`; seed u64; number of vectors u64; number of functions
//! u16; per function: id u16, inputs u8, outputs u8, length of the name u8, name. Then the vectors: id
//! u16, status u8 (0, or the discriminant of the `MathError`), the inputs, and for status 0 the
//! outputs. Each number: its length in bytes u8 (0 for zero), then that many bytes of two's
//! complement, least first; the range is that of i128. None is written as -1, false and true as 0, 1.
#![allow(clippy::arithmetic_side_effects)]

mod encode;
mod generate;
mod group_account;
mod group_fee;
mod group_index;
mod group_market;
mod group_rounding;
mod group_trade;
mod registry;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, seed, path] = arguments.as_slice() else {
        return Err("usage: export_vectors COUNT SEED FILE".into());
    };
    let bytes = encode::export(count.parse()?, seed.parse()?);
    std::fs::write(path, &bytes)?;
    println!("{count} vectors of {} functions, {} bytes", registry::functions().len(), bytes.len());
    Ok(())
}
