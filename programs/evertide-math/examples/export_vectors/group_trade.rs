//! Notional, fills, order priority and bands.

use evertide_math::pnl::{self, Filled, Holding};
use evertide_math::priority::{self, OrderRank};
use evertide_math::{bands, notional, MathResult};

use crate::generate::{near, Random};
use crate::registry::{
    atoms, bps, lots, millis, narrow, price, rate, side, tick_value, ticks, unshaped, Function, Kind,
};
use Kind::{Atoms, Below, Bps, Lots, Millis, Price, Rate, Size, TickValue, Ticks, U64};

const SIDE: Kind = Below(2);

pub fn functions() -> Vec<Function> {
    let mut all = notional_functions();
    all.extend(fill_functions());
    all.extend(priority_functions());
    all.extend(band_functions());
    all.extend(limit_functions());
    all.extend(order_limit_functions());
    all
}

/// One time in three the product is put next to its guard.
fn notional_at_guard(v: &mut [i128], random: &mut Random) {
    let size = v[0].abs();
    if random.one_in(3) && size > 8 {
        v[1] = (((1i128 << 53) << 32) / size + random.between(-2, 2)).clamp(0, (1 << 62) - 1);
    }
}

fn fill_at_guard(v: &mut [i128], random: &mut Random) {
    let per_tick = v[0].abs() * v[2];
    if random.one_in(3) && per_tick > 8 {
        v[1] = ((1i128 << 53) / per_tick + random.between(-1, 1)).clamp(0, (1 << 40) - 1);
    }
}

fn entry_share(v: &mut [i128], random: &mut Random) {
    v[1] = if v[2] == 0 { 0 } else { random.between(0, v[2].abs()) * v[2].signum() };
}

/// A holding whose entry belongs to its size, and a fill near its price, closing it now and then.
fn holding_fill(v: &mut [i128], random: &mut Random) {
    v[5] = near(v[5].min(1 << 30), random).max(1);
    v[6] = v[6].clamp(1, 1_000);
    v[2] = v[0] * near(v[5], random) * v[6];
    if random.one_in(4) && v[0] != 0 {
        v[4] = v[0].abs() + random.between(-1, 1);
    }
}

fn notional_functions() -> Vec<Function> {
    vec![
        Function {
            name: "fill_notional",
            inputs: &[Lots, Ticks, TickValue],
            outputs: 1,
            shape: fill_at_guard,
            run: |v| Ok(vec![notional::fill_notional(lots(v[0])?, ticks(v[1])?, tick_value(v[2])?)?.get().into()]),
        },
        Function {
            name: "notional_floor",
            inputs: &[Lots, Price],
            outputs: 1,
            shape: notional_at_guard,
            run: |v| Ok(vec![notional::notional_floor(lots(v[0])?, price(v[1])?)?.get().into()]),
        },
        Function {
            name: "notional_ceil",
            inputs: &[Lots, Price],
            outputs: 1,
            shape: notional_at_guard,
            run: |v| Ok(vec![notional::notional_ceil(lots(v[0])?, price(v[1])?)?.get().into()]),
        },
        Function {
            name: "signed_value_floor",
            inputs: &[Lots, Price],
            outputs: 1,
            shape: notional_at_guard,
            run: |v| Ok(vec![notional::signed_value_floor(lots(v[0])?, price(v[1])?)?.get().into()]),
        },
        Function {
            name: "position_value",
            inputs: &[Lots, Price, Atoms],
            outputs: 1,
            shape: notional_at_guard,
            run: |v| Ok(vec![notional::position_value(lots(v[0])?, atoms(v[2])?, price(v[1])?)?.get().into()]),
        },
        Function {
            name: "unrealised",
            inputs: &[Lots, Price, Atoms],
            outputs: 1,
            shape: notional_at_guard,
            run: |v| Ok(vec![notional::unrealised(lots(v[0])?, atoms(v[2])?, price(v[1])?)?.get().into()]),
        },
    ]
}

