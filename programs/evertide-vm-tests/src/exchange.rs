//! Setting up an exchange: addresses, admin and keeper calls, and worlds at each stage of its birth.

use solana_address::Address;

use crate::{
    args::{encoded, Encode, EvidenceArgs, LocalPrice, MakerRef},
    call::{derived, program_id, Call},
    state::{self, CollateralTerms, Exchange, ExchangeTerms, Insurance, Market, MarketTerms, RiskCache},
    terms::{exchange_terms, market_terms, quote_terms, sol_terms, PRICES, USD},
    token::{amount, mint_account, token_account},
    traders::Trader,
    way_down::backstop,
    world::{key, World},
};

pub fn exchange() -> Address {
    derived(&[b"exchange"])
}

pub fn risk_cache() -> Address {
    derived(&[b"risk"])
}

pub fn insurance() -> Address {
    derived(&[b"insurance"])
}

pub fn market(index: u16) -> Address {
    derived(&[b"market", &index.to_le_bytes()])
}

pub fn collateral(index: u16) -> Address {
    derived(&[b"collateral", &index.to_le_bytes()])
}

pub fn vault(index: u16) -> Address {
    derived(&[b"vault", &index.to_le_bytes()])
}

/// Genesis hash of the cluster that every world stands for.
pub fn genesis_hash() -> [u8; 32] {
    key("genesis").to_bytes()
}

/// `MakerRef::account` that names the taker's own orders.
pub const OWN_ORDERS: u8 = 255;

/// What update_oracle prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    Market(u16),
    Collateral(u16),
}

/// Calls of admins.
impl World {
    pub fn initialize_exchange(&self, local: bool, terms: &ExchangeTerms) -> Call {
        let mut args = vec![u8::from(local)];
        args.extend(state::bytes(terms));
        for role in [self.root, key("risk"), key("guardian"), self.treasury] {
            args.extend_from_slice(role.as_ref());
        }
        args.extend(genesis_hash());
        Call::new(
            "initialize_exchange",
            &args,
            &[
                ("authority", self.upgrade_authority),
                ("exchange", exchange()),
                ("risk_cache", risk_cache()),
                ("insurance", insurance()),
                ("program_account", program_id()),
                ("program_data", Self::program_data()),
            ],
        )
    }

    pub fn list_collateral(&self, index: u16, mint: Address, terms: &CollateralTerms) -> Call {
        Call::new(
            "list_collateral",
            &state::bytes(terms),
            &[
                ("root", self.root),
                ("exchange", exchange()),
                ("risk_cache", risk_cache()),
                ("collateral", collateral(index)),
                ("mint", mint),
                ("vault", vault(index)),
            ],
        )
    }

    pub fn list_market(&self, index: u16, terms: &MarketTerms) -> Call {
        let own = backstop(index);
        let accounts = [
            ("root", self.root),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("backstop", own.user),
            ("backstop_orders", own.orders),
        ];
        Call::new("list_market", &state::bytes(terms), &accounts)
    }

    pub fn open_exchange(&self) -> Call {
        let accounts = [
            ("root", self.root),
            ("exchange", exchange()),
            ("program_data", Self::program_data()),
            ("timelock", program_id()),
        ];
        Call::new("open_exchange", &[], &accounts)
    }

    pub fn fund_insurance(&self, funder: Address, token: Address, amount_atoms: u64, tranche_atoms: u64) -> Call {
        let mut args = Vec::new();
        amount_atoms.encode(&mut args);
        tranche_atoms.encode(&mut args);
        Call::new(
            "fund_insurance",
            &args,
            &[
                ("funder", funder),
                ("exchange", exchange()),
                ("insurance", insurance()),
                ("quote", collateral(0)),
                ("quote_vault", vault(0)),
                ("funder_token", token),
            ],
        )
    }

    pub fn collect_fees(&self, index: u16) -> Call {
        Call::new(
            "collect_fees",
            &[],
            &[
                ("market", market(index)),
                ("exchange", exchange()),
                ("insurance", insurance()),
                ("quote", collateral(0)),
                ("quote_vault", vault(0)),
                ("treasury_token", key("treasury token")),
                ("backstop", backstop(index).user),
            ],
        )
    }
}

