"""What the guardian reads beside the exchange's accounts: vaults, the program's account, nonces, transactions of roles.

A node that does not serve one of these leaves the watch blind there, and it says so; the rest goes on.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from evertide import (
    Role,
    TransportError,
    collateral_address,
    insurance_address,
    market_address,
    memcmp,
    program_data_address,
    vault_address,
)
from evertide_engine.decode import decode
from evertide_engine.layouts import ACCOUNTS

from .state import State
from .totals import owed_atoms

if TYPE_CHECKING:
    from evertide import EvertideClient

SYSTEM_PROGRAM = Pubkey.from_string("11111111111111111111111111111111")
LOADER = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
# SPL token account: mint, owner, then the amount.
TOKEN_AMOUNT_AT = 64
# Program data: kind u32, slot u64, whether there is an authority u8, the authority.
PROGRAM_DATA = struct.Struct("<IQB32s")
# A buffer: kind u32 (1), whether there is an authority u8, the authority.
BUFFER_HEAD = struct.pack("<IB", 1, 1)
# A nonce account: version u32, state u32, authority, nonce, fee.
NONCE_BYTES, NONCE_AUTHORITY_AT = 80, 8
ADVANCE_NONCE = struct.pack("<I", 4)
SIGNATURES_MAX = 25
"""Latest transactions of a key that are looked at in one round."""


class Reader:
    """Reads for one watch; remembers how it was when it began, and which transactions it has looked at."""

    def __init__(self, client: EvertideClient, keys_interval_ms: int = 60_000) -> None:
        self._client = client
        self._keys_interval_ms = keys_interval_ms
        self._first: dict[str, Any] = {}
        self._slow: dict[str, Any] = {}
        self._read_ms: int | None = None
        self._looked_at: dict[str, str] = {}
        self._uses: dict[str, dict[str, None]] = {}

    async def refresh(self, state: State) -> None:
        """Read what moves seldom and takes many questions, when that is due. Nobody else should wait for it."""
        if state.exchange is None:
            return
        now_ms = state.time.unix_ms
        if self._read_ms is None or now_ms - self._read_ms >= self._keys_interval_ms:
            self._slow = await self._read_keys(_roles(state))
            self._read_ms = now_ms

    async def read(self, state: State) -> dict[str, Any]:
        """Everything as plain values: the vaults as they are now, the rest as `refresh` found it. Raises a
        `TransportError` of the SDK.
        """
        if state.exchange is None:
            return {}
        self._first.setdefault("roles", _roles(state))
        return {"roles": self._first["roles"], "vaults": await self._vaults(state), **self._slow}

    async def _vaults(self, state: State) -> dict[str, list[int]]:
        """What each vault holds and owes, token atoms: all accounts in one answer, so that they are of one slot."""
        program, assets, markets = self._client.program_id, sorted(state.collateral_keys), sorted(state.market_keys)
        wanted = [
            insurance_address(program),
            *(collateral_address(index, program) for index in assets),
            *(vault_address(index, program) for index in assets),
            *(market_address(index, program) for index in markets),
        ]
        found = await self._client.rpc.get_accounts(wanted)
        if any(info is None for info in found):
            return {}
        data = [info.data for info in found if info is not None]
        fund = decode(data[:1], ACCOUNTS["Insurance"], "Insurance")[0]
        records = decode(data[1 : 1 + len(assets)], ACCOUNTS["Collateral"], "Collateral")
        vaults, pools = data[1 + len(assets) : 1 + 2 * len(assets)], data[1 + 2 * len(assets) :]
        listed = decode(pools, ACCOUNTS["Market"], "Market")
        return {
            str(index): [int.from_bytes(vault[TOKEN_AMOUNT_AT : TOKEN_AMOUNT_AT + 8], "little"), owed]
            for index, vault, owed in zip(
                assets, vaults, (owed_atoms(record, listed, fund) for record in records), strict=True
            )
        }

    async def _read_keys(self, roles: dict[str, str]) -> dict[str, Any]:
        """The program, nonces and transactions: nothing that moves every second."""
        unread: list[str] = []

        async def told(what: str, ask: Callable[[], Awaitable[Any]], otherwise: Any) -> Any:
            try:
                return await ask()
            except TransportError as error:
                # Some nodes refuse such questions, others never answer them: the rest of the watch goes on.
                unread.append(f"{what} ({type(error).__name__})")
                return otherwise

        program = await told("the program's account", self._program, None)
        if program is not None:
            self._first.setdefault("program", program)
        holders = sorted(set(roles.values()))
        nonces: dict[str, list[str]] = {}
        for key in holders:
            nonces[key] = await told(f"nonces of {key}", partial(self._nonces, key), [])
            await told(f"transactions of {key}", partial(self._look_at, key), None)
        authority = None if program is None else program["authority"]
        buffers = [] if authority is None else await told("buffers", partial(self._buffers, authority), [])
        return {
            "program_first": self._first.get("program"),
            "program": program,
            "nonce_accounts": {key: found for key, found in nonces.items() if found},
            "nonce_uses": {key: list(found) for key, found in sorted(self._uses.items())},
            "buffers": buffers,
            "unread": unread,
        }

    async def _program(self) -> dict[str, Any] | None:
        """Slot of the last deployment, and who may replace the program; None for one of another loader."""
        info = await self._client.rpc.get_account(program_data_address(self._client.program_id))
        if info is None or len(info.data) < PROGRAM_DATA.size:
            return None
        _, slot, held, key = PROGRAM_DATA.unpack_from(info.data)
        return {"slot": slot, "authority": str(Pubkey.from_bytes(key)) if held else None}

    async def _nonces(self, key: str) -> list[str]:
        """Nonce accounts that a key may advance."""
        filters = [{"dataSize": NONCE_BYTES}, memcmp(NONCE_AUTHORITY_AT, bytes(Pubkey.from_string(key)))]
        found = await self._client.rpc.get_program_accounts(SYSTEM_PROGRAM, filters=filters)
        return sorted(str(info.address) for info in found)

    async def _buffers(self, authority: str) -> list[str]:
        """Buffers that the upgrade authority could deploy."""
        filters = [memcmp(0, BUFFER_HEAD + bytes(Pubkey.from_string(authority)))]
        found = await self._client.rpc.get_program_accounts(LOADER, filters=filters)
        return sorted(str(info.address) for info in found)

    async def _look_at(self, key: str) -> None:
        """Note which of a key's transactions since the last look began by advancing a nonce."""
        entries = await self._client.rpc.get_signatures_for_address(
            Pubkey.from_string(key), until=self._looked_at.get(key), limit=SIGNATURES_MAX
        )
        if not entries:
            return
        for entry in entries:
            signature = str(entry["signature"])
            transaction = await self._client.rpc.call(
                "getTransaction",
                [signature, {"encoding": "base64", "commitment": "confirmed", "maxSupportedTransactionVersion": 0}],
            )
            if transaction is not None and advances_nonce(base64.b64decode(transaction["transaction"][0]), key):
                self._uses.setdefault(key, {})[signature] = None
        self._looked_at[key] = str(entries[0]["signature"])


def _roles(state: State) -> dict[str, str]:
    """Holder of each role that has one."""
    held = state.exchange["roles"]
    return {role.name.lower(): str(Pubkey.from_bytes(bytes(held[role]))) for role in Role if held[role].any()}


def advances_nonce(wire: bytes, signer: str) -> bool:
    """Whether a transaction that this key signed begins by advancing a durable nonce."""
    message = VersionedTransaction.from_bytes(wire).message
    keys, steps = message.account_keys, message.instructions
    if not steps or Pubkey.from_string(signer) not in keys[: message.header.num_required_signatures]:
        return False
    first = steps[0]
    return keys[first.program_id_index] == SYSTEM_PROGRAM and bytes(first.data)[:4] == ADVANCE_NONCE
