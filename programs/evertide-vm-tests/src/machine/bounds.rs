//! I-24: every parameter lies inside its compiled bounds, and withdrawals keep their asset's floor or use the lane.

use std::sync::OnceLock;

use serde_json::Value;
use solana_account::ReadableAccount;

use super::{ladder::ceil, Machine};
use crate::{
    changes::{located, parameters, Subject},
    state::{CollateralTerms, ExchangeTerms, Market, MarketTerms},
};

/// Terms as they were judged last.
#[derive(Clone, Default)]
pub(super) struct Terms {
    exchange: ExchangeTerms,
    collaterals: [CollateralTerms; 2],
    markets: Vec<MarketTerms>,
}

/// Where one parameter lies, and between which values.
struct Bound {
    name: String,
    at: usize,
    size: usize,
    signed: bool,
    least: i128,
    most: i128,
}

/// The bounds of a sort of accounts, as the layouts export them; keys have none.
fn bounds(subject: Subject) -> &'static [Bound] {
    static ALL: [OnceLock<Vec<Bound>>; 3] = [const { OnceLock::new() }; 3];
    let at = match subject {
        Subject::Exchange => 0,
        Subject::Market(_) => 1,
        Subject::Collateral(_) => 2,
    };
    ALL[at].get_or_init(|| {
        let known = parameters().into_iter().filter(|known| known.target == subject.name());
        let numbers = known.filter(|known| known.kind != "key" && known.name != "status");
        let found = numbers.map(|known| {
            let (at, size) = located(subject, &known.name);
            let (least, most) = (i128::from(known.minimum), i128::from(known.maximum));
            Bound { name: known.name, at, size, signed: known.kind.starts_with('i'), least, most }
        });
        found.collect()
    })
}

impl Machine {
    /// Whatever changed since the last step lies inside its bounds.
    pub(super) fn check_terms(&mut self, markets: &[Market]) {
        let exchange = self.world.exchange().terms;
        if exchange != self.terms.exchange {
            let used = usize::from(exchange.fee_tier_count);
            let unused = |name: &str| {
                let row = name.strip_prefix("fee_tiers.").and_then(|rest| rest.split('.').next());
                row.is_some_and(|row| row.parse::<usize>().expect("a tier") >= used)
            };
            self.check_bounds(Subject::Exchange, unused);
            self.terms.exchange = exchange;
        }
        for index in 0..2 {
            let terms = self.world.collateral(index).terms;
            let at = usize::from(index);
            if terms != self.terms.collaterals[at] {
                // The quote asset is priced by itself: no oracle, whole weights.
                let fixed = |name: &str| index == 0 && !name.ends_with("cap_atoms");
                self.check_bounds(Subject::Collateral(index), fixed);
                self.terms.collaterals[at] = terms;
            }
        }
        self.terms.markets.resize(markets.len(), MarketTerms::default());
        for (at, market) in markets.iter().enumerate() {
            if market.terms != self.terms.markets[at] {
                self.check_bounds(Subject::Market(market.index), |_| false);
                self.terms.markets[at] = market.terms;
            }
        }
    }

    fn check_bounds(&self, subject: Subject, free: impl Fn(&str) -> bool) {
        let account = self.world.vm.accounts_db().get_account_ref(&subject.address()).expect("the account");
        for bound in bounds(subject).iter().filter(|bound| !free(&bound.name)) {
            let mut wide = [0; 16];
            wide[..bound.size].copy_from_slice(&account.data()[bound.at..bound.at + bound.size]);
            let shift = 128 - 8 * bound.size;
            let raw = i128::from_le_bytes(wide) << shift;
            let value = if bound.signed { raw >> shift } else { ((raw as u128) >> shift) as i128 };
            let range = bound.least..=bound.most;
            assert!(range.contains(&value), "I-24: {} of {subject:?} is {value}, not of {range:?}", bound.name);
        }
    }

    /// Right after a withdrawal: what is left is the floor at least, or the lane carries what lies below it.
    pub(super) fn check_floors(&self, events: &[(String, Value)]) {
        for (name, event) in events.iter().filter(|(name, _)| ["Withdrawn", "WithdrawClaimed"].contains(&name.as_str()))
        {
            let number = |key: &str| i128::from(event[key].as_u64().unwrap_or_else(|| panic!("no {key} in {event}")));
            let asset = self.world.collateral(number("collateral_index") as u16);
            let share = i128::from(self.world.exchange().terms.withdrawal_floor_bps);
            let floor = ceil(i128::from(asset.average_atoms) * share, 10_000);
            let total = i128::from(asset.total_atoms);
            if name == "WithdrawClaimed" {
                assert!(total >= floor, "I-24: the queue was paid below the floor of {floor}: {event}");
                continue;
            }
            let below = (floor - (total - i128::from(asset.queued_atoms)).max(0)).clamp(0, number("amount_atoms"));
            assert_eq!(number("lane_atoms"), below, "I-24: below the floor of {floor} by the lane: {event}");
            let lane =
                i128::from(asset.average_atoms) * i128::from(self.world.exchange().terms.lane_share_bps) / 10_000;
            let used = i128::from(asset.lane_used_atoms);
            assert!(below == 0 || used <= lane, "I-24: {used} of a lane of {lane} used: {event}");
        }
    }
}
