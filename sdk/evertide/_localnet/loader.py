"""Deploy a program through the real upgradeable loader, which verifies the ELF as a cluster would.

The validator's own shortcut does not verify: it would turn a broken file into a program that does nothing and succeeds.
Source of the layouts: the upgradeable loader's instruction enum (bincode, u32 tags) and its account states.
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import VersionedTransaction

from evertide._localnet.cheatcodes import Cheatcodes, rent_lamports
from evertide._localnet.rpc import LocalnetError, LocalnetRpcError, RpcClient

LOADER = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
_SYSTEM = Pubkey.default()
_RENT = Pubkey.from_string("SysvarRent111111111111111111111111111111111")
_CLOCK = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
BUFFER_HEADER_BYTES = 37
PROGRAM_DATA_HEADER_BYTES = 45
_PROGRAM_ACCOUNT_BYTES = 36
# One signature and three keys leave 1,012 of a packet's 1,232 bytes.
CHUNK_BYTES = 1_000
_SENDERS = 8
_CHUNKS_PER_BLOCKHASH = 16
_WRITE_ROUNDS = 8
# Longer than two slots of 400 ms: what was sent has landed by then, or never will.
_ARRIVAL_PAUSE_S = 1.0


class DeployError(LocalnetError):
    """The loader refused the program, or its bytes did not arrive."""


def program_data_address(program_id: Pubkey) -> Pubkey:
    """Where the loader keeps the program's bytes."""
    return Pubkey.find_program_address([bytes(program_id)], LOADER)[0]


def deploy(
    rpc: RpcClient,
    program_so: Path | bytes,
    program: Keypair,
    payer: Keypair,
    *,
    buffer_cheats: Cheatcodes | None = None,
) -> Pubkey:
    """Deploy an ELF at the program keypair's address, with the payer as upgrade authority; returns the address.

    With `buffer_cheats` (tests that start many networks) the buffer's bytes are put there by one cheat instead of
    hundreds of writes; the loader verifies and deploys it all the same.

    Raises DeployError if the loader refuses the ELF, the address is taken, or the bytes do not arrive.
    """
    elf = program_so if isinstance(program_so, bytes) else program_so.read_bytes()
    if rpc.call("getAccountInfo", [str(program.pubkey()), {"encoding": "base64"}])["value"] is not None:
        raise DeployError(f"{program.pubkey()} is taken: a program can be deployed there only once")
    buffer = Keypair()
    if buffer_cheats is None:
        size = BUFFER_HEADER_BYTES + len(elf)
        make_buffer = [_create(payer, buffer, size), _initialize_buffer(buffer.pubkey(), payer.pubkey())]
        _send_and_wait(rpc, make_buffer, payer, [buffer])
        _write_all(rpc, elf, buffer.pubkey(), payer)
    else:
        header = struct.pack("<IB32s", 1, 1, bytes(payer.pubkey()))
        buffer_cheats.set_account(buffer.pubkey(), header + elf, LOADER)
    make_program = [
        _create(payer, program, _PROGRAM_ACCOUNT_BYTES),
        _deploy_with_max_data_len(program.pubkey(), buffer.pubkey(), payer.pubkey(), len(elf)),
    ]
    try:
        _send_and_wait(rpc, make_program, payer, [program])
    except LocalnetError as error:
        raise DeployError(f"the loader refused the program of {len(elf)} bytes: {error}") from error
    _wait_until_callable(rpc)
    return program.pubkey()


def _write_all(rpc: RpcClient, elf: bytes, buffer: Pubkey, payer: Keypair) -> None:
    """Write every chunk in parallel, read the buffer back, and write again what did not arrive."""
    missing: Sequence[int] = range(0, len(elf), CHUNK_BYTES)
    refusal: LocalnetRpcError | None = None
    with ThreadPoolExecutor(_SENDERS) as pool:
        for _ in range(_WRITE_ROUNDS):
            for start in range(0, len(missing), _CHUNKS_PER_BLOCKHASH):
                blockhash = rpc.latest_blockhash()
                batch = missing[start : start + _CHUNKS_PER_BLOCKHASH]
                writes = [_write(buffer, payer.pubkey(), at, elf[at : at + CHUNK_BYTES]) for at in batch]
                signed = [_sign([write], payer, [], blockhash) for write in writes]
                refusal = next(filter(None, pool.map(lambda wire: _try_send(rpc, wire), signed)), refusal)
            missing = _wait_for_chunks(rpc, elf, buffer)
            if not missing:
                return
    raise DeployError(f"{len(missing)} parts of the program did not arrive in {_WRITE_ROUNDS} rounds: {refusal}")


