//! Fills move value between two holders and create none: what one pays the other receives, and cash plus
//! entry plus open cost always tell the same story. A bug here would print money one trade at a time.

use evertide_math::notional::{fill_notional, position_value, realised, unrealised};
use evertide_math::pnl::{apply_fill, apply_transfer, remaining_entry, Holding};
use evertide_math::priority::{compare, order_hash, OrderRank};
use evertide_math::{Atoms, AtomsPerLotTick, Lots, MathError, PriceQ32, Side, Ticks};
use proptest::prelude::*;

const TICK: u64 = 10;

fn tick() -> AtomsPerLotTick {
    AtomsPerLotTick::new(TICK).unwrap()
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask)]
}

type Trade = (Side, i64, u64);

fn trades() -> impl Strategy<Value = Vec<Trade>> {
    prop::collection::vec((side(), 1i64..100_000, 1u64..1_000_000), 1..30)
}

fn fill(holding: Holding, (side, size, price): Trade) -> Holding {
    apply_fill(holding, side, Lots::new(size).unwrap(), Ticks::new(price).unwrap(), tick()).unwrap().holding
}

proptest! {
    #[test]
    fn two_sides_of_a_fill_cancel(history in trades()) {
        let (mut buyer, mut seller) = (Holding::default(), Holding::default());
        for (side, size, price) in history {
            buyer = fill(buyer, (side, size, price));
            seller = fill(seller, (side.opposite(), size, price));
            prop_assert_eq!(buyer.size.get() + seller.size.get(), 0);
            prop_assert_eq!(buyer.cash.get() + seller.cash.get(), 0);
        }
    }

    #[test]
    fn a_flat_position_is_all_realised(history in trades(), price in 1u64..1_000_000) {
        let mut holding = history.into_iter().fold(Holding::default(), fill);
        let size = holding.size.get();
        if size != 0 {
            let closing = if size > 0 { Side::Ask } else { Side::Bid };
            holding = fill(holding, (closing, size.abs(), price));
        }
        prop_assert!(holding.size.is_zero() && holding.entry.is_zero());
        prop_assert_eq!(realised(holding.cash, holding.entry).unwrap(), holding.cash);
    }

    #[test]
    fn value_is_realised_plus_unrealised(history in trades(), price in 1u64..1u64 << 55) {
        let holding = history.into_iter().fold(Holding::default(), fill);
        let price = PriceQ32::new(price).unwrap();
        let value = position_value(holding.size, holding.cash, price).unwrap();
        let parts = unrealised(holding.size, holding.entry, price).unwrap().get()
            + realised(holding.cash, holding.entry).unwrap().get();
        prop_assert_eq!(value.get(), parts);
    }

    #[test]
    fn opening_realises_nothing(history in trades()) {
        let mut holding = Holding::default();
        for (side, size, price) in history {
            let filled = apply_fill(holding, side, Lots::new(size).unwrap(), Ticks::new(price).unwrap(), tick()).unwrap();
            if filled.closed.is_zero() {
                prop_assert!(filled.realised.is_zero());
            }
            prop_assert_eq!(filled.closed.get() + filled.opened.get(), size);
            let change = filled.holding.cash.get() + filled.holding.entry.get() - holding.cash.get() - holding.entry.get();
            prop_assert_eq!(filled.realised.get(), change);
            holding = filled.holding;
        }
    }

    #[test]
    fn a_reduction_never_overstates_profit(entry in -(1i64 << 52)..1i64 << 52, size in 1i64..1 << 40, part in 0i64..1_000) {
        let remaining = size * part / 1_000;
        let kept = remaining_entry(Atoms::new(entry).unwrap(), Lots::new(remaining).unwrap(), Lots::new(size).unwrap()).unwrap();
        let exact = i128::from(entry) * i128::from(remaining);
        prop_assert!(i128::from(kept.get()) * i128::from(size) <= exact);
        prop_assert!(exact - i128::from(kept.get()) * i128::from(size) < i128::from(size));
    }

    #[test]
    fn one_fill_is_as_good_as_its_parts(first in 1i64..100_000, second in 1i64..100_000, price in 1u64..1_000_000, side in side()) {
        let parts = fill(fill(Holding::default(), (side, first, price)), (side, second, price));
        prop_assert_eq!(parts, fill(Holding::default(), (side, first + second, price)));
    }

    #[test]
    fn a_transfer_at_a_whole_price_is_a_fill(history in trades()) {
        let mut holding = Holding::default();
        for (side, size, price) in history {
            let filled = apply_fill(holding, side, Lots::new(size).unwrap(), Ticks::new(price).unwrap(), tick()).unwrap();
            let (change, paid) = if side == Side::Bid { (size, filled.notional) } else { (-size, filled.notional.negate()) };
            prop_assert_eq!(apply_transfer(holding, Lots::new(change).unwrap(), paid).unwrap(), filled);
            holding = filled.holding;
        }
    }

    #[test]
    fn a_transfer_in_parts_moves_what_the_whole_moves(
        history in trades(), first in 1i64..100_000, second in 1i64..100_000, paid in (0i64..1 << 45, 0i64..1 << 45), sign in prop_oneof![Just(1i64), Just(-1)]
    ) {
        let before = history.into_iter().fold(Holding::default(), fill);
        let transfer = |holding, lots: i64, paid: i64| {
            apply_transfer(holding, Lots::new(sign * lots).unwrap(), Atoms::new(sign * paid).unwrap()).unwrap()
        };
        let whole = transfer(before, first + second, paid.0 + paid.1);
        let one = transfer(before, first, paid.0);
        let other = transfer(one.holding, second, paid.1);
        prop_assert_eq!((other.holding.size, other.holding.cash), (whole.holding.size, whole.holding.cash));
        prop_assert_eq!(one.closed.get() + other.closed.get(), whole.closed.get());
        let story = |holding: Holding| holding.cash.get() + holding.entry.get();
        prop_assert_eq!(one.realised.get() + other.realised.get(), story(other.holding) - story(before));
        prop_assert_eq!(whole.realised.get(), story(whole.holding) - story(before));
        if whole.closed.is_zero() {
            prop_assert_eq!(other.holding, whole.holding);
        }
        if whole.opened.is_zero() && whole.holding.size.is_zero() {
            prop_assert!(whole.holding.entry.is_zero());
        }
    }

    #[test]
    fn what_a_flip_opens_cost_its_part(size in 1i64..100_000, beyond in 1i64..100_000, paid in 0i64..1 << 50, is_long in any::<bool>()) {
        let sign = if is_long { 1 } else { -1 };
        let before = fill(Holding::default(), (if is_long { Side::Bid } else { Side::Ask }, size, 7));
        let change = -sign * (size + beyond);
        let after = apply_transfer(before, Lots::new(change).unwrap(), Atoms::new(-sign * paid).unwrap()).unwrap();
        let exact = i128::from(-sign * paid) * i128::from(beyond);
        let entry = i128::from(after.holding.entry.get()) * i128::from(size + beyond);
        prop_assert!(entry <= exact && exact - entry < i128::from(size + beyond));
        prop_assert_eq!(after.opened.get(), beyond);
    }

    #[test]
    fn priority_is_a_strict_order(
        side in side(), a in (1u64..4, 0u64..3, 0u64..3), b in (1u64..4, 0u64..3, 0u64..3), c in (1u64..4, 0u64..3, 0u64..3)
    ) {
        let rank = |(price, placed_slot, hash)| OrderRank { price: Ticks::new(price).unwrap(), placed_slot, hash };
        let (a, b, c) = (rank(a), rank(b), rank(c));
        prop_assert_eq!(compare(side, &a, &b), compare(side, &b, &a).reverse());
        if compare(side, &a, &b).is_lt() && compare(side, &b, &c).is_lt() {
            prop_assert!(compare(side, &a, &c).is_lt());
        }
        if a.price < b.price {
            prop_assert_eq!(compare(side, &a, &b).is_lt(), side == Side::Ask);
        }
    }

    #[test]
    fn the_hash_depends_on_every_input(slot in any::<u64>(), key in any::<[u8; 32]>(), id in any::<u64>(), at in 0usize..32) {
        let hash = order_hash(slot, &key, id);
        let mut other = key;
        other[at] ^= 1;
        prop_assert_ne!(hash, order_hash(slot, &other, id));
        prop_assert_ne!(hash, order_hash(slot ^ 1, &key, id));
        prop_assert_ne!(hash, order_hash(slot, &key, id ^ 1));
    }
}

