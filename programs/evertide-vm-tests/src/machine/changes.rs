//! What a step may have moved: pools, insurance and deficits only as its events say, balances only of those it names.
//!
//! The bug this catches: money that moves without being told, and a loss that reaches somebody who had no part in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{Last, Machine};
use crate::{
    state::{Market, User},
    terms::PRICES,
};

/// Movements of a step by its events, atoms. One market more than those at the start may be listed on the way.
#[derive(Default)]
struct Moved {
    pools: [i128; PRICES.len() + 1],
    /// Recorded deficits after, by what was recorded, repaid and given up.
    deficits: [i128; PRICES.len() + 1],
    insurance: i128,
    /// The tranche after.
    tranche: i128,
    /// Rows of the users whose quote or collateral the events move.
    users: BTreeSet<usize>,
}

fn number(event: &Value, key: &str) -> i128 {
    event[key].as_i64().unwrap_or_else(|| panic!("no number {key} in {event}")).into()
}

impl Moved {
    fn add(&mut self, name: &str, event: &Value, rows: &BTreeMap<String, usize>) {
        let at = event["market_index"].as_u64().unwrap_or(0) as usize;
        match name {
            "PnlSettled" => {
                self.pools[at] -= number(event, "amount_atoms");
                self.deficits[at] -= number(event, "given_up_atoms");
                self.name(event, "user", rows);
            }
            "RewardPaid" => {
                self.pools[at] -= number(event, "paid_atoms");
                self.deficits[at] -= number(event, "given_up_atoms");
                self.name(event, "recipient", rows);
            }
            "FeesCollected" => {
                let collected = number(event, "insurance_atoms") + number(event, "treasury_atoms");
                self.pools[at] -= collected;
                self.deficits[at] -= number(event, "repaid_atoms");
                self.insurance += collected - number(event, "treasury_atoms");
                self.insurance += number(event, "interest_atoms") + number(event, "backstop_atoms");
            }
            "BankruptcyResolved" => {
                let (fund, tranche) = (number(event, "insurance_atoms"), number(event, "tranche_atoms"));
                self.pools[at] += fund + tranche - number(event, "settled_atoms");
                self.deficits[at] += number(event, "recorded_atoms");
                self.insurance -= fund + tranche;
                self.tranche -= tranche;
                self.name(event, "user", rows);
                self.lost_by_fractions(at, event, "market_deficit_atoms");
            }
            "InsuranceStaked" => self.insurance += number(event, "amount_atoms"),
            "UnstakeClaimed" => self.insurance -= number(event, "paid_atoms"),
            "InsuranceFunded" => {
                self.insurance += number(event, "amount_atoms");
                self.tranche = number(event, "tranche_atoms");
            }
            "MarketAccrued" | "MarketSettled" => self.lost_by_fractions(at, event, "deficit_atoms"),
            "CollateralLiquidated" => {
                self.name(event, "user", rows);
                self.name(event, "liquidator", rows);
            }
            _ => {}
        }
    }

    /// What fractions of lots lost that the market held is recorded once nothing is open and fees cannot bear it.
    fn lost_by_fractions(&mut self, at: usize, event: &Value, key: &str) {
        let more = number(event, key) - self.deficits[at];
        if more != 0 {
            let closed = event["open_interest_lots"].as_array().is_some_and(|sides| sides.iter().all(|side| side == 0));
            let spent = number(event, "pending_fees_atoms") == 0;
            assert!(more > 0 && closed && spent, "I-14: {more} recorded where fees or lots are left: {event}");
            self.deficits[at] += more;
        }
    }

    fn name(&mut self, event: &Value, key: &str, rows: &BTreeMap<String, usize>) {
        let user = event[key].as_str().unwrap_or_else(|| panic!("no {key} in {event}"));
        self.users.extend(rows.get(user));
    }
}

