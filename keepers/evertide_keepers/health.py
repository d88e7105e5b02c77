"""How keepers are: measured by confirmed work and by who waits for it, never by a loop that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WAITING_MOST_MS = 60_000
"""Work that was planned and not confirmed for this long makes a keeper unhealthy."""
SYNC_AGE_MOST_S = 60.0
"""So does nothing read from any node for this long."""
UNHEALTHY_ACCOUNT_MOST_MS = 120_000
"""And so does an account that is below maintenance margin for this long while a liquidator runs."""


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

    def report(self, now_ms: int) -> dict[str, Any]:
        """Plain values."""
        return {
            "healthy": self.is_healthy(now_ms),
            "steps": self.steps,
            "planned": self.planned,
            "confirmed": self.confirmed,
            "failed": self.failed,
            "confirmed_age_ms": None if self.last_confirmed_ms is None else now_ms - self.last_confirmed_ms,
            "waiting_ms": None if self.waiting_since_ms is None else now_ms - self.waiting_since_ms,
            "last_error": self.last_error,
        }


@dataclass(slots=True)
class Health:
    """All keepers of one process."""

    keepers: dict[str, KeeperHealth] = field(default_factory=dict)
    below_since_ms: dict[bytes, int] = field(default_factory=dict)
    """Accounts below maintenance margin, with the chain time since when: the liquidation's beginning where there is
    one, or when a keeper first saw it."""

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

    def note_end(self, keeper: str, error: str | None, now_ms: int) -> None:
        """An action was confirmed (`error` None) or failed."""
        record = self.of(keeper)
        if error is None:
            record.confirmed += 1
            record.last_confirmed_ms = now_ms
            record.waiting_since_ms = None
        else:
            record.failed += 1
            record.last_error = error

    def note_accounts(self, below: Mapping[bytes, int], now_ms: int) -> None:
        """These accounts are below maintenance margin; when their liquidation began (unix ms), 0: it has not."""
        self.below_since_ms = {
            key: since_ms or min(self.below_since_ms.get(key, now_ms), now_ms) for key, since_ms in below.items()
        }

    def note_trouble(self, keeper: str, error: str) -> None:
        """A step could not be made at all."""
        self.of(keeper).last_error = error

    def oldest_ms(self, now_ms: int) -> int:
        """For how long the account that has waited longest has been below maintenance margin; 0: there is none."""
        return max((now_ms - since_ms for since_ms in self.below_since_ms.values()), default=0)

    def report(self, now_ms: int, synced_age_s: float | None = 0.0) -> dict[str, Any]:
        """Plain values; `healthy` when every keeper is, nodes answer, and no account waits for too long.

        `synced_age_s`: since when nothing was read, on the loop's clock: a chain that is not heard has no time.
        """
        keepers = {name: record.report(now_ms) for name, record in self.keepers.items()}
        oldest_ms = self.oldest_ms(now_ms)
        hears = synced_age_s is not None and synced_age_s <= SYNC_AGE_MOST_S
        well = all(entry["healthy"] for entry in keepers.values()) and oldest_ms <= UNHEALTHY_ACCOUNT_MOST_MS
        return {
            "healthy": well and hears,
            "now_ms": now_ms,
            "synced_age_ms": None if synced_age_s is None else round(synced_age_s * 1000),
            "accounts_below_maintenance": len(self.below_since_ms),
            "oldest_unhealthy_account_ms": oldest_ms,
            "keepers": keepers,
        }
