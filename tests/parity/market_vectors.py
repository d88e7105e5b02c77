"""Markets before and after the program's own accrual of funding: `market_vectors.npz`, and how to make it again.

    python tests/parity/market_vectors.py

builds the crate beside it and writes the file: what the program made of seeded markets after gaps of all lengths.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evertide_engine._generated.constants import EVIDENCE_AGE_MAX_MS, FUNDING_DIVISOR, HOUR_MS, MAX_RATE_E9
from evertide_engine.layouts import DISCRIMINATORS, MARKET

HERE = Path(__file__).parent
FILE, CRATE, COUNT, SEED = HERE / "market_vectors.npz", HERE / "market_vectors", 600, 22
START_MS, ONE = 1_700_000_000_000, 1 << 48


def set_wide(rows: Any, values: list[int]) -> None:
    """Signed 128-bit values into their two words."""
    rows["low"] = [value & (1 << 64) - 1 for value in values]
    rows["high"] = [value >> 64 for value in values]


def gaps(generator: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Milliseconds from nothing to a year: within an hour, to its very end, over one, over many."""
    hours = generator.choice([0, 0, 1, 2, 3, 4, 5, 24, 24 * 400], count) * generator.integers(0, 2, count)
    rest = generator.choice([0, 1, HOUR_MS - 1, HOUR_MS // 2, EVIDENCE_AGE_MAX_MS], count)
    return np.where(generator.random(count) < 0.5, rest, generator.integers(-1_000, HOUR_MS, count)) + hours * HOUR_MS


def markets(generator: np.random.Generator, count: int) -> tuple[Any, NDArray[np.int64]]:
    """Markets within their hour, and the times to accrue them to; some at a guard, some that no program writes."""
    rows = np.zeros(count, MARKET)
    rows["discriminator"] = np.frombuffer(DISCRIMINATORS["Market"], np.uint8)
    hour = START_MS // HOUR_MS * HOUR_MS
    rows["funding_hour_ms"] = hour
    since = generator.choice([0, 1, HOUR_MS - 1, 1_234_567], count)
    rows["accrued_ms"] = hour + since
    rows["premium_ms"] = since
    limit = np.where(generator.random(count) < 0.1, MAX_RATE_E9, 3_000_000)
    for name in ("premium_e9", "funding_rate_e9"):
        rows[name] = generator.integers(-limit, limit + 1)
    set_wide(rows["premium_sum"], (rows["premium_e9"] // 2 * since).tolist())
    rows["index_price_q32"] = generator.integers(0, 1 << 62, count) >> generator.integers(0, 50, count)
    rows["index_price_q32"][::17] = 0
    rows["a"] = np.where(generator.random((count, 2)) < 0.4, ONE, generator.integers(0, ONE, (count, 2)))
    for side in (0, 1):
        set_wide(rows["j"][:, side], generator.integers(-(1 << 62), 1 << 62, count).tolist())
    set_wide(rows["funding_remainder"], generator.integers(0, FUNDING_DIVISOR, count).tolist())
    set_wide(rows["funding_total"], generator.integers(-(1 << 62), 1 << 62, count).tolist())
    evidence = rows["evidence"]
    evidence["order_id"] = generator.random((count, 2)) < 0.8
    evidence["shown_ms"] = hour + since[:, None] - generator.integers(0, 2 * EVIDENCE_AGE_MAX_MS, (count, 2))
    evidence["shown_ms"] += HOUR_MS * (generator.random((count, 2)) < 0.2)
    rows["mark_price_q32"] = generator.integers(1, 1 << 62, count)
    rows["hourly_mark_q32"] = np.arange(1, 25)
    rows["terms"]["tier_ratio_bps"][:, 0] = generator.choice([100, 250, 501, 1_000, 10_000, 65_535], count)
    rows["terms"]["interest_rate_e9"] = generator.choice(
        [0, 100_000, 99_999, 4_000_000_000], count, p=[0.3, 0.5, 0.1, 0.1]
    )
    spoil(rows)
    return rows, rows["accrued_ms"] + gaps(generator, count)


def spoil(rows: Any) -> None:
    """States beyond a guard, one for each refusal."""
    ends = [rows[at::61] for at in range(9)]
    set_wide(ends[0]["funding_remainder"], [FUNDING_DIVISOR] * len(ends[0]))
    set_wide(ends[1]["funding_remainder"], [1 << 64] * len(ends[1]))
    ends[2]["a"][:, 1] = ONE + 1
    ends[3]["funding_rate_e9"] = MAX_RATE_E9 + 1
    ends[4]["premium_e9"] = -MAX_RATE_E9 - 1
    ends[5]["index_price_q32"] = 1 << 62
    set_wide(ends[6]["j"][:, 0], [(1 << 85) - 1] * len(ends[6]))
    set_wide(ends[7]["premium_sum"], [(1 << 63) - 1] * len(ends[7]))
    ends[8]["funding_hour_ms"] -= 3 * HOUR_MS


def by_program(program: Path, rows: Any, times: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Any]:
    """Which markets the program accepts, and what it makes of all."""
    given = b"".join(ms.tobytes() + row.tobytes() for ms, row in zip(times, rows, strict=True))
    found = subprocess.run([program], input=given, check=True, capture_output=True).stdout
    each = np.frombuffer(found, np.dtype([("accepted", "u1"), ("after", MARKET)]))
    return each["accepted"] != 0, each["after"].copy()


def main() -> None:
    """Build, ask, write."""
    sys.path.append(str(HERE.parents[1] / "scripts"))
    from house import run, rust_environment

    environment = rust_environment("target-markets")
    run(["/usr/bin/cargo", "build", "--quiet", "--locked", "--release"], cwd=CRATE, env=environment)
    program = Path(environment["CARGO_TARGET_DIR"]) / "release" / "evertide-market-vectors"
    before, now_ms = markets(np.random.default_rng(SEED), COUNT)
    accepted, after = by_program(program, before, now_ms)
    bytes_of = {name: rows.view(np.uint8).reshape(COUNT, -1) for name, rows in (("before", before), ("after", after))}
    np.savez_compressed(FILE, now_ms=now_ms, accepted=accepted, **bytes_of)
    print(f"{COUNT} markets, {int(accepted.sum())} accepted: {FILE.name}, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
