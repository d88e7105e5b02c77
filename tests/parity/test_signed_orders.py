"""Signed orders: the SDK and the program agree on every byte, and what was changed afterwards is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

import evertide
from evertide import SignedOrder, SignedOrderInvalid, SignedTerms

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "signed_orders.json").read_text())


def signed_of(row: dict[str, Any]) -> SignedOrder:
    return evertide.sign_order(
        SignedTerms(**row["terms"]), signer=Keypair.from_seed(bytes.fromhex(row["seed"])), **place(row)
    )


def place(row: dict[str, Any]) -> dict[str, Any]:
    return {"user": Pubkey.from_string(row["user"]), **cluster(row)}


def cluster(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "genesis_hash": bytes.fromhex(row["genesis_hash"]),
        "program_id": Pubkey.from_string(row["program_id"]),
    }


def test_the_bytes_are_those_of_the_program() -> None:
    assert len(ROWS) == 64
    for row in ROWS:
        signed = signed_of(row)
        assert signed.message.hex() == row["message"]
        assert signed.signature.hex() == row["signature"]
        assert evertide.signed_order_domain(**place(row)).hex() == row["domain"]


def test_what_was_signed_comes_back_from_bytes_and_json() -> None:
    for row in ROWS:
        signed = SignedOrder.from_json(signed_of(row).to_json())
        terms = evertide.verify_order(signed, **cluster(row))
        assert terms == SignedTerms(**row["terms"])
        now_ms = terms.nonce_ms + terms.window_s * 1_000
        assert evertide.verify_order(signed, **cluster(row), now_ms=now_ms - 1) == terms
        with pytest.raises(SignedOrderInvalid, match="its last moment"):
            evertide.verify_order(signed, **cluster(row), now_ms=now_ms)
        with pytest.raises(SignedOrderInvalid, match="ahead"):
            evertide.verify_order(signed, **cluster(row), now_ms=terms.nonce_ms - 5_001)


def test_every_changed_byte_is_refused() -> None:
    row = ROWS[2]
    signed = signed_of(row)
    for name in ("message", "signature"):
        whole: bytes = getattr(signed, name)
        for at in range(len(whole)):
            changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            with pytest.raises(SignedOrderInvalid):
                evertide.verify_order(dataclasses.replace(signed, **{name: changed}), **cluster(row))
        with pytest.raises(SignedOrderInvalid):
            evertide.verify_order(dataclasses.replace(signed, **{name: whole[:-1]}), **cluster(row))


def test_it_means_nothing_elsewhere() -> None:
    row, other = ROWS[2], ROWS[3]
    signed = signed_of(row)
    for changed in (
        cluster(row) | {"genesis_hash": cluster(other)["genesis_hash"]},
        cluster(row) | {"program_id": Pubkey.from_string(other["user"])},
    ):
        with pytest.raises(SignedOrderInvalid, match="another cluster"):
            evertide.verify_order(signed, **changed)
    for changed_order in (
        dataclasses.replace(signed, user=Pubkey.from_string(other["user"])),
        dataclasses.replace(signed, signer=signed_of(other).signer),
    ):
        with pytest.raises(SignedOrderInvalid):
            evertide.verify_order(changed_order, **cluster(row))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": 2}, "neither a limit nor a market order"),
        ({"window_s": 0}, "not within 1 to 300 s"),
        ({"window_s": 301}, "not within 1 to 300 s"),
        ({"window_s": 61, "kind": 1}, "not within 1 to 60 s"),
        ({"price_ticks": 0}, "names no price"),
    ],
)
def test_what_the_program_refuses_is_not_signed(changes: dict[str, int], rule: str) -> None:
    row = ROWS[2]
    terms = dataclasses.replace(SignedTerms(**row["terms"]), **({"kind": 0, "window_s": 60} | changes))
    with pytest.raises(SignedOrderInvalid, match=rule):
        evertide.sign_order(terms, signer=Keypair(), **place(row))


@pytest.mark.parametrize(
    ("field", "value"),
    [("price_ticks", 2**40), ("size_lots", 2**64), ("nonce_ms", 2**63), ("nonce_ms", -1), ("taker_phase_s", 256)],
)
def test_numbers_beyond_their_bytes_are_refused(field: str, value: int) -> None:
    row = ROWS[2]
    terms = dataclasses.replace(SignedTerms(**row["terms"]), **{field: value})
    with pytest.raises(evertide.UnitOutOfRange):
        evertide.sign_order(terms, signer=Keypair(), **place(row))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"user": 1}', "null"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(SignedOrderInvalid):
        SignedOrder.from_json(text)


def test_the_ed25519_instruction_holds_every_part_once() -> None:
    orders = [signed_of(row) for row in ROWS[:4]]
    made = evertide.ed25519_instruction(orders)
    assert made.program_id == evertide.ED25519_PROGRAM_ID
    assert made.data[0] == 4
    assert len(made.data) == 2 + 4 * (14 + 32 + 64 + 56)
    for number, order in enumerate(orders):
        row = made.data[2 + 14 * number : 16 + 14 * number]
        signature, a, key, b, message, size, c = (int.from_bytes(row[at : at + 2], "little") for at in range(0, 14, 2))
        assert (a, b, c, size) == (0xFFFF, 0xFFFF, 0xFFFF, 56)
        assert made.data[key : key + 32] == bytes(order.signer)
        assert made.data[signature : signature + 64] == order.signature
        assert made.data[message : message + 56] == order.message
    for count in (0, 5):
        with pytest.raises(evertide.UsageError):
            evertide.ed25519_instruction((orders * 2)[:count])
