//! Margin never falls when risk rises: more size, more open orders, a worse price or a higher rung of the
//! ladder demand at least as much. A dent anywhere would let an account escape by growing.

use evertide_math::collateral::*;
use evertide_math::margin::*;
use evertide_math::orders::{increase_lots, OpenOrders};
use evertide_math::{Atoms, AtomsPerLotTick, Bps, CollateralPriceQ48, Lots, MathError, PriceQ32, Ticks};
use proptest::prelude::*;

fn atoms(value: i64) -> Atoms {
    Atoms::new(value).unwrap()
}

fn lots(value: i64) -> Lots {
    Lots::new(value).unwrap()
}

fn bps(value: u32) -> Bps {
    Bps::new(value).unwrap()
}

fn tiers() -> impl Strategy<Value = MarginTiers> {
    let steps = || prop::array::uniform4((1u32..50_000_000, 0u16..2_000));
    steps().prop_map(|steps| {
        let (mut bound_usd, mut ratio_bps) = (0, 100);
        MarginTiers(steps.map(|(usd, bps)| {
            bound_usd += usd;
            ratio_bps += bps;
            Tier { bound_usd, ratio_bps }
        }))
    })
}

fn terms() -> impl Strategy<Value = MarginTerms> {
    (tiers(), 0u32..10_000, 0u32..10_000, 0u32..=10_000).prop_map(|(tiers, open_interest, user, weight)| MarginTerms {
        tiers,
        open_interest_ratio: bps(open_interest),
        user_ratio: bps(user),
        profit_weight: bps(weight),
    })
}

const KINDS: [MarginKind; 7] = [
    MarginKind::Initial,
    MarginKind::Fill,
    MarginKind::Cancel,
    MarginKind::Maintenance,
    MarginKind::Backstop,
    MarginKind::AutoDeleverage,
    MarginKind::Withdrawal,
];

fn position(size: i64, cash: i64, orders: OpenOrders, mark: u64, twap: u64, terms: MarginTerms) -> PositionInput {
    let (mark, twap) = (PriceQ32::new(mark).unwrap(), PriceQ32::new(twap).unwrap());
    let tick_value = AtomsPerLotTick::new(10).unwrap();
    PositionInput { size: lots(size), cash: atoms(cash), orders, mark, twap, tick_value, terms }
}

fn open_orders(bid: i64, ask: i64, max_bid: u64, min_ask: u64) -> OpenOrders {
    let (max_bid, min_ask) = (Ticks::new(max_bid).unwrap(), Ticks::new(min_ask).unwrap());
    OpenOrders { bid_lots: lots(bid), ask_lots: lots(ask), max_bid, min_ask }
}

fn demanded(kind: MarginKind, input: &PositionInput) -> i64 {
    position_margin(kind, input).unwrap().requirement.get()
}

