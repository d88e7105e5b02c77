"""JSON-RPC over one keep-alive HTTP connection pool. Raw JSON: nothing of solders parses an answer.

Every request has a timeout. Reads may be retried by the caller at will; `send_transaction` is idempotent by the
transaction's own signature.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey
from solders.signature import Signature

from ._base58 import decode as decode_base58
from ._rpc_call import RpcCaller

ACCOUNTS_PER_CALL_MAX = 100
SIGNATURES_PER_CALL_MAX = 256
# Most entries of one getSignaturesForAddress.
SIGNATURES_PER_PAGE_MAX = 1_000
NO_SIGNATURE = str(Signature.default())


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """One account as the node gave it, at `slot`; `write_version` orders writes of one slot where a node tells it."""

    address: Pubkey
    owner: Pubkey
    lamports: int
    data: bytes
    executable: bool
    slot: int
    write_version: int = 0


@dataclass(frozen=True, slots=True)
class Blockhash:
    """A recent blockhash and the last block height at which it is valid."""

    blockhash: str
    last_valid_block_height: int
    slot: int


def memcmp(offset: int, data: bytes) -> dict[str, Any]:
    """A getProgramAccounts filter: `data` at `offset`."""
    return {"memcmp": {"offset": offset, "bytes": base64.b64encode(data).decode(), "encoding": "base64"}}


class RpcClient(RpcCaller):
    """One node. Use as an async context manager, or call `close`.

    `timeout_s` bounds each request. `transport` replaces the network in tests.
    """

    def _config(self, commitment: str | None, min_context_slot: int | None = None, **more: Any) -> dict[str, Any]:
        if min_context_slot is not None:
            more["minContextSlot"] = min_context_slot
        return {"commitment": commitment or self.commitment, **more}

    def _account(self, method: str, address: Pubkey, value: Any, slot: int) -> AccountInfo | None:
        """One account of an answer. Raises `RpcMalformed`."""
        if value is None:
            return None
        try:
            data = base64.b64decode(value["data"][0], validate=True)
            owner = Pubkey.from_string(value["owner"])
            lamports, executable = int(value["lamports"]), bool(value["executable"])
            version = int(value.get("writeVersion") or 0)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise self.malformed(method, value) from None
        return AccountInfo(address, owner, lamports, data, executable, slot, version)

    async def get_account(
        self, address: Pubkey, *, commitment: str | None = None, min_context_slot: int | None = None
    ) -> AccountInfo | None:
        """One account, or None when it does not exist."""
        method, config = "getAccountInfo", self._config(commitment, min_context_slot, encoding="base64")
        slot, value = await self.read(method, [str(address), config], min_context_slot)
        return self._account(method, address, value, slot)

    async def get_accounts(
        self, addresses: Sequence[Pubkey], *, commitment: str | None = None, min_context_slot: int | None = None
    ) -> list[AccountInfo | None]:
        """Many accounts in the order asked, 100 for each request as real nodes demand."""
        found: list[AccountInfo | None] = []
        for start in range(0, len(addresses), ACCOUNTS_PER_CALL_MAX):
            chunk = addresses[start : start + ACCOUNTS_PER_CALL_MAX]
            found += (await self.read_accounts(chunk, commitment=commitment, min_context_slot=min_context_slot))[1]
        return found

    async def read_accounts(
        self, addresses: Sequence[Pubkey], *, commitment: str | None = None, min_context_slot: int | None = None
    ) -> tuple[int, list[AccountInfo | None]]:
        """At most 100 accounts in one request: the slot of the answer, and the accounts in the order asked."""
        method, config = "getMultipleAccounts", self._config(commitment, min_context_slot, encoding="base64")
        slot, values = await self.read(method, [[str(one) for one in addresses], config], min_context_slot)
        if not isinstance(values, list) or len(values) != len(addresses):
            raise self.malformed(method, values)
        pairs = zip(addresses, values, strict=True)
        return slot, [self._account(method, address, value, slot) for address, value in pairs]

    async def get_program_accounts(
        self,
        program_id: Pubkey,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        data_slice: tuple[int, int] | None = None,
        commitment: str | None = None,
        min_context_slot: int | None = None,
    ) -> list[AccountInfo]:
        """All accounts of a program that pass `filters` (see `memcmp`); `data_slice` is (offset, length) in bytes."""
        more: dict[str, Any] = {"encoding": "base64", "filters": list(filters), "withContext": True}
        if data_slice is not None:
            more["dataSlice"] = {"offset": data_slice[0], "length": data_slice[1]}
        method, config = "getProgramAccounts", self._config(commitment, min_context_slot, **more)
        slot, values = await self.read(method, [str(program_id), config], min_context_slot)
        try:
            pairs = [(Pubkey.from_string(entry["pubkey"]), entry["account"]) for entry in values]
        except (KeyError, TypeError, ValueError):
            raise self.malformed(method, values) from None
        found = [self._account(method, address, value, slot) for address, value in pairs]
        return [info for info in found if info is not None]

    async def get_balance(
        self, address: Pubkey, *, commitment: str | None = None, min_context_slot: int | None = None
    ) -> int:
        """Lamports of an address."""
        config = self._config(commitment, min_context_slot)
        return self._whole("getBalance", (await self.read("getBalance", [str(address), config], min_context_slot))[1])

    async def get_token_balance(self, token_account: Pubkey, *, commitment: str | None = None) -> int:
        """Token atoms of a token account."""
        method = "getTokenAccountBalance"
        _, value = await self.read(method, [str(token_account), self._config(commitment)])
        return self._whole(method, value.get("amount") if isinstance(value, dict) else value)

    def _whole(self, method: str, value: Any) -> int:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise self.malformed(method, value) from None

    async def get_slot(self, *, commitment: str | None = None) -> int:
        """Present slot."""
        return self._whole("getSlot", await self.call("getSlot", [self._config(commitment)]))

    async def get_block_height(self, *, commitment: str | None = None, min_context_slot: int | None = None) -> int:
        """Present block height."""
        config = self._config(commitment, min_context_slot)
        return self._whole("getBlockHeight", await self.call("getBlockHeight", [config]))

    async def get_latest_blockhash(
        self, *, commitment: str | None = None, min_context_slot: int | None = None
    ) -> Blockhash:
        """A fresh blockhash of the commitment."""
        method, config = "getLatestBlockhash", self._config(commitment, min_context_slot)
        slot, value = await self.read(method, [config], min_context_slot)
        try:
            return Blockhash(str(value["blockhash"]), int(value["lastValidBlockHeight"]), slot)
        except (KeyError, TypeError, ValueError):
            raise self.malformed(method, value) from None

    async def get_genesis_hash(self) -> bytes:
        """The cluster's genesis hash, 32 bytes: signed orders are bound to it."""
        return decode_base58(str(await self.call("getGenesisHash"))).rjust(32, b"\0")

    async def get_rent_exemption(self, size_bytes: int) -> int:
        """Lamports that make an account of that size rent-exempt."""
        method = "getMinimumBalanceForRentExemption"
        return self._whole(method, await self.call(method, [size_bytes]))

    async def get_recent_priority_fees(self, addresses: Sequence[Pubkey]) -> list[int]:
        """Micro-lamports a compute unit paid lately by transactions that wrote these accounts; may be empty."""
        method = "getRecentPrioritizationFees"
        result = await self.call(method, [[str(address) for address in addresses[:128]]])
        try:
            return [int(entry["prioritizationFee"]) for entry in result]
        except (KeyError, TypeError, ValueError):
            raise self.malformed(method, result) from None

    async def simulate(
        self,
        wire: bytes,
        *,
        replace_blockhash: bool = True,
        commitment: str | None = None,
        min_context_slot: int | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Slot and `value` of simulateTransaction: err, logs, unitsConsumed, returnData, innerInstructions."""
        more: dict[str, Any] = {"encoding": "base64", "sigVerify": False, "innerInstructions": True}
        more["replaceRecentBlockhash"] = replace_blockhash
        text = base64.b64encode(wire).decode()
        method, config = "simulateTransaction", self._config(commitment, min_context_slot, **more)
        slot, value = await self.read(method, [text, config], min_context_slot)
        if not isinstance(value, dict) or "err" not in value:
            raise self.malformed(method, value)
        return slot, value

    async def send_transaction(
        self, wire: bytes, *, skip_preflight: bool, commitment: str | None = None, everywhere: bool = False
    ) -> str:
        """Send signed bytes; the signature. `commitment` is the blockhash's, or preflight may not know it.

        `everywhere`: to every node that can be asked, not to the first one alone.
        """
        options = {
            "encoding": "base64",
            "skipPreflight": skip_preflight,
            "preflightCommitment": commitment or self.commitment,
            "maxRetries": 0,
        }
        params = [base64.b64encode(wire).decode(), options]
        if everywhere:
            return str((await self.call_each("sendTransaction", params))[0])
        return str(await self.call("sendTransaction", params))

    async def get_signature_statuses(
        self, signatures: Sequence[str], *, search_history: bool = False
    ) -> list[dict[str, Any] | None]:
        """Status of each signature, None where the node knows none."""
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(signatures), SIGNATURES_PER_CALL_MAX):
            chunk = list(signatures[start : start + SIGNATURES_PER_CALL_MAX])
            found += self._statuses(chunk, (await self.read(*self._asking(chunk, search_history)))[1])
        return found

    @staticmethod
    def _asking(signatures: Sequence[str], search_history: bool) -> tuple[str, list[Any]]:
        return "getSignatureStatuses", [list(signatures), {"searchTransactionHistory": search_history}]

    def _statuses(self, signatures: Sequence[str], values: Any) -> list[dict[str, Any] | None]:
        """Statuses as a node gave them. Raises `RpcMalformed`."""
        known = isinstance(values, list) and all(
            one is None or (isinstance(one, dict) and "slot" in one) for one in values
        )
        if not known or len(values) != len(signatures):
            raise self.malformed("getSignatureStatuses", values)
        found: list[dict[str, Any] | None] = values
        return found

    async def get_status_anywhere(self, signature: str) -> dict[str, Any] | None:
        """Status of a signature, by every node that can be asked; None: none knows it. Raises a `TransportError`."""
        method, params = self._asking([signature], True)
        for result in await self.call_each(method, params):
            values = result.get("value") if isinstance(result, dict) else result
            if (status := self._statuses([signature], values)[0]) is not None:
                return status
        return None

    async def get_transaction(self, signature: str, *, commitment: str | None = None) -> dict[str, Any] | None:
        """A landed transaction with its meta, or None. The node takes `confirmed` or `finalized` only."""
        level = commitment or self.commitment
        more = {
            "encoding": "json",
            "maxSupportedTransactionVersion": 0,
            "commitment": "confirmed" if level == "processed" else level,
        }
        result = await self.call("getTransaction", [signature, more])
        if result is not None and not isinstance(result, dict):
            raise self.malformed("getTransaction", result)
        return result

    async def get_signatures_for_address(
        self, address: Pubkey, *, before: str | None = None, until: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Signatures that touched an address, newest first; fewer than `limit` only where there are no more.

        Entries without a signature, all zero, are left out: the local validator lists one for what it refused for its
        blockhash, as if that had landed. No such transaction exists, and no walk can go on from it.
        """
        more: dict[str, Any] = {"commitment": "confirmed"} | ({} if until is None else {"until": until})
        rows: list[dict[str, Any]] = []
        passed = 0
        while True:
            asked = min(limit - len(rows) + passed, SIGNATURES_PER_PAGE_MAX)
            start = {} if before is None else {"before": before}
            page = await self.call("getSignaturesForAddress", [str(address), {**more, **start, "limit": asked}])
            if not isinstance(page, list) or not all(isinstance(row, dict) and "signature" in row for row in page):
                raise self.malformed("getSignaturesForAddress", page)
            found = [row for row in page if row["signature"] != NO_SIGNATURE]
            rows += found
            if len(page) < asked or len(rows) >= limit:
                return rows[:limit]
            if found:
                before, passed = str(found[-1]["signature"]), 0
            elif asked == SIGNATURES_PER_PAGE_MAX:
                return rows
            else:
                # Nothing to go on from: the page that looks past them is longer.
                passed = len(page)
