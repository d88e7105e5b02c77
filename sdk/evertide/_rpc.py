"""JSON-RPC over one keep-alive HTTP connection pool. Raw JSON: nothing of solders parses an answer.

Every request has a timeout. Reads may be retried by the caller at will; `send_transaction` is idempotent by the
transaction's own signature.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from solders.pubkey import Pubkey

from ._base58 import decode as decode_base58
from ._errors import RpcError, RpcMalformed, RpcRateLimited, RpcTimeout, RpcUnreachable, UnitOutOfRange, UsageError

ACCOUNTS_PER_CALL_MAX = 100
SIGNATURES_PER_CALL_MAX = 256
COMMITMENTS = ("processed", "confirmed", "finalized")


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """One account as the node gave it, at `slot`."""

    address: Pubkey
    owner: Pubkey
    lamports: int
    data: bytes
    executable: bool
    slot: int


@dataclass(frozen=True, slots=True)
class Blockhash:
    """A recent blockhash and the last block height at which it is valid."""

    blockhash: str
    last_valid_block_height: int
    slot: int


def shown_url(url: str) -> str:
    """Scheme, host and port of a node's address: the part without secrets."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.host}" + (f":{parts.port}" if parts.port else "")


def commitment_rank(level: str) -> int:
    """0 processed, 1 confirmed, 2 finalized. Raises `UsageError`."""
    if level not in COMMITMENTS:
        raise UsageError(f"commitment {level!r} is not one of {', '.join(COMMITMENTS)}")
    return COMMITMENTS.index(level)


def memcmp(offset: int, data: bytes) -> dict[str, Any]:
    """A getProgramAccounts filter: `data` at `offset`."""
    return {"memcmp": {"offset": offset, "bytes": base64.b64encode(data).decode(), "encoding": "base64"}}


