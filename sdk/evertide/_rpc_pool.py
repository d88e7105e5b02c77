"""Several nodes as one: requests go to the first that can be asked, and on to the next where it fails.

A node that fails is left alone for a while, longer each time, and asked again when that is over: the first in the list
is always the first choice. A node that limits the rate is left alone for as long as it says. A node can be put aside
from outside, for a lie or a lag, until it is put back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ._errors import RpcBehind, RpcError, RpcMalformed, RpcRateLimited, RpcUnreachable, TransportError, UsageError
from ._rpc import RpcClient
from ._time import now_s

Answer = TypeVar("Answer")

BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.25, 30.0
JITTER = 0.25
RATE_LIMITED_S, RATE_LIMITED_MOST_S = 1.0, 60.0
# JSON-RPC codes that speak of the node and not of the request: internal error, behind or unhealthy.
NODE_TROUBLE = (-32603, -32005, -32004)


@dataclass(slots=True)
class Endpoint:
    """One node of a pool, and how it has been."""

    client: RpcClient
    failures: int = 0
    """In a row."""
    closed_until_s: float = 0.0
    aside: str | None = None
    """Why it is not asked at all; None: it is."""
    next_request_s: float = 0.0
    requests: int = 0
    errors: int = 0
    last_error: str | None = None

    @property
    def name(self) -> str:
        """Scheme, host and port."""
        return self.client.shown

    def can_be_asked(self, at_s: float) -> bool:
        """Neither put aside nor left alone for now."""
        return self.aside is None and at_s >= self.closed_until_s


class RpcPool(RpcClient):
    """An `RpcClient` over several of them, in the order of preference; it closes them.

    `requests_per_second` bounds what each node is asked for, 0: no bound. `source` of the jitter of back-offs.
    """

    def __init__(
        self, clients: Sequence[RpcClient], *, requests_per_second: int = 0, source: random.Random | None = None
    ) -> None:
        if not clients:
            raise UsageError("a pool of nodes needs at least one")
        first = clients[0]
        super().__init__(first.url, commitment=first.commitment, timeout_s=first.timeout_s)
        self.endpoints = [Endpoint(client) for client in clients]
        self.fail_overs = 0
        self._interval_s = 1 / requests_per_second if requests_per_second else 0.0
        self._random = source or random.Random()
        self._last = self.endpoints[0]

    async def close(self) -> None:
        """Close the connections of every node."""
        await super().close()
        for endpoint in self.endpoints:
            await endpoint.client.close()

    @property
    def preferred(self) -> Endpoint:
        """The node that is asked next; the one left alone for the shortest time where none can be asked."""
        at_s = now_s()
        ready = [endpoint for endpoint in self.endpoints if endpoint.can_be_asked(at_s)]
        waiting = [endpoint for endpoint in self.endpoints if endpoint.aside is None]
        return (ready or sorted(waiting, key=lambda one: one.closed_until_s) or self.endpoints)[0]

    async def call(self, method: str, params: Sequence[Any] = (), *, timeout_s: float | None = None) -> Any:
        """One request to the first node that answers. Raises the `TransportError` of the last one asked."""
        return await self._first(method, lambda client: client.call(method, params, timeout_s=timeout_s))

    async def read(
        self, method: str, params: Sequence[Any], min_context_slot: int | None = None, *, timeout_s: float | None = None
    ) -> tuple[int, Any]:
        """`(slot, value)` of the first node that answers from `min_context_slot` or later."""
        return await self._first(
            method, lambda client: client.read(method, params, min_context_slot, timeout_s=timeout_s)
        )

    async def call_each(self, method: str, params: Sequence[Any] = ()) -> list[Any]:
        """The same request to every node that can be asked: what was answered. Raises where nobody answered."""
        ready = [endpoint for endpoint in self.endpoints if endpoint.can_be_asked(now_s())] or [self.preferred]
        asked = [self._ask(endpoint, method, lambda client: client.call(method, params)) for endpoint in ready]
        ends = await asyncio.gather(*asked, return_exceptions=True)
        if answers := [end for end in ends if not isinstance(end, BaseException)]:
            return answers
        # A refusal says more than a silence.
        raise next((end for end in ends if isinstance(end, RpcError)), None) or next(
            end for end in ends if isinstance(end, BaseException)
        )

    def malformed(self, method: str, result: object) -> RpcMalformed:
        """The error for an answer of the wrong shape; whoever answered last is left alone for a while."""
        error = self._last.client.malformed(method, result)
        self._failed(self._last, error)
        return error

    async def _first(self, method: str, ask: Callable[[RpcClient], Awaitable[Answer]]) -> Answer:
        at_s = now_s()
        ready = [endpoint for endpoint in self.endpoints if endpoint.can_be_asked(at_s)]
        if not ready:
            raise self._nobody(at_s)
        for endpoint in ready[:-1]:
            try:
                return await self._ask(endpoint, method, ask)
            except TransportError as error:
                if not (isinstance(error, RpcBehind) or _is_node_trouble(error)):
                    raise
                self.fail_overs += 1
        return await self._ask(ready[-1], method, ask)

    async def _ask(self, endpoint: Endpoint, method: str, ask: Callable[[RpcClient], Awaitable[Answer]]) -> Answer:
        """Ask one node within its rate, and note how that went."""
        wait_s = endpoint.next_request_s - now_s()
        endpoint.next_request_s = max(endpoint.next_request_s, now_s()) + self._interval_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        endpoint.requests += 1
        try:
            answer = await ask(endpoint.client)
        except TransportError as error:
            if _is_node_trouble(error):
                self._failed(endpoint, error)
            raise
        endpoint.failures, self._last = 0, endpoint
        return answer

    def _failed(self, endpoint: Endpoint, error: TransportError) -> None:
        endpoint.errors += 1
        endpoint.last_error = str(error)
        if isinstance(error, RpcRateLimited):
            asked_s = RATE_LIMITED_S if error.retry_after_ms is None else error.retry_after_ms / 1000
            pause_s = min(asked_s, RATE_LIMITED_MOST_S)
        else:
            pause_s = min(BACKOFF_FIRST_S * 2 ** min(endpoint.failures, 16), BACKOFF_MOST_S)
            pause_s *= 1 + JITTER * (2 * self._random.random() - 1)
        endpoint.failures += 1
        endpoint.closed_until_s = max(endpoint.closed_until_s, now_s() + pause_s)

    def _nobody(self, at_s: float) -> TransportError:
        """The error where no node can be asked now."""
        waiting = [endpoint for endpoint in self.endpoints if endpoint.aside is None]
        if not waiting:
            return RpcUnreachable(self.shown, "every node is put aside: " + str(self.endpoints[0].aside))
        soonest = min(waiting, key=lambda one: one.closed_until_s)
        wait_ms = round((soonest.closed_until_s - at_s) * 1000)
        return RpcUnreachable(soonest.name, f"left alone for another {wait_ms} ms after: {soonest.last_error}")


def _is_node_trouble(error: TransportError) -> bool:
    """Whether an error speaks of the node, so that another one may answer."""
    if isinstance(error, RpcError):
        return error.code in NODE_TROUBLE
    return not isinstance(error, RpcBehind)
