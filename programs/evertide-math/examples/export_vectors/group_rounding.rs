//! Directed rounding and conversions of units.

use evertide_math::{round, PriceQ32};

use crate::registry::{atoms, bps, narrow, price, tick_value, ticks, unshaped, Function, Kind};
use Kind::{Atoms, Bps, Divisor, Price, Shift, SignedDivisor, TickValue, Ticks, I64, U64};

macro_rules! function {
    ($name:literal, [$($kind:expr),*], $run:expr) => {
        Function { name: $name, inputs: &[$($kind),*], outputs: 1, run: |v| Ok(vec![i128::from($run(v)?)]), shape: unshaped }
    };
}

type Raw<'a> = &'a [i128];

pub fn functions() -> Vec<Function> {
    vec![
        function!("mul_div_floor", [U64, U64, Divisor], |v: Raw| round::mul_div_floor(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("mul_div_ceil", [U64, U64, Divisor], |v: Raw| round::mul_div_ceil(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("mul_shift_floor", [U64, U64, Shift], |v: Raw| round::mul_shift_floor(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("mul_shift_ceil", [U64, U64, Shift], |v: Raw| round::mul_shift_ceil(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("signed_mul_div_floor", [I64, U64, Divisor], |v: Raw| round::signed_mul_div_floor(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("signed_mul_div_ceil", [I64, U64, Divisor], |v: Raw| round::signed_mul_div_ceil(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("signed_mul_div_trunc", [I64, U64, Divisor], |v: Raw| round::signed_mul_div_trunc(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("signed_mul_shift_floor", [I64, U64, Shift], |v: Raw| round::signed_mul_shift_floor(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("signed_mul_shift_ceil", [I64, U64, Shift], |v: Raw| round::signed_mul_shift_ceil(
            narrow(v[0])?,
            narrow(v[1])?,
            narrow(v[2])?
        )),
        function!("div_floor", [I64, SignedDivisor], |v: Raw| round::div_floor(narrow(v[0])?, narrow(v[1])?)),
        function!("div_ceil", [I64, SignedDivisor], |v: Raw| round::div_ceil(narrow(v[0])?, narrow(v[1])?)),
        function!("div_trunc", [I64, SignedDivisor], |v: Raw| round::div_trunc(narrow(v[0])?, narrow(v[1])?)),
        function!("price_from_ticks", [Ticks, TickValue], |v: Raw| PriceQ32::from_ticks(
            ticks(v[0])?,
            tick_value(v[1])?
        )
        .map(PriceQ32::get)),
        function!("ticks_floor", [Price, TickValue], |v: Raw| price(v[0])?
            .ticks_floor(tick_value(v[1])?)
            .map(|t| t.get())),
        function!("ticks_ceil", [Price, TickValue], |v: Raw| price(v[0])?
            .ticks_ceil(tick_value(v[1])?)
            .map(|t| t.get())),
        function!("price_below_floor", [Price, Bps], |v: Raw| price(v[0])?.below_floor(bps(v[1])?).map(PriceQ32::get)),
        function!("price_below_ceil", [Price, Bps], |v: Raw| price(v[0])?.below_ceil(bps(v[1])?).map(PriceQ32::get)),
        function!("price_above_floor", [Price, Bps], |v: Raw| price(v[0])?.above_floor(bps(v[1])?).map(PriceQ32::get)),
        function!("ratio_floor", [Atoms, Bps], |v: Raw| atoms(v[0])?.ratio_floor(bps(v[1])?).map(|a| a.get())),
        function!("ratio_ceil", [Atoms, Bps], |v: Raw| atoms(v[0])?.ratio_ceil(bps(v[1])?).map(|a| a.get())),
        function!("usd_ceil", [Atoms], |v: Raw| atoms(v[0]).map(|a| a.usd_ceil())),
    ]
}
