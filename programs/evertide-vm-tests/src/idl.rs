//! The program's interface as its IDL states it: discriminators, account order and flags, error codes, event layouts.

use std::{collections::BTreeMap, path::PathBuf, sync::OnceLock};

use serde_json::Value;
use solana_address::Address;

/// One account of an instruction.
#[derive(Clone, Debug)]
pub struct AccountSpec {
    pub name: String,
    pub writable: bool,
    pub signer: bool,
    pub optional: bool,
    pub address: Option<Address>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct InstructionSpec {
    pub name: String,
    pub discriminator: Vec<u8>,
    pub accounts: Vec<AccountSpec>,
}

/// The parsed IDL.
pub struct Idl {
    pub json: Value,
    pub instructions: BTreeMap<String, InstructionSpec>,
    /// Error name to code.
    pub errors: BTreeMap<String, u32>,
    /// Account type name to discriminator.
    pub accounts: BTreeMap<String, Vec<u8>>,
    /// Event name to discriminator.
    pub events: BTreeMap<String, Vec<u8>>,
    /// Type name to its definition.
    pub types: BTreeMap<String, Value>,
}

/// Folder of this workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Folder of the whole repository.
pub fn repository() -> PathBuf {
    workspace().join("../..")
}

/// The committed native IDL, parsed once.
pub fn idl() -> &'static Idl {
    static IDL: OnceLock<Idl> = OnceLock::new();
    IDL.get_or_init(|| {
        let path =
            std::env::var_os("EVERTIDE_IDL").map_or_else(|| repository().join("idl/evertide.json"), PathBuf::from);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        parse(serde_json::from_str(&text).expect("the IDL is JSON"))
    })
}

fn parse(json: Value) -> Idl {
    let discriminators = |key: &str| -> BTreeMap<String, Vec<u8>> {
        list(&json, key).iter().map(|item| (text(item, "name"), bytes(&item["discriminator"]))).collect()
    };
    let instructions = list(&json, "instructions")
        .iter()
        .map(|item| {
            let accounts = list(item, "accounts").iter().map(account).collect();
            let name = text(item, "name");
            (name.clone(), InstructionSpec { name, discriminator: bytes(&item["discriminator"]), accounts })
        })
        .collect();
    let errors = list(&json, "errors")
        .iter()
        .map(|item| (text(item, "name"), item["code"].as_u64().expect("an error code") as u32))
        .collect();
    let types = list(&json, "types").iter().map(|item| (text(item, "name"), item["type"].clone())).collect();
    Idl { accounts: discriminators("accounts"), events: discriminators("events"), instructions, errors, types, json }
}

fn account(item: &Value) -> AccountSpec {
    let flag = |key: &str| item[key].as_bool().unwrap_or(false);
    AccountSpec {
        name: text(item, "name"),
        writable: flag("writable"),
        signer: flag("signer"),
        optional: flag("optional"),
        address: item["address"].as_str().map(|address| address.parse().expect("an address in the IDL")),
    }
}

fn list(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_string()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_array().expect("a byte array").iter().map(|byte| byte.as_u64().expect("a byte") as u8).collect()
}

impl Idl {
    /// Code of the error with this name.
    pub fn error_code(&self, name: &str) -> u32 {
        *self.errors.get(name).unwrap_or_else(|| panic!("the IDL has no error {name}"))
    }

    /// Name of the error with this code.
    pub fn error_name(&self, code: u32) -> String {
        let found = self.errors.iter().find(|(_, known)| **known == code);
        found.map_or_else(|| format!("custom {code}"), |(name, _)| name.clone())
    }

    /// The instruction with this name.
    pub fn instruction(&self, name: &str) -> &InstructionSpec {
        self.instructions.get(name).unwrap_or_else(|| panic!("the IDL has no instruction {name}"))
    }
}
