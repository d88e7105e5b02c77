//! Builders and referrers: calls, and readers of what is owed.

use solana_address::Address;

use crate::{
    args::encoded,
    call::Call,
    changes::Subject,
    exchange::{collateral, exchange, market},
    state::{Builder, Market},
    traders::Trader,
    world::World,
};

/// Name of the parameter that is an entry of the builder table.
pub fn entry_name(entry: usize) -> String {
    format!("builders.{entry}")
}

/// All that a market owes to builders and referrers, atoms.
pub fn owed_rewards(market: &Market) -> u64 {
    market.referral_owed_atoms + market.builder_owed_atoms.iter().sum::<u64>()
}

impl World {
    pub fn create_referred(&self, trader: &Trader, referrer: Address) -> Call {
        let mut call = self.create_user(trader);
        let row = call.names.iter().position(|name| name == "referrer").expect("a referrer");
        call.metas[row].pubkey = referrer;
        call
    }

    /// A funded trader whose account names a referrer.
    pub fn referred(&mut self, name: &str, referrer: &Trader, usd: u64) -> Trader {
        let trader = Trader::named(name);
        self.fund(trader.authority);
        self.give_tokens(&trader, 100_000_000_000_000, 0);
        self.ok(&self.create_referred(&trader, referrer.user));
        self.ok(&self.deposit(&trader, 0, usd * 1_000_000));
        trader
    }

    pub fn register_builder(&self, entry: usize, user: Address) -> Call {
        self.propose_key(self.root, Subject::Exchange, &entry_name(entry), user.to_bytes())
    }

    pub fn retire_builder(&self, entry: usize) -> Call {
        self.propose_key(self.root, Subject::Exchange, &entry_name(entry), [0; 32])
    }

    pub fn builder(&self, entry: usize) -> Builder {
        self.exchange().builders[entry]
    }

    /// Pays the entry's User.
    pub fn pay_builder(&self, index: u16, entry: usize) -> Call {
        let accounts = [
            ("exchange", exchange()),
            ("market", market(index)),
            ("quote", collateral(0)),
            ("recipient", self.builder(entry).user),
        ];
        Call::new("pay_builder", &encoded(&(entry as u8)), &accounts)
    }

    /// Pays the referrer of a trader's account.
    pub fn pay_referrer(&self, index: u16, trader: &Trader) -> Call {
        let accounts = [
            ("exchange", exchange()),
            ("market", market(index)),
            ("quote", collateral(0)),
            ("user", trader.user),
            ("orders", trader.orders),
            ("recipient", self.user(trader).referrer),
        ];
        Call::new("pay_referrer", &[], &accounts)
    }
}
