//! I-28: what the events add up to, from the first on, is what the accounts hold after every step.
//!
//! Balances, cash, pools, fees, deficits and the fund are rebuilt from flows, and every resulting value that an event
//! carries is compared with the rebuilt one. The bug this catches: a movement that no event tells, and an event that
//! tells another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Machine, PRICES};
use crate::state::{Market, User};

/// One account, atoms.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Holder {
    quote: i64,
    pub(super) tokens: i64,
    /// Waiting in the queue of withdrawals, by asset.
    queued: [i64; 2],
    /// Unsettled, by market.
    pub(super) cash: [i64; PRICES.len()],
}

/// One market, atoms; open interest as last told, lots.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(super) struct Told {
    pub(super) pool: i64,
    pub(super) fees: i64,
    pub(super) deficit: i64,
    open_interest: [u64; 2],
    atoms_per_lot_tick: i64,
}

/// Everything that the events say.
#[derive(Clone, Default)]
pub(super) struct Books {
    pub(super) holders: Vec<Holder>,
    pub(super) markets: [Told; PRICES.len()],
    pub(super) fund: i64,
    pub(super) tranche: i64,
    /// Interest on debts that was recognised and not collected.
    interest: i64,
}

/// An event as it is replayed.
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
    rows: &'a BTreeMap<String, usize>,
}

impl Event<'_> {
    pub(super) fn number(&self, key: &str) -> i64 {
        number(self.value, key)
    }

    pub(super) fn row(&self, key: &str) -> usize {
        self.row_in(self.value, key)
    }

    fn row_in(&self, value: &Value, key: &str) -> usize {
        let found = value[key].as_str().and_then(|user| self.rows.get(user));
        *found.unwrap_or_else(|| panic!("I-28: {key} of {} is nobody known: {value}", self.name))
    }

    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.value[key].as_array().map_or(&[], Vec::as_slice)
    }

    pub(super) fn same(&self, what: &str, key: &str, rebuilt: i64) {
        self.agree(what, self.number(key), rebuilt);
    }

    pub(super) fn agree(&self, what: &str, carried: i64, rebuilt: i64) {
        assert_eq!(carried, rebuilt, "I-28: {what} as {} tells it: {}", self.name, self.value);
    }
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_else(|| panic!("I-28: no number {key} in {value}"))
}

fn atoms(value: u64) -> i64 {
    i64::try_from(value).expect("atoms within 63 bits")
}

impl Books {
    fn keep(&mut self, event: &Event) {
        match event.name {
            "Deposited" => self.move_balance(event, event.row("user"), event.number("amount_atoms"), "balance_atoms"),
            "Withdrawn" => self.move_balance(event, event.row("user"), -event.number("amount_atoms"), "balance_atoms"),
            "Transferred" => {
                let amount = event.number("amount_atoms");
                self.move_balance(event, event.row("user"), -amount, "balance_atoms");
                self.move_balance(event, event.row("to"), amount, "to_balance_atoms");
            }
            "WithdrawRequested" | "WithdrawClaimed" => self.queue(event),
            "PnlSettled" => self.settle(event),
            "RewardPaid" => self.reward(event),
            "FeesCollected" => self.collect(event),
            "OrdersMatched" => self.match_orders(event),
            "LiquidationMatched" => self.match_liquidation(event),
            "PositionLiquidated" => self.hand_over(event),
            "PositionTouched" => self.touch(event),
            "CollateralLiquidated" => self.sell(event),
            "BankruptcyResolved" => self.resolve(event),
            "MarketAccrued" | "MarketSettled" => self.waive(event, "deficit_atoms"),
            "InsuranceFunded" | "InsuranceStaked" => {
                self.fund += event.number("amount_atoms");
                self.tranche = event.value["tranche_atoms"].as_i64().unwrap_or(self.tranche);
                event.same("the fund", "balance_atoms", self.fund);
            }
            "UnstakeClaimed" => {
                self.fund -= event.number("paid_atoms");
                event.same("the fund", "balance_atoms", self.fund);
            }
            "UserClosed" => {
                let left = event.value["user"].as_str().and_then(|user| event.rows.get(user));
                let left = left.map_or(Holder::default(), |row| self.holders[*row]);
                assert_eq!(left, Holder::default(), "I-28: left in a closed account: {}", event.value);
            }
            "InvariantBroken" => panic!("the program finds a total wrong: {}", event.value),
            _ => {}
        }
        self.check_totals(event);
        let told = event.value["market_index"].as_u64().and_then(|at| self.markets.get_mut(at as usize));
        if let (Some(market), Some(sides)) = (told, event.value["open_interest_lots"].as_array()) {
            market.open_interest = std::array::from_fn(|side| sides[side].as_u64().expect("lots"));
        }
    }