#[test]
fn a_notional_ends_exactly_at_its_guard() {
    let notional = |lots, ticks| {
        fill_notional(Lots::new(lots).unwrap(), Ticks::new(ticks).unwrap(), AtomsPerLotTick::new(1).unwrap())
    };
    assert_eq!(notional(1 << 40, 1 << 13).unwrap().get(), 1 << 53);
    assert_eq!(notional(1 << 40, (1 << 13) + 1), Err(MathError::Overflow));
    assert_eq!(notional(-(1 << 40), 1 << 13).unwrap().get(), 1 << 53);
}

#[test]
fn a_fill_of_nothing_is_refused() {
    let refused = |size, price| {
        apply_fill(Holding::default(), Side::Bid, Lots::new(size).unwrap(), Ticks::new(price).unwrap(), tick())
    };
    assert_eq!(refused(0, 5), Err(MathError::NotPositive));
    assert_eq!(refused(-1, 5), Err(MathError::NotPositive));
    assert_eq!(refused(1, 0), Err(MathError::NotPositive));
}

#[test]
fn a_transfer_of_nothing_or_paid_backwards_is_refused() {
    let transfer = |change, paid| {
        apply_transfer(Holding::default(), Lots::new(change).unwrap(), Atoms::new(paid).unwrap()).map(|_| ())
    };
    assert_eq!(transfer(0, 5), Err(MathError::NotPositive));
    assert_eq!(transfer(3, -1), Err(MathError::OutOfRange));
    assert_eq!(transfer(-3, 1), Err(MathError::OutOfRange));
    assert_eq!(transfer(-3, 0), Ok(()));
}

#[test]
fn a_flip_opens_only_the_rest() {
    let long = fill(Holding::default(), (Side::Bid, 100, 50));
    let short = fill(long, (Side::Ask, 150, 60));
    assert_eq!(short.size.get(), -50);
    assert_eq!(short.entry.get(), -50 * 60 * TICK as i64);
    assert_eq!(realised(short.cash, short.entry).unwrap().get(), 100 * 10 * TICK as i64);
}
