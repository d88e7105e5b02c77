"""`evertide engine warm`: compiles everything once, says so, and finds it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNCOMPILED = """
import importlib, pkgutil
from numba.core.dispatcher import Dispatcher
import evertide_engine
names = [found.name for found in pkgutil.walk_packages(evertide_engine.__path__, "evertide_engine.")]
modules = [importlib.import_module(name) for name in names]
from evertide_engine.warming import warm_all
warm_all()
kernels = {(module.__name__, name): kernel for module in modules for name, kernel in vars(module).items()
           if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == module.__name__}
assert len(kernels) > 150
# Exact products are compiled with whoever uses them; some wait for a user outside the tests.
kernels = {place: kernel for place, kernel in kernels.items() if place[0] != "evertide_engine.wide"}
print([name for name, kernel in kernels.items() if not kernel.signatures])
"""


def warm(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: other tests have compiled kernels in this one."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **variables}
    command = [sys.executable, "-m", "evertide_cli.main", "engine", "warm", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.slow
def test_warm_compiles_every_kernel_once_and_finds_them_again(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", UNCOMPILED]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == "[]", "kernels that no step of the warm-up needs"
    again = warm(tmp_path, "--json")
    told = json.loads(again.stdout)
    assert again.returncode == 0 and again.stderr == ""
    assert told["compiled"] == 0 and told["cache"] == str(tmp_path)
    assert sum(step["compiled"] for step in told["steps"]) == 0 and len(told["steps"]) >= 4


def test_warm_shows_what_it_did_and_refuses_without_a_compiler(tmp_path: Path) -> None:
    folder = Path(os.environ.get("EVERTIDE_CACHE") or Path.home() / ".cache" / "evertide").expanduser()
    from evertide_engine._kernel_cache import sources_digest

    shown = warm(folder / "kernels" / sources_digest())
    assert shown.returncode == 0, shown.stderr
    assert "price-time book" in shown.stdout and sources_digest() in shown.stdout
    refused = warm(tmp_path, "--json", NUMBA_DISABLE_JIT="1")
    assert refused.returncode == 1 and refused.stdout == ""
    assert json.loads(refused.stderr)["error"]["rule"] == "NUMBA_DISABLE_JIT"
