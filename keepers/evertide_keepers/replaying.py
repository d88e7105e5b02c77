"""Runs a journal's inputs through the plans again and compares every decision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import JournalError
from .journal import read_lines, take_inputs, take_prices
from .keeper import KINDS
from .memory import Memory
from .state import State


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that came out differently: the line, the keeper, what was noted and what was found."""

    line: int
    keeper: str
    noted: list[dict[str, Any]]
    found: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """Lines read, decisions compared, in all and by keeper, and those that differ.

    `torn_line`: the number of a last line that was cut off, and left out; None: the journal is whole.
    """

    lines: int
    decisions: int
    decisions_of: dict[str, int]
    differences: tuple[Difference, ...]
    torn_line: int | None


class _Replay:
    """The state and the memories as they were, line by line."""

    def __init__(self) -> None:
        self.state = State()
        self.memories = {name: Memory() for name in KINDS}
        self.settings: dict[str, Any] = {name: kind.settings for name, kind in KINDS.items()}
        self.decisions: dict[str, int] = {}
        self.differences: list[Difference] = []

    def take(self, number: int, line: dict[str, Any]) -> None:
        """Take one line in."""
        kind = line["kind"]
        if kind == "open":
            for name, values in line["settings"].items():
                known = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
                self.settings[name] = dataclasses.replace(self.settings[name], **known)
        elif kind == "held":
            self._hold(line)
        elif kind == "inputs":
            take_inputs(self.state, line)
        elif kind == "rewind":
            self.state.rewind(line["slot"])
            for memory in self.memories.values():
                memory.rewind()
        elif kind == "prices":
            take_prices(self.state, line)
        elif kind == "observed":
            self.state.observed[line["keeper"]] = line["values"]
        elif kind == "outcome":
            memory = self.memories[line["keeper"]]
            memory.note(line["keys"], succeeded=line["succeeded"], now_ms=line["unix_ms"])
        elif kind == "undone":
            self.memories[line["keeper"]].undo(line["keys"])
        elif kind == "plan":
            self._compare(number, line["keeper"], line["actions"])
        else:
            raise JournalError(f"kind of journal line {number}", kind, "a known one")

    def _hold(self, line: dict[str, Any]) -> None:
        take_inputs(self.state, line)
        take_prices(self.state, line)
        self.state.observed = dict(line["observed"])
        self.memories |= {name: Memory(**values) for name, values in line["memories"].items()}

    def _compare(self, number: int, name: str, noted: list[dict[str, Any]]) -> None:
        plan = KINDS[name].plan
        found = [action.plain() for action in plan(self.state, self.memories[name], self.settings[name])]
        self.decisions[name] = self.decisions.get(name, 0) + 1
        if found != noted:
            self.differences.append(Difference(number, name, noted, found))


def replay(path: Path) -> ReplayReport:
    """Replay a journal to its last whole line. Raises `JournalError` with the number of a line that is damaged."""
    run, lines = _Replay(), 0
    torn: list[int] = []
    for number, line in read_lines(path, torn):
        try:
            run.take(number, line)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise JournalError(
                f"journal line {number}", f"{type(error).__name__}: {error}", "what its kind holds"
            ) from error
        lines = number
    if not lines:
        raise JournalError(f"journal {path}", "no whole line", "at least its first")
    decisions = sum(run.decisions.values())
    return ReplayReport(lines, decisions, run.decisions, tuple(run.differences), torn[0] if torn else None)
