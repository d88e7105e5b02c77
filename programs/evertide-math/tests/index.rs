//! The lazy index pays out no more than it takes in. Funding: what all shorts receive is at most what all
//! longs pay. Deleveraging: the side's sizes shrink by at least what was asked, its cash by no more than
//! the price of what was closed. Folding in steps gives no more than folding once, and while a market trades at
//! one price no way of folding gains an atom: what a fold drops is closed at that price.

use evertide_math::index::*;
use evertide_math::{Lots, MathError, Millis, PriceQ32, RateE9};
use proptest::prelude::*;

fn lots(value: i64) -> Lots {
    Lots::new(value).unwrap()
}

/// What happens to a market between two folds.
#[derive(Clone, Copy, Debug)]
enum Event {
    Funding { rate: i64, price: u64, elapsed: i64 },
    Deleverage { long: bool, part: u64, price: u64 },
}

fn price() -> impl Strategy<Value = u64> {
    (1u64 << 40)..(1u64 << 58)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (-40_000_000i64..40_000_000, price(), 0i64..3_600_000).prop_map(|(rate, price, elapsed)| Event::Funding {
            rate,
            price,
            elapsed
        }),
        (any::<bool>(), 0u64..1_000, price()).prop_map(|(long, part, price)| Event::Deleverage { long, part, price }),
    ]
}

/// Both sides of a market after an event; open interest of each side falls by what is deleveraged.
fn step(
    sides: (SideIndex, SideIndex),
    open: &mut [u64; 2],
    remainder: &mut i64,
    event: Event,
) -> (SideIndex, SideIndex) {
    let (long, short) = sides;
    match event {
        Event::Funding { rate, price, elapsed } => {
            let (rate, price) = (RateE9::new(rate).unwrap(), PriceQ32::new(price).unwrap());
            let after = accrue_funding(&long, &short, rate, price, Millis::new(elapsed).unwrap(), *remainder).unwrap();
            *remainder = after.remainder;
            (after.long, after.short)
        }
        Event::Deleverage { long: is_long, part, price } => {
            let side = usize::from(!is_long);
            let closed = open[side] * part / 2_000;
            let after = |index: &SideIndex| {
                deleverage(index, is_long, open[side], closed, PriceQ32::new(price).unwrap()).unwrap()
            };
            let result = if is_long { (after(&long), short) } else { (long, after(&short)) };
            open[side] -= closed;
            result
        }
    }
}

const OPEN: u64 = 1 << 30;

