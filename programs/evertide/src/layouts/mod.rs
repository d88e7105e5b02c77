//! Layouts and constants of the program as data: what every reader outside Rust is generated from.
//!
//! `export_layouts` writes them as JSON to the path in `EVERTIDE_LAYOUTS_OUT`. The lists in `accounts` and `structs`
//! name every field with its type; the compiler checks the types, the macro takes offsets from the compiler, and the
//! sizes must add up to the whole, so that no field can be forgotten.

mod accounts;
mod constants;
mod parameters;
mod structs;

use serde_json::{json, Map, Value};

/// Bytes of an account before its struct: the discriminator.
const DISCRIMINATOR_BYTES: usize = 8;

/// One field: name, offset from the struct's start, size, type as readers name it.
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
    pub kind: String,
}

/// One struct and, for an account, its discriminator.
pub struct Layout {
    pub name: &'static str,
    pub size: usize,
    pub discriminator: Option<&'static [u8]>,
    pub fields: Vec<Field>,
}

/// One constant, with what it means.
pub struct Constant {
    pub name: &'static str,
    pub value: i128,
    pub doc: &'static str,
}

/// Name of a type for readers: `address` for a key, the type's own name otherwise.
pub fn kind_of(name: &str) -> String {
    if name == "Address" {
        "address".to_string()
    } else {
        name.to_string()
    }
}

/// `field!(Type, name: kind)` or `field!(Type, name: [kind; count])`.
#[macro_export]
macro_rules! field {
    ($owner:ty, $name:ident, [$kind:ident; $count:expr]) => {
        $crate::layouts::Field {
            name: stringify!($name),
            offset: core::mem::offset_of!($owner, $name),
            size: {
                // Does not compile when the field has another type.
                let _: fn(&$owner) -> &[$kind; $count] = |owner| &owner.$name;
                core::mem::size_of::<[$kind; $count]>()
            },
            kind: format!("[{};{}]", $crate::layouts::kind_of(stringify!($kind)), $count),
        }
    };
    ($owner:ty, $name:ident, $kind:ident) => {
        $crate::layouts::Field {
            name: stringify!($name),
            offset: core::mem::offset_of!($owner, $name),
            size: {
                let _: fn(&$owner) -> &$kind = |owner| &owner.$name;
                core::mem::size_of::<$kind>()
            },
            kind: $crate::layouts::kind_of(stringify!($kind)),
        }
    };
}

/// `layout!(discriminator, Type { name: kind, .. })`.
#[macro_export]
macro_rules! layout {
    ($discriminator:expr, $owner:ident { $($name:ident : $kind:tt),* $(,)? }) => {
        $crate::layouts::Layout {
            name: stringify!($owner),
            size: core::mem::size_of::<$owner>(),
            discriminator: $discriminator,
            fields: vec![$($crate::field_of!($owner, $name, $kind)),*],
        }
    };
}

/// Unwraps a bracketed type, which arrives as one token tree.
#[macro_export]
macro_rules! field_of {
    ($owner:ty, $name:ident, [$kind:ident; $count:expr]) => {
        $crate::field!($owner, $name, [$kind; $count])
    };
    ($owner:ty, $name:ident, $kind:ident) => {
        $crate::field!($owner, $name, $kind)
    };
}

fn to_json(layout: &Layout) -> Value {
    let shift = if layout.discriminator.is_some() { DISCRIMINATOR_BYTES } else { 0 };
    let fields: Vec<Value> = layout
        .fields
        .iter()
        .map(|field| json!({ "name": field.name, "offset": field.offset.saturating_add(shift), "type": field.kind }))
        .collect();
    let mut entry = Map::new();
    entry.insert("size".into(), json!(layout.size.saturating_add(shift)));
    if let Some(discriminator) = layout.discriminator {
        entry.insert("discriminator".into(), json!(discriminator));
    }
    entry.insert("fields".into(), json!(fields));
    Value::Object(entry)
}

fn named(layouts: &[Layout]) -> Value {
    layouts.iter().map(|layout| (layout.name.to_string(), to_json(layout))).collect::<Map<_, _>>().into()
}

#[test]
fn fields_add_up_to_the_whole() {
    for layout in accounts::accounts().iter().chain(&structs::structs()) {
        let mut at = 0;
        for field in &layout.fields {
            assert_eq!(field.offset, at, "{}.{} does not follow the field before it", layout.name, field.name);
            at = at.saturating_add(field.size);
        }
        assert_eq!(at, layout.size, "{}: a field is missing at its end", layout.name);
    }
}

#[test]
fn every_struct_of_a_field_is_listed() {
    let (accounts, structs) = (accounts::accounts(), structs::structs());
    for layout in accounts.iter().chain(&structs) {
        for field in &layout.fields {
            let kind = field.kind.trim_start_matches('[').split(';').next().unwrap_or_default();
            let known = matches!(kind, "u8" | "u16" | "u32" | "u64" | "i16" | "i32" | "i64" | "address");
            let listed = structs.iter().any(|other| other.name == kind);
            assert!(known || listed, "{}.{} has the unlisted type {kind}", layout.name, field.name);
        }
    }
}

#[test]
fn constants_are_named_once_and_explained() {
    let all = constants::constants();
    for (at, constant) in all.iter().enumerate() {
        assert!(!constant.doc.is_empty(), "{} is not explained", constant.name);
        assert!(
            all.iter().skip(at.saturating_add(1)).all(|other| other.name != constant.name),
            "{} twice",
            constant.name
        );
    }
}

#[test]
fn export_layouts() {
    let constants: Map<String, Value> = constants::constants()
        .iter()
        .map(|constant| {
            let value = serde_json::from_str::<Value>(&constant.value.to_string()).expect("an integer is JSON");
            (constant.name.to_string(), json!({ "value": value, "doc": constant.doc }))
        })
        .collect();
    let all = json!({
        "accounts": named(&accounts::accounts()),
        "structs": named(&structs::structs()),
        "constants": constants,
        "parameters": parameters::parameters(),
    });
    assert_eq!(all["accounts"].as_object().map(Map::len), Some(accounts::accounts().len()));
    if let Ok(path) = std::env::var("EVERTIDE_LAYOUTS_OUT") {
        std::fs::write(&path, all.to_string()).expect("EVERTIDE_LAYOUTS_OUT can be written");
    }
}
