//! What is asked for now and paid later: stakes in the insurance fund and the queue of withdrawals.
//!
//! The bugs these catch: a claim paid before its time, twice, out of order, or beyond what it was worth when asked for.

use super::{Machine, Rule};
use crate::{
    exchange::collateral,
    money::stake_of,
    state::{self, InsuranceStake},
    terms::USD,
};

const DAY_S: i64 = 86_400;
/// Days from asking for a stake to claiming it.
const UNSTAKE_DAYS: i64 = 13;
/// Shares and atoms that count beside the real ones.
const VIRTUAL: i128 = 1_000_000;

impl Machine {
    fn stake_at(&self, row: usize) -> Option<InsuranceStake> {
        let authority = self.traders[row].authority;
        self.world.exists(&stake_of(authority)).then(|| self.world.stake(&self.traders[row]))
    }

    /// Shares bought never cost less than what they could be sold for at once.
    pub(super) fn stake(&mut self, row: usize, dice: [u32; 4]) {
        let amount = match dice[1] % 6 {
            0 => u64::from(dice[2]),
            1 => u64::MAX - u64::from(dice[2]),
            _ => u64::from(dice[2] % 20_000) * USD,
        };
        let call = self.world.stake_insurance(&self.traders[row], amount);
        let Some(outcome) = self.attempt(&call) else { return };
        self.flows[row].deposited[0] += amount;
        let event = outcome.event("InsuranceStaked");
        let shares = i128::from(event["shares"].as_u64().expect("shares"));
        let fund = self.world.insurance();
        let value = i128::from(fund.balance_atoms - fund.tranche_atoms) + VIRTUAL;
        let all = i128::from(fund.shares + fund.protocol_shares) + VIRTUAL;
        assert!(shares * value <= i128::from(amount) * all, "a stake of {amount} bought {shares} shares too many");
    }

    /// Asks a part of a stake out, or claims what was asked for, sometimes after having waited for it.
    pub(super) fn unstake(&mut self, row: usize, dice: [u32; 4]) {
        let stakers = self.stakers();
        let row = if stakers.is_empty() { row } else { stakers[dice[0] as usize % stakers.len()] };
        let Some(stake) = self.stake_at(row) else { return };
        if dice[1].is_multiple_of(2) || stake.requested_shares == 0 {
            let shares = match dice[2] % 5 {
                0 => stake.shares + 1,
                1 => 0,
                _ => stake.shares / 100 * u64::from(dice[3] % 101),
            };
            let call = self.world.request_unstake(&self.traders[row], shares);
            self.attempt(&call);
            return;
        }
        if dice[1].is_multiple_of(3) {
            self.world.advance(UNSTAKE_DAYS * DAY_S);
            self.acting(Rule::Refresh, |machine| machine.refresh_all(1));
        }
        self.claim_stake(row);
    }

    fn claim_stake(&mut self, row: usize) -> bool {
        let Some(stake) = self.stake_at(row) else { return false };
        let (now_ms, before) = (self.world.now_ms(), self.world.insurance());
        let call = self.world.claim_unstake(&self.traders[row]);
        let Some(outcome) = self.attempt(&call) else { return false };
        assert!(now_ms >= stake.claimable_ms, "a stake left before its time");
        let event = outcome.event("UnstakeClaimed");
        let paid = event["paid_atoms"].as_u64().expect("atoms");
        assert!(
            paid <= stake.requested_atoms,
            "a stake was paid more than it was worth when it was asked for: {event}"
        );
        assert!(paid <= before.balance_atoms - before.tranche_atoms, "a stake was paid out of the tranche: {event}");
        self.flows[row].withdrawn[0] += paid;
        true
    }

    /// Shares and requests add up to what the fund counts.
    pub(super) fn check_shares(&self) {
        let stakes: Vec<InsuranceStake> = self.stakers().into_iter().filter_map(|row| self.stake_at(row)).collect();
        let fund = self.world.insurance();
        let shares: u64 = stakes.iter().map(|stake| stake.shares).sum();
        let asked: u64 = stakes.iter().map(|stake| stake.requested_shares).sum();
        assert_eq!((fund.shares, fund.unstaking_shares), (shares, asked), "I-07: shares of the insurance fund");
    }

