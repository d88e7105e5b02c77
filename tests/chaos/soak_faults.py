"""Kinds of trouble that a soak makes, and how often each of them came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from faulty_rpc import HTTP_KINDS, SOCKET_KINDS, Faults

# What the soak does to machine, chain and market, beside what its proxies do to messages.
HOST_KINDS = {
    "halted": "F-10",
    "jumped": "F-15",
    "frozen": "F-15",
    "spiked": "F-16",
    "drained": "F-18",
    "raced": "F-19",
    "killed": "F-20",
    "filled disk": "F-21",
    "poisoned": "F-23",
    "paused": "F-26",
    "misconfigured": "F-27",
    "harassed": "F-29",
    "blocked log": "F-35",
    "mangled": "V-27",
    "replayed": "V-27",
    "self-traded": "V-23",
    "spammed": "V-24",
    "withdrawn twice": "V-14",
    "stolen": "V-01",
    "forged price": "V-19",
}
KINDS = {**HTTP_KINDS, **SOCKET_KINDS, **HOST_KINDS}

# Chance of each fault a call or a message; those of sending are of transactions.
RATES = {
    "refused": 0.001,
    "slow": 0.004,
    "stale": 0.002,
    "lying": 0.001,
    "malformed": 0.005,
    "expired": 0.02,
    "doubled": 0.10,
    "unanswered": 0.04,
    "forked": 0.02,
    "lost": 0.08,
    "late": 0.05,
    "skewed": 0.001,
    "garbled": 0.002,
    "renewed": 0.002,
    "silent": 0.0004,
    "cut": 0.0008,
    "missed": 0.05,
    "repeated": 0.05,
    "reordered": 0.05,
    "torn": 0.002,
    "flooded": 0.0005,
}


class Tally:
    """Counts over all endpoints and everything that the soak does itself."""

    def __init__(self) -> None:
        self.host: Counter[str] = Counter()
        self.endpoints: list[Faults] = []

    def note(self, kind: str, times: int = 1) -> None:
        """One more of a kind of `HOST_KINDS`."""
        if kind not in HOST_KINDS:
            raise KeyError(kind)
        self.host[kind] += times

    def counts(self) -> dict[str, int]:
        """Every kind, fired or not."""
        found: Counter[str] = Counter(self.host)
        for faults in self.endpoints:
            found.update(faults.counts)
        return {kind: found[kind] for kind in KINDS}

    def missing(self) -> list[str]:
        """Kinds that never fired."""
        return [kind for kind, count in self.counts().items() if not count]

    def order(self, kinds: Iterable[str]) -> None:
        """Let every endpoint fire each of these at its next occasion."""
        for faults in self.endpoints:
            for kind in kinds:
                if kind in faults.rates or kind in RATES:
                    faults.ordered[kind] = max(faults.ordered[kind], 1)

    def calm(self) -> None:
        """No endpoint fails any more."""
        for faults in self.endpoints:
            faults.calm()
