//! The byte format, described in `main.rs`.

use crate::generate::{inputs, Random};
use crate::registry::functions;

fn push_number(bytes: &mut Vec<u8>, value: i128) {
    let all = value.to_le_bytes();
    let mut length = 0usize;
    while length < 16 && !fits(value, length) {
        length += 1;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(&all[..length]);
}

fn fits(value: i128, length: usize) -> bool {
    if length == 0 {
        return value == 0;
    }
    let unused = 128 - 8 * length as u32;
    (value << unused) >> unused == value
}

/// The whole file: `count` vectors, the functions in turn, from one seed.
pub fn export(count: u64, seed: u64) -> Vec<u8> {
    let table = functions();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"EVTMVEC1");
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&(table.len() as u16).to_le_bytes());
    for (id, function) in table.iter().enumerate() {
        bytes.extend_from_slice(&(id as u16).to_le_bytes());
        bytes.extend_from_slice(&[function.inputs.len() as u8, function.outputs as u8, function.name.len() as u8]);
        bytes.extend_from_slice(function.name.as_bytes());
    }
    let mut random = Random::new(seed);
    for number in 0..count {
        let id = (number % table.len() as u64) as usize;
        let function = &table[id];
        let arguments = inputs(function, &mut random);
        bytes.extend_from_slice(&(id as u16).to_le_bytes());
        match (function.run)(&arguments) {
            Ok(results) => {
                assert_eq!(results.len(), function.outputs, "{}", function.name);
                bytes.push(0);
                arguments.iter().chain(&results).for_each(|value| push_number(&mut bytes, *value));
            }
            Err(error) => {
                bytes.push(error as u8);
                arguments.iter().for_each(|value| push_number(&mut bytes, *value));
            }
        }
    }
    bytes
}
