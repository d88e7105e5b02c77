//! Mark, TWAP, oracle, collateral.

use evertide_math::mark::{self, MarkInputs};
use evertide_math::oracle::{self, LotSize, OracleAction, OracleReading, OracleRules, Rounding};
use evertide_math::{collateral, MathError, MathResult};

use crate::generate::{near, Random};
use crate::registry::{atoms, bps, collateral_price, millis, narrow, optional_price, price, unshaped, Function, Kind};
use Kind::{
    Amount, Basis, Below, Bps, CollateralPrice, Decimals, Exponent, Mantissa, Millis, OptionalPrice, Price, U64,
};

pub fn functions() -> Vec<Function> {
    let mut all = mark_functions();
    all.extend(oracle_functions());
    all.extend(validity_functions());
    all.extend(collateral_functions());
    all
}

/// A book around the index, with sides missing now and then.
fn book(v: &mut [i128], random: &mut Random) {
    for number in 2..5 {
        v[number] = if random.one_in(10) { -1 } else { near(v[0], random).max(0) };
    }
    v[1] = random.between(-(v[0] / 50), v[0] / 50);
    v[5] = random.between(10, 300);
}

fn mark_functions() -> Vec<Function> {
    vec![
        Function {
            name: "median",
            inputs: &[Price, Price, Price],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![mark::median(price(v[0])?, price(v[1])?, price(v[2])?).get().into()]),
        },
        Function {
            name: "clamp_to_radius",
            inputs: &[Price, Price, Bps],
            outputs: 1,
            shape: |v, random| v[0] = near(v[1], random),
            run: |v| Ok(vec![mark::clamp_to_radius(price(v[0])?, price(v[1])?, bps(v[2])?)?.get().into()]),
        },
        Function {
            name: "update_basis",
            inputs: &[Basis, OptionalPrice, Price, Millis],
            outputs: 1,
            shape: |v, random| {
                v[1] = if random.one_in(4) { -1 } else { near(v[2], random) };
                v[3] = random.between(0, 160_000);
            },
            run: |v| {
                Ok(vec![mark::update_basis(narrow(v[0])?, optional_price(v[1])?, price(v[2])?, millis(v[3])?)?.into()])
            },
        },
        Function {
            name: "mark_price",
            inputs: &[Price, Basis, OptionalPrice, OptionalPrice, OptionalPrice, Bps],
            outputs: 1,
            shape: book,
            run: |v| {
                let inputs = MarkInputs {
                    index: price(v[0])?,
                    basis_q32: narrow(v[1])?,
                    best_bid: optional_price(v[2])?,
                    best_ask: optional_price(v[3])?,
                    last: optional_price(v[4])?,
                    radius: bps(v[5])?,
                };
                Ok(vec![mark::mark_price(&inputs)?.get().into()])
            },
        },
        Function {
            name: "update_twap",
            inputs: &[Price, Price, Millis, Millis, Bps],
            outputs: 1,
            shape: |v, random| v[1] = near(v[0], random),
            run: |v| {
                Ok(vec![mark::update_twap(price(v[0])?, price(v[1])?, millis(v[2])?, millis(v[3])?, bps(v[4])?)?
                    .get()
                    .into()])
            },
        },
    ]
}

fn rounding(value: i128) -> Rounding {
    if value == 1 {
        Rounding::Ceil
    } else {
        Rounding::Floor
    }
}

fn action(value: i128) -> MathResult<OracleAction> {
    Ok(match value {
        0 => OracleAction::Fill,
        1 => OracleAction::Margin,
        2 => OracleAction::PeggedOrder,
        3 => OracleAction::FundingOrSettle,
        4 => OracleAction::Trigger,
        5 => OracleAction::Liquidate,
        6 => OracleAction::UpdateTwap,
        7 => OracleAction::UpdateMark,
        _ => return Err(MathError::OutOfRange),
    })
}

/// A price between a hundred-thousandth of a dollar and a hundred thousand, as feeds write it.
fn feed(random: &mut Random) -> (i128, i128) {
    let exponent = random.between(-18, -5);
    let digits = random.between(1, 10) as u32;
    let dollars_e5 = random.between(1, 10i128.pow(digits));
    (dollars_e5 * 10i128.pow((-exponent - 5) as u32) + random.between(0, 9), exponent)
}

