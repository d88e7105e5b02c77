"""The generators refuse what they cannot write truthfully."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
emit_constants = importlib.import_module("emit_constants")
emit_layouts = importlib.import_module("emit_layouts")
idl_to_legacy = importlib.import_module("idl_to_legacy")


@pytest.fixture
def idl() -> dict[str, Any]:
    return dict(json.loads((ROOT / "idl" / "evertide.json").read_text()))


@pytest.fixture
def layouts() -> dict[str, Any]:
    return dict(json.loads((ROOT / "idl" / "layouts.json").read_text()))


def test_the_legacy_idl_is_what_anchorpy_reads(idl: dict[str, Any]) -> None:
    from anchorpy_core.idl import Idl

    parsed = Idl.from_json((ROOT / "idl" / "evertide.legacy.json").read_text())
    assert [item.name for item in parsed.instructions] == [item["name"] for item in idl["instructions"]]
    assert {item.name for item in parsed.accounts} == {item["name"] for item in idl["accounts"]}
    assert {item.code for item in parsed.errors} == {item["code"] for item in idl["errors"]}


@pytest.mark.parametrize("kind", ["instructions", "accounts", "events"])
def test_a_discriminator_of_its_own_is_refused(idl: dict[str, Any], kind: str) -> None:
    changed = copy.deepcopy(idl)
    changed[kind][0]["discriminator"][0] ^= 1
    with pytest.raises(idl_to_legacy.LegacyIdlError, match=changed[kind][0]["name"]):
        idl_to_legacy.convert(changed)


@pytest.mark.parametrize("name", ["_padding", "updateTwap", "twap1_Hour"])
def test_a_name_that_would_change_is_refused(idl: dict[str, Any], name: str) -> None:
    changed = copy.deepcopy(idl)
    next(entry for entry in changed["types"] if entry["type"]["kind"] == "struct")["type"]["fields"][0]["name"] = name
    with pytest.raises(idl_to_legacy.LegacyIdlError, match="change of case"):
        idl_to_legacy.convert(changed)


def test_dtypes_have_the_sizes_and_offsets_of_rust(layouts: dict[str, Any]) -> None:
    module: dict[str, Any] = {}
    exec(emit_layouts.emit(layouts), module)
    for name, layout in layouts["accounts"].items():
        dtype = module["ACCOUNTS"][name]
        assert dtype.itemsize == layout["size"]
        assert {field["name"]: field["offset"] for field in layout["fields"]} == {
            field: dtype.fields[field][1] for field in dtype.names if field != "discriminator"
        }
        assert module["DISCRIMINATORS"][name] == bytes(layout["discriminator"])


def test_a_gap_and_an_unknown_type_are_refused(layouts: dict[str, Any]) -> None:
    gap = copy.deepcopy(layouts)
    gap["accounts"]["User"]["fields"][3]["offset"] += 1
    with pytest.raises(emit_layouts.LayoutFileError, match="the field before ends at"):
        emit_layouts.emit(gap)
    unknown = copy.deepcopy(layouts)
    unknown["accounts"]["User"]["fields"][0]["type"] = "u7"
    with pytest.raises(emit_layouts.LayoutFileError, match="unknown type 'u7'"):
        emit_layouts.emit(unknown)


def test_nested_arrays_and_wide_integers() -> None:
    structs = {"Row": {"size": 20, "fields": [{"name": "cells", "offset": 0, "type": "[[u16; 2]; 5]"}]}}
    fields = [{"name": "rows", "offset": 8, "type": "[Row; 2]"}, {"name": "sum", "offset": 48, "type": "i128"}]
    account = {"size": 64, "discriminator": [1] * 8, "fields": fields}
    module: dict[str, Any] = {}
    exec(emit_layouts.emit({"structs": structs, "accounts": {"Table": account}}), module)
    table = np.zeros(1, dtype=module["TABLE"])
    assert table["rows"]["cells"].shape == (1, 2, 5, 2)
    assert table["sum"].dtype.names == ("low", "high")


def write_sources(root: Path, text: str) -> Path:
    for crate in emit_constants.CRATES:
        (root / crate).mkdir(parents=True)
    (root / emit_constants.CRATES[0] / "lib.rs").write_text(text)
    return root


def test_constants_are_read_with_their_names_and_values(tmp_path: Path) -> None:
    text = (
        "/// Half.\npub const HALF: u64 = WHOLE / 2;\npub const WHOLE: u64 = 1 << 10;\n"
        'pub mod seeds {\n    pub const USER: &[u8] = b"user";\n}\n'
        "#[repr(u8)]\npub enum Side {\n    /// Buys.\n    Bid = 0,\n    AskSide = 1,\n}\n"
    )
    module: dict[str, Any] = {"__name__": "emitted"}
    exec(emit_constants.emit(write_sources(tmp_path, text), "id"), module)
    assert (module["WHOLE"], module["HALF"], module["SEED_USER"]) == (1024, 512, b"user")
    assert [(each.name, each.value) for each in module["Side"]] == [("BID", 0), ("ASK_SIDE", 1)]


def test_a_public_constant_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(emit_constants.ConstantError, match="ODD = compute"):
        emit_constants.read_constants(write_sources(tmp_path, "pub const ODD: u64 = compute(3);\n"))


def test_one_name_with_two_values_is_refused(tmp_path: Path) -> None:
    root = write_sources(tmp_path, "pub const SAME: u64 = 1;\n")
    (root / emit_constants.CRATES[1] / "lib.rs").write_text("pub const SAME: u64 = 2;\n")
    with pytest.raises(emit_constants.ConstantError, match="SAME is declared twice"):
        emit_constants.read_constants(root)