proptest! {
    #[test]
    fn shorts_never_receive_more_than_longs_pay(
        longs in prop::collection::vec(1i64..1_000_000, 1..12),
        events in prop::collection::vec((-40_000_000i64..40_000_000, price(), 0i64..3_600_000), 1..8),
    ) {
        let (mut long, mut short, mut remainder) = (SideIndex::FRESH, SideIndex::FRESH, 0);
        for (rate, price, elapsed) in events {
            let (rate, price) = (RateE9::new(rate).unwrap(), PriceQ32::new(price).unwrap());
            let after = accrue_funding(&long, &short, rate, price, Millis::new(elapsed).unwrap(), remainder).unwrap();
            (long, short, remainder) = (after.long, after.short, after.remainder);
        }
        let total: i64 = longs.iter().sum();
        let paid: i64 = longs.iter().map(|size| {
            fold(&SideIndex::FRESH.snapshot(lots(*size)), &long).unwrap().cash_delta.get()
        }).sum();
        let received = fold(&SideIndex::FRESH.snapshot(lots(-total)), &short).unwrap().cash_delta.get();
        let dust = -(paid + received);
        prop_assert!(dust >= 0, "the sides gained {} together", -dust);
        // Each fold drops less than an atom: the dust is bounded by the number of positions.
        prop_assert!(dust <= longs.len() as i64 + 1);
    }

    #[test]
    fn funding_does_not_depend_on_how_often_it_is_accrued(
        rate in -40_000_000i64..40_000_000, price in price(), steps in prop::collection::vec(0i64..600_000, 1..10)
    ) {
        let (rate, price) = (RateE9::new(rate).unwrap(), PriceQ32::new(price).unwrap());
        let fresh = SideIndex::FRESH;
        let whole = accrue_funding(&fresh, &fresh, rate, price, Millis::new(steps.iter().sum()).unwrap(), 0).unwrap();
        let mut parts = Accrued { long: fresh, short: fresh, remainder: 0 };
        for elapsed in steps {
            parts = accrue_funding(&parts.long, &parts.short, rate, price, Millis::new(elapsed).unwrap(), parts.remainder).unwrap();
        }
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn folding_in_steps_never_gives_more(basis in -1_000_000i64..1_000_000, events in prop::collection::vec(event(), 1..10)) {
        let (mut sides, mut open, mut remainder) = ((SideIndex::FRESH, SideIndex::FRESH), [OPEN; 2], 0);
        let own = |sides: &(SideIndex, SideIndex)| if basis >= 0 { sides.0 } else { sides.1 };
        let start = own(&sides).snapshot(lots(basis));
        let (mut stepped, mut cash) = (start, 0i64);
        for event in events {
            sides = step(sides, &mut open, &mut remainder, event);
            let folded = fold(&stepped, &own(&sides)).unwrap();
            cash += folded.cash_delta.get();
            stepped = own(&sides).snapshot(folded.size);
        }
        let once = fold(&start, &own(&sides)).unwrap();
        prop_assert!(stepped.basis.magnitude() <= once.size.magnitude());
        prop_assert!(once.size.magnitude() - stepped.basis.magnitude() <= 10);
        if sides.0.a == INDEX_ONE && sides.1.a == INDEX_ONE {
            prop_assert!(cash <= once.cash_delta.get() && once.cash_delta.get() - cash <= 10);
        }
    }

    #[test]
    fn deleveraging_closes_and_pays_what_it_says(
        sizes in prop::collection::vec(1i64..1_000_000, 1..12), part in 0u64..=100, price in 1u64 << 40..1 << 54, is_long in any::<bool>()
    ) {
        let open: i64 = sizes.iter().sum();
        let closed = open.unsigned_abs() * part / 100;
        let fresh = SideIndex::FRESH;
        let after = deleverage(&fresh, is_long, open.unsigned_abs(), closed, PriceQ32::new(price).unwrap()).unwrap();
        let (mut left, mut cash) = (0i64, 0i64);
        for size in &sizes {
            let folded = fold(&fresh.snapshot(lots(if is_long { *size } else { -*size })), &after).unwrap();
            left += folded.size.get().abs();
            cash += folded.cash_delta.get();
        }
        let gone = open - left;
        prop_assert!(gone >= closed as i64 && gone <= closed as i64 + sizes.len() as i64 + 1);
        // Paid for the share of A that went: never more than the closed lots plus the dust of A are worth.
        let share = i128::from(INDEX_ONE - after.a) * i128::from(open) * i128::from(price);
        let worth = share >> 80;
        let bound = sizes.len() as i128 + 1 + i128::from(open >> 40);
        let cash = i128::from(cash);
        if is_long {
            prop_assert!(cash <= worth && worth - cash <= bound);
        } else {
            prop_assert!(-cash >= worth && -cash - worth <= bound);
        }
    }

    #[test]
    fn at_one_price_no_way_of_folding_gains(
        basis in -1_000_000i64..1_000_000, parts in prop::collection::vec((0u64..2_000, any::<bool>()), 1..12), price in 1u64 << 40..1 << 58
    ) {
        // Deleveraged and closed at the price it is valued at, a position keeps its worth to the atom or loses dust.
        let (is_long, price) = (basis >= 0, PriceQ32::new(price).unwrap());
        let (mut side, mut open) = (SideIndex::FRESH, OPEN);
        let (mut snapshot, mut cash, mut folds) = (side.snapshot(lots(basis)), 0i64, 0i128);
        for (part, folds_here) in parts.into_iter().chain([(0, true)]) {
            let closed = open * part / 2_000;
            side = deleverage(&side, is_long, open, closed, price).unwrap();
            open -= closed;
            if folds_here {
                let folded = fold(&snapshot, &side).unwrap();
                cash += folded.cash_delta.get() + dropped_value(snapshot.basis, folded.dropped_q16, price).unwrap().get();
                snapshot = side.snapshot(folded.size);
                folds += 1;
            }
        }
        let price = i128::from(price.get());
        let gained = i128::from(snapshot.basis.get() - basis) * price + (i128::from(cash) << 32);
        prop_assert!(gained <= 0, "gained {} atoms", gained >> 32);
        // A fold loses an atom of cash, one of dropped worth, and a step of 2^-16 lot at the most.
        prop_assert!(-gained <= folds * ((price >> 16) + (3 << 32)), "lost {} atoms", -gained >> 32);
    }

    #[test]
    fn what_both_sides_drop_creates_no_money(
        longs in prop::collection::vec(1i64..1_000_000, 1..12), cut in 1i64..1_000_000,
        a in prop_oneof![1u64..=INDEX_ONE, (0u32..48).prop_map(|bits| INDEX_ONE >> bits)], price in (1u64..1 << 58, 0u32..58).prop_map(|(value, bits)| value >> bits)
    ) {
        // The shorts hold as much as the longs, split in another way; both sides shrink by the same factor, unpaid.
        let total: i64 = longs.iter().sum();
        let shorts = [cut.min(total), total - cut.min(total)];
        let (side, price) = (SideIndex { a, ..SideIndex::FRESH }, PriceQ32::new(price).unwrap());
        let mut worth = 0i128;
        for size in longs.iter().copied().chain(shorts.map(|size| -size)) {
            let folded = fold(&SideIndex::FRESH.snapshot(lots(size)), &side).unwrap();
            prop_assert!(folded.dropped_q16 <= 1 << DROPPED_BITS);
            let dropped = dropped_value(lots(size), folded.dropped_q16, price).unwrap();
            prop_assert!(dropped.is_zero() || dropped.is_negative() == (size < 0));
            worth += i128::from(folded.size.get()) * i128::from(price.get()) + (i128::from(dropped.get()) << 32);
        }
        prop_assert!(worth <= 0, "folding made {} atoms", worth >> 32);
    }

    #[test]
    fn a_newer_snapshot_folds_against_the_cache_as_nothing(basis in 1i64..1_000_000, a in 1u64..INDEX_ONE, j in any::<i64>()) {
        let row = SideIndex { a: INDEX_ONE, j: 5, j_previous: 0, epoch: 3 };
        let same_epoch = Snapshot { basis: lots(basis), a, j: j.into(), epoch: 3 };
        let next_epoch = Snapshot { basis: lots(basis), a: INDEX_ONE, j: j.into(), epoch: 4 };
        for newer in [same_epoch, next_epoch] {
            let folded = fold_cached(&newer, &row).unwrap();
            prop_assert_eq!((folded.size.get(), folded.cash_delta.get()), (basis, 0));
        }
    }

    #[test]
    fn the_epoch_before_is_paid_and_closed(basis in 1i64..1_000_000, gathered in -(1i128 << 70)..(1i128 << 70)) {
        let old = SideIndex { a: 1 << 20, j: gathered, j_previous: 0, epoch: 7 };
        let position = SideIndex { j: 0, a: INDEX_ONE, j_previous: 0, epoch: 7 }.snapshot(lots(basis));
        let side = old.next_epoch(0).unwrap();
        let folded = fold(&position, &side).unwrap();
        prop_assert!(folded.size.is_zero());
        prop_assert_eq!(i128::from(folded.cash_delta.get()), (i128::from(basis) * gathered).div_euclid(1 << 48));
    }
}

#[test]
fn epochs_advance_only_when_nobody_is_left() {
    assert_eq!(SideIndex::FRESH.next_epoch(1), Err(MathError::SideStillHeld));
    let position = Snapshot { basis: lots(5), a: INDEX_ONE, j: 0, epoch: 1 };
    let later = SideIndex { epoch: 3, ..SideIndex::FRESH };
    assert_eq!(fold(&position, &later), Err(MathError::EpochMismatch));
    assert_eq!(fold(&position, &SideIndex::FRESH), Err(MathError::EpochMismatch));
}

#[test]
fn a_side_drains_below_its_limit() {
    assert!(!SideIndex { a: DRAIN_ONLY_BELOW, ..SideIndex::FRESH }.is_drain_only());
    assert!(SideIndex { a: DRAIN_ONLY_BELOW - 1, ..SideIndex::FRESH }.is_drain_only());
}

#[test]
fn nobody_closes_more_than_is_open() {
    let price = PriceQ32::new(1 << 50).unwrap();
    assert_eq!(deleverage(&SideIndex::FRESH, true, 5, 6, price), Err(MathError::ExceedsOpenInterest));
    assert_eq!(deleverage(&SideIndex::FRESH, true, 0, 0, price), Err(MathError::DivisionByZero));
}
