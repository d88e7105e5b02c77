//! The harness against the IDL: arguments, discriminators, layouts.

use evertide_vm_tests::{
    args::{CancelArgs, EvidenceArgs, KindArgs, LocalPrice, MakerRef, OrderArgs, SignedRef},
    call::{derived, program_id},
    codec::struct_fields,
    exchange,
    idl::{idl, repository},
    state, tests,
    world::World,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

tests!(
    arguments_equal_the_idl,
    discriminators_are_hashes_of_names,
    layouts_equal_the_exported_ones,
    addresses_are_canonical
);

fn arguments_equal_the_idl() {
    let plain = |kind: String| kind.replace("Vec < u64 >", "{vec:u64}").replace("Vec<u64>", "{vec:u64}");
    let vectors = |kind: String| kind.replace("Vec<MakerRef>", "{vec:{defined:{name:MakerRef}}}");
    for (name, schema) in [
        ("OrderArgs", OrderArgs::schema()),
        ("KindArgs", KindArgs::schema()),
        ("CancelArgs", CancelArgs::schema()),
        ("MakerRef", MakerRef::schema()),
        ("SignedRef", SignedRef::schema()),
        ("EvidenceArgs", EvidenceArgs::schema()),
        ("LocalPrice", LocalPrice::schema()),
    ] {
        let ours: Vec<_> = schema.into_iter().map(|(field, kind)| (field, vectors(plain(kind)))).collect();
        assert_eq!(ours, struct_fields(name), "{name}");
    }
}

fn discriminators_are_hashes_of_names() {
    let hash = |space: &str, name: &str| Sha256::digest(format!("{space}:{name}"))[..8].to_vec();
    for (name, instruction) in &idl().instructions {
        assert_eq!(instruction.discriminator, hash("global", name), "{name}");
    }
    for (name, discriminator) in &idl().accounts {
        assert_eq!(*discriminator, hash("account", name), "{name}");
    }
    for (name, discriminator) in &idl().events {
        assert_eq!(*discriminator, hash("event", name), "{name}");
    }
}

/// I-27: what a reader was given once stays where it was.
fn layouts_equal_the_exported_ones() {
    let path = repository().join("idl/layouts.json");
    let text = std::fs::read_to_string(&path).expect("idl/layouts.json");
    let layouts: Value = serde_json::from_str(&text).expect("layouts are JSON");
    let sizes = [
        ("Exchange", size_of::<state::Exchange>()),
        ("Market", size_of::<state::Market>()),
        ("RiskCache", size_of::<state::RiskCache>()),
        ("Collateral", size_of::<state::Collateral>()),
        ("User", size_of::<state::User>()),
        ("Orders", size_of::<state::Orders>()),
        ("Insurance", size_of::<state::Insurance>()),
        ("ParamChange", size_of::<state::ParamChange>()),
    ];
    for (name, size) in sizes {
        let exported = find_size(&layouts, name).unwrap_or_else(|| panic!("layouts.json has no size of {name}"));
        assert!(exported == size as u64 || exported == size as u64 + 8, "{name}: {exported} against {size}");
    }
}

/// The number called `size` (or `size_bytes`) under the object or row called `name`.
fn find_size(layouts: &Value, name: &str) -> Option<u64> {
    let size_in = |value: &Value| value["size"].as_u64().or_else(|| value["size_bytes"].as_u64());
    match layouts {
        Value::Object(fields) => {
            let own = fields.get(name).and_then(size_in);
            let named = (fields.get("name").and_then(Value::as_str) == Some(name)).then(|| size_in(layouts)).flatten();
            own.or(named).or_else(|| fields.values().find_map(|value| find_size(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|value| find_size(value, name)),
        _ => None,
    }
}

/// V-08, V-09: every account lies at the canonical address of its own seeds, and no two share one.
fn addresses_are_canonical() {
    let world = World::open();
    assert_eq!(idl().json["address"].as_str(), Some(program_id().to_string().as_str()));
    let mut seen = std::collections::BTreeSet::new();
    for address in [exchange::exchange(), exchange::risk_cache(), exchange::insurance()]
        .into_iter()
        .chain((0..3).map(exchange::market))
        .chain((0..2).flat_map(|index| [exchange::collateral(index), exchange::vault(index)]))
    {
        assert!(world.exists(&address), "{address} was not created at its canonical address");
        assert!(seen.insert(address), "{address} is shared");
    }
    assert_eq!(world.exchange().bump, bump_of(&[b"exchange"]));
    assert_eq!(world.cache().bump, bump_of(&[b"risk"]));
    assert_eq!(world.market(1).bump, bump_of(&[b"market", &[1, 0]]));
    assert_eq!(derived(&[b"vault", &[0, 0]]), world.exchange().quote_vault);
}

fn bump_of(seeds: &[&[u8]]) -> u8 {
    solana_address::Address::find_program_address(seeds, &program_id()).1
}
