"""`python -m bench`: measure, print the tables, write the same figures as JSON and as a chart."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from . import end_to_end, margins, matching, planning, scans, stressing
from .chart import SUFFIXES, draw
from .measure import COPY_BYTES, Measure, WorkDiffers, bandwidth_bytes_per_second
from .native import PeersUnavailable
from .report import Report, as_json, tables
from .run import FULL, Run, Sizes

TABLES: dict[str, Callable[[Run], list[Measure]]] = {
    "matching": matching.measures,
    "margin": margins.measures,
    "scans": scans.measures,
    "scenarios": stressing.measures,
    "planning": planning.measures,
    "end-to-end": end_to_end.measures,
}
EXIT_FAILURE, EXIT_USAGE = 1, 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/bench", description="Measure the engine and what stands on it.")
    made.add_argument("--data", type=Path, metavar="DIR", help="recorded market data, for the rows that need it")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the same figures as JSON")
    made.add_argument("--chart", type=Path, metavar="FILE", help="draw them, as .svg or .png")
    made.add_argument("--only", metavar="TABLE,...", default=",".join(TABLES), help="tables (default: %(default)s)")
    return made


def measured(names: Sequence[str], sizes: Sizes, data: Path | None, copy_bytes: int = COPY_BYTES) -> Report:
    """Measure the named tables."""
    load = os.getloadavg()[0]
    bandwidth = bandwidth_bytes_per_second(copy_bytes)
    lines: list[Measure] = []
    with tempfile.TemporaryDirectory(prefix="evertide-bench-") as folder:
        run = Run(sizes=sizes, data=data, work=Path(folder), bandwidth=bandwidth)
        for name in names:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            lines += TABLES[name](run)
        left_out = matching.left_out(run) if "matching" in names else []
    return Report(lines, left_out, bandwidth, load)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser()
    given = made.parse_args(words)
    names = given.only.split(",")
    if set(names) - set(TABLES):
        made.error(f"--only {given.only}: the tables are {', '.join(TABLES)}")
    if given.data is not None and not given.data.is_dir():
        made.error(f"--data {given.data}: no such folder")
    if given.chart is not None and given.chart.suffix not in SUFFIXES:
        made.error(f"--chart {given.chart}: must end in {' or '.join(SUFFIXES)}")
    try:
        report = measured(names, FULL, given.data)
        print(tables(report))
        if given.json is not None:
            given.json.write_text(json.dumps(as_json(report), indent=1) + "\n")
        if given.chart is not None:
            draw(report, given.chart)
    except (PeersUnavailable, WorkDiffers, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILURE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
