"""Reads the test vectors that `evertide-math` exports.

The format is described at the head of `programs/evertide-math/examples/export_vectors/main.rs`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"EVTMVEC1"
COMMITTED = Path(__file__).with_name("vectors.bin")


@dataclass(frozen=True, slots=True)
class VectorFunction:
    """One function of the file: its name and how many numbers go in and come out."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Vector:
    """One call: `error` is 0 and `outputs` are given, or `error` is the code of the `MathError`."""

    function: str
    error: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class VectorFile:
    """A file of vectors: `seed`, `count`, `functions` by id, and iteration over every `Vector`."""

    def __init__(self, path: Path) -> None:
        self._bytes = path.read_bytes()
        if self._bytes[:8] != MAGIC:
            raise ValueError(f"{path} does not begin with {MAGIC!r}")
        self.seed, self.count, functions = struct.unpack_from("<QQH", self._bytes, 8)
        self.functions: list[VectorFunction] = []
        position = 26
        for expected in range(functions):
            number, inputs, outputs, length = struct.unpack_from("<HBBB", self._bytes, position)
            if number != expected:
                raise ValueError(f"function {number} where {expected} was due")
            position += 5
            name = self._bytes[position : position + length].decode("ascii")
            position += length
            self.functions.append(VectorFunction(name, inputs, outputs))
        self._start = position

    def __iter__(self) -> Iterator[Vector]:
        data, position = self._bytes, self._start
        for _ in range(self.count):
            function = self.functions[data[position] | data[position + 1] << 8]
            error = data[position + 2]
            position += 3
            numbers: list[int] = []
            for _ in range(function.inputs + (0 if error else function.outputs)):
                end = position + 1 + data[position]
                numbers.append(int.from_bytes(data[position + 1 : end], "little", signed=True))
                position = end
            inputs, outputs = tuple(numbers[: function.inputs]), tuple(numbers[function.inputs :])
            yield Vector(function.name, error, inputs, outputs)
        if position != len(data):
            raise ValueError(f"{len(data) - position} bytes after the last vector")
