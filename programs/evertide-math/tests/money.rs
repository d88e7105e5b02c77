//! Splits sum to what was split, to the atom, and nobody is paid more than is there: fees, liquidation fees,
//! bankruptcies, settlements, debt.

use evertide_math::debt::*;
use evertide_math::fees::{self, FeeClaims, KeeperBounds};
use evertide_math::liquidation::*;
use evertide_math::settle::*;
use evertide_math::{Atoms, Bps, CollateralPriceQ48, Lots, MathError, Millis, Ppm, PriceQ32, RateE9};
use proptest::prelude::*;

fn atoms(value: i64) -> Atoms {
    Atoms::new(value).unwrap()
}

fn bps(value: u32) -> Bps {
    Bps::new(value).unwrap()
}

fn millis(value: i64) -> Millis {
    Millis::new(value).unwrap()
}

fn amount() -> impl Strategy<Value = Atoms> {
    (0i64..1 << 50, 0u32..50).prop_map(|(value, shift)| atoms(value >> shift))
}

fn signed() -> impl Strategy<Value = Atoms> {
    (-(1i64 << 50)..1 << 50, 0u32..50).prop_map(|(value, shift)| atoms(value >> shift))
}

proptest! {
    #[test]
    fn a_fee_is_never_less_and_a_rebate_never_more_than_exact(notional in amount(), rate in -1_000i64..1_000) {
        let given = i128::from(fees::fee(notional, Ppm::new(rate).unwrap()).unwrap().get()) * 1_000_000;
        let exact = i128::from(notional.get()) * i128::from(rate);
        prop_assert!(given >= exact && given - exact < 1_000_000);
    }

    #[test]
    fn a_split_sums_to_the_charge_and_leaves_a_tenth(
        taker_fee in amount(), maker_fee in amount(), builder_fee in amount(), rebate in amount(), keeper in amount(), referrer in amount()
    ) {
        let claims = FeeClaims { taker_fee, maker_fee, builder_fee, rebate, keeper, referrer };
        let split = fees::split(&claims).unwrap();
        let parts = [split.rebate, split.builder, split.keeper, split.referrer];
        let given: i64 = parts.iter().map(|part| part.get()).sum();
        prop_assert_eq!(given + split.protocol.get(), split.charged.get());
        prop_assert!(i128::from(split.protocol.get()) * 10 >= i128::from(split.charged.get()));
        prop_assert!(parts.iter().all(|part| !part.is_negative()));
        prop_assert!(split.rebate <= rebate && split.keeper <= keeper && split.referrer <= referrer);
    }

    #[test]
    fn a_keepers_share_rises_with_age_within_its_bounds(fee in amount(), least in 0i64..10_000, width in 0i64..100_000, a in 0i64..100_000, b in 0i64..100_000) {
        let bounds = KeeperBounds { least: atoms(least), most: atoms(least + width) };
        let share = |age| fees::keeper_share(fee, &bounds, millis(age)).unwrap();
        prop_assert!(share(a.min(b)) <= share(a.max(b)));
        prop_assert!(share(a) >= bounds.least && share(a).get() <= 10 * bounds.most.get());
    }

    #[test]
    fn liquidation_fees_never_pass_the_equity(notional in amount(), liquidator in 0u32..1_000, insurance in 0u32..500, equity in signed()) {
        let fees = evertide_math::liquidation::fees(notional, bps(liquidator), bps(insurance), equity).unwrap();
        prop_assert!(!fees.liquidator.is_negative() && !fees.insurance.is_negative());
        prop_assert!(fees.liquidator.get() + fees.insurance.get() <= equity.get().max(0));
    }

    #[test]
    fn an_amount_repairs_its_shortage_and_one_lot_less_does_not(
        size in 1_000i64..1_000_000, price in 1u64 << 50..1 << 57, missing in 1i64..1_000_000_000, maintenance in 50u32..1_000, fee in 0u32..100
    ) {
        let input = LiquidationInput {
            size: Lots::new(-size).unwrap(), price: PriceQ32::new(price).unwrap(), shortage: atoms(missing), repaired: Atoms::ZERO,
            elapsed: millis(60_000), maintenance: bps(maintenance), liquidator_fee: bps(fee), insurance_fee: bps(fee / 2), below_backstop: false,
        };
        let lots = i128::from(amount_of(&input));
        prop_assert!(lots >= 1 && lots <= i128::from(size));
        let net = i128::from(maintenance + 200 - fee - fee / 2);
        let repaired = |lots: i128| lots * i128::from(price) * net;
        let wanted = (i128::from(missing) * 10_000) << 32;
        prop_assert!(repaired(lots) >= wanted || lots == i128::from(size));
        prop_assert!(repaired(lots - 1) < wanted);
    }

    #[test]
    fn more_may_be_liquidated_as_time_passes(missing in 100_000_000i64..1 << 40, a in 0i64..70_000, b in 0i64..70_000) {
        let input = |elapsed| LiquidationInput {
            size: Lots::new(1 << 30).unwrap(), price: PriceQ32::new(1 << 50).unwrap(), shortage: atoms(missing), repaired: Atoms::ZERO,
            elapsed: millis(elapsed), maintenance: bps(125), liquidator_fee: bps(25), insurance_fee: bps(15), below_backstop: false,
        };
        prop_assert!(amount_of(&input(a.min(b))) <= amount_of(&input(a.max(b))));
        let all = LiquidationInput { below_backstop: true, ..input(0) };
        prop_assert_eq!(amount_of(&all), amount_of(&input(60_000)));
    }

    #[test]
    fn a_deficit_is_covered_or_recorded_in_full(size in -1_000_000i64..1_000_000, mark in 1u64 << 45..1 << 58, deficit in amount(), cap in 0u32..2_000) {
        prop_assume!(size != 0);
        let outcome = bankruptcy_price(Lots::new(size).unwrap(), PriceQ32::new(mark).unwrap(), deficit, bps(cap)).unwrap();
        prop_assert_eq!(outcome.covered.get() + outcome.uncovered.get(), deficit.get());
        let moved = outcome.price.get().abs_diff(mark);
        prop_assert!(u128::from(moved) * 10_000 <= u128::from(mark) * u128::from(cap));
        // What the other side pays at this price is at least what is declared covered.
        prop_assert!((u128::from(moved) * u128::from(size.unsigned_abs())) >> 32 >= u128::from(outcome.covered.magnitude()));
        prop_assert!(moved == 0 || (outcome.price.get() > mark) == (size > 0));
    }

    #[test]
    fn at_its_liquidation_price_an_account_has_nothing_to_spare(size in -1_000_000i64..1_000_000, mark in 1u64 << 50..1 << 56, excess in 0i64..1 << 45, maintenance in 50u32..2_000) {
        prop_assume!(size != 0);
        let lots = Lots::new(size).unwrap();
        if let Some(price) = liquidation_price(lots, PriceQ32::new(mark).unwrap(), atoms(excess), bps(maintenance)).unwrap() {
            let moved = i128::from(price.get().abs_diff(mark)) * i128::from(size.unsigned_abs());
            let rate = if size > 0 { 10_000 - maintenance } else { 10_000 + maintenance };
            let lost = moved * i128::from(rate);
            let spare = (i128::from(excess) * 10_000) << 32;
            prop_assert!(lost <= spare && spare - lost < i128::from(size.unsigned_abs()) * i128::from(rate));
            prop_assert!((price.get() <= mark) == (size > 0) || price.get() == mark);
        }
    }

    #[test]
    fn a_discount_rises_with_time_up_to_its_most(most in 0u32..=10_000, a in -1i64..9_000_000, b in -1i64..9_000_000, rise in 1i64..8_000_000) {
        let discount = |elapsed| aged_discount(bps(most), millis(elapsed), millis(rise)).unwrap().get();
        prop_assert!(discount(a.min(b)) <= discount(a.max(b)));
        prop_assert!(discount(a) <= most && discount(0) == 0 && discount(rise) == most);
        prop_assert!(i128::from(discount(a)) * i128::from(rise) <= i128::from(most) * i128::from(a.clamp(0, rise)));
    }

    #[test]
    fn a_sale_pays_at_least_its_worth_and_meets_the_need_or_sells_all(
        need in amount(), most in (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift), price in 1u64 << 30..1 << 60, discount in 0u32..=300
    ) {
        let sold = sale(need, most, CollateralPriceQ48::new(price).unwrap(), bps(discount));
        prop_assume!(sold != Err(MathError::Overflow));
        let sold = sold.unwrap();
        let discounted = u128::from(price) * u128::from(10_000 - discount) / 10_000;
        let paid = u128::from(sold.paid.magnitude()) << 48;
        let worth = |amount: u64| u128::from(amount).checked_mul(discounted).unwrap();
        prop_assert!(paid >= worth(sold.amount) && paid - worth(sold.amount) < 1 << 48);
        prop_assert!(sold.paid >= need || sold.amount == most);
        prop_assert!(sold.amount <= most);
        // Not one token atom more than the need asks for.
        prop_assert!(sold.amount == 0 || worth(sold.amount - 1) < u128::from(need.magnitude()) << 48);
    }

    #[test]
    fn a_settlement_moves_and_creates_nothing(value in signed(), realised in signed(), quote in signed(), debt_room in amount(), pool in amount(), cash in signed()) {
        let input = SettleInput { value, realised, quote, debt_room, pool };
        let done = settle(&input, cash).unwrap();
        prop_assert_eq!(done.quote.get() + done.pool.get(), quote.get() + pool.get());
        prop_assert_eq!(done.quote.get() + done.cash.get(), quote.get() + cash.get());
        prop_assert!(!done.pool.is_negative(), "a pool pays only what it holds");
        prop_assert!(done.quote.get() >= quote.get().min(0).min(quote.get() + done.amount.get().max(0)) - debt_room.get());
        if value.is_negative() {
            prop_assert!(done.amount.get() <= 0 && done.amount.magnitude() <= value.magnitude());
        } else {
            prop_assert!(done.amount <= realised.max(Atoms::ZERO), "an unrealised profit is never paid");
        }
    }

    #[test]
    fn a_pool_in_deficit_pays_no_more_than_it_holds(profits in prop::collection::vec(0i64..1 << 45, 1..20), pool in amount()) {
        let all = atoms(profits.iter().sum());
        let paid: i64 = profits.iter().map(|profit| pro_rata(atoms(*profit), pool, all).unwrap().get()).sum();
        prop_assert!(paid <= pool.get().max(0) && paid <= all.get());
        prop_assert!(pool < all || paid == all.get());
    }

    #[test]
    fn interest_in_steps_is_never_less_than_at_once(debt in 1i64..1 << 45, rate in 0i64..10_000_000, steps in prop::collection::vec(0i64..86_400_000, 1..8)) {
        let rate = RateE9::new(rate).unwrap();
        let whole = accrue_interest(DEBT_INDEX_ONE, rate, millis(steps.iter().sum())).unwrap();
        let parts = steps.iter().fold(DEBT_INDEX_ONE, |index, step| accrue_interest(index, rate, millis(*step)).unwrap());
        prop_assert!(parts >= whole);
        let owed = balance_with_interest(atoms(-debt), DEBT_INDEX_ONE, parts).unwrap();
        prop_assert!(owed.get() <= -debt, "a debt never shrinks");
        prop_assert_eq!(balance_with_interest(atoms(debt), DEBT_INDEX_ONE, parts).unwrap().get(), debt);
    }

    #[test]
    fn new_debt_keeps_every_limit(weighted_collateral in amount(), user_debt in amount(), exchange_debt in amount(), quote_vault in amount()) {
        let room = max_new_debt(&DebtLimits { weighted_collateral, user_debt, exchange_debt, quote_vault }).unwrap().get();
        prop_assert!(room >= 0);
        if room > 0 {
            prop_assert!((user_debt.get() + room) * 5 <= weighted_collateral.get());
            prop_assert!(user_debt.get() + room <= MAX_USER_DEBT_ATOMS);
            prop_assert!((exchange_debt.get() + room) * 10 <= quote_vault.get());
        }
    }

    #[test]
    fn shares_of_a_deficit_cover_it(deficit in amount(), losses in prop::collection::vec(1i64..1 << 45, 1..12)) {
        let all = atoms(losses.iter().sum());
        let shares: i64 = losses.iter().map(|loss| deficit_share(deficit, atoms(*loss), all).unwrap().get()).sum();
        prop_assert!(shares >= deficit.get() && shares <= deficit.get() + losses.len() as i64);
    }
}

