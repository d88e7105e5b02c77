//! Margin, open orders, liquidation.

use evertide_math::liquidation::{self, LiquidationInput};
use evertide_math::margin::{self, MarginKind, MarginTerms, MarginTiers, PositionInput, Tier};
use evertide_math::orders::{self, OpenOrders};
use evertide_math::{MathError, MathResult};

use crate::generate::{near, Random};
use crate::registry::{
    atoms, bps, collateral_price, lots, millis, narrow, price, tick_value, ticks, unshaped, Function, Kind,
};
use Kind::{
    Amount, Atoms, Below, Bps, CollateralPrice, Lots, Millis, Price, Ratio16, Size, TickValue, Ticks, Usd, U64,
};

pub fn functions() -> Vec<Function> {
    let mut all = margin_functions();
    all.extend(requirement_functions());
    all.extend(order_functions());
    all.extend(liquidation_functions());
    all.extend(charge_functions());
    all.extend(bankruptcy_functions());
    all
}

/// Tier points sorted, from position `at` on: four bounds, then four ratios.
fn sort_tiers(v: &mut [i128], at: usize, random: &mut Random) {
    for number in 0..4 {
        let bits = random.between(4, 30);
        v[at + number] = random.between(1, 1 << bits);
        v[at + 4 + number] = random.between(50, 10_000);
    }
    v[at..at + 4].sort_unstable();
    v[at + 4..at + 8].sort_unstable();
}

fn tiers(v: &[i128]) -> MathResult<MarginTiers> {
    let mut points = [Tier::default(); 4];
    for (number, point) in points.iter_mut().enumerate() {
        *point = Tier { bound_usd: narrow(v[number])?, ratio_bps: narrow(v[4 + number])? };
    }
    let tiers = MarginTiers(points);
    tiers.validate()?;
    Ok(tiers)
}

fn kind(value: i128) -> MathResult<MarginKind> {
    Ok(match value {
        0 => MarginKind::Initial,
        1 => MarginKind::Fill,
        2 => MarginKind::Cancel,
        3 => MarginKind::Maintenance,
        4 => MarginKind::Backstop,
        5 => MarginKind::AutoDeleverage,
        6 => MarginKind::Withdrawal,
        _ => return Err(MathError::OutOfRange),
    })
}

fn terms(v: &[i128]) -> MathResult<MarginTerms> {
    Ok(MarginTerms {
        tiers: tiers(v)?,
        open_interest_ratio: bps(v[8])?,
        user_ratio: bps(v[9])?,
        profit_weight: bps(v[10])?,
    })
}

/// A notional at, just above or below, or between the tier points.
fn at_tiers(v: &mut [i128], random: &mut Random) {
    sort_tiers(v, 1, random);
    let bound = v[1 + (random.word() % 4) as usize];
    v[0] = match random.word() % 4 {
        0 => bound * 1_000_000 + random.between(-1, 1),
        1 => bound * 2_000_000 + random.between(-1, 1),
        _ => random.between(0, v[4] * 2_200_000),
    };
}

fn whole_position(v: &mut [i128], random: &mut Random) {
    v[7] = near(v[6], random).max(1);
    v[8] = v[8].clamp(1, 100);
    let mark_ticks = (v[6] >> 32) / v[8];
    v[4] = near(mark_ticks, random).clamp(1, (1 << 40) - 1);
    v[5] = near(mark_ticks, random).clamp(1, (1 << 40) - 1);
    v[2] = random.between(0, 2_000_000);
    v[3] = random.between(0, 2_000_000);
    sort_tiers(v, 9, random);
    v[17] = if random.one_in(2) { 0 } else { random.between(0, 10_000) };
    v[18] = if random.one_in(2) { 0 } else { random.between(0, 10_000) };
    v[19] = random.between(0, 10_000);
    v[20] = random.between(0, 6);
    v[1] = random.between(-1, 1) * ((v[0] * v[6]) >> 32) + random.between(-1_000_000_000, 1_000_000_000);
}

fn position_margin(v: &[i128]) -> MathResult<Vec<i128>> {
    let input = PositionInput {
        size: lots(v[0])?,
        cash: atoms(v[1])?,
        orders: OpenOrders {
            bid_lots: lots(v[2])?,
            ask_lots: lots(v[3])?,
            max_bid: ticks(v[4])?,
            min_ask: ticks(v[5])?,
        },
        mark: price(v[6])?,
        twap: price(v[7])?,
        tick_value: tick_value(v[8])?,
        terms: terms(&v[9..20])?,
    };
    let part = margin::position_margin(kind(v[20])?, &input)?;
    Ok(vec![part.equity.get().into(), part.requirement.get().into()])
}

fn reserve_prices(v: &mut [i128], random: &mut Random) {
    v[3] = v[3].clamp(1, 1_000);
    v[1] = near((v[2] >> 32) / v[3], random).clamp(1, (1 << 40) - 1);
}