fn fill_functions() -> Vec<Function> {
    vec![
        Function {
            name: "realised",
            inputs: &[Atoms, Atoms],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![notional::realised(atoms(v[0])?, atoms(v[1])?)?.get().into()]),
        },
        Function {
            name: "worse_price",
            inputs: &[Lots, Price, Price],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![notional::worse_price(lots(v[0])?, price(v[1])?, price(v[2])?).get().into()]),
        },
        Function {
            name: "remaining_entry",
            inputs: &[Atoms, Lots, Lots],
            outputs: 1,
            shape: entry_share,
            run: |v| Ok(vec![pnl::remaining_entry(atoms(v[0])?, lots(v[1])?, lots(v[2])?)?.get().into()]),
        },
        Function {
            name: "apply_fill",
            inputs: &[Lots, Atoms, Atoms, SIDE, Size, Ticks, TickValue],
            outputs: 7,
            shape: holding_fill,
            run: apply_fill,
        },
        Function {
            name: "apply_transfer",
            inputs: &[Lots, Atoms, Atoms, Lots, Atoms],
            outputs: 7,
            shape: |v, random| {
                if random.one_in(4) {
                    v[3] = -v[0] + random.between(-1, 1);
                }
                v[4] = if random.one_in(8) { v[4] } else { v[4].abs() * v[3].signum() };
            },
            run: |v| {
                let before = Holding { size: lots(v[0])?, cash: atoms(v[1])?, entry: atoms(v[2])? };
                Ok(filled(&pnl::apply_transfer(before, lots(v[3])?, atoms(v[4])?)?))
            },
        },
    ]
}

fn priority_functions() -> Vec<Function> {
    vec![
        Function {
            name: "order_hash",
            inputs: &[U64, U64, U64, U64, U64, U64],
            outputs: 1,
            shape: unshaped,
            run: |v| {
                let mut key = [0u8; 32];
                for (chunk, word) in key.chunks_exact_mut(8).zip(&v[1..5]) {
                    chunk.copy_from_slice(&narrow::<u64>(*word)?.to_le_bytes());
                }
                Ok(vec![priority::order_hash(narrow(v[0])?, &key, narrow(v[5])?).into()])
            },
        },
        Function {
            name: "compare_orders",
            inputs: &[SIDE, Ticks, U64, U64, Ticks, U64, U64],
            outputs: 1,
            shape: |v, random| {
                v[4] = v[1] + random.between(-1, 1);
                v[5] = v[2] + random.between(-1, 1);
                v[6] = v[3] + random.between(-1, 1);
            },
            run: |v| {
                let left = OrderRank { price: ticks(v[1])?, placed_slot: narrow(v[2])?, hash: narrow(v[3])? };
                let right = OrderRank { price: ticks(v[4])?, placed_slot: narrow(v[5])?, hash: narrow(v[6])? };
                Ok(vec![priority::compare(side(v[0])?, &left, &right) as i128])
            },
        },
    ]
}

fn apply_fill(v: &[i128]) -> MathResult<Vec<i128>> {
    let before = Holding { size: lots(v[0])?, cash: atoms(v[1])?, entry: atoms(v[2])? };
    Ok(filled(&pnl::apply_fill(before, side(v[3])?, lots(v[4])?, ticks(v[5])?, tick_value(v[6])?)?))
}

fn filled(filled: &Filled) -> Vec<i128> {
    let after = filled.holding;
    [
        after.size.get(),
        after.cash.get(),
        after.entry.get(),
        filled.notional.get(),
        filled.closed.get(),
        filled.opened.get(),
        filled.realised.get(),
    ]
    .map(i128::from)
    .to_vec()
}

/// Prices that belong together and a small tick.
fn market_prices(v: &mut [i128], random: &mut Random) {
    v[1] = near(v[0], random).max(1);
    v[6] = v[6].clamp(1, 1_000);
}

/// A limit within a few per cent of the index, and a phase that is not over.
fn near_limit(v: &mut [i128], random: &mut Random) {
    v[5] = v[5].clamp(1, 1_000);
    v[2] = near((v[1] >> 32) / v[5], random).max(1);
    v[4] = random.between(0, 60_000);
    v[3] = random.between(0, v[4] + 1);
}

