//! Instruction arguments with their borsh bytes. `tests/program` asserts their fields against the IDL.

/// Appends a value's borsh bytes.
pub trait Encode {
    fn encode(&self, out: &mut Vec<u8>);
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Encode for $kind {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
integers!(u8, u16, i16, u32, i32, u64, i64);

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        self.iter().for_each(|value| value.encode(out));
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.len() as u32).encode(out);
        self.iter().for_each(|item| item.encode(out));
    }
}

/// Borsh bytes of one value.
pub fn encoded<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

macro_rules! arguments {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $(pub $field: $kind),* }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$field.encode(out);)*
            }
        }

        impl $name {
            /// Field names with their types, in order, for the check against the IDL.
            pub fn schema() -> Vec<(String, String)> {
                vec![$((stringify!($field).to_string(), stringify!($kind).to_string())),*]
            }
        }
    };
}

arguments!(
    /// One order to place.
    OrderArgs {
        client_order_id: u64,
        market_index: u16,
        kind: u8,
        ask: bool,
        time_in_force: u8,
        reduce_only: bool,
        self_trade: u8,
        taker_phase_s: u8,
        price_ticks: u64,
        size_lots: u64,
        expiry_ms: i64,
        auction_start_ticks: u64,
        max_slippage_bps: u16,
        builder_plus_one: u8,
        builder_fee_tenth_bps: u16,
        group: u8,
        kind_args_plus_one: u8,
    }
);
arguments!(
    /// The part of an order that limit and market orders do without.
    KindArgs {
        not_before_ms: i64,
        trigger_ticks: u64,
        trigger_source: u8,
        trail_bps: u16,
        peg_offset_ticks: i64,
        display_lots: u64,
        slice_count: u16,
        slice_interval_s: u32,
    }
);
arguments!(
    /// Which orders to cancel.
    CancelArgs { by: u8, market_index: u16, ask: bool, ids: Vec<u64> }
);
arguments!(
    /// An order of the pair `account` in the remaining accounts.
    MakerRef { account: u8, order_id: u64 }
);
arguments!(
    /// Which accounts and market a signed order is for.
    SignedRef { account: u8, market: u8 }
);
arguments!(
    /// Orders of one side shown to update_mark, best first.
    EvidenceArgs { refs: Vec<MakerRef> }
);
arguments!(
    /// A price signed by the local feed's key.
    LocalPrice { price: u64, confidence: u64, publish_time_ms: i64 }
);
