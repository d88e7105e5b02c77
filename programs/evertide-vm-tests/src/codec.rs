//! Borsh values by the IDL's types: events are decoded into JSON, and typed arguments are checked against the IDL.

use serde_json::{json, Map, Value};
use solana_address::Address;

use crate::idl::{idl, Idl};

/// Instruction tag of an event sent by self-CPI: sha256("anchor:event")[..8], little-endian.
pub const EVENT_TAG: u64 = 0x1d9a_cb51_2ea5_45e4;

/// Decodes one self-CPI's data into (event name, fields), or nothing when it is not an event.
pub fn decode_event(data: &[u8]) -> Option<(String, Value)> {
    if data.len() < 16 || data[..8] != EVENT_TAG.to_le_bytes() {
        return None;
    }
    let known = idl();
    let (name, _) = known.events.iter().find(|(_, tag)| tag.as_slice() == &data[8..16])?;
    let mut reader = Reader { data: &data[16..], at: 0 };
    let value = reader.named(known, name);
    assert_eq!(reader.at, reader.data.len(), "event {name} has trailing bytes");
    Some((name.clone(), value))
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let part = self.data.get(self.at..self.at + N).expect("event bytes end early");
        self.at += N;
        part.try_into().expect("length is N")
    }

    fn named(&mut self, known: &Idl, name: &str) -> Value {
        let definition = known.types.get(name).unwrap_or_else(|| panic!("the IDL has no type {name}"));
        match definition["kind"].as_str() {
            Some("struct") => self.fields(known, &definition["fields"]),
            Some("enum") => {
                let [variant] = self.take::<1>();
                definition["variants"][usize::from(variant)]["name"].clone()
            }
            other => panic!("type {name} has kind {other:?}"),
        }
    }

    fn fields(&mut self, known: &Idl, fields: &Value) -> Value {
        let mut out = Map::new();
        for (row, field) in fields.as_array().expect("fields").iter().enumerate() {
            match field["name"].as_str() {
                Some(name) => out.insert(name.to_string(), self.value(known, &field["type"])),
                None => out.insert(row.to_string(), self.value(known, field)),
            };
        }
        Value::Object(out)
    }

    fn value(&mut self, known: &Idl, kind: &Value) -> Value {
        if let Some(name) = kind.as_str() {
            return self.primitive(name);
        }
        if let Some(item) = kind.get("vec") {
            let count = u32::from_le_bytes(self.take());
            return (0..count).map(|_| self.value(known, item)).collect();
        }
        if let Some(item) = kind.get("option") {
            let [some] = self.take::<1>();
            return if some == 0 { Value::Null } else { self.value(known, item) };
        }
        if let Some(array) = kind.get("array") {
            let count = array[1].as_u64().expect("an array length");
            return (0..count).map(|_| self.value(known, &array[0])).collect();
        }
        let name = kind["defined"]["name"].as_str().unwrap_or_else(|| panic!("unknown IDL type {kind}"));
        self.named(known, name)
    }

    fn primitive(&mut self, name: &str) -> Value {
        match name {
            "bool" => json!(self.take::<1>()[0] != 0),
            "u8" => json!(self.take::<1>()[0]),
            "i8" => json!(self.take::<1>()[0] as i8),
            "u16" => json!(u16::from_le_bytes(self.take())),
            "i16" => json!(i16::from_le_bytes(self.take())),
            "u32" => json!(u32::from_le_bytes(self.take())),
            "i32" => json!(i32::from_le_bytes(self.take())),
            "u64" => json!(u64::from_le_bytes(self.take())),
            "i64" => json!(i64::from_le_bytes(self.take())),
            "u128" => json!(u128::from_le_bytes(self.take()).to_string()),
            "i128" => json!(i128::from_le_bytes(self.take()).to_string()),
            "pubkey" => json!(Address::new_from_array(self.take()).to_string()),
            other => panic!("unknown primitive {other}"),
        }
    }
}

/// Names and types of the fields of an IDL struct, in order.
pub fn struct_fields(name: &str) -> Vec<(String, String)> {
    let definition = idl().types.get(name).unwrap_or_else(|| panic!("the IDL has no type {name}"));
    let fields = definition["fields"].as_array().expect("a struct");
    fields.iter().map(|field| (field["name"].as_str().unwrap_or("").to_string(), type_text(&field["type"]))).collect()
}

fn type_text(kind: &Value) -> String {
    match kind.as_str() {
        Some(name) => name.to_string(),
        None => kind.to_string().replace('"', ""),
    }
}
