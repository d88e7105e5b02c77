//! Instructions that only read, against the machine's own valuation, and gifts to the insurance fund.

use super::{ladder::standing, Machine};
use crate::{
    call::Call,
    terms::USD,
    world::{custom_code, Outcome},
};

impl Machine {
    /// What the views and assertions of an account and a market answer; nothing changes by asking.
    pub(super) fn read(&mut self, row: usize, dice: [u32; 4]) {
        let before = self.world.snapshot();
        let (user, account) = (self.user(row), self.traders[row].user);
        let now = standing(&self.world, &user);
        let call = self.world.view_health(account);
        if let Some(outcome) = self.attempt(&call) {
            let said = words(&outcome);
            let due = [now.equity, now.maintenance];
            assert_eq!(
                said[2..4].iter().map(|word| i128::from(*word)).collect::<Vec<_>>(),
                due,
                "view_health of {row}"
            );
            assert_eq!(said[4], (said[0] - said[1]).max(0), "free collateral of {row}");
        }
        let call = self.world.view_market((dice[1] % 3) as u16);
        self.attempt(&call);
        let excess = now.excess() as i64;
        let call = self.world.assert_health(account, excess, 1);
        self.attempt(&call);
        let call = self.world.assert_health(account, excess + 1, 1);
        self.refused(&call, "HealthAssertionFailed");
        let call = self.world.assert_sequence(account, user.sequence);
        self.attempt(&call);
        let call = self.world.assert_sequence(account, user.sequence + 1 + u64::from(dice[2]));
        self.refused(&call, "SequenceAssertionFailed");
        let at = usize::from(dice[1] & 0x10_0000 != 0);
        let lots = super::ladder::rung_of(&self.world, &user, at as u16).size_lots;
        let call = self.world.assert_position(account, at as u16, lots, lots);
        self.attempt(&call);
        let call = self.world.assert_position(account, at as u16, lots + 1, i64::MAX);
        self.refused(&call, "PositionAssertionFailed");
        self.world.assert_unchanged(&before, "a reading instruction");
    }

    /// Sends a call that must be refused with this error.
    fn refused(&mut self, call: &Call, name: &str) {
        let code = crate::idl::idl().error_code(name);
        let found = self.world.send(call).err().as_ref().and_then(custom_code);
        assert_eq!(found, Some(code), "{}: {name} is due", call.name);
    }

    /// A trader pays into the insurance fund, a part of it for the tranche.
    pub(super) fn fund(&mut self, row: usize, dice: [u32; 4]) {
        let amount = u64::from(dice[1] % 200) * USD;
        let tranche = if dice[2].is_multiple_of(3) { amount * u64::from(dice[3] % 120) / 100 } else { 0 };
        let trader = &self.traders[row];
        let call = self.world.fund_insurance(trader.authority, trader.tokens[0], amount, tranche);
        let before = self.world.insurance();
        if self.attempt(&call).is_some() {
            self.flows[row].deposited[0] += amount;
            let after = self.world.insurance();
            let rise = (after.balance_atoms - before.balance_atoms, after.tranche_atoms - before.tranche_atoms);
            assert_eq!(rise, (amount, tranche), "I-13: the fund and its tranche rise by what was paid");
        }
    }
}

/// Return data as signed 64-bit words, as far as they go.
fn words(outcome: &Outcome) -> Vec<i64> {
    let words = outcome.meta.return_data.data.chunks_exact(8);
    words.map(|word| i64::from_le_bytes(word.try_into().expect("8 bytes"))).collect()
}
