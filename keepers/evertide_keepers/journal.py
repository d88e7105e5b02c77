"""A journal of one run: what keepers saw, what they decided, how that ended. No key is ever written.

Lines of JSON, each with `kind` and, as its last field, the CRC-32 of what stands before it:
- `open`: version and settings; `held`: where a file begins within a run, everything known and remembered then;
- `inputs`: the clock and every account that changed, as read; `rewind`: the chain went back to a slot;
- `prices`: what the price sources and feed accounts said; `observed`: what else a keeper read;
- `plan`: the actions that a keeper decided on;
- `outcome`: how one of them ended; `undone`: it was confirmed and is not on the finalized chain.

Replaying the inputs through the same pure plans must give the same decisions, bit for bit.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evertide._time import now_s

from .actions import Action
from .clock import ChainTime
from .environment import Sink
from .errors import JournalError
from .memory import Memory
from .state import Change, Price, State
from .writer import QUEUE_BYTES_MAX, Writer

VERSION = 2
BYTES_MAX = 256 << 20
FILES_MAX = 8
RETRY_S = 60.0
CRC_FIELD = ',"crc":"'


def _file(path: Path) -> Sink:
    return path.open("wb")


class Journal:
    """Writes one run to files, a new one begun when the last is full; older ones are PATH.1, PATH.2 and so on.

    Nobody waits for it: lines go to a thread of their own. When the sink fills or does not keep up, the file ends
    with the last whole line, `error` says why, and a new file that begins with everything known is tried later. The
    keepers go on: the exchange needs them more than their journal, and what was written stays a journal that replays.
    """

    def __init__(
        self,
        path: Path,
        settings: dict[str, Any],
        *,
        open_sink: Callable[[Path], Sink] = _file,
        bytes_max: int = BYTES_MAX,
        files_max: int = FILES_MAX,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        """Begin a journal. `settings` are those of the keepers by name: a replay plans with them."""
        self.path = path
        self.error: str | None = None
        self.bytes_written = 0
        self.failures = 0
        self._settings = settings
        self._open_sink = open_sink
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._queue_bytes_max = queue_bytes_max
        self._retry_s = 0.0
        try:
            # Here and now, and not on the thread: a place that cannot be written is an error of the start.
            sink = self._open([self._opening()])
        except (OSError, ValueError) as error:
            raise JournalError(
                f"journal {path}", getattr(error, "strerror", error), "a file that can be written"
            ) from error
        self._writer = Writer(lambda: sink, queue_bytes_max)

    def close(self) -> None:
        """Write what waits, for two seconds at most, and close the file."""
        self._writer.close()
        self._check()

    @property
    def wants_file(self) -> bool:
        """Whether a new file is due: the last is full, or failed some time ago and its thread is done."""
        self._check()
        if self.error is not None:
            return now_s() >= self._retry_s and not self._writer.is_running
        return self.bytes_written >= self._bytes_max

    def begin(self, state: State, memories: Mapping[str, Memory]) -> None:
        """Go on in a new file, which begins with everything that is known and remembered."""
        lines = [self._opening(), self._held(state, memories)]
        before = self._writer
        before.end()

        def follow() -> Sink:
            # Two files that are begun at once would take each other's name.
            before.wait()
            return self._open(lines)

        self._writer = Writer(follow, self._queue_bytes_max)
        self.error, self.bytes_written = None, 0

    def inputs(self, time: ChainTime, changes: Sequence[Change]) -> None:
        """Note the clock and the accounts that changed."""
        self._write({"kind": "inputs", "slot": time.slot, "unix_ms": time.unix_ms, "accounts": _plain(changes)})

    def rewind(self, slot: int) -> None:
        """Note that the chain went back."""
        self._write({"kind": "rewind", "slot": slot})

    def prices(self, prices: dict[str, Price], feeds: dict[str, int]) -> None:
        """Note what sources and feeds said."""
        self._write({"kind": "prices", "prices": _plain_prices(prices), "feeds": feeds})

    def observed(self, keeper: str, values: dict[str, Any]) -> None:
        """Note what a keeper read besides the exchange's accounts."""
        self._write({"kind": "observed", "keeper": keeper, "values": values})

    def plan(self, keeper: str, actions: Sequence[Action]) -> None:
        """Note a decision."""
        self._write({"kind": "plan", "keeper": keeper, "actions": [action.plain() for action in actions]})

    def outcome(self, keeper: str, keys: Sequence[str], succeeded: bool, error: str | None, unix_ms: int) -> None:
        """Note how an action ended, as the keeper's memory takes it in."""
        line = {"kind": "outcome", "keeper": keeper, "keys": list(keys), "succeeded": succeeded}
        self._write({**line, "error": error, "unix_ms": unix_ms})

    def undone(self, keeper: str, keys: Sequence[str]) -> None:
        """Note that what was confirmed is not on the finalized chain."""
        self._write({"kind": "undone", "keeper": keeper, "keys": list(keys)})

    def _opening(self) -> bytes:
        return _line({"kind": "open", "version": VERSION, "settings": self._settings})

    @staticmethod
    def _held(state: State, memories: Mapping[str, Memory]) -> bytes:
        time = {"slot": state.time.slot, "unix_ms": state.time.unix_ms}
        known = {"prices": _plain_prices(state.prices), "feeds": state.feeds, "observed": state.observed}
        remembered = {name: memory.plain() for name, memory in memories.items()}
        return _line({"kind": "held", **time, **known, "memories": remembered, "accounts": _plain(state.readings())})

    def _open(self, lines: list[bytes]) -> Sink:
        """A new file with its first lines; only when they are written does it take the place of the last one."""
        fresh = self.path.with_name(self.path.name + ".new")
        sink = self._open_sink(fresh)
        try:
            for line in lines:
                sink.write(line)
            sink.flush()
        except OSError:
            with contextlib.suppress(OSError):
                sink.close()
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        for number in range(self._files_max - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path if number == 1 else self.path.with_name(f"{self.path.name}.{number - 1}")
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
        with contextlib.suppress(FileNotFoundError):
            os.replace(fresh, self.path)
        return sink

    def _write(self, line: dict[str, Any]) -> None:
        self._check()
        if self.error is not None:
            return
        data = _line(line)
        if self._writer.put(data):
            self.bytes_written += len(data)
        self._check()

    def _check(self) -> None:
        """Take notice of an error of the writer."""
        if self.error is None and self._writer.error is not None:
            self.error, self._retry_s = self._writer.error, now_s() + RETRY_S
            self.failures += 1
            self._writer.end()


def _line(values: dict[str, Any]) -> bytes:
    body = json.dumps(values, separators=(",", ":"))[:-1]
    return f'{body}{CRC_FIELD}{zlib.crc32(body.encode()):08x}"}}\n'.encode()


def _plain(changes: Sequence[Change]) -> list[list[Any]]:
    return [
        [
            one.address.hex(),
            one.slot,
            None if one.data is None else base64.b64encode(one.data).decode(),
            one.write_version,
        ]
        for one in changes
    ]


def _plain_prices(prices: Mapping[str, Price]) -> dict[str, list[int]]:
    return {name: [price.price, price.confidence, price.publish_time_ms] for name, price in prices.items()}


def read_lines(path: Path, torn: list[int] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered lines of a journal. Raises `JournalError` that names the line.

    A last line that was cut off is left out; its number is put into `torn`.
    """
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, start=1):
                if not data.endswith(b"\n"):
                    if torn is not None:
                        torn.append(number)
                    return
                yield number, _parsed(number, data)
    except OSError as error:
        raise JournalError(f"journal {path}", error, "a readable file") from error


def _parsed(number: int, data: bytes) -> dict[str, Any]:
    """One whole line. Raises `JournalError`."""
    shown = data[:60].decode(errors="replace")
    try:
        found = json.loads(data)
        kind = found["kind"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise JournalError(f"journal line {number}", shown, "a line of JSON with its kind") from None
    if number == 1 and (kind != "open" or found.get("version") != VERSION):
        raise JournalError("first line of a journal", shown, f"kind open, version {VERSION}")
    body, _, _ = data.decode().rpartition(CRC_FIELD)
    needed = f"{zlib.crc32(body.encode()):08x}"
    if found.get("crc") != needed:
        raise JournalError(f"checksum of journal line {number}", found.get("crc"), needed)
    return dict(found)


def take_inputs(state: State, line: dict[str, Any]) -> None:
    """Apply one `inputs` (or `held`) line to a state."""
    changes = [
        Change(bytes.fromhex(address), slot, None if data is None else base64.b64decode(data), version)
        for address, slot, data, version in line["accounts"]
    ]
    state.apply(changes)
    state.time = ChainTime(line["slot"], line["unix_ms"])


def take_prices(state: State, line: dict[str, Any]) -> None:
    """Apply one `prices` (or `held`) line to a state."""
    state.prices = {name: Price(*values) for name, values in line["prices"].items()}
    state.feeds = dict(line["feeds"])
