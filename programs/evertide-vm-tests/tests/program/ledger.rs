//! What an attacker is left with: all his accounts and wallets before and after, at a fair price; and the exchange with one
//! thin market on which the disasters are replayed.

use evertide_vm_tests::{
    state::MarketTerms,
    terms::{market_terms, quote_terms, sol_terms, PRICES, SOL, USD},
    token::token_account,
    traders::Trader,
    world::{key, World},
};

/// The thin market of `thin_exchange`.
pub const THIN: u16 = 1;
/// A market of `thin_exchange` that is isolated-only, with the usual terms.
pub const ISOLATED: u16 = 2;
/// Fair price of the thin market, whole dollars; a tick is a cent and a lot is worth $3.
pub const THIN_USD: u64 = 3_000;
/// What insurance may pay for the thin market in a day, whole dollars.
pub const THIN_INSURANCE_USD: u64 = 10_000;

/// Terms of a long-tail market: 20 % initial margin up to $100,000, open interest from $1,000,000 on at up to 100 %.
pub fn thin_terms(oracle: solana_address::Address) -> MarketTerms {
    MarketTerms {
        tier_bound_usd: [100_000, 500_000, 1_000_000, 2_000_000],
        tier_ratio_bps: [2_000, 3_000, 5_000, 10_000],
        open_interest_lower_usd: 1_000_000,
        open_interest_upper_usd: 2_000_000,
        position_max_lots: 2_000_000 / THIN_USD * 1_000,
        open_interest_max_lots: 2_000_000 / THIN_USD * 1_000,
        insurance_day_max_atoms: THIN_INSURANCE_USD * USD,
        profit_weight_bps: 0,
        mark_radius_bps: 300,
        liquidation_fee_bps: 250,
        insurance_fee_bps: 100,
        stress_move_bps: 400,
        ..market_terms(usize::from(THIN), oracle)
    }
}

/// Open, priced and insured as `World::open`, but that market 1 is thin.
pub fn thin_exchange() -> World {
    thread_local!(static THIN_EXCHANGE: World = thin_opened());
    THIN_EXCHANGE.with(Clone::clone)
}

fn thin_opened() -> World {
    let mut world = World::initialized();
    let (usdc, sol) = (quote_terms(), sol_terms(world.oracle));
    world.ok(&world.list_collateral(0, world.mints[0], &usdc));
    world.ok(&world.list_collateral(1, world.mints[1], &sol));
    for index in 0..PRICES.len() {
        let usual = market_terms(index, world.oracle);
        let terms = match index as u16 {
            THIN => thin_terms(world.oracle),
            ISOLATED => MarketTerms { flags: 1, ..usual },
            _ => usual,
        };
        world.ok(&world.list_market(index as u16, &terms));
    }
    world.ok(&world.open_exchange());
    let (funder, token) = (key("funder"), key("funder token"));
    world.fund(funder);
    world.set(token, token_account(world.mints[0], funder, 1_000_000 * USD));
    world.ok(&world.fund_insurance(funder, token, 100_000 * USD, 20_000 * USD));
    world.refresh(&PRICES);
    world
}

/// All prices with the thin market at this one, whole dollars.
pub fn thin_prices(usd: u64) -> [u64; 3] {
    [PRICES[0], usd * USD, PRICES[2]]
}

/// What the accounts and wallets of one person are worth at these prices, atoms: tokens, balances, collateral, positions.
pub fn worth_of(world: &World, traders: &[&Trader], prices: &[u64; 3]) -> i64 {
    let sol = |lamports: u64| (i128::from(lamports) * i128::from(prices[2]) / i128::from(SOL)) as i64;
    let mut wallets: Vec<_> = traders.iter().map(|trader| trader.tokens).collect();
    wallets.sort_unstable();
    wallets.dedup();
    let in_wallets: i64 = wallets.iter().map(|[usdc, own]| world.tokens(usdc) as i64 + sol(world.tokens(own))).sum();
    let of_trader = |trader: &&Trader| {
        let user = world.user(trader);
        let deposited: u64 = user.collaterals.iter().map(|slot| slot.amount_atoms).sum();
        user.quote_atoms + sol(deposited) + positions_worth(world, trader, prices)
    };
    in_wallets + traders.iter().map(of_trader).sum::<i64>()
}

/// Cash and lots of a trader's positions at these prices, atoms.
pub fn positions_worth(world: &World, trader: &Trader, prices: &[u64; 3]) -> i64 {
    let of_market = |index: usize| {
        let (lots, cash, _) = world.worth(trader, index as u16);
        let lot_atoms = i128::from(prices[index]) * i128::from(world.market(index as u16).terms.lot_size_e9);
        cash + (i128::from(lots) * lot_atoms / 1_000_000_000) as i64
    };
    (0..prices.len()).map(of_market).sum()
}

/// Takes out whatever the exchange lets go of: settles first, then the largest amount of quote by halving.
pub fn take_out(world: &mut World, trader: &Trader) -> u64 {
    for index in 0..PRICES.len() as u16 {
        if world.position(trader, index).is_some() {
            let call = world.settle_own_pnl(trader, index);
            world.send(&call).ok();
        }
    }
    let balance = world.user(trader).quote_atoms.max(0).unsigned_abs();
    let (mut least, mut most) = (0, balance + 1);
    // To the dollar.
    while most - least > USD {
        let amount = (least + most) / 2;
        let mut attempt = world.clone();
        let call = attempt.withdraw(trader, 0, amount);
        if attempt.send(&call).is_ok() {
            least = amount;
        } else {
            most = amount;
        }
    }
    if least > 0 {
        world.ok(&world.withdraw(trader, 0, least));
    }
    least
}

/// Two owners trade in the thin market at a price inside its band, in this slot and the next.
pub fn trade_thin(world: &mut World, buyer: &Trader, seller: &Trader, usd: u64, lots: u64) {
    world.trade(THIN, buyer, seller, usd * 100, lots);
}

/// Whoever has nothing open takes all of it back out, to the atom.
pub fn leaves_whole(world: &mut World, honest: &Trader, usd: u64) {
    world.told(&world.withdraw(honest, 0, usd * USD), "Withdrawn");
    assert_eq!(world.user(honest).quote_atoms, 0);
}