fn margin_functions() -> Vec<Function> {
    vec![
        Function {
            name: "tier_ratio",
            inputs: &[Amount, Usd, Usd, Usd, Usd, Ratio16, Ratio16, Ratio16, Ratio16],
            outputs: 1,
            shape: at_tiers,
            run: |v| {
                let notional = atoms(v[0])?;
                Ok(vec![tiers(&v[1..9])?.ratio(notional)?.get().into()])
            },
        },
        Function {
            name: "open_interest_ratio",
            inputs: &[Amount, Usd, Usd],
            outputs: 1,
            shape: |v, random| {
                v[1..3].sort_unstable();
                v[0] = random.between(0, v[2] * 1_100_000);
            },
            run: |v| Ok(vec![margin::open_interest_ratio(atoms(v[0])?, narrow(v[1])?, narrow(v[2])?)?.get().into()]),
        },
        Function {
            name: "margin_ratio",
            inputs: &[Amount, Usd, Usd, Usd, Usd, Ratio16, Ratio16, Ratio16, Ratio16, Bps, Bps, Bps, Below(7)],
            outputs: 1,
            shape: |v, random| {
                at_tiers(v, random);
            },
            run: |v| {
                let notional = atoms(v[0])?;
                Ok(vec![terms(&v[1..12])?.ratio(kind(v[12])?, notional)?.get().into()])
            },
        },
    ]
}

fn requirement_functions() -> Vec<Function> {
    vec![
        Function {
            name: "requirement",
            inputs: &[Amount, Bps],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![margin::requirement(atoms(v[0])?, bps(v[1])?)?.get().into()]),
        },
        Function {
            name: "weighted_value",
            inputs: &[Atoms, Bps],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![margin::weighted_value(atoms(v[0])?, bps(v[1])?)?.get().into()]),
        },
        Function {
            name: "solvency_envelope_holds",
            inputs: &[Bps, Bps, Bps, Bps, Bps],
            outputs: 1,
            shape: |v, random| {
                v[1] = v[0] / 2;
                v[2] = random.between(0, v[1]);
                v[3] = random.between(0, v[1] - v[2]);
                v[4] = (v[1] - v[2] - v[3] - (v[0] - v[1]) / 80 + random.between(-1, 1)).max(0);
            },
            run: |v| {
                Ok(vec![
                    margin::solvency_envelope_holds(bps(v[0])?, bps(v[1])?, bps(v[2])?, bps(v[3])?, bps(v[4])?)?.into()
                ])
            },
        },
    ]
}

fn order_functions() -> Vec<Function> {
    vec![
        Function {
            name: "increase_lots",
            inputs: &[Lots, Lots],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![orders::increase_lots(lots(v[0])?, lots(v[1])?)?.get().into()]),
        },
        Function {
            name: "bid_reserve",
            inputs: &[Size, Ticks, Price, TickValue],
            outputs: 1,
            shape: reserve_prices,
            run: |v| {
                let aggregates = OpenOrders { bid_lots: lots(v[0])?, max_bid: ticks(v[1])?, ..OpenOrders::default() };
                Ok(vec![orders::bid_reserve(&aggregates, price(v[2])?, tick_value(v[3])?)?.get().into()])
            },
        },
        Function {
            name: "ask_reserve",
            inputs: &[Size, Ticks, Price, TickValue],
            outputs: 1,
            shape: reserve_prices,
            run: |v| {
                let aggregates = OpenOrders { ask_lots: lots(v[0])?, min_ask: ticks(v[1])?, ..OpenOrders::default() };
                Ok(vec![orders::ask_reserve(&aggregates, price(v[2])?, tick_value(v[3])?)?.get().into()])
            },
        },
        Function {
            name: "position_margin",
            inputs: &[
                Lots,
                Atoms,
                Size,
                Size,
                Ticks,
                Ticks,
                Price,
                Price,
                TickValue,
                Usd,
                Usd,
                Usd,
                Usd,
                Ratio16,
                Ratio16,
                Ratio16,
                Ratio16,
                Bps,
                Bps,
                Bps,
                Below(7),
            ],
            outputs: 2,
            shape: whole_position,
            run: position_margin,
        },
    ]
}

fn liquidated(v: &mut [i128], random: &mut Random) {
    let notional = ((v[0] * v[1]) >> 32).abs();
    v[2] = random.between(0, notional / 20 + 1);
    v[3] = if random.one_in(2) { 0 } else { random.between(0, notional / 20 + 1) };
    v[4] = random.between(0, 70_000);
    v[5] = random.between(50, 2_000);
    v[6] = random.between(0, 350);
    v[7] = random.between(0, 150);
    v[8] = i128::from(random.one_in(5));
}

