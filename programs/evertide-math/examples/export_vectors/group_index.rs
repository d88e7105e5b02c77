//! The index of a side, funding, and settlement of debt and profit.

use evertide_math::debt::{self, DebtLimits};
use evertide_math::funding::{self, PremiumAverage};
use evertide_math::index::{self, SideIndex, Snapshot};
use evertide_math::settle::{self, SettleInput};
use evertide_math::MathResult;

use crate::generate::{near, Random};
use crate::registry::{atoms, bps, lots, millis, narrow, optional_price, price, rate, unshaped, Function, Kind};
use Kind::{
    Amount, Atoms, Below, Bps, CashIndex, DebtIndex, Epoch, Lots, Millis, OpenInterest, OptionalPrice, Price, Rate,
    Remainder, SizeFactor, I64, U64,
};

pub fn functions() -> Vec<Function> {
    let mut all = index_functions();
    all.extend(funding_functions());
    all.extend(balance_functions());
    all
}

/// A snapshot of the side's own past: same epoch or the one before, `A` not below today's.
fn own_past(v: &mut [i128], random: &mut Random) {
    v[3] = v[3].clamp(0, 1 << 30);
    v[7] = v[3] + random.between(0, 5) / 4;
    match random.word() % 4 {
        0 => v[1] = 1 << 48,
        1 => v[1] = v[4],
        _ => v[1] = random.between(v[4].clamp(0, 1 << 48), 1 << 48),
    }
    if random.one_in(2) {
        v[5] = v[2] + random.between(-(1 << 60), 1 << 60);
    }
}

fn fold_with(v: &[i128], cached: bool) -> MathResult<Vec<i128>> {
    let position = Snapshot { basis: lots(v[0])?, a: narrow(v[1])?, j: v[2], epoch: narrow(v[3])? };
    let side = SideIndex { a: narrow(v[4])?, j: v[5], j_previous: v[6], epoch: narrow(v[7])? };
    let folded = if cached { index::fold_cached(&position, &side)? } else { index::fold(&position, &side)? };
    Ok(vec![folded.size.get().into(), folded.cash_delta.get().into(), folded.dropped_q16.into()])
}

const FOLD: &[Kind] = &[Lots, SizeFactor, CashIndex, Epoch, SizeFactor, CashIndex, CashIndex, Epoch];

fn index_functions() -> Vec<Function> {
    vec![
        Function { name: "fold", inputs: FOLD, outputs: 3, shape: own_past, run: |v| fold_with(v, false) },
        Function { name: "fold_cached", inputs: FOLD, outputs: 3, shape: own_past, run: |v| fold_with(v, true) },
        Function {
            name: "dropped_value",
            inputs: &[Lots, U64, Price],
            outputs: 1,
            shape: |v, random| v[1] = random.between(0, 1 << index::DROPPED_BITS),
            run: |v| Ok(vec![index::dropped_value(lots(v[0])?, narrow(v[1])?, price(v[2])?)?.get().into()]),
        },
        Function {
            name: "accrue_funding",
            inputs: &[SizeFactor, CashIndex, SizeFactor, CashIndex, Rate, Price, Millis, Remainder],
            outputs: 3,
            shape: |v, random| {
                v[6] = v[6].rem_euclid(1 << 32);
                if random.one_in(2) {
                    (v[0], v[2]) = (1 << 48, 1 << 48);
                }
            },
            run: |v| {
                let long = SideIndex { a: narrow(v[0])?, j: v[1], ..SideIndex::FRESH };
                let short = SideIndex { a: narrow(v[2])?, j: v[3], ..SideIndex::FRESH };
                let accrued =
                    index::accrue_funding(&long, &short, rate(v[4])?, price(v[5])?, millis(v[6])?, narrow(v[7])?)?;
                Ok(vec![accrued.long.j, accrued.short.j, accrued.remainder.into()])
            },
        },
        Function {
            name: "deleverage",
            inputs: &[SizeFactor, CashIndex, Below(2), OpenInterest, OpenInterest, Price],
            outputs: 2,
            shape: |v, random| {
                v[4] = random.between(0, v[3]);
                if random.one_in(4) {
                    v[0] = 1 << 48;
                }
            },
            run: |v| {
                let side = SideIndex { a: narrow(v[0])?, j: v[1], ..SideIndex::FRESH };
                let after = index::deleverage(&side, v[2] == 1, narrow(v[3])?, narrow(v[4])?, price(v[5])?)?;
                Ok(vec![after.a.into(), after.j])
            },
        },
        Function {
            name: "next_epoch",
            inputs: &[SizeFactor, CashIndex, CashIndex, Epoch, Below(2)],
            outputs: 4,
            shape: unshaped,
            run: |v| {
                let side = SideIndex { a: narrow(v[0])?, j: v[1], j_previous: v[2], epoch: narrow(v[3])? };
                let next = side.next_epoch(narrow(v[4])?)?;
                Ok(vec![next.a.into(), next.j, next.j_previous, next.epoch.into()])
            },
        },
    ]
}