fn amount_of(input: &LiquidationInput) -> i64 {
    evertide_math::liquidation::amount(input).unwrap().get()
}

#[test]
fn a_fifth_at_once_and_all_after_a_minute() {
    assert_eq!(open_fraction(millis(0)).unwrap().get(), 2_000);
    assert_eq!(open_fraction(millis(30_000)).unwrap().get(), 6_000);
    assert_eq!(open_fraction(millis(60_000)).unwrap().get(), 10_000);
    assert_eq!(open_fraction(millis(1 << 40)).unwrap().get(), 10_000);
    assert_eq!(aged_fee(bps(25), millis(60_000)).unwrap().get(), 50);
}

#[test]
fn a_sale_at_no_price_and_a_rise_of_no_time_are_refused() {
    let price = |value| CollateralPriceQ48::new(value).unwrap();
    assert_eq!(sale(atoms(1), 1, price(1), bps(1)), Err(MathError::NotPositive));
    assert_eq!(sale(atoms(-1), 1, price(1 << 40), bps(0)), Err(MathError::NotPositive));
    assert_eq!(sale(atoms(1), 1, price(1 << 40), bps(10_001)), Err(MathError::OutOfRange));
    assert_eq!(sale(atoms(0), 5, price(1 << 40), bps(0)), Ok(Sale::default()));
    assert_eq!(aged_discount(bps(300), millis(1), millis(0)), Err(MathError::OutOfRange));
    assert_eq!(aged_discount(bps(10_001), millis(1), millis(5)), Err(MathError::OutOfRange));
}

#[test]
fn negative_claims_are_refused() {
    let claims = FeeClaims { keeper: atoms(-1), ..FeeClaims::default() };
    assert_eq!(fees::split(&claims), Err(MathError::NotPositive));
    assert_eq!(fees::fee(atoms(-1), Ppm::ZERO), Err(MathError::NotPositive));
}