class RpcClient:
    """One node. Use as an async context manager, or call `close`.

    `timeout_s` bounds each request. `transport` replaces the network in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        commitment: str = "confirmed",
        timeout_s: float = 10.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        commitment_rank(commitment)
        if timeout_s <= 0:
            raise UnitOutOfRange("timeout_s", timeout_s, 0, above=False)
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"RPC address {url!r} is not an http or https URL")
        self.url = url
        # What goes into messages: paths and queries of node addresses often hold keys.
        self._shown = shown_url(url)
        self.commitment = commitment
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=60.0)
        # A proxy of the environment has no business between this machine and itself.
        here = httpx.URL(url).host in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.AsyncClient(
            trust_env=not here, timeout=timeout_s, limits=limits, headers=dict(headers or {}), transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, params: Sequence[Any] = (), *, timeout_s: float | None = None) -> Any:
        """One request; the `result` of the answer. Raises a `TransportError`."""
        request_id = next(self._ids)
        body = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        try:
            response = await self._http.post(self.url, json=body, timeout=limit_s)
        except httpx.TimeoutException:
            raise RpcTimeout(self._shown, method, round(limit_s * 1000)) from None
        except httpx.HTTPError as error:
            raise RpcUnreachable(self._shown, str(error) or type(error).__name__) from error
        return self._result(method, response, request_id)

    def _result(self, method: str, response: httpx.Response, request_id: int) -> Any:
        if response.status_code == 429:
            raise RpcRateLimited(self._shown, method, _retry_after_ms(response.headers.get("retry-after")))
        try:
            answer = json.loads(response.content)
        except ValueError:
            raise RpcMalformed(self._shown, method, response.status_code, response.text[:120]) from None
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise RpcMalformed(self._shown, method, response.status_code, response.text[:120])
        if (error := answer.get("error")) is not None:
            if not isinstance(error, dict):
                raise RpcMalformed(self._shown, method, response.status_code, response.text[:120])
            if error.get("code") == 429:
                raise RpcRateLimited(self._shown, method, None)
            raise RpcError(method, int(error.get("code", 0)), str(error.get("message", "")), error.get("data"))
        if answer.get("id") != request_id:
            raise RpcMalformed(
                self._shown, method, response.status_code, f"id {answer.get('id')}, expected {request_id}"
            )
        return answer["result"]

    def _config(self, commitment: str | None, **more: Any) -> dict[str, Any]:
        return {"commitment": commitment or self.commitment, **more}

    async def get_account(self, address: Pubkey, *, commitment: str | None = None) -> AccountInfo | None:
        """One account, or None when it does not exist."""
        result = await self.call("getAccountInfo", [str(address), self._config(commitment, encoding="base64")])
        return _account(address, result["value"], int(result["context"]["slot"]))

    async def get_accounts(
        self, addresses: Sequence[Pubkey], *, commitment: str | None = None
    ) -> list[AccountInfo | None]:
        """Many accounts in the order asked, 100 for each request as real nodes demand."""
        found: list[AccountInfo | None] = []
        for start in range(0, len(addresses), ACCOUNTS_PER_CALL_MAX):
            chunk = addresses[start : start + ACCOUNTS_PER_CALL_MAX]
            params = [[str(address) for address in chunk], self._config(commitment, encoding="base64")]
            result = await self.call("getMultipleAccounts", params)
            slot = int(result["context"]["slot"])
            found += [_account(address, value, slot) for address, value in zip(chunk, result["value"], strict=True)]
        return found

    async def get_program_accounts(
        self,
        program_id: Pubkey,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        data_slice: tuple[int, int] | None = None,
        commitment: str | None = None,
    ) -> list[AccountInfo]:
        """All accounts of a program that pass `filters` (see `memcmp`); `data_slice` is (offset, length) in bytes."""
        more: dict[str, Any] = {"encoding": "base64", "filters": list(filters), "withContext": True}
        if data_slice is not None:
            more["dataSlice"] = {"offset": data_slice[0], "length": data_slice[1]}
        result = await self.call("getProgramAccounts", [str(program_id), self._config(commitment, **more)])
        slot = int(result["context"]["slot"])
        pairs = [(Pubkey.from_string(entry["pubkey"]), entry["account"]) for entry in result["value"]]
        return [info for address, value in pairs if (info := _account(address, value, slot)) is not None]

    async def get_balance(self, address: Pubkey, *, commitment: str | None = None) -> int:
        """Lamports of an address."""
        return int((await self.call("getBalance", [str(address), self._config(commitment)]))["value"])

    async def get_token_balance(self, token_account: Pubkey, *, commitment: str | None = None) -> int:
        """Token atoms of a token account."""
        result = await self.call("getTokenAccountBalance", [str(token_account), self._config(commitment)])
        return int(result["value"]["amount"])

    async def get_slot(self, *, commitment: str | None = None) -> int:
        """Present slot."""
        return int(await self.call("getSlot", [self._config(commitment)]))

    async def get_block_height(self, *, commitment: str | None = None) -> int:
        """Present block height."""
        return int(await self.call("getBlockHeight", [self._config(commitment)]))

    async def get_latest_blockhash(self, *, commitment: str | None = None) -> Blockhash:
        """A fresh blockhash of the commitment."""
        result = await self.call("getLatestBlockhash", [self._config(commitment)])
        value = result["value"]
        return Blockhash(value["blockhash"], int(value["lastValidBlockHeight"]), int(result["context"]["slot"]))

    async def get_genesis_hash(self) -> bytes:
        """The cluster's genesis hash, 32 bytes: signed orders are bound to it."""
        return decode_base58(str(await self.call("getGenesisHash"))).rjust(32, b"\0")

    async def get_rent_exemption(self, size_bytes: int) -> int:
        """Lamports that make an account of that size rent-exempt."""
        return int(await self.call("getMinimumBalanceForRentExemption", [size_bytes]))

    async def get_recent_priority_fees(self, addresses: Sequence[Pubkey]) -> list[int]:
        """Micro-lamports a compute unit paid lately by transactions that wrote these accounts; may be empty."""
        result = await self.call("getRecentPrioritizationFees", [[str(address) for address in addresses[:128]]])
        return [int(entry["prioritizationFee"]) for entry in result]

    async def simulate(
        self, wire: bytes, *, replace_blockhash: bool = True, commitment: str | None = None
    ) -> dict[str, Any]:
        """The `value` of simulateTransaction: err, logs, unitsConsumed, returnData, innerInstructions."""
        more: dict[str, Any] = {"encoding": "base64", "sigVerify": False, "innerInstructions": True}
        more["replaceRecentBlockhash"] = replace_blockhash
        text = base64.b64encode(wire).decode()
        result = await self.call("simulateTransaction", [text, self._config(commitment, **more)])
        value: dict[str, Any] = result["value"]
        return value

    async def send_transaction(self, wire: bytes, *, skip_preflight: bool, commitment: str | None = None) -> str:
        """Send signed bytes; the signature. `commitment` is the blockhash's, or preflight may not know it."""
        options = {
            "encoding": "base64",
            "skipPreflight": skip_preflight,
            "preflightCommitment": commitment or self.commitment,
            "maxRetries": 0,
        }
        return str(await self.call("sendTransaction", [base64.b64encode(wire).decode(), options]))

    async def get_signature_statuses(
        self, signatures: Sequence[str], *, search_history: bool = False
    ) -> list[dict[str, Any] | None]:
        """Status of each signature, None where the node knows none."""
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(signatures), SIGNATURES_PER_CALL_MAX):
            chunk = list(signatures[start : start + SIGNATURES_PER_CALL_MAX])
            result = await self.call("getSignatureStatuses", [chunk, {"searchTransactionHistory": search_history}])
            found += result["value"]
        return found

    async def get_transaction(self, signature: str, *, commitment: str | None = None) -> dict[str, Any] | None:
        """A landed transaction with its meta, or None. The node takes `confirmed` or `finalized` only."""
        level = commitment or self.commitment
        more = {
            "encoding": "json",
            "maxSupportedTransactionVersion": 0,
            "commitment": "confirmed" if level == "processed" else level,
        }
        result: dict[str, Any] | None = await self.call("getTransaction", [signature, more])
        return result

    async def get_signatures_for_address(
        self, address: Pubkey, *, before: str | None = None, until: str | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Signatures that touched an address, newest first."""
        more: dict[str, Any] = {"limit": limit, "commitment": "confirmed"}
        more |= {name: value for name, value in (("before", before), ("until", until)) if value is not None}
        result: list[dict[str, Any]] = await self.call("getSignaturesForAddress", [str(address), more])
        return result


def _retry_after_ms(header: str | None) -> int | None:
    return int(header) * 1000 if header is not None and header.isdigit() else None


def _account(address: Pubkey, value: Any, slot: int) -> AccountInfo | None:
    if value is None:
        return None
    data = base64.b64decode(value["data"][0])
    owner = Pubkey.from_string(value["owner"])
    return AccountInfo(address, owner, int(value["lamports"]), data, bool(value["executable"]), slot)
