"""The wheel stands alone: it carries the IDL, the program and the launcher, and finds them without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import hashlib, json, evertide
from evertide import _resources as r
paths = [r.idl_path(), r.legacy_idl_path(), r.layouts_path(), r.program_path(), r.manifest_path(), r.launcher_path()]
assert all(p.is_file() for p in paths), paths
program = r.program_path().read_bytes()
assert hashlib.sha256(program).hexdigest() == json.loads(r.manifest_path().read_text())["program_sha256"]
print(evertide.__file__)
"""


@pytest.mark.slow
def test_a_wheel_in_a_clean_environment(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("evertide-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "evertide/_data/evertide.so" in names
    assert "evertide/_localnet/launcher.js" in names
    assert {name.split("/")[0] for name in names if not name.startswith("evertide-")} == {
        "evertide",
        "evertide_cli",
        "evertide_engine",
        "evertide_keepers",
    }
    clean = tmp_path / "venv"
    venv.EnvBuilder(with_pip=True).create(clean)
    python = clean / "bin" / "python"
    constraints = ROOT / "scripts" / "constraints.txt"
    install = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-c", constraints, wheel]
    subprocess.run(install, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(clean))
