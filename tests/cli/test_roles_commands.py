"""Roles, gates, pauses and statuses, as their holders type them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide import constants
from evertide._localnet import Cheatcodes, RpcClient

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("roles-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def travel(console: Console, to_ms: int) -> None:
    with RpcClient(console.net["rpc_url"]) as rpc:
        Cheatcodes(rpc, slot_ms=console.net["slot_ms"]).travel_to(to_ms)


def gate(console: Console, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in console.ok("admin roles")["gates"] if row["gate"] == name)
    return found


def test_a_pause_ends_and_is_lifted(console: Console) -> None:
    said = console.ok("admin pause", "admin")
    view = console.ok("admin roles")["pause"]
    assert (view["running"], view["end_ms"]) == (True, said["end_ms"])
    assert console.refused("admin pause", "admin")["name"] == "PauseRunning"
    assert console.refused("admin lift-pause", "trader 1")["name"] == "PauseNotOver"
    travel(console, said["end_ms"])
    assert console.ok("admin roles")["pause"]["running"] is False
    console.ok("admin lift-pause", "trader 1")
    assert console.refused("admin pause", "trader 1")["name"] == "RoleForbids"
    assert "guardian" in console.shown("admin roles")


def test_a_gate_closes_at_once_and_opens_after_its_time(console: Console) -> None:
    console.ok("admin gate-disable create-user", "admin")
    assert gate(console, "create-user")["closed"] is True
    assert console.refused("account create --sub-id 9")["name"] == "GateClosed"
    asked = console.ok("admin gate-enable create-user", "admin")
    assert asked["open"] is False
    assert gate(console, "create-user")["can_open_from_ms"] == asked["can_open_from_ms"]
    early = console.refused("admin gate-enable create-user", "trader 1")
    assert (early["name"], early["right"]) == ("TimelockNotOver", asked["can_open_from_ms"])
    console.ok(f"admin name-successor risk {console.ok('account addresses')['authority']}", "admin")
    travel(console, asked["can_open_from_ms"] + 2_000)
    assert console.ok("admin gate-enable create-user", "trader 1")["open"] is True
    console.ok("account create --sub-id 9")
    console.ok("admin claim-role risk")
    rows = {row["role"]: row for row in console.ok("admin roles")["roles"]}
    assert rows["risk"]["holder"] == console.ok("account addresses")["authority"] != rows["root"]["holder"]
    assert console.ok("admin set-market-status SOL-PERP", "trader 1")["status"] == "reduce-only"
    assert console.refused("admin set-market-status SOL-PERP")["name"] == "StatusNotTighter"


def test_a_successor_is_withdrawn_and_exports_are_for_the_holder(console: Console, tmp_path: Path) -> None:
    heir = console.ok("account addresses", "trader 2")["authority"]
    said = console.ok(f"admin name-successor treasury {heir}", "admin")
    assert said["successor"] == heir
    row = console.ok("admin roles")["roles"][3]
    assert row["claimable_until_ms"] - row["claimable_from_ms"] == constants.TIMELOCK_WINDOW_MS - 1
    file = tmp_path / "claim.json"
    exported = console.ok(f"admin claim-role treasury --export-unsigned {file}", "trader 1")
    assert exported["signers"] == [heir]
    assert "TimelockNotOver" in exported["simulated"]
    assert json.loads(file.read_text())["instructions"][0]["arguments"] == {"role": 3}
    pausing = tmp_path / "pause.json"
    root = console.ok("admin roles")["roles"][0]["holder"]
    assert console.ok(f"admin pause --role root --export-unsigned {pausing}")["signers"] == [root]
    console.ok("admin name-successor treasury --withdraw", "admin")
    assert console.ok("admin roles")["roles"][3]["successor"] is None
    assert console.refused("admin claim-role treasury", "trader 2")["name"] == "SuccessorMissing"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("admin gate-disable doors", "found 'doors'"),
        ("admin gate-enable", "Missing argument"),
        ("admin name-successor king 11111111111111111111111111111111", "found 'king'"),
        ("admin name-successor risk", "name a successor, or --withdraw"),
        ("admin name-successor risk nobody", "SUCCESSOR"),
        ("admin claim-role nobody", "found 'nobody'"),
        ("admin set-market-status BTC-PERP halted", "only reduce-only is instant"),
        ("admin pause --role guardian", "--role needs --export-unsigned"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule, "admin")
