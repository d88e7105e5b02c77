//! What fills owe to builders and referrers: who earns, where it waits, and how it is paid.
//!
//! A fill writes what it owes where it writes anyway: the builder's part into the market, by entry of the builder table;
//! the referrer's into the market's sum of all and into the taker's orders. Both are claims on the pool from then on.

use anchor_lang::address_eq;
use anchor_lang::prelude::*;
use evertide_math::Atoms;

use super::fees::{keep_protocol_part, FillFees};
use super::kinds::slippage_and_fee;
use super::quote::change_balance;
use super::session::Outcome;
use super::settle::take_backed;
use crate::error::{EvertideError, OrRefuse};
use crate::events::RewardPaid;
use crate::guards::role::require_authority;
use crate::guards::Now;
use crate::require_cmp;
use crate::state::{Builder, Collateral, Exchange, Market, MarketStatus, Order, Orders, User, BUILDERS_MAX};

/// What a code grows by when its entry is taken again.
const CODE_STEP: u8 = BUILDERS_MAX as u8;
/// Bits of the word that holds one for each market.
const MARKET_BITS: u32 = u64::BITS;

/// The entry of the registered builder that has a code: none for 0, for a retired builder and for one before it.
#[inline(always)]
pub fn registered(exchange: &Exchange, code: u8) -> Option<usize> {
    let at = usize::from(code.checked_sub(1)?) & BUILDERS_MAX.saturating_sub(1);
    let entry = &exchange.builders[at];
    (entry.code == code && is_registered(entry)).then_some(at)
}

fn is_registered(entry: &Builder) -> bool {
    entry.unpaid_markets == 0 && entry.user != Address::default()
}

/// Who earns a part of what a taker is charged in one match. Nobody in a liquidation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earners {
    /// Entry of the builder table, and the builder's fee that the order agrees to, tenths of a bp.
    pub builder: Option<(usize, u16)>,
    /// Share of the taker fee, bps; 0 without a referrer.
    pub referrer_share_bps: u16,
}

impl Earners {
    /// Those of an order. A builder that is not registered any more earns nothing, and nothing is charged for it.
    pub fn of(exchange: &Exchange, taker: &User, order: &Order) -> Self {
        let builder = match order.builder_plus_one {
            0 => None,
            code => registered(exchange, code).map(|at| (at, slippage_and_fee(order).1)),
        };
        let referred = taker.referrer != Address::default();
        Self { builder, referrer_share_bps: if referred { exchange.terms.referrer_share_bps } else { 0 } }
    }
}

impl Outcome {
    /// Adds the shares of one fill.
    pub(super) fn add_rewards(&mut self, charge: &FillFees) -> Result<()> {
        let split = &charge.split;
        self.keeper_atoms = self.keeper_atoms.checked_add(split.keeper.magnitude()).or_refuse()?;
        self.referrer_atoms = self.referrer_atoms.checked_add(split.referrer.magnitude()).or_refuse()?;
        self.builder_atoms = self.builder_atoms.checked_add(split.builder.magnitude()).or_refuse()?;
        self.builder_fee_atoms = self.builder_fee_atoms.checked_add(charge.builder_fee_atoms).or_refuse()?;
        Ok(())
    }
}

/// Writes what a match owes.
pub fn owe(market: &mut Market, orders: Option<&mut Orders>, earners: &Earners, outcome: &Outcome) -> Result<()> {
    if let Some((at, _)) = earners.builder {
        let owed = &mut market.builder_owed_atoms[at];
        *owed = owed.checked_add(outcome.builder_atoms).or_refuse()?;
    }
    if let (Some(orders), 1..) = (orders, outcome.referrer_atoms) {
        let owed = outcome.referrer_atoms;
        orders.referral_owed_atoms = orders.referral_owed_atoms.checked_add(owed).or_refuse()?;
        market.referral_owed_atoms = market.referral_owed_atoms.checked_add(owed).or_refuse()?;
    }
    Ok(())
}

