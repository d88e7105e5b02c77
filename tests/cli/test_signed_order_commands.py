"""Signed orders on the command line: one person signs, another checks and places."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_console import Console, run_net

from evertide import SignedOrder
from evertide._localnet import Cheatcodes, RpcClient
from evertide_cli import main as entry

pytestmark = pytest.mark.localnet


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    made = run_net(tmp_path_factory.mktemp("signed-net") / "net")
    for found in made:
        # An account takes its first signed order 5 s after its creation.
        with RpcClient(found["rpc_url"]) as rpc:
            cheats = Cheatcodes(rpc, slot_ms=found["slot_ms"])
            cheats.travel_to((cheats.chain_time_s() + 10) * 1_000)
        yield found


@pytest.fixture
def console(net: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(net, capsys)


def test_one_signs_and_another_places(console: Console, tmp_path: Path) -> None:
    console.price()
    file = tmp_path / "order.json"
    words = f"order sign BTC-PERP buy 0.01 --price 45000 --tif post-only --window-s 300 --out {file}"
    said = console.ok(words)
    assert (said["market"], said["side"], said["price"]) == ("BTC-PERP", "buy", "45000.000000")
    assert console.ok("order list") == []
    (checked,) = console.ok(f"order verify {file}", "trader 2")
    assert checked["nonce_ms"] == said["nonce_ms"]
    assert "buy" in console.shown(f"order verify {file}", "trader 2")
    console.price()
    placed = console.ok(f"order submit {file}", "trader 2")
    assert len(placed["order_ids"]) == 1
    (order,) = console.ok("order list")
    assert (order["client_id"], order["side"]) == (said["nonce_ms"], "buy")
    assert console.refused(f"order submit {file}", "trader 2")["name"] == "NonceUsed"
    console.ok("order cancel --all")


def test_a_market_order_and_a_nonce_used_up(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.price()
    signed = console.ok("order sign BTC-PERP sell 0.01 --price 45500 --market-order --window-s 60")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(signed)))
    (checked,) = console.ok("order verify -", "trader 2")
    assert (checked["kind"], checked["time_in_force"], checked["side"]) == ("market", "immediate_or_cancel", "sell")
    assert console.ok(f"order cancel-nonce {checked['nonce_ms']}")["action"] == "cancel_nonce"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(signed)))
    assert console.refused("order submit -", "trader 2")["name"] == "NonceUsed"


def test_a_builder_is_signed_for(console: Console) -> None:
    words = "order sign BTC-PERP buy 0.01 --price 45000 --builder 200 --builder-fee-tenth-bps 7"
    terms = SignedOrder.from_json(json.dumps(console.ok(words))).terms
    assert (terms.builder_plus_one, terms.builder_fee_tenth_bps) == (200, 7)


def test_what_is_not_as_signed_does_not_verify(console: Console, tmp_path: Path) -> None:
    honest = console.ok("order sign BTC-PERP buy 0.01 --price 45000")
    file = tmp_path / "changed.json"
    other = console.ok("account addresses", "trader 2")["user"]
    for change, rule in (
        ({"signature": "00" * 64}, "the signature is not one of"),
        ({"user": other}, "another cluster, program, account"),
        ({"message": honest["message"][:-2] + "ff"}, "means nothing"),
    ):
        file.write_text(json.dumps(honest | change))
        assert rule in console.refused(f"order verify {file}", code=1)["message"]
        console.capsys.readouterr()
        assert entry.run(console.words(f"order submit {file}", "trader 2")) == 2
        assert rule in console.capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("order sign BTC-PERP up 0.01 --price 45000", "side must be buy or sell"),
        ("order sign BTC-PERP buy 0.01 --price 1 --builder-fee-tenth-bps 1", "--builder-fee-tenth-bps needs --builder"),
        ("order sign BTC-PERP buy 0.01", "--price"),
        ("order sign BTC-PERP buy 0.01 --price 45000 --window-s 301", "300"),
        ("order sign BTC-PERP buy 0.01 --price 45000 --market-order --window-s 61", "within 1 to 60 s"),
        ("order sign BTC-PERP buy 0.00001 --price 45000", "size"),
        ("order verify no-such-file", "cannot read no-such-file"),
        ("order submit pyproject.toml", "not the JSON of a signed order"),
        ("order cancel-nonce 0", "nonce_ms"),
    ],
)
def test_words_that_cannot_be_meant(console: Console, words: str, rule: str) -> None:
    console.misused(words, rule)
