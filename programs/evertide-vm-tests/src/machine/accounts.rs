//! Sub-accounts and delegates: balances that move between accounts of one owner, and keys that act for another.

use solana_address::Address;

use super::{Machine, Rule, MARKETS};
use crate::{
    args::CancelArgs,
    call::Call,
    state::permissions,
    terms::{SOL, USD},
    world::{custom_code, key},
};

/// What a stranger is told, whatever it signs.
const STRANGER: [&str; 2] = ["NotAuthority", "NotAuthorityOrDelegate"];

impl Machine {
    /// The trader whose authority owns another sub-account here, and that sub-account; or any two.
    fn two_accounts(&self, row: usize, die: u32) -> Option<(usize, usize)> {
        let living = self.living();
        let owner = |row: usize| self.traders[row].authority;
        let related: Vec<(usize, usize)> = living
            .iter()
            .flat_map(|from| living.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from != to && owner(*from) == owner(*to))
            .collect();
        if die.is_multiple_of(8) || related.is_empty() {
            return Some((row, living[(die >> 3) as usize % living.len()]));
        }
        Some(related[(die >> 3) as usize % related.len()])
    }

    /// A balance moves between two sub-accounts, to the atom, and to nobody else's.
    pub(super) fn transfer(&mut self, row: usize, dice: [u32; 4]) {
        let Some((from, to)) = self.two_accounts(row, dice[1]) else { return };
        let asset = (dice[2] % 2) as u16;
        let held = |row: usize| self.held(row, asset);
        let (before, before_to) = (held(from), held(to));
        let amount = match (dice[2] >> 1) % 8 {
            0 => 0,
            1 => u64::from(dice[3]) << 20,
            2 => before.max(0) as u64,
            _ => before.max(0) as u64 / 1_000 * u64::from(dice[3] % 900),
        };
        let call = self.world.transfer(&self.traders[from], &self.traders[to], asset, amount);
        if self.attempt(&call).is_none() {
            return;
        }
        let same = self.traders[from].authority == self.traders[to].authority;
        assert!(same, "a balance left its owner: {from} to {to}");
        let at = usize::from(asset);
        self.flows[from].withdrawn[at] += amount;
        self.flows[to].deposited[at] += amount;
        self.movers.extend([from, to]);
        // A debt's interest is met on the way: it makes the receiver's balance less than the sum.
        let (after, after_to) = (self.held(from, asset), self.held(to, asset));
        assert_eq!(before - after, amount as i64, "the payer's balance did not fall by the amount");
        assert!(after_to - before_to <= amount as i64, "the receiver got more than the amount");
        self.check_initial_margin(from, None);
    }

    pub(super) fn held(&self, row: usize, asset: u16) -> i64 {
        let user = self.user(row);
        if asset == 0 {
            return user.quote_atoms;
        }
        user.collaterals.iter().filter(|slot| slot.collateral_index == asset).map(|slot| slot.amount_atoms as i64).sum()
    }

    /// An owner names a delegate, which then tries what its permissions may or may not cover. A delegate never withdraws.
    pub(super) fn delegate(&mut self, row: usize, dice: [u32; 4]) {
        let name = key(&format!("delegate {}", dice[1] % 3));
        let delegate = if dice[1] & 0x700 == 0 { Address::default() } else { name };
        let bits = if delegate == Address::default() { 0 } else { (dice[2] % 17).min(16) };
        let now_ms = self.world.now_ms();
        let expiry_ms =
            if bits == 0 { 0 } else { [0, now_ms + 2_000, now_ms + 600_000, 1][(dice[2] >> 8) as usize % 4] };
        let call = self.world.set_delegate(&self.traders[row], delegate, bits, expiry_ms);
        if self.attempt(&call).is_none() {
            return;
        }
        self.world.advance(i64::from(dice[3] % 4));
        let live = expiry_ms == 0 || self.world.now_ms() < expiry_ms;
        let may = |permission: u32| live && bits & permission != 0;
        let trader = &self.traders[row];
        let cancel = self.world.cancel_orders(trader, &CancelArgs { by: 4, ..CancelArgs::default() });
        self.as_delegate(cancel, "signer", name, may(permissions::CANCEL));
        let order = self.random_order(dice, 0);
        let place = self.world.place_orders(&self.traders[row], &[order]);
        self.as_delegate(place, "signer", name, may(permissions::PLACE));
        let withdraw = self.world.withdraw(&self.traders[row], 0, 1);
        self.as_delegate(withdraw, "authority", name, false);
    }

    /// A call signed by a delegate: refused for want of permission, or judged as the owner's own would be.
    fn as_delegate(&mut self, call: Call, signer: &str, delegate: Address, permitted: bool) {
        let call = call.with(signer, delegate);
        let forbidden = [STRANGER[0], STRANGER[1], "DelegateMayNot"].map(|name| crate::idl::idl().error_code(name));
        if permitted {
            let rule = if call.name == "place_orders" { Rule::Place } else { Rule::Cancel };
            self.acting(rule, |machine| machine.attempt(&call));
            return;
        }
        let code = self.world.send(&call).err().as_ref().and_then(custom_code);
        let refused = code.is_some_and(|code| forbidden.contains(&code));
        assert!(refused, "{} by a delegate without permission gave {code:?}", call.name);
    }

    /// A stranger signs for somebody else's account: whatever it tries is refused for that, and changes nothing.
    pub(super) fn steal(&mut self, row: usize, dice: [u32; 4]) {
        let all = self.existing();
        let thief = self.traders[all[dice[1] as usize % all.len()]].authority;
        let thief = if thief == self.traders[row].authority { key("thief") } else { thief };
        let other = self.another(row);
        let trader = &self.traders[row];
        let amount = 1 + u64::from(dice[2]) % (USD + SOL);
        let world = &self.world;
        let order = self.random_order(dice, 0);
        let (call, signer) = match dice[3] % 9 {
            0 => (world.withdraw(trader, 0, amount), "authority"),
            1 => (world.withdraw(trader, 1, amount), "authority"),
            2 => (world.place_orders(trader, &[order]), "signer"),
            3 => (world.cancel_all(trader), "signer"),
            4 => (world.set_limits(trader, 0, 0, u16::MAX, 0), "authority"),
            5 => (world.set_delegate(trader, thief, permissions::ALL, 0), "authority"),
            6 => (world.close_user(trader), "authority"),
            7 => (world.settle_own_pnl(trader, (dice[2] % u32::from(MARKETS)) as u16), "authority"),
            _ => (world.transfer(trader, &self.traders[other], 0, amount), "signer"),
        };
        let before = self.world.snapshot();
        let call = call.with(signer, thief);
        let code = self.world.send(&call).err().as_ref().and_then(custom_code);
        let name = code.map(|code| crate::idl::idl().error_name(code)).unwrap_or_default();
        let others = ["PositionNotFound", "AccountNotInitialized", "custom 3012", "custom 2040"];
        let known = STRANGER.contains(&name.as_str()) || others.contains(&name.as_str());
        assert!(known, "{} signed by a stranger gave {name} {code:?}", call.name);
        self.world.assert_unchanged(&before, &call.name);
        self.own[0] += 1;
    }
}
