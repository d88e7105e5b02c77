"""The Python twin and `evertide-math` agree on every vector, errors included.

`vectors.bin` is committed. Ten times as many are exported from the crate as it stands and checked too;
`EVERTIDE_VECTOR_COUNT` and `EVERTIDE_VECTOR_SEED` change how many, and which.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from twin import TWIN
from vectors import COMMITTED, Vector, VectorFile

from evertide import math

ROOT = Path(__file__).parents[2]
COUNT = int(os.environ.get("EVERTIDE_VECTOR_COUNT", "1000000"))
SEED = int(os.environ.get("EVERTIDE_VECTOR_SEED", "20220120"))


def answer(vector: Vector) -> tuple[int, tuple[int, ...]]:
    """What the twin says to a vector: the error's code, or 0 and the outputs."""
    try:
        return 0, TWIN[vector.function](*vector.inputs)
    except math.MathError as error:
        return error.code, ()


def disagreements(file: VectorFile) -> list[str]:
    """The vectors on which twin and file differ, as text."""
    found = []
    for vector in file:
        given = answer(vector)
        if given != (vector.error, vector.outputs):
            found.append(f"{vector} but the twin says {given}")
    return found


def export(name: str, path: Path, *arguments: str) -> Path:
    """Run an example of the crate that writes `path`."""
    cargo = "/usr/bin/cargo" if Path("/usr/bin/cargo").exists() else shutil.which("cargo")
    assert cargo is not None, "cargo is needed to export vectors; scripts/setup installs it"
    command = [cargo, "run", "--quiet", "--release", "--package", "evertide-math", "--example", name, "--"]
    environment = dict(os.environ)
    environment.setdefault("CARGO_TARGET_DIR", str(Path.home() / ".cache" / "evertide" / "target"))
    environment["PATH"] = f"{Path(cargo).parent}:{environment['PATH']}"
    subprocess.run([*command, *arguments, str(path)], cwd=ROOT, env=environment, check=True)
    return path


@pytest.fixture(scope="module")
def committed() -> VectorFile:
    return VectorFile(COMMITTED)


def test_every_function_of_the_file_has_a_twin(committed: VectorFile) -> None:
    assert {function.name for function in committed.functions} == set(TWIN)


def test_the_committed_vectors_agree(committed: VectorFile) -> None:
    assert committed.count >= 100_000
    assert disagreements(committed) == []


@pytest.mark.slow
def test_a_million_fresh_vectors_agree(tmp_path: Path) -> None:
    file = VectorFile(export("export_vectors", tmp_path / "fresh.bin", str(COUNT), str(SEED)))
    assert (file.count, file.seed) == (COUNT, SEED)
    assert disagreements(file) == []


def test_the_vectors_reach_both_results_and_errors(committed: VectorFile) -> None:
    """Hundreds of good results per function, and each error code somewhere: no stratum is empty."""
    good: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    for vector in committed:
        if vector.error:
            codes[vector.error] += 1
        else:
            good[vector.function] += 1
    assert min(good[name] for name in TWIN) >= 200
    assert set(codes) == {kind.code for kind in math.MathError.__subclasses__()}


def test_the_committed_vectors_are_those_of_the_crate(tmp_path: Path, committed: VectorFile) -> None:
    fresh = export("export_vectors", tmp_path / "again.bin", str(committed.count), str(committed.seed))
    assert fresh.read_bytes() == COMMITTED.read_bytes()


@pytest.mark.parametrize("package", ["sdk/evertide/_generated", "engine/evertide_engine/_generated"])
def test_the_generated_constants_are_those_of_the_crate(tmp_path: Path, package: str) -> None:
    fresh = export("export_constants", tmp_path / "math_constants.py")
    assert fresh.read_text() == (ROOT / package / "math_constants.py").read_text()