fn funding_functions() -> Vec<Function> {
    vec![
        Function {
            name: "premium",
            inputs: &[OptionalPrice, OptionalPrice, Price],
            outputs: 1,
            shape: |v, random| {
                v[0] = if random.one_in(8) { -1 } else { near(v[2], random) };
                v[1] = if random.one_in(8) { -1 } else { v[0] + random.between(0, v[2] / 100) };
            },
            run: |v| {
                Ok(vec![funding::premium(optional_price(v[0])?, optional_price(v[1])?, price(v[2])?)?.get().into()])
            },
        },
        Function {
            name: "accumulate_premium",
            inputs: &[I64, I64, Rate, Millis],
            outputs: 2,
            shape: |v, random| {
                v[0] = random.between(-(1 << 50), 1 << 50);
                v[1] = random.between(0, 3_600_000);
            },
            run: |v| {
                let average = PremiumAverage { sum_e9_ms: narrow(v[0])?, elapsed_ms: narrow(v[1])? };
                let after = average.accumulate(rate(v[2])?, millis(v[3])?)?;
                Ok(vec![after.sum_e9_ms.into(), after.elapsed_ms.into()])
            },
        },
        Function {
            name: "average_premium",
            inputs: &[I64, I64],
            outputs: 1,
            shape: |v, random| {
                v[1] = random.between(0, 3_600_000);
                v[0] = random.between(-1_000_000_000, 1_000_000_000) * v[1] + random.between(-3, 3);
            },
            run: |v| {
                let average = PremiumAverage { sum_e9_ms: narrow(v[0])?, elapsed_ms: narrow(v[1])? };
                Ok(vec![average.average()?.get().into()])
            },
        },
        Function {
            name: "hourly_rate",
            inputs: &[Rate, Bps, Bps],
            outputs: 1,
            shape: |v, _| v[2] = v[1] / 2,
            run: |v| Ok(vec![funding::hourly_rate(rate(v[0])?, bps(v[1])?, bps(v[2])?)?.get().into()]),
        },
        Function {
            name: "hourly_rate_with",
            inputs: &[Rate, Rate, Bps, Bps],
            outputs: 1,
            shape: |v, _| v[3] = v[2] / 2,
            run: |v| {
                Ok(vec![funding::hourly_rate_with(rate(v[0])?, rate(v[1])?, bps(v[2])?, bps(v[3])?)?.get().into()])
            },
        },
    ]
}

fn balance_functions() -> Vec<Function> {
    vec![
        Function {
            name: "accrue_interest",
            inputs: &[DebtIndex, Rate, Millis],
            outputs: 1,
            shape: |v, _| {
                v[1] = v[1].abs();
                v[2] = v[2].rem_euclid(1 << 32);
            },
            run: |v| Ok(vec![debt::accrue_interest(narrow(v[0])?, rate(v[1])?, millis(v[2])?)?.into()]),
        },
        Function {
            name: "balance_with_interest",
            inputs: &[Atoms, DebtIndex, DebtIndex],
            outputs: 1,
            shape: |v, random| {
                v[2] = random.between(v[1].min(1 << 60), 1 << 60);
                if random.one_in(2) {
                    v[0] = -v[0].abs();
                }
            },
            run: |v| Ok(vec![debt::balance_with_interest(atoms(v[0])?, narrow(v[1])?, narrow(v[2])?)?.get().into()]),
        },
        Function {
            name: "max_new_debt",
            inputs: &[Amount, Amount, Amount, Amount],
            outputs: 1,
            shape: |v, random| {
                v[1] = random.between(0, 100_000_000_000);
                v[2] = v[3] / 11;
            },
            run: |v| {
                let limits = DebtLimits {
                    weighted_collateral: atoms(v[0])?,
                    user_debt: atoms(v[1])?,
                    exchange_debt: atoms(v[2])?,
                    quote_vault: atoms(v[3])?,
                };
                Ok(vec![debt::max_new_debt(&limits)?.get().into()])
            },
        },
        Function {
            name: "settle",
            inputs: &[Atoms, Atoms, Atoms, Amount, Amount, Atoms],
            outputs: 4,
            shape: unshaped,
            run: |v| {
                let input = SettleInput {
                    value: atoms(v[0])?,
                    realised: atoms(v[1])?,
                    quote: atoms(v[2])?,
                    debt_room: atoms(v[3])?,
                    pool: atoms(v[4])?,
                };
                let settled = settle::settle(&input, atoms(v[5])?)?;
                Ok([settled.amount, settled.quote, settled.cash, settled.pool].map(|part| part.get().into()).to_vec())
            },
        },
        Function {
            name: "pro_rata",
            inputs: &[Amount, Amount, Amount],
            outputs: 1,
            shape: |v, random| {
                v[0] = random.between(0, v[2]);
            },
            run: |v| Ok(vec![settle::pro_rata(atoms(v[0])?, atoms(v[1])?, atoms(v[2])?)?.get().into()]),
        },
    ]
}
