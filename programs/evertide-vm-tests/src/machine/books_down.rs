//! The books' side of the way down: liquidations, bankruptcies, sales, and what fees bear of dust.

use super::books::{Books, Event};

/// Steps of `BankruptcyResolved` that bear a share.
const RESOLVED: i64 = 2;

impl Books {
    pub(super) fn match_liquidation(&mut self, event: &Event) {
        let (row, at) = (event.row("user"), event.number("market_index") as usize);
        let fee = event.number("insurance_fee_atoms");
        self.holders[row].cash[at] += event.number("user_funding_atoms") - fee;
        let kept = self.fill(event, row, event.value["ask"] == true);
        event.same("cash", "user_cash_atoms_after", self.holders[row].cash[at]);
        self.markets[at].fees += kept + fee;
        event.same("pending fees", "pending_fees_atoms", self.markets[at].fees);
    }

    /// Lots that another party took over, at a price that is rounded against who leaves.
    pub(super) fn hand_over(&mut self, event: &Event) {
        let (row, other) = (event.row("user"), event.row("liquidator"));
        let at = event.number("market_index") as usize;
        self.holders[row].cash[at] += event.number("user_funding_atoms");
        self.holders[other].cash[at] += event.number("liquidator_funding_atoms");
        let moved = i128::from(event.number("size_lots"));
        if moved != 0 {
            let price = i128::from(event.value["price_q32"].as_u64().expect("a price"));
            let (fee, insurance) = (event.number("liquidator_fee_atoms"), event.number("insurance_fee_atoms"));
            let paid = i64::try_from((moved * price) >> 32).expect("atoms");
            self.holders[row].cash[at] += paid - fee - insurance;
            self.holders[other].cash[at] += fee - paid;
            self.markets[at].fees += insurance;
        }
        let after = event.number("user_cash_atoms_after");
        if event.number("deleveraged_lots") != 0 {
            // What the other side's index paid: the size factors that give it are the market's own.
            self.holders[row].cash[at] = after;
        }
        event.agree("cash", after, self.holders[row].cash[at]);
        event.same("the liquidator's cash", "liquidator_cash_atoms_after", self.holders[other].cash[at]);
        event.same("pending fees", "pending_fees_atoms", self.markets[at].fees);
    }

    pub(super) fn touch(&mut self, event: &Event) {
        let (row, at) = (event.row("user"), event.number("market_index") as usize);
        let cash = &mut self.holders[row].cash[at];
        *cash += event.number("funding_atoms");
        if event.number("closed_lots") != 0 {
            // Lots closed at the mark, which the rule that touches checks.
            *cash = event.number("cash_atoms");
        }
        event.same("cash", "cash_atoms", *cash);
    }

    pub(super) fn sell(&mut self, event: &Event) {
        let (row, other) = (event.row("user"), event.row("liquidator"));
        let (amount, paid) = (event.number("amount_atoms"), event.number("paid_atoms"));
        self.holders[row].tokens -= amount;
        self.holders[other].tokens += amount;
        event.same("the seller's SOL", "user_collateral_atoms_after", self.holders[row].tokens);
        event.same("the buyer's SOL", "liquidator_collateral_atoms_after", self.holders[other].tokens);
        self.change_quote(event, row, paid, event.number("user_quote_atoms_after"));
        self.change_quote(event, other, -paid, event.number("liquidator_quote_atoms_after"));
    }

    pub(super) fn resolve(&mut self, event: &Event) {
        let (row, at) = (event.row("user"), event.number("market_index") as usize);
        let settled = event.number("settled_atoms");
        self.holders[row].cash[at] += event.number("user_funding_atoms") - settled;
        if event.number("step") == RESOLVED {
            let fees = event.number("fees_atoms");
            let (fund, tranche) = (event.number("insurance_atoms"), event.number("tranche_atoms"));
            let recorded = event.number("recorded_atoms");
            self.holders[row].cash[at] += fees + fund + tranche + recorded;
            let market = &mut self.markets[at];
            market.fees -= fees;
            market.pool += fund + tranche;
            market.deficit += recorded;
            self.fund -= fund + tranche;
            self.tranche -= tranche;
        }
        let after = event.number("user_cash_atoms_after");
        if event.number("closed_lots") != 0 {
            self.holders[row].cash[at] = after;
        }
        event.agree("cash", after, self.holders[row].cash[at]);
        self.change_quote(event, row, settled, event.number("user_quote_atoms_after"));
        self.markets[at].pool -= settled;
        event.same("the pool", "pool_atoms", self.markets[at].pool);
        self.waive(event, "market_deficit_atoms");
        event.same("the fund", "insurance_balance_atoms", self.fund);
        event.same("the tranche", "insurance_tranche_atoms", self.tranche);
    }

    /// With nothing open, fees make up for dust below zero, and the record for what they lack.
    pub(super) fn waive(&mut self, event: &Event, key: &str) {
        let Some(market) = self.markets.get_mut(event.number("market_index") as usize) else { return };
        let (fees, deficit) = (event.number("pending_fees_atoms"), event.number(key));
        let (waived, recorded) = (market.fees - fees, deficit - market.deficit);
        if (waived, recorded) != (0, 0) {
            let empty = event.list("open_interest_lots").iter().all(|side| side == 0);
            let borne = waived >= 0 && recorded >= 0 && (recorded == 0 || fees == 0);
            assert!(empty && borne, "I-28: {waived} of fees, {recorded} of deficit moved untold: {}", event.value);
        }
        (market.fees, market.deficit) = (fees, deficit);
    }
}