    /// Totals of assets after the event.
    fn check_totals(&self, event: &Event) {
        let asset = event.value["collateral_index"].as_u64().unwrap_or(0);
        let quote = event.name == "CollateralLiquidated" || asset == 0;
        if let Some(carried) = event.value["total_atoms"].as_i64() {
            let held = |holder: &Holder| {
                if quote {
                    holder.quote.max(0) + holder.queued[0]
                } else {
                    holder.tokens + holder.queued[1]
                }
            };
            event.agree("the sum of balances", carried, self.holders.iter().map(held).sum());
        }
        if let (true, Some(carried)) = (quote, event.value["debt_atoms"].as_i64()) {
            event.agree("the sum of debts", carried, self.debts());
        }
        if let Some(carried) = event.value["queued_atoms"].as_i64() {
            let queued = self.holders.iter().map(|holder| holder.queued[asset as usize]).sum();
            event.agree("the queue", carried, queued);
        }
    }

    fn debts(&self) -> i64 {
        self.holders.iter().map(|holder| -holder.quote.min(0)).sum()
    }

    /// Only a debt may lose more than the change: its interest.
    pub(super) fn change_quote(&mut self, event: &Event, row: usize, change: i64, carried: i64) {
        let before = self.holders[row].quote;
        let mut rebuilt = before + change;
        if before < 0 && carried < rebuilt {
            self.interest += rebuilt - carried;
            rebuilt = carried;
        }
        event.agree("a quote balance", carried, rebuilt);
        self.holders[row].quote = rebuilt;
    }

    fn move_balance(&mut self, event: &Event, row: usize, change: i64, key: &str) {
        if event.number("collateral_index") == 0 {
            return self.change_quote(event, row, change, event.number(key));
        }
        self.holders[row].tokens += change;
        event.same("a balance of SOL", key, self.holders[row].tokens);
    }

    fn queue(&mut self, event: &Event) {
        let (row, asset) = (event.row("user"), event.number("collateral_index") as usize);
        let amount = event.number("amount_atoms");
        if event.name == "WithdrawRequested" {
            self.move_balance(event, row, -amount, "balance_atoms");
            event.agree("an earlier request", 0, self.holders[row].queued[asset]);
            self.holders[row].queued[asset] = amount;
        } else {
            self.holders[row].queued[asset] -= amount;
            event.same("the rest of a request", "left_atoms", self.holders[row].queued[asset]);
        }
    }

    fn settle(&mut self, event: &Event) {
        let (row, at) = (event.row("user"), event.number("market_index") as usize);
        let (amount, given_up) = (event.number("amount_atoms"), event.number("given_up_atoms"));
        let cash = &mut self.holders[row].cash[at];
        *cash += event.number("funding_atoms") - amount - given_up;
        event.same("cash", "cash_atoms", *cash);
        self.change_quote(event, row, amount, event.number("quote_atoms"));
        let market = &mut self.markets[at];
        market.pool -= amount;
        market.deficit -= given_up;
        event.same("the pool", "pool_atoms", market.pool);
        event.same("the deficit", "deficit_atoms", market.deficit);
    }

    fn reward(&mut self, event: &Event) {
        let (at, paid) = (event.number("market_index") as usize, event.number("paid_atoms"));
        if event.number("recipient_sequence") != 0 {
            self.change_quote(event, event.row("recipient"), paid, event.number("quote_atoms"));
        }
        let market = &mut self.markets[at];
        market.pool -= paid;
        market.deficit -= event.number("given_up_atoms");
        market.fees += event.number("kept_atoms");
        event.same("the pool", "pool_atoms", market.pool);
        event.same("pending fees", "pending_fees_atoms", market.fees);
        event.same("the deficit", "deficit_atoms", market.deficit);
    }

    fn collect(&mut self, event: &Event) {
        let at = event.number("market_index") as usize;
        let insurance = event.number("insurance_atoms");
        let (paid, repaid) = (event.number("treasury_atoms") + insurance, event.number("repaid_atoms"));
        let (interest, backstop) = (event.number("interest_atoms"), event.number("backstop_atoms"));
        let market = &mut self.markets[at];
        market.pool -= paid;
        market.fees -= paid + repaid;
        market.deficit -= repaid;
        event.same("the pool", "pool_atoms", market.pool);
        event.same("pending fees", "pending_fees_atoms", market.fees);
        event.same("the deficit", "deficit_atoms", market.deficit);
        self.interest -= interest;
        event.agree("interest left", 0, self.interest);
        self.holders[super::backstop_row(at)].quote -= backstop;
        self.fund += insurance + interest + backstop;
        event.same("the fund", "insurance_balance_atoms", self.fund);
    }

