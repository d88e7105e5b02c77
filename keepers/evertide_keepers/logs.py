"""Structured logs: one JSON object a line, never a secret in it, and never a keeper that waits for its log.

Lines go through a bounded queue to a thread of their own. When the sink blocks, lines are dropped and counted; the next
line that gets through says how many.
"""

from __future__ import annotations

import datetime
import json
import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterable
from typing import Any, TextIO

LOGGER = logging.getLogger("evertide.keepers")
QUEUE_LINES_MAX = 10_000
REDACTED = "[redacted]"
SECRET_LENGTH_MIN = 6
# Libraries that would write whole addresses of nodes.
CHATTY = ("httpx", "httpcore", "websockets")


def log(level: int, event: str, **fields: Any) -> None:
    """Write one event with its fields: plain values."""
    LOGGER.log(level, event, extra={"fields": fields})


class Redactor:
    """Takes known secrets out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may hold another.
        self._secrets = sorted({one for one in secrets if len(one) >= SECRET_LENGTH_MIN}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `event`, and the event's fields."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._redactor(json.dumps(line, separators=(",", ":"), default=str))


class DroppingQueue(logging.handlers.QueueHandler):
    """Hands records to the writing thread; drops and counts them when it does not keep up."""

    def __init__(self, waiting: queue.Queue[Any]) -> None:
        super().__init__(waiting)
        self.dropped = 0
        self._told = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record as it is: it stays in this process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Never waits."""
        if self.dropped > self._told:
            fields = getattr(record, "fields", {})
            record.fields = {**fields, "lines_dropped": self.dropped - self._told}
        try:
            self.queue.put_nowait(record)
            self._told = self.dropped
        except queue.Full:
            self.dropped += 1


class Logging:
    """The log of a process while it runs."""

    def __init__(
        self,
        secrets: Iterable[str] = (),
        stream: TextIO | None = None,
        level: int = logging.INFO,
        lines_max: int = QUEUE_LINES_MAX,
    ) -> None:
        """Begin to write to `stream` (standard error by default)."""
        waiting: queue.Queue[Any] = queue.Queue(lines_max)
        self.handler = DroppingQueue(waiting)
        target = logging.StreamHandler(stream or sys.stderr)
        target.setFormatter(JsonFormatter(Redactor(secrets)))
        target.handleError = self._failed  # type: ignore[method-assign]
        self._listener = logging.handlers.QueueListener(waiting, target)
        self._before = (LOGGER.level, LOGGER.propagate)
        LOGGER.addHandler(self.handler)
        LOGGER.setLevel(level)
        LOGGER.propagate = False
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._listener.start()

    def _failed(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is one that was dropped."""
        self.handler.dropped += 1

    @property
    def dropped(self) -> int:
        """Lines that did not get through."""
        return self.handler.dropped

    def close(self, wait_s: float = 2.0) -> None:
        """Write what waits, for so long at most."""
        LOGGER.removeHandler(self.handler)
        LOGGER.setLevel(self._before[0])
        LOGGER.propagate = self._before[1]
        thread = self._listener._thread
        if thread is not None:
            try:
                self._listener.queue.put_nowait(None)
            except queue.Full:
                return
            thread.join(wait_s)