/// All that a market owes to builders and referrers, atoms: claims on its pool.
pub fn owed_rewards(market: &Market) -> Result<u64> {
    let mut sum = market.referral_owed_atoms;
    for owed in market.builder_owed_atoms {
        sum = sum.checked_add(owed).or_refuse()?;
    }
    Ok(sum)
}

/// All that a market's pool owes, atoms: what positions claim, fees that wait to be collected, and rewards.
pub fn owed_by_pool(market: &Market) -> Result<i64> {
    let owed = market.claims_atoms.checked_add_unsigned(market.pending_fees_atoms).or_refuse()?;
    owed.checked_add_unsigned(owed_rewards(market)?).or_refuse()
}

/// First 8 bytes of an entry's user.
pub fn current(exchange: &Exchange, at: usize) -> Result<i64> {
    let (first, _) = exchange.builders[at].user.as_array().split_first_chunk::<8>().or_refuse()?;
    Ok(i64::from_le_bytes(*first))
}

/// Refuses to give away an entry that is taken, or to retire its builder twice.
pub fn check(exchange: &Exchange, at: usize, user: &[u8; 32]) -> Result<()> {
    let entry = &exchange.builders[at];
    if *user == [0; 32] {
        require!(is_registered(entry), EvertideError::BuilderRetired);
        return Ok(());
    }
    require!(entry.user == Address::default(), EvertideError::BuilderEntryTaken);
    next_code(entry, at).map(|_| ())
}

/// The code of an entry's next builder: 31 of them, then the entry is used up.
fn next_code(entry: &Builder, at: usize) -> Result<u8> {
    let first = u8::try_from(at).map_err(|_| EvertideError::OutOfRange)?.checked_add(1).or_refuse()?;
    if entry.code == 0 {
        return Ok(first);
    }
    require_cmp!(entry.code, <=, u8::MAX.saturating_sub(CODE_STEP), EvertideError::BuilderEntryTaken);
    entry.code.checked_add(CODE_STEP).or_refuse()
}

/// Registers the User of a builder, or retires the one that is there: it is owed what it has earned and earns no more.
pub fn set(exchange: &mut Exchange, at: usize, user: &[u8; 32]) -> Result<()> {
    let markets = u32::from(exchange.market_count);
    let entry = &mut exchange.builders[at];
    if *user != [0; 32] {
        entry.code = next_code(entry, at)?;
        entry.user = Address::new_from_array(*user);
        return Ok(());
    }
    entry.unpaid_markets = u64::MAX.checked_shr(MARKET_BITS.saturating_sub(markets)).unwrap_or(0);
    release(entry);
    Ok(())
}

/// Notes that a market owes a retired builder nothing any more; the entry is free when no market does.
pub fn note_paid(exchange: &mut Exchange, at: usize, market_index: u16) -> Result<()> {
    let bit = 1_u64.checked_shl(u32::from(market_index)).or_refuse()?;
    let entry = &mut exchange.builders[at];
    if entry.unpaid_markets != 0 {
        entry.unpaid_markets &= !bit;
        release(entry);
    }
    Ok(())
}

fn release(entry: &mut Builder) {
    if entry.unpaid_markets == 0 {
        entry.user = Address::default();
    }
}

/// To whom a claim is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payee {
    /// It closed its account.
    Closed,
    /// Nobody signed for taking less than all.
    Waits,
    /// Somebody did who may: whom it is owed to, or the owner of the account that owes it and must be free to leave.
    Takes,
}

