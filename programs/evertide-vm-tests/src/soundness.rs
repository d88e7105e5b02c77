//! What must hold of all accounts together, after whatever happened: nothing made, nothing lost, every count right.

use evertide_math::{
    index::{dropped_value, fold, Folded, SideIndex, Snapshot, DROPPED_BITS},
    mark::clamp_to_radius,
    Bps, Lots, PriceQ32,
};
use serde_json::Value;
use solana_account::ReadableAccount;
use solana_address::Address;

use crate::{
    call::{program_id, Call},
    exchange::vault,
    idl::idl,
    rewards::owed_rewards,
    state::{self, order_flags, Bankruptcy, Market, Orders, Position, User},
    traders::Trader,
    world::World,
};

/// Atoms that rounding may leave in a pool for every position that was ever folded or closed, generously.
const ROUNDINGS: i128 = 5_000;
/// Lots, 16 fractional bits, that rounding may leave or take on a side.
const FRACTIONS: i128 = 1 << 12;

/// A side of a market as the math knows it.
pub fn side_index(market: &Market, side: usize) -> SideIndex {
    SideIndex {
        a: market.a[side],
        j: market.j[side].get(),
        j_previous: market.j_previous[side].get(),
        epoch: market.epoch[side],
    }
}

/// What a stored position is after folding against its market.
pub fn fold_of(position: &Position, market: &Market) -> Folded {
    let index = side_index(market, usize::from(position.basis_lots < 0));
    let snapshot = Snapshot {
        basis: Lots::new(position.basis_lots).expect("lots within the guard"),
        a: position.a_snapshot,
        j: position.j_snapshot.get(),
        epoch: position.epoch,
    };
    fold(&snapshot, &index).expect("every stored position folds")
}

/// The price at which the program closes what has no counterparty: the mark inside its radius around the index.
pub fn closing_price(market: &Market) -> PriceQ32 {
    let (mark, index) = (PriceQ32::new(market.mark_price_q32), PriceQ32::new(market.index_price_q32));
    let radius = Bps::new(u32::from(market.terms.mark_radius_bps)).expect("a radius");
    clamp_to_radius(mark.expect("a mark"), index.expect("an index"), radius).expect("a price")
}

/// Signed lots and cash in atoms of a stored position after folding, the dropped fraction closed at mark.
pub fn folded(position: &Position, market: &Market) -> (i64, i64) {
    if position.basis_lots == 0 {
        return (0, position.cash_atoms);
    }
    let (result, price) = (fold_of(position, market), closing_price(market));
    let basis = Lots::new(position.basis_lots).expect("lots within the guard");
    let dropped = dropped_value(basis, result.dropped_q16, price).expect("a value");
    (result.size.get(), position.cash_atoms + result.cash_delta.get() + dropped.get())
}

/// `floor(lots * price)` in atoms.
pub fn value_at(lots: i64, price_q32: u64) -> i64 {
    ((i128::from(lots) * i128::from(price_q32)) >> 32) as i64
}

impl World {
    /// Every account of one type that the program owns.
    fn all<T: bytemuck::Pod>(&self, kind: &str) -> Vec<(Address, T)> {
        let tag = idl().accounts.get(kind).unwrap_or_else(|| panic!("the IDL has no account {kind}"));
        let owner = program_id();
        let inner = &self.vm.accounts_db().inner;
        let own = inner.iter().filter(|(_, account)| *account.owner() == owner && account.data().starts_with(tag));
        own.map(|(address, account)| (*address, state::read(account.data()))).collect()
    }

    /// Size, cash and value at the row's mark of a trader's position, folded.
    pub fn worth(&self, trader: &Trader, index: u16) -> (i64, i64, i64) {
        let market = self.market(index);
        let Some(position) = self.position(trader, index) else {
            return (0, 0, 0);
        };
        let (size, cash) = folded(&position, &market);
        (size, cash, value_at(size, self.cache().markets[usize::from(index)].mark_price_q32) + cash)
    }

    /// Quote balance and position values at mark of a trader, atoms; collateral is not counted.
    pub fn equity(&self, trader: &Trader) -> i64 {
        let user = self.user(trader);
        let taken = user.positions.iter().filter(|position| position.market_plus_one != 0);
        user.quote_atoms + taken.map(|position| self.worth(trader, position.market_plus_one - 1).2).sum::<i64>()
    }

    /// The event of a call that must succeed; everything is sound afterwards.
    pub fn told(&mut self, call: &Call, event: &str) -> Value {
        let value = self.ok(call).event(event);
        self.assert_sound();
        value
    }

