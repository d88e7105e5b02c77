"""What every part of a soak shares."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from soak_faults import Tally
from soak_judge import Verdict
from soak_keepers import KeeperSet
from soak_proxy import FaultyEndpoint

Say = Callable[[str], None]


@dataclass
class Soak:
    """What every part of a run shares."""

    seed: int
    seconds: int
    folder: Path
    say: Say
    tally: Tally = field(default_factory=Tally)
    problems: list[str] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    """What keepers confirmed, by name."""
    refused: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)
    endpoints: list[FaultyEndpoint] = field(default_factory=list)
    sets: list[KeeperSet] = field(default_factory=list)
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    last: dict[tuple[str, ...], float] = field(default_factory=dict)

    def judge(self, *verdicts: Verdict) -> None:
        """Take verdicts in, and tell those that do not hold at once."""
        self.verdicts += verdicts
        for verdict in verdicts:
            if not verdict.held:
                self.say(f"does not hold: {verdict.name}: {verdict.found}")

    def dice(self, what: str) -> random.Random:
        """A generator of its own for each part, so that one part's draws do not move another's."""
        return random.Random(f"{self.seed}/{what}")
