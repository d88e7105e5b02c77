"""`python -m bench [--json]`: measure everything and print the table."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from .cases import CASES
from .measure import bandwidth_bytes_per_second, table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the engine's kernels.")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    given = parser.parse_args()
    bandwidth = bandwidth_bytes_per_second()
    lines = [case(bandwidth) for case in CASES]
    if given.json:
        print(json.dumps({"bandwidth_bytes_per_second": bandwidth, "lines": [asdict(line) for line in lines]}))
    else:
        print(table(lines, bandwidth))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
