//! Orders signed off chain: owners with real keys, their messages, and the Ed25519 program's instruction.

use ed25519_dalek::{Signer, SigningKey};
use evertide_math::signed::{SignedOrder, SIGNED_DOMAIN_BYTES, SIGNED_ORDER_TAG};
use sha2::{Digest, Sha256};
use solana_address::Address;
use solana_instruction::Instruction;

use crate::{
    args::{encoded, Encode, SignedRef},
    call::{program_id, Call},
    exchange::{exchange, genesis_hash, market, risk_cache},
    terms::USD,
    traders::Trader,
    world::World,
};

pub const ED25519_PROGRAM: Address = Address::from_str_const("Ed25519SigVerify111111111111111111111111111");
/// Where a world's transactions hold the Ed25519 instruction: behind the compute budget's.
pub const ED25519_AT: u8 = 1;
/// Index that means the Ed25519 instruction itself.
pub const ITSELF: u16 = u16::MAX;
/// Number of signatures and a byte that nobody reads.
pub const HEADER_BYTES: usize = 2;
/// Seven numbers of 16 bits a signature.
pub const OFFSETS_BYTES: usize = 14;

/// A trader whose key can sign.
#[derive(Clone)]
pub struct Signatory {
    pub trader: Trader,
    pub secret: SigningKey,
}

impl Signatory {
    /// The sub-account 0 of the key that `name` yields.
    pub fn named(name: &str) -> Self {
        let secret = SigningKey::from_bytes(&Sha256::digest(format!("secret of {name}")).into());
        let authority = Address::new_from_array(secret.verifying_key().to_bytes());
        Self { trader: Trader::of(authority, 0), secret }
    }

    /// The bytes that it signs for an account of its own.
    pub fn message(&self, order: &SignedOrder) -> Vec<u8> {
        message(&self.trader.user, order)
    }

    /// One row of an Ed25519 instruction.
    pub fn row(&self, message: Vec<u8>) -> Row {
        let signature = self.secret.sign(&message).to_bytes();
        Row { key: self.secret.verifying_key().to_bytes(), signature, message }
    }
}

/// First bytes of every message for an account.
pub fn domain_of(tag: &[u8], genesis_hash: &[u8; 32], program: &Address, user: &Address) -> [u8; SIGNED_DOMAIN_BYTES] {
    let parts = [tag, genesis_hash.as_slice(), program.as_ref(), user.as_ref()].concat();
    *Sha256::digest(parts).first_chunk().expect("a hash is longer")
}

/// The bytes to sign for an account of this exchange.
pub fn message(user: &Address, order: &SignedOrder) -> Vec<u8> {
    let domain = domain_of(SIGNED_ORDER_TAG, &genesis_hash(), &program_id(), user);
    order.encode(&domain).expect("an order in bounds").to_vec()
}

/// One signature with what it is over and by whom.
#[derive(Clone)]
pub struct Row {
    pub key: [u8; 32],
    pub signature: [u8; 64],
    pub message: Vec<u8>,
}

/// The Ed25519 program's instruction that verifies these rows; `place` is the index that it names for all three parts.
pub fn ed25519(rows: &[Row], place: u16) -> Instruction {
    let mut data = vec![rows.len() as u8, 0];
    let mut at = HEADER_BYTES + OFFSETS_BYTES * rows.len();
    for row in rows {
        let (key, signature, message) = (at, at + 32, at + 96);
        for number in [signature as u16, place, key as u16, place, message as u16, row.message.len() as u16, place] {
            number.encode(&mut data);
        }
        at = message + row.message.len();
    }
    for row in rows {
        data.extend(row.key);
        data.extend(row.signature);
        data.extend(&row.message);
    }
    Instruction { program_id: ED25519_PROGRAM, accounts: Vec::new(), data }
}

impl World {
    /// A signatory with this many dollars deposited, older than a nonce may lie ahead.
    pub fn signatory(&mut self, name: &str, usd: u64) -> Signatory {
        let signatory = Signatory::named(name);
        self.introduce(&signatory.trader);
        self.ok(&self.deposit(&signatory.trader, 0, usd * USD));
        signatory
    }

    /// A limit order signed now, to be placed within a minute.
    pub fn signed_limit(&self, market_index: u16, ask: bool, price_ticks: u64, size_lots: u64) -> SignedOrder {
        let nonce_ms = self.now_ms();
        SignedOrder { nonce_ms, market_index, ask, price_ticks, size_lots, window_s: 60, ..SignedOrder::default() }
    }

    /// place_signed_orders behind the Ed25519 instruction that verifies what each signed for itself.
    pub fn place_signed_orders(&self, orders: &[(&Signatory, SignedOrder)]) -> Call {
        let rows: Vec<Row> = orders.iter().map(|(owner, order)| owner.row(owner.message(order))).collect();
        let named: Vec<(&Trader, u16)> =
            orders.iter().map(|(owner, order)| (&owner.trader, order.market_index)).collect();
        self.place_verified(ed25519(&rows, ITSELF), &named)
    }

    /// place_signed_orders behind any instruction, for these accounts and markets.
    pub fn place_verified(&self, ahead: Instruction, orders: &[(&Trader, u16)]) -> Call {
        let (mut pairs, mut markets) = (Vec::new(), Vec::new());
        let refs: Vec<SignedRef> = orders
            .iter()
            .map(|(trader, index)| {
                let account = place_in(&mut pairs, (trader.user, trader.orders));
                SignedRef { account, market: place_in(&mut markets, *index) }
            })
            .collect();
        let mut args = vec![ED25519_AT];
        args.extend(encoded(&refs));
        let accounts = [("keeper", self.keeper), ("exchange", exchange()), ("risk_cache", risk_cache())];
        let mut call = Call::new("place_signed_orders", &args, &accounts)
            .with_remaining(pairs.into_iter().flat_map(|(user, orders)| [(user, true), (orders, true)]))
            .with_remaining(markets.into_iter().map(|index| (market(index), false)));
        call.ahead = vec![ahead];
        call
    }

    pub fn cancel_nonce(&self, trader: &Trader, nonce_ms: i64) -> Call {
        let accounts = [("signer", trader.authority), ("user", trader.user), ("orders", trader.orders)];
        Call::new("cancel_nonce", &encoded(&nonce_ms), &accounts)
    }
}

/// Index of an item, which is appended when it is new.
fn place_in<T: PartialEq>(items: &mut Vec<T>, item: T) -> u8 {
    let known = items.iter().position(|known| *known == item);
    known.unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    }) as u8
}
