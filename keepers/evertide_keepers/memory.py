"""What a keeper remembers between steps: when it did what, and what to leave alone for a while. All in chain time."""

from __future__ import annotations

from dataclasses import dataclass, field

BACKOFF_FIRST_MS = 2_000
BACKOFF_MOST_MS = 60_000
KEPT_MOST = 65_536
SETTLED_MS = 30_000
"""What was confirmed is not done again for this long, though the node may still show what was there before."""
POISONED_FAILURES = 5
"""So many failures in a row of one subject are an alarm. In between its back-off keeps it out of others' way."""


def subject_of(key: str) -> str:
    """What a key is about: without ids and sequences, which change while the account behind it stays the same."""
    return ":".join(part for part in key.split(":") if not part.isdigit())


@dataclass(slots=True)
class Memory:
    """Failures by key with their backoff, and the last success of each key."""

    blocked_until_ms: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    done_ms: dict[str, int] = field(default_factory=dict)
    in_a_row: dict[str, int] = field(default_factory=dict)
    """Failures since the last success, by what the keys are about: also of one whose keys change all the time."""

    def poisoned(self) -> dict[str, int]:
        """What has failed so often that somebody should look, with how often."""
        return {subject: count for subject, count in self.in_a_row.items() if count >= POISONED_FAILURES}

    def is_blocked(self, key: str, now_ms: int) -> bool:
        """Whether a key is to be left alone now."""
        return now_ms < self.blocked_until_ms.get(key, -1)

    def is_free(self, key: str, now_ms: int) -> bool:
        """Whether work that can be done but once is neither blocked nor done already."""
        since_ms = self.since_done_ms(key, now_ms)
        return not self.is_blocked(key, now_ms) and (since_ms is None or since_ms >= SETTLED_MS)

    def is_waiting(self, now_ms: int) -> bool:
        """Whether anything is being left alone now: work that failed and will be tried again."""
        return any(now_ms < until_ms for until_ms in self.blocked_until_ms.values())

    def since_done_ms(self, key: str, now_ms: int) -> int | None:
        """Chain time since the last success of a key; None when there was none."""
        done_ms = self.done_ms.get(key)
        return None if done_ms is None else now_ms - done_ms

    def plain(self) -> dict[str, dict[str, int]]:
        """As JSON; `Memory(**plain)` gives it back."""
        return {name: dict(getattr(self, name)) for name in ("blocked_until_ms", "failures", "done_ms", "in_a_row")}

    def undo(self, keys: list[str]) -> None:
        """What was done under these keys is not on the chain after all."""
        for key in keys:
            self.done_ms.pop(key, None)

    def rewind(self) -> None:
        """The chain went back: what was done may not have been, and its clock has begun again."""
        self.done_ms.clear()
        self.blocked_until_ms.clear()

    def note(self, keys: list[str], *, succeeded: bool, now_ms: int) -> None:
        """Note the end of an action: success clears its keys, failure blocks them, longer each time."""
        for key in keys:
            if succeeded:
                self.done_ms[key] = now_ms
                self.failures.pop(key, None)
                self.blocked_until_ms.pop(key, None)
                self.in_a_row.pop(subject_of(key), None)
                continue
            self.in_a_row[subject_of(key)] = self.in_a_row.get(subject_of(key), 0) + 1
            count = self.failures.get(key, 0) + 1
            self.failures[key] = count
            pause_ms = min(BACKOFF_FIRST_MS << min(count - 1, 16), BACKOFF_MOST_MS)
            self.blocked_until_ms[key] = now_ms + pause_ms
        for kept in (self.blocked_until_ms, self.failures, self.done_ms, self.in_a_row):
            while len(kept) > KEPT_MOST:
                del kept[next(iter(kept))]
