"""One JSON-RPC request: its deadline, and a typed error for every answer that is none."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from ._errors import (
    RpcBehind,
    RpcError,
    RpcMalformed,
    RpcRateLimited,
    RpcTimeout,
    RpcUnreachable,
    UnitOutOfRange,
    UsageError,
)

COMMITMENTS = ("processed", "confirmed", "finalized")
# JSON-RPC: "Minimum context slot has not been reached".
_BEHIND = -32016


def shown_url(url: str) -> str:
    """Scheme, host and port of a node's address: the part without secrets."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.host}" + (f":{parts.port}" if parts.port else "")


def commitment_rank(level: str) -> int:
    """0 processed, 1 confirmed, 2 finalized. Raises `UsageError`."""
    if level not in COMMITMENTS:
        raise UsageError(f"commitment {level!r} is not one of {', '.join(COMMITMENTS)}")
    return COMMITMENTS.index(level)


class RpcCaller:
    """One node, asked by method and parameters.

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
            raise UsageError(f"RPC address {shown_url(url)!r} is not an http or https URL")
        self.url = url
        # What goes into messages: paths and queries of node addresses often hold keys.
        self.shown = shown_url(url)
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
            # The limit of httpx is one for each chunk: an answer that drips would last for ever.
            async with asyncio.timeout(limit_s):
                response = await self._http.post(self.url, json=body, timeout=limit_s)
        except (httpx.TimeoutException, TimeoutError):
            raise RpcTimeout(self.shown, method, round(limit_s * 1000)) from None
        except (httpx.HTTPError, OSError) as error:
            # The text of some errors repeats the whole address.
            text = str(error)
            detail = type(error).__name__ if "://" in text or not text else text
            raise RpcUnreachable(self.shown, detail) from None
        return self._result(method, response, request_id)

    async def call_each(self, method: str, params: Sequence[Any] = ()) -> list[Any]:
        """The same request to every node that can be asked: results, never empty. Raises a `TransportError`."""
        return [await self.call(method, params)]

    async def read(
        self, method: str, params: Sequence[Any], min_context_slot: int | None = None, *, timeout_s: float | None = None
    ) -> tuple[int, Any]:
        """`(slot, value)` of a method that answers with its context, from `min_context_slot` or later.

        The node is asked to keep to it, and its answer is checked: not every node looks at the request.
        Raises `RpcBehind` where it does not keep to it, `RpcMalformed` for an answer without context.
        """
        result = await self.call(method, params, timeout_s=timeout_s)
        try:
            slot, value = int(result["context"]["slot"]), result["value"]
        except (KeyError, TypeError, ValueError):
            raise self.malformed(method, result) from None
        if min_context_slot is not None and slot < min_context_slot:
            raise RpcBehind(self.shown, method, slot, min_context_slot)
        return slot, value

    def malformed(self, method: str, result: object) -> RpcMalformed:
        """The error for an answer whose result is not of the method's shape."""
        return RpcMalformed(self.shown, method, 200, repr(result)[:120])

    def _result(self, method: str, response: httpx.Response, request_id: int) -> Any:
        if response.status_code == 429:
            raise RpcRateLimited(self.shown, method, _retry_after_ms(response.headers.get("retry-after")))
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError):
            raise RpcMalformed(self.shown, method, response.status_code, response.text[:120]) from None
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise RpcMalformed(self.shown, method, response.status_code, response.text[:120])
        if (error := answer.get("error")) is not None:
            if not isinstance(error, dict):
                raise RpcMalformed(self.shown, method, response.status_code, response.text[:120])
            if error.get("code") == 429:
                raise RpcRateLimited(self.shown, method, None)
            code, data = error.get("code", 0), error.get("data")
            if not isinstance(code, int):
                raise RpcMalformed(self.shown, method, response.status_code, response.text[:120])
            if code == _BEHIND:
                slot = data.get("contextSlot") if isinstance(data, dict) else None
                raise RpcBehind(self.shown, method, slot, self._needed(response.request))
            raise RpcError(method, code, str(error.get("message", "")), data)
        if answer.get("id") != request_id:
            raise RpcMalformed(
                self.shown, method, response.status_code, f"id {answer.get('id')}, expected {request_id}"
            )
        return answer["result"]

    @staticmethod
    def _needed(request: httpx.Request) -> int:
        """The least slot that a request asked for."""
        params = json.loads(request.content)["params"]
        return next(
            (int(one["minContextSlot"]) for one in params if isinstance(one, dict) and "minContextSlot" in one), 0
        )


def _retry_after_ms(header: str | None) -> int | None:
    return int(header) * 1000 if header is not None and header.isdigit() else None
