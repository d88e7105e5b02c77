//! Changes under the timelock: calls, and the parameters as the exported layouts name and place them.

use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest, Sha256};
use solana_address::Address;

use crate::{
    args::{encoded, Encode},
    call::{derived, Call},
    exchange::{collateral, exchange, market, risk_cache},
    idl::repository,
    state::{bytes, CollateralTerms, MarketTerms, ParamChange},
    world::World,
};

/// Whose field a change moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subject {
    Exchange,
    Market(u16),
    Collateral(u16),
}

impl Subject {
    pub fn address(self) -> Address {
        match self {
            Self::Exchange => exchange(),
            Self::Market(index) => market(index),
            Self::Collateral(index) => collateral(index),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Market(_) => "market",
            Self::Collateral(_) => "collateral",
        }
    }

    fn layout(self) -> &'static str {
        match self {
            Self::Exchange => "Exchange",
            Self::Market(_) => "Market",
            Self::Collateral(_) => "Collateral",
        }
    }
}

/// One parameter as the layouts export it.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub number: u32,
    pub name: String,
    pub target: String,
    pub kind: String,
    pub minimum: i64,
    pub maximum: i64,
    pub rising: String,
    pub falling: String,
    /// Nothing at all bounds at 0.
    pub zero_is_none: bool,
}

impl Parameter {
    /// How a change from one value to another takes effect, by the layouts.
    pub fn class(&self, old: i64, new: i64) -> &str {
        let rank = |value: i64| if self.zero_is_none && value == 0 { i64::MAX } else { value };
        if rank(new) > rank(old) {
            &self.rising
        } else {
            &self.falling
        }
    }
}

fn layouts() -> &'static Value {
    static LAYOUTS: OnceLock<Value> = OnceLock::new();
    LAYOUTS.get_or_init(|| {
        let text = std::fs::read_to_string(repository().join("idl/layouts.json")).expect("idl/layouts.json");
        serde_json::from_str(&text).expect("layouts are JSON")
    })
}

/// Bytes of an account of this kind, its discriminator included, where the layouts know the kind.
pub fn account_size(kind: &str) -> Option<usize> {
    layouts()["accounts"][kind]["size"].as_u64().map(|size| size as usize)
}

/// Every parameter.
pub fn parameters() -> Vec<Parameter> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_string();
    let number = |entry: &Value, name: &str| entry[name].as_i64().unwrap_or_else(|| panic!("no {name}"));
    let all = layouts()["parameters"].as_array().expect("parameters");
    all.iter()
        .map(|entry| Parameter {
            number: number(entry, "number") as u32,
            name: text(entry, "name"),
            target: text(entry, "target"),
            kind: text(entry, "kind"),
            minimum: number(entry, "minimum"),
            maximum: number(entry, "maximum"),
            rising: text(entry, "rising"),
            falling: text(entry, "falling"),
            zero_is_none: entry["zero_is_none"].as_bool().unwrap_or_else(|| panic!("no zero_is_none")),
        })
        .collect()
}

/// The parameter of a subject's field.
pub fn parameter(subject: Subject, name: &str) -> Parameter {
    let found = parameters().into_iter().find(|known| known.target == subject.name() && known.name == name);
    found.unwrap_or_else(|| panic!("{} has no parameter {name}", subject.name()))
}

/// Offset and size of a field by its dotted name, from the exported layouts: `oracle.refused.3` of a market's terms.
pub fn located(subject: Subject, name: &str) -> (usize, usize) {
    let account = &layouts()["accounts"][subject.layout()];
    if name == "status" {
        return step(account, "status");
    }
    if let Some(row) = name.strip_prefix("builders.") {
        let (first, _) = entry(account, "builders");
        let (user, size) = step(&layouts()["structs"]["Builder"], "user");
        return (first + row.parse::<usize>().expect("an entry") * size_of_kind("Builder") + user, size);
    }
    let (mut at, mut kind) = entry(account, "terms");
    let mut size = 0;
    for part in name.split('.') {
        if let Some((element, _)) = kind.strip_prefix('[').and_then(|inner| inner.split_once(';')) {
            let row: usize = part.parse().expect("a row of an array");
            size = size_of_kind(element);
            at += row * size;
            kind = element.to_string();
        } else {
            let (offset, inner) = entry(&layouts()["structs"][kind.as_str()], part);
            at += offset;
            size = size_of_kind(&inner);
            kind = inner;
        }
    }
    (at, size)
}

fn entry(layout: &Value, name: &str) -> (usize, String) {
    let fields = layout["fields"].as_array().expect("fields");
    let field = fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}"));
    (field["offset"].as_u64().expect("an offset") as usize, field["type"].as_str().expect("a type").to_string())
}

fn step(layout: &Value, name: &str) -> (usize, usize) {
    let (offset, kind) = entry(layout, name);
    (offset, size_of_kind(&kind))
}

