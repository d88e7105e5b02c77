"""Every formula of the crate against the Python twin and the numba kernels; `scripts/parity` runs it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kernels import KERNELS
from streaming import Judgement, formulas, judge

from evertide import math

NAMES = {kind.code: kind.__name__.removesuffix("Error") for kind in math.MathError.__subclasses__()}


def report(judgement: Judgement) -> dict[str, Any]:
    """One formula's counts."""
    return {
        "formula": judgement.formula,
        "vectors": judgement.vectors,
        "refused": {NAMES[code]: count for code, count in sorted(judgement.refused.items())},
        "kernel_vectors": judgement.kernel_asked,
        "kernel_overflows": judgement.kernel_refused,
        "differences": judgement.differences,
    }


def line(found: dict[str, Any]) -> str:
    """One formula's counts as text."""
    refused = ", ".join(f"{name} {count:,}" for name, count in found["refused"].items()) or "none"
    kernel = f"{found['kernel_vectors']:,}" if found["kernel_vectors"] else "-"
    verdict = "DIFFERS" if found["differences"] else "ok"
    return f"{found['formula']:<26}{verdict:>8}{found['vectors']:>12,}{kernel:>12}  {refused}"


def main() -> int:
    """Judge the formulas and print a line for each; 1 when any answer differs."""
    parser = argparse.ArgumentParser(prog="scripts/parity")
    parser.add_argument("program", type=Path)
    parser.add_argument("--vectors", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--only", action="append")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    table = formulas(given.program)
    unknown = sorted(set(given.only or ()) - {formula.name for formula in table})
    if unknown:
        parser.error(f"no formula is called {', '.join(unknown)}")
    chosen = [formula for formula in table if not given.only or formula.name in given.only]
    began, found = time.monotonic(), []
    if not given.json:
        print(f"{'formula':<26}{'':>8}{'rust=python':>12}{'rust=numba':>12}  refused by the crate", flush=True)
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        # The seed of a formula is its own, so that one run alone asks what all together ask.
        tasks = [
            pool.submit(judge, given.program, formula, given.vectors, given.seed + table.index(formula))
            for formula in chosen
        ]
        for task in as_completed(tasks):
            found.append(report(task.result()))
            if not given.json:
                print(line(found[-1]), flush=True)
                for difference in found[-1]["differences"]:
                    print(f"    {difference}", flush=True)
    return summary(found, given.seed, time.monotonic() - began, given.json)


def summary(found: list[dict[str, Any]], seed: int, seconds: float, as_json: bool) -> int:
    """The last line, or everything as one object."""
    asked, wrong = sum(each["vectors"] for each in found), [each["formula"] for each in found if each["differences"]]
    kernel = sum(each["kernel_vectors"] for each in found)
    kernels = sum(each["formula"] in KERNELS for each in found)
    if as_json:
        print(json.dumps({"seed": seed, "seconds": round(seconds, 1), "differing": wrong, "formulas": found}))
    else:
        print(
            f"{len(found)} formulas, {asked:,} vectors: Rust = Python; {kernels} of them, {kernel:,} vectors: "
            f"Rust = numba; {len(wrong)} formulas differ; seed {seed}, {seconds:.0f} s"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
