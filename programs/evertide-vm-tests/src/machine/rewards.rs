//! Builders that come and go, referrers, and the payments to both.
//!
//! The bug this catches: a share that is lost or paid twice, paid to somebody else, paid before the deficit is repaid,
//! or owed by a market that no taker's account knows of.

use solana_address::Address;

use super::{matches::number, Machine, MARKETS, TRADERS};
use crate::{
    args::OrderArgs,
    call::Call,
    rewards::owed_rewards,
    state::{Builder, Market},
    traders::Trader,
    world::World,
};

/// Entries of the builder table that are played with.
const ENTRIES: usize = 2;

/// Gives traders of one owner referrers of another, and registers two of them as builders.
pub(super) fn introduce(world: &mut World, traders: &[Trader]) {
    for (row, referrer) in [(1, 0), (3, 4), (4, 0)] {
        world.ok(&world.close_user(&traders[row]));
        world.ok(&world.create_referred(&traders[row], traders[referrer].user));
    }
    for (entry, row) in [(0, 2), (1, 4)] {
        world.ok(&world.register_builder(entry, traders[row].user));
    }
}

impl Machine {
    /// Names a registered builder on every third order.
    pub(super) fn brand(&self, order: &mut OrderArgs, die: u32) {
        let builder = self.world.builder((die >> 2) as usize % ENTRIES);
        if die.is_multiple_of(3) && is_registered(&builder) {
            (order.builder_plus_one, order.builder_fee_tenth_bps) = (builder.code, (die >> 8) as u16 % 51);
        }
    }

    /// Creates an account, half of them with a referrer of another owner.
    pub(super) fn create_user(&mut self, dice: [u32; 4]) {
        let trader = self.traders[dice[0] as usize % TRADERS].clone();
        if self.world.exists(&trader.user) {
            return;
        }
        let living = self.living();
        let found = living.get(dice[1] as usize % living.len().max(1)).map(|row| &self.traders[*row]);
        let call = match found.filter(|other| dice[2] & 0x100 == 0 && other.authority != trader.authority) {
            Some(referrer) => self.world.create_referred(&trader, referrer.user),
            None => self.world.create_user(&trader),
        };
        self.attempt(&call);
    }

    /// Registers, retires or pays a builder, or pays a referrer.
    pub(super) fn reward(&mut self, row: usize, dice: [u32; 4]) {
        let entry = dice[2] as usize % ENTRIES;
        let market_index = (dice[3] % (u32::from(MARKETS) + 1)) as u16;
        let builder = self.world.builder(entry);
        match dice[1] % 10 {
            0 => {
                let call = self.as_root(self.world.register_builder(entry, self.traders[row].user));
                if self.attempt(&call).is_some() {
                    assert_eq!(builder.user, Address::default(), "I-07: a builder's entry was given away");
                }
            }
            1 => {
                let call = self.as_root(self.world.retire_builder(entry));
                self.attempt(&call);
            }
            2..=4 if builder.user != Address::default() => {
                let call = self.world.pay_builder(market_index, entry);
                self.pay(call, market_index, builder.user, None, dice[0]);
            }
            _ if self.user(row).referrer != Address::default() => {
                let call = self.world.pay_referrer(market_index, &self.traders[row]);
                self.pay(call, market_index, self.user(row).referrer, Some(row), dice[0]);
            }
            _ => {}
        }
    }

    /// Signed by who is root now.
    fn as_root(&mut self, call: Call) -> Call {
        let root = self.world.exchange().roles[0];
        self.pay_rent(root);
        call.with("signer", root)
    }

    /// Pays; unsigned twice of three times, else by the owner of whom it is owed to.
    fn pay(&mut self, call: Call, market_index: u16, to: Address, taker: Option<usize>, die: u32) {
        let owner = self.traders.iter().take(TRADERS).find(|trader| trader.user == to).map(|trader| trader.authority);
        let signer = owner.filter(|_| die.is_multiple_of(3));
        let call = match signer {
            Some(signer) => call.signed_by("authority", signer),
            None => call,
        };
        let (before, exists) = (self.world.market(market_index), self.world.exists(&to));
        let owed = |world: &World| taker.map_or(0, |row| world.orders(&self.traders[row]).referral_owed_atoms);
        let own = owed(&self.world);
        let Some(outcome) = self.attempt(&call) else { return };
        let event = outcome.event("RewardPaid");
        let after = self.world.market(market_index);
        let [paid, given_up, kept] =
            ["paid_atoms", "given_up_atoms", "kept_atoms"].map(|key| number(&event, key) as u64);
        let less = paid + given_up + kept;
        assert_eq!(owed_rewards(&before) - owed_rewards(&after), less, "I-15: owed less than was paid: {event}");
        let left = taker.map_or(0, |row| self.world.orders(&self.traders[row]).referral_owed_atoms);
        assert!(taker.is_none() || own - left == less, "I-07: the taker's account against the market: {event}");
        let kept_rightly = if exists { kept == 0 } else { kept == less };
        assert!(kept_rightly, "I-12: what somebody was owed was kept, or paid to an account that is gone: {event}");
        let chose = signer.is_some() || before.deficit_atoms == 0 || !exists || less == 0;
        assert!(chose, "I-14: a reward was paid before the deficit was repaid: {event}");
        assert!(given_up == 0 || signer.is_some(), "I-14: a claim was given up unasked: {event}");
    }

    /// I-07: what all markets owe referrers is what all takers' accounts say.
    pub(super) fn check_owed(&self, markets: &[Market]) {
        let held: u64 = markets.iter().map(|market| market.referral_owed_atoms).sum();
        let rows = self.existing().into_iter();
        let said: u64 = rows.map(|row| self.world.orders(&self.traders[row]).referral_owed_atoms).sum();
        assert_eq!(held, said, "I-07: what markets owe referrers against the takers' accounts");
    }

    /// At the exit everybody takes what is owed, of a short pool the backed part.
    pub(super) fn pay_everybody(&mut self) {
        for market_index in 0..MARKETS {
            for entry in 0..ENTRIES {
                let to = self.world.builder(entry).user;
                if self.world.market(market_index).builder_owed_atoms[entry] != 0 {
                    let call = self.world.pay_builder(market_index, entry);
                    let owner = self.traders.iter().find(|trader| trader.user == to).map(|trader| trader.authority);
                    let call = match owner {
                        Some(owner) => call.signed_by("authority", owner),
                        None => call,
                    };
                    self.must(&call);
                }
            }
            for row in self.living() {
                let trader = self.traders[row].clone();
                let own = self.world.orders(&trader).referral_owed_atoms;
                if own.min(self.world.market(market_index).referral_owed_atoms) != 0 {
                    let call = self.world.pay_referrer(market_index, &trader).signed_by("authority", trader.authority);
                    self.must(&call);
                }
            }
        }
        assert!(self.markets().iter().all(|market| owed_rewards(market) == 0), "I-21: rewards are left unpaid");
    }
}

fn is_registered(builder: &Builder) -> bool {
    builder.user != Address::default() && builder.unpaid_markets == 0
}

/// What these calls may be refused with.
pub(super) const REFUSALS: &[&str] = &[
    "BuilderEntryTaken",
    "BuilderRetired",
    "ChangeUnchanged",
    "RewardNotOwed",
    "RewardBehindDeficit",
    "RewardPoolEmpty",
];
