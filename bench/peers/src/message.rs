//! The stream's file: records of 32 bytes, little-endian, as `bench/streams.py` writes them.

pub const GTC: u8 = 0;
pub const IOC: u8 = 1;
pub const POST_ONLY: u8 = 2;
pub const CANCEL: u8 = 3;
pub const MOVE: u8 = 4;

const RECORD_BYTES: usize = 32;

/// One message.
#[derive(Clone, Copy)]
pub struct Message {
    pub order_id: u64,
    pub price_ticks: u64,
    pub lots: u64,
    pub kind: u8,
    /// 0 bid, 1 ask.
    pub side: u8,
}

/// One fill at the maker's price.
#[derive(Clone, Copy)]
pub struct Fill {
    pub taker_id: u64,
    pub maker_id: u64,
    pub price_ticks: u64,
    pub lots: u64,
}

/// One price at which orders rest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Level {
    pub side: u64,
    pub price_ticks: u64,
    pub lots: u64,
}

/// All messages of a file.
pub fn read(path: &str) -> Vec<Message> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(bytes.len() % RECORD_BYTES, 0, "{path}: not whole records of {RECORD_BYTES} bytes");
    let word = |record: &[u8], at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
    bytes
        .chunks_exact(RECORD_BYTES)
        .map(|record| Message {
            order_id: word(record, 0),
            price_ticks: word(record, 8),
            lots: word(record, 16),
            kind: record[28],
            side: record[29],
        })
        .collect()
}
