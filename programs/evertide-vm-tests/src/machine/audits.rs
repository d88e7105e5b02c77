//! What anybody may ask of the exchange as a whole: whether its totals are right, room for a newer layout, and the end of
//! a market.

use super::{Machine, Rule, MARKETS, PRICES};
use crate::{
    admin::TIMELOCK_S,
    changes::{parameters, Subject},
    exchange::{collateral, exchange, insurance, market, risk_cache},
    idl::idl,
    state::MarketStatus,
    world::{custom_code, key},
};

/// One exit in so many ends a market by its settlement.
const SETTLED_EXITS: u64 = 6;

impl Machine {
    /// The program finds its own totals right and changes nothing; accounts of today's layout do not grow; a market that
    /// is not to be settled is not.
    pub(super) fn audit(&mut self, row: usize, dice: [u32; 4]) {
        let before = self.world.snapshot();
        let index = (dice[1] % PRICES.len() as u32) as u16;
        let keeper = (dice[2] & 1 == 0).then(|| &self.traders[row]);
        let call = self.world.check_invariants(index, (dice[2] >> 4 & 1) as u16, keeper);
        if let Some(outcome) = self.attempt(&call) {
            assert_eq!(outcome.meta.return_data.data, [1], "the program finds a total wrong in market {index}");
        }
        let trader = &self.traders[row];
        let accounts = [
            (trader.user, "AccountUpToDate"),
            (trader.orders, "AccountUpToDate"),
            (market(index), "AccountUpToDate"),
            (collateral(1), "AccountUpToDate"),
            (exchange(), "AccountUpToDate"),
            (risk_cache(), "AccountUpToDate"),
            (insurance(), "AccountUpToDate"),
            (trader.tokens[0], "RemainingAccountInvalid"),
        ];
        let (account, due) = accounts[dice[3] as usize % accounts.len()];
        let extend = self.world.extend_account(self.world.keeper, account);
        let settle = self.world.settle_market(index);
        for (call, due) in [(extend, due), (settle, "MarketNotSettling")] {
            let found = self.world.send(&call).err().as_ref().and_then(custom_code);
            assert_eq!(found, Some(idl().error_code(due)), "{}: {due} is due", call.name);
        }
        self.world.assert_unchanged(&before, "an audit");
    }

    /// Which market this exit settles, if it does.
    pub(super) fn settled_at_exit(&self) -> Option<u16> {
        let turn = self.roundings / 2;
        turn.is_multiple_of(SETTLED_EXITS).then(|| (turn / SETTLED_EXITS % u64::from(MARKETS)) as u16)
    }

    /// I-21 by settlement: after its notice every position closes at the hour's average, whoever holds it, and what cannot
    /// pay is resolved. The market is closed in the end.
    pub(super) fn settle_whole_market(&mut self, index: u16) {
        self.note("Seen: a market settled");
        let root = self.world.exchange().roles[0];
        if !self.world.exists(&root) {
            self.world.fund(root);
        }
        let status = parameters().into_iter().find(|known| known.target == "market" && known.name == "status");
        let (number, subject) = (self.world.exchange().next_change, Subject::Market(index));
        let status = status.expect("a market has a status").number;
        let call = self.world.propose_change(root, subject, status, MarketStatus::Settling as i64, [0; 32]);
        self.must(&call);
        self.world.advance(TIMELOCK_S);
        self.settle_prices();
        self.wind_down();
        let call = self.world.execute_change(key("anybody"), number, subject);
        self.must(&call);
        self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        let price = self.world.market(index).mark_twap_hour_q32;
        let call = self.world.settle_market(index);
        self.must(&call);
        let after = self.world.market(index);
        assert_eq!(after.open_interest_lots, [0, 0], "a settled market keeps open interest, at {price}");
        self.check();
        self.touch_all();
        self.wind_down();
        self.touch_all();
        if self.world.market(index).status != MarketStatus::Closed as u8 {
            let call = self.world.settle_market(index);
            self.must(&call);
        }
        assert_eq!(self.world.market(index).status, MarketStatus::Closed as u8, "I-21: market {index} does not close");
    }
}
