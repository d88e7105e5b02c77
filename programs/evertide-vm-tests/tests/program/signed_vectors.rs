//! `tests/parity/signed_orders.json`: signed orders of this crate's own making, which every SDK must reproduce to the byte.
//! `EVERTIDE_WRITE=1` rewrites the file.

use ed25519_dalek::{Signer, SigningKey};
use evertide_math::signed::{SignedOrder, SIGNED_ORDER_TAG};
use evertide_vm_tests::{call::program_id, idl::repository, signed::domain_of, tests, traders::Trader};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use solana_address::Address;

tests!(the_vectors_are_these, every_field_comes_back);

const COUNT: u64 = 64;

/// The order of one row: zeros first, then all that fits, then anything.
fn order_of(row: u64) -> SignedOrder {
    let mut state = row.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut roll = |bits: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let most = u64::MAX >> (64 - bits);
        match row {
            0 => 1,
            1 => most,
            _ => (state >> 7) & most,
        }
    };
    let market = roll(1) == 1;
    SignedOrder {
        nonce_ms: roll(48) as i64,
        size_lots: roll(64),
        price_ticks: roll(40).max(1),
        auction_start_ticks: roll(40),
        life_s: roll(32) as u32,
        window_s: 1 + (roll(16) % if market { 60 } else { 300 }) as u16,
        market_index: roll(16) as u16,
        max_slippage_bps: roll(16) as u16,
        builder_fee_tenth_bps: roll(16) as u16,
        builder_plus_one: roll(8) as u8,
        taker_phase_s: roll(8) as u8,
        kind: u8::from(market),
        time_in_force: roll(8) as u8,
        self_trade: roll(8) as u8,
        ask: roll(1) == 1,
        reduce_only: roll(1) == 1,
    }
}

fn hash(text: &str, row: u64) -> [u8; 32] {
    Sha256::digest(format!("{text} {row}")).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vector(row: u64) -> Value {
    let secret = SigningKey::from_bytes(&hash("secret", row));
    let genesis = hash("genesis", row % 3);
    let user = Trader::of(Address::new_from_array(secret.verifying_key().to_bytes()), row as u16).user;
    let order = order_of(row);
    let domain = domain_of(SIGNED_ORDER_TAG, &genesis, &program_id(), &user);
    let message = order.encode(&domain).expect("in bounds");
    json!({
        "seed": hex(&hash("secret", row)),
        "genesis_hash": hex(&genesis),
        "program_id": program_id().to_string(),
        "user": user.to_string(),
        "terms": {
            "nonce_ms": order.nonce_ms,
            "market_index": order.market_index,
            "ask": order.ask,
            "size_lots": order.size_lots,
            "price_ticks": order.price_ticks,
            "window_s": order.window_s,
            "life_s": order.life_s,
            "auction_start_ticks": order.auction_start_ticks,
            "max_slippage_bps": order.max_slippage_bps,
            "builder_fee_tenth_bps": order.builder_fee_tenth_bps,
            "builder_plus_one": order.builder_plus_one,
            "taker_phase_s": order.taker_phase_s,
            "kind": order.kind,
            "time_in_force": order.time_in_force,
            "self_trade": order.self_trade,
            "reduce_only": order.reduce_only,
        },
        "domain": hex(&domain),
        "message": hex(&message),
        "signature": hex(&secret.sign(&message).to_bytes()),
    })
}

fn the_vectors_are_these() {
    let rows: Vec<String> = (0..COUNT).map(|row| vector(row).to_string()).collect();
    let text = format!("[\n{}\n]\n", rows.join(",\n"));
    let path = repository().join("tests/parity/signed_orders.json");
    if std::env::var_os("EVERTIDE_WRITE").is_some() {
        std::fs::write(&path, &text).expect("the file can be written");
    }
    let known = std::fs::read_to_string(&path).expect("tests/parity/signed_orders.json");
    assert!(known == text, "{} is out of date: EVERTIDE_WRITE=1 rewrites it", path.display());
}

fn every_field_comes_back() {
    for row in 0..4_096 {
        let order = order_of(row);
        let domain = *hash("domain", row).first_chunk().expect("longer");
        let bytes = order.encode(&domain).expect("in bounds");
        assert_eq!(SignedOrder::decode(&bytes), Ok((domain, order)));
    }
    let wide = SignedOrder { price_ticks: 1 << 40, ..SignedOrder::default() };
    assert!(wide.encode(&[0; 12]).is_err());
}
