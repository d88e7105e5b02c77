//! `evertide-bench-peers BOOK STREAM PREFILL BATCH REPEATS`: play a stream on another crate's order book.
//!
//! BOOK is `matchcore` or `orderbook-rs`. The stream's messages are turned into the crate's own commands before the
//! clock starts. One JSON object comes out: what was filled and what rests at the end, from a run of its own, and the
//! processor time of each batch of each repeat in nanoseconds.

mod by_matchcore;
mod by_orderbook_rs;
mod message;

use message::{Fill, Level, Message, read};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a run that is not timed found.
pub struct Outcome {
    pub fills: Vec<Fill>,
    pub levels: Vec<Level>,
}

#[derive(Serialize)]
struct Report {
    book: String,
    fills: usize,
    lots: u64,
    fills_sha256: String,
    levels: usize,
    levels_sha256: String,
    batches_ns: Vec<Vec<u64>>,
}

fn hexadecimal(words: impl Iterator<Item = u64>) -> String {
    let mut hash = Sha256::new();
    words.for_each(|word| hash.update(word.to_le_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report(book: &str, mut outcome: Outcome, batches_ns: Vec<Vec<u64>>) -> Report {
    outcome.levels.sort_unstable();
    Report {
        book: book.to_string(),
        fills: outcome.fills.len(),
        lots: outcome.fills.iter().map(|fill| fill.lots).sum(),
        fills_sha256: hexadecimal(
            outcome.fills.iter().flat_map(|fill| [fill.taker_id, fill.maker_id, fill.price_ticks, fill.lots]),
        ),
        levels: outcome.levels.len(),
        levels_sha256: hexadecimal(outcome.levels.iter().flat_map(|level| [level.side, level.price_ticks, level.lots])),
        batches_ns,
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [book, path, prefill, batch, repeats] = words.as_slice() else {
        eprintln!("usage: evertide-bench-peers BOOK STREAM PREFILL BATCH REPEATS");
        std::process::exit(2);
    };
    let number = |word: &str| word.parse::<usize>().unwrap_or_else(|_| panic!("not a number: {word}"));
    let (prefill, batch, repeats) = (number(prefill), number(batch), number(repeats));
    let messages: Vec<Message> = read(path);
    let (outcome, batches) = match book.as_str() {
        "matchcore" => (
            by_matchcore::play(&messages),
            (0..repeats).map(|_| by_matchcore::time(&messages, prefill, batch)).collect(),
        ),
        "orderbook-rs" => (
            by_orderbook_rs::play(&messages),
            (0..repeats).map(|_| by_orderbook_rs::time(&messages, prefill, batch)).collect(),
        ),
        other => panic!("no such book: {other}"),
    };
    println!("{}", serde_json::to_string(&report(book, outcome, batches)).expect("plain numbers"));
}
