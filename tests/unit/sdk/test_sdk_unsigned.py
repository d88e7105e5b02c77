"""Transactions for others to sign: the words come from the bytes, and a file that lies is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from sdk_fake_node import FakeNode
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide import EvertideClient, UnsignedTransaction, constants, decode_transaction, instructions
from evertide._base58 import decode as decode_base58
from evertide._transaction import message, unsigned_wire
from evertide.errors import UsageError

MULTISIG, USER, MINT = (Pubkey(bytes([n]) * 32) for n in (1, 2, 3))
GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"


def steps() -> list[Instruction]:
    limits = instructions.set_limits(authority=MULTISIG, user=USER, user_ratio_bps=500, notional_cap_atoms=2**60)
    return [set_compute_unit_limit(70_000), limits]


async def exported() -> UnsignedTransaction:
    node = FakeNode()
    node.on["getGenesisHash"] = lambda _: GENESIS
    async with EvertideClient("http://fake", transport=node.transport) as client:
        return await client.export_unsigned("set_limits", steps(), fee_payer=MULTISIG)


async def test_the_file_says_in_words_what_its_bytes_say() -> None:
    made = await exported()
    assert made.signers == (MULTISIG,)
    body = json.loads(made.to_json())
    assert (body["action"], body["genesis_hash"], body["signers"]) == ("set_limits", GENESIS, [str(MULTISIG)])
    foreign, own = body["instructions"]
    assert (foreign["name"], foreign["arguments"]) == ("", {})
    assert own["name"] == "set_limits"
    assert own["arguments"] == {
        "user_ratio_bps": 500,
        "notional_cap_atoms": 2**60,
        "market_index": 0xFFFF,
        "market_ratio_bps": 0,
    }
    assert own["accounts"][0] == {"name": "authority", "address": str(MULTISIG), "signer": True, "writable": True}
    wire = base64.b64decode(body["transaction_base64"])
    assert wire == decode_base58(body["transaction_base58"]) == made.wire
    found = VersionedTransaction.from_bytes(wire)
    assert all(bytes(signature) == bytes(64) for signature in found.signatures)
    assert UnsignedTransaction.from_json(made.to_json()) == made


async def test_a_file_whose_words_are_not_its_bytes_is_refused() -> None:
    made = await exported()
    honest = json.loads(made.to_json())
    lies: list[tuple[str, Any]] = [
        ("signers", [str(USER)]),
        ("fee_payer", str(USER)),
        ("blockhash", str(MINT)),
        ("transaction_base58", "1" + honest["transaction_base58"]),
    ]
    for name, lie in lies:
        with pytest.raises(UsageError, match=f"{name} of the file is not what its transaction says"):
            UnsignedTransaction.from_json(json.dumps({**honest, name: lie}))
    softened = json.loads(made.to_json())
    softened["instructions"][1]["arguments"]["notional_cap_atoms"] = 1
    with pytest.raises(UsageError, match="instructions of the file"):
        UnsignedTransaction.from_json(json.dumps(softened))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an exported transaction"),
        ("[]", "not an exported transaction"),
        ('{"format": "evertide unsigned transaction"}', "KeyError"),
    ],
)
def test_what_is_no_file_of_ours(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        UnsignedTransaction.from_json(text)


async def test_another_format_or_version_is_refused() -> None:
    body = json.loads((await exported()).to_json())
    for change in ({"version": 2}, {"format": "other"}):
        with pytest.raises(UsageError, match="of version 1"):
            UnsignedTransaction.from_json(json.dumps(body | change))


def test_only_plain_version_0_transactions_are_read() -> None:
    with pytest.raises(UsageError, match="not a transaction"):
        decode_transaction(b"\x01" * 7)
    blockhash = str(Pubkey.default())
    limits = steps()[1]
    table = AddressLookupTableAccount(MINT, [meta.pubkey for meta in limits.accounts])
    with pytest.raises(UsageError, match="lookup tables"):
        decode_transaction(unsigned_wire(message(MULTISIG, [limits], blockhash, [table])))
    longer = Instruction(limits.program_id, bytes(limits.data) + b"\0", limits.accounts)
    with pytest.raises(UsageError, match="1 bytes after its arguments"):
        decode_transaction(unsigned_wire(message(MULTISIG, [longer], blockhash)))


def test_remaining_accounts_are_numbered_and_unknown_instructions_stay_raw() -> None:
    blockhash = str(Pubkey.default())
    order = instructions.match_orders(
        keeper=MULTISIG, market_index=0, taker_user=USER, taker_order_id=4, makers=[(MINT, 5)]
    )
    (found,) = decode_transaction(unsigned_wire(message(MULTISIG, [order], blockhash)))
    assert [account.name for account in found.accounts][-2:] == ["remaining 0", "remaining 1"]
    assert found.arguments["makers"][0].order_id == 5
    unknown = Instruction(Pubkey.from_string(constants.PROGRAM_ID), b"\1" * 9, [])
    (raw,) = decode_transaction(unsigned_wire(message(MULTISIG, [unknown], blockhash)))
    assert (raw.name, raw.arguments, raw.data) == ("", {}, b"\1" * 9)
