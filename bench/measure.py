"""Timing, memory bandwidth, and one line of the table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

COPY_BYTES = 1 << 28
REPEATS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measurement: the best of several runs, what memory alone would take, and plain Python's time for the same."""

    name: str
    count: int
    unit: str
    seconds: float
    floor_seconds: float
    """Bytes that must be moved at the bandwidth measured in this run."""
    plain_seconds: float
    """Plain Python's time, scaled up from fewer of the same."""

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.count / self.seconds

    @property
    def over_floor(self) -> float:
        """How many times the physical floor it takes."""
        return self.seconds / self.floor_seconds

    @property
    def over_plain(self) -> float:
        """How many times faster than plain Python."""
        return self.plain_seconds / self.seconds


def best_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Shortest time of `repeats` runs after one that warms up."""
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def bandwidth_bytes_per_second() -> float:
    """Bytes read and written each second by a large copy."""
    source = np.ones(COPY_BYTES // 8, np.int64)
    target = np.empty_like(source)
    return 2 * COPY_BYTES / best_seconds(lambda: np.copyto(target, source))


def table(lines: list[Line], bandwidth: float) -> str:
    """The measurements as text."""
    head = f"{'what':<50}{'time ms':>10}{'rate /s':>14}{'floor ms':>10}{'x floor':>9}{'x plain Python':>16}"
    rows = [f"memory bandwidth, copy of {COPY_BYTES >> 20} MiB: {bandwidth / 1e9:.1f} GB/s", "", head]
    for line in lines:
        rows.append(
            f"{line.name:<50}{line.seconds * 1e3:>10.2f}{line.per_second:>14,.0f}{line.floor_seconds * 1e3:>10.2f}"
            f"{line.over_floor:>9.1f}{line.over_plain:>16,.0f}"
        )
    return "\n".join(rows)