fn liquidation_functions() -> Vec<Function> {
    vec![
        Function {
            name: "shortage",
            inputs: &[Atoms, Amount, Amount],
            outputs: 1,
            shape: unshaped,
            run: |v| Ok(vec![liquidation::shortage(atoms(v[0])?, atoms(v[1])?, atoms(v[2])?)?.get().into()]),
        },
        Function {
            name: "open_fraction",
            inputs: &[Millis],
            outputs: 1,
            shape: |v, random| v[0] = random.between(-1, 61_000),
            run: |v| Ok(vec![liquidation::open_fraction(millis(v[0])?)?.get().into()]),
        },
        Function {
            name: "liquidation_amount",
            inputs: &[Lots, Price, Amount, Amount, Millis, Bps, Bps, Bps, Below(2)],
            outputs: 1,
            shape: liquidated,
            run: |v| {
                let input = LiquidationInput {
                    size: lots(v[0])?,
                    price: price(v[1])?,
                    shortage: atoms(v[2])?,
                    repaired: atoms(v[3])?,
                    elapsed: millis(v[4])?,
                    maintenance: bps(v[5])?,
                    liquidator_fee: bps(v[6])?,
                    insurance_fee: bps(v[7])?,
                    below_backstop: v[8] == 1,
                };
                Ok(vec![liquidation::amount(&input)?.get().into()])
            },
        },
    ]
}

fn charge_functions() -> Vec<Function> {
    vec![
        Function {
            name: "aged_fee",
            inputs: &[Bps, Millis],
            outputs: 1,
            shape: |v, random| v[1] = random.between(-1, 61_000),
            run: |v| Ok(vec![liquidation::aged_fee(bps(v[0])?, millis(v[1])?)?.get().into()]),
        },
        Function {
            name: "aged_discount",
            inputs: &[Bps, Millis, Millis],
            outputs: 1,
            shape: |v, random| {
                v[0] = random.between(0, 10_000);
                v[2] = random.between(0, 4_000_000);
                v[1] = random.between(-1, v[2] + 1);
            },
            run: |v| Ok(vec![liquidation::aged_discount(bps(v[0])?, millis(v[1])?, millis(v[2])?)?.get().into()]),
        },
        Function {
            name: "sale",
            inputs: &[Atoms, U64, CollateralPrice, Bps],
            outputs: 2,
            shape: |v, random| {
                v[0] = v[0].abs();
                v[3] = random.between(0, 300);
                if random.one_in(2) {
                    v[1] = near((v[0] << 48) / v[2].max(1), random).clamp(0, u64::MAX.into());
                }
            },
            run: |v| {
                let sold = liquidation::sale(atoms(v[0])?, narrow(v[1])?, collateral_price(v[2])?, bps(v[3])?)?;
                Ok(vec![sold.amount.into(), sold.paid.get().into()])
            },
        },
        Function {
            name: "liquidation_fees",
            inputs: &[Amount, Bps, Bps, Atoms],
            outputs: 2,
            shape: |v, random| {
                v[1] = random.between(0, 700);
                v[2] = random.between(0, 150);
                v[3] = random.between(-10, v[0] / 10);
            },
            run: |v| {
                let fees = liquidation::fees(atoms(v[0])?, bps(v[1])?, bps(v[2])?, atoms(v[3])?)?;
                Ok(vec![fees.liquidator.get().into(), fees.insurance.get().into()])
            },
        },
    ]
}

fn bankruptcy_functions() -> Vec<Function> {
    vec![
        Function {
            name: "bankruptcy_price",
            inputs: &[Lots, Price, Amount, Bps],
            outputs: 3,
            shape: |v, random| {
                let notional = ((v[0] * v[1]) >> 32).abs();
                v[2] = random.between(0, notional / 10 + 1);
                v[3] = random.between(0, 2_000);
            },
            run: |v| {
                let outcome = liquidation::bankruptcy_price(lots(v[0])?, price(v[1])?, atoms(v[2])?, bps(v[3])?)?;
                Ok(vec![outcome.price.get().into(), outcome.covered.get().into(), outcome.uncovered.get().into()])
            },
        },
        Function {
            name: "deficit_share",
            inputs: &[Amount, Amount, Amount],
            outputs: 1,
            shape: |v, random| v[1] = random.between(0, v[2]),
            run: |v| Ok(vec![liquidation::deficit_share(atoms(v[0])?, atoms(v[1])?, atoms(v[2])?)?.get().into()]),
        },
        Function {
            name: "liquidation_price",
            inputs: &[Lots, Price, Amount, Bps],
            outputs: 1,
            shape: |v, random| {
                let notional = ((v[0] * v[1]) >> 32).abs();
                v[2] = random.between(0, notional + 1);
                v[3] = random.between(0, 10_001);
            },
            run: |v| {
                let outcome = liquidation::liquidation_price(lots(v[0])?, price(v[1])?, atoms(v[2])?, bps(v[3])?)?;
                Ok(vec![outcome.map_or(-1, |price| price.get().into())])
            },
        },
    ]
}