proptest! {
    #[test]
    fn the_ratio_rises_with_size_and_stays_within_a_whole(tiers in tiers(), a in 0i64..1 << 53, b in 0i64..1 << 53) {
        tiers.validate().unwrap();
        let (small, large) = (tiers.ratio(atoms(a.min(b))).unwrap(), tiers.ratio(atoms(a.max(b))).unwrap());
        prop_assert!(small <= large && large.get() <= 10_000);
        prop_assert!(small.get() >= u32::from(tiers.0[0].ratio_bps));
    }

    #[test]
    fn interpolation_is_at_least_the_exact_line(tiers in tiers(), part in 0u32..1_000_000) {
        let [first, second, ..] = tiers.0;
        let usd = first.bound_usd + (u64::from(second.bound_usd - first.bound_usd) * u64::from(part) / 1_000_000) as u32;
        let given = u64::from(tiers.ratio(atoms(i64::from(usd) * 1_000_000)).unwrap().get() - u32::from(first.ratio_bps));
        let (rise, run) = (u64::from(second.ratio_bps - first.ratio_bps), u64::from(second.bound_usd - first.bound_usd));
        let exact = rise * u64::from(usd - first.bound_usd);
        prop_assert!(given * run >= exact && given * run < exact + run);
    }

    #[test]
    fn rungs_of_the_ladder_never_cross(terms in terms(), notional in 0i64..1 << 53) {
        let ratio = |kind| terms.ratio(kind, atoms(notional)).unwrap();
        let rungs = [MarginKind::Initial, MarginKind::Cancel, MarginKind::Maintenance, MarginKind::Backstop, MarginKind::AutoDeleverage];
        for pair in rungs.windows(2) {
            prop_assert!(ratio(pair[0]) >= ratio(pair[1]));
        }
        prop_assert!(ratio(MarginKind::Initial) >= ratio(MarginKind::Fill) && ratio(MarginKind::Fill) >= ratio(MarginKind::Maintenance));
    }

    #[test]
    fn open_interest_and_own_cap_move_only_the_initial_ratio(terms in terms(), notional in 0i64..1 << 53) {
        let calm = MarginTerms { open_interest_ratio: Bps::ZERO, user_ratio: Bps::ZERO, ..terms };
        for kind in [MarginKind::Cancel, MarginKind::Maintenance, MarginKind::Backstop, MarginKind::AutoDeleverage] {
            prop_assert_eq!(terms.ratio(kind, atoms(notional)), calm.ratio(kind, atoms(notional)));
        }
        let initial = |terms: &MarginTerms| terms.ratio(MarginKind::Initial, atoms(notional)).unwrap();
        prop_assert!(initial(&terms) >= initial(&calm));
    }

    #[test]
    fn a_requirement_is_the_exact_ceiling(notional in 0i64..=1 << 53, ratio in 0u32..=10_000) {
        let exact = i128::from(notional) * i128::from(ratio);
        let given = i128::from(requirement(atoms(notional), bps(ratio)).unwrap().get());
        prop_assert!(given * 10_000 >= exact && given * 10_000 - exact < 10_000);
    }

    #[test]
    fn more_risk_demands_at_least_as_much(
        terms in terms(), size in -1_000_000i64..1_000_000, more in 0i64..1_000_000, mark in 1u64 << 45..1 << 57,
        orders in (0i64..1_000_000, 0i64..1_000_000, 1u64..1_000_000, 1u64..1_000_000), kind in 0usize..7
    ) {
        let kind = KINDS[kind];
        let aggregates = open_orders(orders.0, orders.1, orders.2, orders.3);
        let base = demanded(kind, &position(size, 0, aggregates, mark, mark, terms));
        let bare = demanded(kind, &position(size, 0, OpenOrders::default(), mark, mark, terms));
        prop_assert!(base >= bare, "open orders never lower a requirement");
        let grown = if size < 0 { size - more } else { size + more };
        prop_assert!(demanded(kind, &position(grown, 0, OpenOrders::default(), mark, mark, terms)) >= bare);
        let wider = open_orders(orders.0 + more, orders.1 + more, orders.2, orders.3);
        prop_assert!(demanded(kind, &position(size, 0, wider, mark, mark, terms)) >= base);
        let worse = open_orders(orders.0, orders.1, orders.2 + 5, orders.3.saturating_sub(5).max(1));
        prop_assert!(demanded(kind, &position(size, 0, worse, mark, mark, terms)) >= base);
    }

    #[test]
    fn orders_that_only_close_add_no_exposure(size in 1i64..1_000_000, part in 0i64..=1_000_000) {
        let closing = part.min(2 * size);
        prop_assert!(increase_lots(lots(size), lots(-closing)).unwrap().is_zero());
        prop_assert!(increase_lots(lots(-size), lots(closing)).unwrap().is_zero());
    }

    #[test]
    fn filling_every_order_of_a_side_needs_no_more_than_was_reserved(
        terms in terms(), size in -100_000i64..100_000, bid in 0i64..100_000, max_bid in 1u64..2_000_000, mark in 1u64 << 45..1 << 56
    ) {
        let before = position(size, 0, open_orders(bid, 0, max_bid, 0), mark, mark, terms);
        let paid = bid * max_bid as i64 * 10;
        let after = position(size + bid, -paid, OpenOrders::default(), mark, mark, terms);
        let free = |input: &PositionInput| {
            let part = position_margin(MarginKind::Maintenance, input).unwrap();
            part.equity.get() - demanded(MarginKind::Initial, input)
        };
        // Equity may fall only by the reserve; each side of the comparison rounds one atom.
        prop_assert!(free(&after) + 2 >= free(&before));
    }

    #[test]
    fn strict_tests_never_value_a_position_higher(
        terms in terms(), size in -1_000_000i64..1_000_000, cash in -1i64 << 50..1 << 50, mark in 1u64 << 45..1 << 57, twap in 1u64 << 45..1 << 57
    ) {
        let input = position(size, cash, OpenOrders::default(), mark, twap, terms);
        let equity = |kind| position_margin(kind, &input).unwrap().equity;
        prop_assert!(equity(MarginKind::Withdrawal) <= equity(MarginKind::Initial));
        prop_assert!(equity(MarginKind::Initial) <= equity(MarginKind::Maintenance));
        prop_assert!(equity(MarginKind::Withdrawal).get() <= 0);
    }

    #[test]
    fn open_interest_scales_monotonely(lower in 0u32..1_000_000, width in 1u32..1_000_000, a in 0i64..1 << 51, b in 0i64..1 << 51) {
        let scale = |value| open_interest_ratio(atoms(value), lower, lower + width).unwrap();
        prop_assert!(scale(a.min(b)) <= scale(a.max(b)));
        prop_assert!(scale(i64::from(lower) * 1_000_000).is_zero());
        prop_assert_eq!(scale(i64::from(lower + width) * 1_000_000).get(), 10_000);
    }

    #[test]
    fn a_larger_balance_never_weighs_more(full in 0u32..=10_000, least in 0u32..=10_000, cap in 1u64.., a in any::<u64>(), b in any::<u64>()) {
        let (full, least) = (bps(full.max(least)), bps(full.min(least)));
        let weight = |balance| scaled_weight(full, least, balance, cap).unwrap();
        prop_assert!(weight(a.min(b)) >= weight(a.max(b)));
        prop_assert!(weight(cap) == least && weight(0) == full);
        // Never more than the exact weight.
        let exact = u128::from(full.get() - least.get()) * u128::from(a.min(cap));
        prop_assert!(u128::from(full.get() - weight(a).get()) * u128::from(cap) >= exact);
    }

    #[test]
    fn confidence_only_lowers_a_value(amount in 0u64..1 << 50, price in 0u64..1 << 50, confidence in any::<u64>()) {
        let price = CollateralPriceQ48::new(price).unwrap();
        let strict = price_less_confidence(price, CollateralPriceQ48::new(confidence).unwrap()).unwrap();
        prop_assert!(collateral_value(amount, strict).unwrap() <= collateral_value(amount, price).unwrap());
        prop_assert!(stale_price(price).unwrap() <= price);
    }
}

