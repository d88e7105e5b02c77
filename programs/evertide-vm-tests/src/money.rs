//! Calls of the withdrawal queue and of stakes in the insurance fund.

use solana_address::Address;

use crate::{
    args::encoded,
    call::{derived, Call},
    exchange::{collateral, exchange, insurance, market, risk_cache, vault},
    state::InsuranceStake,
    traders::Trader,
    world::World,
};

/// The stake of an authority.
pub fn stake_of(authority: Address) -> Address {
    derived(&[b"stake", authority.as_ref()])
}

impl World {
    pub fn request_withdraw(&self, trader: &Trader, index: u16, amount_atoms: u64) -> Call {
        let accounts = [
            ("authority", trader.authority),
            ("risk_cache", risk_cache()),
            ("user", trader.user),
            ("collateral", collateral(index)),
        ];
        Call::new("request_withdraw", &encoded(&amount_atoms), &accounts)
    }

    pub fn claim_withdraw(&self, trader: &Trader, index: u16) -> Call {
        Call::new(
            "claim_withdraw",
            &[],
            &[
                ("exchange", exchange()),
                ("user", trader.user),
                ("collateral", collateral(index)),
                ("vault", vault(index)),
                ("destination_token", trader.tokens[usize::from(index)]),
                ("mint", self.mints[usize::from(index)]),
            ],
        )
    }

    pub fn stake_insurance(&self, trader: &Trader, amount_atoms: u64) -> Call {
        Call::new(
            "stake_insurance",
            &encoded(&amount_atoms),
            &[
                ("authority", trader.authority),
                ("exchange", exchange()),
                ("insurance", insurance()),
                ("stake", stake_of(trader.authority)),
                ("quote", collateral(0)),
                ("quote_vault", vault(0)),
                ("source_token", trader.tokens[0]),
            ],
        )
    }

    pub fn request_unstake(&self, trader: &Trader, shares: u64) -> Call {
        let accounts =
            [("authority", trader.authority), ("insurance", insurance()), ("stake", stake_of(trader.authority))];
        Call::new("request_unstake", &encoded(&shares), &accounts)
    }

    pub fn claim_unstake(&self, trader: &Trader) -> Call {
        Call::new(
            "claim_unstake",
            &[],
            &[
                ("authority", trader.authority),
                ("exchange", exchange()),
                ("insurance", insurance()),
                ("stake", stake_of(trader.authority)),
                ("quote", collateral(0)),
                ("quote_vault", vault(0)),
                ("destination_token", trader.tokens[0]),
            ],
        )
    }

    pub fn settle_market(&self, index: u16) -> Call {
        Call::new("settle_market", &[], &[("risk_cache", risk_cache()), ("market", market(index))])
    }

    /// check_invariants of a market and an asset, by the owner of `keeper_user`, who earns the bounty.
    pub fn check_invariants(&self, index: u16, asset: u16, keeper_user: Option<&Trader>) -> Call {
        let mut accounts = vec![
            ("keeper", keeper_user.map_or(self.keeper, |keeper| keeper.authority)),
            ("risk_cache", risk_cache()),
            ("market", market(index)),
            ("collateral", collateral(asset)),
            ("vault", vault(asset)),
            ("insurance", insurance()),
        ];
        accounts.extend(keeper_user.map(|keeper| ("keeper_user", keeper.user)));
        Call::new("check_invariants", &[], &accounts)
    }

    pub fn extend_account(&self, payer: Address, account: Address) -> Call {
        Call::new("extend_account", &[], &[("payer", payer), ("account", account)])
    }

    pub fn stake(&self, trader: &Trader) -> InsuranceStake {
        self.read(&stake_of(trader.authority))
    }
}
