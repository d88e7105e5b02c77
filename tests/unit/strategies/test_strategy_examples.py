"""The examples that need no network run as their pages say, and say what they should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
#: Arguments, and what must have been printed, as patterns in order.
OFFLINE = {
    "07_write_a_strategy.py": (
        ["--minutes", "3"],
        [
            r"181 steps, [1-9]\d* fills: [1-9]\d* lots bought, \d+ sold",
            r"profit -?\d+\.\d+ USDC after \d+\.\d+ USDC of fees",
            r"largest position [1-5]00 lots",
            r"decisions [0-9a-f]{16}:",
        ],
    ),
    "08_three_strategies.py": (
        ["--minutes", "70"],
        [
            r"maker +[1-9]\d* fills  profit +-?\d+\.\d{6} USDC",
            r"BTC-PERP: (\d+) of \1 as maker",
            r"momentum +[1-9]\d* fills",
            r"BTC-PERP: 0 of",
            r"arbitrage +[1-9]\d* fills",
            r"BTC-PERP: 0 of .*ETH-PERP: 0 of",
        ],
    ),
}


@pytest.mark.parametrize("name", sorted(OFFLINE))
def test_an_example_runs_without_a_network(name: str) -> None:
    words, patterns = OFFLINE[name]
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert re.search(".*".join(patterns), done.stdout, re.DOTALL), done.stdout


def test_the_same_seed_prints_the_same() -> None:
    command = [sys.executable, str(EXAMPLES / "07_write_a_strategy.py"), "--minutes", "1", "--seed", "4"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second != ""