    /// One row of every authority with a stake: a stake outlives the accounts of its owner.
    fn stakers(&self) -> Vec<usize> {
        let mut authorities = std::collections::BTreeSet::new();
        let held = (0..self.traders.len()).filter(|row| self.stake_at(*row).is_some());
        held.filter(|row| authorities.insert(self.traders[*row].authority)).collect()
    }

    /// Everybody takes its stake out.
    pub(super) fn unstake_all(&mut self) {
        let held = self.stakers();
        if held.is_empty() {
            return;
        }
        for row in &held {
            let shares = self.stake_at(*row).map_or(0, |stake| stake.shares);
            let call = self.world.request_unstake(&self.traders[*row], shares);
            self.must(&call);
        }
        self.world.advance(UNSTAKE_DAYS * DAY_S);
        for row in held {
            let done = self.stake_at(row).is_none() || self.acting(Rule::Unstake, |machine| machine.claim_stake(row));
            assert!(done, "I-21: {row} cannot take its stake out");
        }
        assert_eq!(self.world.insurance().shares, 0, "I-21: shares of the fund are left");
    }

    /// Somebody asks for a withdrawal in order, or anybody pays the first one, or tries another one.
    pub(super) fn queue(&mut self, row: usize, dice: [u32; 4]) {
        let asset = (dice[1] % 2) as u16;
        let first = self.first_in_queue(asset);
        if dice[1] & 0x30 != 0 && first.is_some() {
            let row = if dice[1] & 0x700 == 0 { row } else { first.unwrap_or(row) };
            self.claim_queued(row, asset);
            return;
        }
        let held = self.held(row, asset).max(0) as u64;
        let amount = match dice[2] % 6 {
            0 => held.saturating_add(1),
            1 => 1,
            _ => held / 1_000 * u64::from(dice[3] % 500),
        };
        let call = self.world.request_withdraw(&self.traders[row], asset, amount);
        if self.attempt(&call).is_some() {
            self.movers.insert(row);
            self.check_initial_margin(row, None);
        }
    }

    fn first_in_queue(&self, asset: u16) -> Option<usize> {
        let head = self.world.read::<state::Collateral>(&collateral(asset)).queue_head;
        let first = |row: &usize| {
            let user = self.user(*row);
            user.withdraw_atoms != 0 && user.withdraw_index == asset && user.withdraw_ticket == head
        };
        self.living().into_iter().find(first)
    }

    fn claim_queued(&mut self, row: usize, asset: u16) -> bool {
        let (first, asked) = (self.first_in_queue(asset), self.user(row).withdraw_atoms);
        let trader = self.traders[row].clone();
        let held = self.world.tokens(&trader.tokens[usize::from(asset)]);
        let call = self.world.claim_withdraw(&trader, asset);
        if self.attempt(&call).is_none() {
            return false;
        }
        assert_eq!(first, Some(row), "a withdrawal was paid out of order");
        let paid = self.world.tokens(&trader.tokens[usize::from(asset)]) - held;
        assert!(paid <= asked, "a withdrawal paid {paid} of {asked}");
        self.flows[row].withdrawn[usize::from(asset)] += paid;
        true
    }

    /// Every request is paid.
    pub(super) fn empty_queues(&mut self) {
        for asset in 0..2 {
            while let Some(row) = self.first_in_queue(asset) {
                let paid = self.acting(Rule::Queue, |machine| machine.claim_queued(row, asset));
                assert!(paid, "I-21: {row} cannot claim what it waited for");
            }
        }
        let left = self.living().into_iter().find(|row| self.user(*row).withdraw_atoms != 0);
        assert_eq!(left, None, "I-21: somebody waits behind nobody");
    }

    /// What waits in the queue of an asset, atoms.
    pub(super) fn queued(&self, users: &[(usize, state::User)], asset: u16) -> u64 {
        let waiting = users.iter().filter(|(_, user)| user.withdraw_index == asset);
        waiting.map(|(_, user)| user.withdraw_atoms).sum()
    }
}
