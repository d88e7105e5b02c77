//! One instruction under construction: accounts by name in the IDL's order, data, remaining accounts.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};

use crate::idl::{idl, InstructionSpec};

pub const SYSTEM_PROGRAM: Address = Address::from_str_const("11111111111111111111111111111111");
pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// The address of the program under test, from the IDL.
pub fn program_id() -> Address {
    static ID: std::sync::OnceLock<Address> = std::sync::OnceLock::new();
    *ID.get_or_init(|| idl().json["address"].as_str().expect("the IDL has an address").parse().expect("a program id"))
}

/// A program-derived address of the program under test; each is searched for once a thread.
pub fn derived(seeds: &[&[u8]]) -> Address {
    type Known = RefCell<HashMap<Vec<u8>, Address>>;
    thread_local!(static KNOWN: Known = RefCell::default());
    KNOWN.with_borrow_mut(|known| {
        let name = seeds.join(&b'/');
        *known.entry(name).or_insert_with(|| Address::find_program_address(seeds, &program_id()).0)
    })
}

/// An instruction whose accounts can still be changed by name.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    pub names: Vec<String>,
    pub metas: Vec<AccountMeta>,
    pub remaining: Vec<AccountMeta>,
    pub data: Vec<u8>,
    /// Sent in front of it in the same transaction, after the compute budget's.
    pub ahead: Vec<Instruction>,
}

impl Call {
    /// Builds `name` with borsh `args` and the named accounts. Optional accounts that are not given become the program id.
    pub fn new(name: &str, args: &[u8], accounts: &[(&str, Address)]) -> Self {
        let spec = idl().instruction(name);
        let given: BTreeMap<&str, Address> = accounts.iter().copied().collect();
        for known in given.keys() {
            assert!(spec.accounts.iter().any(|account| account.name == *known), "{name} takes no account {known}");
        }
        let mut data = spec.discriminator.clone();
        data.extend_from_slice(args);
        let metas = metas(spec, &given);
        let names = spec.accounts.iter().map(|account| account.name.clone()).collect();
        Self { name: name.to_string(), names, metas, remaining: Vec::new(), data, ahead: Vec::new() }
    }

    /// Appends accounts after the declared ones.
    pub fn with_remaining(mut self, accounts: impl IntoIterator<Item = (Address, bool)>) -> Self {
        self.remaining.extend(accounts.into_iter().map(|(address, writable)| AccountMeta {
            pubkey: address,
            is_signer: false,
            is_writable: writable,
        }));
        self
    }

    /// The same call with another account in the place of `name`.
    pub fn with(mut self, name: &str, address: Address) -> Self {
        let row = self.row(name);
        self.metas[row].pubkey = address;
        self
    }

    /// The same call with an optional account that signs.
    pub fn signed_by(self, name: &str, address: Address) -> Self {
        let mut call = self.with(name, address);
        let row = call.row(name);
        call.metas[row].is_signer = true;
        call
    }

    /// The same call with the signer flag of `name` dropped.
    pub fn without_signature(mut self, name: &str) -> Self {
        let row = self.row(name);
        self.metas[row].is_signer = false;
        self
    }

    /// The address in the place of `name`.
    pub fn account(&self, name: &str) -> Address {
        self.metas[self.row(name)].pubkey
    }

    fn row(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    /// The finished instruction.
    pub fn instruction(&self) -> Instruction {
        let accounts = self.metas.iter().chain(&self.remaining).cloned().collect();
        Instruction { program_id: program_id(), accounts, data: self.data.clone() }
    }
}

fn metas(spec: &InstructionSpec, given: &BTreeMap<&str, Address>) -> Vec<AccountMeta> {
    spec.accounts
        .iter()
        .map(|account| {
            let standard = match account.name.as_str() {
                "program" => Some(program_id()),
                "event_authority" => Some(derived(&[b"__event_authority"])),
                "system_program" => Some(SYSTEM_PROGRAM),
                "token_program" => Some(TOKEN_PROGRAM),
                _ => account.address,
            };
            let found = given.get(account.name.as_str()).copied().or(standard);
            let absent = found.is_none() && account.optional;
            let pubkey = found.or_else(|| absent.then(program_id));
            AccountMeta {
                pubkey: pubkey.unwrap_or_else(|| panic!("{} needs the account {}", spec.name, account.name)),
                is_signer: account.signer && !absent,
                is_writable: account.writable && !absent,
            }
        })
        .collect()
}