impl Payee {
    /// Refuses a signer who is the owner of neither.
    pub fn of(recipient: &Option<Account<User>>, signer: &Option<Signer>, ower: Option<&User>) -> Result<Self> {
        match (recipient, signer) {
            (None, _) => Ok(Self::Closed),
            (Some(_), None) => Ok(Self::Waits),
            (Some(recipient), Some(signer)) => {
                let owns = ower.is_some_and(|user| address_eq(&user.authority, signer.address()));
                if !owns {
                    require_authority(recipient, signer.address())?;
                }
                Ok(Self::Takes)
            }
        }
    }
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payment {
    /// Into the quote balance of whom it is owed to, atoms.
    pub paid: u64,
    /// Given up against the deficit of a market that is closed for good, atoms.
    pub given_up: u64,
    /// To the market's pending fees: whom it was owed to closed its account, atoms.
    pub kept: u64,
}

impl Payment {
    /// All that is owed no more.
    pub fn sum(&self) -> Result<u64> {
        self.paid.checked_add(self.given_up).or_refuse()?.checked_add(self.kept).or_refuse()
    }
}

/// Credits the recipient and tells what was done; the caller adds what it alone knows.
pub fn tell(
    market: &mut Market,
    quote: &mut Collateral,
    recipient: Option<&mut Account<User>>,
    payment: &Payment,
    now: Now,
) -> Result<RewardPaid> {
    let (mut recipient_sequence, mut quote_atoms) = (0, 0);
    if let Some(user) = recipient {
        let credited = i64::try_from(payment.paid).map_err(|_| EvertideError::Overflow)?;
        change_balance(user, quote, credited, now.ms)?;
        user.rewards_atoms = user.rewards_atoms.saturating_add(payment.paid);
        recipient_sequence = user.sequence;
        user.sequence = recipient_sequence.checked_add(1).or_refuse()?;
        quote_atoms = user.quote_atoms;
    }
    let sequence = market.sequence;
    market.sequence = sequence.checked_add(1).or_refuse()?;
    Ok(RewardPaid {
        sequence,
        market_index: market.index,
        builder_code: 0,
        taker: Address::default(),
        recipient: Address::default(),
        recipient_sequence,
        paid_atoms: payment.paid,
        given_up_atoms: payment.given_up,
        kept_atoms: payment.kept,
        owed_atoms: 0,
        unpaid_markets: 0,
        pool_atoms: market.pool_atoms,
        pending_fees_atoms: market.pending_fees_atoms,
        pending_insurance_atoms: market.pending_insurance_atoms,
        deficit_atoms: market.deficit_atoms,
        quote_atoms,
        total_atoms: quote.total_atoms,
        debt_atoms: quote.debt_atoms,
    })
}

/// Pays a claim out of the pool, as far as that reaches.
///
/// Behind a recorded deficit it waits as fees do, which repay it, unless `by_choice` the backed part is taken now:
/// `pool / (pool + deficit)` of it, and the rest is given up against the deficit, as owners give up profits. Nothing
/// repays the deficit of a closed market: there it is so for everybody.
pub fn pay_out(market: &mut Market, exchange: &Exchange, owed: u64, to: Payee) -> Result<Payment> {
    if owed == 0 {
        return Ok(Payment::default());
    }
    if to == Payee::Closed {
        keep_protocol_part(market, exchange, owed)?;
        return Ok(Payment { kept: owed, ..Payment::default() });
    }
    let mut payment = Payment { paid: owed.min(market.pool_atoms), ..Payment::default() };
    if market.deficit_atoms != 0 {
        if to == Payee::Waits && market.status != MarketStatus::Closed as u8 {
            require_cmp!(market.deficit_atoms, ==, 0_u64, EvertideError::RewardBehindDeficit);
        }
        let (paid, given_up) = take_backed(market, Atoms::from_unsigned(owed).or_refuse()?)?;
        (payment.paid, payment.given_up) = (paid.magnitude(), given_up.magnitude());
    }
    require!(payment.sum()? != 0, EvertideError::RewardPoolEmpty);
    market.pool_atoms = market.pool_atoms.checked_sub(payment.paid).or_refuse()?;
    Ok(payment)
}