    /// Fills between a taker and makers, with the shares of who brought them together. Returns the fees that are kept.
    pub(super) fn fill(&mut self, event: &Event, taker: usize, ask: bool) -> i64 {
        let at = event.number("market_index") as usize;
        let (sign, mut kept) = (if ask { -1 } else { 1 }, 0);
        // A maker is folded once, where it is met first: told with the order that was passed over, if it was such a one, and
        // another order of the same maker may fill after it.
        for skip in event.list("skips") {
            let folded = number(skip, "funding_atoms");
            if folded != 0 {
                self.holders[event.row_in(skip, "maker")].cash[at] += folded;
            }
        }
        for fill in event.list("fills") {
            let maker = event.row_in(fill, "maker");
            let lots = number(fill, "size_lots");
            let value = lots * number(fill, "price_ticks") * self.markets[at].atoms_per_lot_tick;
            let (taker_fee, maker_fee) = (number(fill, "taker_fee_atoms"), number(fill, "maker_fee_atoms"));
            self.holders[taker].cash[at] -= sign * value + taker_fee;
            self.holders[maker].cash[at] += number(fill, "maker_funding_atoms") + sign * value - maker_fee;
            event.agree("a maker's cash", number(fill, "maker_cash_atoms_after"), self.holders[maker].cash[at]);
            kept += taker_fee + maker_fee;
        }
        let reward = event.number("keeper_reward_atoms");
        if reward != 0 {
            self.holders[event.row("keeper")].cash[at] += reward;
        }
        kept - reward
    }

    fn match_orders(&mut self, event: &Event) {
        let (taker, at) = (event.row("taker"), event.number("market_index") as usize);
        self.holders[taker].cash[at] += event.number("taker_funding_atoms");
        let kept = self.fill(event, taker, event.value["taker_ask"] == true);
        event.same("the taker's cash", "taker_cash_atoms_after", self.holders[taker].cash[at]);
        let shares = event.number("referrer_reward_atoms") + event.number("builder_reward_atoms");
        self.markets[at].fees += kept - shares;
        event.same("pending fees", "pending_fees_atoms", self.markets[at].fees);
    }
}

impl Machine {
    /// Every trader has a page from now on; the markets and the fund begin with what they hold at first.
    pub(super) fn open_books(&mut self, markets: &[Market]) {
        if self.books.holders.is_empty() {
            for (told, market) in self.books.markets.iter_mut().zip(markets) {
                told.atoms_per_lot_tick = atoms(market.atoms_per_lot_tick);
            }
            let fund = self.world.insurance();
            (self.books.fund, self.books.tranche) = (atoms(fund.balance_atoms), atoms(fund.tranche_atoms));
        }
        self.books.holders.resize(self.traders.len(), Holder::default());
    }

    /// Takes in the events of one transaction, in order.
    pub(super) fn keep_books(&mut self, events: &[(String, Value)]) {
        for (name, value) in events {
            self.books.keep(&Event { name, value, rows: &self.rows });
        }
    }

    /// The accounts hold what the events say.
    pub(super) fn check_books(&self, markets: &[Market], users: &[(usize, User)]) {
        let mut held = vec![Holder::default(); self.books.holders.len()];
        for (row, user) in users {
            let holder = &mut held[*row];
            holder.quote = user.quote_atoms;
            holder.tokens = user.collaterals.iter().map(|slot| atoms(slot.amount_atoms)).sum();
            holder.queued[usize::from(user.withdraw_index)] = atoms(user.withdraw_atoms);
            for position in user.positions.iter().filter(|position| position.market_plus_one != 0) {
                holder.cash[usize::from(position.market_plus_one - 1)] = position.cash_atoms;
            }
        }
        for (row, (holder, told)) in held.iter().zip(&self.books.holders).enumerate() {
            assert_eq!(holder, told, "I-28: {row} holds other than the events say");
        }
        for (market, told) in markets.iter().zip(&self.books.markets) {
            let holds = Told {
                pool: atoms(market.pool_atoms),
                fees: atoms(market.pending_fees_atoms),
                deficit: atoms(market.deficit_atoms),
                open_interest: market.open_interest_lots,
                atoms_per_lot_tick: atoms(market.atoms_per_lot_tick),
            };
            assert_eq!(holds, *told, "I-28: market {} holds other than the events say", market.index);
        }
        let (fund, quote) = (self.world.insurance(), self.world.collateral(0));
        let holds = (atoms(fund.balance_atoms), atoms(fund.tranche_atoms));
        assert_eq!(holds, (self.books.fund, self.books.tranche), "I-28: the fund holds other than the events say");
        assert_eq!(atoms(quote.interest_atoms), self.books.interest, "I-28: interest is other than the events say");
    }
}
