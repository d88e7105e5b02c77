"""Building and signing: version 0 messages, compute budget, lookup tables, the size limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from ._errors import SignerMissing, TransactionTooLarge

PACKET_BYTES_MAX = 1232
ED25519_PROGRAM_ID = Pubkey.from_string("Ed25519SigVerify111111111111111111111111111")
COMPUTE_UNITS_MAX = 1_400_000
# What one compute-budget instruction itself consumes.
BUDGET_INSTRUCTION_UNITS = 150
# SIMD-0170: the limit of a transaction that sets none, for each instruction of a program that is not builtin.
DEFAULT_INSTRUCTION_UNITS = 200_000


def default_limit(instructions: Sequence[Instruction], program_id: Pubkey) -> int:
    """Compute units that a transaction without a limit of its own has at least: other programs may be builtin ones."""
    own = sum(1 for step in instructions if step.program_id == program_id)
    return min(own * DEFAULT_INSTRUCTION_UNITS, COMPUTE_UNITS_MAX)


def budget(compute_limit: int | None, priority_fee_micro_lamports: int) -> list[Instruction]:
    """Compute-budget instructions; none where the default does."""
    found = []
    if compute_limit is not None:
        found.append(set_compute_unit_limit(min(compute_limit, COMPUTE_UNITS_MAX)))
    if priority_fee_micro_lamports > 0:
        found.append(set_compute_unit_price(priority_fee_micro_lamports))
    return found


def with_budget(instructions: Sequence[Instruction], found: Sequence[Instruction]) -> list[Instruction]:
    """The caller's instructions and the compute budget: in front, since an instruction behind a view clears its answer.

    Behind where a signature is verified: other instructions name that one by its number, which is the caller's own.
    """
    if any(step.program_id == ED25519_PROGRAM_ID for step in instructions):
        return [*instructions, *found]
    return [*found, *instructions]


def message(
    payer: Pubkey,
    instructions: Sequence[Instruction],
    blockhash: str,
    lookup_tables: Sequence[AddressLookupTableAccount] = (),
) -> MessageV0:
    """A compiled version 0 message. Raises `TransactionTooLarge`."""
    compiled = MessageV0.try_compile(payer, list(instructions), list(lookup_tables), Hash.from_string(blockhash))
    signatures = compiled.header.num_required_signatures
    size_bytes = 1 + 64 * signatures + len(to_bytes_versioned(compiled))
    if size_bytes > PACKET_BYTES_MAX:
        raise TransactionTooLarge(size_bytes, PACKET_BYTES_MAX)
    return compiled


def unsigned_wire(compiled: MessageV0) -> bytes:
    """Bytes for simulation: every signature zero."""
    count = compiled.header.num_required_signatures
    return bytes(VersionedTransaction.populate(compiled, [Signature.default()] * count))


def signed_wire(compiled: MessageV0, keys: Iterable[Keypair]) -> tuple[bytes, str]:
    """Signed bytes and the first signature. Raises `SignerMissing` for a required signer without a key."""
    by_address = {key.pubkey(): key for key in keys}
    data = to_bytes_versioned(compiled)
    signatures = []
    for address in compiled.account_keys[: compiled.header.num_required_signatures]:
        if address not in by_address:
            raise SignerMissing(address)
        signatures.append(by_address[address].sign_message(data))
    return bytes(VersionedTransaction.populate(compiled, signatures)), str(signatures[0])
