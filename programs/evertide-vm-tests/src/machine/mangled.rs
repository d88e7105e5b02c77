//! Calls that no client would send: any instruction with a wrong account, a broken argument, an account too many or too
//! few, or without its signature.
//!
//! Each runs on a copy of the world. Whatever it is refused with is counted by instruction; a refusal changes nothing, and
//! one that is accepted all the same takes nothing from anybody but its signer.

use solana_address::Address;
use solana_instruction::Instruction;

use super::{Machine, MARKETS, PRICES, TRADERS};
use crate::{
    args::{CancelArgs, LocalPrice},
    call::Call,
    changes::{parameters, Subject},
    exchange::{collateral, exchange, insurance, market, risk_cache, vault, Target},
    state::permissions,
    tally::{self, Ending},
    terms::{exchange_terms, market_terms, quote_terms, USD},
    world::{custom_code, key, World},
};

/// Calls of a step.
const CALLS: u32 = 4;
/// Bytes of the instruction's number, which stays: everything behind it are arguments.
const DISCRIMINATOR: usize = 8;
/// What only an owner does, or a key that it named: nobody else's balance may fall by it.
const OWNERS: [&str; 14] = [
    "deposit",
    "withdraw",
    "transfer",
    "request_withdraw",
    "place_orders",
    "modify_order",
    "cancel_orders",
    "cancel_all_after",
    "set_limits",
    "set_delegate",
    "stake_insurance",
    "request_unstake",
    "fund_insurance",
    "commit_order",
];

