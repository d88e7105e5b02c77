"""The client without async: the same names, blocking. Each client has a thread with an event loop of its own.

    from evertide.sync import EvertideClient

    with EvertideClient("http://127.0.0.1:8899", payer=keypair) as client:
        market = client.market("BTC-PERP")

Not for use inside a running event loop; there the async client is the right one.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from evertide import _client
from evertide._errors import UsageError

Result = TypeVar("Result")


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="evertide-sync", daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for a coroutine. A KeyboardInterrupt cancels it."""
        if not self.thread.is_alive():
            work.close()
            raise UsageError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        if not self.thread.is_alive():
            self.loop.close()


def _blocking(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: EvertideClient, *args: Any, **more: Any) -> Any:
        return self._loop.run(method(self._inner, *args, **more))

    del call.__wrapped__
    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return call


class EvertideClient:
    """As `evertide.EvertideClient`, blocking."""

    def __init__(self, rpc_url: str, **options: Any) -> None:
        self._loop = _Loop()
        try:
            self._inner = self._loop.run(_make(rpc_url, options))
        except BaseException:
            self._loop.stop()
            raise

    def __enter__(self) -> EvertideClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the thread; closing twice is harmless."""
        if self._loop.thread.is_alive():
            self._loop.run(self._inner.close())
            self._loop.stop()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)


async def _make(rpc_url: str, options: dict[str, Any]) -> _client.EvertideClient:
    return _client.EvertideClient(rpc_url, **options)


for _name, _method in inspect.getmembers(_client.EvertideClient, inspect.iscoroutinefunction):
    if not _name.startswith("_") and _name != "close":
        setattr(EvertideClient, _name, _blocking(_method))
