//! I-09 and the limits of debt: what one settlement may pay, and what it may make a loser owe.
//!
//! The bug this catches: unrealised profit that leaves the pool, or a loss that becomes more debt than is backed.

use evertide_math::{pnl::remaining_entry, Atoms, Lots};
use serde_json::Value;

use super::{
    is_backstop,
    ladder::{folded, value_down},
    Machine,
};
use crate::{
    state::Market,
    terms::USD,
    world::{Outcome, World},
};

/// Share of weighted collateral that may become debt, bps.
const DEBT_SHARE_BPS: i128 = 2_000;
/// Most that one user may owe by settlements, atoms.
const USER_DEBT_MAX: i128 = 100_000 * USD as i128;

impl Machine {
    pub(super) fn check_settlement(
        &self,
        before: &World,
        row: usize,
        market_index: u16,
        signed: bool,
        outcome: &Outcome,
    ) {
        let event = outcome.event("PnlSettled");
        let amount = event["amount_atoms"].as_i64().expect("an amount");
        let trader = &self.traders[row];
        let (user, market) = (before.user(trader), before.market(market_index));
        let position = before.position(trader, market_index).expect("what is settled was there");
        let (size, cash) = folded(&position, &market);
        if amount > 0 {
            let lots = |value: i64| Lots::new(value).expect("lots within the guard");
            let entry = Atoms::new(position.entry_atoms).expect("an entry");
            let entry = remaining_entry(entry, lots(size), lots(position.basis_lots)).expect("a part of it").get();
            let realised = cash + entry;
            assert!(amount <= realised, "I-09: {amount} paid of a realised profit of {realised}: {event}");
            assert!(amount as u64 <= market.pool_atoms, "I-09: more than the pool was paid: {event}");
            let mark = before.cache().markets[usize::from(market_index)].mark_price_q32;
            let worth = (i128::from(cash) + value_down(size, mark)).min(i128::from(realised));
            let caller = if is_backstop(row) {
                Caller::Backstop
            } else if signed {
                Caller::Owner
            } else {
                Caller::Anyone
            };
            check_pro_rata(&market, amount, worth, caller, &event);
            return;
        }
        let owed = -i128::from(event["quote_atoms"].as_i64().expect("a balance").min(0));
        let already = -i128::from(user.quote_atoms.min(0));
        if amount == 0 || owed == 0 {
            return;
        }
        let price_q48 = i128::from(before.cache().collaterals[1].price_q48);
        let tokens: i128 = user.collaterals.iter().map(|slot| i128::from(slot.amount_atoms)).sum();
        let weight_bps = i128::from(before.collateral(1).terms.weight_initial_bps);
        let weighted = ((tokens * price_q48) >> 48) * weight_bps / 10_000;
        let backed = (weighted * DEBT_SHARE_BPS / 10_000).min(USER_DEBT_MAX);
        assert!(owed <= backed, "a debt of {already} grew to {owed} where {backed} is backed: {event}");
        let quote = before.collateral(0);
        let cap = i128::from(quote.total_atoms) * i128::from(before.exchange().terms.debt_cap_bps) / 10_000;
        let all = i128::from(event["debt_atoms"].as_u64().expect("a sum"));
        assert!(all <= cap, "debts grew to {all} beyond the exchange's cap of {cap}: {event}");
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Anyone,
    Owner,
    Backstop,
}

/// While a deficit is open a profit is paid to an owner who asks, by the part of all claims that the pool backs; the
/// rest of the claim is given up against the deficit. A backstop's profit repays the deficit before it is paid.
fn check_pro_rata(market: &Market, amount: i64, worth: i128, caller: Caller, event: &Value) {
    let given_up = i128::from(event["given_up_atoms"].as_i64().expect("an amount"));
    let (pool, deficit) = (i128::from(market.pool_atoms), i128::from(market.deficit_atoms));
    if deficit == 0 {
        assert_eq!(given_up, 0, "I-14: a claim was given up without a deficit: {event}");
        return;
    }
    let claim = i128::from(amount) + given_up;
    assert!(claim <= worth, "I-09: a claim of {claim} where {worth} is there: {event}");
    match caller {
        Caller::Anyone => panic!("I-14: a profit was paid out of a short pool unasked: {event}"),
        Caller::Owner => {
            assert_eq!(i128::from(amount), claim * pool / (pool + deficit), "I-14: not the backed part: {event}")
        }
        Caller::Backstop => assert_eq!(given_up, deficit, "I-14: a backstop was paid before the deficit: {event}"),
    }
}
