//! Streams test vectors of one formula, drawn by the generator of `evertide-math`'s `export_vectors` and answered by
//! the crate. `scripts/parity` reads them.
//!
//! `stream_vectors` alone prints `name inputs outputs`, a line for each formula. `stream_vectors NAME COUNT SEED`
//! writes `COUNT` records: the status (0, or the discriminant of the `MathError`), the inputs, the outputs (zeros
//! where there is an error), each number 16 bytes of little-endian two's complement. It ends early and in peace when
//! its reader has had enough.
#![allow(clippy::arithmetic_side_effects)]

#[path = "../../../../programs/evertide-math/examples/export_vectors/generate.rs"]
mod generate;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_account.rs"]
mod group_account;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_fee.rs"]
mod group_fee;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_index.rs"]
mod group_index;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_market.rs"]
mod group_market;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_rounding.rs"]
mod group_rounding;
#[path = "../../../../programs/evertide-math/examples/export_vectors/group_trade.rs"]
mod group_trade;
#[path = "../../../../programs/evertide-math/examples/export_vectors/registry.rs"]
mod registry;

use std::error::Error;
use std::io::{BufWriter, ErrorKind, Write};

use generate::{inputs, Random};
use registry::{functions, Function};

const BUFFER_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => list(),
        [name, count, seed] => {
            let table = functions();
            let found = table.iter().find(|function| function.name == name);
            let function = found.ok_or_else(|| format!("no formula is called {name}"))?;
            match stream(function, count.parse()?, seed.parse()?) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                result => Ok(result?),
            }
        }
        _ => Err("usage: stream_vectors [NAME COUNT SEED]".into()),
    }
}

fn list() -> Result<(), Box<dyn Error>> {
    for function in functions() {
        println!("{} {} {}", function.name, function.inputs.len(), function.outputs);
    }
    Ok(())
}

fn stream(function: &Function, count: u64, seed: u64) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    let mut random = Random::new(seed);
    for _ in 0..count {
        let given = inputs(function, &mut random);
        let (status, results) = match (function.run)(&given) {
            Ok(results) => (0i128, results),
            Err(error) => (error as i128, vec![0; function.outputs]),
        };
        assert_eq!(results.len(), function.outputs, "{}", function.name);
        for number in std::iter::once(&status).chain(&given).chain(&results) {
            out.write_all(&number.to_le_bytes())?;
        }
    }
    out.flush()
}