    /// Asserts conservation, counts, latches and flags over every account there is. I-01, I-04 to I-08, I-13, I-15.
    pub fn assert_sound(&self) {
        let users: Vec<(Address, User)> = self.all("User");
        let markets: Vec<(Address, Market)> = self.all("Market");
        self.assert_vaults(&users, &markets);
        for (_, market) in &markets {
            assert_market(market, &users);
        }
        for (address, user) in &users {
            assert_flags(address, user);
        }
        let mut referral_atoms = 0;
        for (_, orders) in self.all::<Orders>("Orders") {
            assert_orders(&orders, &self.read(&orders.user));
            referral_atoms += orders.referral_owed_atoms;
        }
        let held: u64 = markets.iter().map(|(_, market)| market.referral_owed_atoms).sum();
        assert_eq!(held, referral_atoms, "I-07: what markets owe referrers against the takers' accounts");
        let fund = self.insurance();
        assert!(fund.tranche_atoms <= fund.balance_atoms, "I-13: the tranche exceeds the fund");
    }

    fn assert_vaults(&self, users: &[(Address, User)], markets: &[(Address, Market)]) {
        let quote = self.collateral(0);
        let balances: i128 = users.iter().map(|(_, user)| i128::from(user.quote_atoms)).sum();
        let pools: i128 = markets.iter().map(|(_, market)| i128::from(market.pool_atoms)).sum();
        let rest = i128::from(self.insurance().balance_atoms)
            + i128::from(quote.dust_atoms)
            + i128::from(quote.interest_atoms);
        let held = i128::from(self.tokens(&vault(0)));
        let waiting = |index: u16| -> u64 {
            let waits = users.iter().filter(|(_, user)| user.withdraw_index == index);
            let sum = waits.map(|(_, user)| user.withdraw_atoms).sum();
            assert_eq!(self.collateral(index).queued_atoms, sum, "I-07: the queue of asset {index} against the users");
            sum
        };
        let rest = rest + i128::from(waiting(0));
        assert_eq!(held, balances + pools + rest, "I-01: the quote vault against balances, queue, pools, fund, dust");
        let credits: u64 =
            users.iter().map(|(_, user)| user.quote_atoms.max(0).unsigned_abs()).sum::<u64>() + waiting(0);
        let debts: u64 = users.iter().map(|(_, user)| user.quote_atoms.min(0).unsigned_abs()).sum();
        assert_eq!((quote.total_atoms, quote.debt_atoms), (credits, debts), "I-07: quote totals against the users");
        for index in 1..self.exchange().collateral_count {
            let slots = users.iter().flat_map(|(_, user)| user.collaterals);
            let held: u64 = slots.filter(|slot| slot.collateral_index == index).map(|slot| slot.amount_atoms).sum();
            let own = held + waiting(index);
            assert_eq!(self.tokens(&vault(index)), own, "I-01: vault {index} against the users' slots");
            assert_eq!(self.collateral(index).total_atoms, own, "I-07: total of asset {index} against the slots");
        }
    }
}

/// What the positions of a market add up to.
#[derive(Default)]
struct Sums {
    /// Folded sizes per side with the fractions that folding would drop, 16 fractional bits.
    sides_q16: [i128; 2],
    /// Stored positions per side of the running epoch, and of the one before.
    counts: [u32; 2],
    stale: [u32; 2],
    stored_cash: i64,
    /// Folded cash and sizes at mark.
    owed: i128,
    open: u32,
}

fn sums(market: &Market, users: &[(Address, User)]) -> Sums {
    let mut sum = Sums::default();
    for position in users.iter().flat_map(|(_, user)| user.positions) {
        if position.market_plus_one != market.index + 1 {
            continue;
        }
        sum.stored_cash += position.cash_atoms;
        sum.open += u32::from(position.bankruptcy == Bankruptcy::Open as u8);
        if position.basis_lots == 0 {
            sum.owed += i128::from(position.cash_atoms);
            continue;
        }
        let side = usize::from(position.basis_lots < 0);
        let counts = if position.epoch == market.epoch[side] { &mut sum.counts } else { &mut sum.stale };
        counts[side] += 1;
        let (size, cash) = folded(&position, market);
        let dropped = fold_of(&position, market).dropped_q16;
        sum.sides_q16[side] += (i128::from(size.unsigned_abs()) << DROPPED_BITS) + i128::from(dropped);
        sum.owed += i128::from(cash) + i128::from(value_at(size, closing_price(market).get()));
    }
    sum
}