#[test]
fn tier_points_that_do_not_rise_are_refused() {
    let points =
        [(10, 100), (20, 200), (30, 300), (40, 400)].map(|(bound_usd, ratio_bps)| Tier { bound_usd, ratio_bps });
    assert_eq!(MarginTiers(points).validate(), Ok(()));
    let mut flat = points;
    flat[2].bound_usd = 20;
    assert_eq!(MarginTiers(flat).validate(), Err(MathError::NotMonotone));
    let mut falling = points;
    falling[3].ratio_bps = 299;
    assert_eq!(MarginTiers(falling).validate(), Err(MathError::NotMonotone));
    let mut beyond = points;
    beyond[3].ratio_bps = 10_001;
    assert_eq!(MarginTiers(beyond).validate(), Err(MathError::OutOfRange));
    let mut free = points;
    free[0].ratio_bps = 0;
    assert_eq!(MarginTiers(free).validate(), Err(MathError::NotPositive));
}

#[test]
fn beyond_twice_the_last_bound_there_is_no_leverage() {
    let points =
        [(10, 100), (20, 200), (30, 300), (40, 400)].map(|(bound_usd, ratio_bps)| Tier { bound_usd, ratio_bps });
    let tiers = MarginTiers(points);
    assert_eq!(tiers.ratio(atoms(80_000_000)).unwrap().get(), 400);
    assert_eq!(tiers.ratio(atoms(80_000_001)).unwrap().get(), 10_000);
}

#[test]
fn the_solvency_envelope_is_exact() {
    let holds = |stress| solvency_envelope_holds(bps(250), bps(125), bps(stress), bps(25), bps(15)).unwrap();
    assert!(holds(83) && !holds(84), "125 = stress + 25 + 15 + 125 / 80");
}
