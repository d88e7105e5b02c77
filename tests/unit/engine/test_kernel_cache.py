"""Compiled kernels are never those of other sources."""

from __future__ import annotations

import shutil
from pathlib import Path

import numba

from evertide_engine._kernel_cache import SOURCES, sources_digest
from evertide_engine.book_batch import run


def test_a_change_in_any_source_gives_another_folder(tmp_path: Path) -> None:
    copy = tmp_path / "engine"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert sources_digest(copy) == sources_digest()
    for path in sorted(copy.rglob("*.py")):
        text = path.read_text()
        path.write_text(text + "#\n")
        assert sources_digest(copy) != sources_digest(), path.name
        path.write_text(text)
    assert sources_digest(copy) == sources_digest()


def test_kernels_are_kept_in_the_folder_of_their_sources() -> None:
    folder = Path(numba.config.CACHE_DIR)
    assert folder.name == sources_digest()
    assert folder in Path(run.stats.cache_path).parents
