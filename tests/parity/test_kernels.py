"""The numba kernels agree with `evertide-math` to the last unit, and refuse where its result does not fit.

An input outside its guard cannot come out of a decoded account, and each kernel's fields are typed; those
vectors belong to the twin alone. What a kernel is asked, it must answer as the crate does.
"""

from __future__ import annotations

import pytest
from kernels import KERNELS, in_domain
from vectors import COMMITTED, Vector, VectorFile

from evertide import math

OVERFLOW = math.MathOverflowError.code


@pytest.fixture(scope="module")
def by_function() -> dict[str, list[Vector]]:
    vectors: dict[str, list[Vector]] = {}
    for vector in VectorFile(COMMITTED):
        if vector.error in (0, OVERFLOW) and in_domain(vector.function, vector.inputs):
            vectors.setdefault(vector.function, []).append(vector)
    return vectors


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_answers_as_the_crate(name: str, by_function: dict[str, list[Vector]]) -> None:
    """F-24: extremes, negatives and overflows included."""
    asked, wrong = 0, []
    for vector in by_function[name]:
        given = KERNELS[name](*vector.inputs)
        asked += 1
        if given != (None if vector.error else vector.outputs):
            wrong.append(f"{vector} but the kernel says {given}")
    assert wrong == []
    assert asked >= 200