/// Dice for one more choice of the same step.
fn stirred(die: u32, turn: u32) -> u32 {
    let mixed = (die ^ turn.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    mixed ^ (mixed >> 15)
}

impl Machine {
    pub(super) fn mangle(&mut self, row: usize, dice: [u32; 4]) {
        let before = self.world.snapshot();
        for turn in 0..CALLS {
            let dice = dice.map(|die| stirred(die, turn));
            let calls = self.any_calls(row, dice);
            let mut call = calls[dice[1] as usize % calls.len()].clone();
            self.break_call(&mut call, dice);
            let mut world = self.world.clone();
            // Only refusals are counted: what is accepted here says nothing about the calls that the rules send.
            let all: Vec<Instruction> = call.ahead.iter().cloned().chain([call.instruction()]).collect();
            match world.send_instructions(&all) {
                Ok(_) => self.check_robbery(&world, &call),
                Err(failed) => {
                    tally::record(&call.name, custom_code(&failed).map_or(Ending::Runtime, Ending::Code));
                    world.assert_unchanged(&before, &call.name);
                }
            }
        }
        self.own[0] += 1;
    }

    /// Whoever did not sign has lost nothing.
    fn check_robbery(&mut self, world: &World, call: &Call) {
        self.note("Seen: a mangled call accepted");
        if !OWNERS.contains(&call.name.as_str()) {
            return;
        }
        let signers: Vec<Address> = call.metas.iter().filter(|meta| meta.is_signer).map(|meta| meta.pubkey).collect();
        for row in self.existing() {
            let trader = &self.traders[row];
            let (was, is) = (self.user(row), world.user(trader));
            let named = was.delegate != Address::default() && signers.contains(&was.delegate);
            if signers.contains(&trader.authority) || named {
                continue;
            }
            let (name, metas) = (&call.name, &call.metas);
            assert!(is.quote_atoms >= was.quote_atoms, "{name} of another robbed {row} of quote: {metas:?}");
            let fell = was.collaterals.iter().zip(&is.collaterals).any(|(was, is)| is.amount_atoms < was.amount_atoms);
            assert!(!fell, "{name} of another robbed {row} of collateral: {metas:?}");
            let orders = |world: &World| world.orders(trader).orders;
            assert_eq!(orders(&self.world), orders(world), "{name} of another moved orders of {row}: {metas:?}");
        }
    }

    /// A wrong account, a broken argument, an account too many or too few, or no signature.
    fn break_call(&self, call: &mut Call, dice: [u32; 4]) {
        let (way, die) = (dice[2] % 8, dice[3]);
        let names = call.metas.len();
        match way {
            0 | 1 => call.metas[die as usize % names].pubkey = self.some_account(die >> 8),
            2 | 3 if call.data.len() > DISCRIMINATOR => {
                let at = DISCRIMINATOR + die as usize % (call.data.len() - DISCRIMINATOR);
                let width = [1, 1, 2, 4, 8][(die >> 8) as usize % 5];
                let fill = [0, 0xff, 0x7f, 1, (die >> 16) as u8][(die >> 12) as usize % 5];
                call.data.iter_mut().skip(at).take(width).for_each(|byte| *byte = fill);
            }
            4 if call.data.len() > DISCRIMINATOR => call.data.truncate(call.data.len() - 1),
            5 => {
                let count = call.remaining.len();
                match die % 4 {
                    0 if count > 1 => call.remaining.swap(0, count - 1),
                    1 if count > 0 => call.remaining.push(call.remaining[0].clone()),
                    2 if count > 0 => call.remaining[die as usize / 4 % count].pubkey = self.some_account(die >> 8),
                    _ => drop(call.remaining.pop()),
                }
            }
            6 => call.metas.iter_mut().for_each(|meta| meta.is_signer = false),
            _ => {
                let (one, other) = (die as usize % names, (die >> 8) as usize % names);
                let (first, second) = (call.metas[one].pubkey, call.metas[other].pubkey);
                (call.metas[one].pubkey, call.metas[other].pubkey) = (second, first);
            }
        }
    }

    fn some_account(&self, die: u32) -> Address {
        let trader = &self.traders[die as usize / 16 % self.traders.len()];
        let index = (die >> 12) as u16 % PRICES.len() as u16;
        let all = [
            trader.user,
            trader.user,
            trader.orders,
            trader.orders,
            trader.authority,
            trader.tokens[0],
            trader.tokens[1],
            market(index),
            market(index),
            collateral(index % 2),
            vault(index % 2),
            exchange(),
            risk_cache(),
            insurance(),
            self.world.mints[usize::from(index % 2)],
            key("nobody"),
        ];
        all[die as usize % all.len()]
    }

    /// A sound call of every sort, as far as the state has what it is about.
    fn any_calls(&self, row: usize, dice: [u32; 4]) -> Vec<Call> {
        let mut calls = self.calls_of_owners(row, dice);
        calls.extend(self.calls_of_keepers(row, dice));
        calls.extend(self.calls_of_roles(dice));
        calls.extend(self.calls_beside_bounds(row, dice));
        calls
    }

    /// Calls that are well formed and beside a bound: of an amount, a time, a price, a number.
    fn calls_beside_bounds(&self, row: usize, dice: [u32; 4]) -> Vec<Call> {
        let (world, trader) = (&self.world, &self.traders[row]);
        let other = &self.traders[dice[0] as usize % TRADERS];
        let (asset, index) = ((dice[2] % 2) as u16, (dice[3] % u32::from(MARKETS)) as u16);
        let price = self.prices[usize::from(index)];
        let now_ms = world.now_ms();
        let prices =
            [(price, price / 2_000, now_ms - 3_600_000), (price, price / 2_000, now_ms + 6_000), (0, 0, now_ms)];
        let (price, confidence, publish_time_ms) = prices[dice[1] as usize / 64 % prices.len()];
        let told = LocalPrice { price, confidence, publish_time_ms };
        let mut orders = vec![self.random_order(dice, 0); 1 + dice[1] as usize % 9];
        orders.iter_mut().for_each(|order| order.client_order_id = u64::from(dice[2] % 5));
        let mut far = orders[0].clone();
        (far.market_index, far.expiry_ms) = ([index, 40, u16::MAX][dice[1] as usize % 3], now_ms - 1);
        let makers = vec![(other, 1); dice[3] as usize % 12];
        vec![
            world.deposit(trader, asset, 0),
            world.deposit(trader, asset, u64::MAX >> (dice[1] % 30)),
            world.withdraw(trader, asset, 0),
            world.transfer(trader, trader, asset, 1),
            world.request_withdraw(trader, asset, 0),
            world.request_withdraw(trader, asset, u64::MAX >> 1),
            world.stake_insurance(trader, 0),
            world.request_unstake(trader, u64::MAX),
            world.fund_insurance(trader.authority, trader.tokens[0], 0, 0),
            world.fund_insurance(trader.authority, trader.tokens[0], 1, 2),
            world.place_orders(trader, &orders),
            world.place_orders(trader, &[far]),
            world.place_orders(trader, &[]),
            world.cancel_all_after(trader, now_ms - 1),
            world.cancel_nonce(trader, now_ms + 600_000),
            world.set_limits(trader, 10_001, 0, index, 1),
            world.set_limits(trader, 0, 0, 40, 500),
            world.set_delegate(trader, trader.authority, permissions::ALL, 0),
            world.set_delegate(trader, key("delegate 0"), u32::MAX, now_ms - 1),
            world.match_orders(index, other, 1, &makers),
            world.liquidate_with_orders(index, trader, u64::MAX, &makers),
            world.liquidate_position(index, trader, trader, 0),
            world.liquidate_collateral(asset, trader, other, 0),
            world.update_oracle_with(Target::Market(index), world.oracle, &told),
            world.update_oracle_with(Target::Collateral(asset), world.oracle, &told),
            world.update_oracle_with(Target::Market(index), key("another feed"), &told),
            world.accrue_market(40),
            world.settle_market(index),
            world.assert_position(trader.user, 40, 0, 0),
            world.assert_health(trader.user, i64::MAX, 9),
        ]
    }

    fn calls_of_owners(&self, row: usize, dice: [u32; 4]) -> Vec<Call> {
        let (world, trader) = (&self.world, &self.traders[row]);
        let other = &self.traders[dice[0] as usize % TRADERS];
        let (asset, index) = ((dice[2] % 2) as u16, (dice[3] % u32::from(MARKETS)) as u16);
        let order = self.random_order(dice, 0);
        let order_id = world.orders(trader).orders[dice[3] as usize % 32].order_id;
        let all = CancelArgs { by: 4, ..CancelArgs::default() };
        vec![
            world.deposit(trader, asset, USD),
            world.withdraw(trader, asset, USD),
            world.transfer(trader, other, asset, USD),
            world.request_withdraw(trader, asset, USD),
            world.claim_withdraw(other, asset),
            world.place_orders(trader, std::slice::from_ref(&order)),
            world.modify_order(trader, order_id, &order),
            world.cancel_orders(trader, &all),
            world.cancel_all_after(trader, world.now_ms() + 5_000),
            world.cancel_nonce(trader, world.now_ms()),
            world.commit_order(trader, &[7; 32]),
            world.reveal_order(trader, order_id, &order, &[7; 32]),
            world.set_limits(trader, 500, 0, index, 500),
            world.set_delegate(trader, key("delegate 0"), permissions::ALL, 0),
            world.create_user(trader),
            world.close_user(trader),
            world.stake_insurance(trader, USD),
            world.request_unstake(trader, 1),
            world.claim_unstake(trader),
            world.settle_own_pnl(trader, index),
            world.fund_insurance(trader.authority, trader.tokens[0], USD, 0),
            world.extend_account(trader.authority, trader.user),
        ]
    }

    fn calls_of_keepers(&self, row: usize, dice: [u32; 4]) -> Vec<Call> {
        let (world, trader) = (&self.world, &self.traders[row]);
        let other = &self.traders[dice[0] as usize % TRADERS];
        let (asset, index) = ((dice[2] % 2) as u16, (dice[3] % u32::from(MARKETS)) as u16);
        let quotes = self.quotes(index);
        let at = |die: u32| quotes.get(die as usize % quotes.len().max(1));
        let id = |die: u32| at(die).map_or(1, |quote| quote.order.order_id);
        let owner = |die: u32| at(die).map_or(other, |quote| &self.traders[quote.owner]);
        let maker = (owner(dice[3]), id(dice[3]));
        let order_id = world.orders(trader).orders[dice[2] as usize % 32].order_id;
        let signer = super::hidden::signatory();
        vec![
            world.match_orders(index, owner(dice[2]), id(dice[2]), &[maker]),
            world.fill_auction(index, owner(dice[2]), id(dice[2]), trader, maker.1.max(1), 5),
            world.place_signed_orders(&[(&signer, world.signed_limit(index, dice[1] & 1 == 0, 1_000, 5))]),
            world.trigger_order(index, trader, order_id),
            world.execute_slice(index, trader, order_id),
            world.update_trailing(index, trader, order_id),
            world.expire_orders(trader),
            world.settle_pnl(index, other.user),
            world.touch_position(index, other.user),
            world.update_mark(index, &[maker], &[]),
            world.update_oracle(Target::Market(index), self.prices[usize::from(index)]),
            world.update_oracle(Target::Collateral(asset), self.prices[2]),
            world.accrue_market(index),
            world.accrue_debt(),
            world.check_invariants(index, asset, Some(trader)),
            world.settle_market(index),
            world.liquidate_orders(other),
            world.liquidate_position(index, other, trader, 5),
            world.liquidate_with_orders(index, other, 5, &[maker]),
            world.liquidate_collateral(asset, other, trader, 5),
            world.liquidate_to_backstop(index, other),
            world.resolve_bankruptcy(index, other),
            world.collect_fees(index),
            world.view_health(other.user),
            world.view_market(index),
            world.assert_health(other.user, 0, 0),
            world.assert_sequence(other.user, 0),
            world.assert_position(other.user, index, 0, 0),
        ]
    }

    fn calls_of_roles(&self, dice: [u32; 4]) -> Vec<Call> {
        let world = &self.world;
        let held = world.exchange();
        let signer = held.roles[dice[0] as usize % held.roles.len()];
        let (index, role) = ((dice[3] % u32::from(MARKETS)) as u16, (dice[2] % 4) as u8);
        let subject = [Subject::Market(index), Subject::Collateral(1), Subject::Exchange][dice[3] as usize % 3];
        let known = parameters();
        let known = &known[dice[1] as usize / 64 % known.len()];
        let number = held.next_change.saturating_sub(1 + u64::from(dice[2] % 3));
        let mut calls = vec![
            world.pause(signer),
            world.lift_pause(signer),
            world.gate_disable(signer, role),
            world.gate_enable(signer, role),
            world.set_market_status(signer, index, 2),
            world.name_successor(signer, role, key("heir")),
            world.claim_role(key("heir"), role),
            world.propose_change(signer, subject, known.number, i64::from(dice[2]), [0; 32]),
            world.advance_season(subject),
            world.open_exchange(),
            world.initialize_exchange(true, &exchange_terms()),
            world.list_collateral(2, world.mints[1], &quote_terms()),
            world.list_market(index, &market_terms(0, world.oracle)),
            world.propose_market(signer, &market_terms(0, world.oracle)),
        ];
        if number != 0 {
            calls.push(world.execute_change(key("anybody"), number, subject));
            calls.push(world.cancel_change(signer, number));
            calls.push(world.apply_ramp(number, subject));
        }
        calls
    }
}
