//! I-27: every account of the program keeps its kind and its size.

use std::{collections::HashMap, sync::Arc};

use solana_account::ReadableAccount;
use solana_address::Address;

use super::Machine;
use crate::{call::program_id, changes::account_size, idl::idl};

/// Kinds whose accounts may end; whatever is born again at their address is of the same kind.
const ENDING: [&str; 4] = ["User", "Orders", "InsuranceStake", "ParamChange"];
/// Bytes of a discriminator.
const TAG: usize = 8;

/// Kind of every account that was ever seen.
#[derive(Clone, Default)]
pub(super) struct Shapes(Arc<HashMap<Address, &'static str>>);

/// Kinds by discriminator, with their sizes.
fn kind_of(data: &[u8]) -> Option<(&'static str, usize)> {
    let (kind, _) = idl().accounts.iter().find(|(_, tag)| data.get(..TAG) == Some(tag.as_slice()))?;
    Some((kind, account_size(kind)?))
}

impl Machine {
    pub(super) fn check_shapes(&mut self) {
        let (all, program) = (&self.world.vm.accounts_db().inner, program_id());
        let mut living = 0;
        for (address, account) in all.iter().filter(|(_, account)| *account.owner() == program) {
            let found = kind_of(account.data()).filter(|(_, size)| *size == account.data().len());
            let Some((kind, _)) = found else {
                panic!("I-27: {address} has {} bytes and is of no kind", account.data().len());
            };
            living += 1;
            match self.shapes.0.get(address) {
                Some(known) => assert_eq!(*known, kind, "I-27: {address} is of another kind"),
                None => drop(Arc::make_mut(&mut self.shapes.0).insert(*address, kind)),
            }
        }
        if living == self.shapes.0.len() {
            return;
        }
        for (address, kind) in self.shapes.0.iter().filter(|(_, kind)| !ENDING.contains(kind)) {
            let there = all.get(address).is_some_and(|account| *account.owner() == program);
            assert!(there, "I-27: {address}, a {kind}, is gone");
        }
    }
}