/// Calls of keepers.
impl World {
    /// A local price signed by the feed's key, published now with 5 bps of confidence.
    pub fn update_oracle(&self, target: Target, price: u64) -> Call {
        let publish_time_ms = self.now_ms();
        self.update_oracle_with(target, self.oracle, &LocalPrice { price, confidence: price / 2_000, publish_time_ms })
    }

    /// update_oracle with every part given.
    pub fn update_oracle_with(&self, target: Target, oracle: Address, price: &LocalPrice) -> Call {
        let place = match target {
            Target::Market(index) => ("market", market(index)),
            Target::Collateral(index) => ("collateral", collateral(index)),
        };
        let accounts = [("oracle", oracle), ("risk_cache", risk_cache()), ("exchange", exchange()), place];
        let mut call = Call::new("update_oracle", &encoded(price), &accounts);
        call.metas[0].is_signer = oracle == self.oracle;
        call
    }

    pub fn accrue_market(&self, index: u16) -> Call {
        let accounts = [("risk_cache", risk_cache()), ("exchange", exchange()), ("market", market(index))];
        Call::new("accrue_market", &[], &accounts)
    }

    pub fn accrue_debt(&self) -> Call {
        let accounts = [("risk_cache", risk_cache()), ("exchange", exchange()), ("quote", collateral(0))];
        Call::new("accrue_debt", &[], &accounts)
    }

    /// Shows `bids` and `asks` (best first) as evidence.
    pub fn update_mark(&self, index: u16, bids: &[(&Trader, u64)], asks: &[(&Trader, u64)]) -> Call {
        let mut pairs: Vec<(Address, bool)> = Vec::new();
        let mut refs = |side: &[(&Trader, u64)]| EvidenceArgs {
            refs: side.iter().map(|&(trader, order_id)| pair_ref(&mut pairs, trader, order_id, false)).collect(),
        };
        let mut args = encoded(&refs(bids));
        args.extend(encoded(&refs(asks)));
        let accounts = [
            ("keeper", self.keeper),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
        ];
        Call::new("update_mark", &args, &accounts).with_remaining(pairs)
    }

    /// Matches the taker's order with makers in priority order.
    pub fn match_orders(&self, index: u16, taker: &Trader, taker_order_id: u64, makers: &[(&Trader, u64)]) -> Call {
        self.match_orders_for(index, None, taker, taker_order_id, makers)
    }

    /// match_orders by the owner of `keeper_user`, who earns the reward.
    pub fn match_orders_for(
        &self,
        index: u16,
        keeper_user: Option<&Trader>,
        taker: &Trader,
        taker_order_id: u64,
        makers: &[(&Trader, u64)],
    ) -> Call {
        let (refs, pairs) = maker_refs(taker, makers);
        let mut args = encoded(&taker_order_id);
        refs.encode(&mut args);
        let mut accounts = vec![
            ("keeper", keeper_user.map_or(self.keeper, |keeper| keeper.authority)),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("taker_user", taker.user),
            ("taker_orders", taker.orders),
        ];
        accounts.extend(keeper_user.map(|keeper| ("keeper_user", keeper.user)));
        Call::new("match_orders", &args, &accounts).with_remaining(pairs)
    }

    /// The maker answers the taker's order, at most so many lots at this price.
    pub fn fill_auction(
        &self,
        index: u16,
        taker: &Trader,
        taker_order_id: u64,
        maker: &Trader,
        price_ticks: u64,
        size_max_lots: u64,
    ) -> Call {
        let mut args = encoded(&taker_order_id);
        price_ticks.encode(&mut args);
        size_max_lots.encode(&mut args);
        let accounts = [
            ("signer", maker.authority),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("taker_user", taker.user),
            ("taker_orders", taker.orders),
        ];
        Call::new("fill_auction", &args, &accounts).with_remaining([(maker.user, true), (maker.orders, true)])
    }

    pub fn settle_pnl(&self, index: u16, user: Address) -> Call {
        Call::new(
            "settle_pnl",
            &[],
            &[
                ("market", market(index)),
                ("risk_cache", risk_cache()),
                ("exchange", exchange()),
                ("user", user),
                ("quote", collateral(0)),
            ],
        )
    }

    pub fn touch_position(&self, index: u16, user: Address) -> Call {
        Call::new("touch_position", &[], &[("market", market(index)), ("user", user)])
    }