fn assert_market(market: &Market, users: &[(Address, User)]) {
    let (index, sum) = (market.index, sums(market, users));
    assert_eq!(sum.counts, market.position_count, "I-07: number of positions of market {index}");
    assert_eq!(sum.stale, market.stale_count, "I-07: positions of the epoch before in market {index}");
    assert_eq!(sum.stored_cash, market.claims_atoms, "I-07: claims on the pool of market {index}");
    assert_eq!(sum.open, market.bankruptcies_open, "I-07: open bankruptcies of market {index}");
    assert_eq!(market.latch, u8::from(sum.open != 0), "the latch of market {index} against its open bankruptcies");
    assert!(market.pending_insurance_atoms <= market.pending_fees_atoms, "insurance fees beyond all fees in {index}");
    assert_eq!(market.open_interest_lots[0], market.open_interest_lots[1], "I-05: open interest of market {index}");
    for side in 0..2 {
        let open = i128::from(market.open_interest_lots[side]) << DROPPED_BITS;
        let rest = open - sum.sides_q16[side] - i128::from(market.dropped_q16[side]);
        // Every fold and every change of A is known to a fraction of 2^-16 or better.
        assert!(
            (-FRACTIONS..=FRACTIONS).contains(&rest),
            "I-05: {rest} / 2^16 lots too many open on {side} of {index}"
        );
    }
    let backed = i128::from(market.pool_atoms) + i128::from(market.deficit_atoms);
    let gap = backed - sum.owed - i128::from(market.pending_fees_atoms) - i128::from(owed_rewards(market));
    // What was dropped on one side and is not closed on the other was closed at the mark of its time, which may be a fifth
    // away from this one.
    let naked = i128::from(market.dropped_q16[0].max(market.dropped_q16[1]));
    let loose = ((naked * i128::from(market.mark_price_q32 >> 32)) >> DROPPED_BITS) / 5;
    let range = -loose..=loose + ROUNDINGS;
    assert!(
        range.contains(&gap),
        "I-15: pool + deficit - claims - fees - rewards of market {index} is {gap}, due {range:?}"
    );
}

fn assert_flags(address: &Address, user: &User) {
    let slots: Vec<&Position> = user.positions.iter().filter(|position| position.market_plus_one != 0).collect();
    assert_eq!(usize::from(user.position_count), slots.len(), "I-07: position count of {address}");
    let assets = user.collaterals.iter().filter(|slot| slot.amount_atoms != 0).count();
    assert_eq!(usize::from(user.collateral_count), assets, "I-07: collateral count of {address}");
    assert_eq!(user.debt_since_ms != 0, user.quote_atoms < 0, "{address}: a debt and its time go together");
    if user.liquidation_start_ms == 0 {
        assert_eq!(user.liquidation_freed_atoms, 0, "{address} is not in liquidation and has repaired something");
        let resolved = slots.iter().any(|position| position.bankruptcy == Bankruptcy::Resolved as u8);
        assert!(!resolved, "{address} is not in liquidation and keeps a mark of a bankruptcy");
    }
}

/// Aggregates of the positions against the orders that are not void.
fn assert_orders(orders: &Orders, user: &User) {
    let open: Vec<_> = orders.orders.iter().filter(|order| order.order_id != 0).collect();
    assert_eq!(usize::from(orders.order_count), open.len(), "I-07: order count of {}", orders.user);
    let live = open.iter().filter(|order| order.order_id >= user.orders_epoch);
    for position in user.positions.iter().filter(|position| position.market_plus_one != 0) {
        let here = live.clone().filter(|order| order.market_index + 1 == position.market_plus_one);
        assert_eq!(usize::from(position.open_order_count), here.clone().count(), "I-08: orders of {}", orders.user);
        let reducing = here.clone().filter(|order| order.flags & order_flags::REDUCE_ONLY != 0).count();
        assert_eq!(usize::from(position.reduce_only_count), reducing, "I-08: reduce-only orders of {}", orders.user);
        for (ask, lots) in [(false, position.open_bid_lots), (true, position.open_ask_lots)] {
            let wanted = order_flags::COUNTED | if ask { order_flags::ASK } else { 0 };
            let both = order_flags::COUNTED | order_flags::ASK;
            let counted = here.clone().filter(|order| order.flags & both == wanted);
            let sum: u64 = counted.map(|order| order.size_lots).sum();
            assert_eq!(lots, sum, "I-08: lots of the orders of {}, ask {ask}", orders.user);
        }
    }
}
