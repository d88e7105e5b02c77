"""The page about keepers names every setting of every keeper with the default that the code has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from evertide_keepers import KeeperConfig
from evertide_keepers.keeper import KINDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keepers.md"


@pytest.mark.parametrize("name", list(KINDS))
def test_the_page_tells_the_settings_of(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text.split(f"\n### {name}\n")[1].split("\n### ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in section.splitlines() if line.startswith("| `")]
    expected = []
    for field in dataclasses.fields(KINDS[name].settings):
        value = getattr(KINDS[name].settings, field.name)
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        expected.append([f"`{field.name}`", shown if value or value == 0 else "none"])
    assert rows == expected


def test_the_page_tells_every_key_of_the_configuration() -> None:
    section = PAGE.with_name("running-keepers.md").read_text().split("\n## Configuration\n")[1]
    rows = {row[1].strip(): row[2].strip() for line in section.splitlines() if len(row := line.split("|")) > 3}
    words = {"program_id": "the program's", "keepers": "all"}
    fields = [field for field in dataclasses.fields(KeeperConfig) if field.name != "settings"]
    assert set(rows) - {"key", "---"} == {f"`{field.name}`" for field in fields}
    for field in fields:
        value = field.default
        shown = f"{value:,}" if isinstance(value, int) else str(value) if value else "none"
        assert rows[f"`{field.name}`"] == words.get(field.name, shown), field.name
