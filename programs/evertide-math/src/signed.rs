//! The message that a signed order is, and the window of nonces that lets each be used once.

use crate::error::{MathError, MathResult};

/// Bytes of the message.
pub const SIGNED_ORDER_BYTES: usize = 56;
/// Bytes of its domain: the first of a hash over all that the order is bound to.
pub const SIGNED_DOMAIN_BYTES: usize = 12;
/// The hash is over this tag, the cluster's genesis hash, the program's address and the address of the `User`.
/// Its last byte is the version of the layout.
pub const SIGNED_ORDER_TAG: &[u8] = b"evertide signed order\x01";
/// A nonce may lie this far ahead of the chain's clock, ms.
pub const NONCE_AHEAD_MAX_MS: i64 = 5_000;
/// Longest time from its nonce in which a signed order can be placed, s.
pub const SIGNED_WINDOW_MAX_S: u16 = 300;
/// The same for a market order, s.
pub const SIGNED_MARKET_WINDOW_MAX_S: u16 = 60;
/// Nonces that the window remembers one by one.
pub const NONCES_MAX: usize = 16;

/// Bit of the flags: ask; clear: bid.
const FLAG_ASK: u8 = 1;
/// Bit of the flags: may only reduce the position.
const FLAG_REDUCE_ONLY: u8 = 2;
/// Prices take five bytes: they are below 2^40 ticks.
const PRICE_BYTES: usize = 5;

/// What an owner signs off chain. The nonce is also the order's client order id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedOrder {
    /// Unix ms at signing; used once.
    pub nonce_ms: i64,
    /// Size, lots.
    pub size_lots: u64,
    /// Limit price; for a market order its worst price, which it must have. Ticks.
    pub price_ticks: u64,
    /// Effective limit at the start of the taker phase, ticks; 0 = index +- 5 bps.
    pub auction_start_ticks: u64,
    /// The order dies this long after its nonce, s; 0 = never.
    pub life_s: u32,
    /// It can be placed until this long after its nonce, s.
    pub window_s: u16,
    /// Market index.
    pub market_index: u16,
    /// Maximum slippage against index, bps; 0 = none.
    pub max_slippage_bps: u16,
    /// Builder's fee, tenths of a bp.
    pub builder_fee_tenth_bps: u16,
    /// Builder table index + 1; 0 = none.
    pub builder_plus_one: u8,
    /// Length of the taker phase, s.
    pub taker_phase_s: u8,
    /// Order kind: 0 limit, 1 market.
    pub kind: u8,
    /// Time in force.
    pub time_in_force: u8,
    /// Self-trade rule.
    pub self_trade: u8,
    /// Sells.
    pub ask: bool,
    /// May only reduce the position.
    pub reduce_only: bool,
}

impl SignedOrder {
    /// The bytes to sign. [`MathError::OutOfRange`] when a price does not fit five bytes.
    pub fn encode(&self, domain: &[u8; SIGNED_DOMAIN_BYTES]) -> MathResult<[u8; SIGNED_ORDER_BYTES]> {
        let mut writer = Writer { bytes: [0; SIGNED_ORDER_BYTES], at: 0 };
        writer.put(domain)?;
        writer.put(&self.nonce_ms.to_le_bytes())?;
        writer.put(&self.size_lots.to_le_bytes())?;
        writer.put(&price_bytes(self.price_ticks)?)?;
        writer.put(&price_bytes(self.auction_start_ticks)?)?;
        writer.put(&self.life_s.to_le_bytes())?;
        writer.put(&self.window_s.to_le_bytes())?;
        writer.put(&self.market_index.to_le_bytes())?;
        writer.put(&self.max_slippage_bps.to_le_bytes())?;
        writer.put(&self.builder_fee_tenth_bps.to_le_bytes())?;
        let ask = if self.ask { FLAG_ASK } else { 0 };
        let flags = if self.reduce_only { ask | FLAG_REDUCE_ONLY } else { ask };
        writer.put(&[
            self.builder_plus_one,
            self.taker_phase_s,
            self.kind,
            self.time_in_force,
            self.self_trade,
            flags,
        ])?;
        Ok(writer.bytes)
    }

