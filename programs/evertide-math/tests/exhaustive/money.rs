//! Who is paid what of what there is: settlements, short pools, deficits, fees, debts.

use evertide_math::debt::{balance_with_interest, DEBT_INDEX_ONE};
use evertide_math::fees::{split, FeeClaims};
use evertide_math::liquidation::{bankruptcy_price, deficit_share, fees, open_fraction};
use evertide_math::settle::{pro_rata, settle, SettleInput};
use evertide_math::Millis;

use crate::{atoms, bps, ceil, lots, price, ONE_Q32};

#[test]
fn a_settlement_takes_what_is_there_and_pays_what_is_earned() {
    for value in -4i64..=4 {
        for realised in -4i64..=4 {
            for quote in -4i64..=4 {
                for room in 0i64..=4 {
                    for pool in 0i64..=4 {
                        let input = SettleInput {
                            value: atoms(value),
                            realised: atoms(realised),
                            quote: atoms(quote),
                            debt_room: atoms(room),
                            pool: atoms(pool),
                        };
                        let done = settle(&input, atoms(2)).unwrap();
                        let due = if value < 0 {
                            -(-value).min(quote.max(0) + room)
                        } else {
                            value.min(realised).max(0).min(pool)
                        };
                        let after = (done.amount.get(), done.quote.get(), done.cash.get(), done.pool.get());
                        assert_eq!(after, (due, quote + due, 2 - due, pool - due));
                    }
                }
            }
        }
    }
}

#[test]
fn a_short_pool_pays_every_winner_its_part_and_never_more_than_it_holds() {
    for pool in 0i64..=12 {
        for first in 0i64..=12 {
            for second in 0i64..=12 {
                let all = first + second;
                if all == 0 {
                    continue;
                }
                let paid = |profit: i64| pro_rata(atoms(profit), atoms(pool), atoms(all)).unwrap().get();
                let due = |profit: i64| if pool >= all { profit } else { profit * pool / all };
                assert_eq!((paid(first), paid(second)), (due(first), due(second)));
                assert!(paid(first) + paid(second) <= pool.max(all));
                assert!(pool >= all || paid(first) + paid(second) <= pool);
            }
        }
    }
}

#[test]
fn a_deficit_is_paid_by_the_other_side_or_left_over_to_the_atom() {
    for size in (-5i64..=5).filter(|size| *size != 0) {
        for mark in 1u64..=6 {
            for deficit in 0i64..=20 {
                for cap in [0u32, 2_500, 5_000, 10_000] {
                    let mark_q32 = mark * ONE_Q32;
                    let done = bankruptcy_price(lots(size), price(mark_q32), atoms(deficit), bps(cap)).unwrap();
                    assert_eq!(done.covered.get() + done.uncovered.get(), deficit);
                    assert!(!done.covered.is_negative() && !done.uncovered.is_negative());
                    let most = u128::from(mark_q32) * u128::from(cap) / 10_000;
                    let asked = (deficit.unsigned_abs() << 32).div_ceil(size.unsigned_abs());
                    let shift = u128::from(asked).min(most) as u64;
                    let due = if size > 0 { mark_q32 + shift } else { mark_q32 - shift };
                    assert_eq!(done.price.get(), due, "{size} at {mark}, {deficit} short, cap {cap}");
                }
            }
        }
    }
    for deficit in 0i64..=9 {
        for first in 1i64..=9 {
            for second in 1i64..=9 {
                let share =
                    |loss: i64| deficit_share(atoms(deficit), atoms(loss), atoms(first + second)).unwrap().get();
                assert_eq!(share(first), (deficit * first + first + second - 1) / (first + second));
                assert!(share(first) + share(second) >= deficit, "shares leave a part of {deficit} to nobody");
            }
        }
    }
}

#[test]
fn liquidation_fees_are_floors_within_the_equity() {
    for notional in 0i64..=60 {
        for (first, second) in [(0u32, 0u32), (100, 50), (999, 333), (5_000, 5_000), (10_000, 1)] {
            for equity in -3i64..=70 {
                let charged = fees(atoms(notional), bps(first), bps(second), atoms(equity)).unwrap();
                let room = equity.max(0);
                let one = (notional * i64::from(first) / 10_000).min(room);
                let two = (notional * i64::from(second) / 10_000).min(room - one);
                assert_eq!((charged.liquidator.get(), charged.insurance.get()), (one, two));
            }
        }
    }
    let mut last = 0;
    for elapsed in (-1_000i64..=70_000).step_by(50) {
        let open = open_fraction(Millis::new(elapsed).unwrap()).unwrap().get();
        assert_eq!(i64::from(open), 2_000 + 8_000 * elapsed.clamp(0, 60_000) / 60_000);
        assert!(open >= last);
        last = open;
    }
}

#[test]
fn a_charge_is_split_to_the_atom_in_order_and_leaves_a_tenth() {
    for taker in 0i64..=14 {
        for maker in [0i64, 3] {
            for (builder, rebate, keeper, referrer) in [(0, 0, 0, 0), (2, 3, 1, 1), (5, 9, 9, 9), (0, 20, 1, 1)] {
                let claims = FeeClaims {
                    taker_fee: atoms(taker),
                    maker_fee: atoms(maker),
                    builder_fee: atoms(builder),
                    rebate: atoms(rebate),
                    keeper: atoms(keeper),
                    referrer: atoms(referrer),
                };
                let parts = split(&claims).unwrap();
                let charged = taker + maker + builder;
                let mut room = charged * 9 / 10;
                for (claim, part) in [
                    (rebate, parts.rebate),
                    (builder, parts.builder),
                    (keeper, parts.keeper),
                    (referrer, parts.referrer),
                ] {
                    assert_eq!(part.get(), claim.min(room));
                    room -= claim.min(room);
                }
                assert_eq!((parts.charged.get(), parts.protocol.get()), (charged, charged - charged * 9 / 10 + room));
            }
        }
    }
}

#[test]
fn a_debt_grows_away_from_zero_and_credit_stays() {
    for balance in -30i64..=30 {
        for twelfths in 12u64..=30 {
            let index = DEBT_INDEX_ONE / 12 * twelfths + u64::from(twelfths == 12) * (DEBT_INDEX_ONE % 12);
            let after = balance_with_interest(atoms(balance), DEBT_INDEX_ONE, index).unwrap().get();
            let owed = ceil(i128::from(balance.min(0).abs()) * i128::from(index), i128::from(DEBT_INDEX_ONE));
            assert_eq!(i128::from(after), if balance < 0 { -owed } else { balance.into() });
        }
    }
}
