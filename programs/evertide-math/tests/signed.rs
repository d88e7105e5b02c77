//! A signed order means one thing, and its nonce is used once. A bug here would let a keeper place an order twice.

use std::collections::BTreeSet;

use evertide_math::signed::{use_nonce, SignedOrder, NONCES_MAX, SIGNED_ORDER_BYTES};
use evertide_math::MathError;
use proptest::prelude::*;

const BASE: i64 = 1_000;

proptest! {
    /// Whatever comes in whatever order, no nonce is taken twice, none at or below the base, and one above all always.
    #[test]
    fn no_nonce_is_taken_twice(nonces in prop::collection::vec(prop_oneof![Just(0), -5i64..1_200, 900i64..1_100], 1..200)) {
        let (mut base, mut window) = (BASE, [0; NONCES_MAX]);
        let mut used = BTreeSet::new();
        for nonce in nonces {
            let before = base;
            let taken = use_nonce(&mut base, &mut window, nonce);
            prop_assert!(base >= before, "the base never falls");
            prop_assert!(!taken || (nonce > before && used.insert(nonce)), "{nonce} was taken twice or from below the base");
            let highest = used.last().copied().unwrap_or(BASE);
            let (mut copy_base, mut copy_window) = (base, window);
            prop_assert!(use_nonce(&mut copy_base, &mut copy_window, highest.max(base) + 1), "a later one is always taken");
            prop_assert!(!use_nonce(&mut base, &mut window, nonce), "not again");
            // As long as the window was never full, all that is unused above the base is still free.
            if used.len() < NONCES_MAX {
                prop_assert_eq!(base, BASE);
            }
        }
    }

    #[test]
    fn bytes_mean_one_order(bytes in prop::array::uniform32(any::<u8>()), more in prop::array::uniform24(any::<u8>())) {
        let mut message = [0; SIGNED_ORDER_BYTES];
        message[..32].copy_from_slice(&bytes);
        message[32..].copy_from_slice(&more);
        match SignedOrder::decode(&message) {
            Ok((domain, order)) => prop_assert_eq!(order.encode(&domain), Ok(message)),
            Err(error) => {
                prop_assert_eq!(error, MathError::OutOfRange);
                prop_assert!(message[SIGNED_ORDER_BYTES - 1] > 3);
            }
        }
    }
}

#[test]
fn a_full_window_drops_its_least() {
    let (mut base, mut window) = (BASE, [0; NONCES_MAX]);
    for nonce in 0..NONCES_MAX as i64 {
        assert!(use_nonce(&mut base, &mut window, BASE + 10 + nonce));
        assert_eq!(base, BASE);
    }
    // One below all that are held is dropped at once: it is used, and so is everything below it.
    assert!(use_nonce(&mut base, &mut window, BASE + 5));
    assert_eq!(base, BASE + 5);
    assert!(!use_nonce(&mut base, &mut window, BASE + 4));
    assert!(use_nonce(&mut base, &mut window, BASE + 100));
    assert_eq!(base, BASE + 10);
    assert!(!use_nonce(&mut base, &mut window, i64::MIN));
    assert!(use_nonce(&mut base, &mut window, i64::MAX));
}