    /// The domain and the order that `bytes` hold. [`MathError::OutOfRange`] when a bit is set that means nothing.
    pub fn decode(bytes: &[u8; SIGNED_ORDER_BYTES]) -> MathResult<([u8; SIGNED_DOMAIN_BYTES], Self)> {
        let mut reader = Reader { bytes, at: 0 };
        let domain = reader.take()?;
        let order = Self {
            nonce_ms: i64::from_le_bytes(reader.take()?),
            size_lots: u64::from_le_bytes(reader.take()?),
            price_ticks: reader.price()?,
            auction_start_ticks: reader.price()?,
            life_s: u32::from_le_bytes(reader.take()?),
            window_s: u16::from_le_bytes(reader.take()?),
            market_index: u16::from_le_bytes(reader.take()?),
            max_slippage_bps: u16::from_le_bytes(reader.take()?),
            builder_fee_tenth_bps: u16::from_le_bytes(reader.take()?),
            ..Self::default()
        };
        let [builder_plus_one, taker_phase_s, kind, time_in_force, self_trade, flags] = reader.take()?;
        if flags & !(FLAG_ASK | FLAG_REDUCE_ONLY) != 0 {
            return Err(MathError::OutOfRange);
        }
        let (ask, reduce_only) = (flags & FLAG_ASK != 0, flags & FLAG_REDUCE_ONLY != 0);
        let codes =
            Self { builder_plus_one, taker_phase_s, kind, time_in_force, self_trade, ask, reduce_only, ..order };
        Ok((domain, codes))
    }
}

fn price_bytes(price_ticks: u64) -> MathResult<[u8; PRICE_BYTES]> {
    let [a, b, c, d, e, rest @ ..] = price_ticks.to_le_bytes();
    if rest == [0; 3] {
        Ok([a, b, c, d, e])
    } else {
        Err(MathError::OutOfRange)
    }
}

struct Writer {
    bytes: [u8; SIGNED_ORDER_BYTES],
    at: usize,
}

impl Writer {
    fn put(&mut self, part: &[u8]) -> MathResult<()> {
        let end = self.at.checked_add(part.len()).ok_or(MathError::Overflow)?;
        self.bytes.get_mut(self.at..end).ok_or(MathError::Overflow)?.copy_from_slice(part);
        self.at = end;
        Ok(())
    }
}

struct Reader<'a> {
    bytes: &'a [u8; SIGNED_ORDER_BYTES],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> MathResult<[u8; N]> {
        let end = self.at.checked_add(N).ok_or(MathError::Overflow)?;
        let part = self.bytes.get(self.at..end).ok_or(MathError::Overflow)?;
        self.at = end;
        part.try_into().map_err(|_| MathError::Overflow)
    }

    fn price(&mut self) -> MathResult<u64> {
        let [a, b, c, d, e] = self.take()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]))
    }
}

/// Marks a nonce as used. Returns false, and changes nothing, when it was used before or is too old to tell.
///
/// `window` holds the greatest nonces used, 0 in free slots; every nonce at or below `base` counts as used. A full window
/// drops its least, which becomes the base: what is dropped stays used, and so does everything below it.
pub fn use_nonce(base: &mut i64, window: &mut [u64; NONCES_MAX], nonce_ms: i64) -> bool {
    let Ok(nonce) = u64::try_from(nonce_ms) else {
        return false;
    };
    if nonce_ms <= *base || window.contains(&nonce) {
        return false;
    }
    // Free slots hold 0: they are the least as long as there are any.
    let mut least = 0;
    for (at, held) in window.iter().enumerate() {
        if window.get(least).is_some_and(|known| held < known) {
            least = at;
        }
    }
    let dropped = match window.get_mut(least) {
        Some(slot) if *slot < nonce => core::mem::replace(slot, nonce),
        _ => nonce,
    };
    if dropped != 0 {
        *base = i64::try_from(dropped).map_or(*base, |dropped| dropped.max(*base));
    }
    true
}
