"""How keepers are: measured by confirmed work, never by a loop that runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

WAITING_MOST_MS = 60_000
"""Work that was planned and not confirmed for this long makes a keeper unhealthy."""


@dataclass(slots=True)
class KeeperHealth:
    """One keeper, in chain time. `waiting_since_ms`: since when planned work has gone without a confirmed action."""

    steps: int = 0
    planned: int = 0
    confirmed: int = 0
    failed: int = 0
    last_confirmed_ms: int | None = None
    last_step_ms: int | None = None
    waiting_since_ms: int | None = None
    last_error: str | None = None

    def is_healthy(self, now_ms: int) -> bool:
        """It has stepped, and no planned work waits for too long."""
        waits = self.waiting_since_ms is not None and now_ms - self.waiting_since_ms > WAITING_MOST_MS
        return self.last_step_ms is not None and now_ms - self.last_step_ms <= WAITING_MOST_MS and not waits


@dataclass(slots=True)
class Health:
    """All keepers of one process, with their Prometheus metrics."""

    keepers: dict[str, KeeperHealth] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    accounts_below: int = 0
    """Accounts below maintenance margin, as the liquidator last saw them."""
    liquidation_since_ms: int | None = None
    """When the oldest liquidation under way began, in chain time."""
    _actions: Counter = field(init=False)
    _confirmed_age: Gauge = field(init=False)
    _waiting: Gauge = field(init=False)
    _below: Gauge = field(init=False)
    _oldest: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self._actions = Counter(
            "evertide_keeper_actions",
            "Actions by keeper, name and end",
            ["keeper", "action", "end"],
            registry=self.registry,
        )
        self._confirmed_age = Gauge(
            "evertide_keeper_confirmed_age_ms",
            "Chain time since the last confirmed action; -1 before the first",
            ["keeper"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "evertide_keeper_waiting_ms", "Chain time that planned work has waited", ["keeper"], registry=self.registry
        )
        below, oldest = "Accounts below maintenance margin", "Age of the oldest liquidation under way; 0 without any"
        self._below = Gauge("evertide_accounts_below_maintenance", below, registry=self.registry)
        self._oldest = Gauge("evertide_oldest_liquidation_ms", oldest, registry=self.registry)

    def of(self, keeper: str) -> KeeperHealth:
        """The record of one keeper, made on first use."""
        return self.keepers.setdefault(keeper, KeeperHealth())

    def note_step(self, keeper: str, planned: int, backed_off: bool, now_ms: int) -> None:
        """A plan was made; `backed_off`: work that failed waits for its next try and still counts as waiting."""
        record = self.of(keeper)
        record.steps += 1
        record.planned += planned
        record.last_step_ms = now_ms
        if planned == 0 and not backed_off:
            record.waiting_since_ms = None
        elif record.waiting_since_ms is None and planned:
            record.waiting_since_ms = now_ms

    def note_end(self, keeper: str, action: str, error: str | None, now_ms: int) -> None:
        """An action was confirmed (`error` None) or failed."""
        record = self.of(keeper)
        self._actions.labels(keeper, action, "failed" if error else "confirmed").inc()
        if error is None:
            record.confirmed += 1
            record.last_confirmed_ms = now_ms
            record.waiting_since_ms = None
        else:
            record.failed += 1
            record.last_error = error

    def note_accounts(self, below: int, since_ms: int | None) -> None:
        """So many accounts are below maintenance margin; the oldest liquidation under way began at `since_ms`."""
        self.accounts_below, self.liquidation_since_ms = below, since_ms

    def _liquidation_ms(self, now_ms: int) -> int | None:
        return None if self.liquidation_since_ms is None else max(now_ms - self.liquidation_since_ms, 0)

    def note_trouble(self, keeper: str, error: str) -> None:
        """A step could not be made at all."""
        self.of(keeper).last_error = error

    def report(self, now_ms: int) -> dict[str, Any]:
        """Everything as plain values; `healthy` is True when every keeper is."""
        keepers = {}
        for name, record in self.keepers.items():
            age_ms = None if record.last_confirmed_ms is None else now_ms - record.last_confirmed_ms
            waiting_ms = None if record.waiting_since_ms is None else now_ms - record.waiting_since_ms
            keepers[name] = {
                "healthy": record.is_healthy(now_ms),
                "steps": record.steps,
                "planned": record.planned,
                "confirmed": record.confirmed,
                "failed": record.failed,
                "confirmed_age_ms": age_ms,
                "waiting_ms": waiting_ms,
                "last_error": record.last_error,
            }
        return {
            "healthy": all(entry["healthy"] for entry in keepers.values()),
            "now_ms": now_ms,
            "accounts_below_maintenance": self.accounts_below,
            "oldest_liquidation_ms": self._liquidation_ms(now_ms),
            "keepers": keepers,
        }

    def metrics(self, now_ms: int) -> bytes:
        """Prometheus text."""
        for name, record in self.keepers.items():
            age_ms = -1 if record.last_confirmed_ms is None else now_ms - record.last_confirmed_ms
            self._confirmed_age.labels(name).set(age_ms)
            self._waiting.labels(name).set(0 if record.waiting_since_ms is None else now_ms - record.waiting_since_ms)
        self._below.set(self.accounts_below)
        self._oldest.set(self._liquidation_ms(now_ms) or 0)
        return generate_latest(self.registry)