fn oracle_functions() -> Vec<Function> {
    vec![
        Function {
            name: "normalise",
            inputs: &[Mantissa, U64, Exponent, Below(65), Below(2)],
            outputs: 1,
            shape: |v, random| {
                (v[0], v[2]) = feed(random);
                v[1] = random.between(1, 1 << 20);
                v[3] = random.between(0, 48);
            },
            run: |v| {
                Ok(vec![oracle::normalise(v[0], narrow(v[1])?, narrow(v[2])?, narrow(v[3])?, rounding(v[4]))?.into()])
            },
        },
        Function {
            name: "price_per_lot",
            inputs: &[Mantissa, Exponent, U64, Decimals, Below(2)],
            outputs: 1,
            shape: |v, random| {
                (v[0], v[1]) = feed(random);
                v[2] = random.between(1, 1 << 20);
                v[3] = random.between(5, 12);
            },
            run: |v| {
                let lot = LotSize { units: narrow(v[2])?, decimals: narrow(v[3])? };
                Ok(vec![oracle::price_per_lot(v[0], narrow(v[1])?, lot, rounding(v[4]))?.get().into()])
            },
        },
        Function {
            name: "collateral_price",
            inputs: &[Mantissa, Exponent, Decimals, Below(2)],
            outputs: 1,
            shape: |v, random| {
                (v[0], v[1]) = feed(random);
                v[2] = random.between(5, 12);
            },
            run: |v| {
                Ok(vec![oracle::collateral_price(v[0], narrow(v[1])?, narrow(v[2])?, rounding(v[3]))?.get().into()])
            },
        },
    ]
}

fn validity_functions() -> Vec<Function> {
    vec![
        Function {
            name: "validity",
            inputs: &[U64, U64, U64, Millis, Below(10), Bps, Bps, Millis, Millis, Below(10)],
            outputs: 1,
            shape: |v, random| {
                v[2] = if random.one_in(6) { 0 } else { near(v[0], random).max(0) };
                v[1] = v[0] / random.between(10, 1_000);
                v[5] = random.between(0, 300);
                v[6] = random.between(0, 300);
            },
            run: |v| {
                let reading = OracleReading {
                    price: narrow(v[0])?,
                    confidence: narrow(v[1])?,
                    twap: narrow(v[2])?,
                    age: millis(v[3])?,
                    samples: narrow(v[4])?,
                };
                let rules = OracleRules {
                    max_confidence: bps(v[5])?,
                    max_divergence: bps(v[6])?,
                    stale_for_margin: millis(v[7])?,
                    stale_for_fills: millis(v[8])?,
                    min_samples: narrow(v[9])?,
                };
                Ok(vec![oracle::validity(&reading, &rules)?.into()])
            },
        },
        Function {
            name: "is_allowed",
            inputs: &[Below(8), Below(256)],
            outputs: 1,
            shape: |v, random| {
                if random.one_in(2) {
                    v[1] = 1 << random.between(0, 7);
                }
            },
            run: |v| Ok(vec![oracle::is_allowed(&oracle::DEFAULT_ACTION_MATRIX, action(v[0])?, narrow(v[1])?).into()]),
        },
    ]
}

fn collateral_functions() -> Vec<Function> {
    vec![
        Function {
            name: "collateral_value",
            inputs: &[U64, CollateralPrice],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![collateral::collateral_value(narrow(v[0])?, collateral_price(v[1])?)?.get().into()]),
        },
        Function {
            name: "price_less_confidence",
            inputs: &[CollateralPrice, CollateralPrice],
            outputs: 1,
            shape: unshaped,
            run: |v| {
                Ok(vec![collateral::price_less_confidence(collateral_price(v[0])?, collateral_price(v[1])?)?
                    .get()
                    .into()])
            },
        },
        Function {
            name: "stale_price",
            inputs: &[CollateralPrice],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![collateral::stale_price(collateral_price(v[0])?)?.get().into()]),
        },
        Function {
            name: "weighted_collateral",
            inputs: &[Amount, Bps],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![collateral::weighted_collateral(atoms(v[0])?, bps(v[1])?)?.get().into()]),
        },
        Function {
            name: "scaled_weight",
            inputs: &[Bps, Bps, U64, U64],
            outputs: 1,
            shape: |v, random| {
                v[0] = random.between(0, 10_000);
                v[1] = random.between(0, v[0]);
                v[2] = random.between(0, v[3]);
            },
            run: |v| {
                Ok(vec![collateral::scaled_weight(bps(v[0])?, bps(v[1])?, narrow(v[2])?, narrow(v[3])?)?.get().into()])
            },
        },
    ]
}
