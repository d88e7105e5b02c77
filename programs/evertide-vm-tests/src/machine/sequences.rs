//! I-17: ids and sequence numbers only grow, and every event carries the next one of its owner.

use serde_json::Value;

use super::Machine;
use crate::state::{Market, User};

/// Whose number it is: as accounts hold it, and as events tell it. Users by their rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Owner {
    Market(u16),
    User(usize),
    Orders(usize),
    ToldMarket(u64),
    ToldAsset(u64),
    ToldDebt,
    ToldExchange,
    ToldInsurance,
    ToldUser(usize),
    /// The account of a market that is listed on the way.
    ToldStranger,
}

impl Owner {
    /// Whether the number ends with this row's account.
    pub(super) fn belongs_to(self, row: usize) -> bool {
        [Self::User(row), Self::Orders(row), Self::ToldUser(row)].contains(&self)
    }
}

impl Machine {
    pub(super) fn check_sequences(&mut self, markets: &[Market], users: &[(usize, User)]) {
        let of_markets = markets.iter().map(|market| (Owner::Market(market.index), market.sequence));
        let of_users = users.iter().flat_map(|(row, user)| {
            let next_order_id = self.world.orders(&self.traders[*row]).next_order_id;
            [(Owner::User(*row), user.sequence), (Owner::Orders(*row), next_order_id)]
        });
        let now: Vec<(Owner, u64)> = of_markets.chain(of_users).collect();
        for (owner, value) in now {
            let last = self.last_sequences.insert(owner, value).unwrap_or(0);
            assert!(value >= last, "I-17: the sequence of {owner:?} fell from {last} to {value}");
        }
    }

    /// Every event carries the next number of its owner, none twice.
    pub(super) fn check_event_sequences(&mut self, events: &[(String, Value)]) {
        for (name, value) in events {
            let owner = self.owner_of(name, value);
            let number = value["sequence"].as_u64().expect("every event has a sequence");
            let next = self.last_sequences.insert(owner, number + 1);
            // A match raises its parties' numbers too, under names of their own: a user's may jump, never fall.
            let jumps = |next: u64| matches!(owner, Owner::ToldUser(_)) && (number > next || name == "UserCreated");
            let right = next.is_none_or(|next| next == number || jumps(next));
            assert!(right, "I-17: {name} of {owner:?}: {number}, due {next:?}");
        }
    }

    fn owner_of(&self, name: &str, value: &Value) -> Owner {
        let index = |key: &str| value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value}"));
        match name {
            "OrdersMatched" | "MarkUpdated" | "MarketAccrued" | "PnlSettled" | "PositionTouched" | "FeesCollected"
            | "RewardPaid" | "PositionLiquidated" | "LiquidationMatched" | "BankruptcyResolved" | "MarketSettled"
            | "MarketStatusSet" => Owner::ToldMarket(index("market_index")),
            "OracleUpdated" | "RampApplied" | "SeasonAdvanced" => {
                let market = value["market"].as_bool().unwrap_or_else(|| panic!("no market in {value}"));
                let owner = if market { Owner::ToldMarket } else { Owner::ToldAsset };
                owner(index("index"))
            }
            "DebtAccrued" => Owner::ToldDebt,
            "SuccessorNamed" | "RoleClaimed" | "GateDisabled" | "GateEnabled" | "ExchangePaused" | "PauseLifted"
            | "ChangeProposed" | "ChangeExecuted" | "ChangeCancelled" | "MarketListed" => Owner::ToldExchange,
            "InsuranceFunded" | "InsuranceStaked" | "UnstakeRequested" | "UnstakeClaimed" => Owner::ToldInsurance,
            _ => {
                let row = value["user"].as_str().and_then(|user| self.rows.get(user));
                row.map_or(Owner::ToldStranger, |row| Owner::ToldUser(*row))
            }
        }
    }
}
