"""A small synchronous JSON-RPC client for local networks: one pool of connections, plain values, typed errors."""

from __future__ import annotations

import itertools
import time
from types import TracebackType
from typing import Any

import httpx


class LocalnetError(RuntimeError):
    """A local network did not do what was asked."""


class LocalnetRpcError(LocalnetError):
    """The validator answered with an error: `code`, `message` and `data` as it gave them."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{method}: {message} (code {code})")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class LocalnetUnreachableError(LocalnetError):
    """Nothing answers at the address."""


class RpcClient:
    """JSON-RPC over one pool of connections; may be shared by threads."""

    def __init__(self, url: str, *, timeout_ms: int = 30_000) -> None:
        self.url = url
        self._ids = itertools.count(1)
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
        # A proxy from the environment has no business with a local address.
        self._http = httpx.Client(timeout=timeout_ms / 1000, limits=limits, trust_env=False)

    def __enter__(self) -> RpcClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def call(self, method: str, params: list[Any] | None = None) -> Any:
        """The `result` of one call. Raises LocalnetRpcError on an error, LocalnetUnreachableError without an answer."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params or []}
        try:
            answer = self._http.post(self.url, json=body).json()
        except (httpx.HTTPError, ValueError) as error:
            raise LocalnetUnreachableError(f"{method}: no answer from {self.url}: {error}") from error
        if "error" in answer:
            fault = answer["error"]
            raise LocalnetRpcError(method, int(fault.get("code", 0)), str(fault.get("message")), fault.get("data"))
        return answer["result"]

    def latest_blockhash(self) -> str:
        """The newest blockhash, base58."""
        return str(self.call("getLatestBlockhash", [{"commitment": "processed"}])["value"]["blockhash"])

    def wait_for(self, signatures: list[str], *, timeout_ms: int = 30_000) -> None:
        """Return once all are confirmed. Raises LocalnetError on a failed or late one, naming it."""
        waiting = list(signatures)
        deadline = time.monotonic() + timeout_ms / 1000
        while waiting:
            left: list[str] = []
            for start in range(0, len(waiting), 256):
                chunk = waiting[start : start + 256]
                for signature, status in zip(chunk, self.call("getSignatureStatuses", [chunk])["value"], strict=True):
                    if status is not None and status["err"] is not None:
                        raise LocalnetError(f"transaction {signature} failed: {status['err']}")
                    if status is None or status["confirmationStatus"] == "processed":
                        left.append(signature)
            waiting = left
            if waiting and time.monotonic() > deadline:
                raise LocalnetError(
                    f"{len(waiting)} transactions unconfirmed after {timeout_ms} ms, first {waiting[0]}"
                )
            if waiting:
                time.sleep(0.02)
