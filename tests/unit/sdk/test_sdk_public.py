"""The package's face: lazy, complete, and light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import evertide

PACKAGE = Path(evertide.__file__).parent


def test_every_public_name_can_be_had() -> None:
    for name in dir(evertide):
        assert getattr(evertide, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = evertide.nonsense


def test_what_type_checkers_see_is_what_runs() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.asname or alias.name
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name != "*"
    }
    listed = set(evertide._PLACES)
    assert listed <= declared
    assert all(hasattr(evertide, name) for name in declared)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "('anchorpy', 'numpy', 'httpx', 'solders', 'numba')"
    code = f"import evertide, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_only_one_module_imports_anchorpy_and_only_arrays_need_numpy() -> None:
    users = [path.name for path in PACKAGE.rglob("*.py") if "from anchorpy" in path.read_text()]
    assert users == ["_program.py"]
    uses = "evertide.EvertideClient, evertide.instructions, evertide.decode_many"
    code = f"import evertide, sys; {uses}; print('anchorpy' in sys.modules, 'numpy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
