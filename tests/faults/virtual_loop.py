"""An event loop whose time is made up: it jumps to the next timer, so that hours pass in seconds, the same each time.

Nothing real may be waited for: a loop that has neither work nor timers raises `Deadlock`. What would run in a thread
runs at once. Each callback is a step, and a step at which the process is to die raises `Killed` out of the loop with
nothing run after it: between two steps of a task lies exactly one of its awaits.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import warnings
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

Result = TypeVar("Result")
AWAITS_IN_FINALLY_MAX = 32


class Deadlock(AssertionError):
    """Everybody waits, and nothing is left that could wake anybody."""


class Killed(KeyboardInterrupt):
    """The process died here."""


class _Selector(selectors.BaseSelector):
    """Selects nothing; waiting moves the loop's time."""

    def __init__(self) -> None:
        self._registered: dict[Any, selectors.SelectorKey] = {}
        self.wait: Callable[[float | None], None] = lambda timeout: None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._registered[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._registered.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.wait(timeout)
        return []

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._registered


class VirtualLoop(asyncio.SelectorEventLoop):
    """`start_s`: where its clock stands at first. `kill_at`: the step that does not run any more; None: none."""

    def __init__(self, start_s: float = 0.0, kill_at: int | None = None) -> None:
        selector = _Selector()
        self._now_s = start_s
        super().__init__(selector)
        selector.wait = self._pass
        self.steps = 0
        self.kill_at = kill_at

    def time(self) -> float:
        return self._now_s

    def _pass(self, timeout: float | None) -> None:
        if timeout is None:
            raise Deadlock("no timer is left, and nobody runs")
        if timeout > 0:
            scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
            while scheduled and scheduled[0].cancelled():
                heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            # asyncio waits a day at most; the next timer's own time, or rounding would leave it a hair ahead.
            self._now_s = scheduled[0].when() if scheduled else self._now_s + timeout

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        return super().call_soon(self._step, callback, args, context=context)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        """From a thread of a sink: nobody here waits for threads, so that it never decides when anything happens."""
        return super().call_soon_threadsafe(callback, *args, context=context)

    def _step(self, callback: Any, args: tuple[Any, ...]) -> None:
        self.steps += 1
        if self.kill_at is not None and self.steps >= self.kill_at:
            raise Killed
        callback(*args)

    def run_in_executor(self, executor: Any, func: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
        """At once: what a thread would find out, it finds out here."""
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run(main: Coroutine[Any, Any, Result], loop: VirtualLoop, died: Callable[[], None] = lambda: None) -> Result:
    """Run to the end on a loop. Raises `Killed` where it died, after `died`, which lets nothing out any more."""
    asyncio.set_event_loop(loop)
    task = loop.create_task(main)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        died()
        raise
    finally:
        bury(loop)
        # Where it never began, nobody else would close it.
        main.close()
        asyncio.set_event_loop(None)


def bury(loop: VirtualLoop) -> None:
    """Be done with the tasks of a loop that died: now, and not whenever their memory is wanted.

    Their `finally` blocks run, which those of a killed process would not: whoever died must reach nothing by then.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            for _ in range(AWAITS_IN_FINALLY_MAX):
                try:
                    coroutine.close()  # type: ignore[union-attr]
                    break
                except BaseException:
                    continue
    loop._ready.clear()  # type: ignore[attr-defined]
    loop._scheduled.clear()  # type: ignore[attr-defined]
