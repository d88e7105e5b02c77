"""Timing by HDR histogram, the memory bandwidth of this run, and what one measurement says."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

OURS = "evertide"
COPY_BYTES = 1 << 28
LONGEST_NS, DIGITS = 60_000_000_000, 3
NS = 1_000_000_000


class WorkDiffers(Exception):
    """Two ways of doing one thing came to different ends: their times must not be compared."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Best time of all calls in seconds, and the quantiles of a call by HDR histogram, three digits."""

    best_s: float
    p50_s: float
    p99_s: float
    p999_s: float
    calls: int


@dataclass(frozen=True, slots=True)
class Target:
    """What design demands of a measurement: at most so many seconds, or at least so many of its unit each second."""

    most_s: float | None = None
    least_per_second: float | None = None

    def is_met(self, seconds: float, per_second: float) -> bool:
        """Whether a measurement is as good as demanded."""
        quick = self.most_s is None or seconds <= self.most_s
        return quick and (self.least_per_second is None or per_second >= self.least_per_second)

    def __str__(self) -> str:
        if self.most_s is not None:
            return f"< {shown(self.most_s)}"
        least = self.least_per_second or 0
        return f">= {least / 1e6:g} M/s" if least >= 1e5 else f">= {least:,.0f} /s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One line of a table: how long `by` took for `count` of `unit`."""

    table: str
    name: str
    by: str = OURS
    count: int
    unit: str
    seconds: float
    """For all of them: the best run."""
    timing: Timing
    """Of one call, which may be a batch of them."""
    floor_s: float | None = None
    """What moving the bytes alone takes at the bandwidth measured in this run; None: the work is not bound by it."""
    target: Target | None = None
    facts: dict[str, int | str] = field(default_factory=dict)
    """What shows that the work was equal: fills, lots, accounts found."""

    @property
    def per_second(self) -> float:
        """Throughput of the best run."""
        return self.count / self.seconds

    @property
    def is_met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        return None if self.target is None else self.target.is_met(self.seconds, self.per_second)


def shown(seconds: float) -> str:
    """A time with its unit and three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def timing_of(nanoseconds: Iterable[int]) -> Timing:
    """Best and quantiles of measured calls."""
    histogram, best = HdrHistogram(1, LONGEST_NS, DIGITS), LONGEST_NS
    for elapsed in nanoseconds:
        histogram.record_value(min(max(int(elapsed), 1), LONGEST_NS))
        best = min(best, int(elapsed))
    p50, p99, p999 = (histogram.get_value_at_percentile(part) / NS for part in (50, 99, 99.9))
    return Timing(best / NS, p50, p99, p999, histogram.get_total_count())


processor_ns = time.process_time_ns
"""Processor time of this process, all its threads: what other programs do meanwhile does not count, a pause neither."""


def timed(work: Callable[[], object], *, calls: int = 25, budget_s: float = 1.0) -> Timing:
    """Time calls after one that warms up: at least 3, then until there are so many or the budget is used up."""
    work()
    gc.collect()
    elapsed: list[int] = []
    end = time.perf_counter_ns() + int(budget_s * NS)
    while len(elapsed) < 3 or (len(elapsed) < calls and time.perf_counter_ns() < end):
        start = processor_ns()
        work()
        elapsed.append(processor_ns() - start)
    return timing_of(elapsed)


def bandwidth_bytes_per_second(copy_bytes: int = COPY_BYTES) -> float:
    """Bytes read and written each second by a large copy on one core."""
    source = np.ones(copy_bytes // 8, np.int64)
    target = np.empty_like(source)
    return 2 * copy_bytes / timed(lambda: np.copyto(target, source), calls=9).best_s
