"""Transactions to be signed elsewhere: by a multisig that holds a role, a hardware wallet, a machine without a network.

A file holds the transaction twice: as bytes, which is what gets signed, and in words, which is what people read.
`decode_transaction` makes the words from the bytes again, so that whoever signs need not believe whoever exported.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from ._base58 import encode as encode_base58
from ._errors import UsageError
from ._pda import PROGRAM_ID
from ._rpc import RpcClient
from ._transaction import message, unsigned_wire
from ._wire import codec

FORMAT = "evertide unsigned transaction"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DecodedAccount:
    """One account of an instruction, with the name that the program's IDL gives it."""

    name: str
    address: Pubkey
    signer: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class DecodedInstruction:
    """One instruction in words. Of another program only `program_id`, accounts and raw data are known."""

    program_id: Pubkey
    #: Name of the instruction; empty for one of another program.
    name: str
    summary: str
    accounts: tuple[DecodedAccount, ...]
    arguments: Mapping[str, Any]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedTransaction:
    """A version 0 transaction whose signatures are all zero."""

    action: str
    wire: bytes
    #: Base58 of the cluster's genesis hash: where it is meant to go.
    genesis_hash: str
    #: The blockhash in it holds until this block height; who signs later puts a younger one in its place.
    last_valid_block_height: int

    @property
    def compiled(self) -> MessageV0:
        """What is signed. Raises `UsageError` for anything but a version 0 message without lookup tables."""
        return _message(self.wire)

    @property
    def signers(self) -> tuple[Pubkey, ...]:
        """Who has to sign, the fee payer first."""
        found = self.compiled
        return tuple(found.account_keys[: found.header.num_required_signatures])

    def to_json(self, program_id: Pubkey = PROGRAM_ID) -> str:
        """The file's text."""
        body = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "action": self.action,
            "genesis_hash": self.genesis_hash,
            "fee_payer": str(self.signers[0]),
            "signers": [str(address) for address in self.signers],
            "blockhash": str(self.compiled.recent_blockhash),
            "last_valid_block_height": self.last_valid_block_height,
            "instructions": [_plain(step) for step in decode_transaction(self.wire, program_id)],
            "transaction_base64": base64.b64encode(self.wire).decode(),
            "transaction_base58": encode_base58(self.wire),
        }
        return json.dumps(body, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, program_id: Pubkey = PROGRAM_ID) -> UnsignedTransaction:
        """Read a file back. Raises `UsageError` when it is none, or when its words do not say what its bytes do."""
        try:
            body = json.loads(text)
            stated = (body["format"], body["version"])
            wire = base64.b64decode(body["transaction_base64"], validate=True)
            action, genesis, height = body["action"], body["genesis_hash"], int(body["last_valid_block_height"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"not an exported transaction: {type(error).__name__} {error}") from None
        if stated != (FORMAT, FORMAT_VERSION):
            raise UsageError(f"not an exported transaction of version {FORMAT_VERSION}: {stated[0]!r} {stated[1]!r}")
        found = cls(action=str(action), wire=wire, genesis_hash=str(genesis), last_valid_block_height=height)
        rewritten = json.loads(found.to_json(program_id))
        if differing := [name for name in rewritten if rewritten[name] != body.get(name)]:
            raise UsageError(f"{differing[0]} of the file is not what its transaction says: never sign it")
        return found


async def export_unsigned(
    rpc: RpcClient, action: str, instructions: Sequence[Instruction], *, fee_payer: Pubkey
) -> UnsignedTransaction:
    """A transaction of these instructions for others to sign. Raises `TransactionTooLarge` or a `TransportError`."""
    blockhash = await rpc.get_latest_blockhash(commitment="finalized")
    compiled = message(fee_payer, instructions, blockhash.blockhash)
    return UnsignedTransaction(
        action=action,
        wire=unsigned_wire(compiled),
        genesis_hash=str(await rpc.call("getGenesisHash")),
        last_valid_block_height=blockhash.last_valid_block_height,
    )


def decode_transaction(wire: bytes, program_id: Pubkey = PROGRAM_ID) -> tuple[DecodedInstruction, ...]:
    """What a transaction's bytes say. Raises `UsageError` for what is not a plain version 0 transaction."""
    compiled = _message(wire)
    keys = compiled.account_keys
    found = []
    for step in compiled.instructions:
        used = [int(index) for index in step.accounts]
        if max([step.program_id_index, *used]) >= len(keys):
            raise UsageError("not a transaction: it names an account that it does not list")
        metas = [(keys[index], compiled.is_signer(index), compiled.is_maybe_writable(index)) for index in used]
        found.append(_decoded(keys[step.program_id_index], metas, bytes(step.data), program_id))
    return tuple(found)


def _message(wire: bytes) -> MessageV0:
    try:
        compiled = VersionedTransaction.from_bytes(wire).message
    except ValueError as error:
        raise UsageError(f"not a transaction: {error}") from None
    if not isinstance(compiled, MessageV0):
        raise UsageError("not a version 0 transaction")
    if compiled.address_table_lookups:
        raise UsageError("a transaction with lookup tables cannot be read without the network")
    return compiled


def _decoded(
    called: Pubkey, metas: Sequence[tuple[Pubkey, bool, bool]], data: bytes, program_id: Pubkey
) -> DecodedInstruction:
    from ._generated.instructions import INSTRUCTIONS

    table = next((entry for entry in INSTRUCTIONS.values() if entry.discriminator == data[:8]), None)
    if called != program_id or table is None:
        accounts = tuple(DecodedAccount("", *meta) for meta in metas)
        return DecodedInstruction(called, "", "", accounts, {}, data)
    names = [slot.name for slot in table.accounts]
    view, at, arguments = memoryview(data), 8, {}
    for name, kind in table.args:
        arguments[name], at = codec(kind)[0](view, at)
    if at != len(data):
        raise UsageError(f"{table.name} has {len(data) - at} bytes after its arguments")
    rest = [f"remaining {number}" for number in range(len(metas) - len(names))]
    accounts = tuple(DecodedAccount(name, *meta) for name, meta in zip([*names, *rest], metas, strict=False))
    return DecodedInstruction(called, table.name, table.summary, accounts, arguments, data)


def _plain(step: DecodedInstruction) -> dict[str, Any]:
    return {
        "program_id": str(step.program_id),
        "name": step.name,
        "summary": step.summary,
        "accounts": [
            {"name": found.name, "address": str(found.address), "signer": found.signer, "writable": found.writable}
            for found in step.accounts
        ],
        "arguments": _plain_value(dict(step.arguments)),
        "data_base58": encode_base58(step.data),
    }


def _plain_value(value: Any) -> Any:
    """As JSON carries it without loss: integers beyond 53 bits stay integers, bytes are hexadecimal."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(name): _plain_value(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain_value(entry) for entry in value]
    if isinstance(value, Pubkey):
        return str(value)
    return {name: _plain_value(getattr(value, name)) for name, _ in type(value).WIRE}
