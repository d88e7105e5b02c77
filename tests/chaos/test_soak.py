"""Two minutes of the soak: every kind of trouble comes, and everything holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = 7


@pytest.mark.slow
def test_two_minutes_meet_every_kind_of_trouble_and_everything_holds(tmp_path: Path) -> None:
    report = tmp_path / "soak.json"
    words = ["--hours", "0.034", "--seed", str(SEED), "--json", str(report)]
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "soak", *words], capture_output=True, text=True, check=False, timeout=1_500
    )
    assert ended.returncode == 0, ended.stdout[-6_000:] + ended.stderr[-4_000:]
    found = json.loads(report.read_text())
    assert found["held"] and found["never_fired"] == [] and len(found["verdicts"]) > 80
    assert all(kind["fired"] for kind in found["faults"].values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hours", "0"], "--hours must be at least"),
        (["--hours", "nan"], "--hours must be at least"),
        (["--hours", "1", "--seed", "-1"], "--seed must be zero or more"),
        (["--hours", "1", "--json", "/nowhere/at/all.json"], "its folder does not exist"),
    ],
)
def test_wrong_words_are_refused_at_once(words: list[str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "soak", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2 and said in ended.stderr
