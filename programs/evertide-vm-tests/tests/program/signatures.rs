//! Attacks on the signature of a signed order: what the Ed25519 program verified is not what the attacker shows.

use evertide_math::signed::{SignedOrder, SIGNED_ORDER_TAG};
use evertide_vm_tests::{
    call::program_id,
    exchange::genesis_hash,
    signed::{domain_of, ed25519, Row, Signatory, ED25519_AT, ED25519_PROGRAM, HEADER_BYTES, ITSELF, OFFSETS_BYTES},
    tests,
    world::{key, World},
};
use solana_instruction::{error::InstructionError, Instruction};
use solana_transaction_error::TransactionError;

use crate::place_signed_orders::signers;

tests!(
    the_instruction_may_name_its_own_number,
    v27_a_forged_signature_fails_the_transaction,
    v27_parts_of_another_instruction_are_refused,
    v27_overlapping_and_short_parts_are_refused,
    v27_another_key_signs_for_nobody,
    v27_another_cluster_program_account_or_version,
    v27_only_the_ed25519_program_ahead_is_believed,
    v27_each_order_has_its_own_signature,
    v27_meaningless_bits_are_refused,
);

fn stage() -> (World, Signatory, Signatory, SignedOrder) {
    let (world, alice, mallory) = signers();
    let order = world.signed_limit(0, false, 490_000, 10);
    (world, alice, mallory, order)
}

fn the_instruction_may_name_its_own_number() {
    let (mut world, alice, _, order) = stage();
    let ahead = ed25519(&[alice.row(alice.message(&order))], u16::from(ED25519_AT));
    world.ok(&world.place_verified(ahead, &[(&alice.trader, 0)]));
}

fn v27_a_forged_signature_fails_the_transaction() {
    let (mut world, alice, mallory, order) = stage();
    let mut row = mallory.row(alice.message(&order));
    row.key = alice.secret.verifying_key().to_bytes();
    let call = world.place_verified(ed25519(&[row], ITSELF), &[(&alice.trader, 0)]);
    let before = world.snapshot();
    let failed = world.send(&call).expect_err("the Ed25519 program refuses");
    assert!(matches!(failed.err, TransactionError::InstructionError(ED25519_AT, _)), "{:?}", failed.err);
    world.assert_unchanged(&before, "a forged signature");
}

