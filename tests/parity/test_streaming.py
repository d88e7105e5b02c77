"""Fewer of the vectors that `scripts/parity` asks by the million, and that it notices what differs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kernels import KERNELS
from streaming import OVERFLOW, Judgement, compare, compare_kernel, rows
from twin import TWIN

from evertide import math

PARITY = Path(__file__).parents[2] / "scripts" / "parity"
COUNT = 2_000


def test_every_formula_agrees_on_fresh_vectors() -> None:
    """Twin and kernel each answer so many vectors of each formula, and none of them differs."""
    command = [sys.executable, PARITY, "--vectors", str(COUNT), "--seed", "7", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert found["differing"] == []
    by_name = {each["formula"]: each for each in found["formulas"]}
    assert set(by_name) == set(TWIN) and set(KERNELS) <= set(TWIN)
    assert all(each["vectors"] == COUNT for each in by_name.values())
    assert all(each["kernel_vectors"] == (COUNT if name in KERNELS else 0) for name, each in by_name.items())
    refusing = [name for name, each in by_name.items() if each["refused"]]
    assert len(refusing) > 90


def test_an_unknown_formula_is_refused() -> None:
    command = [sys.executable, PARITY, "--vectors", "1", "--only", "no_such_formula"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "no formula is called no_such_formula" in run.stderr


def test_numbers_of_every_width_are_read() -> None:
    numbers = [[0, -1, 1 << 63, -(1 << 127)], [3, (1 << 127) - 1, -(1 << 64), (1 << 64) - 1]]
    data = b"".join(value.to_bytes(16, "little", signed=True) for row in numbers for value in row)
    assert rows(np.frombuffer(data, "<i8").reshape(2, 4, 2)) == numbers
    narrow = [[0, -1, (1 << 63) - 1, -(1 << 63)]]
    data = b"".join(value.to_bytes(16, "little", signed=True) for value in narrow[0])
    assert rows(np.frombuffer(data, "<i8").reshape(1, 4, 2)) == narrow


# Status, three inputs, one output of `mul_div_floor`: 7 * 5 // 2, a division by zero, a result beyond 64 bits.
VECTORS = [[0, 7, 5, 2, 17], [3, 1, 1, 0, 0], [OVERFLOW, 1 << 63, 4, 1, 0]]


def test_a_twin_that_differs_is_noticed() -> None:
    true = Judgement("mul_div_floor")
    compare(true, VECTORS, 3, TWIN["mul_div_floor"])
    assert (true.vectors, dict(true.refused), true.differences) == (3, {3: 1, OVERFLOW: 1}, [])

    def wrong_error(*_: int) -> tuple[int, ...]:
        raise math.OutOfRangeError("not what is wrong", value=1)

    for answers, wrong in ((lambda *_: (18,), 3), (lambda *_: (17,), 2), (wrong_error, 3)):
        judgement = Judgement("mul_div_floor")
        compare(judgement, VECTORS, 3, answers)
        assert len(judgement.differences) == wrong


def test_a_kernel_that_differs_is_noticed_and_not_asked_what_no_account_holds() -> None:
    true = Judgement("mul_div_floor")
    compare_kernel(true, VECTORS, 3, KERNELS["mul_div_floor"], 10)
    assert (true.kernel_asked, true.kernel_refused, true.differences) == (2, 1, [])
    for answers, wrong in ((lambda *_: (17,), 1), (lambda *_: None, 1), (lambda *_: (0,), 2)):
        judgement = Judgement("mul_div_floor")
        compare_kernel(judgement, VECTORS, 3, answers, 10)
        assert len(judgement.differences) == wrong
    enough = Judgement("mul_div_floor")
    compare_kernel(enough, VECTORS, 3, KERNELS["mul_div_floor"], 1)
    assert enough.kernel_asked == 1


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_every_kernel_has_a_twin(name: str) -> None:
    assert name in TWIN
