//! The log line that carries the two numbers of a failed comparison.

use anchor_lang::prelude::*;

use crate::error::EvertideError;

/// An integer that fits a sign and 64 bits.
pub trait Number {
    /// Whether it is negative, and its absolute value.
    fn parts(self) -> (bool, u64);
}

macro_rules! unsigned_numbers {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            #[inline(always)]
            fn parts(self) -> (bool, u64) {
                (false, self as u64)
            }
        }
    )*};
}

macro_rules! signed_numbers {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            #[inline(always)]
            fn parts(self) -> (bool, u64) {
                let value = self as i64;
                (value < 0, value.unsigned_abs())
            }
        }
    )*};
}

unsigned_numbers!(u8, u16, u32, u64, usize);
signed_numbers!(i16, i32, i64);

/// Logs `evertide: <left> <right>` and returns the error.
#[cold]
#[inline(never)]
pub fn refuse<L: Number, R: Number>(left: L, right: R, error: EvertideError) -> Error {
    log_pair(left.parts(), right.parts());
    error.into()
}

const PREFIX: &[u8] = b"evertide: ";
/// Prefix, two signs, two numbers of at most 20 digits, one blank.
const LINE_MAX: usize = 64;

#[cold]
#[inline(never)]
fn log_pair(left: (bool, u64), right: (bool, u64)) {
    let mut line = Line { bytes: [0; LINE_MAX], length: 0 };
    for byte in PREFIX {
        line.push(*byte);
    }
    line.push_number(left);
    line.push(b' ');
    line.push_number(right);
    if let Ok(text) = core::str::from_utf8(line.bytes.get(..line.length).unwrap_or_default()) {
        anchor_lang::solana_msg::sol_log(text);
    }
}

struct Line {
    bytes: [u8; LINE_MAX],
    length: usize,
}

impl Line {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    fn push_number(&mut self, (negative, magnitude): (bool, u64)) {
        if negative {
            self.push(b'-');
        }
        let mut divisor = 10_000_000_000_000_000_000_u64;
        let mut started = false;
        while divisor > 0 {
            let digit = magnitude.checked_div(divisor).unwrap_or(0).checked_rem(10).unwrap_or(0);
            started = started || digit > 0 || divisor == 1;
            if started {
                self.push(b'0'.wrapping_add(digit as u8));
            }
            divisor = divisor.checked_div(10).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: (bool, u64)) -> String {
        let mut line = Line { bytes: [0; LINE_MAX], length: 0 };
        line.push_number(number);
        String::from_utf8(line.bytes[..line.length].to_vec()).unwrap()
    }

    #[test]
    fn numbers_print_as_decimal() {
        for value in [0_i64, 1, -1, 9, 10, -10, 1_234_567, i64::MAX, i64::MIN] {
            assert_eq!(text(value.parts()), value.to_string());
        }
        assert_eq!(text(u64::MAX.parts()), u64::MAX.to_string());
    }

    #[test]
    fn the_longest_line_fits() {
        let signs_and_digits = 2_usize.saturating_mul(1 + 20);
        assert!(PREFIX.len().saturating_add(signs_and_digits).saturating_add(1) <= LINE_MAX);
    }
}