/// Overwrites offset number `field` (signature, its place, key, its place, message, size, its place) of row 0.
fn set_offset(instruction: &mut Instruction, field: usize, value: u16) {
    let at = HEADER_BYTES + 2 * field;
    instruction.data[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// V-27: the Ed25519 program verifies mallory's own signature over its own message in another instruction, while the bytes
/// that lie at the same offsets here are alice's key and an order that she never signed.
fn v27_parts_of_another_instruction_are_refused() {
    let (mut world, alice, mallory, order) = stage();
    let true_rows = ed25519(&[mallory.row(mallory.message(&order))], ITSELF);
    let shown =
        Row { key: alice.secret.verifying_key().to_bytes(), signature: [7; 64], message: alice.message(&order) };
    // Instruction 1 shows alice's parts and points to instruction 2, whose parts verify.
    let forged = ed25519(&[shown], u16::from(ED25519_AT) + 1);
    let mut call = world.place_verified(forged, &[(&alice.trader, 0)]);
    call.ahead.push(true_rows.clone());
    world.fails(&call, "SignatureElsewhere");
    // Any single part from elsewhere is refused as well.
    for field in [1, 3, 6] {
        let mut partly = ed25519(&[alice.row(alice.message(&order))], ITSELF);
        set_offset(&mut partly, field, u16::from(ED25519_AT) + 1);
        let mut call = world.place_verified(partly.clone(), &[(&alice.trader, 0)]);
        call.ahead.push(partly);
        world.fails(&call, "SignatureElsewhere");
    }
}

fn v27_overlapping_and_short_parts_are_refused() {
    let (mut world, alice, _, order) = stage();
    // The message is 24 bytes and then the key itself: one signature verifies it, and key and message share bytes.
    let mut message = vec![1; 24];
    message.extend(alice.secret.verifying_key().to_bytes());
    let row = alice.row(message.clone());
    let mut data = vec![1, 0];
    let start = (HEADER_BYTES + OFFSETS_BYTES) as u16;
    for number in [start, ITSELF, start + 88, ITSELF, start + 64, 56, ITSELF] {
        data.extend(number.to_le_bytes());
    }
    data.extend(row.signature);
    data.extend(message);
    let overlapping = Instruction { program_id: ED25519_PROGRAM, accounts: Vec::new(), data };
    world.fails(&world.place_verified(overlapping, &[(&alice.trader, 0)]), "SignatureLayoutInvalid");
    for length in [55, 57, 0] {
        let mut message = alice.message(&order);
        message.resize(length, 0);
        let call = world.place_verified(ed25519(&[alice.row(message)], ITSELF), &[(&alice.trader, 0)]);
        world.fails(&call, "SignedOrderMalformed");
    }
}

fn v27_another_key_signs_for_nobody() {
    let (mut world, alice, mallory, order) = stage();
    let call = world.place_verified(ed25519(&[mallory.row(alice.message(&order))], ITSELF), &[(&alice.trader, 0)]);
    world.fails(&call, "NotAuthorityOrDelegate");
    let call = world.place_verified(ed25519(&[alice.row(alice.message(&order))], ITSELF), &[(&mallory.trader, 0)]);
    world.fails(&call, "SignedForAnother");
}

/// V-27: what was signed for devnet, for another program, for another account of the same owner, for another layout.
fn v27_another_cluster_program_account_or_version() {
    let (mut world, alice, mallory, order) = stage();
    let (genesis, user) = (genesis_hash(), alice.trader.user);
    let mut later = SIGNED_ORDER_TAG.to_vec();
    *later.last_mut().expect("a version") += 1;
    let elsewhere = key("elsewhere").to_bytes();
    let good = domain_of(SIGNED_ORDER_TAG, &genesis, &program_id(), &user);
    for domain in [
        domain_of(SIGNED_ORDER_TAG, &elsewhere, &program_id(), &user),
        domain_of(SIGNED_ORDER_TAG, &genesis, &key("another program"), &user),
        domain_of(SIGNED_ORDER_TAG, &genesis, &program_id(), &mallory.trader.user),
        domain_of(&later, &genesis, &program_id(), &user),
        [0; 12],
    ] {
        assert_ne!(domain, good);
        let message = order.encode(&domain).expect("in bounds").to_vec();
        let call = world.place_verified(ed25519(&[alice.row(message)], ITSELF), &[(&alice.trader, 0)]);
        world.fails(&call, "SignedForAnother");
    }
    let message = order.encode(&good).expect("in bounds").to_vec();
    world.ok(&world.place_verified(ed25519(&[alice.row(message)], ITSELF), &[(&alice.trader, 0)]));
}

fn v27_only_the_ed25519_program_ahead_is_believed() {
    let (mut world, alice, _, order) = stage();
    let real = ed25519(&[alice.row(alice.message(&order))], ITSELF);
    // The same bytes as data of the compute budget's instruction, of a later instruction, of this one, of none.
    let mut call = world.place_verified(real.clone(), &[(&alice.trader, 0)]);
    for index in [0, 2, 3, 255] {
        call.data[8] = index;
        world.fails(&call, "NotEd25519Instruction");
    }
    // A program that verifies nothing, called with the very data.
    let memo = Instruction { program_id: evertide_vm_tests::call::TOKEN_PROGRAM, ..real };
    let call = world.place_verified(memo, &[(&alice.trader, 0)]);
    assert!(world.send(&call).is_err());
}

fn v27_each_order_has_its_own_signature() {
    let (mut world, alice, mallory, order) = stage();
    let rows = [alice.row(alice.message(&order)), mallory.row(mallory.message(&order))];
    let call = world.place_verified(ed25519(&rows, ITSELF), &[(&alice.trader, 0)]);
    world.fails(&call, "SignatureCountMismatch");
    let call = world.place_verified(ed25519(&rows[..1], ITSELF), &[(&alice.trader, 0), (&mallory.trader, 0)]);
    world.fails(&call, "SignatureCountMismatch");
    // One signature named twice places one order at most.
    let twice = [rows[0].clone(), rows[0].clone()];
    let call = world.place_verified(ed25519(&twice, ITSELF), &[(&alice.trader, 0), (&alice.trader, 0)]);
    world.fails(&call, "NonceUsed");
}

fn v27_meaningless_bits_are_refused() {
    let (mut world, alice, _, order) = stage();
    for (at, byte) in [(55, 4), (55, 0x80), (52, 2), (52, 10), (52, 255)] {
        let mut message = alice.message(&order);
        message[at] = byte;
        let call = world.place_verified(ed25519(&[alice.row(message)], ITSELF), &[(&alice.trader, 0)]);
        world.fails(&call, "SignedOrderMalformed");
    }
    let error = InstructionError::MissingRequiredSignature;
    world.fails_with(&world.place_signed_orders(&[(&alice, order)]).without_signature("keeper"), error);
}
