//! What one market's accounts must say after every step: sizes, open interest, counts, the pool and what it owes.

use super::{
    is_backstop,
    ladder::{fold_result, folded, side_of},
    Machine,
};
use crate::rewards::owed_rewards;
use crate::state::{Bankruptcy, Market, Position, User};

const WHOLE: u64 = 1 << 48;

/// What the positions of one market add up to.
#[derive(Default)]
struct Sums {
    /// Folded sizes by side.
    lots: [u64; 2],
    /// Positions of the present and of the epoch before, by side, as stored.
    held: [u32; 2],
    stale: [u32; 2],
    /// Positions that would drop a fraction of a lot if they were folded now, and those fractions in parts of 2^16.
    pending: [u64; 2],
    pending_q16: [u64; 2],
    /// Cash after folding, and as stored.
    cash: i128,
    stored: i64,
    bankruptcies: u32,
}

impl Sums {
    fn add(&mut self, position: &Position, market: &Market) {
        let (size, cash) = folded(position, market);
        self.cash += i128::from(cash);
        self.stored += position.cash_atoms;
        self.bankruptcies += u32::from(position.bankruptcy == Bankruptcy::Open as u8);
        if position.basis_lots == 0 {
            return;
        }
        let side = side_of(position.basis_lots);
        self.lots[side] += size.unsigned_abs();
        let dropped = u64::from(fold_result(position, market).dropped_q16);
        self.pending[side] += u64::from(dropped != 0);
        self.pending_q16[side] += dropped;
        if position.epoch == market.epoch[side] {
            self.held[side] += 1;
        } else {
            self.stale[side] += 1;
        }
    }
}

impl Machine {
    /// Counts what may have left a fraction of a lot with the market: folds of it, and each fall of a side's A.
    pub(super) fn note_drops(&mut self, markets: &[Market]) {
        for market in markets {
            let at = usize::from(market.index);
            self.highest[at] = self.highest[at].max((market.mark_price_q32.max(market.mark_twap_q32) >> 32) + 1);
            let Some(before) = self.last.markets.get(at) else { continue };
            for side in 0..2 {
                let (old, new) = (before.dust_lots[side], market.dust_lots[side]);
                // Where the counter starts anew, both parties of the step may have dropped one just before.
                self.drops[at] += if new >= old { new - old } else { new + 2 };
                self.drops[at] += u64::from(market.a[side] != before.a[side]);
            }
        }
    }

    /// I-04, I-05, I-06, I-07, I-15 and the latch.
    ///
    /// Without deleveraging sizes cancel and open interest is what is held. With it, open interest is still equal on both
    /// sides, and the folded sizes of a side fall short of it by the fractions of lots that folding dropped (counted, and
    /// those that folding now would drop), to the roundings of those fractions and one lot for the roundings of A. That
    /// gap belongs to the market. What the pool owes is exact but for roundings, and for what such lots are worth.
    pub(super) fn check_market(&self, market: &Market, users: &[(usize, User)]) {
        let index = market.index;
        let mut sums = Sums::default();
        for (_, user) in users {
            for position in user.positions.iter().filter(|position| position.market_plus_one == index + 1) {
                sums.add(position, market);
            }
        }
        let [long, short] = market.open_interest_lots;
        assert_eq!(long, short, "I-04: open interest of market {index} differs by side");
        for side in 0..2 {
            let folds = i128::from(self.drops[usize::from(index)] + sums.pending[side]);
            let gap = (i128::from(market.open_interest_lots[side]) - i128::from(sums.lots[side])) << 16;
            let dropped = i128::from(market.dropped_q16[side] + sums.pending_q16[side]);
            let exact = market.a[side] == WHOLE && dropped == 0;
            let range = if exact { 0..=0 } else { dropped - folds..=dropped + folds + (1 << 16) };
            assert!(range.contains(&gap), "I-05: open interest of market {index} less held is {gap} of {range:?}");
        }
        assert_eq!(sums.held, market.position_count, "I-07: number of positions of market {index}");
        assert_eq!(sums.stale, market.stale_count, "I-07: positions of an epoch before in market {index}");
        assert_eq!(sums.stored, market.claims_atoms, "I-07: claims on the pool of market {index}");
        assert_eq!(sums.bankruptcies, market.bankruptcies_open, "open bankruptcies of market {index}");
        assert_eq!(market.latch, u8::from(market.bankruptcies_open != 0), "the latch of market {index}");
        let insured = market.pending_insurance_atoms <= market.pending_fees_atoms;
        assert!(insured, "more of market {index}'s pending fees is for insurance than there are");
        self.check_evidence(market);
        self.check_pool(market, &sums, users);
    }

    fn check_pool(&self, market: &Market, sums: &Sums, users: &[(usize, User)]) {
        let index = usize::from(market.index);
        let owed = sums.cash + i128::from(market.pending_fees_atoms) + i128::from(owed_rewards(market));
        let backed = i128::from(market.pool_atoms) + i128::from(market.deficit_atoms);
        let pending: u64 = sums.pending.iter().sum();
        let lots = i128::from((self.drops[index] + pending) * self.highest[index]);
        let bound = i128::from(self.roundings) + users.iter().filter(|(row, _)| !is_backstop(*row)).count() as i128;
        let gap = backed - owed;
        assert!(
            (-lots..=bound + lots).contains(&gap),
            "I-15: pool + deficit - cash - fees of market {index} is {gap}, roundings {bound}, fractions {lots}"
        );
    }

    /// I-08: what is shown as best bid and best ask, while it counts, never crosses.
    fn check_evidence(&self, market: &Market) {
        let alive = |side: usize| {
            let evidence = &market.evidence[side];
            (evidence.order_id != 0 && self.world.now_ms() - evidence.shown_ms <= 30_000)
                .then_some(evidence.price_ticks)
        };
        if let (Some(bid), Some(ask)) = (alive(0), alive(1)) {
            assert!(bid < ask, "I-08: market {} shows a bid of {bid} and an ask of {ask}", market.index);
        }
    }
}
