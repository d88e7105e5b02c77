"""The documents name files, functions, offsets and tests: each of them is there, and every class has its row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from evertide_engine.layouts import MARKET, ORDERS, USER

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
# Short names that the pages explain at their top.
SHORT = {
    "vm/": "programs/evertide-vm-tests/tests/program/",
    "machine/": "programs/evertide-vm-tests/src/machine/",
    "host/": "programs/evertide/tests/engine/",
    "math/": "programs/evertide-math/tests/",
    "src/": "programs/evertide/src/",
}
PAGES = ("data-path.md", "invariants.md", "threats.md")
REFERENCE = re.compile(r"`([\w./-]+\.(?:rs|py))(?:::(\w+))?`")
OFFSET = re.compile(r"`(Orders|User|Market|Position|Order)\.(\w+)` at (\d+)")
LAYOUTS = {
    "Orders": ORDERS,
    "User": USER,
    "Market": MARKET,
    "Position": USER["positions"].base,
    "Order": ORDERS["orders"].base,
}


def located(name: str) -> Path:
    """The file behind a name of a page."""
    for short, whole in SHORT.items():
        if name.startswith(short):
            return ROOT / (whole + name.removeprefix(short))
    return ROOT / name


def body_of(text: str, name: str) -> str | None:
    """A definition with the comments above it, up to the next one of its kind; None when there is none."""
    start = re.search(
        rf"^((?:[ \t]*(?:///|#|@).*\n)*)[ \t]*(?:pub(?:\(\w+\))? )?(?:async |const )*"
        rf"(?:fn|def|class|struct|enum) {name}\b",
        text,
        re.M,
    )
    if start is None:
        return None
    after = re.search(r"^[ \t]*(?:pub(?:\(\w+\))? )?(?:async |const )*(?:fn|def|class) \w", text[start.end() :], re.M)
    return text[start.start() : start.end() + (after.start() if after else len(text))]


def rows(page: str, letter: str) -> dict[str, str]:
    """Rows of a page's tables by the number in their first column."""
    found = re.findall(rf"^\| {letter}-(\d\d) \|(.*)\|$", (DOCS / page).read_text(), re.M)
    assert len(found) == len(dict(found)), f"{page}: a number twice"
    return dict(found)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    references = REFERENCE.findall((DOCS / page).read_text())
    assert len(references) >= 20
    missing = []
    for name, definition in references:
        path = located(name)
        if not path.is_file() or (definition and body_of(path.read_text(), definition) is None):
            missing.append(f"{name}::{definition}")
    assert missing == []


def test_offsets_are_those_of_the_accounts() -> None:
    found = OFFSET.findall((DOCS / "data-path.md").read_text())
    assert len(found) >= 15
    for account, field, offset in found:
        dtype: np.dtype[np.void] = LAYOUTS[account]
        assert dtype.fields is not None
        assert (account, field, dtype.fields[field][1]) == (account, field, int(offset))


@pytest.mark.parametrize(
    ("page", "letter", "count"), [("invariants.md", "I", 28), ("threats.md", "V", 40), ("threats.md", "F", 35)]
)
def test_every_class_has_one_row_that_names_a_test_or_says_why_not(page: str, letter: str, count: int) -> None:
    table = rows(page, letter)
    assert list(table) == [f"{number:02}" for number in range(1, count + 1)]
    for number, row in table.items():
        last = row.split("|")[-1]
        said = re.search(r"[Nn]ot yet|[Dd]oes not apply|[Nn]o test", last)
        assert REFERENCE.search(last) or said, f"{letter}-{number} names no test and gives no reason"


def test_each_test_of_a_fault_names_the_fault() -> None:
    silent = []
    for number, row in rows("threats.md", "F").items():
        for name, definition in REFERENCE.findall(row.split("|")[-1]):
            if name.endswith(".py") and f"F-{number}" not in (body_of(located(name).read_text(), definition) or ""):
                silent.append(f"F-{number}: {name}::{definition}")
    assert silent == []
