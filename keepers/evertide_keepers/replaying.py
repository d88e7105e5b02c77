"""Runs a journal's inputs through the plans again and compares every decision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """Decisions compared, and those that differ."""

    decisions: int
    differences: tuple[Difference, ...]


def replay(path: Path) -> ReplayReport:
    """Replay a journal. Raises `JournalError`."""
    state = State()
    memories = {name: Memory() for name in KINDS}
    settings: dict[str, Any] = {name: kind.settings for name, kind in KINDS.items()}
    decisions = 0
    differences: list[Difference] = []
    for number, line in read_lines(path):
        kind = line["kind"]
        if kind == "open":
            for name, values in line["settings"].items():
                settings[name] = dataclasses.replace(settings[name], **values)
        elif kind == "inputs":
            take_inputs(state, line)
        elif kind == "prices":
            take_prices(state, line)
        elif kind == "observed":
            state.observed[line["keeper"]] = line["values"]
        elif kind == "outcome":
            memories[line["keeper"]].note(line["keys"], succeeded=line["succeeded"], now_ms=line["unix_ms"])
        elif kind == "plan":
            name = line["keeper"]
            found = [action.plain() for action in KINDS[name].plan(state, memories[name], settings[name])]
            decisions += 1
            if found != line["actions"]:
                differences.append(Difference(number, name, line["actions"], found))
    return ReplayReport(decisions, tuple(differences))