fn band_functions() -> Vec<Function> {
    vec![
        Function {
            name: "scaled_band",
            inputs: &[Bps, Rate, Rate],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![bands::scaled_band(bps(v[0])?, rate(v[1])?, rate(v[2])?)?.get().into()]),
        },
        Function {
            name: "price_band",
            inputs: &[Price, Price, Bps, Bps, Rate, Rate, TickValue],
            outputs: 2,
            shape: |v, random| {
                market_prices(v, random);
                v[4] = v[4].abs();
                v[5] = v[5].abs();
            },
            run: |v| {
                let terms = bands::BandTerms {
                    index_band: bps(v[2])?,
                    twap_band: bps(v[3])?,
                    reference_volatility: rate(v[5])?,
                };
                let band = bands::price_band(price(v[0])?, price(v[1])?, &terms, rate(v[4])?, tick_value(v[6])?)?;
                Ok(vec![band.low.get().into(), band.high.get().into()])
            },
        },
        Function {
            name: "update_volatility",
            inputs: &[Rate, Price, Price, Millis, Millis],
            outputs: 1,
            shape: |v, random| {
                v[0] = v[0].abs();
                v[2] = near(v[1], random);
            },
            run: |v| {
                Ok(vec![bands::update_volatility(
                    rate(v[0])?,
                    price(v[1])?,
                    price(v[2])?,
                    millis(v[3])?,
                    millis(v[4])?,
                )?
                .get()
                .into()])
            },
        },
    ]
}

fn limit_functions() -> Vec<Function> {
    vec![
        Function {
            name: "breaker_trips",
            inputs: &[Price, Price, Bps],
            outputs: 1,
            shape: |v, random| v[1] = near(v[0], random),
            run: |v| Ok(vec![bands::breaker_trips(price(v[0])?, price(v[1])?, bps(v[2])?)?.into()]),
        },
        Function {
            name: "ramp",
            inputs: &[Ticks, Ticks, Millis, Millis],
            outputs: 1,
            shape: |v, random| {
                v[3] = v[3].abs();
                v[2] = random.between(0, v[3] + 1);
            },
            run: |v| Ok(vec![bands::ramp(ticks(v[0])?, ticks(v[1])?, millis(v[2])?, millis(v[3])?)?.get().into()]),
        },
        Function {
            name: "taker_limit",
            inputs: &[SIDE, Price, Ticks, Millis, Millis, TickValue],
            outputs: 1,
            shape: near_limit,
            run: |v| {
                Ok(vec![bands::taker_limit(
                    side(v[0])?,
                    price(v[1])?,
                    ticks(v[2])?,
                    millis(v[3])?,
                    millis(v[4])?,
                    tick_value(v[5])?,
                )?
                .get()
                .into()])
            },
        },
    ]
}

fn order_limit_functions() -> Vec<Function> {
    vec![
        Function {
            name: "market_order_limit",
            inputs: &[SIDE, Price, Bps, TickValue],
            outputs: 1,
            shape: unshaped,
            run: |v| {
                Ok(vec![bands::market_order_limit(side(v[0])?, price(v[1])?, bps(v[2])?, tick_value(v[3])?)?
                    .get()
                    .into()])
            },
        },
        Function {
            name: "pegged_ticks",
            inputs: &[SIDE, Price, Kind::I64, TickValue],
            outputs: 1,
            shape: |v, random| {
                v[3] = v[3].clamp(1, 1_000);
                v[2] = random.between(-1_000, 1_000);
            },
            run: |v| {
                Ok(vec![bands::pegged_ticks(side(v[0])?, price(v[1])?, narrow(v[2])?, tick_value(v[3])?)?.get().into()])
            },
        },
        Function {
            name: "exceeds_slippage",
            inputs: &[SIDE, Price, Price, Bps],
            outputs: 1,
            shape: |v, random| v[2] = near(v[1], random),
            run: |v| Ok(vec![bands::exceeds_slippage(side(v[0])?, price(v[1])?, price(v[2])?, bps(v[3])?)?.into()]),
        },
    ]
}
