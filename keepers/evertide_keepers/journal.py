"""Inputs and decisions as JSON lines: what a keeper saw, what it decided, how that ended. No key is ever written.

Lines, each with `kind`:
- `inputs`: the clock and every account that changed, as read;
- `prices`: what the price sources and feed accounts said;
- `plan`: the actions that a keeper decided on;
- `outcome`: how one of them ended.

Replaying the inputs through the same pure plans must give the same decisions, bit for bit.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from .actions import Action
from .clock import ChainTime
from .errors import JournalError
from .state import Change, Price, State

VERSION = 1


class Journal:
    """Appends to one file; lines are flushed, so that a crash loses at most the line being written.

    When a line cannot be written (a disk that is full, say) the journal ends there and `error` says why. The keepers
    go on: the exchange needs them more than their journal, and what was written stays a journal that replays.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Begin a journal. `settings` are those of the keepers by name: a replay plans with them."""
        try:
            self._file: TextIO = path.open("w", encoding="utf-8")
        except OSError as error:
            raise JournalError(f"journal {path}", error.strerror, "a file that can be written") from error
        self.error: str | None = None
        self._write({"kind": "open", "version": VERSION, "settings": settings})
        if self.error is not None:
            raise JournalError(f"journal {path}", self.error, "a file that can be written")

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._file.close()

    def inputs(self, time: ChainTime, changes: Sequence[Change]) -> None:
        """Note the clock and the accounts that changed."""
        accounts = [[change.address.hex(), change.slot, _text(change.data)] for change in changes]
        self._write({"kind": "inputs", "slot": time.slot, "unix_ms": time.unix_ms, "accounts": accounts})

    def prices(self, prices: dict[str, Price], feeds: dict[str, int]) -> None:
        """Note what sources and feeds said."""
        flat = {name: [price.price, price.confidence, price.publish_time_ms] for name, price in prices.items()}
        self._write({"kind": "prices", "prices": flat, "feeds": feeds})

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

    def _write(self, line: dict[str, Any]) -> None:
        if self.error is not None:
            return
        try:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            self.error = error.strerror or str(error)
            self.close()


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered lines of a journal. Raises `JournalError`; a last line cut off by a crash is left out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JournalError(f"journal {path}", error, "a readable file") from error
    lines = text.split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found = json.loads(line)
        except ValueError:
            raise JournalError(f"journal line {number}", line[:60], "a line of JSON") from None
        if number == 1 and (found.get("kind") != "open" or found.get("version") != VERSION):
            raise JournalError("first line of a journal", line[:60], f"kind open, version {VERSION}")
        yield number, found


def take_inputs(state: State, line: dict[str, Any]) -> None:
    """Apply one `inputs` line to a state."""
    changes = [
        Change(bytes.fromhex(address), slot, None if data is None else base64.b64decode(data))
        for address, slot, data in line["accounts"]
    ]
    state.apply(changes)
    state.time = ChainTime(line["slot"], line["unix_ms"])


def take_prices(state: State, line: dict[str, Any]) -> None:
    """Apply one `prices` line to a state."""
    state.prices = {name: Price(*values) for name, values in line["prices"].items()}
    state.feeds = dict(line["feeds"])