def _try_send(rpc: RpcClient, wire: str) -> LocalnetRpcError | None:
    """A write that is refused (its blockhash too old, say) is written again in the next round."""
    try:
        _send(rpc, wire, skip_preflight=True)
    except LocalnetRpcError as error:
        return error
    return None


def _wait_for_chunks(rpc: RpcClient, elf: bytes, buffer: Pubkey) -> list[int]:
    """Offsets of the chunks that are not in the buffer once no more of them arrive."""
    before = -1
    while True:
        value = rpc.call("getAccountInfo", [str(buffer), {"encoding": "base64", "commitment": "confirmed"}])["value"]
        there = base64.b64decode(value["data"][0])[BUFFER_HEADER_BYTES:]
        chunks = range(0, len(elf), CHUNK_BYTES)
        missing = [at for at in chunks if there[at : at + CHUNK_BYTES] != elf[at : at + CHUNK_BYTES]]
        if not missing or len(missing) == before:
            return missing
        before = len(missing)
        time.sleep(_ARRIVAL_PAUSE_S)


def _wait_until_callable(rpc: RpcClient) -> None:
    """A program cannot be called in the slot of its deploy."""
    deployed = rpc.call("getSlot", [{"commitment": "processed"}])
    while rpc.call("getSlot", [{"commitment": "processed"}]) <= deployed + 1:
        time.sleep(0.01)


def _create(payer: Keypair, account: Keypair, size_bytes: int) -> Instruction:
    return create_account(
        CreateAccountParams(
            from_pubkey=payer.pubkey(),
            to_pubkey=account.pubkey(),
            lamports=rent_lamports(size_bytes),
            space=size_bytes,
            owner=LOADER,
        )
    )


def _initialize_buffer(buffer: Pubkey, authority: Pubkey) -> Instruction:
    return Instruction(
        LOADER, struct.pack("<I", 0), [AccountMeta(buffer, False, True), AccountMeta(authority, False, False)]
    )


def _write(buffer: Pubkey, authority: Pubkey, offset: int, chunk: bytes) -> Instruction:
    data = struct.pack("<IIQ", 1, offset, len(chunk)) + chunk
    return Instruction(LOADER, data, [AccountMeta(buffer, False, True), AccountMeta(authority, True, False)])


def _deploy_with_max_data_len(program: Pubkey, buffer: Pubkey, authority: Pubkey, elf_bytes: int) -> Instruction:
    metas = [
        AccountMeta(authority, True, True),
        AccountMeta(program_data_address(program), False, True),
        AccountMeta(program, False, True),
        AccountMeta(buffer, False, True),
        AccountMeta(_RENT, False, False),
        AccountMeta(_CLOCK, False, False),
        AccountMeta(_SYSTEM, False, False),
        AccountMeta(authority, True, False),
    ]
    return Instruction(LOADER, struct.pack("<IQ", 2, elf_bytes), metas)


def _sign(instructions: list[Instruction], payer: Keypair, others: list[Keypair], blockhash: str) -> str:
    message = MessageV0.try_compile(payer.pubkey(), instructions, [], Hash.from_string(blockhash))
    return base64.b64encode(bytes(VersionedTransaction(message, [payer, *others]))).decode()


def _send(rpc: RpcClient, wire: str, *, skip_preflight: bool = False) -> str:
    options = {"encoding": "base64", "skipPreflight": skip_preflight, "preflightCommitment": "processed"}
    return str(rpc.call("sendTransaction", [wire, options]))


def _send_and_wait(rpc: RpcClient, instructions: list[Instruction], payer: Keypair, others: list[Keypair]) -> None:
    rpc.wait_for([_send(rpc, _sign(instructions, payer, others, rpc.latest_blockhash()))])