    pub fn view_market(&self, index: u16) -> Call {
        Call::new("view_market", &[], &[("market", market(index))])
    }
}

/// References and account pairs of makers; an order of the taker itself is named as its own.
pub(crate) fn maker_refs(taker: &Trader, makers: &[(&Trader, u64)]) -> (Vec<MakerRef>, Vec<(Address, bool)>) {
    let mut pairs = Vec::new();
    let refs = makers
        .iter()
        .map(|&(trader, order_id)| match trader.user == taker.user {
            true => MakerRef { account: OWN_ORDERS, order_id },
            false => pair_ref(&mut pairs, trader, order_id, true),
        })
        .collect();
    (refs, pairs)
}

pub(crate) fn pair_ref(pairs: &mut Vec<(Address, bool)>, trader: &Trader, order_id: u64, writable: bool) -> MakerRef {
    let row = pairs.iter().position(|(address, _)| *address == trader.user).unwrap_or_else(|| {
        pairs.extend([(trader.user, writable), (trader.orders, writable)]);
        pairs.len() - 2
    });
    MakerRef { account: (row / 2) as u8, order_id }
}

/// Stages of an exchange's birth, and what one looks at.
impl World {
    /// After initialize_exchange, with the mints of USDC and SOL in place.
    pub fn initialized() -> Self {
        let mut world = Self::deployed();
        for (name, decimals) in [("usdc", 6), ("sol", 9)] {
            world.set(key(name), mint_account(decimals, None));
            world.mints.push(key(name));
        }
        world.set(key("treasury token"), token_account(world.mints[0], world.treasury, 0));
        let call = world.initialize_exchange(true, &exchange_terms());
        world.ok(&call);
        world
    }

    /// After listing USDC, SOL and three markets.
    pub fn listed() -> Self {
        let mut world = Self::initialized();
        let call = world.list_collateral(0, world.mints[0], &quote_terms());
        world.ok(&call);
        let call = world.list_collateral(1, world.mints[1], &sol_terms(world.oracle));
        world.ok(&call);
        for index in 0..PRICES.len() {
            let call = world.list_market(index as u16, &market_terms(index, world.oracle));
            world.ok(&call);
        }
        world
    }

    /// Open, priced, insured. Made once per thread and cloned.
    pub fn open() -> Self {
        thread_local!(static OPEN: World = World::opened());
        OPEN.with(Clone::clone)
    }

    fn opened() -> Self {
        let mut world = Self::listed();
        let call = world.open_exchange();
        world.ok(&call);
        let funder = key("funder");
        let token = key("funder token");
        world.fund(funder);
        world.set(token, token_account(world.mints[0], funder, 1_000_000 * USD));
        let call = world.fund_insurance(funder, token, 100_000 * USD, 20_000 * USD);
        world.ok(&call);
        world.refresh(&PRICES);
        world
    }

    /// Publishes these market prices, SOL's as collateral too, accrues everything: all rows are fresh afterwards.
    pub fn refresh(&mut self, prices: &[u64]) {
        for (index, price) in prices.iter().enumerate() {
            let call = self.update_oracle(Target::Market(index as u16), *price);
            self.ok(&call);
        }
        if let Some(price) = prices.get(2) {
            let call = self.update_oracle(Target::Collateral(1), *price);
            self.ok(&call);
        }
        for index in 0..prices.len() {
            let call = self.accrue_market(index as u16);
            self.ok(&call);
        }
        let call = self.accrue_debt();
        self.ok(&call);
    }

    /// Moves time and publishes the same prices again.
    pub fn pass(&mut self, seconds: i64, prices: &[u64]) {
        self.advance(seconds);
        self.refresh(prices);
    }

    pub fn exchange(&self) -> Exchange {
        self.read(&exchange())
    }

    pub fn cache(&self) -> RiskCache {
        self.read(&risk_cache())
    }

    pub fn insurance(&self) -> Insurance {
        self.read(&insurance())
    }

    pub fn market(&self, index: u16) -> Market {
        self.read(&market(index))
    }

    pub fn collateral(&self, index: u16) -> state::Collateral {
        self.read(&collateral(index))
    }

    /// Balance of a token account, atoms.
    pub fn tokens(&self, account: &Address) -> u64 {
        amount(&self.vm.get_account(account).unwrap_or_else(|| panic!("no token account {account}")).data)
    }
}
