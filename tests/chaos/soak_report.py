"""The soak's report: for people on stdout, for programs as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soak_faults import KINDS
from soak_judge import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a soak found. `seconds`: how long trouble was made."""

    seed: int
    seconds: int
    counts: Mapping[str, int]
    calls: int
    transactions: int
    failed_transactions: int
    sent: Mapping[str, int]
    refusals: Mapping[str, int]
    actions: Mapping[str, int]
    refused: Mapping[str, int]
    alarms: Mapping[str, int]
    restarts: Mapping[str, int]
    verdicts: Sequence[Verdict]

    @property
    def never_fired(self) -> list[str]:
        """Kinds of trouble that never came."""
        return [kind for kind, count in self.counts.items() if not count]

    @property
    def held(self) -> bool:
        """Every kind fired, and everything held."""
        return not self.never_fired and all(verdict.held for verdict in self.verdicts)


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "held": outcome.held,
        "seed": outcome.seed,
        "seconds": outcome.seconds,
        "faults": {kind: {"number": KINDS[kind], "fired": count} for kind, count in outcome.counts.items()},
        "never_fired": outcome.never_fired,
        "calls_through_proxies": outcome.calls,
        "transactions": outcome.transactions,
        "failed_transactions": outcome.failed_transactions,
        "traders_sent": dict(outcome.sent),
        "refusals": dict(outcome.refusals),
        "keeper_actions": dict(outcome.actions),
        "keeper_refusals": dict(outcome.refused),
        "keeper_alarms": dict(outcome.alarms),
        "keeper_starts": dict(outcome.restarts),
        "verdicts": [asdict(verdict) for verdict in outcome.verdicts],
    }


def write_json(path: Path, outcome: Outcome) -> None:
    """The document to a file."""
    path.write_text(json.dumps(as_document(outcome), indent=2) + "\n", encoding="utf-8")


def tell(outcome: Outcome) -> None:
    """The report for people."""
    print(f"soak of {outcome.seconds} s, seed {outcome.seed}")
    print(f"{outcome.calls} calls through the proxies, {outcome.transactions} transactions, ", end="")
    print(f"{outcome.failed_transactions} more landed and failed")
    rows = sorted(outcome.counts.items(), key=lambda pair: (KINDS[pair[0]], pair[0]))
    for kind, count in rows:
        print(f"  {KINDS[kind]}  {kind:<16} {count:>8}{'' if count else '   never fired'}")
    for title, found in (
        ("keepers confirmed", outcome.actions),
        ("refused to keepers", outcome.refused),
        ("alarms", outcome.alarms),
        ("starts of keeper sets", outcome.restarts),
        ("traders sent", outcome.sent),
        ("refused to traders", outcome.refusals),
    ):
        told = ", ".join(f"{name} {count}" for name, count in sorted(found.items(), key=lambda pair: -pair[1]))
        print(f"{title}: {told or 'nothing'}")
    held = sum(verdict.held for verdict in outcome.verdicts)
    print(f"{held} of {len(outcome.verdicts)} verdicts hold")
    for verdict in outcome.verdicts:
        if not verdict.held:
            print(f"  FAILED  {verdict.name}: {verdict.found}")
    print("held" if outcome.held else "DID NOT HOLD")