impl Machine {
    /// I-09, I-12 and I-13 over everything since the last call.
    pub(super) fn check_changes(&mut self, markets: &[Market], users: &[(usize, User)]) {
        let mut moved = Moved { tranche: self.last.insurance.tranche_atoms.into(), ..Moved::default() };
        for market in &self.last.markets {
            moved.deficits[usize::from(market.index)] = market.deficit_atoms.into();
        }
        for (name, event) in &self.events {
            moved.add(name, event, &self.rows);
        }
        for (before, market) in self.last.markets.iter().zip(markets) {
            let at = usize::from(market.index);
            let pool = i128::from(market.pool_atoms) - i128::from(before.pool_atoms);
            assert_eq!(pool, moved.pools[at], "I-09: the pool of market {at} moved otherwise than told");
            assert_eq!(
                i128::from(market.deficit_atoms),
                moved.deficits[at],
                "I-14: the deficit of market {at} moved otherwise than told"
            );
            // A limit that was lowered stops what comes, not what was paid before.
            let day = market.terms.insurance_day_max_atoms.max(before.terms.insurance_day_max_atoms);
            let within = |used: u64, old: u64| used <= day.max(old);
            let (fund, tranche) = (market.insurance_used_atoms, market.tranche_used_atoms);
            assert!(within(fund, before.insurance_used_atoms), "I-13: insurance of market {at} beyond its day");
            assert!(within(tranche, before.tranche_used_atoms), "I-13: the tranche for market {at} beyond its day");
        }
        let fund = self.world.insurance();
        let change = i128::from(fund.balance_atoms) - i128::from(self.last.insurance.balance_atoms);
        assert_eq!(change, moved.insurance, "I-13: the fund moved otherwise than by fees and bankruptcies");
        let tranche = i128::from(fund.tranche_atoms);
        assert_eq!(tranche, moved.tranche, "I-13: the tranche moved otherwise than by gifts and bankruptcies");
        assert!(fund.tranche_atoms <= fund.balance_atoms, "I-13: the tranche is more than the fund");
        self.check_bystanders(users, &moved);
        self.events.clear();
        self.movers.clear();
        self.last = Last { users: users.to_vec(), markets: markets.to_vec(), insurance: fund };
    }

    /// I-12: whoever is not named by an event, and did not move money itself, holds what it held; nobody who is flat and
    /// owes nothing ever loses.
    fn check_bystanders(&self, users: &[(usize, User)], moved: &Moved) {
        for (row, before) in &self.last.users {
            let Some((_, after)) = users.iter().find(|(other, _)| other == row) else { continue };
            if self.movers.contains(row) {
                continue;
            }
            let swept = self.events.iter().any(|(name, _)| name == "FeesCollected") && super::is_backstop(*row);
            let named = moved.users.contains(row);
            if !named && !swept {
                assert_eq!(before.quote_atoms, after.quote_atoms, "I-12: the balance of bystander {row} moved");
                assert_eq!(before.collaterals, after.collaterals, "I-12: collateral of bystander {row} moved");
            }
            let flat = before.positions.iter().all(|position| position.basis_lots == 0 && position.cash_atoms == 0);
            if flat && before.quote_atoms >= 0 && !swept {
                assert!(after.quote_atoms >= before.quote_atoms, "I-12: flat {row} lost quote");
                assert_eq!(before.collaterals, after.collaterals, "I-12: flat {row} lost collateral");
            }
        }
    }

    /// Takes the present state as the one to compare with; knows every trader from now on.
    pub(super) fn remember(&mut self) {
        let users: Vec<_> = self.existing().into_iter().map(|row| (row, self.user(row))).collect();
        let rows = self.traders.iter().enumerate().map(|(row, trader)| (trader.user.to_string(), row));
        self.rows = Arc::new(rows.collect());
        let markets = self.markets();
        self.open_books(&markets);
        self.last = Last { users, markets, insurance: self.world.insurance() };
        self.events.clear();
        self.movers.clear();
    }
}
