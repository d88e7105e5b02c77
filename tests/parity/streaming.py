"""Any number of vectors of one formula, streamed from the crate: the twin's and the kernel's answers beside its own.

Nothing is kept on disk. `stream_vectors` (its format: `stream_vectors/src/main.rs`) draws inputs near every guard, at
powers of two, at the points of the tiers and of ordinary size, and answers them; each chunk is compared and dropped.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from kernels import KERNELS, in_domain
from numpy.typing import NDArray
from twin import TWIN
from vectors import VectorFunction

from evertide import math

CHUNK = 1 << 14
NUMBER_BYTES = 16
DRAWN_MOST = 40
"""Times the wanted vectors after which a formula whose kernel could not be asked often enough fails."""
SHOWN_MOST = 5
OVERFLOW = math.MathOverflowError.code
Numbers = tuple[int, ...]


@dataclass(slots=True)
class Judgement:
    """What was asked of one formula, and where the answers differ."""

    formula: str
    vectors: int = 0
    """Vectors that crate and twin both answered."""
    refused: Counter[int] = field(default_factory=Counter)
    """Of these, how many the crate refused, by the code of its error."""
    kernel_asked: int = 0
    """Of these, how many the numba kernel was asked; 0 where it has none."""
    kernel_refused: int = 0
    """Of these, how many did not fit its result."""
    differences: list[str] = field(default_factory=list)


def formulas(program: Path) -> list[VectorFunction]:
    """Every formula of the crate."""
    listed = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return [VectorFunction(name, int(given), int(found)) for name, given, found in map(str.split, listed)]


def chunks(program: Path, formula: VectorFunction, count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Arrays of shape `(vectors, numbers, 2)`: low and high word of status, inputs and outputs."""
    numbers = 1 + formula.inputs + formula.outputs
    command = [str(program), formula.name, str(count), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            while data := process.stdout.read(CHUNK * numbers * NUMBER_BYTES):
                yield np.frombuffer(data, "<i8").reshape(-1, numbers, 2)
        finally:
            process.stdout.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")


def rows(chunk: NDArray[np.int64]) -> list[list[int]]:
    """The numbers of a chunk as Python integers, a list for each vector."""
    low, high = chunk[:, :, 0], chunk[:, :, 1]
    if np.array_equal(high, low >> 63):
        found: list[list[int]] = low.tolist()
        return found
    wide: list[list[int]] = ((high.astype(object) << 64) + low.view(np.uint64).astype(object)).tolist()
    return wide


def compare(judgement: Judgement, chunk: list[list[int]], inputs: int, answers: Callable[..., Numbers]) -> None:
    """Hold the twin's answers, errors included, against the crate's."""
    for row in chunk:
        status, given, results = row[0], row[1 : 1 + inputs], tuple(row[1 + inputs :])
        try:
            found: Numbers | int = answers(*given)
        except math.MathError as error:
            found = error.code
        judgement.vectors += 1
        if status:
            judgement.refused[status] += 1
        if found != (status or results):
            _note(judgement, f"twin: {given}: {found}, the crate {status or results}")


def compare_kernel(
    judgement: Judgement, chunk: list[list[int]], inputs: int, answers: Callable[..., Numbers | None], most: int
) -> None:
    """Hold the kernel's answers against the crate's, where a decoded account could ask it, up to `most` of them."""
    for row in chunk:
        status, given = row[0], tuple(row[1 : 1 + inputs])
        if judgement.kernel_asked >= most:
            return
        if status not in (0, OVERFLOW) or not in_domain(judgement.formula, given):
            continue
        judgement.kernel_asked += 1
        judgement.kernel_refused += status != 0
        found = answers(*given)
        if found != (None if status else tuple(row[1 + inputs :])):
            _note(judgement, f"kernel: {given}: {found}, the crate {status or row[1 + inputs :]}")


def _note(judgement: Judgement, difference: str) -> None:
    if len(judgement.differences) < SHOWN_MOST:
        judgement.differences.append(difference)


def judge(program: Path, formula: VectorFunction, count: int, seed: int) -> Judgement:
    """Ask twin and kernel the same vectors until each has answered `count` of them."""
    judgement = Judgement(formula.name)
    twin, kernel = TWIN[formula.name], KERNELS.get(formula.name)
    stream = chunks(program, formula, count * (DRAWN_MOST if kernel else 1), seed)
    for chunk in stream:
        numbers = rows(chunk)
        if judgement.vectors < count:
            compare(judgement, numbers[: count - judgement.vectors], formula.inputs, twin)
        if kernel is not None:
            compare_kernel(judgement, numbers, formula.inputs, kernel, count)
        if judgement.vectors >= count and (kernel is None or judgement.kernel_asked >= count):
            stream.close()
            break
    if kernel is not None and judgement.kernel_asked < count:
        _note(judgement, f"kernel: only {judgement.kernel_asked} of {count} vectors could be asked")
    return judgement