fn size_of_kind(kind: &str) -> usize {
    match kind {
        "u8" => 1,
        "u16" | "i16" => 2,
        "u32" => 4,
        "u64" | "i64" => 8,
        "address" => 32,
        other => {
            match other.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).and_then(|x| x.split_once(';')) {
                Some((element, count)) => size_of_kind(element) * count.parse::<usize>().expect("a count"),
                None => layouts()["structs"][other]["size"].as_u64().unwrap_or_else(|| panic!("type {other}")) as usize,
            }
        }
    }
}

/// Address of the change of this number.
pub fn change(number: u64) -> Address {
    derived(&[b"change", &number.to_le_bytes()])
}

impl World {
    /// Proposes a number for a field by its name.
    pub fn propose(&self, signer: Address, subject: Subject, name: &str, value: i64) -> Call {
        self.propose_change(signer, subject, parameter(subject, name).number, value, [0; 32])
    }

    /// Proposes 32 bytes for a field by its name.
    pub fn propose_key(&self, signer: Address, subject: Subject, name: &str, key: [u8; 32]) -> Call {
        self.propose_change(signer, subject, parameter(subject, name).number, 0, key)
    }

    pub fn propose_change(&self, signer: Address, subject: Subject, field: u32, value: i64, key: [u8; 32]) -> Call {
        let mut args = encoded(&field);
        value.encode(&mut args);
        args.extend_from_slice(&key);
        let number = self.exchange().next_change;
        let mut accounts = vec![
            ("signer", signer),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("change", change(number)),
        ];
        accounts.extend(target(subject));
        Call::new("propose_change", &args, &accounts)
    }

    pub fn cancel_change(&self, signer: Address, number: u64) -> Call {
        let accounts = [("signer", signer), ("exchange", exchange()), ("change", change(number))];
        Call::new("cancel_change", &[], &accounts)
    }

    pub fn execute_change(&self, signer: Address, number: u64, subject: Subject) -> Call {
        let mut accounts = vec![
            ("signer", signer),
            ("exchange", exchange()),
            ("risk_cache", risk_cache()),
            ("change", change(number)),
            ("quote", collateral(0)),
        ];
        accounts.extend(target(subject));
        // A market's or an asset's change needs no quote asset, and an account is not given twice.
        if subject != Subject::Exchange {
            accounts.retain(|(name, _)| *name != "quote");
        }
        Call::new("execute_change", &[], &accounts)
    }

    pub fn apply_ramp(&self, number: u64, subject: Subject) -> Call {
        let mut accounts = vec![("exchange", exchange()), ("risk_cache", risk_cache()), ("change", change(number))];
        accounts.extend(target(subject));
        Call::new("apply_ramp", &[], &accounts)
    }

    pub fn advance_season(&self, subject: Subject) -> Call {
        let mut accounts = vec![("exchange", exchange()), ("risk_cache", risk_cache())];
        accounts.extend(target(subject));
        Call::new("advance_season", &[], &accounts)
    }

    /// Proposes a market; returns nothing: the change has the exchange's next number.
    pub fn propose_market(&self, signer: Address, terms: &MarketTerms) -> Call {
        self.propose_key(signer, Subject::Exchange, "list_market", Sha256::digest(bytes(terms)).into())
    }

    /// Proposes an asset by its mint and terms.
    pub fn propose_collateral(&self, signer: Address, mint: Address, terms: &CollateralTerms) -> Call {
        let named = [mint.as_ref(), &bytes(terms)].concat();
        self.propose_key(signer, Subject::Exchange, "list_collateral", Sha256::digest(named).into())
    }

    /// The change of this number.
    pub fn change(&self, number: u64) -> ParamChange {
        self.read(&change(number))
    }

    /// A field's value as it lies in its account; of 32 bytes the first 8.
    pub fn parameter_value(&self, subject: Subject, known: &Parameter) -> i64 {
        let (at, size) = located(subject, &known.name);
        let data = self.vm.get_account(&subject.address()).expect("the account").data;
        let mut wide = [0; 8];
        let count = size.min(8);
        wide[..count].copy_from_slice(&data[at..at + count]);
        match known.kind.as_str() {
            "i16" => i64::from(i16::from_le_bytes([wide[0], wide[1]])),
            _ => i64::from_le_bytes(wide),
        }
    }

    /// Writes a field where it lies, unchecked.
    pub fn forge_parameter(&mut self, subject: Subject, name: &str, value: i64) {
        let (at, size) = located(subject, name);
        let count = size.min(8);
        self.forge(subject.address(), |data| data[at..at + count].copy_from_slice(&value.to_le_bytes()[..count]));
    }
}

/// A listing with the change that allows it.
pub fn allowed_by(call: Call, number: u64) -> Call {
    let mut call = call.with("change", change(number));
    call.metas.iter_mut().for_each(|meta| meta.is_writable |= meta.pubkey == change(number));
    call
}

fn target(subject: Subject) -> Option<(&'static str, Address)> {
    match subject {
        Subject::Exchange => None,
        _ => Some((subject.name(), subject.address())),
    }
}
