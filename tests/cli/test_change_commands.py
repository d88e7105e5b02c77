"""Changes under the timelock, as their proposers and everybody else type them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide._localnet import Cheatcodes, RpcClient

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    yield from run_net(tmp_path_factory.mktemp("changes-net") / "net")


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def travel(console: Console, to_ms: int) -> None:
    with RpcClient(console.net["rpc_url"]) as rpc:
        Cheatcodes(rpc, slot_ms=console.net["slot_ms"]).travel_to(to_ms)


def test_parameters_are_told_without_a_network(console: Console) -> None:
    rows = console.ok("admin parameters market --rpc-url http://127.0.0.1:1")
    found = {row["name"]: row for row in rows}
    assert found["open_interest_max_lots"]["lowering_it"] == "instant"
    assert found["tier_ratio_bps.0"]["raising_it"] == "ramped"
    assert "band_bps" in console.shown("admin parameters")


def test_a_change_waits_and_anyone_executes_it(console: Console, tmp_path: Path) -> None:
    console.price()
    instant = console.ok("admin propose-change open_interest_max_lots 400000000 --market BTC-PERP", "admin")
    assert instant["effect"] == "instant"
    assert console.ok("market show BTC-PERP")["market"]["terms"]["open_interest_max_lots"] == 400_000_000
    waiting = console.ok("admin propose-change band_bps 300 --market BTC-PERP", "admin")
    ramped = console.ok("admin propose-change tier_ratio_bps.3 2600 --market BTC-PERP", "admin")
    stopped = console.ok("admin propose-change debt_interest_bps 900", "admin")
    assert [waiting["effect"], ramped["effect"], stopped["effect"]] == ["delayed", "ramped", "delayed"]
    assert console.refused("admin propose-change band_bps 310 --market BTC-PERP")["name"] == "RoleForbids"
    early = console.refused(f"admin execute-change {waiting['number']}")
    assert (early["name"], early["right"]) == ("TimelockNotOver", waiting["executable_from_ms"])
    assert console.refused(f"admin cancel-change {waiting['number']}")["name"] == "ChangeNotYours"
    debt = console.ok("admin propose-change debt_interest_bps 800", "admin")
    console.ok(f"admin cancel-change {stopped['number']}", "admin")
    rows = {row["number"]: row for row in console.ok("admin changes")}
    assert set(rows) == {waiting["number"], ramped["number"], debt["number"]}
    assert (rows[waiting["number"]]["of"], rows[waiting["number"]]["new"]) == ("BTC-PERP", 300)
    assert len(console.ok("admin changes --all")) == len(rows) + 2
    assert "band_bps" in console.shown("admin changes")

    terms = tmp_path / "doge.toml"
    toml = console.shown("admin example-terms SOL-PERP", "oracle").replace("SOL-PERP", "DOGE-PERP")
    terms.write_text(toml)
    assert "no change that waits" in console.refused(f"admin list-market --terms {terms}", "admin", code=2)["message"]
    listing = console.ok(f"admin propose-listing market --terms {terms}", "admin")
    travel(console, listing["listable_from_ms"] + 2_000)
    console.price()
    done = console.ok(f"admin execute-change {waiting['number']}", "trader 2")
    assert (done["status"], done["now"]) == ("executed", 300)
    assert console.ok(f"admin execute-change {debt['number']}", "trader 2")["now"] == 800
    assert console.ok(f"admin execute-change {ramped['number']}", "trader 2")["status"] == "ramping"
    listed = console.ok(f"admin list-market --terms {terms}", "admin")
    assert console.ok("market list")[-1]["symbol"] == "DOGE-PERP"
    assert console.refused("admin advance-season --market DOGE-PERP")["name"] == "SeasonNotDue"
    assert listed["index"] == 3

    travel(console, listing["listable_from_ms"] + 90_000_000)
    console.price()
    assert console.ok(f"admin apply-ramp {ramped['number']}")["now"] == 2_600
    assert console.refused(f"admin apply-ramp {ramped['number']}")["name"] == "ChangeNotRamping"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("admin parameters planet", "found 'planet'"),
        ("admin propose-change band 300 --market BTC-PERP", "has no parameter 'band'"),
        ("admin propose-change band_bps 300 --market BTC-PERP --asset USDC", "not both"),
        ("admin propose-change band_bps 9 --market BTC-PERP", "least value 10"),
        ("admin propose-change band_bps wide --market BTC-PERP", "whole number"),
        ("admin propose-change oracle.account nobody --market BTC-PERP", "nobody"),
        ("admin propose-listing planet --terms none.toml", "found 'planet'"),
        ("admin propose-listing collateral --terms none.toml", "--mint"),
        ("admin propose-listing market --terms none.toml", "cannot read terms file"),
        ("admin advance-season", "name --market or --asset"),
        ("admin execute-change x", "number"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule, "admin")


def test_what_is_not_there(console: Console) -> None:
    assert "ParamChange" in console.refused("admin execute-change 999")["message"]
