"""Writes to a sink from a thread of its own, so that a sink that blocks or fills never holds anybody up."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from .environment import Sink

QUEUE_BYTES_MAX = 64 << 20
CLOSE_WAIT_S = 2.0


class Writer:
    """A bounded queue before a sink. After the first error nothing more is written, and `error` says why."""

    def __init__(self, begin: Callable[[], Sink], queue_bytes_max: int = QUEUE_BYTES_MAX) -> None:
        """`begin` opens the sink, on the writing thread; an OSError of it ends the writer."""
        self.error: str | None = None
        self._begin = begin
        self._queue_bytes_max = queue_bytes_max
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether its thread still is: one that a sink blocks cannot end."""
        return self._thread.is_alive()

    def put(self, data: bytes) -> bool:
        """Queue bytes, never waiting; False where an error or the queue's bound forbids it."""
        with self._changed:
            if self.error is not None or self._ended:
                return False
            if self._waiting_bytes + len(data) > self._queue_bytes_max:
                self.error = f"the sink does not keep up: {self._waiting_bytes} bytes wait"
                return False
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._changed.notify()
        return True

    def end(self) -> None:
        """Write what waits, then close the sink; does not wait for it."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def wait(self) -> None:
        """Until its thread is done; for other threads that write."""
        self._thread.join()

    def close(self, wait_s: float = CLOSE_WAIT_S) -> None:
        """As `end`, and wait for it, for so long at most."""
        self.end()
        self._thread.join(wait_s)
        if self._thread.is_alive() and self.error is None:
            self.error = f"the sink did not take what was left within {wait_s:g} s"

    def _run(self) -> None:
        sink: Sink | None = None
        try:
            sink = self._begin()
            while (data := self._next()) is not None:
                sink.write(data)
                sink.flush()
        except (OSError, ValueError) as error:
            # A sink that was closed from outside raises a ValueError.
            with self._changed:
                self.error = self.error or getattr(error, "strerror", None) or str(error)
        finally:
            if sink is not None:
                with contextlib.suppress(OSError, ValueError):
                    sink.close()

    def _next(self) -> bytes | None:
        """All that waits; None when there is nothing more to come."""
        with self._changed:
            while not self._waiting and not self._ended and self.error is None:
                self._changed.wait()
            if not self._waiting:
                return None
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        return data
