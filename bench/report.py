"""The tables as text, and the same figures as one JSON object."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from .measure import OURS, Measure, shown

FORMAT = 1
LIBRARIES = ("numpy", "numba", "polars", "solders")


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the benchmark."""

    lines: list[Measure]
    left_out: list[str]
    bandwidth: float
    """Bytes read and written each second."""
    load: float
    """Load of the machine over the minute before the run."""

    def ours(self, line: Measure) -> Measure | None:
        """Our line for the same work."""
        same = [each for each in self.lines if (each.table, each.name, each.by) == (line.table, line.name, OURS)]
        return same[0] if same else None

    def ratio(self, line: Measure) -> float | None:
        """How many times as long as ours it takes for one of the same; None where there is nothing to compare."""
        ours = self.ours(line)
        return None if ours is None or ours is line else ours.per_second / line.per_second


def processor() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    names = [row for row in info.read_text().splitlines() if row.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def as_json(report: Report) -> dict[str, Any]:
    """The run as plain values: times in seconds, rates each second."""
    measures = []
    for line in report.lines:
        plain = asdict(line)
        plain |= {
            "per_second": line.per_second,
            "target": None if line.target is None else str(line.target),
            "target_met": line.is_met,
            "times_ours": report.ratio(line),
            "times_floor": None if line.floor_s is None else line.seconds / line.floor_s,
        }
        measures.append(plain)
    return {
        "format": FORMAT,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "load": report.load,
        "bandwidth_bytes_per_s": report.bandwidth,
        "left_out": report.left_out,
        "measures": measures,
    }


HEAD = ("what", "by", "best", "rate /s", "p50", "p99", "p99.9", "x floor", "x ours", "target")
WIDTHS = (44, 20, 9, 13, 9, 9, 9, 8, 8, 20)


def cells(report: Report, line: Measure) -> tuple[str, ...]:
    """One row of a table."""
    ratio, timing = report.ratio(line), line.timing
    verdict = {True: "met", False: "MISSED", None: ""}[line.is_met]
    return (
        line.name,
        line.by,
        shown(line.seconds),
        f"{line.per_second:,.0f}",
        shown(timing.p50_s),
        shown(timing.p99_s),
        shown(timing.p999_s),
        "" if line.floor_s is None else f"{line.seconds / line.floor_s:.1f}",
        "" if ratio is None else f"{ratio:,.2g}" if ratio < 10 else f"{ratio:,.0f}",
        "" if line.target is None else f"{line.target} {verdict}",
    )


def row(words: tuple[str, ...]) -> str:
    """Two columns to the left, the others to the right."""
    left = [word.ljust(width) for word, width in zip(words[:2], WIDTHS[:2], strict=True)]
    right = [word.rjust(width) for word, width in zip(words[2:], WIDTHS[2:], strict=True)]
    return "".join([*left, *right]).rstrip()


def facts(line: Measure) -> str:
    """What shows that the work was equal."""
    values = {name: f"{value:,}" if isinstance(value, int) else value for name, value in line.facts.items()}
    return ", ".join(f"{name} {value}" for name, value in values.items())


def tables(report: Report) -> str:
    """All tables. `x floor` and `x ours` say how many times as long as memory alone, and as ours, a line takes."""
    about = machine()
    libraries = ", ".join(f"{name} {version}" for name, version in about["libraries"].items())
    text = [
        f"{about['cores']} cores, {about['processor']}; Python {about['python']}, {libraries}",
        f"load before the run {report.load:.2f}; memory bandwidth {report.bandwidth / 1e9:.1f} GB/s, read and written",
    ]
    for name, group in groupby(report.lines, lambda line: line.table):
        lines = list(group)
        text += ["", f"{name.upper()}: quantiles of one call", row(HEAD)]
        text += [row(cells(report, line)) for line in lines]
        text += [f"  {line.name}, {line.by}: {facts(line)}" for line in lines if line.facts]
    text += ["", *report.left_out] if report.left_out else []
    counted = [line.is_met for line in report.lines if line.target is not None]
    text += ["", f"{sum(bool(met) for met in counted)} of {len(counted)} targets met"]
    return "\n".join(text)
